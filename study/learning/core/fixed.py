"""Sums, products, logarithms, exponentials and eigenvalues of arrays: the same bits everywhere.

numpy's exp, log, cos and powers have a version for each kind of processor, or are the C library's,
and its matrix products and linear algebra are those of a BLAS. What is kept as a result is made of
these functions, and of what IEEE 754 rounds in one way: + - * / and roots.
"""

import math
from typing import Any

import numpy as np

from study.learning import Array
from study.learning.core import elementary
from study.learning.core.kernels import compiled

EPSILON = 2.0**-52
# nodes in (-1, 1) and weights of Gauss and Legendre: exact for polynomials of degree 15
_HALF = (
    *((0.1834346424956498, 0.362683783378362), (0.525532409916329, 0.31370664587788727)),
    *((0.7966664774136267, 0.22238103445337448), (0.9602898564975363, 0.10122853629037626)),
)
GAUSS = tuple(np.array([*((-x, w) for x, w in reversed(_HALF)), *_HALF]).T)


@compiled
def _sums(rows):
    found = np.zeros(rows.shape[0])
    for r in range(rows.shape[0]):
        for i in range(rows.shape[1]):
            found[r] += rows[r, i]
    return found


def _of_arrays(function: Any) -> Any:
    """Make the function of arrays that an elementary function is for each number, in float64."""

    @compiled
    def loop(x):
        found = np.empty_like(x)
        for i in range(x.size):
            found[i] = function(x[i])
        return found

    def of_array(x: Array | float) -> Array:
        wide = np.asarray(x, dtype=np.float64)
        return loop(wide.ravel()).reshape(wide.shape)

    return of_array


exp, log, sin, tanh = map(
    _of_arrays, (elementary.exp, elementary.log, elementary.sin, elementary.tanh)
)


def sums(a: Array) -> Array:
    """Sum along the last axis, from the first number to the last, in float64."""
    rows = np.ascontiguousarray(a).reshape(math.prod(a.shape[:-1]), a.shape[-1])
    return _sums(rows).reshape(a.shape[:-1])


def power(base: Array, exponent: int) -> Array:
    """Return the base to a whole exponent from 0 on, by squaring."""
    found = np.ones_like(base)
    while exponent:
        found, base = found * base if exponent & 1 else found, base * base
        exponent >>= 1
    return found


@compiled
def multiplied(a, b):
    """Return the matrix product a b, in float64."""
    c = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            factor = np.float64(a[i, k])
            for j in range(b.shape[1]):
                c[i, j] += factor * b[k, j]
    return c


# ---- eigenvalues -------------------------------------------------------------------------------


@compiled
def _root(z):
    """Square root of a complex number; the C library's takes hypot."""
    size = np.sqrt(0.5 * (np.sqrt(z.real * z.real + z.imag * z.imag) + abs(z.real)))
    if size == 0.0:
        return complex(0.0, 0.0)
    other = 0.5 * z.imag / size
    return complex(size, other) if z.real >= 0.0 else complex(other, size)


@compiled
def _is_nothing(z):
    return abs(z.real) + abs(z.imag) <= EPSILON


@compiled
def _rotation(x, y):
    """Return c and s of the rotation that turns (x, y) to (r, 0)."""
    size = x.real * x.real + x.imag * x.imag + y.real * y.real + y.imag * y.imag
    if size < 1e-280:  # nothing, beside the largest entry, 1; smaller squares lose digits
        return complex(1.0, 0.0), complex(0.0, 0.0)
    factor = 1.0 / np.sqrt(size)
    return x * factor, y * factor


@compiled
def _turn(a, i, j, c, s, first, end):
    """Rotate rows i and j of a, from column `first` to before `end`."""
    for k in range(first, end):
        x, y = a[i, k], a[j, k]
        a[i, k] = c.conjugate() * x + s.conjugate() * y
        a[j, k] = c * y - s * x


@compiled
def eigenvalues(matrix):
    """Return the eigenvalues of a square real matrix (n, n), complex.

    They are NaN if the matrix is not finite, or if the steps do not converge.

    By the QR algorithm with Wilkinson's shifts (Golub & Van Loan 2013, sections 7.4 and 7.5),
    all of it rotations. Errors are rounding's, relative to the largest entry.
    """
    n, size = len(matrix), max(np.abs(matrix).max(), 1e-300)
    if not np.isfinite(matrix).all():
        return np.full(n, complex(np.nan, 0.0))
    h, turns = (matrix / size).astype(np.complex128), np.empty((n, 2), np.complex128)
    for k in range(n - 2):  # to Hessenberg's form: only 0 below the first subdiagonal
        for i in range(k + 2, n):
            c, s = _rotation(h[k + 1, k], h[i, k])
            _turn(h, k + 1, i, c, s, k, n)
            _turn(h.T, k + 1, i, c.conjugate(), s.conjugate(), 0, n)
    last = n - 1
    for step in range(1, 100 * n):  # two or three for each eigenvalue
        while last > 0 and _is_nothing(h[last, last - 1]):
            last -= 1
        if last == 0:
            break
        first = last - 1
        while first > 0 and not _is_nothing(h[first, first - 1]):
            first -= 1
        half = 0.5 * (h[last - 1, last - 1] - h[last, last])
        root = _root(half * half + h[last - 1, last] * h[last, last - 1])
        if half.real * root.real + half.imag * root.imag < 0.0:
            root = -root
        shift = h[last, last] + half - root  # the last 2 × 2's eigenvalue that is nearer to it
        if step % 11 == 0:
            shift += abs(h[last, last - 1].real)  # out of a cycle
        for i in range(first, last + 1):
            h[i, i] -= shift
        for k in range(first, last):
            turns[k] = _rotation(h[k, k], h[k + 1, k])
            _turn(h, k, k + 1, turns[k, 0], turns[k, 1], k, last + 1)
        for k in range(first, last):
            c, s = turns[k, 0].conjugate(), turns[k, 1].conjugate()
            _turn(h.T, k, k + 1, c, s, first, k + 2)
        for i in range(first, last + 1):
            h[i, i] += shift
    else:
        return np.full(n, complex(np.nan, 0.0))
    return np.diag(h) * size
