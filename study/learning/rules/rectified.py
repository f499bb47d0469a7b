"""Rules for relu alone: a backward leak, and the slope taken at zero."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.learning.activations import bound_activation
from study.learning.activations.base import Activation
from study.learning.activations.splines import Curve
from study.learning.core.kernels import elementwise
from study.learning.rules.base import THIS_STUDY, Gradient, Pointwise
from study.learning.variants import Parameter


@elementwise
def _leaky_backward(slope, leak):
    return (1 - leak) * slope + leak


@elementwise
def _relu_at_zero(z, slope, alpha, scales, reach):
    return alpha if scales > 0 and abs(z) <= reach else slope


@elementwise
def _overwrite_at_zero(z, delta, alpha, scales, reach):
    return alpha if not scales > 0 and abs(z) <= reach else delta


def _only_relu(values: Mapping[str, Any], activation: Activation, units: int) -> str:
    return "" if activation.rectifies else "it is defined for relu alone"


def _leaky_relu(slope: float) -> Activation:
    return bound_activation({"leaky_relu": {"slope": slope}})


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
        matched=Pointwise(closed=lambda layer: Curve.of(_leaky_relu(layer.values["slope"]))),
        examples=({"slope": 0.01}, {"slope": 0.3}, {"slope": 1.0}),
    ),
    Gradient(
        name="relu_at_zero",
        formula="φ = relu'(z), but at z = 0 φ = α, or delta = α whatever the error",
        reference="Bertoin, Bolte, Gerchinovitz & Pauwels 2021",
        label="relu at zero",
        family="substitute",
        parameters={
            "value": Parameter(1.0, "α", neutral=0.0),
            "arm": Parameter("scale", "what α does", choices=("scale", "overwrite")),
        },
        factor=_relu_at_zero,
        constants=lambda layer: (
            layer.values["value"],
            float(layer.values["arm"] == "scale"),
            0.5 * layer.activation.rounding,  # what is rounded to 0 is at 0
        ),
        replace=_overwrite_at_zero,
        hidden_only=True,
        refusal=_only_relu,
        matched="it changes the slope at one point, which an integral does not see",
        examples=(
            {"value": 0.5, "arm": "scale"},
            *({"value": value, "arm": "overwrite"} for value in (0.0, 0.5, 1.0)),
        ),
    ),
)
