"""Objectives: what is minimised and scored, and the output units that go with it.

Every objective is a mean over patterns of a sum over outputs. For all of them the error that
starts the backward pass is ``y - t``; `squared_error` alone multiplies it by a factor at the
output, for there alone the slope of the output unit survives in the chain rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.learning.activations import ACTIVATIONS, Activation
from study.learning.records import Record

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Objective(Record):
    """An objective.

    Parameters
    ----------
    terms
        ``terms(z, y, t, out)`` writes the contribution of each output and pattern, all of shape
        (..., outputs, patterns); the objective is their sum over outputs and mean over
        patterns. z is needed where y alone loses digits.
    output
        ``output(hidden, outputs)`` gives the activation of the output units.
    tasks
        The kinds of task it can be posed on.
    constant_terms
        ``constant_terms(t, mean)`` gives the contribution of each pattern and output, (n,
        outputs), when the output is the constant that fits patterns of this mean target best.
    output_factor
        True where the output delta holds a factor φ(z).
    """

    terms: Callable[[Array, Array, Array, Array], None]
    output: Callable[[Activation, int], Activation]
    tasks: tuple[str, ...]
    constant_terms: Callable[[Array, Array], Array]
    output_factor: bool = False


def _softmax(z: Array, out: Array) -> None:
    np.subtract(z, z.max(axis=-2, keepdims=True), out=out)
    np.exp(out, out=out)
    out /= out.sum(axis=-2, keepdims=True)


def _no_slope(z: Array, y: Array, out: Array) -> None:
    raise NotImplementedError("softmax is no elementwise activation")


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


def _squared_terms(z: Array, y: Array, t: Array, out: Array) -> None:
    np.subtract(y, t, out=out)
    np.multiply(out, out, out=out)
    out *= 0.5


def _squared_constant(t: Array, mean: Array) -> Array:
    return 0.5 * (t - mean) ** 2


def _binary_terms(z: Array, y: Array, t: Array, out: Array) -> None:
    # softplus(z) - t z, without overflow
    np.abs(z, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    out += np.maximum(z, 0.0)
    out -= t * z


def _binary_constant(t: Array, mean: Array) -> Array:
    return -(_times_log(t, mean) + _times_log(1.0 - t, 1.0 - mean))


def _times_log(t: Array, p: Array) -> Array:
    return t * np.log(np.where(p > 0.0, p, 1.0))  # t = 0 wherever p = 0


def _entropy_terms(z: Array, y: Array, t: Array, out: Array) -> None:
    if z.shape[-2] == 1:
        _binary_terms(z, y, t, out)
        return
    top = z.max(axis=-2, keepdims=True)
    np.subtract(z, top, out=out)
    np.exp(out, out=out)
    total = np.log(out.sum(axis=-2, keepdims=True))
    total += top
    np.subtract(total, z, out=out)
    out *= t


def _entropy_constant(t: Array, mean: Array) -> Array:
    return _binary_constant(t, mean) if t.shape[-1] == 1 else -_times_log(t, mean)


def _entropy_output(hidden: Activation, outputs: int) -> Activation:
    return LOGISTIC if outputs == 1 else SOFTMAX


_RECORDS = (
    Objective(
        name="squared_error",
        formula="½ Σ_k (y_k - t_k)², y squashed; delta = (y - t) φ(z)",
        reference="Rumelhart, Hinton & Williams 1986, the generalised delta rule",
        label="squared error",
        terms=_squared_terms,
        # the hidden activation where it is bounded, else logistic
        output=lambda hidden, outputs: hidden if hidden.bounded else LOGISTIC,
        tasks=("classification", "multilabel", "regression"),
        constant_terms=_squared_constant,
        output_factor=True,
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
