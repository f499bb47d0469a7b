"""The curves of matched activations: squashed lines with knees, and a piecewise polynomial.

The closed forms share one shape, with g one of tanh, the logistic function, the gudermannian, the
integral of a bump, and the identity:

    F(z) = a g(b x) + c z + e (z - x) + d,   x = z cut to [-r, r]

so that F' = a b g'(b z) + c within the knees, and c + e beyond them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.learning.activations import squashing
from study.learning.activations.base import Activation
from study.learning.core.borrowed import line
from study.learning.core.elementary import exp, log1p, tanh
from study.learning.core.fixed import sums
from study.learning.core.kernels import Kernel, elementwise, inlined, kernel
from study.learning.core.lookup import entry, number, set_number

Reals = NDArray[np.float64]
LN2 = 0.6931471805599453

REACH = 40.0
"""Beyond |z| = 40 the spline goes on in a straight line."""
CELLS = 32  # to a unit of z
NODES = 6  # of Chebyshev, a cell: φ is a polynomial of degree 5 there, F one of degree 6
RECORD = NODES + 3  # table entries a cell: its left end, inverse width, the 7 coefficients of F


# ---- closed forms ------------------------------------------------------------------------------


@elementwise
def _cut(z, r):
    return r if z > r else (-r if z < -r else z)  # NaN stays


def _closed_form(g: Any, slope: Any) -> tuple[Any, Any]:
    """Compile F and F' of a shape g(u) with this slope."""

    def value(z, a, b, c, d, r, e):
        x = _cut(z, r)
        y = a * g(b * x) + d
        y = y + c * z if c != 0 else y  # 0 times infinity would be NaN
        return y + e * (z - x) if z != x else y

    def derivative(z, a, b, c, d, r, e):
        inside = a * b * slope(b * z) + c
        return c + e if abs(z) > r else inside

    return elementwise(value), elementwise(derivative)


@elementwise
def _tanh_slope(u):
    y = tanh(u)
    return 1 - y * y


@elementwise
def _logistic_slope(u):
    y = 1 / (1 + exp(-u))
    return y * (1 - y)


@elementwise
def _bump(u):
    """sgn(u) (|u| - ln cosh u), written so that it does not cancel."""
    g = LN2 - log1p(exp(-2 * abs(u)))
    return -g if u < 0 else g


_KNOWN = {record.name: record for record in squashing.RECORDS}
SHAPES = {
    "tanh": _closed_form(_KNOWN["tanh"].value, _tanh_slope),
    "logistic": _closed_form(_KNOWN["logistic"].value, _logistic_slope),
    "symmetric_logistic": _closed_form(_KNOWN["symmetric_logistic"].value, _logistic_slope),
    "gudermannian": _closed_form(_KNOWN["gudermannian"].value, _KNOWN["gudermannian"].slope),
    "bump": _closed_form(_bump, elementwise(lambda u: 1 - abs(tanh(u)))),
    "line": _closed_form(_KNOWN["identity"].value, elementwise(lambda u: 1)),
}


@dataclass(frozen=True)
class Curve:
    """A matched activation before it is an `Activation`: its kernels, constants and formula."""

    value: Kernel | Callable[..., Any]
    slope: Kernel | Callable[..., Any]
    formula: str
    constants: dict[str, float]
    table: Reals | None = None

    @classmethod
    def of(cls, f: Activation) -> Curve:
        """Return the curve of an activation (bound) itself."""
        return cls(f.value, f.slope, f.formula, dict(f.values), f.table)


def shaped(
    shape: str,
    formula: str,
    a: float = 1.0,
    b: float = 1.0,
    c: float = 0.0,
    d: float = 0.0,
    r: float = math.inf,
    e: float = 0.0,
) -> Curve:
    """Return a closed form: a g(b x) + c z + e (z - x) + d, x = z cut to [-r, r]."""
    value, slope = SHAPES[shape]
    return Curve(value, slope, formula, {"a": a, "b": b, "c": c, "d": d, "r": r, "e": e})


def straight(f: Activation, slope: float) -> Curve:
    """Return the straight line through f(0)."""
    return shaped("line", "c z + f(0)", a=slope, d=f.at_zero)


def squashed(f: Activation, formula: str, **constants: float) -> Curve | None:
    """Return the closed form with g = f, None where the slope of f is not m sech²(κ z)."""
    return None if f.steepness is None else shaped(f.name, formula, **constants)


def scaled_curve(f: Activation, shape: str, formula: str) -> Curve | None:
    """Return m g(κ z) / κ + f(0), None where the slope of f is not m sech²(κ z)."""
    if f.steepness is None:
        return None
    return shaped(shape, formula, a=f.largest_slope / f.steepness, b=f.steepness, d=f.at_zero)


# ---- the spline --------------------------------------------------------------------------------


