"""Twins: F' = φ, F(0) = f(0), nets with them are true gradients, and the 2×2 is one."""

import math

import numpy as np
import pytest
from small_nets import design, label, patterns, posed, rule_of
from stacks import Network, objective_of, sites_of, slopes, values, workspace

from study.errors import UsageError
from study.learning.activations import ACTIVATIONS, bound_activation
from study.learning.activations.matched import (
    closed_form,
    has_twin,
    kinks_of,
    no_twin,
    original_slope,
    twin_of,
)
from study.learning.core.placement import factor_of
from study.learning.core.training import Budget, outputs, train
from study.learning.objectives import IDENTITY, OBJECTIVES
from study.learning.rules import EXACT, GRADIENTS
from study.learning.rules.base import Gradient
from study.learning.variants import Variant

SPECS = [
    *(name for name, rule in GRADIENTS.items() if not isinstance(rule.twin, str)),
    {"offset": {"amount": 0.1, "absolute": True}},
    {"floor": {"minimum": 0.4}},
    {"floor": {"minimum": 0.02, "absolute": True}},
    {"power": {"exponent": 2.0}},
    {"constant": {"value": 0.3}},
    {"blend": {"amount": 0.6}},
    {"other_slope": {"factor": 0.5}},
    {"substitute": {"activation": "gelu"}},
    {"substitute": {"activation": "hard_tanh"}},
    {"window": {"threshold": 0.7, "outside": 0.05}},
    {"leaky_backward": {"slope": 0.3}},
]
PAIRS = [
    pytest.param(activation, spec, id=f"{activation}-{label(spec)}")
    for activation in ACTIVATIONS
    for spec in SPECS
    if has_twin(rule_of(spec), bound_activation(activation))
]
each = pytest.mark.parametrize(("activation", "spec"), PAIRS)


def of(activation, spec):
    rule, f = rule_of(spec), bound_activation(activation)
    return rule, f, twin_of(rule, f)


def phi_of(rule, activation, z):
    return factor_of(rule, activation, np.atleast_1d(z)[None])[0]


def allowance(rule, most=0.0):
    """Power ½ magnifies the rounding of 1 - y² in float64, 1e-16, to 1e-8."""
    return 2e-8 if rule.name == "power" and rule.values["exponent"] < 1.0 else max(most, 1e-9)


@each
def test_the_slope_is_phi(activation, spec):
    """Everywhere on |z| <= 40, to 1e-9; at the jumps themselves a side is taken."""
    rule, f, twin = of(activation, spec)
    z = np.concatenate([np.linspace(-39.99, 39.99, 20_011), np.linspace(-4.0, 4.0, 20_011)])
    for kink in kinks_of(rule, f):
        z = z[np.abs(z - kink) > 1e-9]
    found = slopes(twin, z[None], values(twin, z[None]))[0]
    assert np.abs(found - phi_of(rule, f, z)).max() <= allowance(rule)


@each
def test_the_derivative_of_the_value_is_the_slope(activation, spec):
    """By central differences of F away from the kinks."""
    rule, f, twin = of(activation, spec)
    z, h = np.linspace(-8.03, 8.04, 2000), 1e-5
    for kink in kinks_of(rule, f):
        z = z[np.abs(z - kink) > 2.0 * h]
    numeric = (twin.apply(z + h) - twin.apply(z - h)) / (2.0 * h)
    np.testing.assert_allclose(twin.apply_slope(z), numeric, atol=5e-9)


@each
def test_the_value_is_the_integral_across_kinks(activation, spec):
    """F(b) = f(0) + ∫ φ from 0 to b, by Gauss's rule on short pieces that end at the kinks."""
    rule, f, twin = of(activation, spec)
    start = f.apply(np.zeros(1))[0]
    assert twin.apply(np.zeros(1))[0] == pytest.approx(start, abs=1e-14)
    ends = np.unique(np.concatenate([kinks_of(rule, f), np.arange(-220, 221) / 10.0]))
    ends = ends[np.abs(ends) <= 22.0]
    nodes, weights = np.polynomial.legendre.leggauss(12)
    half = 0.5 * np.diff(ends)
    z = ends[:-1, None] + half[:, None] * (1.0 + nodes)
    areas = half * (phi_of(rule, f, z.ravel()).reshape(z.shape) @ weights)
    integral = np.concatenate([[0.0], np.cumsum(areas)])
    integral += start - integral[np.searchsorted(ends, 0.0)]
    assert np.abs(twin.apply(ends) - integral).max() <= 3e-7


