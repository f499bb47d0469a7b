"""Mistakes in conf/claims.yaml and conf/rechecks.yaml: one line says what is wrong."""

import copy
from functools import partial, reduce
from operator import getitem

import pytest
import yaml
from claim_tables import settling, table

from study.conf import configuration_folder
from study.evidence.claims.decisions import DECISIONS
from study.evidence.claims.kinds import COMPARISONS
from study.evidence.claims.reading import claims_from, read_claims, read_rechecks
from study.evidence.claims.verdicts import judge_part
from study.evidence.runs import COLUMNS, Runs

SCORE = {"comparison": "score", "weights": {"removed": 1, "exact": -1}, "margin": 1.1}
ESCAPE = SCORE | {"comparison": "escape", "contradicted_below": 1.05, "near": 2, "far": 6}
ESCAPE |= {"distance": "initialisation.distance"}
GAIN = SCORE | {"comparison": "gain_by_depth", "margin": 0, "of": "excess", "tolerated": 0.2}
FLIPS = SCORE | {"comparison": "flips", "path_within": 0.1, "rate": "exact"}
FAILED = SCORE | {"comparison": "failed", "margin": 10}
PART = {
    "name": "hidden",
    "role": "primary",
    "where": {"task": "digits"},
    "arms": {"exact": {"gradient": "exact"}, "removed": {"gradient": "removed"}},
    "contrasts": {"effect": SCORE},
    "decision": "beyond",
}
WORDS = ("question", "statement", "metric", "direction", "test", "rule")
CLAIM = {**dict.fromkeys(WORDS, "words"), "id": "X1", "parts": [PART], "combine": "any"}
FILE = {
    "experiment": "paper",
    "level": 0.05,
    "tasks": {"digits": {"dataset": "digits"}},
    "always": {"stage": "evaluate"},
    "claims": [CLAIM | {"holm": False}],
}
CLAIMS = read_claims()
RECHECK = {"claim": "C4", "part": "hidden", "doubt": "why", "change": "how"}
RECHECKS = {
    "tasks": {"wide": {"dataset": "wine"}},
    "rechecks": [
        RECHECK
        | {"claim": "C2", "part": "wrongly saturated output", "experiment": "paper", "seed": 1}
        | {"where": {"task": "wide"}, "arms": {"removed": {"location": "output"}}}
        | {"contrasts": {"effect": {"far": 5, "contradicted_below": 1.05}}}
    ],
}
OTHER_KIND = {str: 3, int: "ten", float: "ten", bool: "no", dict: 3, list: 3}
GONE = object()
THREE = {"removed": 1, "exact": -0.5, "frozen": -0.5}
CLAIM_0, PART_0 = "claims.0", "claims.0.parts.0"
EFFECT, DECISION = f"{PART_0}.contrasts.effect", f"{PART_0}.decision"
AGAIN = "rechecks.0"
KINDS = {
    "score": FILE,
    "escape": {EFFECT: ESCAPE, DECISION: "threshold"},
    "flips": {EFFECT: FLIPS},
    "gain": {EFFECT: GAIN},
    "rechecks": RECHECKS,
}


def changed(given, changes):
    """Return a copy in which values at dotted paths are others, or gone."""
    given = copy.deepcopy(given)
    for path, value in changes.items():
        *parents, last = [int(key) if key.isdigit() else key for key in path.split(".")]
        inner = reduce(getitem, parents, given)
        inner[last] = value
        if value is GONE:
            del inner[last]
    return given


def paths(given, at=""):
    """Yield the dotted path and the value of everything in a file."""
    for key, value in given.items() if isinstance(given, dict) else enumerate(given):
        yield f"{at}{key}", value
        if isinstance(value, dict | list):
            yield from paths(value, f"{at}{key}.")


@pytest.fixture
def read(tmp_path):
    """Read what a file would hold: claims, or rechecks of the study's claims."""

    def made(given):
        if "level" in given or "experiment" in given:
            return claims_from(given)
        path = tmp_path / "rechecks.yaml"
        path.write_text(given if isinstance(given, str) else yaml.safe_dump(given), "utf-8")
        return read_rechecks(CLAIMS, path)

    return made


@pytest.fixture
def refused(read, refusal):
    """Return the one line that reading ends with."""
    return partial(refusal, read)


