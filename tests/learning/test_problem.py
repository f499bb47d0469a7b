"""How data is posed: encodings, the best constant and the best possible, by brute force."""

import numpy as np
import pytest
from oracles.objectives import TERMS
from scipy.optimize import minimize
from small_nets import Patterns, design, patterns, posed

from study.errors import UsageError
from study.learning.problem import pose


def best_constant(name, t):
    """Minimise over one output for all the patterns, without a formula for the best."""
    k = t.shape[1]

    def output(p):
        if "squared" in name:
            return p
        if name == "cross_entropy" and k > 1:
            return np.exp(p) / np.exp(p).sum()
        return 1.0 / (1.0 + np.exp(-p))

    def loss(p):
        y = np.clip(output(p), 1e-12, 1.0 - 1e-12) if "cross" in name else output(p)
        return np.mean([TERMS[name](y, row) for row in t])

    options = {"xatol": 1e-10, "fatol": 1e-13, "maxiter": 20_000}
    return minimize(loss, np.full(k, 0.1), method="Nelder-Mead", options=options).fun


def best_possible(name, x, t):
    """Give each distinct input its own best output: the mean over groups of their constants."""
    total = 0.0
    for row in {tuple(r) for r in x.tolist()}:
        at = np.array([tuple(r) == row for r in x.tolist()])
        if len(np.unique(t[at], axis=0)) > 1:
            total += at.sum() * best_constant(name, t[at])
    return total / len(x)


def conflicting(task, outputs, copies=3):
    """Draw inputs of which some occur several times, with different targets."""
    data = patterns(task, outputs=outputs, n=15)
    inputs, targets = data.inputs.copy(), data.targets.copy()
    inputs[5 : 5 + copies] = inputs[5]
    inputs[9:11] = inputs[9]
    if outputs == 1:
        targets[5:8, 0], targets[9:11, 0] = (0.0, 1.0, 1.0), (1.0, 0.0)
    return Patterns(inputs, targets, data.test_inputs, data.test_targets, task=task)


EVERY = ("squared_error", "linear_squared_error", "cross_entropy", "unit_cross_entropy")
CASES = [("classification", objective, 3) for objective in EVERY]
CASES += [("classification", objective, 1) for objective in ("squared_error", "cross_entropy")]
CASES += [("multilabel", objective, 2) for objective in ("squared_error", "unit_cross_entropy")]
CASES += [("regression", objective, 2) for objective in EVERY[:2]]


@pytest.mark.parametrize(("task", "objective", "outputs"), CASES)
def test_constant_and_optimum_by_brute_force(task, objective, outputs):
    data = conflicting(task, outputs)
    problem = posed(design(objective=objective), data)
    t = problem.targets[0]
    assert problem.constant[0] == pytest.approx(best_constant(objective, t), rel=1e-6)
    optimum = best_possible(objective, data.inputs, t)
    assert 0.0 < optimum < problem.constant[0]
    assert problem.optimum[0] == pytest.approx(optimum, rel=1e-6, abs=1e-9)
    distinct = posed(design(objective=objective), patterns(task, outputs=outputs))
    assert distinct.optimum[0] == pytest.approx(0.0, abs=1e-12)


def test_minus_zero_is_the_same_input():
    x, t = np.array([[0.0], [-0.0], [1.0], [2.0]]), np.array([[0.0], [1.0], [0.0], [1.0]])
    problem = posed(design(), Patterns(x, t, x, t))
    assert problem.optimum == pytest.approx([0.5 * 0.64 * 2 / 4])


@pytest.mark.parametrize(
    ("activation", "objective", "outputs", "expected"),
    [
        ("logistic", "squared_error", 3, (0.1, 0.9)),
        ("relu", "squared_error", 3, (0.1, 0.9)),  # the output is logistic
        ("scaled_tanh", "squared_error", 1, (-1.0, 1.0)),
        ("tanh", "cross_entropy", 1, (0.0, 1.0)),
        ("tanh", "unit_cross_entropy", 3, (0.0, 1.0)),
    ],
)
def test_class_targets(activation, objective, outputs, expected):
    data = patterns(outputs=outputs)
    problem = posed(design(activation=activation, objective=objective), data)
    for part in ("targets", "test_targets"):
        t = np.array(expected)[getattr(data, part).astype(int)]
        np.testing.assert_allclose(getattr(problem, part)[0], t)
    assert problem.threshold == pytest.approx(np.mean(expected))


def test_real_targets_of_squashed_outputs_span_the_two_target_values():
    """The training range of each output goes to ±0.8, and the test part by the same line."""
    data = patterns("regression", outputs=2)
    problem = posed(design(), data)
    train, test = problem.targets[0], problem.test_targets[0]
    np.testing.assert_allclose(train.min(axis=0), -0.8)
    np.testing.assert_allclose(train.max(axis=0), 0.8)
    for k in range(2):
        slope, offset = np.polyfit(data.targets[:, k], train[:, k], 1)
        np.testing.assert_allclose(slope * data.test_targets[:, k] + offset, test[:, k])


def test_a_target_that_never_changes_does_not_divide_by_zero():
    data = patterns("regression", outputs=2)
    data.targets[:, 1] = 3.0
    assert np.isfinite(posed(design(), data).targets).all()


def test_an_objective_that_does_not_fit():
    unfit = [("regression", "cross_entropy"), ("regression", "unit_cross_entropy")]
    for task, name in [*unfit, ("multilabel", "cross_entropy")]:
        with pytest.raises(UsageError, match=f"'{name}' does not fit 'small': that is {task}"):
            posed(design(objective=name), patterns(task, outputs=2))


def test_one_data_set_for_each_seed():
    sets = [conflicting("classification", 3), patterns(n=15, seed=7)]
    plan = design()
    both = pose(sets, plan.objective, plan.output(3))
    for s, data in enumerate(sets):
        alone = pose([data], plan.objective, plan.output(3))
        for part in ("inputs", "targets", "test_inputs", "test_targets", "constant", "optimum"):
            assert np.array_equal(getattr(both, part)[s], getattr(alone, part)[0]), part
    assert both.widths == (4, 3)
