"""Activations y = f(z) and their slopes f'(z), as kernels over a layer (units, patterns).

``m`` is the largest |f'|; a unit is *saturated* where |f'| <= 0.01 m.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numba
import numpy as np

from study.learning import Array
from study.learning.core.fixed import log
from study.learning.core.kernels import Kernel, as_kernel
from study.learning.variants import Record

INFINITY = math.inf
LECUN_1998 = 'LeCun, Bottou, Orr & Müller 1998, "Efficient BackProp", section 4.4'
SATURATED_SHARE = 0.01  # of the largest slope


@dataclass(frozen=True, kw_only=True)
class Activation(Record):
    """An activation; those with parameters are made concrete by `bind`.

    Fields that depend on parameters are functions of them until then.

    Parameters
    ----------
    derivative
        Formula of f'.
    value
        ``value(z, out, constants)`` writes f(z); constants are the parameters, in order.
    slope
        ``slope(z, y, out, constants)`` writes f'(z); it may read y = f(z).
    largest_slope
        m, the largest ``|f'|``.
    bounds
        Infimum and supremum of f; infinite where unbounded.
    kinks
        Pairs (z, slope taken there) where f' jumps.
    saturation
        (a, b): saturated for all z <= a and z >= b; infinite where a side never saturates. (The
        slopes of gelu and silu also pass through 0 near their minima.)
    targets
        The two target values of a classification with this activation at the output; 10 % of the
        range inside the bounds unless given.
    slopes
        All the values f' takes, where it is piecewise constant; else empty.
    rising
        True where f' is never negative.
    rounding
        Net inputs are rounded to multiples of this first, 0 for not at all; f' is then the slope
        at the rounded net input, and no derivative of the staircase that f has become.
    steepness
        κ where f' = m sech²(κ z), for those that matched activations are closed forms of.
    table
        Further constants for the kernels, after the parameters.
    """

    registry = ("study.learning.activations", "ACTIVATIONS")

    derivative: str
    value: Kernel | Callable[..., Any]
    slope: Kernel | Callable[..., Any]
    largest_slope: Any = 1.0
    bounds: Any = (-INFINITY, INFINITY)
    kinks: Any = ()
    saturation: Any = (-INFINITY, INFINITY)
    targets: tuple[float, float] | None = None
    slopes: Any = ()
    rising: bool = True
    rounding: float = 0.0
    steepness: float | None = None
    values: dict[str, float] = field(default_factory=dict)
    table: Array | None = field(default=None, repr=False, compare=False)

    def bind(self, **values: Any) -> Activation:
        """Return the activation with its parameters' values put in (defaults where not given)."""
        full = {
            **self.values,  # of one that is bound already
            **{name: values.get(name, p.default) for name, p in self.parameters.items()},
        }

        def settle(entry: Any) -> Any:
            return entry(**full) if callable(entry) else entry

        bound = replace(
            self,
            parameters={},
            values=full,
            largest_slope=settle(self.largest_slope),
            bounds=settle(self.bounds),
            kinks=settle(self.kinks),
            saturation=settle(self.saturation),
            slopes=settle(self.slopes),
        )
        if bound.bounded and bound.targets is None:
            low, high = bound.bounds
            margin = 0.1 * (high - low)
            bound = replace(bound, targets=(low + margin, high - margin))
        return bound

    def constants(self, dtype: Any) -> Array:
        """Return the parameters, and the table, as the kernels get them."""
        numbers = np.array([*self.values.values()], dtype=dtype)
        return numbers if self.table is None else np.append(numbers, self.table.astype(dtype))

    def apply(self, z: Array) -> Array:
        """Return f(z) for an array of any shape."""
        rows = np.ascontiguousarray(z).reshape(1, -1)
        y = np.empty_like(rows)
        _call_value(as_kernel("value", self.value).at(z.dtype), rows, y, self.constants(z.dtype))
        return y.reshape(z.shape)

    def apply_slope(self, z: Array) -> Array:
        """Return f'(z) for an array of any shape."""
        rows, y = np.ascontiguousarray(z).reshape(1, -1), self.apply(z).reshape(1, -1)
        out = np.empty_like(rows)
        slope = as_kernel("slope", self.slope).at(z.dtype)
        _call_slope(slope, rows, y, out, self.constants(z.dtype))
        return out.reshape(z.shape)

    @property
    def at_zero(self) -> float:
        """f(0)."""
        return float(self.apply(np.zeros(1))[0])

    def knee(self, share: float) -> float:
        """Return |z| at which sech²(κ z) = share: 0 where it never is so large."""
        if self.steepness is None or share <= 0.0:
            return INFINITY
        rest, root = math.sqrt(max(0.0, 1.0 - share)), math.sqrt(min(1.0, share))
        return float(log((1.0 + rest) / root)) / self.steepness  # arcosh of 1 / root

    @property
    def bounded(self) -> bool:
        """True where f has a finite range on both sides."""
        return math.isfinite(self.bounds[0]) and math.isfinite(self.bounds[1])

    @property
    def rectifies(self) -> bool:
        """True of relu, rounded or not: slope 0 or 1, output 0 or more."""
        return tuple(self.slopes) == (0.0, 1.0) and self.bounds == (0.0, INFINITY)

    @property
    def piecewise_constant(self) -> bool:
        """True where f' takes finitely many values."""
        return bool(self.slopes)


@numba.njit(cache=True)
def _call_value(value, z, out, constants):
    value(z, out, constants)


@numba.njit(cache=True)
def _call_slope(slope, z, y, out, constants):
    slope(z, y, out, constants)
