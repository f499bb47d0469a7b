"""Graded changes of the slope: something added, a floor, a ceiling, a power."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from study.learning.activations import Activation
from study.learning.gradients.base import ABSOLUTE, FAHLMAN_1988, THIS_STUDY, Array, Gradient, Site
from study.learning.records import Parameter


def _signed(magnitude: Array, slope: Array, activation: Activation) -> Array:
    if activation.rising:
        return magnitude
    return np.where(slope < 0.0, -magnitude, magnitude)


def _magnitude(slope: Array, activation: Activation) -> Array:
    return slope if activation.rising else np.abs(slope)


def _offset(z: Array, y: Array, slope: Array, site: Site, step: int) -> Array:
    slope += site.amount("amount")
    return slope


def _floor(z: Array, y: Array, slope: Array, site: Site, step: int) -> Array:
    least = site.amount("minimum")
    return _signed(np.maximum(_magnitude(slope, site.activation), least), slope, site.activation)


def _ceiling(z: Array, y: Array, slope: Array, site: Site, step: int) -> Array:
    most = site.amount("maximum")
    return _signed(np.minimum(_magnitude(slope, site.activation), most), slope, site.activation)


def _power(z: Array, y: Array, slope: Array, site: Site, step: int) -> Array:
    exponent, m = float(site.values["exponent"]), site.activation.largest_slope
    part = np.abs(slope)
    part /= m
    if exponent == 0.5:
        np.sqrt(part, out=part)
    elif exponent == 0.0:
        part.fill(1.0)
    else:  # numpy's log and exp are vectorised, its power is not: five times as fast
        np.log(part, out=part)
        part *= exponent
        np.exp(part, out=part)
    part *= m
    return _signed(part, slope, site.activation)


def _blend(z: Array, y: Array, slope: Array, site: Site, step: int) -> Array:
    amount = float(site.values["amount"])
    slope *= 1.0 - amount
    slope += amount
    return slope


def _no_steps(values: Mapping[str, Any], activation: Activation, units: int) -> str:
    return "its slope is piecewise constant" if activation.piecewise_constant else ""


def _on_relu(name: str) -> Callable[[Mapping[str, Any], Activation], Any]:
    """On relu, with slopes 0 and 1, floor and blend raise the 0 alone, like leaky_backward."""

    def same(values: Mapping[str, Any], activation: Activation) -> Any:
        if values[name] == 1.0 and activation.largest_slope == 1.0:
            return "removed"
        if activation.name == "relu" and values[name] < 1.0:
            return {"leaky_backward": {"slope": values[name]}}
        return None

    return same


def _power_same(values: Mapping[str, Any], activation: Activation) -> Any:
    if values["exponent"] == 0.0:
        return {"constant": {"value": activation.largest_slope}}
    return "exact" if set(activation.slopes) in ({0.0, 1.0}, {1.0}) else None


RECORDS = (
    Gradient(
        name="offset",
        formula="φ = f'(z) + c m",
        reference=FAHLMAN_1988 + "; the flat-spot elimination of SNNS",
        family="offset",
        parameters={"amount": Parameter(0.1, "c, of m", neutral=0.0), "absolute": ABSOLUTE},
        factor=_offset,
    ),
    Gradient(
        name="floor",
        formula="φ = sgn(f') max(|f'|, ε m)",
        reference="the minimum absolute gradient of the common answer",
        family="floor",
        parameters={
            "minimum": Parameter(0.1, "ε, of m", low=0.0, neutral=0.0),
            "absolute": ABSOLUTE,
        },
        factor=_floor,
        same_as=_on_relu("minimum"),
    ),
    Gradient(
        name="ceiling",
        formula="φ = sgn(f') min(|f'|, c m)",
        reference=THIS_STUDY,
        family="floor",
        parameters={"maximum": Parameter(0.5, "c, of m", low=0.0), "absolute": ABSOLUTE},
        factor=_ceiling,
        same_as=lambda values, activation: "exact" if values["maximum"] >= 1.0 else None,
    ),
    Gradient(
        name="power",
        formula="φ = sgn(f') |f' / m|^p m",
        reference=THIS_STUDY,
        family="power",
        parameters={"exponent": Parameter(0.5, "p", low=0.0, high=10.0, neutral=1.0)},
        factor=_power,
        refusal=_no_steps,
        same_as=_power_same,
    ),
    Gradient(
        name="blend",
        formula="φ = (1 - λ) f'(z) + λ",
        reference=THIS_STUDY,
        family="offset",
        parameters={"amount": Parameter(0.25, "λ, absolute", low=0.0, high=1.0, neutral=0.0)},
        factor=_blend,
        same_as=lambda values, activation: (
            "removed" if values["amount"] == 1.0 else _on_relu("amount")(values, activation)
        ),
    ),
)
