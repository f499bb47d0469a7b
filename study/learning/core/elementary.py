"""exp, log, log1p, tanh, sin, arctan, normal distribution function: in a fixed order of steps.

The C library's functions differ between processors and versions by a unit in the last place.
These are made of additions, products, quotients and fused multiply-adds alone, which IEEE 754
rounds in one way: the same bits everywhere. They are polynomials of a few terms, so a compiler
runs eight or sixteen values at a time.

They are good to a few units in the last place, the normal distribution function in float32 to
4e-7 (tests hold the bounds). NaN stays NaN, exp of what underflows is 0, and the logarithm of
float32 takes denormals for 0.

Sources of the polynomials. float32: exp and log, Moshier's Cephes library; tanh, the rational
function of degrees 13 and 6 that Eigen uses; arctan, 4.4.49, and the normal distribution, 7.1.26,
of Abramowitz & Stegun 1964. float64: exp, log1p, tanh and sin, Taylor series; log and arctan, of
Sun's fdlibm; the normal distribution, a Chebyshev series of ln(erfc(x) exp(x²) / t) in
t = 2 / (2 + x). |x| is at most 1 for arctan, and a few turns for sin.
"""

import functools
import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from study.learning.core.kernels import OPTIONS

F, D = np.float32, np.float64
I, J = np.int32, np.int64

# compiled with the options of their callers, and inlined by the compiler's last stage alone:
# numba's own inlining warns where one function occurs twice
in_loops = functools.partial(overload, jit_options={**OPTIONS, "forceinline": True})


def _fused(builder: Any, a: Any, b: Any, c: Any) -> Any:
    name = "llvm.fma.f32" if isinstance(a.type, ir.FloatType) else "llvm.fma.f64"
    known = builder.module.globals.get(name)
    kind = ir.FunctionType(a.type, [a.type] * 3)
    return builder.call(known or ir.Function(builder.module, kind, name), [a, b, c])


@intrinsic
def fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a b + c, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _fused(builder, *arguments)

    return a(a, a, a), generate


