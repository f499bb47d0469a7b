"""Activations that rectify."""

from __future__ import annotations

import math

import numpy as np

from study.learning.activations.base import INFINITY, SATURATED_SHARE, Activation
from study.learning.core.borrowed import line
from study.learning.core.elementary import exp, log1p, normal_cdf, tanh
from study.learning.core.kernels import kernel
from study.learning.variants import Parameter

ROUNDING = 0.125


@kernel("value")
def _relu(z, out, numbers):  # type: ignore[no-untyped-def]
    zero = z.dtype.type(0)
    flat, into = line(z), line(out)
    for i in range(z.size):
        x = flat[i]
        into[i] = zero if x <= zero else x  # NaN stays


@kernel("slope")
def _relu_slope(z, y, out, numbers):  # type: ignore[no-untyped-def]
    zero, one = z.dtype.type(0), z.dtype.type(1)
    flat, into = line(z), line(out)
    for i in range(z.size):
        x = flat[i]
        into[i] = one if x > zero else zero


@kernel("value")
def _relu_rounded(z, out, numbers):  # type: ignore[no-untyped-def]
    zero, fine = z.dtype.type(0), z.dtype.type(1.0 / ROUNDING)
    flat, into = line(z), line(out)
    for i in range(z.size):
        x = np.rint(fine * flat[i]) / fine
        into[i] = zero if x <= zero else x


@kernel("slope")
def _relu_rounded_slope(z, y, out, numbers):  # type: ignore[no-untyped-def]
    zero, one, fine = z.dtype.type(0), z.dtype.type(1), z.dtype.type(1.0 / ROUNDING)
    flat, into = line(z), line(out)
    for i in range(z.size):
        into[i] = one if np.rint(fine * flat[i]) > zero else zero


@kernel("value")
def _leaky_relu(z, out, numbers):  # type: ignore[no-untyped-def]
    zero, leak = z.dtype.type(0), numbers[0]
    flat, into = line(z), line(out)
    for i in range(z.size):
        x = flat[i]
        into[i] = leak * x if x <= zero else x


@kernel("slope")
def _leaky_relu_slope(z, y, out, numbers):  # type: ignore[no-untyped-def]
    zero, one, leak = z.dtype.type(0), z.dtype.type(1), numbers[0]
    flat, into = line(z), line(out)
    for i in range(z.size):
        x = flat[i]
        into[i] = one if x > zero else leak


@kernel("value")
def _elu(z, out, numbers):  # type: ignore[no-untyped-def]
    one, alpha = z.dtype.type(1), numbers[0]
    half = z.dtype.type(0.5)
    flat, into = line(z), line(out)
    for i in range(z.size):
        x = flat[i]
        h = tanh(half * x)
        below = alpha * (h + h) / (one - h)  # exp(x) - 1, without cancelling
        into[i] = x if x > 0 else below


@kernel("slope")
def _elu_slope(z, y, out, numbers):  # type: ignore[no-untyped-def]
    one, alpha = z.dtype.type(1), numbers[0]
    flat, into = line(z), line(out)
    for i in range(z.size):
        x = flat[i]
        into[i] = one if x > 0 else alpha * exp(x)


@kernel("value")
def _softplus(z, out, numbers):  # type: ignore[no-untyped-def]
    zero = z.dtype.type(0)
    flat, into = line(z), line(out)
    for i in range(z.size):
        x = flat[i]
        into[i] = max(x, zero) + log1p(exp(-abs(x)))


@kernel("slope")
def _softplus_slope(z, y, out, numbers):  # type: ignore[no-untyped-def]
    one = z.dtype.type(1)
    flat, into = line(z), line(out)
    for i in range(z.size):
        x = flat[i]
        into[i] = one / (one + exp(-x))


@kernel("value")
def _gelu(z, out, numbers):  # type: ignore[no-untyped-def]
    flat, into = line(z), line(out)
    for i in range(z.size):
        x = flat[i]
        into[i] = x * normal_cdf(x)


@kernel("slope")
def _gelu_slope(z, y, out, numbers):  # type: ignore[no-untyped-def]
    height, half = z.dtype.type(1.0 / math.sqrt(2.0 * math.pi)), z.dtype.type(0.5)
    flat, into = line(z), line(out)
    for i in range(z.size):
        x = flat[i]
        into[i] = normal_cdf(x) + x * height * exp(-half * x * x)


@kernel("value")
def _silu(z, out, numbers):  # type: ignore[no-untyped-def]
    one = z.dtype.type(1)
    flat, into = line(z), line(out)
    for i in range(z.size):
        x = flat[i]
        into[i] = x / (one + exp(-x))


@kernel("slope")
def _silu_slope(z, y, out, numbers):  # type: ignore[no-untyped-def]
    one = z.dtype.type(1)
    flat, values, into = line(z), line(y), line(out)
    for i in range(z.size):
        s = one / (one + exp(-flat[i]))
        into[i] = s + values[i] * (one - s)  # s (1 + z (1 - s)) with s z = y


_LOGIT_EDGE = math.log(SATURATED_SHARE / (1.0 - SATURATED_SHARE))

RECORDS = (
    Activation(
        name="relu",
        formula="max(z, 0)",
        derivative="1 for z > 0, else 0",
        reference="Nair & Hinton 2010; Glorot, Bordes & Bengio 2011",
        family="rectifying",
        value=_relu,
        slope=_relu_slope,
        bounds=(0.0, INFINITY),
        kinks=((0.0, 0.0),),
        saturation=(0.0, INFINITY),
        slopes=(0.0, 1.0),
    ),
    Activation(
        name="relu_rounded",
        formula="max(r, 0), r = z rounded to a multiple of 1/8",
        derivative="1 for r > 0, else 0",
        reference="this study: relu with net inputs of exactly 0 all through a training",
        label="relu, rounded",
        family="rectifying",
        value=_relu_rounded,
        slope=_relu_rounded_slope,
        bounds=(0.0, INFINITY),
        kinks=((0.5 * ROUNDING, 0.0),),  # the half is rounded to even
        saturation=(0.5 * ROUNDING, INFINITY),
        slopes=(0.0, 1.0),
        rounding=ROUNDING,
    ),
    Activation(
        name="leaky_relu",
        formula="z for z > 0, else a z",
        derivative="1 for z > 0, else a",
        reference="Maas, Hannun & Ng 2013",
        label="leaky relu",
        family="rectifying",
        parameters={"slope": Parameter(0.01, "slope for z <= 0", low=0.0)},
        examples=({"slope": 0.3},),
        value=_leaky_relu,
        slope=_leaky_relu_slope,
        largest_slope=lambda slope: max(1.0, slope),
        kinks=lambda slope: ((0.0, slope),) if slope != 1.0 else (),
        saturation=lambda slope: (0.0 if slope <= SATURATED_SHARE else -INFINITY, INFINITY),
        slopes=lambda slope: (slope, 1.0),
    ),
    Activation(
        name="elu",
        formula="z for z > 0, else α (exp(z) - 1)",
        derivative="1 for z > 0, else α exp(z)",
        reference="Clevert, Unterthiner & Hochreiter 2016",
        family="rectifying",
        parameters={"alpha": Parameter(1.0, "α, minus the lower bound", low=1e-6)},
        examples=({"alpha": 0.5}, {"alpha": 2.0}),
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
)
