"""Matched activations: F' = φ, F(0) = f(0); nets with them have true gradients."""

import math

import numpy as np
import pytest
from small_nets import RULE_SPECS, a_home_of, design, label, patterns, posed, rule_of
from stacks import Network, objective_of, sites_of, workspace

from study.errors import UsageError
from study.learning.activations import ACTIVATIONS, bound_activation, matched
from study.learning.activations.matched import (
    closed_form,
    kinks_of,
    matched_activation,
    not_matched,
)
from study.learning.core.placement import factor_of
from study.learning.core.training import outputs, train
from study.learning.design import Budget
from study.learning.objectives import IDENTITY, OBJECTIVES
from study.learning.rules import EXACT, GRADIENTS
from study.learning.rules.base import Gradient, Pointwise
from study.learning.variants import Variant

POINTWISE = [s for s in RULE_SPECS if isinstance(rule_of(s).record.matched, Pointwise)]
by_rule = pytest.mark.parametrize("spec", POINTWISE, ids=label)


def pairs(spec):
    """Yield (rule, f, F) for every activation on which the rule has a matched one."""
    rule = rule_of(spec)
    for name in ACTIVATIONS:
        f = bound_activation(name)
        if not not_matched(rule, f):
            yield rule, f, matched_activation(rule, f)


def phi_of(rule, activation, z):
    return factor_of(rule, activation, np.atleast_1d(z)[None])[0]


def away_from(kinks, z, gap):
    for kink in kinks:
        z = z[np.abs(z - kink) > gap]
    return z


def is_root(rule):
    """A power below 1 magnifies the rounding of 1 - y² in float64, from 1e-16 to 1e-8."""
    return rule.name == "power" and rule.values["exponent"] < 1.0


def exponent_magnifies(rule, otherwise):
    return 1e-16 ** rule.values["exponent"] * 2.0 if is_root(rule) else otherwise


@by_rule
def test_the_slope_is_phi_and_the_value_its_integral(spec):
    """F' = φ on |z| <= 40; F(b) - f(0) = ∫ φ by Gauss's rule on short pieces between kinks."""
    nodes, weights = np.polynomial.legendre.leggauss(12)
    for rule, f, found in pairs(spec):
        kinks = kinks_of(rule, f)
        z = np.concatenate([np.linspace(-39.99, 39.99, 20_011), np.linspace(-4.0, 4.0, 20_011)])
        z = away_from(kinks, z, 1e-9)
        allowed = exponent_magnifies(rule, 1e-9)
        assert np.abs(found.apply_slope(z) - phi_of(rule, f, z)).max() <= allowed, f.name

        start = f.apply(np.zeros(1))[0]
        assert found.apply(np.zeros(1))[0] == pytest.approx(start, abs=1e-14)
        ends = np.unique(np.concatenate([kinks, np.arange(-220, 221) / 10.0]))
        ends = ends[np.abs(ends) <= 22.0]
        half = 0.5 * np.diff(ends)
        z = ends[:-1, None] + half[:, None] * (1.0 + nodes)
        areas = half * (phi_of(rule, f, z.ravel()).reshape(z.shape) @ weights)
        integral = np.concatenate([[0.0], np.cumsum(areas)])
        integral += start - integral[np.searchsorted(ends, 0.0)]
        assert np.abs(found.apply(ends) - integral).max() <= max(3e-7, 10.0 * allowed), f.name


@by_rule
def test_float32_agrees_with_float64(spec):
    """So both arms have one φ: to a few units of float32, but for a root's magnified rounding."""
    for rule, f, found in pairs(spec):
        z = np.linspace(-7.9, 8.1, 4001).astype(np.float32)
        z = away_from(kinks_of(rule, f), z, 1e-5)
        wide = z.astype(np.float64)
        small = 1e-7 ** rule.values["exponent"] * 2.0 if is_root(rule) else 1e-6
        largest = max(1.0, found.largest_slope)
        assert np.abs(found.apply_slope(z) - found.apply_slope(wide)).max() <= 1e-6 * largest
        assert np.abs(found.apply_slope(z) - phi_of(rule, f, z)).max() <= small * largest, f.name
        apart = np.abs(found.apply(z) - found.apply(wide)) / (1.0 + np.abs(wide))
        assert apart.max() <= 2e-6 * largest, f.name


