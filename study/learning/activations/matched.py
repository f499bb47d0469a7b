"""The consistent twin of a rule: the activation F whose slope is the rule's φ, F' = φ.

F(0) = f(0). "Such a tweak is best done consistently, by changing the activation function as well":
with the twin in the forward pass, φ is the exact gradient again. Twins replace the activation of
hidden units alone. Together with the rule itself they make a 2×2,

    (f, f')  exact                    (f, φ)   the rule: consistent = false
    (F, f')  consistent = forward     (F, φ)   the twin: consistent = true

of which the interaction isolates consistency. Common pairs have a closed form, the others a
piecewise polynomial (`study.learning.activations.splines.spline`) that is closer to φ than float32
can tell, so that both arms have the same φ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.errors import UsageError
from study.learning.activations import ACTIVATIONS
from study.learning.activations.base import INFINITY, SATURATED_SHARE, Activation
from study.learning.activations.splines import Curve, shaped, spline
from study.learning.core.placement import factor_of
from study.learning.rules.base import THIS_STUDY, Gradient, Pointwise, Site
from study.learning.variants import Variant

Reals = NDArray[np.float64]

CONSISTENT = ("false", "true", "forward")
"""Forward and backward in hidden layers: (f, φ), (F, F' = φ), (F, f')."""

Closed = Callable[[Site], Curve | None]


# ---- closed forms ------------------------------------------------------------------------------


def _start(site: Site) -> float:
    return float(site.activation.apply(np.zeros(1))[0])


def _knee(site: Site, level: float, steepness: float) -> float:
    """|z| at which sech²(κ z) = level, 0 where it never is so large."""
    return math.acosh(max(1.0, level**-0.5)) / steepness if level > 0.0 else INFINITY


def _of(shape: str, steepness: float) -> dict[str, Closed]:
    """Twins on an activation whose slope is m sech²(κ z)."""

    def offset(site: Site) -> Curve:
        return shaped(shape, "f(z) + c z", c=site.amount("amount"))

    def blend(site: Site) -> Curve:
        share = float(site.values["amount"])
        return shaped(
            shape,
            "(1 - λ) f(z) + λ z + λ f(0)",
            a=1.0 - share,
            c=share,
            d=share * _start(site),
        )

    def other_slope(site: Site) -> Curve:
        beta = float(site.values["factor"])
        return shaped(
            shape,
            "f(β z) / β + f(0) (1 - 1 / β)",
            a=1.0 / beta,
            b=beta,
            d=_start(site) * (1.0 - 1.0 / beta),
        )

    def floor(site: Site) -> Curve:
        least = site.amount("minimum")
        knee = _knee(site, least / site.activation.largest_slope, steepness)
        return shaped(shape, "f(z) to the knee, then in a line of slope ε m", r=knee, e=least)

    def power(site: Site) -> Curve | None:
        if site.values["exponent"] != 0.5:
            return None
        return shaped(
            "gudermannian",
            "m gd(κ z) / κ + f(0)",
            a=site.activation.largest_slope / steepness,
            b=steepness,
            d=_start(site),
        )

    def bump(site: Site) -> Curve:
        return shaped(
            "bump",
            "m sgn(z) (|z| - ln cosh(κ z) / κ) + f(0)",
            a=site.activation.largest_slope / steepness,
            b=steepness,
            d=_start(site),
        )

    def window(site: Site) -> Curve:
        m, outside = site.activation.largest_slope, site.amount("outside")
        knee = _knee(site, site.amount("threshold") / m, steepness)
        return shaped(
            "line", "a line with knees: hard tanh", a=m, r=knee, e=outside, d=_start(site)
        )

    return {
        rule.__name__: rule for rule in (offset, blend, other_slope, floor, power, bump, window)
    }


def _line(slope: Callable[[Site], float]) -> Closed:
    return lambda site: shaped("line", "c z + f(0)", a=slope(site), d=_start(site))


def _itself(site: Site) -> Curve:
    f = site.activation
    return Curve(f.value, f.slope, f.formula, dict(f.values), f.table)


def _leaky(site: Site) -> Curve:
    leaky = ACTIVATIONS["leaky_relu"].bind(slope=site.values["slope"])
    return Curve(leaky.value, leaky.slope, leaky.formula, dict(leaky.values))


CLOSED: Mapping[str, Mapping[str, Closed]] = {
    "tanh": _of("tanh", 1.0),
    "logistic": _of("logistic", 0.5),
    "relu": {"leaky_backward": _leaky},
    "": {
        "exact": _itself,
        "removed": _line(lambda site: 1.0),
        "constant": _line(lambda site: site.values["value"]),
    },
}
"""Activation -> rule -> closed form, "" for any activation."""


# ---- any other: the spline ---------------------------------------------------------------------


def kinks_of(rule: Variant[Gradient], activation: Activation) -> list[float]:
    """Return where φ bends or jumps: at the activation's kinks, and where the rule says it does.

    Crossings of a level are looked for on |z| <= 40 in steps of 1/64, and bisected to rounding.
    """
    site = Site(activation, False, rule.values)
    source, beta = (rule.record.source or (lambda site: (site.activation, 1.0)))(site)
    found = [float(z) / beta for z, _ in source.kinks]
    described = rule.record.twin
    assert isinstance(described, Pointwise)
    for level in described.slopes(site):
        found += _crossings(lambda z: source.apply_slope(beta * z), float(level))
    for level in described.outputs(site):
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


# ---- finding the twin --------------------------------------------------------------------------


def no_twin(rule: Variant[Gradient], activation: Activation) -> str:
    """Return the reason why a rule has no twin on an activation (bound), or ""."""
    record = rule.record
    if record.refusal is not None:
        reason = record.refusal(rule.values, activation, 2)
        if reason:
            return reason
    if isinstance(record.twin, str):
        return record.twin
    if activation.rounding:
        return f"{activation.name} rounds, so its slope is no derivative"
    return record.twin.refusal(rule.values, activation)


def has_twin(rule: Variant[Gradient], activation: Activation) -> bool:
    """Tell whether there is an activation whose slope is φ; `no_twin` has the reason if not."""
    return not no_twin(rule, activation)


def twin_of(rule: Variant[Gradient], activation: Activation) -> Activation:
    """Return F, F' = φ and F(0) = f(0), bound.

    Parameters
    ----------
    rule
        With its parameters.
    activation
        f, bound.

    Raises
    ------
    UsageError
        If there is none.
    """
    reason = no_twin(rule, activation)
    if reason:
        raise UsageError(f"gradient {rule} with {activation.name} has no twin: {reason}")
    return _found(rule, _Key(activation))


class _Key:
    """An activation that can be looked up: by its kernels and numbers."""

    def __init__(self, activation: Activation) -> None:
        self.activation = activation
        self._content = (activation.name, activation.value, tuple(activation.values.items()))

    def __hash__(self) -> int:
        return hash(self._content[0])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._content == other._content


@lru_cache(maxsize=256)
def _found(rule: Variant[Gradient], key: _Key) -> Activation:
    activation = key.activation
    curve = closed_form(rule, activation)
    if curve is None:
        curve = spline(
            lambda z: factor_of(rule, activation, z[None])[0],
            kinks_of(rule, activation),
            _start(Site(activation)),
        )
    return _described(rule, activation, curve)


def closed_form(rule: Variant[Gradient], activation: Activation) -> Curve | None:
    """Return the twin's closed form, None where it has to be the spline."""
    for name in (activation.name, ""):
        form = CLOSED.get(name, {}).get(rule.name)
        if form is not None and (found := form(Site(activation, False, rule.values))) is not None:
            return found
    return None


