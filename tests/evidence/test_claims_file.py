"""Mistakes in conf/claims.yaml: each is one line that says what is wrong and what is valid."""

import copy

import pytest
import yaml

from study.conf import claims_path
from study.errors import UsageError
from study.evidence.claims.decisions import DECISIONS
from study.evidence.claims.kinds import COMPARISONS
from study.evidence.claims.reading import read_claims
from study.evidence.runs import COLUMNS

EXACT, REMOVED = {"gradient": "exact"}, {"gradient": "removed"}
SCORE = {"comparison": "score", "weights": {"removed": 1, "exact": -1}, "margin": 1.1}
ESCAPE = {
    **SCORE,
    "comparison": "escape",
    "contradicted_below": 1.05,
    "distance": "initialisation.distance",
    "near": 2,
    "far": 6,
}
GAIN = {**SCORE, "comparison": "gain_by_depth", "margin": 0, "of": "excess", "tolerated": 0.2}
FLIPS = {**SCORE, "comparison": "flips", "path_within": 0.1}
CLAIM = {
    **dict.fromkeys(("question", "statement", "metric", "direction", "test", "rule"), "words"),
    "id": "X1",
    "decision": "beyond",
    "arms": {"exact": EXACT, "removed": REMOVED},
    "contrasts": {"effect": SCORE},
    "parts": [{"name": "hidden", "role": "primary", "where": {"task": "digits"}}],
}
FILE = {
    "experiment": "paper",
    "level": 0.05,
    "tasks": {"digits": {"dataset": "digits"}},
    "always": {"stage": "evaluate"},
    "claims": [CLAIM],
}


def read(tmp_path, given):
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump(given), encoding="utf-8")
    return read_claims(path)


def refused(tmp_path, given):
    with pytest.raises(UsageError) as told:
        read(tmp_path, given)
    assert "\n" not in str(told.value)
    return str(told.value)


def with_claim(**changes):
    return {**FILE, "claims": [{**CLAIM, **changes}]}


def with_part(**changes):
    return with_claim(parts=[{**CLAIM["parts"][0], **changes}])


def with_contrast(contrast, decision="beyond", /, **changes):
    kept = {key: value for key, value in {**contrast, **changes}.items() if value is not None}
    return with_claim(decision=decision, contrasts={"effect": kept})


def test_the_file_that_is_changed_here_is_sound(tmp_path):
    claims = read(tmp_path, FILE)
    assert claims.tasks == FILE["tasks"] and claims.always == FILE["always"]
    (part,) = claims.claims[0].parts
    assert part.arms == CLAIM["arms"] and part.contrasts[0].margin == 1.1
    for contrast, decision in ((ESCAPE, "threshold"), (FLIPS, "beyond"), (GAIN, "beyond")):
        read(tmp_path, with_contrast(contrast, decision))
    read(tmp_path, with_contrast(SCORE, rate="exact"))


def test_all_columns_of_the_real_file_and_each_comparison_and_decision_are_known():
    claims = read_claims(claims_path())
    parts = [part for claim in claims.claims for part in claim.parts]
    assert {part.decision for part in parts} == set(DECISIONS)
    used = {c.comparison for part in parts for c in part.contrasts}
    assert used | {"runaway"} == set(COMPARISONS)  # runaway stands beside C3, in the paper
    named = {column for part in parts for where in part.where for column in where} - {"task"}
    assert {column.partition(".")[0] for column in named} <= set(COLUMNS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"level": 5}, "level = 5 is out of range: above 0 and below 1"),
        ({"level": 0}, "level = 0 is out of range: above 0 and below 1"),
        ({"level": "abc"}, "level takes a number, not 'abc'"),
        ({"level": True}, "level takes a number, not True"),
        ({"levle": 0.1}, "'claims.yaml: levle'. Did you mean 'claims.yaml: level'?"),
        ({"experiment": ["paper"]}, "experiment takes a text, not ['paper']"),
        ({"tasks": 3}, "tasks takes keys with values, not 3"),
        ({"tasks": {"digits": 3}}, "tasks.digits takes keys with values, not 3"),
        ({"tasks": {"digits": {"datset": "digits"}}}, "column 'datset'. Did you mean 'dataset'?"),
        ({"always": "evaluate"}, "always takes keys with values, not 'evaluate'"),
        (
            {"always": {"stgae": "evaluate"}},
            "always has an unknown column 'stgae'. Did you mean 'stage'?",
        ),
        ({"always": {"task": "digits"}}, "always has an unknown column 'task'"),
        ({"claims": 3}, "claims takes a list, not 3"),
        ({"claims": ["C1"]}, "claim 1 takes keys with values, not 'C1'"),
        ({"claims": [CLAIM, CLAIM]}, "id has 'X1' twice"),
    ],
)
def test_mistakes_in_the_file(tmp_path, change, said):
    assert said in refused(tmp_path, {**FILE, **change})


