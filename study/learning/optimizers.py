"""Optimizers: what a gradient does to the parameters, in one fused pass over (R, P).

g is the gradient that the rule gives (with `exact`, that of the objective), η the learning rate,
t the step from 1. Every hyperparameter is an array (R,), since replicas may differ in it. The
state begins at zero, unless ``start`` says otherwise.
"""

from __future__ import annotations

import numpy as np

from study.learning import Array
from study.learning.core.fixed import power
from study.learning.core.kernels import compiled, kernel
from study.learning.second_order import SECOND_ORDER
from study.learning.updater import (
    Hyperparameters,
    decay_constants,
    epsilon,
    share,
)
from study.learning.updater import Optimizer as Optimizer
from study.learning.updater import Updater as Updater
from study.learning.variants import Parameter


@kernel("update")
def _sgd(w, g, state, rate, constants):
    for i in range(w.size):
        w[i] -= rate * g[i]


@kernel("update")
def _decayed(w, g, state, rate, constants):
    strength = constants[0]
    for i in range(w.size):
        w[i] -= rate * (g[i] + strength * w[i])


@kernel("update")
def _momentum(w, g, state, rate, constants):
    v, mu = state[0], constants[0]
    for i in range(w.size):
        velocity = mu * v[i] - rate * g[i]
        v[i] = velocity
        w[i] += velocity


@kernel("update")
def _nesterov(w, g, state, rate, constants):
    v, mu = state[0], constants[0]
    for i in range(w.size):
        step = rate * g[i]
        velocity = mu * v[i] - step
        v[i] = velocity
        w[i] += mu * velocity - step


@kernel("update")
def _adagrad(w, g, state, rate, constants):
    total, epsilon = state[0], constants[0]
    for i in range(w.size):
        summed = total[i] + g[i] * g[i]
        total[i] = summed
        w[i] -= rate * g[i] / (np.sqrt(summed) + epsilon)


@kernel("update")
def _rmsprop(w, g, state, rate, constants):
    mean, decay, rest, epsilon = state[0], constants[0], constants[1], constants[2]
    for i in range(w.size):
        tracked = decay * mean[i] + rest * g[i] * g[i]
        mean[i] = tracked
        w[i] -= rate * g[i] / (np.sqrt(tracked) + epsilon)


@kernel("update")
def _adadelta(w, g, state, rate, constants):
    mean, moved = state[0], state[1]
    decay, rest, epsilon = constants[0], constants[1], constants[2]
    for i in range(w.size):
        tracked = decay * mean[i] + rest * g[i] * g[i]
        step = np.sqrt((moved[i] + epsilon) / (tracked + epsilon)) * g[i]
        mean[i] = tracked
        moved[i] = decay * moved[i] + rest * step * step
        w[i] -= rate * step


@kernel("update")
def _adam(w, g, state, rate, constants):
    m, v, epsilon = state[0], state[1], constants[4]
    beta_1, rest_1, beta_2, rest_2 = constants[0], constants[1], constants[2], constants[3]
    for i in range(w.size):
        first = beta_1 * m[i] + rest_1 * g[i]
        second = beta_2 * v[i] + rest_2 * g[i] * g[i]
        m[i] = first
        v[i] = second
        w[i] -= rate * first / (np.sqrt(second) + epsilon)


@kernel("update")
def _rprop(w, g, state, rate, constants):
    before, size = state[0], state[1]
    grow, shrink, least, most = constants[0], constants[1], constants[2], constants[3]
    zero, one = w.dtype.type(0), w.dtype.type(1)
    for i in range(w.size):
        slope, last, s = g[i], before[i], size[i]
        sign = one if slope > zero else (-one if slope < zero else slope)  # NaN stays
        kept = sign * (one if last > zero else (-one if last < zero else zero))
        s = min(s * grow, most) if kept > zero else (max(s * shrink, least) if kept < zero else s)
        turned = kept < zero
        size[i] = s
        before[i] = zero if turned else slope
        w[i] -= zero if turned else sign * s


