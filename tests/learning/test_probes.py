"""Probes against oracles: cosines, saturation, norms, at the start of a training."""

import numpy as np
import pytest
from oracles import network
from oracles import training as oracle
from oracles.activations import curve_of
from small_nets import small

from study.learning.core.training import train
from study.learning.design import Budget
from study.learning.diagnostics.probes import norm
from study.learning.initialisations import initial_parameters


def cosine(a, b):
    return float(np.dot(a, b) / np.sqrt(np.dot(a, a) * np.dot(b, b)))


def sides(net, inputs, curve):
    """Return y minus the middle, of half the range, for every hidden unit and pattern."""
    outs = np.array(network.flat(net.forward(inputs)[1][1:-1]))
    return (2.0 * outs - curve.low - curve.high) / (curve.high - curve.low)


def expected_probes(plan, problem, flat, seed, most=256):
    """Return the probes of one network at update 0, on the first patterns."""
    inputs = problem.inputs[0][:most].tolist()
    targets = problem.targets[0][:most].tolist()
    net = oracle.net_of(plan, problem, flat)
    net.means = net.mean_slopes(problem.inputs[0].tolist())
    modified = net.gradient(inputs, targets, oracle.rule_of(plan), seed, step=0)
    used = np.array(network.flat(modified))
    true = np.array(network.flat(net.gradient(inputs, targets, network.Rule())))
    first = (problem.widths[0] + 1) * plan.hidden[0]
    curve, bounded = curve_of(plan.activation), plan.activation.bounded
    slopes = [
        abs(curve.slope(z)) <= 0.01 * curve.largest
        for z in network.flat(net.forward(inputs)[0][:-1])
    ]
    return {
        "decided": (np.abs(sides(net, inputs, curve)) > 0.9).mean() if bounded else np.nan,
        "flips_decided": np.nan,
        "flips_undecided": np.nan,
        "descent_cosine": cosine(used, true),
        "descent_cosine_first": cosine(used[:first], true[:first]),
        "saturated": sum(slopes) / len(slopes),
        "gradient_norm": float(np.sqrt((used**2).sum())),
        "exact_gradient_norm": float(np.sqrt((true**2).sum())),
        "weight_norm": float(np.sqrt((np.asarray(flat) ** 2).sum())),
    }


CASES = [
    ("tanh", "removed", "output", "squared_error", 20),
    ("tanh", "mean_matched", "all", "squared_error", 20),
    ("logistic", "floor", "hidden", "cross_entropy", 20),
    ("relu", "leaky_backward", "hidden", "linear_squared_error", 20),
    ("tanh", "shuffled_units", "hidden", "squared_error", 300),  # more than a probe batch
    ("tanh", "mean_matched", "all", "squared_error", 300),  # prepared on all of them
]


@pytest.mark.parametrize(("activation", "gradient", "location", "objective", "n"), CASES)
def test_probes_equal_the_oracles(activation, gradient, location, objective, n):
    problem, plan = small((5, 4), activation, objective, gradient, location, gain=4.0, n=n)
    budget = Budget(updates=1, batch_size=4, probes=2, dtype="float64")
    outcome = train(problem, plan, budget, [1, 2], [0.0, 0.0])
    for r, seed in enumerate((1, 1, 2, 2)):
        flat = initial_parameters(plan.initialisation, plan.gain, (4, 5, 4, 3), seed)
        for name, expected in expected_probes(plan, problem, flat, seed).items():
            found = outcome.curves[name][r, 0]
            assert found == pytest.approx(expected, rel=1e-9, nan_ok=True), name
    assert 0.0 < outcome.curves["saturated"][0, 0] < 1.0 or activation == "logistic"


def test_norms_of_float32_do_not_overflow():
    rows = np.array([[3e30, 4e30], [3e-30, 4e-30], [np.nan, 0.0]], np.float32)
    found = norm(rows)
    assert found[:2] == pytest.approx([5e30, 5e-30], rel=1e-6) and np.isnan(found[2])


@pytest.mark.parametrize("activation", ["logistic", "tanh"])
def test_who_changes_sides(activation):
    """Against the oracle: since the probe before, and with a given start since that."""
    problem, plan = small((5, 4), activation, gain=6.0, n=40)
    same = {"batch_size": 8, "decay": False, "dtype": "float64"}
    budget = Budget(updates=64, checkpoints=4, probes=3, **same)
    begin, curve = (plan.initialisation, 6.0, (4, 5, 4, 3)), curve_of(plan.activation)
    start = np.stack([initial_parameters(*begin, seed) for seed in (1, 2)])
    for given in (None, start):
        outcome = train(problem, plan, budget, [1, 2], [2.0], start=given)
        probed = [u for u in outcome.updates.tolist() if u in budget.probed()]
        states = [start]
        for mark in probed[1:]:
            part = Budget(updates=mark, probes=0, **same)
            states.append(train(problem, plan, part, [1, 2], [2.0]).parameters)
        for at in range(1, len(probed)):
            before = states[0] if given is not None else states[at - 1]
            column = outcome.updates.tolist().index(probed[at])
            for r in range(2):
                was, now = (
                    sides(oracle.net_of(plan, problem, w[r]), problem.inputs[0], curve)
                    for w in (before, states[at])
                )
                flipped = (was > 0) != (now > 0)
                decided = np.abs(was) > 0.9
                for name, among in (("decided", decided), ("undecided", ~decided)):
                    found = outcome.curves[f"flips_{name}"][r, column]
                    assert found == pytest.approx(flipped[among].mean(), rel=1e-12)
        assert np.nanmax(outcome.curves["flips_undecided"]) > 0.0


def test_path_length_is_the_distance_moved():
    problem, plan = small(n=14)
    start = np.random.default_rng(0).normal(size=(2, 64))
    outcome = train(problem, plan, Budget(updates=9, batch_size=4), [1, 2], [0.3], start=start)
    expected = np.linalg.norm(outcome.parameters - start.astype(np.float32), axis=1)
    assert outcome.path_length == pytest.approx(expected, rel=1e-5) and (expected > 0.0).all()
