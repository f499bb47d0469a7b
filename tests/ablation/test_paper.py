"""The study's own experiments: what they are for, what they come to, what they have in common."""

from collections import Counter

import pytest
from small_studies import plan_of

from study.ablation import messages
from study.conf import configuration_folder, read_yaml

OTHERS = {"default", "paper", "replication", "smoke"}
FOLDER = configuration_folder() / "experiment"
NAMES = read_yaml(FOLDER / "paper.yaml")["include"]
CELLS = {  # of each experiment alone, with the exact cells and others that it needs
    "core": 234,
    "x1_location": 78,
    "c08_optimizers": 200,
    "c10_saturation": 248,
    "x2_capacity": 96,
    "c07_relu_at_zero": 45,
    "c02_escape": 140,
    "x4_robustness": 120,
    "x5_calibration": 5,
}


@pytest.fixture(scope="module")
def paper():
    return plan_of("paper")


@pytest.fixture(scope="module")
def alone():
    return {name: plan_of(name) for name in NAMES}


def test_fourteen_experiments_are_the_paper(paper):
    assert list(paper.config.parts) == NAMES
    assert set(NAMES) == {path.stem for path in FOLDER.glob("*.yaml")} - OTHERS
    assert len(NAMES) == 14
    assert all(part.about for part in paper.config.parts.values()), "each says what it is for"
    claims = {claim for part in paper.config.parts.values() for claim in part.claims}
    assert claims == {f"C{n}" for n in range(2, 13)} == set(paper.config.claims)
    assert paper.runs >= 150_000
    assert sum(planned.seconds for planned in paper.cells) < 2 * 3600, "an hour on two cores"


def test_every_cell_has_one_maker_and_none_is_lost(paper, alone):
    made = Counter(p.identity for name in NAMES for p in paper.made_by(name))
    assert made == Counter(p.identity for p in paper.cells)
    for name, plan in alone.items():
        asked = len(paper.made_by(name)) + len(paper.shared_with(name))
        assert asked == len(plan.cells) == CELLS.get(name, asked), name


def test_a_cell_of_the_paper_is_that_of_the_experiment(paper, alone):
    """But for the number of its seeds, of which it has the most that any asks for."""
    found = {p.name: p for p in paper.cells}
    most = Counter()
    for name, plan in alone.items():
        for planned in plan.cells:
            differences = planned.protocol.differences(
                paper.config.protocol, planned.cell.optimizer.name
            )
            usual = " · ".join([planned.cell.name, *differences])
            assert usual in found, (name, usual)
            seeds = planned.protocol.evaluation_seeds
            most[usual] = max(most[usual], seeds)
    assert {name: p.protocol.evaluation_seeds for name, p in found.items()} == most


def test_the_tables_can_tell_cells_apart(paper):
    """No two cells whose rate was chosen have the same parameters in the exported tables."""
    seen = Counter(
        tuple(sorted((p.cell.params() | p.protocol.params()).items()))
        for p in paper.cells
        if p.protocol.tune
    )
    assert set(seen.values()) == {1}


def test_scored_seeds_are_the_same_for_all(paper):
    """Each cell has the first of one list, so that any two pair on the smaller number."""
    lists = {tuple(p.protocol.evaluation()) for p in paper.cells}
    longest = max(lists, key=len)
    assert all(seeds == longest[: len(seeds)] for seeds in lists)
    tuned = {s for p in paper.cells for s in (*p.protocol.tuning(), *p.protocol.refining())}
    assert not tuned & set(longest)


def test_what_is_compared_has_what_it_is_compared_with(paper, alone):
    """Every rule has exact on the same task and protocol, with at least as many seeds."""
    for plan in (paper, *alone.values()):
        seeds = {
            (p.cell, str(p.protocol.params())): p.protocol.evaluation_seeds for p in plan.cells
        }
        for p in plan.cells:
            if p.protocol.branch is None:
                reference = p.cell.reference(), str(p.protocol.params())
                assert seeds[reference] >= p.protocol.evaluation_seeds, p.name


def test_the_plan_shows_each_experiment(paper, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    messages.show_plan(paper, set())
    said = capsys.readouterr().out
    rows = [line.split() for line in said.splitlines() if line.startswith("  ")]
    lines = {row[0]: row for row in rows if row[0] in NAMES}
    assert list(lines) == NAMES
    total = [int(lines[name][k].replace(",", "")) for k in (1, 2) for name in NAMES]
    assert sum(total[:14]) == len(paper.cells)
    assert sum(total[14:]) == paper.runs
    assert f"\n{len(paper.cells):,} cells, {paper.runs:,} trainings; 0 cells finished\n" in said
    assert "  140  cells: 16,000 updates, full batches, constant rate, 3 rates, none" in said
    assert " (C2, C9)\n" in said