def _described(rule: Variant[Gradient], activation: Activation, curve: Curve) -> Activation:
    """Make the curve an activation; what is said of it is measured, to a few digits."""
    plain: dict[str, Any] = {
        "name": f"twin of {rule} on {activation.name}",
        "formula": curve.formula,
        "derivative": rule.record.formula,
        "reference": THIS_STUDY,
        "family": activation.family,
        "value": curve.value,
        "slope": curve.slope,
        "values": curve.numbers,
        "table": curve.table,
    }
    z = np.linspace(-40.0, 40.0, 80_001)
    bare = Activation(**plain)
    y, slope = bare.apply(z), bare.apply_slope(z)
    largest = float(np.abs(slope).max())
    open_ = z[np.abs(slope) > SATURATED_SHARE * largest]
    far = np.array([-1e4, 1e4])
    ends = zip(bare.apply(far), bare.apply_slope(far), (-1.0, 1.0), strict=True)
    bounds = [
        float(y) if abs(s) < 1e-9 else math.copysign(INFINITY, s * way) for y, s, way in ends
    ]
    edges = [float(open_.min()), float(open_.max())] if len(open_) else [0.0, 0.0]
    return Activation(
        **plain,
        largest_slope=largest,
        bounds=(min(*bounds, float(y.min())), max(*bounds, float(y.max()))),
        saturation=(
            edges[0] if edges[0] > z[0] else -INFINITY,
            edges[1] if edges[1] < z[-1] else INFINITY,
        ),
        rising=bool((slope >= 0.0).all()),
    )


def original_slope(activation: Activation) -> Variant[Gradient]:
    """Return the rule of the arm (F, f'): the slope of f at a twin's net inputs."""
    return Variant(
        Gradient(
            name="original_slope",
            formula="φ = f'(z), f the activation that the twin stands for",
            reference=THIS_STUDY,
            source=lambda site: (activation, 1.0),
        )
    )
