"""Chance in the slope's place: draws and permutations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from study.learning.activations.base import Activation
from study.learning.core.kernels import kernel
from study.learning.rules.base import (
    FAHLMAN_1988,
    OF_CHANCE,
    THIS_STUDY,
    Array,
    Gradient,
    LayerContext,
    initial_mean,
)
from study.learning.seeds import permuted, stream, uniform
from study.learning.variants import Parameter


@kernel("factor")
def _shuffled_units(z, y, slope, constants, key, step):
    base = stream(key, step)
    order = np.empty(slope.shape[0], np.int64)
    before = np.empty(slope.shape[0], slope.dtype)
    for n in range(slope.shape[1]):
        permuted(order, base, n)
        before[:] = slope[:, n]
        for j in range(order.size):
            slope[j, n] = before[order[j]]


@kernel("factor")
def _shuffled_patterns(z, y, slope, constants, key, step):
    base = stream(key, step)
    order = np.empty(slope.shape[1], np.int64)
    before = np.empty(slope.shape[1], slope.dtype)
    for j in range(slope.shape[0]):
        permuted(order, base, j)
        before[:] = slope[j]
        for n in range(order.size):
            slope[j, n] = before[order[n]]


@kernel("factor")
def _random(z, y, slope, constants, key, step):
    base, low, width = stream(key, step), constants[0], constants[1]
    for j in range(slope.shape[0]):
        for n in range(slope.shape[1]):
            slope[j, n] = low + width * slope.dtype.type(uniform(base, j, n))
    if constants.size > 2:  # matched: the mean of f' at the initial weights
        slope *= constants[2] / (low + width / slope.dtype.type(2))


def _prepare_random(layer: LayerContext, z: Array) -> Array:
    return initial_mean(layer, z) if layer.values["matched"] else np.empty((len(z), 0))


def _several_units(values: Mapping[str, Any], activation: Activation, units: int) -> str:
    return "" if units > 1 else "a layer of one unit has nothing to permute"


def _mean_not_zero(values: Mapping[str, Any], activation: Activation, units: int) -> str:
    balanced = values["matched"] and values["low"] + values["high"] == 0.0
    return "a range with mean 0 cannot be matched" if balanced else ""


RECORDS = (
    Gradient(
        name="shuffled_units",
        formula="φ = f' permuted over the units of a pattern, afresh each update",
        reference=THIS_STUDY,
        label="shuffled over units",
        family="random",
        factor=_shuffled_units,
        refusal=_several_units,
        matched=OF_CHANCE,
    ),
    Gradient(
        name="shuffled_patterns",
        formula="φ = f' permuted over the patterns of a unit, afresh each update",
        reference=THIS_STUDY,
        label="shuffled over patterns",
        family="random",
        factor=_shuffled_patterns,
        matched=OF_CHANCE,
    ),
    Gradient(
        name="random",
        formula="φ from U(low, high), afresh each update; matched: with the mean of f'",
        reference=FAHLMAN_1988 + " (U(0, 1) and 0.25 + U(0, 0.5))",
        family="random",
        parameters={
            "low": Parameter(0.0, "least factor, absolute"),
            "high": Parameter(1.0, "largest factor, absolute"),
            "matched": Parameter(False, "scale it to the initial mean of f'"),
        },
        factor=_random,
        constants=lambda layer: (layer.values["low"], layer.values["high"] - layer.values["low"]),
        prepare=_prepare_random,
        refusal=_mean_not_zero,
        matched=OF_CHANCE,
        examples=(
            {"low": 0.25, "high": 0.75},
            {"low": 0.0, "high": 1.0, "matched": True},
            {"low": -0.5, "high": 2.0, "matched": True},
        ),
    ),
)
