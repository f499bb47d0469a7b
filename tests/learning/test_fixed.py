"""What is made in one fixed order of steps, against numpy and LAPACK."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from study.learning.core import fixed

RNG = np.random.default_rng(0)
COLUMNS = RNG.normal(size=(64, 5))
MATRICES = {
    "one": np.array([[-3.0]]),
    "zero": np.zeros((4, 4)),
    "a rotation": np.array([[0.0, -1.0], [1.0, 0.0]]),
    "a cycle": np.roll(np.eye(9), 1, axis=0),
    "one Jordan block": np.triu(np.ones((12, 12))),
    "whole numbers": RNG.integers(-1, 2, (30, 30)).astype(float),
    "antisymmetric": RNG.normal(size=(20, 20)) - RNG.normal(size=(20, 20)),
    "symmetric, of low rank": COLUMNS @ COLUMNS.T,
    "of low rank": COLUMNS @ RNG.normal(size=(5, 64)),
    "of which most is next to nothing": np.diag([1.0, 0.5, 0.2, 0.1])
    + np.tril(COLUMNS[:4, :4]) * 2e-162,
    "large": 1e200 * RNG.normal(size=(64, 64)),
    "small": 1e-200 * RNG.normal(size=(64, 64)),
}


@pytest.mark.parametrize("name", MATRICES)
def test_eigenvalues(name):
    """Those of LAPACK, in some order."""
    matrix = MATRICES[name]
    found, expected = fixed.eigenvalues(matrix), np.linalg.eigvals(matrix)
    apart = np.abs(found[:, None] - expected)
    pairs = linear_sum_assignment(apart)
    assert apart[pairs].max() <= 1e-12 * np.abs(expected).max()


def test_eigenvalues_of_what_is_not_finite():
    for nothing in (np.nan, np.inf):
        assert np.isnan(fixed.eigenvalues(np.array([[1.0, 2.0], [nothing, 1.0]]))).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_and_sums(dtype):
    a, b = (RNG.normal(size=shape).astype(dtype) for shape in ((7, 50), (50, 9)))
    wide = a.astype(np.float64)
    np.testing.assert_allclose(fixed.multiplied(a, b), wide @ b, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(fixed.multiplied(b.T, a.T), (wide @ b).T, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(fixed.sums(a), wide.sum(axis=1), rtol=1e-12, atol=1e-12)
    assert fixed.sums(a[:, None, :]).shape == (7, 1) and fixed.sums(a[0]).shape == ()
    assert fixed.sums(a[:, :0]).tolist() == [0.0] * 7


def test_logarithms_and_exponentials():
    x = np.geomspace(1e-300, 1e300, 1000).reshape(2, 500)
    np.testing.assert_allclose(fixed.log(x), np.log(x), rtol=1e-15)
    np.testing.assert_allclose(fixed.exp(fixed.log(x)), x, rtol=1e-12)
    assert fixed.log(0.0) == -np.inf and np.isnan(fixed.log(-1.0)) and fixed.exp(0.0) == 1.0


def test_sines_and_powers():
    angles = np.linspace(-7.0, 7.0, 10_001)
    np.testing.assert_allclose(fixed.sin(angles), np.sin(angles), rtol=1e-15, atol=3e-16)
    bases = np.array([0.0, 0.5, 0.9, 0.999, 1.0])
    for exponent in (0, 1, 2, 17, 10_000):
        np.testing.assert_allclose(fixed.power(bases, exponent), bases**exponent, rtol=1e-11)


def test_the_quadrature():
    """Of even powers on (-1, 1), up to the fourteenth; odd ones cancel."""
    nodes, weights = fixed.GAUSS
    for power in range(0, 15, 2):
        assert (weights * nodes**power).sum() == pytest.approx(2.0 / (power + 1), rel=1e-14)
    assert np.array_equal(nodes, -nodes[::-1])
