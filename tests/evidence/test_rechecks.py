"""A claim's part with one thing changed: what is changed, and that the rest stays."""

import pytest
import yaml
from claim_tables import settling, table

from study.conf import configuration_folder
from study.errors import UsageError
from study.evidence.claims.reading import read_claims
from study.evidence.claims.rechecks import read_rechecks
from study.evidence.claims.verdicts import judge_part
from study.evidence.runs import Runs

CLAIMS = read_claims()


def written(tmp_path, **entry):
    path = tmp_path / "rechecks.yaml"
    entry = {"claim": "C4", "part": "hidden", "doubt": "why", "change": "how", **entry}
    path.write_text(yaml.safe_dump({"rechecks": [entry]}), encoding="utf-8")
    return read_rechecks(CLAIMS, path)


def test_every_claim_is_checked_again_and_by_experiments_that_there_are():
    found = read_rechecks(CLAIMS)
    assert {r.claim for r in found.rechecks} == {claim.id for claim in CLAIMS.claims}
    known = {path.stem for path in (configuration_folder() / "experiment").glob("*.yaml")}
    assert {r.experiment for r in found.rechecks} <= known
    originals = {(c.id, p.name): p for c in CLAIMS.claims for p in c.parts}
    for recheck in found.rechecks:
        original = originals[recheck.claim, recheck.part.name]
        changed = recheck.experiment != CLAIMS.experiment or recheck.seed
        assert changed or recheck.part != original, recheck


def test_one_thing_is_changed(tmp_path):
    (recheck,) = written(tmp_path, where={"batch_size": "8"}).rechecks
    part = next(p for c in CLAIMS.claims if c.id == "C4" for p in c.parts if p.name == "hidden")
    (selection,), (original,) = recheck.part.where, part.where
    assert selection == {**original, "batch_size": "8"}
    assert recheck.part.arms == part.arms and recheck.part.contrasts == part.contrasts
    (recheck,) = written(tmp_path, contrasts={"effect": {"rate": "exact"}}).rechecks
    assert recheck.part.contrasts[0].options.rate == "exact"
    assert recheck.part.contrasts[0].margin == part.contrasts[0].margin


def test_it_is_judged_by_the_claims_own_rule(tmp_path):
    """The ratio is 10^0.4 in batches of 32; none was changed to, so there are no runs."""
    runs = Runs(table(*settling(0.4, 0.4)))
    for where, verdict in (({}, "supported"), ({"batch_size": "8"}, "not decided")):
        (recheck,) = written(tmp_path, where=where).rechecks
        assert judge_part(runs, CLAIMS, recheck.part).verdict == verdict


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"part": "hiden"}, "Did you mean 'hidden'"),
        ({"claim": "C99"}, "claim 'C99'. Did you mean 'C9'"),
        ({"claim": 4}, "claim takes a text, not 4"),
        ({"arms": {"remove": {}}}, "Did you mean 'removed'"),
        ({"arms": {"removed": 3}}, "arms.removed takes keys with values, not 3"),
        ({"arms": {"removed": {"gradeint": "floor"}}}, "column 'gradeint'. Did you mean"),
        ({"arms": 3}, "arms takes keys with values, not 3"),
        ({"contrasts": {"efect": {}}}, "Did you mean 'effect'"),
        ({"contrasts": ["effect"]}, "contrasts takes keys with values, not ['effect']"),
        ({"contrasts": {"effect": 3}}, "effect takes keys with values, not 3"),
        ({"contrasts": {"effect": {"rate": "exakt"}}}, "Did you mean 'exact'? Valid: own, exact"),
        ({"contrasts": {"effect": {"margin": 2}}}, "option 'margin'. Valid: rate"),
        ({"where": {"task": "digit"}}, "Did you mean 'digits'"),
        ({"where": {"activatoin": "tanh"}}, "column 'activatoin'. Did you mean 'activation'?"),
        ({"where": "tanh"}, "where takes keys with values, not 'tanh'"),
        ({"wheer": {}}, "recheck 1: wheer'. Did you mean 'rechecks.yaml: recheck 1: where'?"),
        ({"seed": "abc"}, "seed takes a whole number, not 'abc'"),
        ({"seed": -1}, "seed = -1 is out of range"),
        ({"experiment": 3}, "experiment takes a text, not 3"),
        ({"doubt": None}, "doubt takes a text, not None"),
    ],
)
def test_mistakes_are_named(tmp_path, wrong, said):
    with pytest.raises(UsageError) as told:
        written(tmp_path, **wrong)
    assert said in str(told.value) and "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"far": "five"}, "far takes a number, not 'five'"),
        ({"farr": 5}, "effect: farr'. Did you mean 'rechecks.yaml: recheck 1, C2: effect: far'?"),
        ({"contradicted_below": 4}, "contradicted_below = 4 is above the margin, 3"),
    ],
)
def test_options_are_checked_as_those_of_the_claim_are(tmp_path, change, said):
    part = "wrongly saturated output"
    with pytest.raises(UsageError) as told:
        written(tmp_path, claim="C2", part=part, contrasts={"effect": change})
    assert said in str(told.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "rechecks.yaml"),
        ("tasks: {}", "rechecks.yaml: rechecks is missing"),
        ("rechecks: 3", "rechecks takes a list, not 3"),
        ("rechecks: {claim: C4}", "rechecks takes a list, not {'claim': 'C4'}"),
        ("rechecks: [C4]", "recheck 1 takes keys with values, not 'C4'"),
        ("rechecks: [{claim: C4}]", "recheck 1: part is missing"),
        ("rechecks: []\ntasks: 3", "tasks takes keys with values, not 3"),
        (
            "rechecks: []\ntasks: {wine: {datset: wine}}",
            "column 'datset'. Did you mean 'dataset'?",
        ),
        ("rechecks: []\ntasks: {digits: {dataset: wine}}", "tasks has 'digits' twice"),
        ("rechecks: []\ntask: {}", "rechecks.yaml: task'. Did you mean 'rechecks.yaml: tasks'?"),
    ],
)
def test_a_file_of_another_shape_is_told_in_one_line(tmp_path, content, said):
    path = tmp_path / "rechecks.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError) as told:
        read_rechecks(CLAIMS, path)
    assert said in str(told.value) and "\n" not in str(told.value)


def test_a_file_may_hold_none(tmp_path):
    path = tmp_path / "rechecks.yaml"
    path.write_text("rechecks: []", encoding="utf-8")
    assert read_rechecks(CLAIMS, path).rechecks == ()


def test_without_a_file_there_are_none(tmp_path):
    assert read_rechecks(CLAIMS, tmp_path / "none.yaml").rechecks == ()
