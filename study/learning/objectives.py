"""Objectives: what is minimised and scored, and the output units that go with it.

Every objective is a mean over patterns of a sum over outputs. The error that starts the backward
pass is ``y - t``, or what an objective's ``error`` makes of it. The squared errors of squashed
outputs multiply it by a factor at the output. In the others the slope of the output unit cancels,
or is 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from study.learning import Array
from study.learning.activations import ACTIVATIONS
from study.learning.activations.base import Activation
from study.learning.core.elementary import exp, log, log1p
from study.learning.core.fixed import log as logs
from study.learning.core.kernels import Kernel, compiled, elementwise, kernel
from study.learning.variants import Parameter, Record


def _no_constants(values: Mapping[str, Any], output: Activation) -> tuple[float, ...]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Objective(Record):
    """An objective.

    Parameters
    ----------
    terms
        ``terms(z, y, t)`` returns the sum over outputs and patterns, float64; z and y (outputs,
        patterns), t (patterns, outputs). z is needed where y alone loses digits.
    output
        ``output(hidden, outputs)`` gives the activation of the output units.
    tasks
        The kinds of task it is for.
    constant_terms
        ``constant_terms(t, mean)`` gives the contribution of each pattern and output, (n,
        outputs), when the output is the constant that fits patterns of this mean target best.
    output_factor
        True where the output delta holds a factor φ(z).
    ends
        True where the two target values are the bounds of the output, such as 0 and 1.
    error
        ``error(z, delta, constants)`` changes the errors y - t that the backward pass starts from,
        in place; or an `elementwise` function. The objective that is scored stays as it is.
    constants
        ``constants(values, output)`` gives the constants of ``error``.
    plain
        ``plain(values)`` tells whether ``error`` would leave y - t as it is.
    values
        The parameters' values, of a record that `bind` made.
    """

    registry = ("study.learning.objectives", "OBJECTIVES")

    terms: Kernel | Callable[..., float]
    output: Callable[[Activation, int], Activation]
    tasks: tuple[str, ...]
    constant_terms: Callable[[Array, Array], Array]
    output_factor: bool = False
    ends: bool = False
    error: Kernel | Callable[..., None] | None = None
    constants: Callable[[Mapping[str, Any], Activation], tuple[float, ...]] = _no_constants
    plain: Callable[[Mapping[str, Any]], bool] = lambda values: False
    values: Mapping[str, Any] = field(default_factory=dict)

    def bind(self, **values: Any) -> Objective:
        """Return the objective with its parameters' values put in (defaults where not given)."""
        if not self.parameters:
            return self
        full = {name: values.get(name, p.default) for name, p in self.parameters.items()}
        return replace(self, parameters={}, values=full)


@kernel("value")
def _softmax(z, out, constants):
    patterns = z.shape[1]
    top, total = z[0].copy(), np.zeros(patterns, z.dtype)
    for k in range(1, z.shape[0]):
        for n in range(patterns):
            top[n] = max(top[n], z[k, n])
    for k in range(z.shape[0]):
        for n in range(patterns):
            e = exp(z[k, n] - top[n])
            out[k, n] = e
            total[n] += e
    for k in range(z.shape[0]):
        for n in range(patterns):
            out[k, n] /= total[n]


@kernel("slope")
def _no_slope(z, y, out, constants):
    out[:] = np.nan  # softmax is no elementwise activation: its slope is never asked for


SOFTMAX = Activation(
    name="softmax",
    formula="exp(z_k) / Σ_j exp(z_j)",
    derivative="a matrix; it cancels in the delta of cross-entropy",
    reference="Bridle 1990",
    value=_softmax,
    slope=_no_slope,
    bounds=(0.0, 1.0),
    targets=(0.0, 1.0),
)
IDENTITY = ACTIVATIONS["identity"].bind()
LOGISTIC = ACTIVATIONS["logistic"].bind()


@kernel("terms")
def _squared_terms(z, y, t):
    total = 0.0
    for k in range(y.shape[0]):
        for n in range(y.shape[1]):
            error = np.float64(y[k, n]) - t[n, k]
            total += 0.5 * error * error
    return total


def _squared_constant(t: Array, mean: Array) -> Array:
    return 0.5 * (t - mean) ** 2


MOST_ERROR = 17.0
"""Bound of the logarithmic error, which is infinite where an output is at the wrong end."""


@elementwise
def _unit_error(delta, dead, width, logarithmic):
    share = delta / width
    size = abs(share)
    if size < dead:
        return 0
    if logarithmic == 0:
        return delta
    if size > 0.9999999:
        return MOST_ERROR * width if share > 0 else -MOST_ERROR * width
    return width * log((1 + share) / (1 - share))  # NaN stays


def _unit_constants(values: Mapping[str, Any], output: Activation) -> tuple[float, ...]:
    low, high = output.bounds
    return float(values["dead_zone"]), high - low, float(values["form"] == "log")


