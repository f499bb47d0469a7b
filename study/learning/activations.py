"""Activations y = f(z) and their slopes f'(z), computed from z and y into given arrays.

Layers hand over ``z`` and ``y`` of shape (R, units, patterns). ``m`` is the largest |f'|;
a unit is *saturated* where |f'| <= 0.01 m.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.learning.records import Parameter, Record, Variant, resolve
from study.learning.seeds import compiled

Array = NDArray[Any]
INFINITY = math.inf
SATURATED_SHARE = 0.01  # of the largest slope


@dataclass(frozen=True, kw_only=True)
class Activation(Record):
    """An activation; those with parameters are made concrete by `bind`.

    Fields that depend on parameters are functions of them until then.

    Parameters
    ----------
    derivative
        Formula of f'.
    value
        ``value(z, out)`` writes f(z).
    slope
        ``slope(z, y, out)`` writes f'(z); it may use ``y = f(z)`` and must not change z or y.
    largest_slope
        m = sup |f'|.
    bounds
        Infimum and supremum of f; infinite where unbounded.
    kinks
        Pairs (z, slope taken there) where f' jumps.
    saturation
        (a, b): saturated for all z <= a and z >= b; infinite where a side never saturates. (The
        slopes of gelu and silu also pass through 0 near their minima.)
    targets
        The two target values of a classification with this activation at the output; 10 % of the
        range inside the bounds unless given.
    slopes
        All the values f' takes, where it is piecewise constant; else empty.
    rising
        True where f' is never negative.
    """

    derivative: str
    value: Callable[..., Any]
    slope: Callable[..., Any]
    largest_slope: Any = 1.0
    bounds: Any = (-INFINITY, INFINITY)
    kinks: Any = ()
    saturation: Any = (-INFINITY, INFINITY)
    targets: tuple[float, float] | None = None
    slopes: Any = ()
    rising: bool = True
    values: dict[str, float] = field(default_factory=dict)

    def bind(self, **values: Any) -> Activation:
        """Return the activation with its parameters' values put in (defaults where not given)."""
        full = {name: values.get(name, p.default) for name, p in self.parameters.items()}

        def settle(entry: Any) -> Any:
            return entry(**full) if callable(entry) else entry

        bound = replace(
            self,
            parameters={},
            values=full,
            value=functools.partial(self.value, **full) if full else self.value,
            slope=functools.partial(self.slope, **full) if full else self.slope,
            largest_slope=settle(self.largest_slope),
            bounds=settle(self.bounds),
            kinks=settle(self.kinks),
            saturation=settle(self.saturation),
            slopes=settle(self.slopes),
        )
        if bound.bounded and bound.targets is None:
            low, high = bound.bounds
            margin = 0.1 * (high - low)
            bound = replace(bound, targets=(low + margin, high - margin))
        return bound

    @property
    def bounded(self) -> bool:
        """True where f has a finite range on both sides."""
        return math.isfinite(self.bounds[0]) and math.isfinite(self.bounds[1])

    @property
    def piecewise_constant(self) -> bool:
        """True where f' takes finitely many values."""
        return bool(self.slopes)


def bound_activation(spec: Any) -> Activation:
    """Find and bind an activation by its specification (see `records.resolve`)."""
    variant: Variant[Activation] = resolve("activation", ACTIVATIONS, spec)
    return variant.record.bind(**variant.values)


def _identity(z: Array, out: Array) -> None:
    np.copyto(out, z)


def _identity_slope(z: Array, y: Array, out: Array) -> None:
    out[...] = 1.0


def _logistic(z: Array, out: Array) -> None:
    np.negative(z, out=out)
    np.exp(out, out=out)
    out += 1.0
    np.reciprocal(out, out=out)


def _logistic_slope(z: Array, y: Array, out: Array) -> None:
    np.subtract(1.0, y, out=out)
    out *= y


def _tanh(z: Array, out: Array) -> None:
    np.tanh(z, out=out)


def _tanh_slope(z: Array, y: Array, out: Array) -> None:
    np.multiply(y, y, out=out)
    np.subtract(1.0, out, out=out)


LECUN_HEIGHT, LECUN_STEEPNESS = 1.7159, 2.0 / 3.0