@each
def test_float32_agrees_with_float64(activation, spec):
    """So both arms have one φ: to a few units of float32, but for power's magnified rounding."""
    rule, f, twin = of(activation, spec)
    z = np.linspace(-7.9, 8.1, 4001).astype(np.float32)
    for kink in kinks_of(rule, f):
        z = z[np.abs(z - kink) > 1e-5]
    wide = z.astype(np.float64)
    small = 1e-6 if rule.name != "power" or rule.values["exponent"] >= 1.0 else 5e-4
    assert np.abs(twin.apply_slope(z) - twin.apply_slope(wide)).max() <= 1e-6
    assert np.abs(twin.apply_slope(z) - phi_of(rule, f, z)).max() <= small
    assert (np.abs(twin.apply(z) - twin.apply(wide)) / (1.0 + np.abs(wide))).max() <= 2e-6


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@each
def test_nan_and_far_out(activation, spec, dtype):
    _, _, twin = of(activation, spec)
    z = np.array([np.nan, -1e4, 1e4, 41.0, np.nan, -41.0], dtype)
    y, slope = twin.apply(z), twin.apply_slope(z)
    assert np.isnan(y[[0, 4]]).all() and np.isfinite(np.delete(y, [0, 4])).all()
    assert np.isfinite(slope[[1, 2, 3, 5]]).all()
    for side in (1.0, -1.0):  # a straight line beyond 40
        ends = np.array([40.0, 1040.0]) * side
        rise = twin.apply(ends)
        assert rise[1] - rise[0] == pytest.approx(1e3 * side * twin.apply_slope(ends)[1], abs=0.6)


@each
def test_what_is_said_of_a_twin(activation, spec):
    _, _, twin = of(activation, spec)
    z = np.concatenate([np.linspace(-60.0, 60.0, 120_001), [-1e4, 1e4]])
    y, slope = twin.apply(z), twin.apply_slope(z)
    assert twin.largest_slope == pytest.approx(np.abs(slope).max(), rel=1e-5)
    assert twin.rising == bool((slope >= 0.0).all())
    low, high = twin.bounds
    assert low <= y.min() + 1e-6 and y.max() <= high + 1e-6
    assert math.isinf(low) or y.min() == pytest.approx(low, abs=1e-5)
    assert math.isinf(high) or y.max() == pytest.approx(high, abs=1e-5)


CLOSED = {  # from the table, written once more
    ("tanh", "floor"): lambda z: np.sign(z) * _floored(abs(z)),
    ("tanh", "offset"): lambda z: np.tanh(z) + 0.1 * z,
    ("logistic", "offset"): lambda z: 1.0 / (1.0 + np.exp(-z)) + 0.025 * z,
    ("tanh", "power"): lambda z: 2.0 * np.arctan(np.tanh(z / 2.0)),
    ("logistic", "power"): lambda z: np.arctan(np.tanh(z / 4.0)) + 0.5,
    ("tanh", "blend"): lambda z: 0.75 * np.tanh(z) + 0.25 * z,
    ("logistic", "blend"): lambda z: 0.75 / (1.0 + np.exp(-z)) + 0.25 * z + 0.125,
    ("tanh", "other_slope"): lambda z: np.tanh(2.0 * z) / 2.0,
    ("logistic", "other_slope"): lambda z: 0.5 / (1.0 + np.exp(-2.0 * z)) + 0.25,
    ("tanh", "bump"): lambda z: np.sign(z) * (abs(z) - np.log(np.cosh(z))),
    ("relu", "leaky_backward"): lambda z: np.where(z > 0.0, z, 0.1 * z),
    ("logistic", "removed"): lambda z: z + 0.5,
    ("gelu", "constant"): lambda z: 0.5 * z,
}


def _floored(size):
    knee = np.arccosh(1.0 / np.sqrt(0.1))
    return np.where(size <= knee, np.tanh(size), np.tanh(knee) + 0.1 * (size - knee))