@compiled
def _quickprop_steps(w, g, state, rate, constants):
    before, moved, growth = state[0], state[1], constants[0]
    for i in range(w.size):
        down, old, last = -g[i], -before[i], moved[i]
        step = w.dtype.type(0)
        if last != 0:
            step = last * down / (old - down)
            if not abs(step) <= growth * abs(last) or step * down < 0:
                step = growth * last
        if last == 0 or not down * old < 0:
            step += rate * down
        before[i] = -down
        moved[i] = step
        w[i] += step


@kernel("update")
def _quickprop(w, g, state, rate, constants):
    _quickprop_steps(w, g, state, rate, constants)


@kernel("update")
def _quickprop_decay(w, g, state, rate, constants):
    strength = constants[1]
    for i in range(w.size):
        g[i] += strength * w[i]
    _quickprop_steps(w, g, state, rate, constants)


def _adam_rate(rate: Array, n: Hyperparameters, step: int) -> Array:
    first, second = power(n["beta_1"], step), power(n["beta_2"], step)
    return rate * np.sqrt(1.0 - second) / (1.0 - first)


def _first_sizes(state: Array, rate: Array) -> None:
    state[:, 1] = rate[:, None]


GROWTH = Parameter(1.75, "largest growth of a step", low=0.0)
MOMENTUM = Parameter(0.9, "μ, share of the last step that is kept", low=0.0, high=1.0)


