"""R6: removal at the output beside the matching loss, and the minima of one unit."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from pages import fits
from scipy.optimize import minimize_scalar
from scipy.special import expit

from reports import style
from reports.questions.r6_matching_losses import figure, measure
from reports.questions.r6_matching_losses.table import minima, tables
from study.learning.core.stack import Stack
from study.learning.core.training import initial
from study.learning.problem import unscored


@pytest.mark.parametrize("unit", measure.MATCHING)
def test_both_trainings_take_the_steps_of_the_loss_itself(unit):
    """In float64, to 1e-12; the third training has no backward pass in common with them."""
    removed, matching = measure.both((5,), unit, "sgd")
    one, other = (measure.weights(design, "sgd", 30, None) for design in (removed, matching))
    assert np.abs(one - other).max() <= 1e-12
    problem = measure.posed(removed)
    own = initial(removed, problem, measure.SEEDS[:1])[0]
    for _ in range(30):
        slope = measure.derivative(unit, (4, 5, 3), own, problem.inputs[0], problem.targets[0])
        own = own - measure.RATES["sgd"] * slope
    assert np.abs(one[0] - own).max() <= 1e-12
    assert np.abs(own - initial(removed, problem, measure.SEEDS[:1])[0]).max() > 0.1
    with_slope = measure.weights(measure.both((5,), unit, "adam")[0], "adam", 30, None)
    assert np.abs(with_slope - one).max() > 0.01, "another optimizer goes elsewhere"


def test_the_loss_of_tanh_is_ln_2_cosh_z_less_t_z_at_any_size():
    z, t = np.array([[0.3, -1.2, 4.0, 1e5, -1e5]]), np.array([[0.8, -0.8, -0.8, 0.8, 0.8]])
    design = measure.both((), "tanh", "sgd")[1]
    stack = Stack(unscored(z.T, t.T, "regression"), design, [1], np.array([[1.0, 0.0]]))
    plain = [math.log(2.0 * math.cosh(a)) - b * a for a, b in zip(z[0, :3], t[0, :3], strict=True)]
    expected = (sum(plain) + 0.2e5 + 1.8e5) / 5
    assert stack.objective()[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("rule", ["exact", "removed"])
def test_minima_are_where_the_loss_of_one_weight_is_lowest_around(rule):
    """By a search along the loss, not by its slope."""

    def loss(w, far):
        if rule == "exact":
            return (expit(w) - 0.9) ** 2 + (expit(far * w) - 0.1) ** 2
        entropy = [np.logaddexp(0, z) - t * z for z, t in ((w, 0.9), (far * w, 0.1))]
        return sum(entropy)

    for far, at in ((4.0, 0), (6.0, 1)):
        ends = {
            round(float(minimize_scalar(loss, (a, a + 0.2), args=(far,)).x), 3)
            for a in (-1.0, 0.0, 1.6, 2.4)
        }
        assert {round(point[at], 3) for point in minima(2, rule)} == ends
    assert len(minima(3, rule)) == (8 if rule == "exact" else 1)


def runs(found):
    """Make up trainings: with the slope they end at `found` of each input's minima."""
    rows = []
    for inputs in (1, 2, 3, 4):
        for rule in ("exact", "removed"):
            ends = list(minima(inputs, rule).values())[: found if rule == "exact" else 1]
            for end in ends:
                rows.append((inputs, rule, end + 1e-6))
    frame = pd.DataFrame(rows, columns=["dataset.inputs", "gradient", "final_objective"])
    frame["dataset"], frame["hidden"] = "local_minima", "none"
    return SimpleNamespace(runs=SimpleNamespace(frame=frame))


def test_table_and_page_count_what_was_found():
    made = tables(runs(16))
    counts = made["local_minima"].set_index(["inputs", "gradient"])
    assert list(counts["found"]) == [2, 1, 4, 1, 8, 1, 16, 1]
    assert set(counts["verdict"]) == {"reproduced"}
    assert set(made["matching_losses"]["verdict"]) == {"identical"}
    fewer = tables(runs(3))["local_minima"].set_index(["inputs", "gradient"])
    assert fewer.loc[(4, "exact"), "verdict"] == "not reproduced"
    with style.theme():
        page = next(figure.pages(runs(16)))
        page.draw_without_rendering()
        fits(page)
    assert "has 16 local minima" in style.message_of(page)
    assert "has 3 local minima" in figure.message(figure.starts(runs(3).runs.frame))