def _squashed(hidden: Activation, outputs: int) -> Activation:
    """Return the hidden activation where it is bounded, else logistic."""
    return hidden if hidden.bounded else LOGISTIC


@compiled
def _binary(z, t):
    """softplus(z) - t z, summed, without overflow."""
    total = 0.0
    for k in range(z.shape[0]):
        for n in range(z.shape[1]):
            x = z[k, n]  # the large part is added apart, so log1p keeps its digits
            total += (max(x, z.dtype.type(0)) - t[n, k] * x) + log1p(exp(-abs(x)))
    return total


@kernel("terms")
def _binary_terms(z, y, t):
    return _binary(z, t)


def _binary_constant(t: Array, mean: Array) -> Array:
    return -(_times_log(t, mean) + _times_log(1.0 - t, 1.0 - mean))


def _times_log(t: Array, p: Array) -> Array:
    return t * logs(np.where(p > 0.0, p, 1.0))  # t = 0 wherever p = 0


@kernel("terms")
def _entropy_terms(z, y, t):
    if z.shape[0] == 1:
        return _binary(z, t)
    top, mass = z[0].copy(), np.zeros(z.shape[1], z.dtype)
    for k in range(1, z.shape[0]):
        for n in range(z.shape[1]):
            top[n] = max(top[n], z[k, n])
    for k in range(z.shape[0]):
        for n in range(z.shape[1]):
            mass[n] += exp(z[k, n] - top[n])
    total = 0.0
    for n in range(z.shape[1]):
        above = log(mass[n])
        for k in range(z.shape[0]):
            if t[n, k] != 0:
                total += t[n, k] * ((top[n] - z[k, n]) + above)
    return total


def _entropy_constant(t: Array, mean: Array) -> Array:
    return _binary_constant(t, mean) if t.shape[-1] == 1 else -_times_log(t, mean)


def _entropy_output(hidden: Activation, outputs: int) -> Activation:
    return LOGISTIC if outputs == 1 else SOFTMAX


_RECORDS = (
    Objective(
        name="squared_error",
        formula="½ Σ_k (y_k - t_k)², y squashed; delta = (y - t) φ(z)",
        reference="Rumelhart, Hinton & Williams 1986, the generalised delta rule",
        terms=_squared_terms,
        output=_squashed,
        tasks=("classification", "multilabel", "regression"),
        constant_terms=_squared_constant,
        output_factor=True,
    ),
    Objective(
        name="unit_squared_error",
        formula="½ Σ_k (y_k - t_k)², y squashed, t at the ends of its range (width w); delta = "
        "h φ(z), h = 0 where |d| < dead_zone, else w d or w ln((1 + d) / (1 - d)) up to ±17 w, "
        "d = (y - t) / w",
        reference="Fahlman 1988, CMU-CS-88-162",
        label="squared error of units",
        parameters={
            "dead_zone": Parameter(
                0.0, "errors below this share of the range count as 0", 0.0, 1.0
            ),
            "form": Parameter("linear", "of the error h", choices=("linear", "log")),
        },
        examples=({"dead_zone": 0.1}, {"dead_zone": 0.1, "form": "log"}),
        terms=_squared_terms,
        output=_squashed,
        tasks=("classification", "multilabel", "regression"),
        constant_terms=_squared_constant,
        output_factor=True,
        ends=True,
        error=_unit_error,
        constants=_unit_constants,
        plain=lambda values: values["dead_zone"] == 0.0 and values["form"] == "linear",
    ),
    Objective(
        name="linear_squared_error",
        formula="½ Σ_k (z_k - t_k)²; delta = z - t",
        reference="Widrow & Hoff 1960, the delta rule of linear units",
        label="squared error, linear",
        terms=_squared_terms,
        output=lambda hidden, outputs: IDENTITY,
        tasks=("classification", "multilabel", "regression"),
        constant_terms=_squared_constant,
    ),
    Objective(
        name="cross_entropy",
        formula="-Σ_k t_k ln y_k, y softmax, or one logistic output; delta = y - t",
        reference="Bridle 1990",
        label="cross-entropy",
        terms=_entropy_terms,
        output=_entropy_output,
        tasks=("classification",),
        constant_terms=_entropy_constant,
    ),
    Objective(
        name="unit_cross_entropy",
        formula="-Σ_k (t_k ln y_k + (1 - t_k) ln(1 - y_k)), y logistic; delta = y - t",
        reference="Hinton 1989; Solla, Levin & Fleisher 1988",
        label="cross-entropy of units",
        terms=_binary_terms,
        output=lambda hidden, outputs: LOGISTIC,
        tasks=("classification", "multilabel"),
        constant_terms=_binary_constant,
    ),
)
OBJECTIVES: dict[str, Objective] = {record.name: record for record in _RECORDS}