@pytest.mark.parametrize("key", FILE)
def test_a_key_of_the_file_that_is_missing_is_named(tmp_path, key):
    given = {name: value for name, value in FILE.items() if name != key}
    assert refused(tmp_path, given) == f"claims.yaml: {key} is missing"


@pytest.mark.parametrize("key", ["id", "rule", "parts"])
def test_a_key_of_a_claim_that_is_missing_is_named(tmp_path, key):
    claim = {name: value for name, value in CLAIM.items() if name != key}
    assert refused(tmp_path, {**FILE, "claims": [claim]}).endswith(f": {key} is missing")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": 3}, "id takes a text, not 3"),
        ({"question": ["why"]}, "X1: question takes a text, not ['why']"),
        ({"parts": 3}, "X1: parts takes a list, not 3"),
        ({"parts": ["hidden"]}, "X1, part 1 takes keys with values, not 'hidden'"),
        ({"parts": CLAIM["parts"] * 2}, "X1: name has 'hidden' twice"),
        ({"holm": "no"}, "X1: holm takes true or false, not 'no'"),
        ({"combine": ["any"]}, "unknown X1: combine"),
        ({"arms": 3}, "arms takes keys with values, not 3"),
        ({"arms": {"exact": EXACT, "removed": 3}}, "arms.removed takes keys with values, not 3"),
        ({"arms": {"exact": EXACT, "removed": {"gradeint": "removed"}}}, "column 'gradeint'. Did"),
        ({"contrasts": [SCORE]}, "contrasts takes keys with values"),
        ({"contrasts": {"effect": "score"}}, "effect takes keys with values, not 'score'"),
        ({"contrasts": {"efect": SCORE}}, "beyond: contrast 'efect'. Did you mean 'effect'?"),
        ({"contrasts": {"effect": SCORE, "also": SCORE}}, "contrast 'also'. Valid: effect"),
        ({"contrasts": {}}, "beyond lacks the contrast effect"),
        ({"decision": "positive", "contrasts": {"effect": GAIN}}, "lacks the contrast also"),
        ({"decision": "byond"}, "decision 'byond'. Did you mean 'beyond'?"),
        ({"decision": ["beyond"]}, "decision takes a text, not"),
    ],
)
def test_mistakes_in_a_claim(tmp_path, change, said):
    assert said in refused(tmp_path, with_claim(**change))


