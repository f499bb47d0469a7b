"""Layers of a net in a stated arithmetic, where products and sums are rounded in one way."""

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import Any

import numba
import numpy as np

from study.learning import Array

TINY = 2.0**-24
"""The least positive number of float16; smaller normal ones begin at 2^-14."""
DRAWN_BITS = 24


class Arithmetic(ABC):
    """How a layer's net inputs and the products of the way back are rounded.

    Numbers of float16 lie in arrays of float32, which hold each of them exactly.
    """

    name: str
    dtype: Any

    @abstractmethod
    def rounded(self, values: Array) -> Array:
        """Return `values` as numbers of this arithmetic."""

    @abstractmethod
    def layer(self, inputs: Array, weights: Array, bias: Array) -> Array:
        """Return net inputs (n, units) of inputs (n, d), weights (d, units) and bias (units,)."""

    @abstractmethod
    def hit(self, sums: Array, reach: float) -> Array:
        """Return the chance that a bias from U(-reach, reach) makes each sum exactly 0."""

    def product(self, left: Array, right: Array) -> Array:
        """Return a matrix product."""
        return self.layer(left, right, np.zeros(right.shape[1], self.dtype))


def uniform(draws: Array, reach: float) -> Array:
    """Return numbers of U(-reach, reach) in float32, as PyTorch makes them of 24 random bits."""
    unit = np.float32(2.0**-DRAWN_BITS) * draws.astype(np.float32)
    return np.asarray(unit * np.float32(2.0 * reach) - np.float32(reach))


class Plain(Arithmetic):
    """float32 or float64: products of numpy, in `parts` that are added up; the bias comes last.

    A sum's last digits, and so its exact zeros, depend on its order. A processor of graphics adds
    up partial sums; into how many parts it splits them is nowhere stated.
    """

    def __init__(self, name: str, parts: int = 1) -> None:
        self.dtype, self.parts = np.dtype(name), parts
        self.name = name if parts == 1 else f"{name}, sums of {parts} parts"

    def rounded(self, values: Array) -> Array:
        """Return `values` in this type."""
        return np.asarray(values, self.dtype)

    def layer(self, inputs: Array, weights: Array, bias: Array) -> Array:
        """Return the product plus the bias."""
        if self.parts == 1:
            return np.asarray(inputs @ weights + bias)
        ends = np.linspace(0, len(weights), self.parts + 1).astype(int)
        found = np.zeros((len(inputs), weights.shape[1]), self.dtype)
        for start, end in pairwise(ends):
            found += inputs[:, start:end] @ weights[start:end]
        return found + bias

    def hit(self, sums: Array, reach: float) -> Array:
        """Return the share of the 2^24 biases that are minus the sum."""
        middle = np.rint((reach - sums.astype(float)) / (2.0 * reach) * 2.0**DRAWN_BITS)
        found = np.zeros(sums.shape)
        for near in range(-2, 3):
            draws = middle + near
            possible = (draws >= 0) & (draws < 2**DRAWN_BITS)
            found += possible & (uniform(draws, reach) == -sums)
        return found * 2.0**-DRAWN_BITS


class HalfOnce(Plain):
    """float16 as graphics processors do it: sums in float32, and one rounding at the end."""

    def __init__(self) -> None:
        super().__init__("float32")
        self.name = "float16"

    def rounded(self, values: Array) -> Array:
        """Return the nearest numbers of float16."""
        found = np.array(values, np.float32, order="C")
        _halve(found.reshape(-1), found.reshape(-1).view(np.int32))
        return found

    def layer(self, inputs: Array, weights: Array, bias: Array) -> Array:
        """Return the product plus the bias, rounded once."""
        return self.rounded(inputs @ weights + bias)

    def hit(self, sums: Array, reach: float) -> Array:
        """Return the chance of a sum below half of `TINY`, which underflows to 0."""
        return np.where(np.abs(sums) < reach, TINY, 0.0) / (2.0 * reach)


class HalfEach(HalfOnce):
    """float16, rounded after each product and each sum, in the order of the inputs, bias last."""

    def __init__(self) -> None:
        super().__init__()
        self.name = "float16, each operation"

    def layer(self, inputs: Array, weights: Array, bias: Array) -> Array:
        """Return the net inputs, each operation rounded."""
        return _each(
            np.ascontiguousarray(inputs), np.ascontiguousarray(weights), bias.astype(np.float32)
        )

    def hit(self, sums: Array, reach: float) -> Array:
        """Return the gap between neighbours in float16, as a share of the bias's range."""
        gap = np.spacing(np.abs(sums).astype(np.float16)).astype(float)
        return np.where(np.abs(sums) < reach, gap, 0.0) / (2.0 * reach)


@numba.njit(cache=True)
def _halve(values: Array, bits: Array) -> None:
    """Round float32 `values` to float16, ties to even; `bits` is the same memory as int32."""
    for j in range(values.size):
        small = (values[j] + np.float32(0.75)) - np.float32(0.75)  # a multiple of TINY
        if abs(values[j]) < np.float32(2.0**-14):
            values[j] = small
        else:
            bits[j] = (bits[j] + 0xFFF + ((bits[j] >> 13) & 1)) & ~0x1FFF
            if abs(values[j]) > np.float32(65504.0):
                values[j] = np.float32(np.inf) * np.sign(values[j])


@numba.njit(cache=True)
def _each(inputs: Array, weights: Array, bias: Array) -> Array:
    units = weights.shape[1]
    found = np.zeros((inputs.shape[0], units), np.float32)
    term = np.empty(units, np.float32)
    bits = term.view(np.int32)
    for n in range(inputs.shape[0]):
        total = found[n]
        total_bits = total.view(np.int32)
        for k in range(inputs.shape[1]):
            if inputs[n, k] == 0:
                continue
            for j in range(units):
                term[j] = inputs[n, k] * weights[k, j]
            _halve(term, bits)
            for j in range(units):
                total[j] += term[j]
            _halve(total, total_bits)
        for j in range(units):
            total[j] += bias[j]
        _halve(total, total_bits)
    return found


ARITHMETICS = {
    found.name: found
    for found in (
        Plain("float64"),
        *(Plain("float32", parts) for parts in (1, 2, 4, 8, 16, 64)),
        HalfOnce(),
        HalfEach(),
    )
}
