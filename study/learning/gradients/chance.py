"""Chance in the slope's place: draws and permutations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from study.learning import seeds
from study.learning.activations import Activation
from study.learning.gradients.base import (
    FAHLMAN_1988,
    THIS_STUDY,
    Array,
    Gradient,
    Site,
    initial_mean,
)
from study.learning.records import Parameter


def _shuffled_units(z: Array, y: Array, slope: Array, site: Site, step: int) -> Array:
    out = np.empty_like(slope)
    seeds.permute_units(slope, out, site.keys, step)
    return out


def _shuffled_patterns(z: Array, y: Array, slope: Array, site: Site, step: int) -> Array:
    out = np.empty_like(slope)
    seeds.permute_patterns(slope, out, site.keys, step)
    return out


def _random(z: Array, y: Array, slope: Array, site: Site, step: int) -> Array:
    low, high = float(site.values["low"]), float(site.values["high"])
    out = np.empty_like(z)
    seeds.fill_uniform(out, site.keys, step, low, high - low)
    if site.values["matched"]:
        out *= site.arrays["mean"] / (0.5 * (low + high))
    return out


def _prepare_random(site: Site, z: Array) -> dict[str, Array]:
    return initial_mean(site, z) if site.values["matched"] else {}


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
    ),
    Gradient(
        name="shuffled_patterns",
        formula="φ = f' permuted over the patterns of a unit, afresh each update",
        reference=THIS_STUDY,
        label="shuffled over patterns",
        family="random",
        factor=_shuffled_patterns,
    ),
    Gradient(
        name="random",
        formula="φ = U(low, high) a pattern, unit, layer and update; matched: at exact's mean",
        reference=FAHLMAN_1988 + " (U(0, 1) and 0.25 + U(0, 0.5))",
        family="random",
        parameters={
            "low": Parameter(0.0, "least factor, absolute"),
            "high": Parameter(1.0, "largest factor, absolute"),
            "matched": Parameter(False, "scale it to the initial mean of f'"),
        },
        factor=_random,
        prepare=_prepare_random,
        needs_slope=False,
        refusal=_mean_not_zero,
    ),
)
