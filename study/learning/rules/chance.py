"""Draws and permutations in the slope's place; controls, which must fail if others are to tell."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from study.learning.activations.base import Activation
from study.learning.core.kernels import compiled, elementwise, kernel
from study.learning.rules.base import (
    FAHLMAN_1988,
    OF_CHANCE,
    THIS_STUDY,
    Gradient,
    initial_mean,
)
from study.learning.seeds import partner, stream, uniform
from study.learning.variants import Parameter


@compiled
def _permute(lines, base):
    """Put each row into an order of its own. Swaps in other rows need not wait for each other."""
    for i in range(lines.shape[1] - 1, 0, -1):
        for at in range(lines.shape[0]):
            k = partner(base, i, at)
            lines[at, i], lines[at, k] = lines[at, k], lines[at, i]


@kernel("factor")
def _shuffled_units(z, y, slope, constants, key, step):
    _permute(slope.T, stream(key, step))


@kernel("factor")
def _shuffled_patterns(z, y, slope, constants, key, step):
    _permute(slope, stream(key, step))


@kernel("factor")
def _random_sign(z, y, slope, constants, key, step):
    base, half = stream(key, step), 0.5
    for j in range(slope.shape[0]):
        for n in range(slope.shape[1]):
            if uniform(base, j, n) < half:
                slope[j, n] = -slope[j, n]


@kernel("factor")
def _random(z, y, slope, constants, key, step):
    base, low, width = stream(key, step), constants[0], constants[1]
    for j in range(slope.shape[0]):
        for n in range(slope.shape[1]):
            slope[j, n] = low + width * slope.dtype.type(uniform(base, j, n))
    if constants.size > 2:  # matched: the mean of f' at the initial weights
        slope *= constants[2] / (low + width / slope.dtype.type(2))


def _mean_not_zero(values: Mapping[str, Any], activation: Activation, units: int) -> str:
    balanced = values["matched"] and values["low"] + values["high"] == 0.0
    return "a range with mean 0 cannot be matched" if balanced else ""


_shuffle = partial(Gradient, reference=THIS_STUDY, family="random", matched=OF_CHANCE)

RECORDS = (
    _shuffle(
        name="shuffled_units",
        formula="φ = f' permuted over the units of a pattern, afresh each update",
        label="shuffled over units",
        factor=_shuffled_units,
        refusal=lambda values, activation, units: (
            "" if units > 1 else "a layer of one unit has nothing to permute"
        ),
    ),
    _shuffle(
        name="shuffled_patterns",
        formula="φ = f' permuted over the patterns of a unit, afresh each update",
        label="shuffled over patterns",
        factor=_shuffled_patterns,
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
        prepare=lambda layer, z: (
            initial_mean(layer, z) if layer.values["matched"] else np.empty((len(z), 0))
        ),
        refusal=_mean_not_zero,
        matched=OF_CHANCE,
        examples=(
            {"low": 0.25, "high": 0.75},
            {"low": 0.0, "high": 1.0, "matched": True},
            {"low": -0.5, "high": 2.0, "matched": True},
        ),
    ),
    Gradient(
        name="frozen",
        formula="φ = 0: hidden layers do not learn",
        reference=THIS_STUDY + ": the baseline that a rule must beat to work",
        family="control",
        factor=elementwise(lambda: 0),
        hidden_only=True,
        matched="it would be a constant: a net without inputs",
    ),
    Gradient(
        name="negated_top",
        formula="φ = -f'(z) at the topmost hidden layer, f'(z) below it",
        reference=THIS_STUDY + ": reverses every hidden gradient, must fail",
        label="negated at the top",
        family="control",
        factor=elementwise(lambda slope, sign: slope * sign),
        constants=lambda layer: (-1.0 if layer.topmost else 1.0,),
        hidden_only=True,
        matched="it differs from layer to layer",
    ),
    Gradient(
        name="random_sign",
        formula="φ = f'(z) or -f'(z), by a fair coin, afresh each update",
        reference=THIS_STUDY + ": must not beat frozen",
        family="control",
        factor=_random_sign,
        matched=OF_CHANCE,
    ),
)
