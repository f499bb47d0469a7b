"""Optimizers: what a gradient does to the parameters, in one fused pass over (R, P).

g is the gradient of the objective (or what the modified rule puts in its place), η the learning
rate, t the step from 1. Every number of an optimizer is an array (R,): replicas may differ in it.
State arrays are (R, P) and begin at zero, unless ``start`` says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.learning.records import Parameter, Record
from study.learning.seeds import compiled

Array = NDArray[Any]
Numbers = Mapping[str, Array]


def _in_order(numbers: Numbers) -> tuple[Array, ...]:
    return tuple(numbers.values())


def _same_rate(rate: Array, numbers: Numbers, step: int) -> Array:
    return rate


@dataclass(frozen=True, kw_only=True)
class Optimizer(Record):
    """An optimizer.

    Parameters
    ----------
    kernel
        ``kernel(w, g, *state, rate, *constants)`` changes w and the state in place; w, g and the
        state (R, P), the others (R,), all of one dtype.
    state
        Names of the state arrays, by what they hold.
    constants
        ``constants(numbers)`` derives the kernel's constants from the parameters, in float64.
    rate_at
        ``rate_at(rate, numbers, step)`` is the rate that the kernel gets, bias correction
        included.
    start
        ``start(state, rate)`` fills the state before the first step, where it isn't zero.
    full_batch
        True where the rule needs the gradient of the whole training set.
    """

    kernel: Callable[..., None]
    state: tuple[str, ...] = ()
    constants: Callable[[Numbers], tuple[Array, ...]] = _in_order
    rate_at: Callable[[Array, Numbers, int], Array] = _same_rate
    start: Callable[[tuple[Array, ...], Array], None] | None = None
    full_batch: bool = False


class Updater:
    """An optimizer at work on a stack: its state, its constants, its step count.

    Parameters
    ----------
    optimizer
        The record.
    numbers
        Its parameters, each (R,), float64.
    rate
        Learning rate of each replica, (R,), float64.
    parameters
        The array (R, P) that will be updated, for its shape and dtype.
    """

    def __init__(
        self, optimizer: Optimizer, numbers: Numbers, rate: Array, parameters: Array
    ) -> None:
        self.optimizer, self.numbers, self.rate = optimizer, numbers, rate
        self.state = tuple(np.zeros_like(parameters) for _ in optimizer.state)
        self.step = 0
        self._cast(parameters.dtype)
        if optimizer.start:
            optimizer.start(self.state, rate.astype(parameters.dtype))

    def _cast(self, dtype: Any) -> None:
        # rounded once, from float64: 1 - 0.999 in float32 would lose four digits
        self._constants = tuple(c.astype(dtype) for c in self.optimizer.constants(self.numbers))

    def __call__(self, parameters: Array, gradient: Array, schedule: float = 1.0) -> None:
        """Take one step with the rates times `schedule`."""
        self.step += 1
        rate = self.optimizer.rate_at(self.rate * schedule, self.numbers, self.step)
        self.optimizer.kernel(
            parameters, gradient, *self.state, rate.astype(parameters.dtype), *self._constants
        )

    def keep(self, rows: Array) -> None:
        """Go on with the replicas `rows` alone."""
        self.numbers = {name: value[rows] for name, value in self.numbers.items()}
        self.rate = self.rate[rows]
        self.state = tuple(array[rows] for array in self.state)
        self._constants = tuple(c[rows] for c in self._constants)


@compiled
def _sgd(w, g, rate):  # type: ignore[no-untyped-def]
    for r in range(w.shape[0]):
        eta = rate[r]
        for i in range(w.shape[1]):
            w[r, i] -= eta * g[r, i]


@compiled
def _momentum(w, g, v, rate, mu):  # type: ignore[no-untyped-def]
    for r in range(w.shape[0]):
        eta, keep = rate[r], mu[r]
        for i in range(w.shape[1]):
            velocity = keep * v[r, i] - eta * g[r, i]
            v[r, i] = velocity
            w[r, i] += velocity


@compiled
def _nesterov(w, g, v, rate, mu):  # type: ignore[no-untyped-def]
    for r in range(w.shape[0]):
        eta, keep = rate[r], mu[r]
        for i in range(w.shape[1]):
            step = eta * g[r, i]
            velocity = keep * v[r, i] - step
            v[r, i] = velocity
            w[r, i] += keep * velocity - step


@compiled
def _adagrad(w, g, total, rate, epsilon):  # type: ignore[no-untyped-def]
    for r in range(w.shape[0]):
        eta, small = rate[r], epsilon[r]
        for i in range(w.shape[1]):
            slope = g[r, i]
            summed = total[r, i] + slope * slope
            total[r, i] = summed
            w[r, i] -= eta * slope / (np.sqrt(summed) + small)


@compiled
def _rmsprop(w, g, mean, rate, decay, rest, epsilon):  # type: ignore[no-untyped-def]
    for r in range(w.shape[0]):
        eta, keep, new, small = rate[r], decay[r], rest[r], epsilon[r]
        for i in range(w.shape[1]):
            slope = g[r, i]
            tracked = keep * mean[r, i] + new * slope * slope
            mean[r, i] = tracked
            w[r, i] -= eta * slope / (np.sqrt(tracked) + small)


@compiled
def _adadelta(w, g, mean, moved, rate, decay, rest, epsilon):  # type: ignore[no-untyped-def]
    for r in range(w.shape[0]):
        eta, keep, new, small = rate[r], decay[r], rest[r], epsilon[r]
        for i in range(w.shape[1]):
            slope = g[r, i]
            tracked = keep * mean[r, i] + new * slope * slope
            step = np.sqrt((moved[r, i] + small) / (tracked + small)) * slope
            mean[r, i] = tracked
            moved[r, i] = keep * moved[r, i] + new * step * step
            w[r, i] -= eta * step


@compiled
def _adam(w, g, m, v, rate, beta1, rest1, beta2, rest2, epsilon):  # type: ignore[no-untyped-def]
    for r in range(w.shape[0]):
        eta, small = rate[r], epsilon[r]
        keep1, new1, keep2, new2 = beta1[r], rest1[r], beta2[r], rest2[r]
        for i in range(w.shape[1]):
            slope = g[r, i]
            first = keep1 * m[r, i] + new1 * slope
            second = keep2 * v[r, i] + new2 * slope * slope
            m[r, i] = first
            v[r, i] = second
            w[r, i] -= eta * first / (np.sqrt(second) + small)


@compiled
def _rprop(w, g, before, size, rate, grow, shrink, least, most):  # type: ignore[no-untyped-def]
    for r in range(w.shape[0]):
        for i in range(w.shape[1]):
            slope = g[r, i]
            agreement = slope * before[r, i]
            if agreement > 0.0:
                size[r, i] = min(size[r, i] * grow[r], most[r])
            elif agreement < 0.0:
                size[r, i] = max(size[r, i] * shrink[r], least[r])
                slope = g.dtype.type(0)
            before[r, i] = slope
            w[r, i] -= np.sign(slope) * size[r, i]


@compiled
def _quickprop(w, g, before, moved, rate, growth):  # type: ignore[no-untyped-def]
    for r in range(w.shape[0]):
        eta, most = rate[r], growth[r]
        for i in range(w.shape[1]):
            down, old, last = -g[r, i], -before[r, i], moved[r, i]
            step = w.dtype.type(0)
            if last != 0.0:
                step = last * down / (old - down)
                if not abs(step) <= most * abs(last) or step * down < 0.0:
                    step = most * last
            if last == 0.0 or not down * old < 0.0:
                step += eta * down
            before[r, i] = -down
            moved[r, i] = step
            w[r, i] += step


def _decay_constants(n: Numbers) -> tuple[Array, ...]:
    return n["decay"], 1.0 - n["decay"], n["epsilon"]


def _adam_constants(n: Numbers) -> tuple[Array, ...]:
    return n["beta_1"], 1.0 - n["beta_1"], n["beta_2"], 1.0 - n["beta_2"], n["epsilon"]


def _adam_rate(rate: Array, n: Numbers, step: int) -> Array:
    return rate * np.sqrt(1.0 - n["beta_2"] ** step) / (1.0 - n["beta_1"] ** step)


def _first_sizes(state: tuple[Array, ...], rate: Array) -> None:
    state[1][:] = rate[:, None]


MOMENTUM = Parameter(0.9, "μ, share of the last step that is kept", low=0.0, high=1.0)


def _epsilon(default: float) -> Parameter:
    return Parameter(default, "ε, keeps the divisor from 0", low=0.0)


def _share(default: float, meaning: str) -> Parameter:
    return Parameter(default, meaning, low=0.0, high=1.0)


_RECORDS = (
    Optimizer(
        name="sgd",
        formula="w -= η g, the plain delta rule",
        reference="Widrow & Hoff 1960; Rumelhart, Hinton & Williams 1986",
        label="SGD",
        family="plain",
        kernel=_sgd,
    ),
    Optimizer(
        name="momentum",
        formula="v = μ v - η g; w += v; v starts at 0",
        reference="Polyak 1964; Rumelhart, Hinton & Williams 1986",
        family="momentum",
        parameters={"momentum": MOMENTUM},
        kernel=_momentum,
        state=("velocity",),
    ),
    Optimizer(
        name="nesterov",
        formula="v = μ v - η g; w += μ v - η g; v starts at 0",
        reference="Nesterov 1983, in the form of Sutskever, Martens, Dahl & Hinton 2013",
        family="momentum",
        parameters={"momentum": MOMENTUM},
        kernel=_nesterov,
        state=("velocity",),
    ),
    Optimizer(
        name="adagrad",
        formula="G += g²; w -= η g / (√G + ε), ε outside the root; G starts at 0",
        reference="Duchi, Hazan & Singer 2011",
        family="adaptive",
        parameters={"epsilon": _epsilon(1e-10)},
        kernel=_adagrad,
        state=("sum of squares",),
    ),
    Optimizer(
        name="rmsprop",
        formula="v = ρ v + (1 - ρ) g²; w -= η g / (√v + ε), ε outside; v starts at 0, uncorrected",
        reference="Tieleman & Hinton 2012, lecture 6.5",
        label="RMSprop",
        family="adaptive",
        parameters={"decay": _share(0.9, "ρ, memory of the squares"), "epsilon": _epsilon(1e-8)},
        kernel=_rmsprop,
        state=("mean square",),
        constants=_decay_constants,
    ),
    Optimizer(
        name="adadelta",
        formula="v = ρ v + (1 - ρ) g²; s = g √(u + ε) / √(v + ε), ε inside both roots; w -= η s; "
        "u = ρ u + (1 - ρ) s²; u, v start at 0",
        reference="Zeiler 2012",
        family="adaptive",
        parameters={"decay": _share(0.9, "ρ, memory of the squares"), "epsilon": _epsilon(1e-6)},
        kernel=_adadelta,
        state=("mean square", "mean square of steps"),
        constants=_decay_constants,
    ),
    Optimizer(
        name="adam",
        formula="m = β1 m + (1 - β1) g; v = β2 v + (1 - β2) g²; "
        "w -= η √(1 - β2^t) / (1 - β1^t) m / (√v + ε), ε outside the uncorrected root; "
        "m, v start at 0",
        reference="Kingma & Ba 2015, the efficient form of section 2",
        family="adaptive",
        parameters={
            "beta_1": _share(0.9, "β1, memory of the gradients"),
            "beta_2": _share(0.999, "β2, memory of the squares"),
            "epsilon": _epsilon(1e-8),
        },
        kernel=_adam,
        state=("mean", "mean square"),
        constants=_adam_constants,
        rate_at=_adam_rate,
    ),
    Optimizer(
        name="rprop",
        formula="s grows by η+ where g keeps its sign, shrinks by η- where it changes, and then g "
        "counts as 0; w -= sgn(g) s; s starts at η",
        reference="Riedmiller & Braun 1993, as iRprop- (Igel & Hüsken 2000)",
        label="Rprop",
        family="batch",
        parameters={
            "grow": Parameter(1.2, "η+", low=1.0),
            "shrink": _share(0.5, "η-"),
            "least": Parameter(1e-6, "least step", low=0.0),
            "most": Parameter(50.0, "largest step", low=0.0),
        },
        kernel=_rprop,
        state=("last gradient", "step size"),
        start=_first_sizes,
        full_batch=True,
    ),
    Optimizer(
        name="quickprop",
        formula="s = s' g / (g' - g), at most growth |s'| and never uphill, else growth s'; "
        "- η g added where g keeps its sign; w += s (primes: the step before)",
        reference="Fahlman 1988, CMU-CS-88-162",
        family="batch",
        parameters={"growth": Parameter(1.75, "largest growth of a step", low=0.0)},
        kernel=_quickprop,
        state=("last gradient", "last step"),
        full_batch=True,
    ),
)
OPTIMIZERS: dict[str, Optimizer] = {record.name: record for record in _RECORDS}