@pytest.mark.parametrize("kind", KINDS)
def test_each_key_is_checked(kind, read, refused):
    """Each value of a sound file in turn is of another kind, each key misspelt."""
    given = KINDS[kind] if kind in ("score", "rechecks") else changed(FILE, KINDS[kind])
    read(given)
    for path, value in paths(given):
        key = path.rpartition(".")[2]
        selected = key in (*COLUMNS, "task") and not isinstance(value, dict)
        said = refused(changed(given, {path: {"of": 1} if selected else OTHER_KIND[type(value)]}))
        assert "takes" in said or "unknown" in said, path
        if not key.isdigit() and path not in ("rechecks", "tasks.wide"):
            assert key in said, path
            said = refused(changed(given, {path: GONE, f"{path}x": value}))
            expected = ("Did you mean", "lacks the option", f"{key} is missing")
            assert any(words in said for words in expected), path


MISTAKES = [
    *[({key: GONE}, f"claims.yaml: {key} is missing") for key in FILE],
    *[({f"{CLAIM_0}.{key}": GONE}, f": {key} is missing") for key in ("id", "parts")],
    *[({f"{PART_0}.{key}": GONE}, f": {key} is missing") for key in ("name", "where")],
    *[({f"{EFFECT}.{key}": GONE}, f"effect: {key} is missing") for key in SCORE],
    *[({"level": level}, f"level = {level} is out of range: above 0") for level in (0, 5)],
    ({"level": True}, "level takes a number, not True"),
    ({"always.task": "digits"}, "always has an unknown column 'task'"),
    ({"claims": FILE["claims"] * 2}, "id has 'X1' twice"),
    ({f"{CLAIM_0}.parts": []}, "X1 has no primary part"),
    ({f"{PART_0}.role": "guard"}, "X1 has no primary part"),
    ({f"{CLAIM_0}.parts": [PART] * 2}, "X1: name has 'hidden' twice"),
    ({f"{PART_0}.where": [{}, {"locatoin": "all"}]}, "where[1] has an unknown column 'locatoin'"),
    ({f"{PART_0}.where.task": ["digits", "digit"]}, "task 'digit'. Did you mean 'digits'?"),
    ({f"{PART_0}.contrasts.also": SCORE}, "contrast 'also'. Valid: effect"),
    ({f"{EFFECT}.margin": 0.9}, "margin = 0.9 is out of range: 1 or more"),
    ({EFFECT: GAIN | {"margin": -0.1}}, "margin = -0.1 is out of range: 0 or more"),
    ({EFFECT: GAIN | {"tolerated": 20}}, "tolerated = 20 is out of range: 0 to 1"),
    ({EFFECT: FLIPS | {"path_within": -0.1}}, "path_within = -0.1 is out of range: 0 or more"),
    ({EFFECT: SCORE | {"contradicted_below": 1.05}}, 'effect: contradicted_below".'),
    ({f"{EFFECT}.weights.exact": 1}, "add up to 0, not to 2"),
    ({f"{EFFECT}.weights": {"removed": 0, "exact": 0}}, "weights must not be 0"),
    ({f"{EFFECT}.weights.exact": GONE}, "takes weights of 2 or more arms, not of 1"),
    ({f"{EFFECT}.comparison": "gradient_checks"}, "takes weights of 0 arms, not of 2"),
    *[
        ({EFFECT: kind | {"weights": THREE}, f"{PART_0}.arms.frozen": {}}, "of 2 arms, not of 3")
        for kind in (GAIN, FAILED)
    ],
    (
        {DECISION: "scale_not_shape", f"{PART_0}.contrasts": {"shape": FAILED, "scale": SCORE}},
        "comparison for scale_not_shape 'failed'. Valid: score",
    ),
    *[
        ({EFFECT: changed(ESCAPE, changes), DECISION: "threshold"}, said)
        for changes, said in (
            ({"contradicted_below": GONE}, "lacks the option contradicted_below"),
            ({"contradicted_below": 0.9}, "contradicted_below = 0.9 is out of range"),
            ({"contradicted_below": 2}, "contradicted_below = 2 is above the margin, 1.1"),
            ({"distance": "intialisation.distance"}, "unknown column 'intialisation'"),
            *(({key: GONE}, f"{key} is missing") for key in ("near", "far", "distance")),
        )
    ],
    ({AGAIN: RECHECK | {"claim": "C99"}}, "claim 'C99'. Did you mean 'C9'"),
    ({AGAIN: RECHECK | {"part": "hiden"}}, "Did you mean 'hidden'"),
    ({AGAIN: RECHECK | {"contrasts": {"effect": {"margin": 2}}}}, "'margin'. Valid: rate"),
    ({AGAIN: RECHECK | {"where": {"task": "digit"}}}, "Did you mean 'digits'"),
    ({AGAIN: RECHECK | {"seed": -1}}, "seed = -1 is out of range"),
    ({f"{AGAIN}.contrasts.effect.contradicted_below": 4}, "= 4 is above the margin, 3"),
    ({"tasks.digits": {"dataset": "wine"}, "rechecks": []}, "tasks has 'digits' twice"),
    *[({f"{AGAIN}.{key}": GONE}, f"recheck 1: {key} is missing") for key in RECHECK],
    ({"rechecks": GONE}, "rechecks.yaml: rechecks is missing"),
]