@inlined
def _find_cells(z, table, cells):
    """Write the number of each z's cell, any for NaN: a whole number, of the type of z.

    The table is (pieces; left end, cells, first cell and inverse width of each; the cells). One
    pass a piece, without branches, so that a compiler takes many z at a time.
    """
    zero, one, reach = z.dtype.type(0), z.dtype.type(1), z.dtype.type(REACH)
    for p in range(int(table[0])):
        at = 1 + 4 * p
        left, last, first, inverse = table[at], table[at + 1] - one, table[at + 2], table[at + 3]
        for i in range(z.size):
            x = _cut(z[i], reach)
            within = (x - left) * inverse if x > left else zero
            cell = first + min(np.floor(within), last)
            cells[i] = cell if p == 0 or x >= left else cells[i]


@inlined
def _polynomial(x, cell, table):
    """Return F(x) and F'(x), by Horner's rule; x is in this cell, or at its end.

    A cell is (left end, inverse width, coefficients of F), the constant first.
    """
    at = np.int32(1) + np.int32(4) * np.int32(entry(table, 0)) + np.int32(RECORD) * np.int32(cell)
    inverse = entry(table, at + np.int32(1))
    u = (x - entry(table, at)) * inverse
    y, slope = entry(table, at + np.int32(NODES + 2)), table.dtype.type(0)
    for k in range(NODES):
        slope = slope * u + y
        y = y * u + entry(table, at + np.int32(NODES + 1) - np.int32(k))
    return y, slope * inverse


@kernel("value")
def _spline(z, out, constants):
    reach, cells = z.dtype.type(REACH), (constants.size - 1 - 4 * int(constants[0])) // RECORD
    flat, into = line(z), line(out)
    _find_cells(flat, constants, into)
    for i in range(z.size):
        x = _cut(number(flat, i), reach)
        set_number(into, i, _polynomial(x, number(into, i), constants)[0])
    for i in range(z.size):  # beyond the reach, where few are
        if abs(flat[i]) > reach:
            x = _cut(flat[i], reach)
            slope = _polynomial(x, 0 if x < 0 else cells - 1, constants)[1]
            into[i] = into[i] + slope * (flat[i] - x) if slope != 0 else into[i]


@kernel("slope")
def _spline_slope(z, y, out, constants):
    reach = z.dtype.type(REACH)
    flat, into = line(z), line(out)
    _find_cells(flat, constants, into)
    for i in range(z.size):
        x = _cut(number(flat, i), reach)
        set_number(into, i, _polynomial(x, number(into, i), constants)[1])


def _interpolated(nodes: Reals, values: Reals) -> Reals:
    """Return the coefficients of polynomials through values (n, nodes), the constant first."""
    newton = values.T.copy()
    for k in range(1, len(nodes)):  # divided differences
        newton[k:] = (newton[k:] - newton[k - 1 : -1]) / (nodes[k:] - nodes[:-k])[:, None]
    found = np.zeros_like(newton)
    for node, difference in zip(nodes[::-1], newton[::-1], strict=True):
        found[1:] = found[:-1] - node * found[1:]  # times (u - node)
        found[0] = difference - node * found[0]
    return found.T


def spline(phi: Callable[[Reals], Reals], knees: list[float], start: float) -> Curve:
    """Return the integral of φ (of points (n,), float64) as a piecewise polynomial, F(0) = start.

    In each of 32 cells to a unit of z, φ is the polynomial of degree 5 through six Chebyshev nodes
    and F the integral of that polynomial, so F' is the polynomial to the last bit of what rounding
    leaves. Every knee, where φ bends or jumps, is an end of a cell. For a φ that is smooth between
    its knees the error of both is below 1e-9 on |z| <= 40 (a test holds it), finer than float32
    can tell.
    """
    within = [k for k in knees if 1e-9 < abs(k) < REACH - 1e-9]
    ends = np.unique([-REACH, 0.0, REACH, *within])
    ends = ends[np.concatenate([[True], np.diff(ends) > 1e-9])]
    counts = np.ceil(np.diff(ends) * CELLS).astype(int)
    left = np.concatenate(
        [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(ends, ends[1:], counts)]  # noqa: B905
    )
    widths = np.repeat(np.diff(ends) / counts, counts)
    root, two = math.sqrt(6.0) / 4.0, math.sqrt(2.0) / 4.0
    cosines = np.array([root + two, 2.0 * two, root - two])  # of 15°, 45° and 75°
    nodes = 0.5 - 0.5 * np.concatenate([cosines, -cosines[::-1]])
    at_nodes = phi((left[:, None] + widths[:, None] * nodes).ravel()).reshape(len(left), NODES)
    powers = _interpolated(nodes, at_nodes)
    rising = widths[:, None] * powers / np.arange(1, NODES + 1)  # ∫ u^k du = u^(k+1) / (k + 1)
    value = np.concatenate([[0.0], np.cumsum(sums(rising))])
    zero = int(np.searchsorted(left, 0.0))
    value += start - value[zero]
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    pieces = np.column_stack([ends[:-1], counts, first, counts / np.diff(ends)])
    inverse = np.repeat(pieces[:, 3], counts)
    cells = np.column_stack([left, inverse, value[:-1], rising])
    table = np.concatenate([[len(counts)], pieces.ravel(), cells.ravel()])
    return Curve(_spline, _spline_slope, "∫ φ dz, a piecewise polynomial", {}, table)
