"""Trainings that end when they have learnt: what a study refuses, stores and chooses."""

import numpy as np
import pytest
from small_studies import tiny_plan

from study.ablation.running.jobs import Jobs
from study.ablation.running.worker import train_cell
from study.errors import UsageError

GRID = {
    **{"dataset": {"encoder": {"size": 4}}, "hidden": [3], "activation": "logistic"},
    "objective": {"unit_squared_error": {"dead_zone": 0.1}},
}
LEARNS = {"batch_size": "full", "learnt_within": 0.4, "decay": False, "updates": 200}


def test_what_is_refused_is_said_in_one_line():
    for changes, said in [
        ({"learnt_within": 0.4}, "it needs protocol.batch_size=full, not 3"),
        ({"tuned_by": "learnt_at", "batch_size": "full"}, "needs protocol.learnt_within"),
        ({"learnt_within": 2}, "protocol.learnt_within = 2 is out of range: 0.001 to 1"),
        ({"learnt_within": "near"}, "protocol.learnt_within takes a number, not 'near'"),
    ]:
        with pytest.raises(UsageError) as refused:
            tiny_plan(GRID, **{"batch_size": 3, **changes})
        assert said in str(refused.value) and "\n" not in str(refused.value)


def test_a_rate_is_chosen_by_the_updates_until_learnt():
    """The objective of trainings that end when they have learnt would choose another rate."""
    rates = {"sgd": [0.01, 4.0, 12.0]}
    plan = tiny_plan(GRID, **LEARNS, tuned_by="learnt_at", learning_rates=rates)
    runs = train_cell(Jobs(plan).take()).runs.to_pandas()
    tried = runs[runs["stage"] == "tune"].fillna({"learnt_at": 200}).groupby("learning_rate")
    best = tried["learnt_at"].mean().idxmin()
    scored = runs[runs["stage"] == "evaluate"]
    assert (scored["learning_rate"] == best).all() and best != 0.01
    assert scored["learnt_at"].between(1, 199).all()
    assert scored["objective.dead_zone"].eq(0.1).all()


def test_runs_that_nobody_asks_say_nothing():
    plan = tiny_plan(GRID, **{**LEARNS, "learnt_within": None})
    runs = train_cell(Jobs(plan).take()).runs.to_pandas()
    assert runs["learnt_at"].isna().all() and np.isfinite(runs["path_length"]).all()


def test_scipys_optimizer_does_not_count():
    grid = {**GRID, "optimizer": "lbfgs"}
    with pytest.raises(UsageError, match="scipy's lbfgs does not take it"):
        tiny_plan(grid, **{**LEARNS, "dtype": "float64"})