@pytest.mark.parametrize(("activation", "name"), CLOSED)
def test_closed_forms(activation, name):
    rule, f, twin = of(activation, name)
    assert closed_form(rule, f) is not None
    z = np.linspace(-6.0, 6.0, 241)
    np.testing.assert_allclose(twin.apply(z), CLOSED[activation, name](z), atol=1e-13)


def test_a_window_without_an_outside_is_hard_tanh():
    rule = rule_of({"window": {"threshold": 1.0 / math.cosh(1.0) ** 2}})
    z = np.linspace(-3.0, 3.0, 121)
    np.testing.assert_allclose(
        twin_of(rule, bound_activation("tanh")).apply(z), np.clip(z, -1.0, 1.0), atol=1e-12
    )


@pytest.mark.parametrize("activation", ["tanh", "logistic"])
@pytest.mark.parametrize(
    "spec",
    ["floor", "offset", {"power": {"exponent": 0.5}}, "blend", "other_slope", "bump", "window"],
    ids=label,
)
def test_the_spline_equals_the_closed_form(activation, spec, monkeypatch):
    from study.learning.activations import matched as twins

    rule, f, closed = of(activation, spec)
    monkeypatch.setattr(twins, "CLOSED", {})
    twins._found.cache_clear()
    spline = twin_of(rule, f)
    twins._found.cache_clear()
    z = np.linspace(-30.0, 30.0, 6011)
    assert spline.table is not None and closed.table is None
    assert np.abs(spline.apply(z) - closed.apply(z)).max() <= max(allowance(rule) * 30.0, 1e-9)


REFUSED = {
    "mean_matched": "another one in every training",
    "scaled": "another one in every training",
    "mean_tracked": "batch",
    "pattern_mean": "batch",
    "unit_mean": "batch",
    "rank_one": "batch",
    "random": "drawn",
    "shuffled_units": "drawn",
    "shuffled_patterns": "drawn",
    "random_sign": "drawn",
    "frozen": "constant",
    "negated_top": "layer to layer",
    "leaky_backward": "relu alone",
    "relu_at_zero": "relu alone",
}


def test_who_has_none_and_why():
    tanh = bound_activation("tanh")
    assert {name for name in GRADIENTS if not has_twin(rule_of(name), tanh)} == set(REFUSED)
    for name, reason in REFUSED.items():
        assert reason in no_twin(rule_of(name), tanh)
        with pytest.raises(UsageError, match=f"{name}.* with tanh has no twin: .*{reason}"):
            twin_of(rule_of(name), tanh)
    assert "one point" in no_twin(rule_of("relu_at_zero"), bound_activation("relu"))
    assert "rounds" in no_twin(rule_of("offset"), bound_activation("relu_rounded"))
    assert "sign" in no_twin(rule_of("power"), bound_activation("silu"))
    own = Variant(Gradient(name="own", formula="", reference=""), {})
    assert "not known" in no_twin(own, tanh)


def test_exact_is_its_own_twin():
    f = bound_activation("softplus")
    z = np.linspace(-5.0, 5.0, 11)
    assert np.array_equal(twin_of(EXACT, f).apply(z), f.apply(z))


NETS = [("tanh", "floor"), ("logistic", "offset"), ("tanh", {"power": {"exponent": 0.5}})]
NETS += [("softsign", "blend"), ("tanh", "ceiling"), ("logistic", "bump"), ("relu", "offset")]


