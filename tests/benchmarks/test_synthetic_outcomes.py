"""Outcomes that nobody trained look like a worker's, and every record has a step to be timed."""

from dataclasses import replace

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from benchmarks import plans, synthetic, variants
from study.ablation.planning.plan import make_plan
from study.learning.activations import ACTIVATIONS
from study.learning.optimizers import OPTIMIZERS
from study.learning.rules import GRADIENTS


@pytest.fixture(scope="module")
def plan():
    config = plans.configuration(
        ["experiment=smoke", "only.optimizer=[sgd]", "only.activation=[tanh]"]
    )
    return make_plan(replace(config, experiment="synthetic"))


def test_cells_have_the_runs_that_the_plan_counts(plan):
    cells = list(synthetic.finished_cells(plan))
    assert [c.cell for c in cells] == [p.identity for p in plan.cells]
    for cell, planned in zip(cells, plan.cells, strict=True):
        runs = cell.runs.to_pandas()
        assert len(runs) == planned.runs
        assert runs["replica"].is_unique
        assert set(cell.curves["replica"].to_pylist()) == set(runs["replica"])
        stages = {"tune", "evaluate"} | ({"transfer"} if planned.reference else set())
        assert set(runs["stage"]) == stages
        assert set(runs["gradient"]) == {planned.cell.gradient.name}
        broken = runs["outcome"] == "diverged"
        assert broken.any() and not broken.all()
        assert np.array_equal(broken, runs["final_objective"].isna())


def test_the_same_plan_gives_the_same_numbers(plan):
    first, second = (next(iter(synthetic.finished_cells(plan))) for _ in range(2))
    assert_frame_equal(first.runs.to_pandas(), second.runs.to_pandas())
    assert_frame_equal(first.curves.to_pandas(), second.curves.to_pandas())


def test_a_plan_is_cut_at_so_many_trainings(plan):
    runs = plan.cells[0].runs
    assert len(plans.cut(plan, runs=runs).cells) == 1
    assert len(plans.cut(plan, runs=runs + 1).cells) == 2
    assert len(plans.cut(plan, cells=2).cells) == 2


def test_every_record_has_a_design():
    found = [what for what, _ in variants.designs()]
    names = {(kind, name.partition(" ")[0]) for kind, name in found}
    assert len(names) == len(found)
    assert names == {
        *(("activation", name) for name in ACTIVATIONS),
        *(("gradient", name) for name in GRADIENTS if name != "exact"),
        *(("optimizer", name) for name in OPTIMIZERS if name != "sgd"),
    }
