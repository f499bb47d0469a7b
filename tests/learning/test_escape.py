"""Escape: the law of one unit, and nets that begin wrongly saturated."""

import itertools

import numpy as np
import pytest
from scipy.integrate import quad
from small_nets import Patterns, design, posed, rule_of

from study import datasets
from study.learning.core.training import train
from study.learning.design import Budget
from study.learning.diagnostics.escape import one_unit_law

FACTORS = {  # rule -> its factor on the logistic, as a function of y
    "exact": lambda y: y * (1.0 - y),
    "removed": lambda y: 1.0,
    "offset": lambda y: y * (1.0 - y) + 0.025,  # 0.1 of m
    "floor": lambda y: max(y * (1.0 - y), 0.025),
}


@pytest.mark.parametrize("name", FACTORS)
def test_the_law_is_the_integral(name):
    """∫ dz / (η κ (t - y) φ) from -z0 to 0, by quadrature."""
    for distance, target in itertools.product((0.5, 2.0, 6.0, 9.0), (0.6, 0.9, 0.99)):

        def wait(z, target=target):
            y = 1.0 / (1.0 + np.exp(-z))
            return 1.0 / (0.2 * 3.0 * (target - y) * FACTORS[name](y))

        knee = [-2.5, -1.5, -0.5] if distance > 2.5 else None
        expected = quad(wait, -distance, 0.0, points=knee, limit=500)[0]
        found = one_unit_law(distance, 0.2, rule_of(name), target, sensitivity=3.0)
        assert found == pytest.approx(expected, rel=1e-5), (distance, target)
    assert one_unit_law(3.0, 1.0, rule_of("frozen")) == np.inf


@pytest.mark.parametrize("name", FACTORS)
def test_a_wrongly_saturated_unit_escapes_as_slowly_as_the_law_says(name):
    """One logistic unit from z = -z0 to 0, target 0.9, without inputs: its bias alone moves."""
    x, t, rate = np.zeros((2, 1)), np.ones((2, 1)), 0.2
    plan = design((), "logistic", gradient=name, location="output")
    problem = posed(plan, Patterns(x, t, x, t))
    budget = Budget(updates=15_000, batch_size=None, decay=False, checkpoints=800, probes=0)
    start = np.array([[0.0, -2.0], [0.0, -6.0]])
    outcome = train(problem, plan, budget, [0], [rate] * 2, start=start)
    passed = outcome.curves["objective"] <= 0.5 * 0.4**2  # where z passes 0
    assert passed.any(axis=1).all()
    expected = [one_unit_law(z0, rate, rule_of(name), 0.9) for z0 in (2.0, 6.0)]
    np.testing.assert_allclose(outcome.updates[passed.argmax(axis=1)], expected, rtol=0.05)
    quotient = expected[1] / expected[0]
    assert quotient > 20.0 if name == "exact" else quotient < 12.0


def escape(distance, updates):
    start = {"wrongly_saturated": {"distance": distance}}
    plan = design((4,), "logistic", location="all", initialisation=start)
    problem = posed(plan, *[datasets.load("escape", seed) for seed in (1, 2, 3)])
    budget = Budget(updates=updates, batch_size=None, decay=False, checkpoints=60, probes=0)
    return problem, train(problem, plan, budget, [1, 2, 3], [1.0])


def test_what_is_constant_and_what_is_solved():
    problem, outcome = escape(2.0, 300)
    assert np.all(problem.targets == 0.9) and problem.inputs.shape == (3, 32, 4)
    assert problem.constant == pytest.approx(0.5 * 0.8**2) and np.all(problem.optimum == 0.0)
    assert (outcome.outcome == "solved").all() and not outcome.failed.any()
    _, stays = escape(6.0, 20)
    assert (stays.outcome == "stuck").all() and np.isnan(stays.updates_to_target).all()
    # with a cross-entropy the other value is inside the bounds
    plan = design((4,), "logistic", "unit_cross_entropy")
    problem = posed(plan, datasets.load("escape", 1))
    assert problem.constant == pytest.approx(-np.log(0.1))
