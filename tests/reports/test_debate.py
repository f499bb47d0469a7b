"""R5: where steps go uphill, how curves move, and how sentences decide a position."""

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from pages import fits

from reports import style
from reports.questions.r5_debate_1993 import figure, measure, table
from study.evidence.statistics import Interval
from study.learning.core.stack import Stack
from study.learning.design import named_design
from study.learning.problem import unscored


def after_a_step(design, problem, nets, length=1e-5):
    """Return by how much a small step under the rule changes the objective of each net, (R,)."""
    stack = Stack(problem, design, list(range(len(nets))), nets)
    step = stack.gradient(stack.rules, problem.inputs.shape[1])
    step *= length / np.linalg.norm(step, axis=1, keepdims=True)
    moved = Stack(problem, design, list(range(len(nets))), nets - step)
    return moved.objective() - stack.objective()


@pytest.mark.parametrize(("hidden", "location"), [((3, 3), "all"), ((3, 3), "hidden")])
def test_a_step_goes_uphill_where_the_objective_rises_after_it(hidden, location):
    """Weights are wide enough to saturate, as in Miller's example."""
    design = named_design(hidden, "logistic", gradient="removed", location=location)
    problem = unscored(np.array([[0.7]]), np.array([[0.1]]), "multilabel")
    count = sum((a + 1) * b for a, b in pairwise((1, *hidden, 1)))
    nets = np.random.default_rng(0).uniform(-5, 5, (300, count))
    change = after_a_step(design, problem, nets)
    clear = np.abs(change) > 1e-10  # beyond rounding and the step's own bend
    found = measure.uphill(design, problem, nets)
    assert clear.sum() > 200 and 0 < found[clear].sum() < 150
    assert (found[clear] == (change[clear] > 0)).all()


def test_millers_own_net_has_such_states_and_they_are_rare():
    """It is 1-1-2-1; in 20,000 nets with weights from U(-10, 10) a step goes uphill in 1.5 %."""
    design = named_design((1, 2), "logistic", gradient="removed", location="all")
    problem = unscored(np.array([[0.7]]), np.array([[0.1]]), "multilabel")
    nets = np.random.default_rng(0).uniform(-10, 10, (20_000, 9))
    assert measure.uphill(design, problem, nets).sum() == 296


def test_with_one_hidden_layer_and_one_output_no_pattern_is_made_worse():
    for location in ("hidden", "all"):
        design = named_design((6,), "logistic", gradient="removed", location=location)
        rng = np.random.default_rng(1)
        x, t = rng.normal(size=(200, 1, 3)), rng.uniform(0.1, 0.9, (200, 1, 1))
        problem = replace(unscored(x[0], t[0], "multilabel"), inputs=x, targets=t)
        assert not measure.uphill(design, problem, rng.uniform(-5, 5, (200, 31))).any()


def test_movement_counts_rises_and_the_swing():
    rises, swing = measure.movement(np.array([[4.0, 3.0, 2.0, 1.0], [2.0, 3.0, 2.0, 3.0]]))
    assert list(rises) == pytest.approx([0.0, 2 / 3]) and list(swing) == [3.0, 0.5]


def test_a_sentence_is_true_if_its_whole_interval_is_beyond_the_margin():
    more = table.Test("who", "position", "sentence", "points", 10.0, above=True)
    less = table.Test("who", "position", "sentence", "points", 10.0, above=False)
    cases = {(11, 20): ("yes", "no"), (1, 9): ("no", "yes"), (5, 15): ("open", "open")}
    for (low, high), words in cases.items():
        effect = Interval((low + high) / 2, low, high)
        assert (more.found(effect), less.found(effect)) == words
    assert more.found(Interval(np.nan, np.nan, np.nan)) == "open"
    assert table.verdict(["yes", "yes"]) == "holds"
    assert table.verdict(["yes", "no"]) == table.verdict(["yes", "open"]) == "holds in part"
    assert (
        table.verdict(["no", "no"]) == "does not hold" and table.verdict(["no", "open"]) == "open"
    )


def made_up(constant_solves):
    """Make runs of every arm: a constant solves the harder tasks in that share of 40 seeds."""
    rng, rows = np.random.default_rng(0), []
    arms = [(task, rule, False, True) for task in figure.TASKS for rule in figure.LOOKS]
    arms += [(task, rule, True, True) for task in table.BRANCHED for rule in ("exact", "removed")]
    arms += [(task, rule, False, False) for task in table.STILL for rule in ("exact", "offset")]
    for (dataset, hidden), rule, branched, decay in arms:
        share = constant_solves if rule == "removed" and dataset != "encoder" else 1.0
        for seed in range(40):
            solved = seed < 40 * share
            rows.append(
                {
                    **{"dataset": dataset, "hidden": hidden, "gradient": rule, "seed": seed},
                    **{"stage": "evaluate", "activation": "logistic", "optimizer": "sgd"},
                    **{"objective": "squared_error", "updates": 2000, "decay": decay},
                    "location": "none" if rule == "exact" else "all",
                    "batch_size": "full" if dataset == "encoder" or not decay else "32",
                    "branch.rate": "equal_path" if branched else None,
                    "gradient.amount": 0.4 if rule == "offset" else np.nan,
                    "outcome": "solved" if solved else "plateau",
                    "final_objective": (1 if solved else 30) * 1e-3 * rng.uniform(0.9, 1.1),
                    **{"constant_objective": 0.08, "optimum": 0.0, "failed": False},
                    "weight_norm": (20 if rule == "removed" else 10) * rng.uniform(0.9, 1.1),
                    "flips_decided": 0.0 if rule == "exact" else 0.02,
                }
            )
    return SimpleNamespace(runs=SimpleNamespace(frame=pd.DataFrame(rows)))


def test_table_and_page_follow_the_runs():
    made = table.tables(made_up(0.2))["debate_1993"].groupby("who").first()["verdict"]
    assert made[["Withagen", "Kolen", "Bolt"]].tolist() == ["holds", "holds", "holds"]
    other = table.tables(made_up(1.0))["debate_1993"].groupby("who").first()["verdict"]
    assert other["Withagen"] == "holds in part"
    with style.theme():
        page = next(figure.pages(made_up(0.2)))
        page.draw_without_rendering()
        fits(page)
    assert "Withagen" in style.message_of(page)
