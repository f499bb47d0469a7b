"""Rules for relu alone: a backward leak, and the slope taken at zero."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from study.learning.activations import Activation
from study.learning.gradients.base import THIS_STUDY, Array, Gradient, Site
from study.learning.records import Parameter


def _leaky_backward(z: Array, y: Array, slope: Array, site: Site, step: int) -> Array:
    a = float(site.values["slope"])
    slope *= 1.0 - a
    slope += a
    return slope


def _relu_at_zero(z: Array, y: Array, slope: Array, site: Site, step: int) -> Array:
    if site.values["arm"] == "scale":
        np.copyto(slope, site.values["value"], where=z == 0.0)
    return slope


def _overwrite_at_zero(z: Array, site: Site) -> tuple[Array, float]:
    return (z == 0.0) & (site.values["arm"] == "overwrite"), float(site.values["value"])


def _only_relu(values: Mapping[str, Any], activation: Activation, units: int) -> str:
    return "" if activation.name == "relu" else "it is defined for relu alone"


def _exact_or_removed(slope: float) -> Any:
    return {0.0: "exact", 1.0: "removed"}.get(slope)


RECORDS = (
    Gradient(
        name="leaky_backward",
        formula="φ = 1 for z > 0, else a; the forward pass stays relu",
        reference=THIS_STUDY,
        label="leaky backward",
        family="floor",
        parameters={"slope": Parameter(0.1, "a", neutral=0.0)},
        factor=_leaky_backward,
        hidden_only=True,
        refusal=_only_relu,
        same_as=lambda values, activation: _exact_or_removed(values["slope"]),
    ),
    Gradient(
        name="relu_at_zero",
        formula="φ = relu'(z), but at z = 0: α × signal, or α in place of the signal",
        reference="Bertoin, Bolte, Gerchinovitz & Pauwels 2021",
        label="relu at zero",
        family="substitute",
        parameters={
            "value": Parameter(1.0, "α", neutral=0.0),
            "arm": Parameter("scale", "what α does", choices=("scale", "overwrite")),
        },
        factor=_relu_at_zero,
        replace=_overwrite_at_zero,
        hidden_only=True,
        refusal=_only_relu,
    ),
)
