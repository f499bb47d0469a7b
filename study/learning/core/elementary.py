"""exp, log, log1p, tanh, arctan and the normal distribution function, as loops can use them.

A compiler calls a library for each value of these; a polynomial of a few terms runs eight or
sixteen values at a time instead. The float32 versions are good to a few units in the last place,
the normal distribution function to 4e-7 (a test holds the bounds); float64 goes to the library.
NaN stays NaN, exp of what underflows is 0, and the logarithm takes denormals for 0.

Sources of the polynomials: exp and log, Moshier's Cephes library; tanh, the rational function of
degrees 13 and 6 that Eigen uses; arctan, 4.4.49, and the normal distribution, 7.1.26, of
Abramowitz & Stegun 1964.
"""

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic, overload

from study.learning.core.kernels import FAST

F = np.float32
I = np.int32


def _in_float32(function: Any) -> Any:
    """Let compiled loops take a decorated function for this one, where x is float32.

    It is compiled with the options of its callers, and inlined by the compiler's last stage alone:
    numba's own inlining warns where one function occurs twice.
    """
    options = {"error_model": "numpy", "fastmath": FAST, "forceinline": True}

    def register(single: Any) -> Any:
        overload(function, jit_options=options)(
            lambda x: single if x == types.float32 else function
        )
        return single

    return register


@intrinsic
def _float_of(typing: Any, bits: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.float32))

    return types.float32(types.int32), generate


@intrinsic
def _bits_of(typing: Any, number: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.int32))

    return types.int32(types.float32), generate


def exp(x):
    """E to the power x."""
    return math.exp(x)


def log(x):
    """Natural logarithm; -inf at 0."""
    return math.log(x) if x != 0.0 else -math.inf


def log1p(x):
    """ln(1 + x) for 0 <= x <= 1."""
    return math.log1p(x)


def tanh(x):
    """Hyperbolic tangent."""
    return math.tanh(x)


def arctan(x):
    """Arc tangent for |x| <= 1."""
    return math.atan(x)


def normal_cdf(x):
    """Distribution function of the standard normal."""
    return 0.5 * math.erfc(-x * 0.7071067811865476)


@_in_float32(exp)
def _exp(x):
    n = np.floor(x * F(1.44269504) + F(0.5))
    n = min(max(n, F(-126)), F(128))
    r = x - n * F(0.693359375)
    r = r - n * F(-2.12194440e-4)
    p = F(1.9875691500e-4) * r + F(1.3981999507e-3)
    p = p * r + F(8.3334519073e-3)
    p = p * r + F(4.1665795894e-2)
    p = p * r + F(1.6666665459e-1)
    p = p * r + F(5.0000001201e-1)
    p = p * r * r + r + F(1)
    y = p * F(2) * _float_of((I(n) + I(126)) << I(23))  # twice half: 2^128 has no bits
    y = F(np.inf) if x > F(88.72283) else y
    return F(0) if x < F(-87.33654) else y


@_in_float32(log)
def _log(x):
    bits = _bits_of(x)
    e = F((bits >> I(23)) - I(126))
    m = _float_of((bits & I(0x007FFFFF)) | I(0x3F000000))  # in [1/2, 1)
    small = m < F(0.707106781)
    e = e - F(1) if small else e
    m = m + m - F(1) if small else m - F(1)
    s = m * m
    p = F(7.0376836292e-2) * m + F(-1.1514610310e-1)
    p = p * m + F(1.1676998740e-1)
    p = p * m + F(-1.2420140846e-1)
    p = p * m + F(1.4249322787e-1)
    p = p * m + F(-1.6668057665e-1)
    p = p * m + F(2.0000714765e-1)
    p = p * m + F(-2.4999993993e-1)
    p = p * m + F(3.3333331174e-1)
    y = p * m * s + F(-2.12194440e-4) * e - F(0.5) * s
    y = m + y + F(0.693359375) * e
    y = y if x >= F(1.17549435e-38) else F(-np.inf)
    y = y if x >= F(0) else F(np.nan)
    return x if x == F(np.inf) else y


@_in_float32(log1p)
def _log1p(x):
    s = x / (F(2) + x)  # ln(1 + x) = 2 artanh s, s <= 1/3
    q = s * s
    p = F(1 / 15) * q + F(1 / 13)
    p = p * q + F(1 / 11)
    p = p * q + F(1 / 9)
    p = p * q + F(1 / 7)
    p = p * q + F(0.2)
    p = p * q + F(1 / 3)
    p = p * q + F(1)
    return F(2) * s * p


@_in_float32(tanh)
def _tanh(x):
    c = F(7.90531110763549805)  # beyond, tanh is 1 in float32
    a = c if x > c else (-c if x < -c else x)
    s = a * a
    p = F(-2.76076847742355e-16) * s + F(2.00018790482477e-13)
    p = p * s + F(-8.60467152213735e-11)
    p = p * s + F(5.12229709037114e-08)
    p = p * s + F(1.48572235717979e-05)
    p = p * s + F(6.37261928875436e-04)
    p = p * s + F(4.89352455891786e-03)
    q = F(1.19825839466702e-06) * s + F(1.18534705686654e-04)
    q = q * s + F(2.26843463243900e-03)
    q = q * s + F(4.89352518554385e-03)
    y = a * p / q
    y = F(1) if x > F(9.02) else y  # half a unit in the last place from 1
    return F(-1) if x < F(-9.02) else y


@_in_float32(arctan)
def _arctan(x):
    s = x * x
    p = F(0.0028662257) * s + F(-0.0161657367)
    p = p * s + F(0.0429096138)
    p = p * s + F(-0.0752896400)
    p = p * s + F(0.1065626393)
    p = p * s + F(-0.1420889944)
    p = p * s + F(0.1999355085)
    p = p * s + F(-0.3333314528)
    return x + x * s * p


@_in_float32(normal_cdf)
def _normal_cdf(x):
    a = abs(x) * F(0.7071067811865476)
    t = F(1) / (F(1) + F(0.3275911) * a)
    p = F(1.061405429) * t + F(-1.453152027)
    p = p * t + F(1.421413741)
    p = p * t + F(-0.284496736)
    p = p * t + F(0.254829592)
    tail = F(0.5) * p * t * exp(-a * a)
    return tail if x < F(0) else F(1) - tail