@pytest.mark.parametrize("objective", ["squared_error", "cross_entropy", "linear_squared_error"])
@pytest.mark.parametrize(("activation", "spec"), NETS)
def test_the_true_arm_is_a_gradient_and_the_forward_arm_is_none(activation, spec, objective):
    """Backward in twin nets against central differences of the objective; outputs keep f."""
    plan = design((4, 3), activation, objective, spec, consistent="true")
    data = posed(plan, patterns(n=9))
    output, step = plan.output(3), 1e-5
    rng = np.random.default_rng(1)
    sizes = (4, 4, 3, 3)
    parameters = rng.normal(scale=1.1, size=(1, Network.count(sizes)))
    network = Network(sizes, plan.forward, output, parameters)
    targets = np.swapaxes(data.targets, 1, 2)
    work = workspace(network, data.inputs, targets)
    ways = rng.normal(size=(8, parameters.shape[1]))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    moved = Network(
        sizes,
        plan.forward,
        output,
        np.concatenate([parameters + step * ways, parameters - step * ways]),
    )
    up, down = objective_of(moved, workspace(moved, data.inputs, targets), plan.objective).reshape(
        2, 8
    )
    numeric = (up - down) / (2.0 * step)

    def backward(rules):
        network.backward(work, sites_of(network, rules, [0]), step=1)
        return ways @ network.gradient[0]

    true = backward(plan.rules())
    assert np.linalg.norm(numeric - true) <= 1e-6 * np.linalg.norm(true)
    other = design((4, 3), activation, objective, spec, consistent="forward")
    wrong = backward(other.rules())
    assert np.linalg.norm(numeric - wrong) > 1e-3 * np.linalg.norm(true)
    assert plan.rules()[-1] is (EXACT if objective == "squared_error" else None)


def test_the_four_arms():
    """Forward and backward of one layer: (f, f'), (f, φ), (F, φ), (F, f')."""
    f, rule = bound_activation("tanh"), rule_of("floor")
    z = np.linspace(-6.0, 6.0, 41)
    twin, phi, slope = twin_of(rule, f), phi_of(rule, f, z), f.apply_slope(z)
    arms = {
        consistent: design((3,), gradient="floor", consistent=consistent)
        for consistent in ("false", "true", "forward")
    }
    forward = {name: plan.forward.apply(z) for name, plan in arms.items()}
    backward = {name: phi_of(plan.rules()[0], plan.forward, z) for name, plan in arms.items()}
    assert np.array_equal(forward["false"], f.apply(z))
    assert np.array_equal(forward["true"], twin.apply(z))
    assert np.array_equal(forward["forward"], twin.apply(z))
    np.testing.assert_allclose(backward["false"], phi, atol=1e-14)
    np.testing.assert_allclose(backward["true"], phi, atol=1e-14)
    np.testing.assert_allclose(backward["forward"], slope, atol=1e-14)
    assert (
        np.abs(phi - slope).max() > 0.09 and np.abs(forward["true"] - forward["false"]).max() > 0.3
    )


def test_the_forward_rule_sees_the_net_inputs_of_the_twin():
    f = bound_activation("logistic")
    z = np.linspace(-4.0, 4.0, 33)
    twin = twin_of(rule_of("offset"), f)
    np.testing.assert_allclose(phi_of(original_slope(f), twin, z), f.apply_slope(z), rtol=1e-13)


def test_arms_train_apart_and_their_outputs_are_the_twins():
    budget = Budget(updates=30, batch_size=4, dtype="float64", probes=2)
    found = {}
    for consistent in ("false", "true", "forward"):
        plan = design((5, 4), gradient="offset", consistent=consistent, gain=2.0)
        problem = posed(plan, patterns())
        found[consistent] = train(problem, plan, budget, [1], [0.3])
        y = outputs(plan, found[consistent].parameters, problem.inputs)
        error = 0.5 * ((y[0].T - problem.targets[0]) ** 2).sum(axis=1).mean()
        assert found[consistent].final_objective[0] == pytest.approx(error, rel=1e-12)
    finals = [o.final_objective[0] for o in found.values()]
    assert len({round(x, 6) for x in finals}) == 3
    cosines = {name: o.curves["descent_cosine"][0, -1] for name, o in found.items()}
    assert cosines["true"] == 1.0 and cosines["false"] < 1.0 and cosines["forward"] < 1.0


def test_without_a_nonlinearity_the_net_is_linear():
    plan = design((5, 4), objective="linear_squared_error", gradient="removed", consistent="true")
    problem = posed(plan, patterns("regression"))
    outcome = train(problem, plan, Budget(updates=5, dtype="float64"), [1], [0.1])
    one, two = problem.inputs[:, :5], problem.inputs[:, 5:10]
    y = [outputs(plan, outcome.parameters, x) for x in (one, two, 0.5 * (one + two))]
    np.testing.assert_allclose(y[2], 0.5 * (y[0] + y[1]), atol=1e-12)
    assert plan.output(3) is IDENTITY and OBJECTIVES["linear_squared_error"] is plan.objective