def _scaled_tanh(z: Array, out: Array) -> None:
    np.multiply(z, LECUN_STEEPNESS, out=out)
    np.tanh(out, out=out)
    out *= LECUN_HEIGHT


def _scaled_tanh_slope(z: Array, y: Array, out: Array) -> None:
    np.multiply(y, y, out=out)
    out *= -LECUN_STEEPNESS / LECUN_HEIGHT
    out += LECUN_STEEPNESS * LECUN_HEIGHT


def _relu(z: Array, out: Array) -> None:
    np.maximum(z, 0.0, out=out)


def _relu_slope(z: Array, y: Array, out: Array) -> None:
    np.greater(z, 0.0, out=out, casting="unsafe")


def _leaky_relu(z: Array, out: Array, slope: float) -> None:
    np.multiply(z, slope, out=out)
    (np.maximum if slope <= 1.0 else np.minimum)(out, z, out=out)


def _leaky_relu_slope(z: Array, y: Array, out: Array, slope: float) -> None:
    np.greater(z, 0.0, out=out, casting="unsafe")
    out *= 1.0 - slope
    out += slope


def _elu(z: Array, out: Array, alpha: float) -> None:
    np.minimum(z, 0.0, out=out)
    np.expm1(out, out=out)
    out *= alpha
    np.copyto(out, z, where=z > 0.0)


def _elu_slope(z: Array, y: Array, out: Array, alpha: float) -> None:
    np.minimum(z, 0.0, out=out)
    np.exp(out, out=out)
    out *= alpha
    np.copyto(out, 1.0, where=z > 0.0)


