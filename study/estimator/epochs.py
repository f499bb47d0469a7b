"""An epoch of updates, with or without sample weights, and schedules of the rate."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

from study.errors import UsageError
from study.learning import Array
from study.learning.core import loops
from study.learning.core.kernels import compiled
from study.learning.core.trainer import Trainer


def schedule_of(name: str, rate: float, power: float) -> Any:
    """Return scikit-learn's own keeper of the learning rate: constant, invscaling or adaptive."""
    return SGDOptimizer([], rate, name, power_t=power)


@dataclass(frozen=True)
class Epochs:
    """Epochs of one network; `order` (1, n) is that of the patterns, and may change in between.

    `weights` (n,) multiply each pattern's share of the loss, which is Σ w L / Σ w over a batch;
    the penalty is ½ α Σ w² / Σ w. None is for weights of 1.
    """

    trainer: Trainer
    order: Array
    size: int
    alpha: float
    weights: Array | None = None

    def take(self, share: float) -> tuple[float, float]:
        """Train for an epoch at `share` of the learning rate.

        Returns
        -------
        The objective and the penalty, each before its batch's update, averaged over patterns.
        """
        patterns = self.order.shape[1]
        if self.weights is not None:
            terms, penalty = self._weighted(self.weights, share)
        else:
            self.trainer.advance([share] * -(-patterns // self.size))
            terms, penalty = self.trainer.running_loss()[0]
        return terms / patterns, penalty / patterns

    def _weighted(self, weights: Array, share: float) -> tuple[float, float]:
        """Take weighted updates; return the sums of terms and penalties.

        The loops' error is y - t. For c times that they are given the target y - c (y - t).
        """
        trainer, stack, total = self.trainer, self.trainer.stack, 0.0
        inputs, held = stack.data
        targets, top = held[0].copy(), len(stack.sizes) - 2
        for begin in range(0, self.order.shape[1], self.size):
            chosen = self.order[0, begin : begin + self.size]
            mean = weights[chosen].mean()
            if mean == 0.0:
                raise UsageError(
                    "the sample weights of a batch sum to 0: take a larger batch_size, or leave "
                    "out patterns of weight 0"
                )
            factors, t = weights[chosen] / mean, targets[chosen]
            x = np.ascontiguousarray(inputs[:, :, chosen])
            z, y = loops.layer_inputs(
                stack.sizes, stack.parameters, x, *stack.rules, top, stack.work
            )
            total += _weighted_terms(stack.terms, z[0], y[0], t, factors)
            held[0, chosen] = y[0].T - factors[:, None] * (y[0].T - t)
            trainer.penalise(self.alpha / mean)
            trainer.advance([share])
            held[0, chosen] = t
        return total, trainer.running_loss()[0, 1]


@compiled
def _weighted_terms(terms, z, y, t, weights):  # type: ignore[no-untyped-def]
    """Return Σ_n w_n L_n for patterns n; terms, z, y and t as an objective has them."""
    total = 0.0
    for n in range(weights.size):
        one = slice(n, n + 1)
        total += weights[n] * terms(z[:, one].copy(), y[:, one].copy(), t[one])
    return total