@pytest.mark.parametrize("decision", DECISIONS)
def test_every_decision_says_which_contrasts_it_lacks(tmp_path, decision):
    contrasts = dict.fromkeys(DECISIONS[decision].contrasts, SCORE)
    last = list(contrasts)[-1]
    del contrasts[last]
    said = refused(tmp_path, with_claim(decision=decision, contrasts=contrasts))
    assert said == f"X1, part 'hidden': {decision} lacks the contrast {last}"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"where": {"locatoin": "all"}},
            "where[0] has an unknown column 'locatoin'. Did you mean 'location'?",
        ),
        ({"where": [{}, {"locatoin": "all"}]}, "where[1] has an unknown column 'locatoin'"),
        ({"where": "tanh"}, "where[0] takes keys with values, not 'tanh'"),
        ({"where": {"gain": {"of": 1}}}, "gain takes a value or a list of values"),
        ({"where": {"task": "digit"}}, "task 'digit'. Did you mean 'digits'?"),
        ({"where": {"task": 3}}, "task '3'. Valid: digits"),
        ({"role": "guards"}, "role 'guards'. Did you mean 'guard'?"),
        ({"rool": "guard"}, "part 'hidden': rool\". Did you mean \"X1, part 'hidden': role\"?"),
        ({"name": 3}, "name takes a text, not 3"),
    ],
)
def test_mistakes_in_a_part(tmp_path, change, said):
    assert said in refused(tmp_path, with_part(**change))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((SCORE, {"margin": "ten"}), "effect: margin takes a number, not 'ten'"),
        ((SCORE, {"margin": -1}), "margin = -1 is out of range: 1 or more"),
        ((SCORE, {"margin": 0.9}), "margin = 0.9 is out of range: 1 or more"),
        ((GAIN, {"margin": -0.1}), "margin = -0.1 is out of range: 0 or more"),
        ((SCORE, {"margin": None}), "effect: margin is missing"),
        ((SCORE, {"comparison": "scroe"}), "comparison 'scroe'. Did you mean 'score'?"),
        ((SCORE, {"weights": {"removed": "one", "exact": -1}}), "weights.removed takes a number"),
        ((SCORE, {"weights": [1, -1]}), "weights takes keys with values, not [1, -1]"),
        ((SCORE, {"weights": {"remove": 1, "exact": -1}}), "arm 'remove'. Did you mean"),
        ((SCORE, {"weights": {"removed": 1, "exact": 1}}), "add up to 0, not to 2"),
        ((SCORE, {"weights": {"removed": 0, "exact": 0}}), "weights must not be 0"),
        ((SCORE, {"weights": {"removed": 1}}), "score takes weights of 2 or more arms, not of 1"),
        ((SCORE, {"comparison": "gradient_checks"}), "takes weights of 0 arms, not of 2"),
        ((SCORE, {"rate": "exakt"}), "rate 'exakt'. Did you mean 'exact'? Valid: own, exact"),
        ((SCORE, {"farr": 5}), 'effect: farr".'),
        ((SCORE, {"contradicted_below": 1.05}), 'effect: contradicted_below".'),
        ((GAIN, {"of": "exces"}), "of 'exces'. Did you mean 'excess'? Valid: excess, score"),
        ((GAIN, {"tolerated": 20}), "tolerated = 20 is out of range: 0 to 1"),
        ((GAIN, {"of": None, "tolerated": None}), "effect: of is missing"),
        ((FLIPS, {"path_within": None}), "effect: path_within is missing"),
        ((FLIPS, {"path_within": -0.1}), "path_within = -0.1 is out of range: 0 or more"),
    ],
)
def test_mistakes_in_a_contrast(tmp_path, given, said):
    contrast, change = given
    assert said in refused(tmp_path, with_contrast(contrast, **change))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"farr": 5}, 'effect: farr". Did you mean "X1, part \'hidden\': effect: far"?'),
        ({"far": "five"}, "far takes a number, not 'five'"),
        ({"near": None}, "near is missing"),
        ({"far": None}, "far is missing"),
        ({"distance": None}, "distance is missing"),
        ({"distance": "intialisation.distance"}, "unknown column 'intialisation'"),
        ({"contradicted_below": None}, "lacks the option contradicted_below"),
        ({"contradicted_below": "x"}, "contradicted_below takes a number, not 'x'"),
        ({"contradicted_below": 2}, "contradicted_below = 2 is above the margin, 1.1"),
    ],
)
def test_mistakes_in_what_a_threshold_and_escape_need(tmp_path, change, said):
    assert said in refused(tmp_path, with_contrast(ESCAPE, "threshold", **change))


def test_a_decision_that_compares_draws_takes_comparisons_that_have_them(tmp_path):
    shares = {**SCORE, "comparison": "failed", "margin": 10}
    given = with_claim(decision="scale_not_shape", contrasts={"shape": shares, "scale": SCORE})
    assert "comparison for scale_not_shape 'failed'. Valid: score" in refused(tmp_path, given)


def test_two_arms_are_what_shares_and_slopes_compare(tmp_path):
    three = {**CLAIM["arms"], "frozen": {"gradient": "frozen"}}
    weights = {"removed": 1, "exact": -0.5, "frozen": -0.5}
    read(tmp_path, with_claim(arms=three, contrasts={"effect": {**SCORE, "weights": weights}}))
    for contrast in (GAIN, {**SCORE, "comparison": "failed"}):
        given = copy.deepcopy({**contrast, "weights": weights})
        said = refused(tmp_path, with_claim(arms=three, contrasts={"effect": given}))
        assert "takes weights of 2 arms, not of 3" in said