@by_rule
def test_far_out_it_is_a_line_and_nan_stays(spec):
    for _, f, found in pairs(spec):
        for dtype in ("float32", "float64"):
            z = np.array([np.nan, -1e4, 1e4, 41.0, np.nan, -41.0], dtype)
            y, slope = found.apply(z), found.apply_slope(z)
            assert np.isnan(y[[0, 4]]).all() and np.isfinite(np.delete(y, [0, 4])).all(), f.name
            assert np.isfinite(slope[[1, 2, 3, 5]]).all(), f.name
        for side in (1.0, -1.0):  # a straight line beyond 40
            ends = np.array([40.0, 1040.0]) * side
            rise = np.diff(found.apply(ends))[0]
            expected = 1e3 * side * found.apply_slope(ends)[1]
            assert rise == pytest.approx(expected, abs=0.6), f.name


@by_rule
def test_what_its_record_says(spec):
    """The largest slope, the sign of slopes, the bounds: measured again on another grid."""
    for _, f, found in pairs(spec):
        z = np.concatenate([np.linspace(-60.0, 60.0, 120_001), [-1e4, 1e4]])
        y, slope = found.apply(z), found.apply_slope(z)
        assert found.largest_slope == pytest.approx(np.abs(slope).max(), rel=1e-5), f.name
        assert found.rising == bool((slope >= 0.0).all()), f.name
        low, high = found.bounds
        assert low <= y.min() + 1e-6 and y.max() <= high + 1e-6, f.name
        assert math.isinf(low) or y.min() == pytest.approx(low, abs=1e-5), f.name
        assert math.isinf(high) or y.max() == pytest.approx(high, abs=1e-5), f.name


@by_rule
def test_the_spline_equals_the_closed_form(spec, monkeypatch):
    """A rule's closed form, where it has one, against the integral that needs none."""
    closed = [p for p in pairs(spec) if closed_form(p[0], p[1]) is not None]
    monkeypatch.setattr(matched, "closed_form", lambda rule, activation: None)
    monkeypatch.setattr(matched, "_FOUND", {})
    z = np.linspace(-30.0, 30.0, 6011)
    for rule, f, found in closed:
        spline = matched_activation(rule, f)
        assert spline.table is not None and found.table is None
        apart = np.abs(spline.apply(z) - found.apply(z)).max()
        assert apart <= 30.0 * exponent_magnifies(rule, 1e-10), f.name


def test_closed_forms_by_hand():
    """Also that these rules do have one, which the stored results were made with."""
    knee = np.arccosh(1.0 / np.sqrt(0.1))
    expected = {
        ("tanh", "offset"): lambda z: np.tanh(z) + 0.1 * z,
        ("tanh", "power"): lambda z: 2.0 * np.arctan(np.tanh(z / 2.0)),
        ("tanh", "floor"): lambda z: (
            np.tanh(np.clip(z, -knee, knee)) + 0.1 * (z - np.clip(z, -knee, knee))
        ),
        ("tanh", "bump"): lambda z: np.sign(z) * (abs(z) - np.log(np.cosh(z))),
        ("logistic", "offset"): lambda z: 1.0 / (1.0 + np.exp(-z)) + 0.025 * z,
        ("logistic", "power"): lambda z: np.arctan(np.tanh(z / 4.0)) + 0.5,
        ("logistic", "blend"): lambda z: 0.75 / (1.0 + np.exp(-z)) + 0.25 * z + 0.125,
        ("logistic", "other_slope"): lambda z: 0.5 / (1.0 + np.exp(-2.0 * z)) + 0.25,
        ("logistic", "removed"): lambda z: z + 0.5,
        ("relu", "leaky_backward"): lambda z: np.where(z > 0.0, z, 0.1 * z),
        ("gelu", "constant"): lambda z: 0.5 * z,
    }
    z = np.linspace(-6.0, 6.0, 241)
    for (activation, name), form in expected.items():
        rule, f = rule_of(name), bound_activation(activation)
        assert closed_form(rule, f) is not None
        np.testing.assert_allclose(matched_activation(rule, f).apply(z), form(z), atol=1e-13)
    hard_tanh = rule_of({"window": {"threshold": 1.0 / math.cosh(1.0) ** 2}})
    found = matched_activation(hard_tanh, bound_activation("tanh")).apply(z)
    np.testing.assert_allclose(found, np.clip(z, -1.0, 1.0), atol=1e-12)


def test_exact_is_matched_by_the_activation_itself():
    f = bound_activation("softplus")
    z = np.linspace(-5.0, 5.0, 11)
    assert np.array_equal(matched_activation(EXACT, f).apply(z), f.apply(z))


