"""A claim's part with one thing changed: what is changed, and that the rest stays."""

import pytest
import yaml
from claim_tables import settling, table

from study.ablation.configuration.composition import configuration_folder
from study.analysis.claims.reading import read_claims
from study.analysis.claims.rechecks import read_rechecks
from study.analysis.claims.runs import Runs
from study.analysis.claims.verdicts import judge_part
from study.learning.records import UsageError

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
    assert recheck.part.contrasts[0].options["rate"] == "exact"
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
        ({"claim": "C99"}, "C99: part"),
        ({"arms": {"remove": {}}}, "Did you mean 'removed'"),
        ({"contrasts": {"efect": {}}}, "Did you mean 'effect'"),
        ({"where": {"task": "digit"}}, "Did you mean 'digits'"),
        ({"wheer": {}}, "unexpected keyword argument 'wheer'"),
    ],
)
def test_mistakes_are_named(tmp_path, wrong, said):
    with pytest.raises(UsageError, match=said):
        written(tmp_path, **wrong)


def test_without_a_file_there_are_none(tmp_path):
    assert read_rechecks(CLAIMS, tmp_path / "none.yaml").rechecks == ()
