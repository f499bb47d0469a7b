"""Updates of a stack: batches, learning rates, who takes part, and the loss on the way."""

from collections.abc import Callable, Sequence

import numpy as np

from study.errors import UsageError
from study.learning import Array, seeds
from study.learning.core import loops, weighted
from study.learning.core.curvature import STREAM, Curvature
from study.learning.core.kernels import settled
from study.learning.core.stack import Stack
from study.learning.objectives import SOFTMAX
from study.learning.optimizers import Updater

UPDATES_A_CALL = 1024  # of the compiled loop, for which the rates are laid out


class Trainer:
    """A stack in training; its parameters are changed in place.

    The patterns' `order` (S, n) stands for all epochs, and the caller may change it in between;
    None for a fresh one each epoch. For `alpha` and what is accumulated see `loops.Loss`. The
    first epoch begins with update number `begin`; random rules go on from the `done` updates.
    `weights` (n,) of the patterns are for one replica with an order; see `weighted`. A replica
    whose outputs are all nearer than `within` to their targets takes no more updates, and `learnt`
    (R,) says how many it had taken; -1 for not yet.
    """

    def __init__(
        self,
        stack: Stack,
        updater: Updater,
        batch_size: int,
        order: Array | None = None,
        alpha: float = 0.0,
        accumulates: bool = False,
        begin: int = 0,
        done: int = 0,
        weights: Array | None = None,
        within: float | None = None,
    ) -> None:
        if weights is not None and stack.rules[1].changes_error:
            raise UsageError(
                "patterns have no weights under an objective that changes the error itself, with "
                "a dead zone or a logarithm: leave out sample_weight, or take another objective"
            )
        self._weights = () if weights is None else (weights,)
        self.stack, self.updater, self.step = stack, updater, done
        replicas, data = len(stack.parameters), stack.data
        self.alive = np.ones(replicas, bool)
        given = np.empty((0, data.inputs.shape[2]), np.int64) if order is None else order
        keys = seeds.stream_keys(stack.seeds, "batches")
        self._batches = loops.Batches(batch_size, keys, given, begin)
        running = np.zeros((replicas if accumulates else 0, 2))
        self.learnt = np.full(0 if within is None else replicas, -1)
        self._loss = loops.Loss(
            stack.terms, float(alpha), running, 0.0 if within is None else within, self.learnt
        )
        softmax = stack.activations[1].name == SOFTMAX.name
        drawn = seeds.stream_keys(stack.seeds, STREAM)
        self._curvature = Curvature(updater.optimizer.curved, softmax, drawn)
        self._take: Callable[..., None] | None = None
        self._scratch = loops.make_scratch(stack.sizes, stack.parameters, data, batch_size)

    def advance(self, schedule: Sequence[float]) -> None:
        """Take ``len(schedule)`` updates, with the learning rates times its entries."""
        stack, updater = self.stack, self.updater
        replicas = loops.Replicas(stack.parameters, updater.state, self.alive)
        for begin in range(0, len(schedule), UPDATES_A_CALL):
            part = schedule[begin : begin + UPDATES_A_CALL]
            given = (
                *(stack.sizes, replicas, stack.data, self._batches, *stack.rules, self._loss),
                *(updater.kernel, updater.rates(part), updater.numbers, self.step),
                *(self._scratch, self._curvature, *self._weights),
            )
            if self._take is None:
                self._take = settled(weighted.advance if self._weights else loops.advance, *given)
            self._take(*given)
            self.step += len(part)

    def stop(self, replicas: Array) -> None:
        """Take no more updates of the replicas where `replicas` (R,) is true."""
        self.alive &= ~replicas

    def running_loss(self) -> Array:
        """Return the loss accumulated since the last call, (R, 2); see `loops.Loss`."""
        found = self._loss.running.copy()
        self._loss.running[:] = 0.0
        return found
