"""Removal of the slope, and what separates its scale from its shape: constants and means."""

from functools import partial

import numpy as np

from study.learning.activations.splines import Curve, straight
from study.learning.core.borrowed import matrix
from study.learning.core.kernels import compiled, elementwise, kernel
from study.learning.rules.base import (
    FAHLMAN_1988,
    OF_THE_BATCH,
    PER_REPLICA,
    THIS_STUDY,
    Gradient,
    Pointwise,
    initial_mean,
    keep_slope,
    mean_of,
)
from study.learning.variants import Parameter


@elementwise
def _constant(c):
    return c


@kernel("factor")
def _mean_tracked(z, y, slope, constants, key, step):
    slope[:] = mean_of(slope)


@compiled
def _means_over_units(slope):
    """Return the mean of each pattern, (patterns,) float64; row by row, as the layer lies."""
    means = np.zeros(slope.shape[1])
    for j in range(slope.shape[0]):
        for n in range(slope.shape[1]):
            means[n] += slope[j, n]
    for n in range(slope.shape[1]):
        means[n] /= slope.shape[0]
    return means


@kernel("factor")
def _pattern_mean(z, y, slope, constants, key, step):
    means = _means_over_units(slope)
    for j in range(slope.shape[0]):
        for n in range(slope.shape[1]):
            slope[j, n] = means[n]


@kernel("factor")
def _unit_mean(z, y, slope, constants, key, step):
    for j in range(slope.shape[0]):
        mean = mean_of(matrix(slope, j * slope.shape[1], 1, slope.shape[1]))
        for n in range(slope.shape[1]):
            slope[j, n] = mean


@kernel("factor")
def _rank_one(z, y, slope, constants, key, step):
    patterns = _means_over_units(slope)
    mean = patterns.mean()
    if mean == 0:
        mean = 1.0  # all slopes 0: the product is 0, not 0/0
    for j in range(slope.shape[0]):
        unit = mean_of(matrix(slope, j * slope.shape[1], 1, slope.shape[1])) / mean
        for n in range(slope.shape[1]):
            slope[j, n] = unit * patterns[n]


_batch_mean = partial(Gradient, reference=THIS_STUDY, family="mean", matched=OF_THE_BATCH)

RECORDS = (
    Gradient(
        name="exact",
        formula="φ = f'(z)",
        reference="Rumelhart, Hinton & Williams 1986",
        family="exact",
        factor=keep_slope,
        matched=Pointwise(closed=lambda layer: Curve.of(layer.activation)),
    ),
    Gradient(
        name="removed",
        formula="φ = 1",
        reference="Guo, Li & Chen 2020 (LinBP); Yazdani 2018",
        family="removed",
        factor=elementwise(lambda: 1),
        matched=Pointwise(closed=lambda layer: straight(layer.activation, 1.0)),
    ),
    Gradient(
        name="constant",
        formula="φ = c",
        reference=FAHLMAN_1988 + " (c = 0.5)",
        family="removed",
        parameters={"value": Parameter(0.5, "c, absolute")},
        factor=_constant,
        same_as=lambda values, activation: "removed" if values["value"] == 1.0 else None,
        matched=Pointwise(closed=lambda layer: straight(layer.activation, layer.values["value"])),
        examples=({"value": 0.3}, {"value": -0.5}),
    ),
    Gradient(
        name="mean_matched",
        formula="φ = mean of f' over training set and units at the initial weights, a layer",
        reference=THIS_STUDY + ": removal at exact's scale",
        label="mean, matched",
        family="mean",
        factor=_constant,
        prepare=initial_mean,
        matched=PER_REPLICA,
    ),
    _batch_mean(
        name="mean_tracked",
        formula="φ = mean of f' over units and patterns of the batch, a layer",
        label="mean, tracked",
        factor=_mean_tracked,
    ),
    Gradient(
        name="scaled",
        formula="φ = f'(z) / mean of f' at the initial weights, a layer",
        reference=THIS_STUDY + ": exact's shape at removal's scale",
        family="mean",
        factor=elementwise(lambda slope, mean: slope / mean),
        prepare=initial_mean,
        matched=PER_REPLICA,
    ),
    _batch_mean(
        name="pattern_mean",
        formula="φ = mean of f' over the units of a layer, a pattern",
        factor=_pattern_mean,
    ),
    _batch_mean(
        name="unit_mean",
        formula="φ = mean of f' over the patterns of the batch, a unit",
        factor=_unit_mean,
    ),
    _batch_mean(
        name="rank_one",
        formula="φ = unit mean × pattern mean / mean",
        factor=_rank_one,
    ),
)