@by_rule
def test_a_pointwise_factor_depends_on_the_net_input_alone(spec):
    """Not on the place, the other units and patterns, the seed or the step."""
    rule = rule_of(spec)
    f = a_home_of(rule)
    z = np.random.default_rng(1).normal(scale=2.0, size=(4, 6))
    whole = factor_of(rule, f, z, seed=1, step=1)
    for j, n in np.ndindex(z.shape):
        assert factor_of(rule, f, z[j : j + 1, n : n + 1], seed=2, step=5)[0, 0] == whole[j, n]


@pytest.mark.parametrize("name", GRADIENTS)
def test_a_rule_without_a_matched_activation_says_why(name):
    record = GRADIENTS[name]
    if isinstance(record.matched, Pointwise):
        return
    for activation in ("tanh", "relu"):
        f = bound_activation(activation)
        reason = not_matched(rule_of(name), f)
        assert reason
        message = f"{name}.* with {activation} has no matched activation: {reason}"
        with pytest.raises(UsageError, match=message):
            matched_activation(rule_of(name), f)


def test_reasons_beyond_the_rules_own():
    for spec, activation, reason in (
        ("relu_at_zero", "relu", "one point"),
        ("offset", "relu_rounded", "rounds"),
        ("power", "silu", "sign"),
        ("floor", "gelu", "sign"),
        ("bump", "relu", "bounded"),
        ("random", "tanh", "drawn"),
        ("rank_one", "tanh", "batch"),
    ):
        assert reason in not_matched(rule_of(spec), bound_activation(activation))
    own = Variant(Gradient(name="own", formula="", reference=""), {})
    assert "not known" in not_matched(own, bound_activation("tanh"))


NETS = [("tanh", "floor"), ("logistic", "offset"), ("tanh", {"power": {"exponent": 0.5}})]
NETS += [("softsign", "blend"), ("tanh", "ceiling"), ("logistic", "bump"), ("relu", "offset")]


@pytest.mark.parametrize("objective", ["squared_error", "cross_entropy", "linear_squared_error"])
def test_the_matched_arm_is_a_gradient_and_the_forward_arm_is_none(objective):
    """Backward against central differences of the objective; the outputs keep f."""
    step, sizes = 1e-5, (4, 4, 3, 3)
    for activation, spec in NETS:
        plan = design((4, 3), activation, objective, spec, consistent="true")
        data, output = posed(plan, patterns(n=9)), plan.output(3)
        rng = np.random.default_rng(1)
        parameters = rng.normal(scale=1.1, size=(1, Network.count(sizes)))
        network = Network(sizes, plan.forward, output, parameters)
        targets = np.swapaxes(data.targets, 1, 2)
        work = workspace(network, data.inputs, targets)
        ways = rng.normal(size=(8, parameters.shape[1]))
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        around = np.concatenate([parameters + step * ways, parameters - step * ways])
        moved = Network(sizes, plan.forward, output, around)
        found = objective_of(moved, workspace(moved, data.inputs, targets), plan.objective)
        up, down = found.reshape(2, 8)
        numeric = (up - down) / (2.0 * step)
        analytic = {}
        for arm in ("true", "forward"):
            rules = design((4, 3), activation, objective, spec, consistent=arm).rules()
            network.backward(work, sites_of(network, rules, [0]), step=1)
            analytic[arm] = ways @ network.gradient[0]
            assert rules[-1] is (EXACT if objective == "squared_error" else None)
        norm = np.linalg.norm(analytic["true"])
        assert np.linalg.norm(numeric - analytic["true"]) <= 1e-6 * norm
        assert np.linalg.norm(numeric - analytic["forward"]) > 1e-3 * norm


def test_the_four_arms():
    """Forward and backward of one layer: (f, f'), (f, φ), (F, φ), (F, f')."""
    f, rule = bound_activation("tanh"), rule_of("floor")
    z = np.linspace(-6.0, 6.0, 41)
    found, phi, slope = matched_activation(rule, f), phi_of(rule, f, z), f.apply_slope(z)
    expected = {"false": (f, phi), "true": (found, phi), "forward": (found, slope)}
    for consistent, (forward, backward) in expected.items():
        plan = design((3,), gradient="floor", consistent=consistent)
        assert np.array_equal(plan.forward.apply(z), forward.apply(z))
        np.testing.assert_allclose(phi_of(plan.rules()[0], plan.forward, z), backward, atol=1e-14)
    assert np.abs(phi - slope).max() > 0.09
    assert np.abs(found.apply(z) - f.apply(z)).max() > 0.3


def test_arms_train_apart_and_their_outputs_are_those_of_f_and_of_the_matched_one():
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
