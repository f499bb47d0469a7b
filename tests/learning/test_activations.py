"""Activations: values, slopes, kinks, bounds and saturation, each by brute force."""

import math

import numpy as np
import pytest
import reference
from small_nets import ACTIVATION_SPECS, DIFFERENTIABLE, label, reference_curve, same_bits
from stacks import slopes, values

from study.errors import UsageError
from study.learning.activations import ACTIVATIONS, bound_activation
from study.learning.activations.base import SATURATED_SHARE

POINTS = np.array([-1e4, -50.0, -3.0, -1.0, -0.25, 0.0, 0.25, 1.0, 3.0, 50.0, 1e4])
GRID = np.linspace(-30.0, 30.0, 600_001)  # the steps are 1e-4

each = pytest.mark.parametrize("spec", ACTIVATION_SPECS, ids=label)


def value_and_slope(activation, z):
    """Evaluate on a line; by the kernels on a layer of one unit, and by the methods alike."""
    line = np.ascontiguousarray(z)
    y = values(activation, line[None])
    slope = slopes(activation, line[None], y)
    assert same_bits(activation.apply(line), y[0])
    assert same_bits(activation.apply_slope(line), slope[0])
    return y[0], slope[0]


@each
def test_values_and_slopes_equal_the_twin(spec):
    activation = bound_activation(spec)
    curve = reference_curve(activation)
    points = np.concatenate([POINTS, np.linspace(-9.0, 9.0, 181)])
    y, slope = value_and_slope(activation, points)
    np.testing.assert_allclose(y, [curve.value(z) for z in points], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(slope, [curve.slope(z) for z in points], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("spec", DIFFERENTIABLE, ids=label)
def test_slope_is_the_derivative(spec):
    activation = bound_activation(spec)
    z, h = np.linspace(-8.03, 8.04, 500), 1e-5
    for kink, _ in activation.kinks:
        z = z[np.abs(z - kink) > 2.0 * h]
    numeric = (value_and_slope(activation, z + h)[0] - value_and_slope(activation, z - h)[0]) / (
        2.0 * h
    )
    np.testing.assert_allclose(value_and_slope(activation, z)[1], numeric, atol=2e-9)


@each
def test_kinks_are_where_the_slope_jumps_and_nowhere_else(spec):
    activation = bound_activation(spec)
    z = np.union1d(np.arange(-4000, 4001) / 1000.0, np.arange(-64, 65) / 16.0)
    gap = 1e-9
    jumps = np.abs(
        value_and_slope(activation, z + gap)[1] - value_and_slope(activation, z - gap)[1]
    )
    found = z[jumps > 1e-3].tolist()
    assert found == sorted(kink for kink, _ in activation.kinks)
    for kink, taken in activation.kinks:
        assert value_and_slope(activation, [kink])[1].tolist() == [taken]


# slope at -1, 0 and 1, from the formulas, with the value taken at each kink
E1 = math.exp(-1.0)
SLOPES = {
    "identity": (1.0, 1.0, 1.0),
    "logistic": (E1 / (1.0 + E1) ** 2, 0.25, E1 / (1.0 + E1) ** 2),
    "tanh": (0.41997434161402614, 1.0, 0.41997434161402614),
    "scaled_tanh": (1.1439333 * 0.6603640, 1.7159 * 2.0 / 3.0, 1.1439333 * 0.6603640),
    "relu": (0.0, 0.0, 1.0),
    "relu_rounded": (0.0, 0.0, 1.0),
    "leaky_relu": (0.01, 0.01, 1.0),
    "elu": (E1, 1.0, 1.0),
    "softplus": (E1 / (1.0 + E1), 0.5, 1.0 / (1.0 + E1)),
    "softsign": (0.25, 1.0, 0.25),
    "gelu": (0.15865525393 - 0.24197072452, 0.5, 0.84134474607 + 0.24197072452),
    "silu": (0.0723294881, 0.5, 0.9276705118),
    "hard_tanh": (0.0, 1.0, 0.0),
    "gudermannian": (0.64805427366, 1.0, 0.64805427366),
    "tanh_linear": (0.51997434161, 1.1, 0.51997434161),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_at_minus_one_zero_and_one(name):
    slope = value_and_slope(bound_activation(name), [-1.0, 0.0, 1.0])[1]
    np.testing.assert_allclose(slope, SLOPES[name], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@each
def test_far_out_everything_is_finite(spec, dtype):
    """At ±50 and ±1e4: no NaN, no infinity, the slope as the formula says, to 1e-5."""
    activation = bound_activation(spec)
    curve = reference_curve(activation)
    z = np.array([-1e4, -50.0, 50.0, 1e4], dtype)
    y, slope = value_and_slope(activation, z)
    assert np.isfinite(y).all() and np.isfinite(slope).all()
    np.testing.assert_allclose(y, [curve.value(x) for x in z], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(slope, [curve.slope(x) for x in z], rtol=1e-5, atol=1e-7)


@each
def test_float32_is_close_to_float64_at_every_size(spec):
    """Net inputs of any size occur in a run whose weights grow; none may lose its slope."""
    activation = bound_activation(spec)
    size = np.geomspace(1e-3, 1e9, 500).astype(np.float32)
    z = np.concatenate([-size, size])
    wide_y, wide_slope = value_and_slope(activation, z.astype(np.float64))
    y, slope = value_and_slope(activation, z)
    assert y.dtype == slope.dtype == np.float32
    np.testing.assert_allclose(y, wide_y, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(slope, wide_slope, rtol=1e-5, atol=1e-5)


def test_error_of_the_fast_gelu_in_float32():
    z = np.linspace(-8.0, 8.0, 100_001).astype(np.float32)
    y, slope = value_and_slope(bound_activation("gelu"), z)
    wide_y, wide_slope = value_and_slope(bound_activation("gelu"), z.astype(np.float64))
    # 1.5e-7 in erf is 0.75e-7 in Φ; rounding adds some units of 6e-8, times |z| in the value
    assert np.abs(slope - wide_slope).max() <= 5e-7
    assert (np.abs(y - wide_y) / np.maximum(np.abs(z), 1.0)).max() <= 4e-7


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@each
def test_not_a_number_stays_one(spec, dtype):
    """Also among numbers, where loops run on several at a time."""
    activation = bound_activation(spec)
    z = np.linspace(-2.0, 2.0, 37).astype(dtype)
    whole = value_and_slope(activation, z)
    for place in (0, 5, 18, 36):
        z_here = z.copy()
        z_here[place] = np.nan
        y, slope = value_and_slope(activation, z_here)
        assert np.isnan(y[place])
        assert np.isnan(slope[place]) or activation.piecewise_constant
        others = np.arange(37) != place
        assert same_bits(y[others], whole[0][others])
        assert same_bits(slope[others], whole[1][others])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@each
def test_shape_and_place_do_not_matter(spec, dtype):
    """Loops take several values at a time and the rest one by one: the same bits."""
    activation = bound_activation(spec)
    z = np.random.default_rng(0).normal(scale=3.0, size=(3, 5, 7)).astype(dtype)
    for whole in (activation.apply, activation.apply_slope):
        found = whole(z)
        assert found.shape == z.shape and found.dtype == z.dtype
        assert same_bits(whole(z.swapaxes(0, 2)), found.swapaxes(0, 2))  # not contiguous
        singly = [whole(z[place].reshape(1)).item() for place in np.ndindex(z.shape)]
        assert same_bits(np.array(singly, dtype), found.ravel())
    assert activation.apply(z[0, 0, 0]).shape == ()
    assert activation.apply(np.empty((0, 3), dtype)).shape == (0, 3)


@each
def test_largest_slope(spec):
    activation = bound_activation(spec)
    assert activation.largest_slope == pytest.approx(
        np.abs(value_and_slope(activation, GRID)[1]).max(), rel=1e-8
    )


@each
def test_bounds_are_the_range_of_the_values(spec):
    activation = bound_activation(spec)
    y = value_and_slope(activation, np.concatenate([GRID, [-1e9, 1e9]]))[0]
    for bound, found, outside in (
        (activation.bounds[0], y.min(), y.min() < -1e6),
        (activation.bounds[1], y.max(), y.max() > 1e6),
    ):
        assert outside if math.isinf(bound) else found == pytest.approx(bound, abs=1e-8)
    assert activation.bounded == np.isfinite(activation.bounds).all()


@each
def test_saturation_edges(spec):
    """Beyond an edge every slope is at most 1 % of the largest; just inside one is larger."""
    activation = bound_activation(spec)
    low, high = activation.saturation
    z = np.concatenate([-np.geomspace(1e6, 30.0, 2000), GRID, np.geomspace(30.0, 1e6, 2000)])
    slope = np.abs(value_and_slope(activation, z)[1])
    open_ = slope > SATURATED_SHARE * activation.largest_slope * (1.0 + 1e-6)
    step = 2e-4
    assert not open_[z < low - step].any() and not open_[z > high + step].any()
    for edge, inside in ((low, z[open_].min()), (high, z[open_].max())):
        assert (
            inside == pytest.approx(edge, abs=step) if math.isfinite(edge) else (abs(inside) > 9e5)
        )


def test_saturation_of_the_common_ones_is_the_protocols():
    assert bound_activation("tanh").saturation == pytest.approx((-2.99, 2.99), abs=0.005)
    assert bound_activation("logistic").saturation == pytest.approx((-5.99, 5.99), abs=0.005)
    assert bound_activation("relu").saturation[0] == 0.0


def test_shares_of_the_largest_slope_at_three():
    """The theory's numbers: tanh is saturated at 3, the others are not."""
    for name, share in {
        "tanh": 0.0099,
        "logistic": 0.18,
        "gudermannian": 0.099,
        "scaled_tanh": 0.071,
        "softsign": 0.0625,
    }.items():
        activation = bound_activation(name)
        slope = value_and_slope(activation, [3.0])[1][0]
        assert slope / activation.largest_slope == pytest.approx(share, rel=0.01)


@each
def test_targets_lie_inside_the_bounds(spec):
    activation = bound_activation(spec)
    if not activation.bounded:
        assert activation.targets is None
        return
    (low, high), (least, most) = activation.bounds, activation.targets
    assert low < least < most < high
    assert least - low == pytest.approx(high - most)


def test_the_usual_targets():
    assert bound_activation("tanh").targets == pytest.approx((-0.8, 0.8))
    assert bound_activation("logistic").targets == pytest.approx((0.1, 0.9))
    assert bound_activation("scaled_tanh").targets == (-1.0, 1.0)


@each
def test_piecewise_constant_slopes(spec):
    activation = bound_activation(spec)
    found = np.unique(value_and_slope(activation, GRID[::100])[1])
    if activation.piecewise_constant:
        assert found.tolist() == sorted(set(activation.slopes))
    else:
        assert len(found) > 100


@pytest.mark.parametrize("share", [0.01, 0.1, 0.2, 0.3, 0.37, 0.7, 0.9])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_leaky_slopes_are_exactly_what_the_record_says(dtype, share):
    """1 - a + a can miss 1 by a rounding; rules that compare f' with m would see it."""
    activation = bound_activation({"leaky_relu": {"slope": share}})
    slope = value_and_slope(activation, np.array([-2.0, 0.0, 3.0], dtype))[1]
    assert slope.tolist() == np.array([share, share, 1.0], dtype).tolist()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@each
def test_rising(spec, dtype):
    """Also where a unit is saturated: rules that keep the sign of f' would see a rounding."""
    activation = bound_activation(spec)
    wide = np.concatenate([GRID, np.geomspace(1.0, 1e9, 1000), -np.geomspace(1.0, 1e9, 1000)])
    slope = value_and_slope(activation, wide.astype(dtype))[1]
    assert activation.rising == bool((slope >= 0.0).all())


def test_gudermannian_is_the_root_of_tanhs_slope():
    z = np.linspace(-5.0, 5.0, 101)
    np.testing.assert_allclose(
        value_and_slope(bound_activation("gudermannian"), z)[1],
        np.sqrt(value_and_slope(bound_activation("tanh"), z)[1]),
        rtol=1e-10,
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_relu_of_rounded_net_inputs(dtype):
    z = np.array([-1.0, -0.07, -0.0625, 0.0, 0.06, 0.0625, 0.07, 0.1874, 0.1876, 3.3], dtype)
    y, slope = value_and_slope(bound_activation("relu_rounded"), z)
    assert y.tolist() == [0.0] * 6 + [0.125, 0.125, 0.25, 3.25]  # a half goes to the even one
    assert slope.tolist() == [0.0] * 6 + [1.0] * 4


def test_who_rectifies():
    found = {name for name in ACTIVATIONS if bound_activation(name).rectifies}
    assert found == {"relu", "relu_rounded"}


def test_binding():
    assert bound_activation({"elu": {"alpha": 2.0}}).values == {"alpha": 2.0}
    assert bound_activation("elu").values == {"alpha": 1.0}
    with pytest.raises(UsageError, match=r"'tan'.*Did you mean 'tanh'"):
        bound_activation("tan")
    with pytest.raises(UsageError, match=r"'slop'.*'slope'"):
        bound_activation({"leaky_relu": {"slop": 0.1}})
    with pytest.raises(UsageError, match=r"elu\.alpha = -1 is out of range"):
        bound_activation({"elu": {"alpha": -1}})


def test_the_twins_own_constants():
    assert reference.curve("gelu").largest == pytest.approx(reference._gelu_slope(math.sqrt(2.0)))
    assert reference.curve("silu").largest == pytest.approx(1.0998393194)