@pytest.mark.parametrize(("changes", "said"), MISTAKES)
def test_mistakes_are_named(refused, changes, said):
    of_rechecks = any("rechecks" in path for path in changes)
    assert said in refused(changed(RECHECKS if of_rechecks else FILE, changes))


@pytest.mark.parametrize("decision", DECISIONS)
def test_every_decision_says_which_contrasts_it_lacks(refused, decision):
    *others, last = DECISIONS[decision].contrasts
    given = {DECISION: decision, f"{PART_0}.contrasts": dict.fromkeys(others, SCORE)}
    said = refused(changed(FILE, given))
    assert said == f"X1, part 'hidden': {decision} lacks the contrast {last}"


def test_what_a_claim_says_for_all_its_parts(read):
    shared = {f"{CLAIM_0}.{key}": PART[key] for key in ("arms", "contrasts", "decision")}
    given = changed(FILE, shared | {f"{PART_0}.{key.rpartition('.')[2]}": GONE for key in shared})
    assert read(given) == read(FILE)


def test_all_columns_of_the_real_file_and_each_comparison_and_decision_are_known():
    parts = [part for claim in CLAIMS.claims for part in claim.parts]
    assert {part.decision for part in parts} == set(DECISIONS)
    used = {c.comparison for part in parts for c in part.contrasts}
    assert used | {"runaway"} == set(COMPARISONS)  # runaway stands beside C3, in the paper
    named = {column for part in parts for where in part.where for column in where}
    assert {column.partition(".")[0] for column in named} <= {"task", *COLUMNS}


def test_every_claim_is_checked_again_and_by_experiments_that_there_are():
    _, found = read_rechecks(CLAIMS)
    assert {r.claim for r, _ in found} == {claim.id for claim in CLAIMS.claims}
    known = {path.stem for path in (configuration_folder() / "experiment").glob("*.yaml")}
    assert {r.experiment for r, _ in found} <= known
    originals = {(c.id, p.name): p for c in CLAIMS.claims for p in c.parts}
    for recheck, part in found:
        original = originals[recheck.claim, recheck.part]
        other = recheck.experiment != CLAIMS.experiment or recheck.seed
        assert other or part != original, recheck


def test_a_recheck_changes_one_thing_and_is_judged_by_the_claims_own_rule(read):
    """The ratio is 10^0.4 in batches of 32; there are no runs in batches of 8."""
    part = next(p for c in CLAIMS.claims if c.id == "C4" for p in c.parts if p.name == "hidden")
    runs = Runs(table(*settling(0.4, 0.4)))
    for where, verdict in (({}, "supported"), ({"batch_size": "8"}, "not decided")):
        ((_, again),) = read({"rechecks": [RECHECK | {"where": where}]})[1]
        assert again.where == tuple({**one, **where} for one in part.where)
        assert (again.arms, again.contrasts) == (part.arms, part.contrasts)
        assert judge_part(runs, CLAIMS, again).verdict == verdict
    change = {"contrasts": {"effect": {"rate": "exact"}}}
    ((_, again),) = read({"rechecks": [RECHECK | change]})[1]
    assert again.contrasts[0].options.rate == "exact"
    assert again.contrasts[0].margin == part.contrasts[0].margin


def test_a_file_of_rechecks_may_be_missing_or_hold_none_but_is_not_empty(read, refused, tmp_path):
    assert read_rechecks(CLAIMS, tmp_path / "none.yaml") == (CLAIMS, [])
    assert read("rechecks: []")[1] == []
    assert "rechecks.yaml" in refused("")
