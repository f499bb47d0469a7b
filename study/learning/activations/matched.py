"""The activation that matches a rule: F with F' = φ, so that φ is the exact gradient of F.

F(0) = f(0). "Such a tweak is best done consistently, by changing the activation function as well":
with the matched activation in the forward pass, φ is the exact gradient again. It replaces the
activation of hidden units alone. Together with the rule itself this makes a 2×2,

    (f, f')  exact                    (f, φ)   the rule: consistent = false
    (F, f')  consistent = forward     (F, φ)   matched: consistent = true

whose interaction isolates consistency. A rule whose record knows the integral gives F in closed
form. Others get a piecewise polynomial (`study.learning.activations.splines.spline`), which is
closer to φ than float32 can tell, so that both arms have the same φ.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.errors import UsageError
from study.learning.activations.base import INFINITY, SATURATED_SHARE, Activation
from study.learning.activations.splines import Curve, spline
from study.learning.core.placement import factor_of
from study.learning.rules.base import THIS_STUDY, Gradient, LayerContext, Pointwise
from study.learning.variants import Variant

Reals = NDArray[np.float64]

CONSISTENT = ("false", "true", "forward")
"""Forward and backward in hidden layers: (f, φ), (F, F' = φ), (F, f')."""


def not_matched(rule: Variant[Gradient], activation: Activation) -> str:
    """Return the reason why no activation has φ for its slope, or ""."""
    record = rule.record
    if record.refusal is not None:
        reason = record.refusal(rule.values, activation, 2)
        if reason:
            return reason
    if isinstance(record.matched, str):
        return record.matched
    if activation.rounding:
        return f"{activation.name} rounds, so its slope is no derivative"
    return record.matched.refusal(rule.values, activation)


def matched_activation(rule: Variant[Gradient], activation: Activation) -> Activation:
    """Return F, F' = φ and F(0) = f(0), bound.

    Raises
    ------
    UsageError
        If there is none.
    """
    reason = not_matched(rule, activation)
    if reason:
        raise UsageError(
            f"gradient {rule} with {activation.name} has no matched activation: {reason}"
        )
    key = (rule, activation.name, activation.value, *activation.values.items())
    if key not in _FOUND:
        curve = closed_form(rule, activation) or spline(
            lambda z: factor_of(rule, activation, z[None])[0],
            kinks_of(rule, activation),
            activation.at_zero,
        )
        _FOUND[key] = _described(rule, activation, curve)
    return _FOUND[key]


_FOUND: dict[Any, Activation] = {}


def closed_form(rule: Variant[Gradient], activation: Activation) -> Curve | None:
    """Return the closed form of F, None where it has to be the spline."""
    return _pointwise(rule).closed(LayerContext(activation, False, rule.values))


def _pointwise(rule: Variant[Gradient]) -> Pointwise:
    assert isinstance(rule.record.matched, Pointwise)
    return rule.record.matched


def kinks_of(rule: Variant[Gradient], activation: Activation) -> list[float]:
    """Return where φ bends or jumps: at the activation's kinks, and where the rule says it does.

    Crossings of a level are looked for on |z| <= 40 in steps of 1/64, and bisected to rounding.
    """
    layer = LayerContext(activation, False, rule.values)
    source, beta = (rule.record.source or (lambda layer: (layer.activation, 1.0)))(layer)
    found = [float(z) / beta for z, _ in source.kinks]
    for level in _pointwise(rule).slopes(layer):
        found += _crossings(lambda z: source.apply_slope(beta * z), float(level))
    for level in _pointwise(rule).outputs(layer):
        found += _crossings(activation.apply, float(level))
    return sorted(found)


def _crossings(curve: Callable[[Reals], Reals], level: float) -> list[float]:
    z = np.arange(-40.0, 40.0, 1.0 / 64.0) + 1.0 / 257.0  # round levels are not on the grid
    above = curve(z) >= level
    at = np.flatnonzero(above[:-1] != above[1:])
    low, high, side = z[at], z[at + 1], above[at]
    for _ in range(60):
        middle = 0.5 * (low + high)
        same = (curve(middle) >= level) == side
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return [float(x) for x in 0.5 * (low + high)]


def _described(rule: Variant[Gradient], activation: Activation, curve: Curve) -> Activation:
    """Make the curve an activation; what is said of it is measured, to a few digits."""
    bare = Activation(
        name=f"{activation.name} matched to {rule}",
        formula=curve.formula,
        derivative=rule.record.formula,
        reference=THIS_STUDY,
        family=activation.family,
        value=curve.value,
        slope=curve.slope,
        values=curve.constants,
        table=curve.table,
    )
    z = np.linspace(-40.0, 40.0, 80_001)
    y, slope = bare.apply(z), bare.apply_slope(z)
    largest = float(np.abs(slope).max())
    open_ = z[np.abs(slope) > SATURATED_SHARE * largest]
    far = np.array([-1e4, 1e4])
    ends = zip(bare.apply(far), bare.apply_slope(far), (-1.0, 1.0), strict=True)
    bounds = [
        float(y) if abs(s) < 1e-9 else math.copysign(INFINITY, s * way) for y, s, way in ends
    ]
    edges = [float(open_.min()), float(open_.max())] if len(open_) else [0.0, 0.0]
    return replace(
        bare,
        largest_slope=largest,
        bounds=(min(*bounds, float(y.min())), max(*bounds, float(y.max()))),
        saturation=(
            edges[0] if edges[0] > z[0] else -INFINITY,
            edges[1] if edges[1] < z[-1] else INFINITY,
        ),
        rising=bool((slope >= 0.0).all()),
    )


def original_slope(activation: Activation) -> Variant[Gradient]:
    """Return the rule of the arm (F, f'): the slope of f at the net inputs of F."""
    return Variant(
        Gradient(
            name="original_slope",
            formula="φ = f'(z), f the activation that F stands for",
            reference=THIS_STUDY,
            source=lambda layer: (activation, 1.0),
        )
    )
