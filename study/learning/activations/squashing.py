"""Activations that squash, and the identity."""

from __future__ import annotations

import math

from study.learning.activations.base import INFINITY, LECUN_1998, SATURATED_SHARE, Activation
from study.learning.core.borrowed import line
from study.learning.core.elementary import arctan, exp, tanh
from study.learning.core.kernels import kernel
from study.learning.variants import Parameter

LECUN_HEIGHT, LECUN_STEEPNESS = 1.7159, 2.0 / 3.0


@kernel("value")
def _identity(z, out, numbers):  # type: ignore[no-untyped-def]
    out[:] = z


@kernel("slope")
def _identity_slope(z, y, out, numbers):  # type: ignore[no-untyped-def]
    out[:] = 1


@kernel("value")
def _logistic(z, out, numbers):  # type: ignore[no-untyped-def]
    one = z.dtype.type(1)
    flat, into = line(z), line(out)
    for i in range(z.size):
        x = flat[i]
        into[i] = one / (one + exp(-x))


@kernel("slope")
def _logistic_slope(z, y, out, numbers):  # type: ignore[no-untyped-def]
    one = z.dtype.type(1)
    values, into = line(y), line(out)
    for i in range(z.size):
        v = values[i]
        into[i] = v * (one - v)


@kernel("value")
def _tanh(z, out, numbers):  # type: ignore[no-untyped-def]
    flat, into = line(z), line(out)
    for i in range(z.size):
        x = flat[i]
        into[i] = tanh(x)


@kernel("slope")
def _tanh_slope(z, y, out, numbers):  # type: ignore[no-untyped-def]
    one = z.dtype.type(1)
    values, into = line(y), line(out)
    for i in range(z.size):
        v = values[i]
        into[i] = one - v * v


@kernel("value")
def _scaled_tanh(z, out, numbers):  # type: ignore[no-untyped-def]
    height, steepness = z.dtype.type(LECUN_HEIGHT), z.dtype.type(LECUN_STEEPNESS)
    flat, into = line(z), line(out)
    for i in range(z.size):
        x = flat[i]
        into[i] = height * tanh(steepness * x)


@kernel("slope")
def _scaled_tanh_slope(z, y, out, numbers):  # type: ignore[no-untyped-def]
    most = z.dtype.type(LECUN_HEIGHT * LECUN_STEEPNESS)
    share, zero = z.dtype.type(LECUN_STEEPNESS / LECUN_HEIGHT), z.dtype.type(0)
    values, into = line(y), line(out)
    for i in range(z.size):
        v = values[i]
        s = most - share * v * v
        into[i] = zero if s < zero else s  # by a rounding, at y's bounds; NaN stays


@kernel("value")
def _softsign(z, out, numbers):  # type: ignore[no-untyped-def]
    one = z.dtype.type(1)
    flat, into = line(z), line(out)
    for i in range(z.size):
        x = flat[i]
        into[i] = x / (one + abs(x))


@kernel("slope")
def _softsign_slope(z, y, out, numbers):  # type: ignore[no-untyped-def]
    one = z.dtype.type(1)
    flat, into = line(z), line(out)
    for i in range(z.size):
        root = one / (one + abs(flat[i]))
        into[i] = root * root


@kernel("value")
def _hard_tanh(z, out, numbers):  # type: ignore[no-untyped-def]
    one = z.dtype.type(1)
    flat, into = line(z), line(out)
    for i in range(z.size):
        x = flat[i]
        into[i] = -one if x < -one else (one if x > one else x)


@kernel("slope")
def _hard_tanh_slope(z, y, out, numbers):  # type: ignore[no-untyped-def]
    zero, one = z.dtype.type(0), z.dtype.type(1)
    flat, into = line(z), line(out)
    for i in range(z.size):
        x = flat[i]
        into[i] = one if abs(x) < one else zero


@kernel("value")
def _gudermannian(z, out, numbers):  # type: ignore[no-untyped-def]
    two, half = z.dtype.type(2), z.dtype.type(0.5)
    flat, into = line(z), line(out)
    for i in range(z.size):
        x = flat[i]
        into[i] = two * arctan(tanh(half * x))


@kernel("slope")
def _gudermannian_slope(z, y, out, numbers):  # type: ignore[no-untyped-def]
    one, two = z.dtype.type(1), z.dtype.type(2)
    flat, into = line(z), line(out)
    for i in range(z.size):
        e = exp(-abs(flat[i]))  # of -|z|, so that nothing overflows
        into[i] = two * e / (one + e * e)


@kernel("value")
def _tanh_linear(z, out, numbers):  # type: ignore[no-untyped-def]
    c = numbers[0]
    flat, into = line(z), line(out)
    for i in range(z.size):
        x = flat[i]
        into[i] = tanh(x) + c * x


@kernel("slope")
def _tanh_linear_slope(z, y, out, numbers):  # type: ignore[no-untyped-def]
    one, c = z.dtype.type(1), numbers[0]
    flat, into = line(z), line(out)
    for i in range(z.size):
        v = tanh(flat[i])  # from z: y - c z would cancel
        into[i] = one - v * v + c


def _tanh_linear_saturation(c: float) -> tuple[float, float]:
    share = SATURATED_SHARE * (1.0 + c) - c  # of sech², still to go
    edge = math.acosh(share**-0.5) if share > 0.0 else INFINITY
    return (-edge, edge)


_TANH_EDGE = math.acosh(SATURATED_SHARE**-0.5)
_LOGISTIC_EDGE = 2.0 * _TANH_EDGE

RECORDS = (
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
        steepness=0.5,
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
        steepness=1.0,
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
        examples=({"c": 0.005},),
        value=_tanh_linear,
        slope=_tanh_linear_slope,
        largest_slope=lambda c: 1.0 + c,
        bounds=lambda c: (-1.0, 1.0) if c == 0.0 else (-INFINITY, INFINITY),
        saturation=_tanh_linear_saturation,
    ),
)
