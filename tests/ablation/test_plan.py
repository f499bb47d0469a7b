"""The plan: which cells, in which order, against which references, at which cost."""

import itertools
from collections import Counter
from dataclasses import replace

import pytest
from small_studies import composed, job_of, plan_of, tiny_config, tiny_plan

from study.ablation.planning.plan import make_plan
from study.ablation.running.worker import train_cell
from study.conf import configuration_folder, read_yaml
from study.errors import UsageError
from study.learning.optimizers import OPTIMIZERS
from study.learning.rules import EXACT

CONF = configuration_folder()
ALL = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
INCLUDED = read_yaml(CONF / "experiment" / "paper.yaml")["include"]
EXPERIMENTS = sorted(set(ALL) - set(INCLUDED))
PROTOCOLS = sorted(path.stem for path in (CONF / "protocol").glob("*.yaml"))
GRID = {"dataset": "iris", "hidden": [5], "gradient": ["removed", "exact", "offset"]}


def axis_counts(plan, axis):
    return Counter(str(planned.cell.params()[axis]) for planned in plan.cells)


def test_default_is_the_question_as_it_was_asked():
    plan = plan_of("default")
    assert len(plan.cells) == 3 * 3 * 8 * 6 == 432
    assert (plan.skipped, plan.duplicates) == ((), 0)
    for axis, values in {
        "dataset": {"digits": 144, "breast_cancer": 144, "diabetes": 144},
        "objective": {"squared_error": 288, "linear_squared_error": 144},
        "activation": {"tanh": 144, "logistic": 144, "relu": 144},
        "optimizer": dict.fromkeys(("sgd momentum nesterov adagrad rmsprop adam").split(), 72),
        # frozen means the hidden layers; floor on relu is leaky_backward where no output differs
        "location": {"none": 54, "all": 2 * 6 * 3 * 6, "hidden": 7 * 3 * 6 + 2 * 3 * 6},
        "gradient": {
            **dict.fromkeys("exact removed constant mean_matched offset frozen".split(), 54),
            "floor": 108 - 12,
            "leaky_backward": 12,
        },
    }.items():
        assert axis_counts(plan, axis) == values, axis
    # 10 rates x 3 seeds, 10 seeds at its own rate, and but for exact 10 at exact's
    assert {planned.tuning for planned in plan.cells} == {30}
    assert Counter(planned.scoring for planned in plan.cells) == {10: 54, 20: 378}
    assert plan.runs == 21_060
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
        assert len(values) >= 10, optimizer
        ratios = [b / a for a, b in itertools.pairwise(values)]
        assert ratios == pytest.approx([10**0.5] * len(ratios), rel=1e-5)
    assert config.protocol.decay
    assert (name == "study") == (config.protocol.refine is not None)


def test_references_come_first_and_once():
    plan = tiny_plan(GRID, {**GRID, "location": "all"})
    first, *others = plan.cells
    assert first.cell.gradient == EXACT
    assert first.reference is None
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
    assert plan.waves(()) == [[planned]]


def test_waves_hold_what_is_not_finished_dear_cells_first():
    grid = {**GRID, "hidden": [[4], [64, 64], [16]]}
    plan = tiny_plan(grid)
    references, others = plan.waves(())
    assert [p.cell.widths for p in references] == ["64-64", "16", "4"]
    assert [p.cell.widths for p in others] == ["64-64"] * 2 + ["16"] * 2 + ["4"] * 2
    left = plan.waves(p.identity for p in references)
    assert left == [others]
    left = plan.waves([references[0].identity, others[-1].identity])
    assert left == [references[1:], others[:-1]]
    assert plan.waves(p.identity for p in plan.cells) == []


def test_costs_grow_with_the_work():
    def seconds(**changes):
        grid = {**GRID, "gradient": "exact", **changes.pop("grid", {})}
        (planned,) = tiny_plan(grid, **{"updates": 1000, **changes}).cells
        return planned.seconds

    base = seconds()
    assert seconds(updates=4000) > 2 * base
    assert seconds(grid={"hidden": [256, 256]}) > 2 * base
    assert seconds(batch_size="full") > base
    assert seconds(dtype="float64") > base
    assert seconds(evaluation_seeds=6) > base


def test_an_optimizer_without_rates(tmp_path, monkeypatch):
    """Only a user's own can lack them: the protocol says where tuning looks, or the record."""
    (tmp_path / "own_optimizer.py").write_text(
        "from dataclasses import replace\n"
        "from study.learning.optimizers import OPTIMIZERS\n"
        "lacks = replace(OPTIMIZERS['sgd'], name='lacks', learning_rates='')\n"
        "has = replace(OPTIMIZERS['sgd'], name='has', learning_rates='1 a decade from 0.1 to 1')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    grid = {**GRID, "optimizer": {"_target_": "own_optimizer.lacks"}}
    with pytest.raises(UsageError, match=r"^protocol\.learning_rates\.lacks is missing$"):
        tiny_plan(grid)
    assert len(tiny_plan(grid, learning_rates={"lacks": [0.1]}).cells) == 3
    (planned, *_) = make_plan(
        tiny_config({**grid, "optimizer": {"_target_": "own_optimizer.has"}})
    ).cells
    assert planned.protocol.learning_rates["has"] == (0.1, 1.0)


def test_a_dataset_that_is_not_what_the_objective_needs():
    grid = {"dataset": ["linnerud", "moons", "wine"], "objective": "unit_cross_entropy"}
    with pytest.raises(UsageError, match=r"grids\[0\]\.dataset: linnerud yields no cell: obj"):
        tiny_plan(grid)
    plan = tiny_plan({**grid, "dataset": ["moons", "wine"]})
    assert len(plan.cells) == 2
