"""Probes against slow twins: cosines, saturation, norms, at the start of a training."""

import numpy as np
import pytest
import reference
import reference_training as twin
from small_nets import design, patterns, posed, reference_curve

from study.learning.initialisations import initial_parameters
from study.learning.probes import PROBES, norm
from study.learning.training import Budget, train


def cosine(a, b):
    return float(np.dot(a, b) / np.sqrt(np.dot(a, a) * np.dot(b, b)))


def twins_probes(plan, problem, flat, seed, most=256):
    """Return the probes of one network at update 0, on the first patterns."""
    inputs = problem.inputs[0][:most].tolist()
    targets = problem.targets[0][:most].tolist()
    net = twin.net_of(plan, problem, flat)
    net.means = net.mean_slopes(problem.inputs[0].tolist())
    used = np.array(
        reference.flat(net.gradient(inputs, targets, twin.rule_of(plan), seed, step=0))
    )
    true = np.array(reference.flat(net.gradient(inputs, targets, reference.Rule())))
    first = (problem.widths[0] + 1) * plan.hidden[0]
    curve = reference_curve(plan.activation)
    slopes = [
        abs(curve.slope(z)) <= 0.01 * curve.largest
        for layer in net.forward(inputs)[0][:-1]
        for row in layer
        for z in row
    ]
    return {
        "descent_cosine": cosine(used, true),
        "descent_cosine_first": cosine(used[:first], true[:first]),
        "saturated": sum(slopes) / len(slopes),
        "gradient_norm": float(np.sqrt((used**2).sum())),
        "exact_gradient_norm": float(np.sqrt((true**2).sum())),
        "weight_norm": float(np.sqrt((np.asarray(flat) ** 2).sum())),
    }


CASES = [
    ("tanh", "removed", "hidden", "squared_error", 20),
    ("tanh", "removed", "all", "squared_error", 20),
    ("tanh", "removed", "output", "squared_error", 20),
    ("tanh", "random", "all", "squared_error", 20),
    ("tanh", "mean_matched", "all", "squared_error", 20),
    ("logistic", "floor", "hidden", "cross_entropy", 20),
    ("relu", "leaky_backward", "hidden", "linear_squared_error", 20),
    ("silu", "power", "hidden", "unit_cross_entropy", 20),
    ("tanh", "shuffled_units", "hidden", "squared_error", 300),  # more than a probe batch
    ("tanh", "mean_matched", "all", "squared_error", 300),  # prepared on all of them
]


@pytest.mark.parametrize(("activation", "gradient", "location", "objective", "n"), CASES)
def test_probes_equal_the_twins(activation, gradient, location, objective, n):
    plan = design((5, 4), activation, objective, gradient, location, gain=4.0)
    problem = posed(plan, patterns(n=n))
    budget = Budget(updates=1, batch_size=4, probes=2, dtype="float64")
    outcome = train(problem, plan, budget, [1, 2], [0.0, 0.0])
    for r, seed in enumerate((1, 1, 2, 2)):
        flat = initial_parameters(plan.initialisation, plan.gain, (4, 5, 4, 3), seed)
        for name, expected in twins_probes(plan, problem, flat, seed).items():
            assert outcome.curves[name][r, 0] == pytest.approx(expected, rel=1e-9), name
    assert 0.0 < outcome.curves["saturated"][0, 0] < 1.0 or activation == "logistic"


def test_exact_descends_exactly():
    plan = design((5, 4))
    outcome = train(posed(plan, patterns()), plan, Budget(updates=20, batch_size=4), [1], [0.1])
    for name in ("descent_cosine", "descent_cosine_first"):
        found = outcome.curves[name][np.isfinite(outcome.curves[name])]
        np.testing.assert_allclose(found, 1.0, atol=1e-12)
    assert np.array_equal(
        outcome.curves["gradient_norm"], outcome.curves["exact_gradient_norm"], equal_nan=True
    )


def test_frozen_has_no_direction_in_the_first_layer():
    plan = design((5, 4), gradient="frozen")
    outcome = train(posed(plan, patterns()), plan, Budget(updates=5, batch_size=4), [1], [0.1])
    assert np.isnan(outcome.curves["descent_cosine_first"][0, -1])
    assert 0.0 < outcome.curves["descent_cosine"][0, -1] < 1.0


def test_dead_units_count_as_saturated():
    """relu with every net input below 0."""
    plan = design((5,), "relu", "linear_squared_error")
    problem = posed(plan, patterns(n=8))
    start = np.zeros((1, 5 * 5 + 6 * 3))
    start[0, 20:25] = -1.0  # the biases of the hidden units
    outcome = train(problem, plan, Budget(updates=1, batch_size=4), [1], [0.0], start=start)
    assert outcome.curves["saturated"][0, 0] == 1.0
    start[0, 20:23] = 1.0
    outcome = train(problem, plan, Budget(updates=1, batch_size=4), [1], [0.0], start=start)
    assert outcome.curves["saturated"][0, 0] == pytest.approx(2.0 / 5.0)


def test_no_hidden_layer_has_no_saturation():
    plan = design(())
    outcome = train(posed(plan, patterns()), plan, Budget(updates=2, batch_size=4), [1], [0.1])
    assert np.isnan(outcome.curves["saturated"][0, -1])
    assert np.isfinite(outcome.curves["gradient_norm"][0, -1])


def test_norms_of_float32_do_not_overflow():
    rows = np.array([[3e30, 4e30], [3e-30, 4e-30], [np.nan, 0.0]], np.float32)
    found = norm(rows)
    assert found[:2] == pytest.approx([5e30, 5e-30], rel=1e-6) and np.isnan(found[2])


def test_objective_of_a_large_set_is_its_mean():
    """Chunks of 256 and what is left: the mean over all patterns, not over chunks."""
    for n in (255, 256, 257, 600):
        plan = design((5,), "tanh", "cross_entropy")
        problem = posed(plan, patterns(n=n))
        budget = Budget(updates=1, batch_size=4, dtype="float64")
        outcome = train(problem, plan, budget, [1], [0.0])
        net = twin.net_of(plan, problem, outcome.parameters[0])
        y = np.array(net.forward(problem.inputs[0].tolist())[1][-1])
        expected = -(problem.targets[0] * np.log(y)).sum(axis=1).mean()
        assert outcome.initial_objective[0] == pytest.approx(expected, rel=1e-10)


def test_every_probe_is_tested():
    plan = design((5, 4))
    problem = posed(plan, patterns())
    flat = initial_parameters(plan.initialisation, 1.0, (4, 5, 4, 3), 1)
    assert set(twins_probes(plan, problem, flat, 1)) == {*PROBES, "weight_norm"}
