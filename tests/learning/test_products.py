"""Products: every entry is the chain of fused multiply-adds that exact arithmetic gives."""

from fractions import Fraction

import numba
import numpy as np
import pytest

from study.learning.core import products

SHAPES = np.random.default_rng(0)


@numba.njit(cache=True)
def call(product, a, b, c):
    products.dot(product, a, b, c)


@numba.njit(cache=True)
def turn(a, c):
    products.transpose(a, c)


def rounded(exact, dtype):
    """Round a fraction to the nearest number, ties to even."""
    near = np.dtype(dtype).type(float(exact))
    others = (near, np.nextafter(near, dtype(np.inf)), np.nextafter(near, dtype(-np.inf)))
    even = np.uint32 if dtype is np.float32 else np.uint64
    return min(others, key=lambda x: (abs(Fraction(float(x)) - exact), int(x.view(even)) & 1))


def chain(a, b, dtype):
    """Fused multiply-adds over the inner index, in exact arithmetic rounded once a step."""
    total = dtype(0)
    for x, y in zip(a, b, strict=True):
        total = rounded(Fraction(float(x)) * Fraction(float(y)) + Fraction(float(total)), dtype)
    return total


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("turned", [False, True])
def test_every_entry_is_a_chain_and_nothing_else_is_written(dtype, turned):
    """Of random matrices, at every height, and widths of a few vectors; some entries of each."""
    product = products.product(np.dtype(dtype).name)
    heights = [*range(1, 36), 127, 128, 129, 140]
    for height in heights:
        width, depth = SHAPES.integers(1, 90), SHAPES.integers(1, 12)
        a = SHAPES.normal(size=(depth, height) if turned else (height, depth)).astype(dtype)
        a = a.T if turned else a
        wide = SHAPES.normal(size=(depth, width + 5)).astype(dtype)
        b = wide[:, 2 : 2 + width]
        buffer = np.full(height * width + 64, 7.0, dtype)
        c = buffer[32:-32].reshape(height, width)
        call(product, a, b, c)
        assert (buffer[:32] == 7.0).all() and (buffer[-32:] == 7.0).all()
        near = a.astype(np.float64) @ b.astype(np.float64)
        np.testing.assert_allclose(c, near, atol=1e-5 if dtype is np.float32 else 1e-14)
        for i, j in zip(SHAPES.integers(0, height, 8), SHAPES.integers(0, width, 8), strict=True):
            assert c[i, j] == chain(a[i], b[:, j], dtype), (height, width, depth)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_not_finite_spreads_as_in_a_sum(dtype):
    a = np.array([[np.inf, 1.0], [np.nan, 1.0], [0.0, 1.0]], dtype)
    b, c = np.array([[0.0, 1.0], [2.0, 3.0]], dtype), np.empty((3, 2), dtype)
    call(products.product(np.dtype(dtype).name), a, b, c)
    np.testing.assert_array_equal(c, [[np.nan, np.inf], [np.nan, np.nan], [2.0, 3.0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_transposes(dtype):
    for m in (1, 7, 8, 9, 20):
        for n in (1, 5, 8, 15, 32):
            a, c = SHAPES.random((m, n)).astype(dtype), np.empty((n, m), dtype)
            turn(a, c)
            np.testing.assert_array_equal(c, a.T)
