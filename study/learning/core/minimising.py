"""Training by one of scipy's minimisers, whose iterations are the updates."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from study.learning import Array
from study.learning.core.stack import Stack
from study.learning.core.trainer import Trainer
from study.learning.optimizers import Updater


class Minimiser(Trainer):
    """A trainer that hands objective and gradient to scipy, one replica at a time.

    It stops at `marks` alone, the numbers of updates where it is measured. Where a line search
    finds no lower point, even down the gradient that it was given, or where nothing is left to
    gain, a replica stays as it is. ``results`` then has scipy's results, whose ``nit`` and
    ``nfev`` count iterations and evaluations. Rules of chance draw anew at each iteration.

    scipy computes in float64 with a BLAS, whose last bits depend on the processor.
    """

    def __init__(
        self,
        stack: Stack,
        updater: Updater,
        batch_size: int,
        *,
        marks: Sequence[int],
        done: int = 0,
    ) -> None:
        super().__init__(stack, updater, batch_size, accumulates=True, done=done)
        self._marks = np.asarray(marks)
        self._path: Array | None = None
        self.results: list[Any] = []

    def advance(self, schedule: Sequence[float]) -> None:
        """Go on by ``len(schedule)`` iterations, to one of the marks; rates don't change."""
        if self._path is None:
            self._path = self._minimised()
        self.step += len(schedule)
        (at,) = np.flatnonzero(self._marks == self.step)
        self.stack.parameters[self.alive] = self._path[at][self.alive]

    def _minimised(self) -> Array:
        """Return the parameters at all marks, (marks, R, P)."""
        begin, alive = self.step, self.alive.copy()
        path = np.repeat(self.stack.parameters[None], len(self._marks), axis=0)
        for r in np.flatnonzero(alive).tolist():
            self.alive[:] = np.arange(len(alive)) == r
            self.results.append(self._minimise(r, begin, path[:, r]))
        self.step, self.alive[:] = begin, alive
        return path

    def _minimise(self, r: int, begin: int, path: Array) -> Any:
        """Fill the path (marks, P) of a replica; return scipy's result."""
        from scipy import optimize  # here alone: nothing else that trains needs scipy

        record, own = self.updater.optimizer, self.updater.numbers[r]
        options = {name: int(n) for name, n in zip(record.parameters, own, strict=True)}
        w, rate, taken = self.stack.parameters[r], self.updater.rate[r], 0
        patterns = self.stack.problem.inputs.shape[1]

        def loss(v: Array) -> tuple[float, Array]:
            w[:] = rate * v
            self.step = begin + taken
            super(Minimiser, self).advance([1.0])
            return float(self.running_loss()[r].sum()) / patterns, rate * self.updater.state[r, 0]

        def note(v: Array) -> None:
            nonlocal taken
            taken += 1
            path[self._marks >= begin + taken] = rate * v

        limits = {"maxiter": int(self._marks[-1]) - begin, "maxfun": 2**31 - 1}
        never = {"ftol": 0.0, "gtol": 0.0}
        minimize: Any = optimize.minimize
        return minimize(
            loss,
            w.astype(np.float64) / rate,
            jac=True,
            method=record.scipy,
            callback=note,
            options={**options, **limits, **never},
        )
