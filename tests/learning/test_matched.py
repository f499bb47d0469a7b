"""Matched activations: F' = φ, F(0) = f(0); nets with them have true gradients."""

import math

import numpy as np
import pytest
from small_nets import RULE_SPECS, design, label, patterns, posed, rule_of

from study.errors import UsageError
from study.learning.activations import ACTIVATIONS, bound_activation, matched
from study.learning.core.network import count
from study.learning.core.placement import factor_of
from study.learning.core.stack import Stack
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
        if not matched.not_matched(rule, f):
            yield rule, f, matched.matched_activation(rule, f)


def phi_of(rule, activation, z):
    return factor_of(rule, activation, np.atleast_1d(z)[None])[0]


def away_from(kinks, z, gap):
    for kink in kinks:
        z = z[np.abs(z - kink) > gap]
    return z


def magnified(rule, otherwise, rounding=1e-16):
    """A power below 1 magnifies the rounding of 1 - y² in float64, from 1e-16 to 1e-8."""
    is_root = rule.name == "power" and rule.values["exponent"] < 1.0
    return rounding ** rule.values["exponent"] * 4.0 if is_root else otherwise


@by_rule
def test_the_slope_is_phi_and_the_value_its_integral(spec):
    """F' = φ on |z| <= 40; F(b) - f(0) = ∫ φ by Gauss's rule on short pieces between kinks."""
    nodes, weights = np.polynomial.legendre.leggauss(12)
    for rule, f, found in pairs(spec):
        kinks = matched.kinks_of(rule, f)
        z = np.concatenate([np.linspace(-39.99, 39.99, 20_011), np.linspace(-4.0, 4.0, 20_011)])
        z = away_from(kinks, z, 1e-9)
        allowed = magnified(rule, 1e-9)
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
        z = away_from(matched.kinks_of(rule, f), z, 1e-5)
        wide = z.astype(np.float64)
        small = magnified(rule, 1e-6, rounding=1e-7)
        largest = max(1.0, found.largest_slope)
        assert np.abs(found.apply_slope(z) - found.apply_slope(wide)).max() <= 1e-6 * largest
        assert np.abs(found.apply_slope(z) - phi_of(rule, f, z)).max() <= small * largest, f.name
        apart = np.abs(found.apply(z) - found.apply(wide)) / (1.0 + np.abs(wide))
        assert apart.max() <= 2e-6 * largest, f.name


@by_rule
def test_what_its_record_says(spec):
    """The largest slope, the sign of slopes, the bounds: measured again on another grid.

    A straight line beyond 40, and NaN stays.
    """
    for _, f, found in pairs(spec):
        z = np.concatenate([np.linspace(-60.0, 60.0, 120_001), [-1e4, 1e4]])
        y, slope = found.apply(z), found.apply_slope(z)
        assert found.largest_slope == pytest.approx(np.abs(slope).max(), rel=1e-5), f.name
        assert found.rising == bool((slope >= 0.0).all()), f.name
        low, high = found.bounds
        assert low <= y.min() + 1e-6 and y.max() <= high + 1e-6, f.name
        assert math.isinf(low) or y.min() == pytest.approx(low, abs=1e-5), f.name
        assert math.isinf(high) or y.max() == pytest.approx(high, abs=1e-5), f.name
        for side in (1.0, -1.0):
            rise = np.diff(found.apply(np.array([40.0, 1040.0]) * side))[0]
            expected = 1e3 * side * found.apply_slope(np.array([1040.0 * side]))[0]
            assert rise == pytest.approx(expected, abs=0.6), f.name
        for dtype in ("float32", "float64"):
            y = found.apply(np.array([np.nan, -1e4, 1e4], dtype))
            assert np.isfinite(y).tolist() == [False, True, True], f.name


CLOSED = [(name, "tanh") for name in ("offset", "power", "floor", "bump", "window")]
CLOSED += [(name, "logistic") for name in ("offset", "power", "blend", "other_slope", "removed")]
CLOSED += [("leaky_backward", "relu"), ("constant", "gelu")]  # stored results were made with these


@by_rule
def test_the_spline_equals_the_closed_form(spec, monkeypatch):
    """A rule's closed form, where it has one, against the integral that needs none."""
    closed = [p for p in pairs(spec) if matched.closed_form(p[0], p[1]) is not None]
    stored = {(name, f) for name, f in CLOSED if name == spec}
    assert {(rule.name, f.name) for rule, f, _ in closed} >= stored
    monkeypatch.setattr(matched, "closed_form", lambda rule, activation: None)
    monkeypatch.setattr(matched, "_FOUND", {})
    z = np.linspace(-30.0, 30.0, 6011)
    for rule, f, found in closed:
        spline = matched.matched_activation(rule, f)
        assert spline.table is not None and found.table is None
        apart = np.abs(spline.apply(z) - found.apply(z)).max()
        assert apart <= 30.0 * magnified(rule, 1e-10), f.name


@pytest.mark.parametrize("name", GRADIENTS)
def test_a_rule_without_a_matched_activation_says_why(name):
    record = GRADIENTS[name]
    if isinstance(record.matched, Pointwise):
        return
    for activation in ("tanh", "relu"):
        f = bound_activation(activation)
        reason = matched.not_matched(rule_of(name), f)
        assert reason
        message = f"{name}.* with {activation} has no matched activation: {reason}"
        with pytest.raises(UsageError, match=message):
            matched.matched_activation(rule_of(name), f)


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
        assert reason in matched.not_matched(rule_of(spec), bound_activation(activation))
    own = Variant(Gradient(name="own", formula="", reference=""), {})
    assert "not known" in matched.not_matched(own, bound_activation("tanh"))


NETS = [("tanh", "floor"), ("logistic", "offset"), ("tanh", {"power": {"exponent": 0.5}})]
NETS += [("softsign", "blend"), ("tanh", "ceiling"), ("logistic", "bump"), ("relu", "offset")]


@pytest.mark.parametrize("objective", ["squared_error", "cross_entropy", "linear_squared_error"])
def test_the_matched_arm_is_a_gradient_and_the_forward_arm_is_none(objective):
    """Backward against central differences of the objective; the outputs keep f."""
    step, sizes = 1e-5, (4, 4, 3, 3)
    for activation, spec in NETS:
        rng, found = np.random.default_rng(1), {}
        parameters = rng.normal(scale=1.1, size=(1, count(sizes)))
        ways = rng.normal(size=(8, parameters.shape[1]))
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        around = np.concatenate([parameters + step * ways, parameters - step * ways])
        for arm in ("true", "forward"):
            plan = design((4, 3), activation, objective, spec, consistent=arm)
            data = posed(plan, patterns(n=9))
            stack = Stack(data, plan, [0], parameters)
            found[arm] = ways @ stack.gradient(stack.rules, 9)[0]
            up, down = Stack(data, plan, [0] * 16, around).objective().reshape(2, 8)
            assert plan.rules()[-1] is (EXACT if objective == "squared_error" else None)
        numeric, norm = (up - down) / (2.0 * step), np.linalg.norm(found["true"])
        assert np.linalg.norm(numeric - found["true"]) <= 1e-6 * norm
        assert np.linalg.norm(numeric - found["forward"]) > 1e-3 * norm
