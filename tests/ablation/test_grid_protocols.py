"""Grids with a protocol of their own, and experiments that are the union of others."""

import hashlib
import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from small_studies import (
    GRID,
    TINY,
    TINY_WORDS,
    cases,
    composed,
    own,
    refused,
    tiny_config,
    tiny_plan,
    tiny_protocol,
)

from study.ablation.configuration.composition import included
from study.ablation.configuration.protocol import Refine, amended
from study.ablation.configuration.schema import read
from study.ablation.planning.plan import make_plan
from study.errors import UsageError
from study.learning.optimizers import OPTIMIZERS

REFINE = {"per_decade": 8, "rates": 9, "seeds": 5, "recentre_decades": 3}
BOTH = "exact · none", "removed · hidden"


def by_name(plan):
    return {planned.name: planned for planned in plan.cells}


def test_a_grid_states_differences():
    config = tiny_config(GRID, own(updates=60, batch_size="full", dtype="float64", decay=False))
    usual, different = (grid.protocol for grid in config.grids)
    assert usual == config.protocol
    changes = {"updates": 60, "batch_size": None, "dtype": "float64", "decay": False}
    assert different == replace(usual, **changes)
    assert "protocol" not in config.grids[1].axes


RATES = """
1 a decade from 1e-3 to 1e2 => 0.001 0.01 0.1 1.0 10.0 100.0
2 a decade from 3.16e-3 to 0.1 => 0.00316228 0.01 0.0316228 0.1
8 a decade from 1 to 1 => 1.0
[1, 0.1] => 0.1 1.0
"""