@intrinsic
def polynomial(typing: Any, x: Any, coefficients: Any) -> Any:
    """Return c[0] x^n + ... + c[n] by Horner's rule, each step a fused multiply-add."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at, numbers = arguments
        terms = [
            context.cast(builder, builder.extract_value(numbers, i), types.float64, x)
            for i in range(len(coefficients))
        ]
        return functools.reduce(lambda found, term: _fused(builder, found, at, term), terms)

    return x(x, coefficients), generate


_SAME_SIZE = {
    types.float32: types.int32,
    types.int32: types.float32,
    types.float64: types.int64,
    types.int64: types.float64,
}


@intrinsic
def _bits(typing: Any, number: Any, to: Any) -> Any:
    """Take the bits of a number for those of another type of the same size."""
    kind = to.instance_type
    given = _SAME_SIZE[kind]

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(kind))

    return kind(given, to), generate


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


def sin(x):
    """Sine, for angles of a few turns."""
    return math.sin(x)


def arctan(x):
    """Arc tangent for |x| <= 1."""
    return math.atan(x)


def normal_cdf(x):
    """Distribution function of the standard normal."""
    return 0.5 * math.erfc(-x * 0.7071067811865476)


LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
TAYLOR = tuple(1.0 / math.factorial(n) for n in range(13, 1, -1))  # of (exp(r) - 1 - r) / r²
ARTANH = tuple(1.0 / (2 * k + 1) for k in range(17, -1, -1))  # of artanh(s) / s, in s²
EXP = (
    *(1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3),
    *(4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1),
)
LOG = (
    *(7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1),
    *(-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
)
LOG_64 = (
    *(1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01),
    *(2.222219843214978396e-01, 2.857142874366239149e-01, 3.999999999940941908e-01),
    6.666666666666735130e-01,
)
TANH_ABOVE = (
    *(-2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11),
    *(5.12229709037114e-08, 1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03),
)
TANH_BELOW = (
    *(1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03),
)
INVERSE_PI = 0.3183098861837907
PI_HIGH, PI_LOW = 3.141592653589793, 1.2246467991473532e-16
SIN = tuple((-1.0) ** n / math.factorial(2 * n + 1) for n in range(10, 0, -1))  # (sin r - r) / r³
ARCTAN = (
    *(0.0028662257, -0.0161657367, 0.0429096138, -0.0752896400),
    *(0.1065626393, -0.1420889944, 0.1999355085, -0.3333314528),
)
ARCTAN_64 = (
    *(1.62858201153657823623e-02, -3.65315727442169155270e-02, 4.97687799461593236017e-02),
    *(-5.83357013379057348645e-02, 6.66107313738753120669e-02, -7.69187620504482999495e-02),
    *(9.09088713343650656196e-02, -1.11111104054623557880e-01, 1.42857142725034663711e-01),
    *(-1.99999999998764832476e-01, 3.33333333333329318027e-01),
)
NORMAL = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)
NORMAL_64 = (
    *(-1.8902306008944537e-09, 4.06088214696972e-09, 1.1172352263623759e-08),
    *(-3.9171820510271855e-08, 1.4448658046252676e-09, 1.5334345920908177e-07),
    *(-2.495832761719667e-07, -1.6849800720653297e-07, 1.2500276612569754e-06),
    *(-1.27231190486887e-06, -2.947986876998259e-06, 8.562623420121286e-06),
    *(1.3772664134464417e-07, -3.0187884551394243e-05, 3.17451797494374e-05),
    *(7.14010141275703e-05, -0.0001743029472030762, -9.37350311709817e-05),
    *(0.000673678795580235, -0.00014624686337800336, -0.002345812500482853),
    *(0.001758933557799016, 0.008824938557060623, -0.009872689366389959),
    *(-0.0468956102311753, 0.04734330684190443, 0.6726432239776567, -0.6717940840566923),
)


@in_loops(exp)
def _exp(x):
    def single(x):
        n = np.floor(fma(x, F(LOG2_E), F(0.5)))
        n = min(max(n, F(-126)), F(128))
        r = fma(n, F(2.12194440e-4), fma(n, F(-0.693359375), x))
        y = fma(polynomial(r, EXP) * r, r, r) + F(1)
        y = y * F(2) * _bits((I(n) + I(126)) << I(23), F)  # twice half: 2^128 has no bits
        y = F(np.inf) if x > F(88.72283) else y
        return F(0) if x < F(-87.33654) else y

    def double(x):
        n = np.floor(fma(x, LOG2_E, 0.5))
        n = min(max(n, -1076.0), 1025.0)
        r = fma(n, -LN2_LOW, fma(n, -LN2_HIGH, x))
        y = fma(polynomial(r, TAYLOR) * r, r, r) + 1.0
        half = J(n) >> J(1)  # in two steps, since 2^n may be no normal number
        y = y * _bits((half + J(1023)) << J(52), D)
        y = y * _bits((J(n) - half + J(1023)) << J(52), D)
        y = np.inf if x > 709.782712893384 else y
        return 0.0 if x < -745.1332191019412 else y

    return single if x == types.float32 else double


@in_loops(log)
def _log(x):
    def single(x):
        bits = _bits(x, I)
        e = F((bits >> I(23)) - I(126))
        m = _bits((bits & I(0x007FFFFF)) | I(0x3F000000), F)  # in [1/2, 1)
        small = m < F(0.707106781)
        e = e - F(1) if small else e
        m = m + m - F(1) if small else m - F(1)
        s = m * m
        y = fma(polynomial(m, LOG) * m, s, F(-2.12194440e-4) * e)
        y = fma(e, F(0.693359375), m + fma(F(-0.5), s, y))
        y = y if x >= F(1.17549435e-38) else F(-np.inf)
        y = y if x >= F(0) else F(np.nan)
        return x if x == F(np.inf) else y

    def double(x):
        tiny = x < 2.2250738585072014e-308
        bits = _bits(x * 18014398509481984.0 if tiny else x, J)  # 2^54
        e = D((bits >> J(52)) - J(1022)) - (54.0 if tiny else 0.0)
        m = _bits((bits & J(0x000FFFFFFFFFFFFF)) | J(0x3FE0000000000000), D)
        small = m < 0.7071067811865476
        e = e - 1.0 if small else e
        m = m + m - 1.0 if small else m - 1.0
        s = m / (2.0 + m)
        q = s * s
        h = 0.5 * m * m
        y = fma(s, fma(polynomial(q, LOG_64), q, h), e * LN2_LOW)
        y = fma(e, LN2_HIGH, m - (h - y))
        y = y if x > 0.0 else -np.inf
        y = y if x >= 0.0 else np.nan
        return x if x == np.inf else y

    return single if x == types.float32 else double


@in_loops(log1p)
def _log1p(x):
    terms = ARTANH[-8:] if x == types.float32 else ARTANH

    def either(x):
        s = x / (2 + x)  # ln(1 + x) = 2 artanh s, s <= 1/3
        return (s + s) * polynomial(s * s, terms)

    return either


@in_loops(tanh)
def _tanh(x):
    def single(x):
        c = F(7.90531110763549805)  # beyond, tanh is 1 in float32
        a = c if x > c else (-c if x < -c else x)
        s = a * a
        y = a * polynomial(s, TANH_ABOVE) / polynomial(s, TANH_BELOW)
        y = F(1) if x > F(9.02) else y  # half a unit in the last place from 1
        return F(-1) if x < F(-9.02) else y

    def double(x):
        a = abs(x)
        t = 44.0 if a > 22.0 else a + a
        n = np.floor(fma(t, LOG2_E, 0.5))
        r = fma(n, -LN2_LOW, fma(n, -LN2_HIGH, t))
        scale = _bits((J(n) + J(1023)) << J(52), D)
        e = fma(scale, fma(polynomial(r, TAYLOR) * r, r, r), scale - 1.0)  # exp(2 a) - 1
        return math.copysign(e / (e + 2.0), x)

    return single if x == types.float32 else double


@in_loops(sin)
def _sin(x):
    def double(x):
        n = np.floor(fma(x, INVERSE_PI, 0.5))
        r = fma(n, -PI_LOW, fma(n, -PI_HIGH, x))
        s = r * r
        y = fma(r * s, polynomial(s, SIN), r)
        return -y if J(n) & J(1) else y

    return double


@in_loops(arctan)
def _arctan(x):
    def single(x):
        s = x * x
        return fma(x * s, polynomial(s, ARCTAN), x)

    def double(x):
        a = abs(x)
        far, middle = a > 0.6875, a > 0.4375  # from 1, and from 1/2
        t = (a - 1.0) / (a + 1.0) if far else ((a + a - 1.0) / (2.0 + a) if middle else a)
        high = 7.85398163397448278999e-01 if far else (4.63647609000806093515e-01 if middle else 0)
        low = 3.06161699786838301793e-17 if far else (2.26987774529616870924e-17 if middle else 0)
        s = t * t
        y = high - ((t * (s * polynomial(s, ARCTAN_64)) - low) - t)
        return math.copysign(y, x)

    return single if x == types.float32 else double


@in_loops(normal_cdf)
def _normal_cdf(x):
    def single(x):
        a = abs(x) * F(0.7071067811865476)
        t = F(1) / fma(F(0.3275911), a, F(1))
        tail = F(0.5) * (polynomial(t, NORMAL) * t) * exp(-a * a)
        return tail if x < F(0) else F(1) - tail

    def double(x):
        a = abs(x) * 0.7071067811865476
        t = 2.0 / (2.0 + a)
        tail = 0.5 * t * exp(polynomial(t + t - 1.0, NORMAL_64) - a * a)
        return tail if x < 0.0 else 1.0 - tail

    return single if x == types.float32 else double
