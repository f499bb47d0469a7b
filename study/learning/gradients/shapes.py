"""Another curve in the slope's place."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from study.learning.activations import ACTIVATIONS, Activation, bound_activation
from study.learning.gradients.base import ABSOLUTE, Array, Gradient, Site
from study.learning.records import Parameter


def _other_slope(z: Array, y: Array, slope: Array, site: Site, step: int) -> Array:
    scaled = z * site.values["factor"]
    value = np.empty_like(scaled)
    site.activation.value(scaled, value)
    site.activation.slope(scaled, value, slope)
    return slope


@functools.cache
def _named_activation(name: str) -> Activation:
    return bound_activation(name)


def _substitute(z: Array, y: Array, slope: Array, site: Site, step: int) -> Array:
    other = _named_activation(site.values["activation"])
    value = np.empty_like(z)
    other.value(z, value)
    other.slope(z, value, slope)
    return slope


def _bump(z: Array, y: Array, slope: Array, site: Site, step: int) -> Array:
    low, high = site.activation.bounds
    np.subtract(y, 0.5 * (low + high), out=slope)
    np.abs(slope, out=slope)
    slope *= -2.0 * site.activation.largest_slope / (high - low)
    slope += site.activation.largest_slope
    return slope


def _window(z: Array, y: Array, slope: Array, site: Site, step: int) -> Array:
    inside = slope >= site.amount("threshold")
    outside = site.amount("outside")
    np.multiply(inside, site.activation.largest_slope - outside, out=slope)
    slope += outside
    return slope


def _only_bounded(values: Mapping[str, Any], activation: Activation, units: int) -> str:
    return "" if activation.bounded else "it needs a bounded activation"


def _other_slope_same(values: Mapping[str, Any], activation: Activation) -> Any:
    steps_at_zero = activation.piecewise_constant and all(z == 0.0 for z, _ in activation.kinks)
    return "exact" if steps_at_zero else None


def _bump_same(values: Mapping[str, Any], activation: Activation) -> Any:
    return {"power": {"exponent": 0.5}} if activation.name == "softsign" else None


RECORDS = (
    Gradient(
        name="other_slope",
        formula="φ = f'(β z)",
        reference="Gygax & Zenke 2024",
        label="other steepness",
        family="power",
        parameters={"factor": Parameter(2.0, "β", low=1e-6, neutral=1.0)},
        factor=_other_slope,
        same_as=_other_slope_same,
    ),
    Gradient(
        name="substitute",
        formula="φ = g'(z), g another activation",
        reference="Neftci, Mostafa & Zenke 2019 (surrogate gradients)",
        family="substitute",
        parameters={"activation": Parameter("softsign", "g", choices=tuple(ACTIVATIONS))},
        factor=_substitute,
        needs_slope=False,
        same_as=lambda values, activation: (
            "exact"
            if activation.name == values["activation"]
            and activation.values == _named_activation(activation.name).values
            else None
        ),
    ),
    Gradient(
        name="bump",
        formula="φ = m (1 - |2u - 1|), u = (y - low) / (high - low)",
        reference="Kolen 1993, Connectionists list",
        family="substitute",
        factor=_bump,
        needs_slope=False,
        refusal=_only_bounded,
        same_as=_bump_same,
    ),
    Gradient(
        name="window",
        formula="φ = m where f' >= θ m, else a m",
        reference="Bengio, Léonard & Courville 2013 (straight-through estimator)",
        family="substitute",
        parameters={
            "threshold": Parameter(0.42, "θ, of m (0.42 is tanh at |z| = 1)"),
            "outside": Parameter(0.0, "a, of m"),
            "absolute": ABSOLUTE,
        },
        factor=_window,
    ),
)