@pytest.mark.parametrize(("text", "rates"), cases(RATES))
def test_ranges_of_rates(text, rates):
    """The optimizers that are not named have the rates of their records."""
    found = tiny_config(GRID, learning_rates={"sgd": text}).protocol.learning_rates
    assert found["sgd"] == tuple(map(float, rates.split()))
    assert list(found) == list(OPTIMIZERS)
    assert found["rprop"][::2] == (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def test_keys_within_keys_are_kept():
    config = tiny_config(
        own(refine={"seeds": 3}, learning_rates={"sgd": [0.5]}), own(refine=None), refine=REFINE
    )
    first, second = (grid.protocol for grid in config.grids)
    assert first.refine == Refine(8, 9, 3, 3)
    assert first.learning_rates == {**config.protocol.learning_rates, "sgd": (0.5,)}
    assert second.refine is None
    assert config.protocol.refine == Refine(), "amending changes nothing that was given"


def test_identity_knows_results_not_how_protocols_were_written():
    several = tiny_plan({**GRID, "protocol": [{}, {"updates": 60}, {"decay": False}]})
    written_out = tiny_plan(GRID, own(updates=60), own(decay=False))
    assert [p.identity for p in several.cells] == [p.identity for p in written_out.cells]
    assert len(several.cells) == 6
    stated = tiny_plan(own(updates=60, decay=False))
    usual = tiny_plan(GRID, updates=60, decay=False)
    assert [p.identity for p in stated.cells] == [p.identity for p in usual.cells]


def test_each_cell_has_its_own_protocol_and_reference():
    plan = tiny_plan(GRID, own(updates=60))
    cells = by_name(plan)
    base = "iris · tanh · {} · sgd · 5{}"
    for ending, updates in (("", 6), (" · 60 updates", 60)):
        exact, removed = (cells.pop(base.format(x, ending)) for x in BOTH)
        assert removed.reference == exact.identity
        assert exact.protocol.updates == removed.protocol.updates == updates
    assert not cells and plan.duplicates == 0


def test_one_cell_with_two_numbers_of_seeds_is_made_once_with_the_larger():
    few, many = own(evaluation_seeds=2), own(evaluation_seeds=5)
    for grids in ((few, many), (many, few), (few, many, few)):
        plan = tiny_plan(*grids)
        assert [p.protocol.evaluation_seeds for p in plan.cells] == [5, 5]
        assert plan.duplicates == 2 * (len(grids) - 1)
        alone = tiny_plan(many)
        assert [p.identity for p in plan.cells] == [p.identity for p in alone.cells]
    # and exact has as many as those that are compared with it
    plan = tiny_plan({**few, "gradient": "exact"}, {**many, "gradient": "removed"})
    assert [p.protocol.evaluation_seeds for p in plan.cells] == [5, 5]


def test_transfer_is_made_if_one_of_two_grids_asks_for_it():
    for transfer in (False, True):
        plan = tiny_plan(own(transfer=transfer), own(transfer=not transfer))
        assert [p.reference is None for p in plan.cells] == [True, False]


def test_seeds_are_nested_and_never_shared_between_uses():
    """Comparisons pair on the common seeds: the smaller set is the larger one's beginning."""
    few, many = tiny_protocol(evaluation_seeds=3), tiny_protocol(evaluation_seeds=10**5)
    assert many.evaluation()[:3] == few.evaluation()
    assert few.refining() == []
    largest = replace(many, tuning_seeds=1000, refine=Refine(seeds=1000))
    uses = largest.tuning(), largest.refining(), largest.evaluation()
    assert [len(seeds) for seeds in uses] == [1000, 1000, 10**5]
    assert len(set().union(*uses)) == sum(map(len, uses)), "the scored seeds choose no rate"
    assert replace(many, tune=False).evaluation() == many.evaluation()


def test_fixed_rates_are_evaluated_each_and_nothing_is_tuned():
    plan = tiny_plan(own(tune=False, learning_rates={"sgd": [0.1, 0.3, 1.0]}))
    assert [(p.tuning, p.scoring) for p in plan.cells] == [(0, 9), (0, 9)]
    assert [p.reference for p in plan.cells] == [None, None]
    assert {p.wave for p in plan.cells} == {0}
    assert all(p.name.endswith("3 rates, none chosen") for p in plan.cells)
    # and what tuning would use does not matter
    other = tiny_plan(own(tune=False, learning_rates={"sgd": [0.1, 0.3, 1.0]}, tuning_seeds=9))
    assert [p.identity for p in other.cells] == [p.identity for p in plan.cells]


def test_names_say_what_is_unusual():
    usual = tiny_protocol()
    said = {
        **{"8 updates": {"updates": 8}, "full batches": {"batch_size": None}},
        **{"batches of 8": {"batch_size": 8}, "constant rate": {"decay": False}},
        **{"float64": {"dtype": "float64"}, "tuned by 6 runs": {"tuning_seeds": 3}},
        "tuned by 49 runs": {"refine": Refine()},
        "5 checkpoints, 2 probes": {"checkpoints": 5},
    }
    for words, changes in said.items():
        assert tiny_protocol(**changes).differences(usual, "sgd") == [words]
    assert usual.differences(usual, "sgd") == []
    assert tiny_protocol(evaluation_seeds=9, transfer=False).differences(usual, "sgd") == []


def branched(gradient="removed", rate="own", **protocol):
    branch = {"gradient": "exact", "updates": 4, "rate": rate}
    grid = {**GRID, "gradient": gradient, "protocol": {"branch": branch, **protocol}}
    return tiny_plan(grid, transfer=False)


def test_a_branch_needs_the_rates_of_both_rules():
    plan = branched()
    cells = by_name(plan)
    exact, removed = (cells[f"iris · tanh · {x} · sgd · 5"] for x in BOTH)
    (last,) = (p for p in plan.cells if p.protocol.branch)
    assert last.name == f"{removed.name} · after 4 updates of exact, own rate"
    assert last.needs == {"trunk": exact.identity, "own": removed.identity}
    assert (last.tuning, last.scoring) == (0, 3)
    assert [p.wave for p in (exact, removed, last)] == [0, 0, 1]
    assert last.trunk == exact.cell
    # exact, then what is also evaluated at its rate, then what branches with that rule's rate
    grid = {**GRID, "gradient": "removed"}
    plan = tiny_plan(grid, {**grid, "protocol": {"branch": {"gradient": "exact", "updates": 4}}})
    assert [p.wave for p in plan.cells] == [0, 1, 2]


def test_a_branch_and_back():
    """From removed to exact: the first rule is where the grid's location is, which exact hides."""
    branch = {"gradient": "removed", "updates": 4}
    grid = {**GRID, "gradient": "exact", "location": ["hidden", "all"]}
    plan = tiny_plan({**grid, "protocol": {"branch": branch}}, transfer=False)
    back = [p for p in plan.cells if p.protocol.branch]
    assert [p.trunk.location for p in back] == ["hidden", "all"]
    assert len({p.identity for p in back}) == 2
    assert {p.cell.location for p in back} == {"none"}


def test_everything_about_a_branch_matters():
    changes = {}, {"rate": "tenth"}, {"gradient": "offset"}, {"updates": 7}, {"dtype": "float64"}
    assert len({branched(**change).cells[-1].identity for change in changes}) == 5


def test_a_first_rule_that_cannot_be_is_skipped_with_its_reason():
    line = refused(tiny_plan, own(branch={"gradient": "leaky_backward", "updates": 4}))
    assert line.startswith("grids[0] yields no cell: gradient leaky_backward")


FIRST = {"about": "one", "claims": ["C1"], "grids": [GRID]}
SECOND = {"about": "two", "claims": ["C1", "C2"], "grids": [GRID, own(updates=60)]}
SECOND["protocol"] = {"evaluation_seeds": 5}


def union(grids=(), commanded=(), **files):
    container = {"include": list(files), "grids": list(grids), "protocol": dict(TINY)}
    container["claims"] = ["C9"]
    return read("all", container, files, commanded)


def test_a_union_has_the_grids_of_all_with_their_protocols():
    config = union(first=FIRST, second=SECOND, grids=[own(decay=False)])
    seen = [(g.key, g.experiment, g.protocol) for g in config.grids]
    assert [(*who, p.updates, p.evaluation_seeds, p.decay) for *who, p in seen] == [
        ("first: grids[0]", "first", 6, 3, True),
        ("second: grids[0]", "second", 6, 5, True),
        ("second: grids[1]", "second", 60, 5, True),
        ("grids[0]", "all", 6, 3, False),
    ]
    assert config.claims == ("C9", "C1", "C2")
    plan = make_plan(config)
    assert len(plan.cells) == 2 + 2 + 2
    assert [len(plan.made_by(name)) for name in ("first", "second", "all")] == [2, 2, 2]
    assert len(plan.shared_with("second")) == 2
    assert plan.cells[0].protocol.evaluation_seeds == 5
    # what one makes alone need not be made again, where no other has more seeds
    alone = read("second", {**SECOND, "protocol": {**TINY, **SECOND["protocol"]}})
    assert {p.identity for p in make_plan(alone).cells} <= {p.identity for p in plan.cells}


def test_the_command_line_has_the_last_word():
    """A key that it sets holds for all grids: they no longer differ in it."""
    config = union(first=FIRST, second=SECOND, commanded=["updates", "evaluation_seeds"])
    assert {(g.protocol.updates, g.protocol.evaluation_seeds) for g in config.grids} == {(6, 3)}
    first, second = ({"learning_rates": {"sgd": [n], "adam": [n]}} for n in (1, 2))
    kept = amended(first, second, ["learning_rates.sgd"])
    assert kept == {"learning_rates": {"sgd": [1], "adam": [2]}}


def test_mistakes_in_an_included_file_name_it():
    """Those in a protocol are in tests/bad_input/test_configurations.py."""
    impossible = {"grids": [{"dataset": "iris", "location": "output", "gradient": "frozen"}]}
    for file, line in (
        ({"about": "nothing"}, "experiment 'wrong': grids takes a list"),
        ({**FIRST, "include": ["first"]}, "unknown configuration key 'wrong: include'"),
        (impossible, r"wrong: grids\[0\] yields no cell: "),
    ):
        with pytest.raises(UsageError, match=line):
            make_plan(union(first=FIRST, wrong=file))


def test_files_that_are_included(tmp_path):
    """Only others, and with the same defaults."""
    defaults = [{"override /protocol": "study"}]
    including = {"defaults": defaults, "include": ["one"]}
    files = {"all": including, "nested": including, "one": {"defaults": defaults, **FIRST}}
    files["other"] = FIRST
    for name, content in files.items():
        (tmp_path / f"{name}.yaml").write_text(json.dumps(content))
    assert included(tmp_path, "all", ["one"]) == {"one": FIRST}
    assert included(tmp_path, "all", None) == {}
    for include, line in (
        (["on"], "unknown include 'on'. Did you mean 'one'\\? Valid: nested, one, other"),
        (["all"], "unknown include 'all'. Valid: nested, one, other"),
        ("one", "include takes a list, not 'one'"),
        (["other"], "all cannot include other: it has other defaults"),
    ):
        with pytest.raises(UsageError, match=line):
            included(tmp_path, "all", include)


def test_hydra_hands_over_what_the_command_line_set():
    config = composed("experiment=paper", "protocol.updates=3", "protocol.evaluation_seeds=2")
    assert {(g.protocol.updates, g.protocol.evaluation_seeds) for g in config.grids} == {(3, 2)}
    refine = composed("experiment=smoke", "protocol.refine.seeds=3").protocol.refine
    assert refine == Refine(seeds=3), "where the protocol has no second stage"
    assert composed("experiment=smoke", "tracking.uri=''").tracking.uri is None


ORDINARY = "{dataset: iris, hidden: [4], gradient: [exact, removed], protocol: {transfer: false}}"
BRANCHED = (
    "{dataset: iris, hidden: [4], gradient: removed, "
    "protocol: {transfer: false, dtype: float64, branch: {gradient: exact, updates: 4}}}"
)


def test_what_a_study_records(command, tmp_path, monkeypatch):
    """The digest of its claims, as a tag of every scored run; whose protocols its grids have."""
    claims = tmp_path / "claims.yaml"
    monkeypatch.setattr("study.conf.claims_path", lambda: claims)
    words = ("experiment=smoke", f"grids=[{ORDINARY}, {BRANCHED}]", "claims=[C3]", *TINY_WORDS)
    said, line = command(*words), "conf/claims.yaml cannot be read: No such file or directory"
    assert (said.code, said.err) == (2, f"study: {line}\n")
    assert command(*words, "dry_run=true").code == 0
    claims.write_bytes(b"fixed\n")
    assert command(*words).code == 0
    digest = hashlib.sha256(b"fixed\n").hexdigest()
    with closing(sqlite3.connect(command.database)) as database:
        rows = database.execute(
            "SELECT DISTINCT stage.value, claims.value FROM params AS stage"
            " LEFT JOIN tags AS claims ON claims.run_uuid = stage.run_uuid"
            " AND claims.key = 'claims' WHERE stage.key = 'stage'"
        ).fetchall()
        (tag,) = database.execute("SELECT value FROM experiment_tags WHERE key = 'study.claims'")
    assert sorted(rows) == [("evaluate", digest), ("tune", None)]
    assert tag == (digest,)
    (record,) = [json.loads(p.read_text()) for p in command.folder.rglob("study-*.json")]
    assert record["claims sha256"] == digest
    branch = {"branch.gradient": "exact", "branch.updates": 4, "branch.rate": "own"}
    assert [grid["protocol"] for grid in record["configuration"]["grids"]] == [
        {"transfer": False},
        {"transfer": False, "dtype": "float64", "branch": branch},
    ]
