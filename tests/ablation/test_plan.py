"""Plans: cells, their order, references and cost; those of the study's own experiments."""

import itertools
from collections import Counter
from dataclasses import replace

import pytest
from small_studies import composed, job_of, plan_of, tiny_plan

from study.ablation import messages
from study.ablation.running.worker import train_cell
from study.conf import configuration_folder, read_yaml
from study.learning.optimizers import OPTIMIZERS
from study.learning.rules import EXACT

CONF = configuration_folder()
ALL = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
INCLUDED = read_yaml(CONF / "experiment" / "paper.yaml")["include"]
EXPERIMENTS = sorted(set(ALL) - set(INCLUDED))
PROTOCOLS = sorted(path.stem for path in (CONF / "protocol").glob("*.yaml"))
GRID = {"dataset": "iris", "hidden": [5], "gradient": ["removed", "exact", "offset"]}


def test_default_is_the_question_as_it_was_asked():
    plan = plan_of("default")
    assert len(plan.cells) == 3 * 3 * 8 * 8 == 576
    assert (plan.skipped, plan.duplicates) == ((), 0)
    # frozen means the hidden layers; floor on relu is leaky_backward where no output differs
    places = {"none": 72, "all": 2 * 6 * 3 * 8, "hidden": 7 * 3 * 8 + 2 * 3 * 8}
    assert Counter(planned.cell.location for planned in plan.cells) == places
    rules = dict.fromkeys("exact removed constant mean_matched offset frozen".split(), 72)
    rules |= {"floor": 144 - 16, "leaky_backward": 16}
    assert Counter(planned.cell.gradient.name for planned in plan.cells) == rules
    # 10 rates (L-BFGS: 1) x 3 seeds, 10 seeds at its own rate, and but for exact 10 at exact's
    assert Counter(planned.tuning for planned in plan.cells) == {30: 504, 3: 72}
    assert Counter(planned.scoring for planned in plan.cells) == {10: 72, 20: 504}
    assert plan.runs == 26_136
    seconds = sum(planned.seconds for planned in plan.cells)
    assert 120 < seconds < 2 * 360, "it should take at most six minutes on two cores"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_plans_and_trains(name):
    """Those that paper includes are trained with it.

    Of every value of every axis, and every rule on every activation, one cell is trained, a cheap
    one where there is a choice.
    """
    plan = plan_of(name)
    assert plan.config.about, "an experiment says what it is for"
    assert len({p.name for p in plan.cells}) == len(plan.cells), "two cells have one name"
    assert len({p.identity for p in plan.cells}) == len(plan.cells)
    seen: set[tuple[str, ...]] = set()
    few = {"updates": 3, "tuning_seeds": 1, "evaluation_seeds": 1, "checkpoints": 2, "probes": 1}
    for planned in sorted(plan.cells, key=lambda planned: planned.seconds):
        params, protocol = planned.cell.params(), planned.protocol
        rates = {optimizer: some[:1] for optimizer, some in protocol.learning_rates.items()}
        branch = protocol.branch and replace(protocol.branch, updates=3)
        short = replace(protocol, **few, learning_rates=rates, refine=None, branch=branch)
        marks = {*params.items(), *short.params().items()}
        marks.add((params["activation"], params["gradient"], params["location"]))
        if marks <= seen:
            continue
        seen |= marks
        finished = train_cell(job_of(planned.cell, short, **dict.fromkeys(planned.needs, 0.5)))
        assert len(finished.runs) == short.tunes + 1 + (planned.reference is not None)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_tunes_every_optimizer(name):
    """Two rates a decade, from below where one could learn to where all diverge."""
    config = composed(f"protocol={name}")
    rates = config.protocol.learning_rates
    assert list(rates) == list(OPTIMIZERS)
    for optimizer, values in rates.items():
        if OPTIMIZERS[optimizer].scipy:
            assert values == (1.0,), "a line search finds the steps"
            continue
        assert len(values) >= 10, optimizer
        ratios = [b / a for a, b in itertools.pairwise(values)]
        assert ratios == pytest.approx([10**0.5] * len(ratios), rel=1e-5)
    assert config.protocol.decay and (name == "study") == bool(config.protocol.refine)


def test_references_come_first_and_once():
    plan = tiny_plan(GRID, {**GRID, "location": "all"})
    first, *others = plan.cells
    assert (first.cell.gradient, first.reference) == (EXACT, None)
    assert [p.cell.location for p in others] == ["hidden", "hidden", "all", "all"]
    assert {p.reference for p in others} == {first.identity}
    assert (first.tuning, first.scoring, first.runs) == (4, 3, 7)
    assert {(p.tuning, p.scoring, p.runs) for p in others} == {(4, 6, 10)}
    assert plan.runs == 7 + 4 * 10


