"""Experiments that are the union of others, and studies of grids under many protocols."""

import hashlib
import json
import sqlite3
from contextlib import closing

import pytest
from small_studies import GRID, TINY, TINY_WORDS, Command, cases, composed, in_order, own

from study.ablation.configuration.composition import included
from study.ablation.configuration.protocol import Refine, amended
from study.ablation.configuration.schema import read
from study.ablation.planning.plan import make_plan
from study.errors import UsageError

# ---------------------------------------------------------------- unions


FIRST = {"about": "one", "claims": ["C1"], "grids": [GRID]}
SECOND = {
    "about": "two",
    "claims": ["C1", "C2"],
    "protocol": {"evaluation_seeds": 5},
    "grids": [GRID, own(updates=60)],
}


def union(grids=(), commanded=(), **files):
    container = {"include": list(files), "grids": list(grids), "protocol": dict(TINY)}
    container["claims"] = ["C9"]
    return read("all", container, files, commanded)


def test_a_union_has_the_grids_of_all_with_their_protocols():
    config = union(first=FIRST, second=SECOND, grids=[own(decay=False)])
    assert [(g.key, g.experiment) for g in config.grids] == [
        ("first: grids[0]", "first"),
        ("second: grids[0]", "second"),
        ("second: grids[1]", "second"),
        ("grids[0]", "all"),
    ]
    seen = [
        (g.protocol.updates, g.protocol.evaluation_seeds, g.protocol.decay) for g in config.grids
    ]
    assert seen == [(6, 3, True), (6, 5, True), (60, 5, True), (6, 3, False)]
    assert config.claims == ("C9", "C1", "C2")
    plan = make_plan(config)
    assert len(plan.cells) == 2 + 2 + 2
    assert [len(plan.made_by(name)) for name in ("first", "second", "all")] == [2, 2, 2]
    assert len(plan.shared_with("second")) == 2
    assert plan.cells[0].protocol.evaluation_seeds == 5


def test_what_an_experiment_makes_alone_it_makes_in_a_union():
    """The same identities, where no other has more seeds: results need not be made again."""
    alone = read("second", {**SECOND, "protocol": {**TINY, **SECOND["protocol"]}})
    names = {p.identity for p in make_plan(alone).cells}
    assert names <= {p.identity for p in make_plan(union(first=FIRST, second=SECOND)).cells}


def test_the_command_line_has_the_last_word():
    """A key that it sets holds for all grids: they no longer differ in it."""
    config = union(first=FIRST, second=SECOND, commanded=["updates", "evaluation_seeds"])
    assert {(g.protocol.updates, g.protocol.evaluation_seeds) for g in config.grids} == {(6, 3)}
    kept = amended(
        {"learning_rates": {"sgd": [1], "adam": [1]}},
        {"learning_rates": {"sgd": [2], "adam": [2]}},
        ["learning_rates.sgd"],
    )
    assert kept == {"learning_rates": {"sgd": [1], "adam": [2]}}


MISTAKES = """
{about: nothing}
    experiment 'wrong': grids takes a list
{grids: [{dataset: iris}], include: [first]}
    unknown configuration key 'wrong: include'.
{grids: [{dataset: iris}], protocol: {updats: 3}}
    unknown configuration key 'wrong: protocol.upd
{grids: [{dataset: iris, location: output, gradient: frozen}]}
    wrong: grids[0] yields no cell:
"""


@pytest.mark.parametrize(("file", "line"), cases(MISTAKES))
def test_mistakes_in_an_included_file_name_it(file, line):
    """Mistakes in a protocol are in tests/bad_input/test_configurations.py."""
    with pytest.raises(UsageError) as caught:
        make_plan(union(first=FIRST, wrong=file))
    assert str(caught.value).startswith(line)


@pytest.fixture
def folder(tmp_path):
    """Experiment files: `all` includes others."""
    defaults = [{"override /protocol": "study"}]
    files = {
        "all": {"defaults": defaults, "include": ["one"]},
        "one": {"defaults": defaults, **FIRST},
        "other": FIRST,
        "nested": {"defaults": defaults, "include": ["one"]},
    }
    for name, content in files.items():
        (tmp_path / f"{name}.yaml").write_text(json.dumps(content))
    return tmp_path


def test_files_are_read(folder):
    assert included(folder, "all", ["one"]) == {"one": FIRST}
    assert included(folder, "all", None) == {}


@pytest.mark.parametrize(
    ("include", "line"),
    [
        (["on"], "unknown include 'on'. Did you mean 'one'? Valid: nested, one, other"),
        (["all"], "unknown include 'all'. Valid: nested, one, other"),
        ("one", "include takes a list, not 'one'"),
        (["other"], "all cannot include other: it has other defaults"),
    ],
)
def test_files_that_cannot_be_included(folder, include, line):
    with pytest.raises(UsageError) as caught:
        included(folder, "all", include)
    assert str(caught.value).startswith(line)


def test_hydra_hands_over_what_the_command_line_set():
    config = composed("experiment=paper", "protocol.updates=3", "protocol.evaluation_seeds=2")
    assert {(g.protocol.updates, g.protocol.evaluation_seeds) for g in config.grids} == {(3, 2)}
    refine = composed("experiment=smoke", "protocol.refine.seeds=3").protocol.refine
    assert refine == Refine(seeds=3), "where the protocol has no second stage"
    assert composed("experiment=smoke", "tracking.uri=''").tracking.uri is None


# ---------------------------------------------------------------- carried out


ORDINARY = "{dataset: iris, hidden: [4], gradient: [exact, removed], protocol: {transfer: false}}"
BRANCHED = (
    "{dataset: iris, hidden: [4], gradient: removed, "
    "protocol: {transfer: false, dtype: float64, branch: {gradient: exact, updates: 4}}}"
)


def test_a_study_with_protocols_of_many_kinds(command, tmp_path, migrated):
    """In one go, or in two, where a branch reads the rates from the store: the same results."""
    float64 = ORDINARY.replace("false}", "false, dtype: float64}")
    assert command("experiment=smoke", f"grids=[{float64}, {BRANCHED}]", *TINY_WORDS).code == 0
    found = command.runs("smoke")
    kinds = {(r["stage"], r["gradient"], r["branch.gradient"]) for r in found.to_pylist()}
    assert kinds == {
        *((stage, rule, None) for stage in ("tune", "evaluate") for rule in ("exact", "removed")),
        ("evaluate", "removed", "exact"),
    }
    assert set(found["dtype"].to_pylist()) == {"float64"}
    later = Command(tmp_path / "later", migrated)
    assert later("experiment=smoke", f"grids=[{float64}]", *TINY_WORDS).code == 0
    said = later("experiment=smoke", f"grids=[{float64}, {BRANCHED}]", *TINY_WORDS)
    assert (said.code, said.err) == (0, "")
    assert in_order(later.runs("smoke")).equals(in_order(found))


def test_what_a_study_records(command, tmp_path, monkeypatch):
    """The digest of its claims, as a tag of every scored run; whose protocols its grids have."""
    claims = tmp_path / "claims.yaml"
    monkeypatch.setattr("study.conf.claims_path", lambda: claims)
    words = ("experiment=smoke", f"grids=[{ORDINARY}, {BRANCHED}]", "claims=[C3]", *TINY_WORDS)
    said = command(*words)
    assert said.code == 2
    assert said.err == "study: conf/claims.yaml cannot be read: No such file or directory\n"
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
