"""Removal of the slope, and what separates its scale from its shape: constants and means."""

from __future__ import annotations

import numpy as np

from study.learning.gradients.base import (
    FAHLMAN_1988,
    THIS_STUDY,
    Array,
    Gradient,
    Site,
    initial_mean,
    mean_slope,
)
from study.learning.records import Parameter


def _exact(z: Array, y: Array, slope: Array, site: Site, step: int) -> Array:
    return slope


def _removed(z: Array, y: Array, slope: Array, site: Site, step: int) -> float:
    return 1.0


def _constant(z: Array, y: Array, slope: Array, site: Site, step: int) -> float:
    return float(site.values["value"])


def _mean_matched(z: Array, y: Array, slope: Array, site: Site, step: int) -> Array:
    return site.arrays["mean"]


def _mean_tracked(z: Array, y: Array, slope: Array, site: Site, step: int) -> Array:
    return mean_slope(slope)


def _scaled(z: Array, y: Array, slope: Array, site: Site, step: int) -> Array:
    slope /= site.arrays["mean"]
    return slope


def _pattern_mean(z: Array, y: Array, slope: Array, site: Site, step: int) -> Array:
    return slope.mean(axis=1, keepdims=True)


def _unit_mean(z: Array, y: Array, slope: Array, site: Site, step: int) -> Array:
    return slope.mean(axis=2, keepdims=True)


def _rank_one(z: Array, y: Array, slope: Array, site: Site, step: int) -> Array:
    units = slope.mean(axis=2, keepdims=True)
    mean = units.mean(axis=1, keepdims=True)
    units /= np.where(mean == 0.0, 1.0, mean)  # all slopes 0: the product is 0, not 0/0
    return units * slope.mean(axis=1, keepdims=True)


RECORDS = (
    Gradient(
        name="exact",
        formula="φ = f'(z)",
        reference="Rumelhart, Hinton & Williams 1986",
        family="exact",
        factor=_exact,
    ),
    Gradient(
        name="removed",
        formula="φ = 1",
        reference="Guo, Li & Chen 2020 (LinBP); Yazdani 2018",
        family="removed",
        factor=_removed,
        needs_slope=False,
    ),
    Gradient(
        name="constant",
        formula="φ = c",
        reference=FAHLMAN_1988 + " (c = 0.5)",
        family="removed",
        parameters={"value": Parameter(0.5, "c, absolute")},
        factor=_constant,
        needs_slope=False,
        same_as=lambda values, activation: "removed" if values["value"] == 1.0 else None,
    ),
    Gradient(
        name="mean_matched",
        formula="φ = mean of f' over training set and units at the initial weights, a layer",
        reference=THIS_STUDY + ": removal at exact's scale",
        label="mean, matched",
        family="mean",
        factor=_mean_matched,
        prepare=initial_mean,
        needs_slope=False,
    ),
    Gradient(
        name="mean_tracked",
        formula="φ = mean of f' over units and patterns of the batch, a layer",
        reference=THIS_STUDY,
        label="mean, tracked",
        family="mean",
        factor=_mean_tracked,
    ),
    Gradient(
        name="scaled",
        formula="φ = f'(z) / mean of f' at the initial weights, a layer",
        reference=THIS_STUDY + ": exact's shape at removal's scale",
        family="mean",
        factor=_scaled,
        prepare=initial_mean,
    ),
    Gradient(
        name="pattern_mean",
        formula="φ = mean of f' over the units of a layer, a pattern",
        reference=THIS_STUDY,
        label="pattern mean",
        family="mean",
        factor=_pattern_mean,
    ),
    Gradient(
        name="unit_mean",
        formula="φ = mean of f' over the patterns of the batch, a unit",
        reference=THIS_STUDY,
        label="unit mean",
        family="mean",
        factor=_unit_mean,
    ),
    Gradient(
        name="rank_one",
        formula="φ = unit mean × pattern mean / mean",
        reference=THIS_STUDY,
        label="rank one",
        family="mean",
        factor=_rank_one,
    ),
)