def test_a_reference_is_planned_where_the_grid_has_none():
    """A cell is compared at exact's rate, so exact has to be tuned."""
    plan = tiny_plan({**GRID, "gradient": "removed"})
    assert [p.cell.gradient.name for p in plan.cells] == ["exact", "removed"]
    narrowed = tiny_plan(GRID, only={"gradient": ["removed"]})
    assert [p.identity for p in narrowed.cells] == [p.identity for p in plan.cells]

    plan = tiny_plan({**GRID, "gradient": "removed"}, transfer=False, refine={})
    (planned,) = plan.cells
    assert (planned.reference, planned.tuning, planned.scoring) == (None, 4 + 45, 3)


def test_costs_grow_with_the_work():
    def seconds(**changes):
        grid = {**GRID, "gradient": "exact", **changes.pop("grid", {})}
        (planned,) = tiny_plan(grid, **{"updates": 1000, **changes}).cells
        return planned.seconds

    base = seconds()
    assert min(seconds(updates=4000), seconds(grid={"hidden": [256, 256]})) > 2 * base
    for more in ({"batch_size": "full"}, {"dtype": "float64"}, {"evaluation_seeds": 6}):
        assert seconds(**more) > base, more


@pytest.fixture(scope="module")
def paper():
    return plan_of("paper")


@pytest.fixture(scope="module")
def alone():
    return {name: plan_of(name) for name in INCLUDED}


def test_fourteen_experiments_are_the_paper(paper):
    assert list(paper.config.parts) == INCLUDED
    assert {"default", "paper", "replication", "smoke"} <= set(ALL) - set(INCLUDED)
    assert len(INCLUDED) == 14
    assert all(part.about for part in paper.config.parts.values()), "each says what it is for"
    claims = {claim for part in paper.config.parts.values() for claim in part.claims}
    assert claims == {f"C{n}" for n in range(2, 13)} == set(paper.config.claims)
    assert paper.runs >= 150_000
    assert sum(planned.seconds for planned in paper.cells) < 2 * 3600, "an hour on two cores"


def test_every_cell_has_one_maker_and_none_is_lost(paper, alone):
    made = Counter(p.identity for name in INCLUDED for p in paper.made_by(name))
    assert made == Counter(p.identity for p in paper.cells)
    for name, plan in alone.items():
        asked = len(paper.made_by(name)) + len(paper.shared_with(name))
        assert asked == len(plan.cells), name


def test_a_cell_of_the_paper_is_that_of_the_experiment(paper, alone):
    """But for the number of its seeds, of which it has the most that any asks for."""
    found = {p.name: p for p in paper.cells}
    most = Counter()
    for name, plan in alone.items():
        for planned in plan.cells:
            protocol, optimizer = planned.protocol, planned.cell.optimizer.name
            differences = protocol.differences(paper.config.protocol, optimizer)
            usual = " · ".join([planned.cell.name, *differences])
            assert usual in found, (name, usual)
            most[usual] = max(most[usual], protocol.evaluation_seeds)
    assert {name: p.protocol.evaluation_seeds for name, p in found.items()} == most


def test_what_is_compared_has_what_it_is_compared_with(paper, alone):
    """Every rule has exact on the same task and protocol, with at least as many seeds.

    No two cells whose rate was chosen have the same parameters in the exported tables.
    """
    for plan in (paper, *alone.values()):
        cells = [p for p in plan.cells if p.protocol.tune]
        assert len({str(p.cell.params() | p.protocol.params()) for p in cells}) == len(cells)
        said = [(p, str(p.protocol.params()), p.protocol.evaluation_seeds) for p in plan.cells]
        seeds = {(p.cell, protocol): number for p, protocol, number in said}
        for p, protocol, number in said:
            if p.protocol.branch is None:
                assert seeds[p.cell.reference(), protocol] >= number, p.name


def test_the_plan_shows_each_experiment(paper, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    messages.show_plan(paper, set())
    said = capsys.readouterr().out
    rows = [line.split() for line in said.splitlines() if line.startswith("  ")]
    lines = {row[0]: row for row in rows if row[0] in INCLUDED}
    assert list(lines) == INCLUDED
    total = [int(lines[name][k].replace(",", "")) for k in (1, 2) for name in INCLUDED]
    assert sum(total[:14]) == len(paper.cells)
    assert sum(total[14:]) == paper.runs
    assert f"\n{len(paper.cells):,} cells, {paper.runs:,} trainings; 0 cells finished\n" in said
    assert "  140  cells: 16,000 updates, full batches, constant rate, 3 rates, none" in said
    assert " (C2, C9)\n" in said
