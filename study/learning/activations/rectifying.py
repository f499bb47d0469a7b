"""Activations that rectify."""

import math
from functools import partial

import numpy as np

from study.learning.activations.base import INFINITY, SATURATED_SHARE, Activation
from study.learning.core.elementary import exp, log1p, normal_cdf, tanh
from study.learning.core.kernels import elementwise
from study.learning.variants import Parameter

ROUNDING = 0.125
FINE = 1.0 / ROUNDING
NORMAL_DENSITY_AT_0 = 1.0 / math.sqrt(2.0 * math.pi)


@elementwise
def _relu_rounded(z):
    r = np.rint(FINE * z) / FINE
    return 0 if r <= 0 else r


@elementwise
def _elu(z, alpha):
    h = tanh(0.5 * z)
    return z if z > 0 else alpha * (h + h) / (1 - h)  # exp(z) - 1, without cancelling


@elementwise
def _silu_slope(z, y):
    s = 1 / (1 + exp(-z))
    return s + y * (1 - s)  # s (1 + z (1 - s)) with s z = y


_LOGIT_EDGE = math.log(SATURATED_SHARE / (1.0 - SATURATED_SHARE))

_rectifying = partial(Activation, family="rectifying")

RECORDS = (
    _rectifying(
        name="relu",
        formula="max(z, 0)",
        derivative="1 for z > 0, else 0",
        reference="Nair & Hinton 2010; Glorot, Bordes & Bengio 2011",
        value=elementwise(lambda z: 0 if z <= 0 else z),  # NaN stays
        slope=elementwise(lambda z: 1 if z > 0 else 0),
        bounds=(0.0, INFINITY),
        kinks=((0.0, 0.0),),
        saturation=(0.0, INFINITY),
        slopes=(0.0, 1.0),
    ),
    _rectifying(
        name="relu_rounded",
        formula="max(r, 0), r = z rounded to a multiple of 1/8",
        derivative="1 for r > 0, else 0",
        reference="this study: relu with net inputs of exactly 0 all through a training",
        label="relu, rounded",
        value=_relu_rounded,
        slope=elementwise(lambda z: 1 if np.rint(FINE * z) > 0 else 0),
        bounds=(0.0, INFINITY),
        kinks=((0.5 * ROUNDING, 0.0),),  # the half is rounded to even
        saturation=(0.5 * ROUNDING, INFINITY),
        slopes=(0.0, 1.0),
        rounding=ROUNDING,
    ),
    _rectifying(
        name="leaky_relu",
        formula="z for z > 0, else a z",
        derivative="1 for z > 0, else a",
        reference="Maas, Hannun & Ng 2013",
        parameters={"slope": Parameter(0.01, "slope for z <= 0", low=0.0)},
        examples=({"slope": 0.3},),
        value=elementwise(lambda z, a: a * z if z <= 0 else z),
        slope=elementwise(lambda z, a: 1 if z > 0 else a),
        largest_slope=lambda slope: max(1.0, slope),
        kinks=lambda slope: ((0.0, slope),) if slope != 1.0 else (),
        saturation=lambda slope: (0.0 if slope <= SATURATED_SHARE else -INFINITY, INFINITY),
        slopes=lambda slope: (slope, 1.0),
    ),
    _rectifying(
        name="elu",
        formula="z for z > 0, else α (exp(z) - 1)",
        derivative="1 for z > 0, else α exp(z)",
        reference="Clevert, Unterthiner & Hochreiter 2016",
        parameters={"alpha": Parameter(1.0, "α, minus the lower bound", low=1e-6)},
        examples=({"alpha": 0.5}, {"alpha": 2.0}),
        value=_elu,
        slope=elementwise(lambda z, alpha: 1 if z > 0 else alpha * exp(z)),
        largest_slope=lambda alpha: max(1.0, alpha),
        bounds=lambda alpha: (-alpha, INFINITY),
        kinks=lambda alpha: ((0.0, alpha),) if alpha != 1.0 else (),
        saturation=lambda alpha: (
            min(0.0, math.log(SATURATED_SHARE * max(1.0, alpha) / alpha)),
            INFINITY,
        ),
    ),
    _rectifying(
        name="softplus",
        formula="ln(1 + exp(z))",
        derivative="1 / (1 + exp(-z))",
        reference="Dugas, Bengio, Bélisle, Nadeau & Garcia 2001",
        value=elementwise(lambda z: max(z, 0) + log1p(exp(-abs(z)))),
        slope=elementwise(lambda z: 1 / (1 + exp(-z))),
        bounds=(0.0, INFINITY),
        saturation=(_LOGIT_EDGE, INFINITY),
    ),
    _rectifying(
        name="gelu",
        formula="z Φ(z), Φ the normal distribution function",
        derivative="Φ(z) + z exp(-z²/2) / √(2π)",
        reference="Hendrycks & Gimpel 2016",
        value=elementwise(lambda z: z * normal_cdf(z)),
        slope=elementwise(lambda z: normal_cdf(z) + z * NORMAL_DENSITY_AT_0 * exp(-0.5 * z * z)),
        largest_slope=1.128904145,  # at z = √2
        bounds=(-0.169971208, INFINITY),
        saturation=(-3.02167, INFINITY),
        rising=False,
    ),
    _rectifying(
        name="silu",
        formula="z / (1 + exp(-z))",
        derivative="s (1 + z (1 - s)), s = 1 / (1 + exp(-z))",
        reference="Elfwing, Uchibe & Doya 2018",
        value=elementwise(lambda z: z / (1 + exp(-z))),
        slope=_silu_slope,
        largest_slope=1.099839320,  # at z = 2.3994
        bounds=(-0.278464543, INFINITY),
        saturation=(-6.14292, INFINITY),
        rising=False,
    ),
)
