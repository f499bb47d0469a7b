"""Kernels of records, called on a layer as they are; none may change what it reads."""

from typing import Any

import numba
import numpy as np

from study.learning.activations.base import Activation
from study.learning.core.kernels import as_kernel
from study.learning.objectives import Objective
from study.learning.rules.base import Gradient
from study.learning.variants import Variant


@numba.njit(cache=True)
def _call_value(kernel, z, out, constants):
    kernel(z, out, constants)


@numba.njit(cache=True)
def _call_factor(kernel, z, y, slope, constants, key, step):
    kernel(z, y, slope, constants, key, step)


@numba.njit(cache=True)
def _call_terms(kernel, z, y, t):
    return kernel(z, y, t)


def values(activation: Activation, z: np.ndarray) -> np.ndarray:
    """Return f(z) of a layer (units, patterns), by the kernel."""
    out, kept = np.full_like(z, np.nan), z.copy()
    _call_value(
        as_kernel("value", activation.value).at(z.dtype), z, out, activation.constants(z.dtype)
    )
    assert np.array_equal(z, kept, equal_nan=True), "z was changed"
    return out


def factor(
    rule: Variant[Gradient] | Gradient,
    z: np.ndarray,
    y: np.ndarray,
    slope: np.ndarray,
    constants: Any = (),
    key: Any = 0,
    step: int = 1,
) -> np.ndarray:
    """Return φ of a layer, by the kernel alone."""
    record = rule.record if isinstance(rule, Variant) else rule
    phi, kept = slope.copy(), (z.copy(), y.copy())
    _call_factor(
        as_kernel("factor", record.factor).at(z.dtype),
        *(z, y, phi, np.array(constants, z.dtype), np.uint64(key), step),
    )
    assert np.array_equal(z, kept[0], equal_nan=True), "z was changed"
    assert np.array_equal(y, kept[1], equal_nan=True), "y was changed"
    return phi


def terms(objective: Objective, z: np.ndarray, y: np.ndarray, t: np.ndarray) -> float:
    """Return an objective's sum over outputs and patterns; t (patterns, outputs)."""
    return _call_terms(as_kernel("terms", objective.terms).at(z.dtype), z, y, t)
