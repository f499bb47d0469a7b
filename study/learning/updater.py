"""Optimizer records, and an optimizer at work on the parameters of a stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from study.learning import Array
from study.learning.core.kernels import Kernel, as_kernel
from study.learning.variants import Parameter, Record

Hyperparameters = Mapping[str, Array]


@dataclass(frozen=True, kw_only=True)
class Optimizer(Record):
    """An optimizer.

    Parameters
    ----------
    kernel
        ``kernel(w, g, state, rate, constants)`` changes w and the state in place; w and g (P,),
        state (n, P), for one replica; all of one dtype.
    state
        Names of the state arrays, by what they hold.
    constants
        ``constants(values)`` derives what the kernel gets as constants, in float64.
    rate_at
        ``rate_at(rate, values, step)`` is the rate that the kernel gets, bias correction
        included.
    start
        ``start(state, rate)`` fills the state (R, n, P) before the first step, where not zero.
    full_batch
        True where it needs the gradient of the whole training set.
    curved
        True where the loop writes a sample of the Gauss-Newton diagonal into ``state[0]`` before
        each update; see `study.learning.core.curvature`.
    scipy
        A method of scipy's `minimize` that makes the updates, with the parameters as its options;
        see `study.learning.core.minimising`. The kernel then keeps the gradient in ``state[0]``.
    learning_rates
        Where tuning looks unless the protocol says: a range such as "2 a decade from 1e-3 to 10".
    """

    registry = ("study.learning.optimizers", "OPTIMIZERS")

    kernel: Kernel | Callable[..., None]
    state: tuple[str, ...] = ()
    constants: Callable[[Hyperparameters], tuple[Array, ...]] = lambda values: tuple(
        values.values()
    )
    rate_at: Callable[[Array, Hyperparameters, int], Array] = lambda rate, values, step: rate
    start: Callable[[Array, Array], None] | None = None
    full_batch: bool = False
    curved: bool = False
    scipy: str = ""
    learning_rates: str = ""


class Updater:
    """An optimizer at work on parameters (R, P): its state, its constants, its step count."""

    def __init__(
        self, optimizer: Optimizer, values: Hyperparameters, rate: Array, parameters: Array
    ) -> None:
        replicas, count = parameters.shape
        self.optimizer, self.rate, self._own = optimizer, rate, values
        self.dtype = parameters.dtype
        self.kernel = as_kernel("update", optimizer.kernel).at(self.dtype)
        self.state = np.zeros((replicas, len(optimizer.state), count), self.dtype)
        # rounded once, from float64: 1 - 0.999 in float32 would lose four digits
        constants = [np.broadcast_to(c, replicas) for c in optimizer.constants(values)]
        self.numbers = np.array(constants, self.dtype).reshape(len(constants), replicas).T.copy()
        self.step = 0
        if optimizer.start:
            optimizer.start(self.state, rate.astype(self.dtype))

    def rates(self, schedule: Sequence[float]) -> Array:
        """Return the rates of the next updates, (len(schedule), R), and count these as taken."""
        rates = [
            self.optimizer.rate_at(self.rate * share, self._own, self.step + i + 1)
            for i, share in enumerate(schedule)
        ]
        self.step += len(rates)
        return np.array(rates, self.dtype).reshape(len(rates), len(self.rate))


def epsilon(default: float) -> Parameter:
    """Return the parameter ε of a divisor."""
    return Parameter(default, "ε, keeps the divisor from 0", low=0.0)


def share(default: float, meaning: str) -> Parameter:
    """Return a parameter from 0 to 1."""
    return Parameter(default, meaning, low=0.0, high=1.0)


def decay_constants(n: Hyperparameters) -> tuple[Array, ...]:
    """Return the constants ρ, 1 - ρ and ε."""
    return n["decay"], 1.0 - n["decay"], n["epsilon"]
