"""Activations that squash, and the identity."""

import math
from functools import partial

from study.learning.activations.base import INFINITY, LECUN_1998, SATURATED_SHARE, Activation
from study.learning.core.elementary import arctan, exp, tanh
from study.learning.core.kernels import elementwise
from study.learning.variants import Parameter

LECUN_HEIGHT, LECUN_STEEPNESS = 1.7159, 2.0 / 3.0
LECUN_SLOPE, LECUN_SHARE = LECUN_HEIGHT * LECUN_STEEPNESS, LECUN_STEEPNESS / LECUN_HEIGHT


@elementwise
def _scaled_tanh_slope(y):
    s = LECUN_SLOPE - LECUN_SHARE * y * y
    return 0 if s < 0 else s  # by a rounding, at y's bounds; NaN stays


@elementwise
def _softsign_slope(z):
    root = 1 / (1 + abs(z))
    return root * root


@elementwise
def _gudermannian_slope(z):
    e = exp(-abs(z))  # of -|z|, so that nothing overflows
    return 2 * e / (1 + e * e)


@elementwise
def _tanh_linear_slope(z, c):
    v = tanh(z)  # from z: y - c z would cancel
    return 1 - v * v + c


def _tanh_linear_saturation(c: float) -> tuple[float, float]:
    share = SATURATED_SHARE * (1.0 + c) - c  # of sech², still to go
    edge = math.acosh(share**-0.5) if share > 0.0 else INFINITY
    return (-edge, edge)


_TANH_EDGE = math.acosh(SATURATED_SHARE**-0.5)
_LOGISTIC_EDGE = 2.0 * _TANH_EDGE

_squashing = partial(Activation, family="squashing")

RECORDS = (
    Activation(
        name="identity",
        formula="z",
        derivative="1",
        reference="Widrow & Hoff 1960, the linear unit",
        family="linear",
        value=elementwise(lambda z: z),
        slope=elementwise(lambda: 1),
        slopes=(1.0,),
    ),
    _squashing(
        name="logistic",
        formula="1 / (1 + exp(-z))",
        derivative="y (1 - y)",
        reference="Rumelhart, Hinton & Williams 1986",
        value=elementwise(lambda z: 1 / (1 + exp(-z))),
        slope=elementwise(lambda y: y * (1 - y)),
        largest_slope=0.25,
        bounds=(0.0, 1.0),
        saturation=(-_LOGISTIC_EDGE, _LOGISTIC_EDGE),
        steepness=0.5,
    ),
    _squashing(
        name="symmetric_logistic",
        formula="1 / (1 + exp(-z)) - ½",
        derivative="¼ - y²",
        reference="Stornetta & Huberman 1987; Fahlman 1988",
        value=elementwise(lambda z: 1 / (1 + exp(-z)) - 0.5),
        slope=elementwise(lambda y: 0.25 - y * y),
        largest_slope=0.25,
        bounds=(-0.5, 0.5),
        saturation=(-_LOGISTIC_EDGE, _LOGISTIC_EDGE),
        steepness=0.5,
    ),
    _squashing(
        name="tanh",
        formula="tanh z",
        derivative="1 - y²",
        reference=LECUN_1998,
        value=elementwise(lambda z: tanh(z)),
        slope=elementwise(lambda y: 1 - y * y),
        bounds=(-1.0, 1.0),
        saturation=(-_TANH_EDGE, _TANH_EDGE),
        steepness=1.0,
    ),
    _squashing(
        name="scaled_tanh",
        formula="1.7159 tanh(2 z / 3)",
        derivative="1.1439 (1 - (y / 1.7159)²)",
        reference=LECUN_1998,
        value=elementwise(lambda z: LECUN_HEIGHT * tanh(LECUN_STEEPNESS * z)),
        slope=_scaled_tanh_slope,
        largest_slope=LECUN_SLOPE,
        bounds=(-LECUN_HEIGHT, LECUN_HEIGHT),
        saturation=(-_TANH_EDGE / LECUN_STEEPNESS, _TANH_EDGE / LECUN_STEEPNESS),
        targets=(-1.0, 1.0),  # f(±1) = ±1: the points of largest curvature, as its authors advise
    ),
    _squashing(
        name="softsign",
        formula="z / (1 + |z|)",
        derivative="1 / (1 + |z|)²",
        reference="Bergstra, Desjardins, Lamblin & Bengio 2009",
        value=elementwise(lambda z: z / (1 + abs(z))),
        slope=_softsign_slope,
        bounds=(-1.0, 1.0),
        saturation=(-9.0, 9.0),
    ),
    _squashing(
        name="hard_tanh",
        formula="min(max(z, -1), 1)",
        derivative="1 for |z| < 1, else 0",
        reference="Collobert 2004, thesis",
        value=elementwise(lambda z: -1 if z < -1 else (1 if z > 1 else z)),
        slope=elementwise(lambda z: 1 if abs(z) < 1 else 0),
        bounds=(-1.0, 1.0),
        kinks=((-1.0, 0.0), (1.0, 0.0)),
        saturation=(-1.0, 1.0),
        slopes=(0.0, 1.0),
    ),
    _squashing(
        name="gudermannian",
        formula="2 arctan(tanh(z / 2))",
        derivative="1 / cosh z",
        reference="this study: the activation whose slope is the root of tanh's",
        value=elementwise(lambda z: 2 * arctan(tanh(0.5 * z))),
        slope=_gudermannian_slope,
        bounds=(-math.pi / 2.0, math.pi / 2.0),
        saturation=(-math.acosh(1.0 / SATURATED_SHARE), math.acosh(1.0 / SATURATED_SHARE)),
    ),
    _squashing(
        name="tanh_linear",
        formula="tanh z + c z",
        derivative="1 - tanh² z + c",
        reference=LECUN_1998 + ", the twisting term",
        label="tanh + linear",
        parameters={"c": Parameter(0.1, "slope of the linear term", low=0.0)},
        examples=({"c": 0.005},),
        value=elementwise(lambda z, c: tanh(z) + c * z),
        slope=_tanh_linear_slope,
        largest_slope=lambda c: 1.0 + c,
        bounds=lambda c: (-1.0, 1.0) if c == 0.0 else (-INFINITY, INFINITY),
        saturation=_tanh_linear_saturation,
    ),
)