_RECORDS = (
    Optimizer(
        name="sgd",
        formula="w -= η g, the plain delta rule",
        reference="Widrow & Hoff 1960; Rumelhart, Hinton & Williams 1986",
        label="SGD",
        family="plain",
        kernel=_sgd,
        learning_rates="2 a decade from 1e-3 to 100",
    ),
    Optimizer(
        name="weight_decay",
        formula="w -= η (g + λ w), the plain delta rule on J + ½ λ Σ w², biases included",
        reference="Krogh & Hertz 1991, A simple weight decay can improve generalization",
        label="SGD with weight decay",
        family="plain",
        parameters={"strength": Parameter(0.01, "λ, strength of the penalty", low=0.0)},
        examples=({"strength": 0.1},),
        kernel=_decayed,
        learning_rates="2 a decade from 1e-3 to 100",
    ),
    Optimizer(
        name="momentum",
        formula="v = μ v - η g; w += v; v starts at 0",
        reference="Polyak 1964; Rumelhart, Hinton & Williams 1986",
        family="momentum",
        parameters={"momentum": MOMENTUM},
        examples=({"momentum": 0.5},),
        kernel=_momentum,
        state=("velocity",),
        learning_rates="2 a decade from 1e-4 to 10",
    ),
    Optimizer(
        name="nesterov",
        formula="v = μ v - η g; w += μ v - η g; v starts at 0",
        reference="Nesterov 1983, in the form of Sutskever, Martens, Dahl & Hinton 2013",
        family="momentum",
        parameters={"momentum": MOMENTUM},
        examples=({"momentum": 0.99},),
        kernel=_nesterov,
        state=("velocity",),
        learning_rates="2 a decade from 1e-4 to 10",
    ),
    Optimizer(
        name="adagrad",
        formula="G += g²; w -= η g / (√G + ε), ε outside the root; G starts at 0",
        reference="Duchi, Hazan & Singer 2011",
        family="adaptive",
        parameters={"epsilon": epsilon(1e-10)},
        examples=({"epsilon": 0.1},),
        kernel=_adagrad,
        state=("sum of squares",),
        learning_rates="2 a decade from 1e-5 to 1",
    ),
    Optimizer(
        name="rmsprop",
        formula="v = ρ v + (1 - ρ) g²; w -= η g / (√v + ε), ε outside; v starts at 0, uncorrected",
        reference="Tieleman & Hinton 2012, lecture 6.5",
        label="RMSprop",
        family="adaptive",
        parameters={"decay": share(0.9, "ρ, memory of the squares"), "epsilon": epsilon(1e-8)},
        examples=({"decay": 0.5, "epsilon": 0.1},),
        kernel=_rmsprop,
        state=("mean square",),
        constants=decay_constants,
        learning_rates="2 a decade from 1e-5 to 1",
    ),
    Optimizer(
        name="adadelta",
        formula="v = ρ v + (1 - ρ) g²; s = g √(u + ε) / √(v + ε), ε inside both roots; w -= η s; "
        "u = ρ u + (1 - ρ) s²; u, v start at 0",
        reference="Zeiler 2012",
        family="adaptive",
        parameters={"decay": share(0.9, "ρ, memory of the squares"), "epsilon": epsilon(1e-6)},
        examples=({"decay": 0.95, "epsilon": 0.01},),
        kernel=_adadelta,
        state=("mean square", "mean square of steps"),
        constants=decay_constants,
        learning_rates="2 a decade from 1e-3 to 100",
    ),
    Optimizer(
        name="adam",
        formula="m = β1 m + (1 - β1) g; v = β2 v + (1 - β2) g²; "
        "w -= η √(1 - β2^t) / (1 - β1^t) m / (√v + ε), ε outside the uncorrected root; "
        "m, v start at 0",
        reference="Kingma & Ba 2015, the efficient form of section 2",
        family="adaptive",
        parameters={
            "beta_1": share(0.9, "β1, memory of the gradients"),
            "beta_2": share(0.999, "β2, memory of the squares"),
            "epsilon": epsilon(1e-8),
        },
        examples=({"beta_1": 0.5, "beta_2": 0.9, "epsilon": 0.1},),
        kernel=_adam,
        state=("mean", "mean square"),
        constants=lambda n: (
            *(n["beta_1"], 1.0 - n["beta_1"]),
            *(n["beta_2"], 1.0 - n["beta_2"]),
            n["epsilon"],
        ),
        rate_at=_adam_rate,
        learning_rates="2 a decade from 1e-5 to 1",
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
            "shrink": share(0.5, "η-"),
            "least": Parameter(1e-6, "least step", low=0.0),
            "most": Parameter(50.0, "largest step", low=0.0),
        },
        examples=({"grow": 1.5, "shrink": 0.3, "least": 0.02, "most": 0.3},),
        kernel=_rprop,
        state=("last gradient", "step size"),
        start=_first_sizes,
        full_batch=True,
        learning_rates="2 a decade from 1e-5 to 1",
    ),
    Optimizer(
        name="quickprop",
        formula="s = s' g / (g' - g), at most growth |s'| and never uphill, else growth s'; "
        "- η g added where g keeps its sign; w += s (primes: the step before)",
        reference="Fahlman 1988, CMU-CS-88-162",
        family="batch",
        parameters={"growth": GROWTH},
        examples=({"growth": 1.2},),
        kernel=_quickprop,
        state=("last gradient", "last step"),
        full_batch=True,
        learning_rates="2 a decade from 1e-3 to 100",
    ),
    Optimizer(
        name="quickprop_decay",
        formula="quickprop on g + λ w, biases included",
        reference="Fahlman 1988, CMU-CS-88-162, with the weight decay of his program",
        label="quickprop with decay",
        family="batch",
        parameters={
            "growth": GROWTH,
            "strength": Parameter(1e-4, "λ, added to a gradient of means", low=0.0),
        },
        examples=({"strength": 0.1},),
        kernel=_quickprop_decay,
        state=("last gradient", "last step"),
        full_batch=True,
        learning_rates="2 a decade from 1e-3 to 100",
    ),
)
OPTIMIZERS: dict[str, Optimizer] = {record.name: record for record in (*_RECORDS, *SECOND_ORDER)}