def _softplus(z: Array, out: Array) -> None:
    np.abs(z, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    out += np.maximum(z, 0.0)


def _softplus_slope(z: Array, y: Array, out: Array) -> None:
    _logistic(z, out)


def _softsign(z: Array, out: Array) -> None:
    np.abs(z, out=out)
    out += 1.0
    np.divide(z, out, out=out)


def _softsign_slope(z: Array, y: Array, out: Array) -> None:
    np.abs(z, out=out)
    out += 1.0
    np.multiply(out, out, out=out)
    np.reciprocal(out, out=out)


def _silu(z: Array, out: Array) -> None:
    _logistic(z, out)
    out *= z


def _silu_slope(z: Array, y: Array, out: Array) -> None:
    _logistic(z, out)
    out *= 1.0 + z - y  # s (1 + z (1 - s)) with s z = y


@compiled
def _times_normal_cdf(z, density, out):  # type: ignore[no-untyped-def]
    # Abramowitz & Stegun 7.1.26: |error of erf| <= 1.5e-7, about float32's own rounding
    for i in range(z.size):
        x = z[i]
        a = abs(x) * np.float32(0.7071067811865476)
        t = np.float32(1) / (np.float32(1) + np.float32(0.3275911) * a)
        p = np.float32(1.061405429) * t - np.float32(1.453152027)
        p = p * t + np.float32(1.421413741)
        p = p * t - np.float32(0.284496736)
        p = p * t + np.float32(0.254829592)
        tail = np.float32(0.5) * p * t * density[i]
        out[i] = tail if x < np.float32(0) else np.float32(1) - tail


@compiled
def _normal_cdf_double(z, out):  # type: ignore[no-untyped-def]
    for i in range(z.size):
        out[i] = 0.5 * math.erfc(-z[i] * 0.7071067811865476)


def _normal_cdf(z: Array) -> Array:
    z = np.ascontiguousarray(z)
    cdf = np.empty_like(z)
    if z.dtype == np.float32:
        density = np.exp(-0.5 * z * z)
        _times_normal_cdf(z.ravel(), density.ravel(), cdf.ravel())
    else:
        _normal_cdf_double(z.ravel(), cdf.ravel())
    return cdf


def _gelu(z: Array, out: Array) -> None:
    np.multiply(z, _normal_cdf(z), out=out)


def _gelu_slope(z: Array, y: Array, out: Array) -> None:
    np.multiply(z, z, out=out)
    out *= -0.5
    np.exp(out, out=out)
    out *= z
    out *= 1.0 / math.sqrt(2.0 * math.pi)
    out += _normal_cdf(z)


def _hard_tanh(z: Array, out: Array) -> None:
    np.clip(z, -1.0, 1.0, out=out)


def _hard_tanh_slope(z: Array, y: Array, out: Array) -> None:
    np.less(np.abs(z), 1.0, out=out, casting="unsafe")


def _gudermannian(z: Array, out: Array) -> None:
    np.multiply(z, 0.5, out=out)
    np.tanh(out, out=out)
    np.arctan(out, out=out)
    out *= 2.0


def _gudermannian_slope(z: Array, y: Array, out: Array) -> None:
    np.abs(z, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)  # of -|z|, so that nothing overflows
    out /= 0.5 + 0.5 * out * out


def _tanh_linear(z: Array, out: Array, c: float) -> None:
    np.tanh(z, out=out)
    out += c * z


def _tanh_linear_slope(z: Array, y: Array, out: Array, c: float) -> None:
    np.tanh(z, out=out)  # from z: y - c z would cancel
    np.multiply(out, out, out=out)
    np.subtract(1.0 + c, out, out=out)


def _tanh_linear_saturation(c: float) -> tuple[float, float]:
    share = SATURATED_SHARE * (1.0 + c) - c  # of sech², still to go
    edge = math.acosh(share**-0.5) if share > 0.0 else INFINITY
    return (-edge, edge)


_TANH_EDGE = math.acosh(SATURATED_SHARE**-0.5)
_LOGISTIC_EDGE = 2.0 * _TANH_EDGE
_LOGIT_EDGE = math.log(SATURATED_SHARE / (1.0 - SATURATED_SHARE))
LECUN_1998 = 'LeCun, Bottou, Orr & Müller 1998, "Efficient BackProp", section 4.4'

_RECORDS = (
    Activation(
        name="identity",
        formula="z",
        derivative="1",
        reference="Widrow & Hoff 1960, the linear unit",
        family="linear",
        value=_identity,
        slope=_identity_slope,
        slopes=(1.0,),
    ),
    Activation(
        name="logistic",
        formula="1 / (1 + exp(-z))",
        derivative="y (1 - y)",
        reference="Rumelhart, Hinton & Williams 1986",
        family="squashing",
        value=_logistic,
        slope=_logistic_slope,
        largest_slope=0.25,
        bounds=(0.0, 1.0),
        saturation=(-_LOGISTIC_EDGE, _LOGISTIC_EDGE),
    ),
    Activation(
        name="tanh",
        formula="tanh z",
        derivative="1 - y²",
        reference=LECUN_1998,
        family="squashing",
        value=_tanh,
        slope=_tanh_slope,
        bounds=(-1.0, 1.0),
        saturation=(-_TANH_EDGE, _TANH_EDGE),
    ),
    Activation(
        name="scaled_tanh",
        formula="1.7159 tanh(2 z / 3)",
        derivative="1.1439 (1 - (y / 1.7159)²)",
        reference=LECUN_1998,
        label="scaled tanh",
        family="squashing",
        value=_scaled_tanh,
        slope=_scaled_tanh_slope,
        largest_slope=LECUN_HEIGHT * LECUN_STEEPNESS,
        bounds=(-LECUN_HEIGHT, LECUN_HEIGHT),
        saturation=(-_TANH_EDGE / LECUN_STEEPNESS, _TANH_EDGE / LECUN_STEEPNESS),
        targets=(-1.0, 1.0),  # f(±1) = ±1: the points of largest curvature, as its authors advise
    ),
    Activation(
        name="relu",
        formula="max(z, 0)",
        derivative="1 for z > 0, else 0",
        reference="Nair & Hinton 2010; Glorot, Bordes & Bengio 2011",
        family="rectifying",
        value=_relu,
        slope=_relu_slope,
        kinks=((0.0, 0.0),),
        saturation=(0.0, INFINITY),
        slopes=(0.0, 1.0),
    ),
    Activation(
        name="leaky_relu",
        formula="z for z > 0, else a z",
        derivative="1 for z > 0, else a",
        reference="Maas, Hannun & Ng 2013",
        label="leaky relu",
        family="rectifying",
        parameters={"slope": Parameter(0.01, "slope for z <= 0", low=0.0)},
        value=_leaky_relu,
        slope=_leaky_relu_slope,
        largest_slope=lambda slope: max(1.0, slope),
        kinks=lambda slope: ((0.0, slope),) if slope != 1.0 else (),
        saturation=lambda slope: (0.0 if slope < SATURATED_SHARE else -INFINITY, INFINITY),
        slopes=lambda slope: (slope, 1.0),
    ),
    Activation(
        name="elu",
        formula="z for z > 0, else α (exp(z) - 1)",
        derivative="1 for z > 0, else α exp(z)",
        reference="Clevert, Unterthiner & Hochreiter 2016",
        family="rectifying",
        parameters={"alpha": Parameter(1.0, "α, minus the lower bound", low=1e-6)},
        value=_elu,
        slope=_elu_slope,
        largest_slope=lambda alpha: max(1.0, alpha),
        bounds=lambda alpha: (-alpha, INFINITY),
        kinks=lambda alpha: ((0.0, alpha),) if alpha != 1.0 else (),
        saturation=lambda alpha: (
            min(0.0, math.log(SATURATED_SHARE * max(1.0, alpha) / alpha)),
            INFINITY,
        ),
    ),
    Activation(
        name="softplus",
        formula="ln(1 + exp(z))",
        derivative="1 / (1 + exp(-z))",
        reference="Dugas, Bengio, Bélisle, Nadeau & Garcia 2001",
        family="rectifying",
        value=_softplus,
        slope=_softplus_slope,
        bounds=(0.0, INFINITY),
        saturation=(_LOGIT_EDGE, INFINITY),
    ),
    Activation(
        name="softsign",
        formula="z / (1 + |z|)",
        derivative="1 / (1 + |z|)²",
        reference="Bergstra, Desjardins, Lamblin & Bengio 2009",
        family="squashing",
        value=_softsign,
        slope=_softsign_slope,
        bounds=(-1.0, 1.0),
        saturation=(-9.0, 9.0),
    ),
    Activation(
        name="gelu",
        formula="z Φ(z), Φ the normal distribution function",
        derivative="Φ(z) + z exp(-z²/2) / √(2π)",
        reference="Hendrycks & Gimpel 2016",
        family="rectifying",
        value=_gelu,
        slope=_gelu_slope,
        largest_slope=1.128904145,  # at z = √2
        bounds=(-0.169971208, INFINITY),
        saturation=(-3.02167, INFINITY),
        rising=False,
    ),
    Activation(
        name="silu",
        formula="z / (1 + exp(-z))",
        derivative="s (1 + z (1 - s)), s = 1 / (1 + exp(-z))",
        reference="Elfwing, Uchibe & Doya 2018",
        family="rectifying",
        value=_silu,
        slope=_silu_slope,
        largest_slope=1.099839320,  # at z = 2.3994
        bounds=(-0.278464543, INFINITY),
        saturation=(-6.14292, INFINITY),
        rising=False,
    ),
    Activation(
        name="hard_tanh",
        formula="min(max(z, -1), 1)",
        derivative="1 for |z| < 1, else 0",
        reference="Collobert 2004, thesis",
        label="hard tanh",
        family="squashing",
        value=_hard_tanh,
        slope=_hard_tanh_slope,
        bounds=(-1.0, 1.0),
        kinks=((-1.0, 0.0), (1.0, 0.0)),
        saturation=(-1.0, 1.0),
        slopes=(0.0, 1.0),
    ),
    Activation(
        name="gudermannian",
        formula="2 arctan(tanh(z / 2))",
        derivative="1 / cosh z",
        reference="this study: the activation whose slope is the root of tanh's",
        family="squashing",
        value=_gudermannian,
        slope=_gudermannian_slope,
        bounds=(-math.pi / 2.0, math.pi / 2.0),
        saturation=(-math.acosh(1.0 / SATURATED_SHARE), math.acosh(1.0 / SATURATED_SHARE)),
    ),
    Activation(
        name="tanh_linear",
        formula="tanh z + c z",
        derivative="1 - tanh² z + c",
        reference=LECUN_1998 + ", the twisting term",
        label="tanh + linear",
        family="squashing",
        parameters={"c": Parameter(0.1, "slope of the linear term", low=0.0)},
        value=_tanh_linear,
        slope=_tanh_linear_slope,
        largest_slope=lambda c: 1.0 + c,
        bounds=lambda c: (-1.0, 1.0) if c == 0.0 else (-INFINITY, INFINITY),
        saturation=_tanh_linear_saturation,
    ),
)
ACTIVATIONS: dict[str, Activation] = {record.name: record for record in _RECORDS}
