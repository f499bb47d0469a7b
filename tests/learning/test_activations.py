"""Activations: values, slopes, kinks, bounds and saturation, each by brute force."""

import itertools
import math

import numpy as np
import pytest
from oracles.activations import CURVES, curve_of
from small_nets import ACTIVATION_SPECS, label, same_bits, with_oracle

from study.learning.activations import bound_activation
from study.learning.activations.base import SATURATED_SHARE

POINTS = np.array([-1e4, -50.0, -3.0, -1.0, -0.25, 0.0, 0.25, 1.0, 3.0, 50.0, 1e4])
GRID = np.linspace(-30.0, 30.0, 600_001)  # the steps are 1e-4
DTYPES = ("float32", "float64")

each = pytest.mark.parametrize("spec", ACTIVATION_SPECS, ids=label)


def value_and_slope(activation, z):
    """Evaluate on a line, which stays as it is."""
    line = np.array(z)
    y, slope = activation.apply(line), activation.apply_slope(line)
    assert same_bits(line, np.asarray(z))
    return y, slope


@pytest.mark.parametrize("spec", with_oracle(ACTIVATION_SPECS, CURVES), ids=label)
def test_values_and_slopes_equal_the_oracle(spec):
    """To rounding in float64; far out, in both precisions, to 1e-5 and finite."""
    f = bound_activation(spec)
    expected = curve_of(f)
    z = np.concatenate([POINTS, np.linspace(-9.0, 9.0, 181)])
    y, slope = value_and_slope(f, z)
    np.testing.assert_allclose(y, [expected.value(x) for x in z], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(slope, [expected.slope(x) for x in z], rtol=1e-9, atol=1e-15)
    assert f.largest_slope == pytest.approx(expected.largest, rel=1e-8)
    for dtype in DTYPES:
        far = np.array([-1e4, -50.0, 50.0, 1e4], dtype)
        y, slope = value_and_slope(f, far)
        np.testing.assert_allclose(y, [expected.value(x) for x in far], rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(slope, [expected.slope(x) for x in far], rtol=1e-5, atol=1e-7)


@each
def test_slope_is_the_derivative_and_jumps_at_the_kinks_alone(spec):
    f = bound_activation(spec)
    z, h = np.linspace(-8.03, 8.04, 500), 1e-5
    for kink, _ in f.kinks:
        z = z[np.abs(z - kink) > 2.0 * h]
    if not f.rounding:
        numeric = (value_and_slope(f, z + h)[0] - value_and_slope(f, z - h)[0]) / (2.0 * h)
        np.testing.assert_allclose(value_and_slope(f, z)[1], numeric, atol=2e-9)

    z, gap = np.union1d(np.arange(-4000, 4001) / 1000.0, np.arange(-64, 65) / 16.0), 1e-9
    jumps = np.abs(value_and_slope(f, z + gap)[1] - value_and_slope(f, z - gap)[1])
    assert z[jumps > 1e-3].tolist() == sorted(kink for kink, _ in f.kinks)
    for kink, taken in f.kinks:
        assert value_and_slope(f, [kink])[1].tolist() == [taken]


@each
def test_float32_is_close_to_float64_at_every_size(spec):
    """Net inputs of any size occur in a run whose weights grow; none may lose its slope."""
    f = bound_activation(spec)
    size = np.geomspace(1e-3, 1e9, 500).astype(np.float32)
    z = np.concatenate([-size, size])
    wide_y, wide_slope = value_and_slope(f, z.astype(np.float64))
    y, slope = value_and_slope(f, z)
    assert y.dtype == slope.dtype == np.float32
    np.testing.assert_allclose(y, wide_y, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(slope, wide_slope, rtol=1e-5, atol=1e-5)


@each
def test_nan_shape_and_place(spec):
    """Loops take several values at a time, the rest one by one: the same bits, NaN stays NaN."""
    f = bound_activation(spec)
    for dtype in DTYPES:
        z = np.linspace(-2.0, 2.0, 37).astype(dtype)
        whole = value_and_slope(f, z)
        for place in (0, 5, 18, 36):
            with_nan = z.copy()
            with_nan[place] = np.nan
            y, slope = value_and_slope(f, with_nan)
            assert np.isnan(y[place])
            assert np.isnan(slope[place]) or f.piecewise_constant
            others = np.arange(37) != place
            assert same_bits(y[others], whole[0][others])
            assert same_bits(slope[others], whole[1][others])

        z = np.random.default_rng(0).normal(scale=3.0, size=(3, 5, 7)).astype(dtype)
        for method in (f.apply, f.apply_slope):
            found = method(z)
            assert found.shape == z.shape and found.dtype == z.dtype
            assert same_bits(method(z.swapaxes(0, 2)), found.swapaxes(0, 2))  # not contiguous
            singly = [method(z[place].reshape(1)).item() for place in np.ndindex(z.shape)]
            assert same_bits(np.array(singly, dtype), found.ravel())
        assert f.apply(z[0, 0, 0]).shape == ()
        assert f.apply(np.empty((0, 3), dtype)).shape == (0, 3)


@each
def test_what_the_record_says_of_its_curve(spec):
    """The largest slope, its sign, its values where they are few, the bounds and the targets."""
    f = bound_activation(spec)
    y, slope = value_and_slope(f, np.concatenate([GRID, [-1e9, 1e9]]))
    assert f.largest_slope == pytest.approx(np.abs(slope).max(), rel=1e-8)
    for bound, found in zip(f.bounds, (y.min(), y.max()), strict=True):
        outside = math.isinf(bound) and found * np.sign(bound) > 1e6
        assert outside or found == pytest.approx(bound, abs=1e-8)
    assert f.bounded == np.isfinite(f.bounds).all()
    found = np.unique(slope[::100])
    assert found.tolist() == sorted(set(f.slopes)) if f.piecewise_constant else len(found) > 100
    if f.bounded:
        (low, high), (least, most) = f.bounds, f.targets
        assert low < least < most < high
        assert least - low == pytest.approx(high - most)
    else:
        assert f.targets is None
    far = np.geomspace(1.0, 1e9, 1000)
    for dtype in DTYPES:  # rules that keep the sign of f' would see a rounding
        slope = value_and_slope(f, np.concatenate([GRID, far, -far]).astype(dtype))[1]
        assert f.rising == bool((slope >= 0.0).all())
    if f.steepness is not None:  # closed forms of matched activations rest on this
        z = np.linspace(-9.0, 9.0, 181)
        squares = f.largest_slope / np.cosh(f.steepness * z) ** 2
        np.testing.assert_allclose(value_and_slope(f, z)[1], squares, rtol=1e-7)
        share = 1.0 / np.cosh(f.steepness * 1.5) ** 2
        assert f.knee(share) == pytest.approx(1.5) and f.knee(2.0) == 0.0
        assert f.knee(0.0) == math.inf


@each
def test_saturation_edges(spec):
    """Beyond an edge every slope is at most 1 % of the largest; just inside one is larger."""
    f = bound_activation(spec)
    low, high = f.saturation
    z = np.concatenate([-np.geomspace(1e6, 30.0, 2000), GRID, np.geomspace(30.0, 1e6, 2000)])
    slope = np.abs(value_and_slope(f, z)[1])
    open_ = slope > SATURATED_SHARE * f.largest_slope * (1.0 + 1e-6)
    step = 2e-4
    assert not open_[z < low - step].any() and not open_[z > high + step].any()
    for edge, inside in ((low, z[open_].min()), (high, z[open_].max())):
        finite = math.isfinite(edge)
        assert inside == pytest.approx(edge, abs=step) if finite else abs(inside) > 9e5


def test_leaky_slopes_are_exactly_what_the_record_says():
    """1 - a + a can miss 1 by a rounding; rules that compare f' with m would see it."""
    for share, dtype in itertools.product((0.01, 0.1, 0.2, 0.3, 0.37, 0.7, 0.9), DTYPES):
        f = bound_activation({"leaky_relu": {"slope": share}})
        slope = value_and_slope(f, np.array([-2.0, 0.0, 3.0], dtype))[1]
        assert slope.tolist() == np.array([share, share, 1.0], dtype).tolist()


def test_relu_of_rounded_net_inputs():
    points = [-1.0, -0.07, -0.0625, 0.0, 0.06, 0.0625, 0.07, 0.1874, 0.1876, 3.3]
    for dtype in DTYPES:
        y, slope = value_and_slope(bound_activation("relu_rounded"), np.array(points, dtype))
        assert y.tolist() == [0.0] * 6 + [0.125, 0.125, 0.25, 3.25]  # a half goes to the even one
        assert slope.tolist() == [0.0] * 6 + [1.0] * 4
