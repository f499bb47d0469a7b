"""Graded changes of the slope: something added, a floor, a ceiling, a power."""

from collections.abc import Callable, Mapping
from typing import Any

from study.learning.activations.base import Activation
from study.learning.activations.splines import Curve, scaled_curve, squashed
from study.learning.core.elementary import exp, log
from study.learning.core.kernels import elementwise
from study.learning.rules.base import (
    ABSOLUTE,
    FAHLMAN_1988,
    THIS_STUDY,
    Gradient,
    LayerContext,
    Pointwise,
)
from study.learning.variants import Parameter


@elementwise
def _signed(magnitude, slope):
    return -magnitude if slope < 0 else magnitude  # sgn(0) = +1


@elementwise
def _floor(slope, least):
    size = abs(slope)
    return _signed(least if size < least else size, slope)  # NaN stays


@elementwise
def _ceiling(slope, most):
    size = abs(slope)
    return _signed(most if size > most else size, slope)


def _only_rising(values: Mapping[str, Any], activation: Activation) -> str:
    return (
        "" if activation.rising else "f' changes sign, and where it is nearly 0 rounding decides"
    )


def _on_relu(name: str) -> Callable[[Mapping[str, Any], Activation], Any]:
    """On relu, with slopes 0 and 1, floor and blend raise the 0 alone, like leaky_backward."""

    def same(values: Mapping[str, Any], activation: Activation) -> Any:
        if values[name] == 1.0 and activation.largest_slope == 1.0:
            return "removed"
        if activation.rectifies and values[name] < 1.0:
            return {"leaky_backward": {"slope": values[name]}}
        return None

    return same


def _power_same(values: Mapping[str, Any], activation: Activation) -> Any:
    if values["exponent"] == 0.0 and activation.rising:
        return {"constant": {"value": activation.largest_slope}}
    return "exact" if set(activation.slopes) in ({0.0, 1.0}, {1.0}) else None


def _floor_matched(layer: LayerContext) -> Curve | None:
    least = layer.amount("minimum")
    knee = layer.activation.knee(least / layer.activation.largest_slope)
    formula = "f(z) to the knee, then in a line of slope ε m"
    return squashed(layer.activation, formula, r=knee, e=least)


def _power_matched(layer: LayerContext) -> Curve | None:
    if layer.values["exponent"] != 0.5:
        return None
    return scaled_curve(layer.activation, "gudermannian", "m gd(κ z) / κ + f(0)")


def _blend_matched(layer: LayerContext) -> Curve | None:
    share = float(layer.values["amount"])
    start = share * layer.activation.at_zero
    formula = "(1 - λ) f(z) + λ z + λ f(0)"
    return squashed(layer.activation, formula, a=1.0 - share, c=share, d=start)


RECORDS = (
    Gradient(
        name="offset",
        formula="φ = f'(z) + c m",
        reference=FAHLMAN_1988 + "; the flat-spot elimination of SNNS",
        family="offset",
        parameters={"amount": Parameter(0.1, "c, of m", neutral=0.0), "absolute": ABSOLUTE},
        factor=elementwise(lambda slope, amount: slope + amount),
        constants=lambda layer: (layer.amount("amount"),),
        matched=Pointwise(
            closed=lambda layer: squashed(layer.activation, "f(z) + c z", c=layer.amount("amount"))
        ),
        examples=({"amount": 0.01}, {"amount": 0.1, "absolute": True}),
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
        constants=lambda layer: (layer.amount("minimum"),),
        same_as=_on_relu("minimum"),
        matched=Pointwise(
            lambda layer: (layer.amount("minimum"),), refusal=_only_rising, closed=_floor_matched
        ),
        examples=(
            *({"minimum": least} for least in (0.01, 0.4)),
            *({"minimum": least, "absolute": True} for least in (0.1, 0.02)),
        ),
    ),
    Gradient(
        name="ceiling",
        formula="φ = sgn(f') min(|f'|, c m)",
        reference=THIS_STUDY,
        family="floor",
        parameters={"maximum": Parameter(0.5, "c, of m", low=0.0), "absolute": ABSOLUTE},
        factor=_ceiling,
        constants=lambda layer: (layer.amount("maximum"),),
        same_as=lambda values, activation: "exact" if values["maximum"] >= 1.0 else None,
        matched=Pointwise(lambda layer: (layer.amount("maximum"), -layer.amount("maximum"))),
        examples=({"maximum": 0.25}, {"maximum": 0.2, "absolute": True}),
    ),
    Gradient(
        name="power",
        formula="φ = sgn(f') |f' / m|^p m",
        reference=THIS_STUDY,
        family="power",
        parameters={"exponent": Parameter(0.5, "p", low=0.0, high=10.0, neutral=1.0)},
        factor=elementwise(
            lambda slope, p, m: _signed(m if p == 0 else m * exp(p * log(abs(slope) / m)), slope)
        ),  # 0^0 = 1
        constants=lambda layer: (layer.values["exponent"], layer.activation.largest_slope),
        refusal=lambda values, activation, units: (
            "its slope is piecewise constant" if activation.piecewise_constant else ""
        ),
        same_as=_power_same,
        matched=Pointwise(refusal=_only_rising, closed=_power_matched),
        examples=({"exponent": 0.0}, {"exponent": 0.25}, {"exponent": 2.0}),
    ),
    Gradient(
        name="blend",
        formula="φ = (1 - λ) f'(z) + λ",
        reference=THIS_STUDY,
        family="offset",
        parameters={"amount": Parameter(0.25, "λ, absolute", low=0.0, high=1.0, neutral=0.0)},
        factor=elementwise(lambda slope, amount: (1 - amount) * slope + amount),
        same_as=lambda values, activation: (
            "removed" if values["amount"] == 1.0 else _on_relu("amount")(values, activation)
        ),
        matched=Pointwise(closed=_blend_matched),
        examples=({"amount": 0.6},),
    ),
)
