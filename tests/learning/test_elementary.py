"""The elementary functions that compiled loops call: accuracy over the whole range, and its ends.

The reference is float64 of the C library (scipy's for the normal distribution).
"""

import math

import numpy as np
import pytest
from scipy import special

from study.learning.core import elementary
from study.learning.core.kernels import compiled

NAMES = ("exp", "log", "log1p", "tanh", "arctan", "normal_cdf")
DOMAIN = {  # where the function is called, or where its value is a normal float32
    "exp": (-86.98, 88.72283),
    "log": (1.17549435e-38, 3.4028235e38),
    "log1p": (0.0, 1.0),
    "tanh": (-3.4028235e38, 3.4028235e38),
    "arctan": (-1.0, 1.0),
    "normal_cdf": (-3.4028235e38, 3.4028235e38),
}
UNITS = {"exp": 1.5, "log": 1.0, "log1p": 3.0, "tanh": 5.0, "arctan": 1.5}  # in the last place
DTYPES = ("float32", "float64")
TINY = np.finfo(np.float32).tiny


def in_a_loop(function):
    @compiled
    def loop(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    return loop


LOOPS = {name: in_a_loop(getattr(elementary, name)) for name in NAMES}


def evaluate(name, x):
    out = np.full_like(x, -7.0)
    LOOPS[name](x, out)
    return out


def expected(name, x):
    with np.errstate(all="ignore"):
        right = special.ndtr if name == "normal_cdf" else getattr(np, name)
        return right(x.astype(np.float64))


def float32s(low, high):
    """Return every 1999th float32 there is between, and a grid of equal steps."""
    bits = np.arange(0, 2**32, 1999, dtype=np.uint64).astype(np.uint32)
    every = bits.view(np.float32)
    even = np.linspace(max(low, -100.0), min(high, 100.0), 200_001).astype(np.float32)
    found = np.concatenate([every[np.isfinite(every)], even])
    with np.errstate(invalid="ignore"):
        return found[(found >= low) & (found <= high)]


@pytest.mark.parametrize("name", UNITS)
def test_float32_is_good_to_a_few_units_in_the_last_place(name):
    x = float32s(*DOMAIN[name])
    x = x[(x == 0.0) | (np.abs(x) >= 1e-34)]  # below, a product of them is a denormal
    assert len(x) > 100_000
    right = expected(name, x)
    unit = np.spacing(np.abs(right).astype(np.float32)).astype(np.float64)
    error = np.abs(evaluate(name, x) - right) / unit
    assert error.max() <= UNITS[name]
    assert error.mean() <= 1.1  # tanh is off by one where it is nearly x; the others by less


def test_the_normal_distribution_in_float32():
    """To 4e-7; beyond 5 on the left, where it is below 3e-7, to within a tenth of itself."""
    x = float32s(*DOMAIN["normal_cdf"])
    right, found = expected("normal_cdf", x), evaluate("normal_cdf", x)
    assert np.abs(found - right).max() <= 4e-7
    assert found.min() == 0.0 and found.max() == 1.0
    tail = (x < -5.0) & (right > 1e-37)
    assert (np.abs(found - right)[tail] <= 0.1 * right[tail]).all()


@pytest.mark.parametrize("name", NAMES)
def test_float64_is_the_librarys(name):
    ends = {"exp": (-744.0, 709.0), "log1p": (0.0, 1.0), "arctan": (-1.0, 1.0)}
    low, high = ends.get(name, (-40.0, 40.0))
    x = np.linspace(low, high, 100_001)
    x = np.concatenate([x, np.geomspace(1e-300, max(high, 1.0), 2001)])
    if name == "log":
        x = np.concatenate([np.abs(x[x != 0.0]), np.geomspace(5e-324, 1.7e308, 5001)])
    rtol = 1e-12 if name == "normal_cdf" else 5e-16  # erfc at 28: its argument's own rounding
    atol = 1e-307 if name in ("exp", "normal_cdf") else 0.0  # of the last denormals
    np.testing.assert_allclose(evaluate(name, x), expected(name, x), rtol=rtol, atol=atol)


INF, NAN = math.inf, math.nan
ENDS = {  # (argument, value)
    "exp": [(INF, INF), (-INF, 0.0), (0.0, 1.0), (-0.0, 1.0), (1e4, INF), (-1e4, 0.0)],
    "log": [(INF, INF), (0.0, -INF), (-0.0, -INF), (1.0, 0.0), (-1.0, NAN), (-INF, NAN)],
    "log1p": [(0.0, 0.0), (1.0, math.log(2.0))],
    "tanh": [(INF, 1.0), (-INF, -1.0), (0.0, 0.0), (30.0, 1.0), (-30.0, -1.0), (1e30, 1.0)],
    "arctan": [(0.0, 0.0), (1.0, math.pi / 4.0), (-1.0, -math.pi / 4.0)],
    "normal_cdf": [(INF, 1.0), (-INF, 0.0), (0.0, 0.5), (-0.0, 0.5), (1e30, 1.0), (-1e30, 0.0)],
}


@pytest.mark.parametrize("name", NAMES)
def test_ends_and_nan_at_any_place(name):
    """Loops run on eight or sixteen at a time, and on what is left one by one."""
    for dtype in DTYPES:
        x, right = np.array(ENDS[name]).T
        found = evaluate(name, x.astype(dtype))
        assert found.dtype == dtype
        exactly = ~np.isfinite(right) | (right == 0.0) | (np.abs(right) == 1.0)
        assert np.array_equal(found[exactly], right[exactly].astype(dtype), equal_nan=True)
        np.testing.assert_allclose(found, right, rtol=5e-7 if dtype == "float32" else 1e-15)

        x = np.linspace(0.1, 0.9, 37).astype(dtype)
        whole = evaluate(name, x)
        for place in range(37):
            with_nan = x.copy()
            with_nan[place] = np.nan
            found = evaluate(name, with_nan)
            assert np.flatnonzero(np.isnan(found)).tolist() == [place]
            others = np.arange(37) != place
            assert np.array_equal(found[others], whole[others])


@pytest.mark.parametrize("name", NAMES)
def test_denormals_in_float32(name):
    """Arguments so small that they have few digits: the value, but log's, to 1e-38."""
    x = np.array([1.0, 3.0, 1e3, 1e6, 8e6], np.float32) * np.float32(1e-45)
    x = np.concatenate([x, [TINY, np.float32(2.0) * TINY]]).astype(np.float32)
    assert (x[:5] < TINY).all() and (x > 0.0).all()
    for sign in (1.0,) if name in ("log", "log1p") else (1.0, -1.0):
        signed = np.float32(sign) * x
        right = expected(name, signed)
        if name == "log":  # takes them for 0
            right[:5] = -INF
        np.testing.assert_allclose(evaluate(name, signed), right, rtol=1e-6, atol=1e-38)


def test_exp_at_the_ends_of_float32():
    """Infinite from where float32 is; 0 from twice its least normal number down."""
    x = np.array([88.72283, 88.72284, 89.0, -86.98, -86.995, -87.3, -87.34, -103.9], np.float32)
    found = evaluate("exp", x)
    assert np.isfinite(found[0]) and found[1:3].tolist() == [INF, INF]
    assert found[3] > 0.0
    assert np.abs(found[4:] - expected("exp", x[4:])).max() < 2.0 * TINY


def test_tanh_stays_within_its_bounds():
    """Slopes are 1 - tanh²; and a unit that is saturated has none in either precision."""
    x = np.concatenate([np.linspace(5.0, 12.0, 100_001), np.geomspace(12.0, 3e38, 10_001)])
    for dtype in (np.float32, np.float64):
        for sign in (1.0, -1.0):
            y = sign * evaluate("tanh", (sign * x).astype(dtype))
            assert y.max() <= 1.0 and y.min() > 0.999
    assert (evaluate("tanh", np.array([9.03, 20.0], np.float32)) == 1.0).all()
