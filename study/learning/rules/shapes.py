"""Another curve in the slope's place; for relu alone a backward leak, and its slope at zero."""

import functools
from collections.abc import Mapping
from typing import Any

from study.learning.activations import ACTIVATIONS, bound_activation
from study.learning.activations.base import Activation
from study.learning.activations.splines import Curve, scaled_curve, shaped, squashed
from study.learning.core.kernels import elementwise
from study.learning.rules.base import ABSOLUTE, THIS_STUDY, Gradient, LayerContext, Pointwise
from study.learning.variants import Parameter


@functools.cache
def _named_activation(name: str) -> Activation:
    return bound_activation(name)


@elementwise
def _bump(y, low, high, m):
    u = (y - low) / (high - low)
    return m * (1 - abs(2 * u - 1))


def _other_slope_same(values: Mapping[str, Any], activation: Activation) -> Any:
    steps_at_zero = activation.piecewise_constant and all(z == 0.0 for z, _ in activation.kinks)
    return "exact" if steps_at_zero else None


def _other_slope_matched(layer: LayerContext) -> Curve | None:
    beta, start = float(layer.values["factor"]), layer.activation.at_zero
    formula = "f(β z) / β + f(0) (1 - 1 / β)"
    return squashed(layer.activation, formula, a=1.0 / beta, b=beta, d=start * (1.0 - 1.0 / beta))


def _window_matched(layer: LayerContext) -> Curve | None:
    f = layer.activation
    if f.steepness is None:
        return None
    knee = f.knee(layer.amount("threshold") / f.largest_slope)
    ends = {"r": knee, "e": layer.amount("outside")}
    formula = "a line with knees: hard tanh"
    return shaped("line", formula, a=f.largest_slope, d=f.at_zero, **ends)


def _only_relu(values: Mapping[str, Any], activation: Activation, units: int) -> str:
    return "" if activation.rectifies else "it is defined for relu alone"


RECORDS = (
    Gradient(
        name="other_slope",
        formula="φ = f'(β z)",
        reference="Gygax & Zenke 2024",
        label="other steepness",
        family="power",
        parameters={"factor": Parameter(2.0, "β", low=1e-6, neutral=1.0)},
        source=lambda layer: (layer.activation, layer.values["factor"]),
        same_as=_other_slope_same,
        matched=Pointwise(closed=_other_slope_matched),
        examples=({"factor": 0.5},),
    ),
    Gradient(
        name="substitute",
        formula="φ = g'(z), g another activation",
        reference="Neftci, Mostafa & Zenke 2019 (surrogate gradients)",
        family="substitute",
        parameters={"activation": Parameter("softsign", "g", choices=tuple(ACTIVATIONS))},
        source=lambda layer: (_named_activation(layer.values["activation"]), 1.0),
        same_as=lambda values, activation: (
            "exact"
            if activation.name == values["activation"]
            and activation.values == _named_activation(activation.name).values
            else None
        ),
        matched=Pointwise(),
        examples=tuple({"activation": name} for name in ("tanh", "gelu", "silu", "hard_tanh")),
    ),
    Gradient(
        name="bump",
        formula="φ = m (1 - |2u - 1|), u = (y - low) / (high - low)",
        reference="Kolen 1993, Connectionists list",
        family="substitute",
        factor=_bump,
        constants=lambda layer: (*layer.activation.bounds, layer.activation.largest_slope),
        refusal=lambda values, activation, units: (
            "" if activation.bounded else "it needs a bounded activation"
        ),
        same_as=lambda values, activation: (
            {"power": {"exponent": 0.5}} if activation.name == "softsign" else None
        ),
        matched=Pointwise(
            outputs=lambda layer: (0.5 * sum(layer.activation.bounds),),
            closed=lambda layer: scaled_curve(
                layer.activation, "bump", "m sgn(z) (|z| - ln cosh(κ z) / κ) + f(0)"
            ),
        ),
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
        factor=elementwise(
            lambda slope, threshold, inside, outside: inside if slope >= threshold else outside
        ),
        constants=lambda layer: (
            layer.amount("threshold"),
            layer.activation.largest_slope,
            layer.amount("outside"),
        ),
        matched=Pointwise(lambda layer: (layer.amount("threshold"),), closed=_window_matched),
        examples=(
            {"threshold": 0.7, "outside": 0.05},
            {"threshold": 0.2, "outside": 0.05, "absolute": True},
        ),
    ),
    Gradient(
        name="leaky_backward",
        formula="φ = 1 for z > 0, else a; the forward pass stays relu",
        reference=THIS_STUDY,
        family="floor",
        parameters={"slope": Parameter(0.1, "a", neutral=0.0)},
        factor=elementwise(lambda slope, leak: (1 - leak) * slope + leak),
        hidden_only=True,
        refusal=_only_relu,
        same_as=lambda values, activation: "removed" if values["slope"] == 1.0 else None,
        matched=Pointwise(
            closed=lambda layer: Curve.of(bound_activation({"leaky_relu": layer.values}))
        ),
        examples=({"slope": 0.01}, {"slope": 0.3}, {"slope": 1.0}),
    ),
    Gradient(
        name="relu_at_zero",
        formula="φ = relu'(z), but at z = 0 φ = α, or delta = α whatever the error",
        reference="Bertoin, Bolte, Gerchinovitz & Pauwels 2021",
        family="substitute",
        parameters={
            "value": Parameter(1.0, "α", neutral=0.0),
            "arm": Parameter("scale", "what α does", choices=("scale", "overwrite")),
        },
        factor=elementwise(
            lambda z, slope, alpha, scales, reach: (
                alpha if scales > 0 and abs(z) <= reach else slope
            )
        ),
        constants=lambda layer: (
            layer.values["value"],
            float(layer.values["arm"] == "scale"),
            0.5 * layer.activation.rounding,  # what is rounded to 0 is at 0
        ),
        replace=elementwise(
            lambda z, delta, alpha, scales, reach: (
                alpha if not scales > 0 and abs(z) <= reach else delta
            )
        ),
        hidden_only=True,
        refusal=_only_relu,
        matched="it changes the slope at one point, which an integral does not see",
        examples=(
            {"value": 0.5, "arm": "scale"},
            *({"value": value, "arm": "overwrite"} for value in (0.0, 0.5, 1.0)),
        ),
    ),
)
