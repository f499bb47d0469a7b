"""How the patterns of a problem reach a stack: shuffled minibatches, and chunks of the whole set.

The order of patterns is a function of (seed, epoch) alone, so all arms of a comparison and all
learning rates see the same batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.learning import seeds as streams
from study.learning.network import Workspace, transposed

Array = NDArray[Any]

CHUNK = 256  # patterns that are evaluated together; also the size of the probe batch


def with_ones(inputs: Array, dtype: Any) -> Array:
    """Append the column of ones that carries the bias, (..., n, d) -> (..., n, d + 1)."""
    ones = np.ones((*inputs.shape[:-1], 1))
    return np.concatenate([inputs, ones], axis=-1).astype(dtype)


class Batches:
    """The minibatches of S seeds, epoch after epoch.

    Parameters
    ----------
    inputs, targets
        (D, n, d) and (D, n, outputs); D is 1, or S.
    seeds
        The S seeds.
    size
        Patterns in a batch; n or more means full batches in the data's own order. The last batch
        of an epoch is what is left over.
    dtype
        float32 or float64.
    """

    def __init__(
        self, inputs: Array, targets: Array, seeds: Sequence[int], size: int, dtype: Any
    ) -> None:
        sets, self.patterns, width = inputs.shape
        self.size = min(size, self.patterns)
        self.full = self.size == self.patterns
        self.inputs = with_ones(inputs, dtype).reshape(-1, width + 1)
        self.targets = targets.astype(dtype).reshape(-1, targets.shape[2])
        self.keys = streams.stream_keys(seeds, "batches")
        row = np.arange(len(seeds)) if sets > 1 else np.zeros(len(seeds), np.int64)
        self.first = (row * self.patterns)[:, None]  # where each seed's patterns begin
        self.epoch = 0
        self.order = np.empty((len(seeds), self.patterns), np.int64)
        self.position = self.patterns
        self.loaded: Workspace | None = None

    def sizes(self) -> set[int]:
        """Return the sizes of batches that occur."""
        return {self.size, self.patterns % self.size or self.size}

    def load(self, spaces: dict[int, Workspace]) -> Workspace:
        """Put the next batch into the workspace of its size and return that."""
        if self.position >= self.patterns:
            self._shuffle()
        chosen = self.order[:, self.position : self.position + self.size]
        self.position += self.size
        work = spaces[chosen.shape[1]]
        if self.full and work is self.loaded:
            return work
        np.take(self.inputs, chosen, axis=0, out=work.inputs[:, 0], mode="clip")
        work.targets[:, 0] = transposed(self.targets.take(chosen, axis=0))
        self.loaded = work
        return work

    def _shuffle(self) -> None:
        self.position = 0
        if self.full:
            self.order[:] = np.arange(self.patterns)
        else:
            streams.permute_epoch(self.order, self.keys, self.epoch)
        self.order += self.first
        self.epoch += 1

    def keep(self, rows: Array) -> None:
        """Go on with the seeds `rows` alone."""
        self.keys, self.first, self.order = self.keys[rows], self.first[rows], self.order[rows]
        self.loaded = None


class Chunks:
    """A whole data set in chunks for evaluation.

    Parameters
    ----------
    inputs, targets
        (D, n, d) and (D, n, outputs).
    dtype
        float32 or float64.
    """

    def __init__(self, inputs: Array, targets: Array, dtype: Any) -> None:
        self.patterns = inputs.shape[1]
        rows = with_ones(inputs, dtype)[:, None]
        columns = transposed(targets.astype(dtype))[:, None]
        cuts = [slice(i, min(i + CHUNK, self.patterns)) for i in range(0, self.patterns, CHUNK)]
        self.parts = [
            (np.ascontiguousarray(rows[:, :, c]), np.ascontiguousarray(columns[..., c]))
            for c in cuts
        ]

    def sizes(self) -> set[int]:
        """Return the sizes of chunks that occur."""
        return {part.shape[2] for part, _ in self.parts}

    def load(self, spaces: dict[int, Workspace], most: int | None = None) -> Iterator[Workspace]:
        """Put chunk after chunk (at most `most`) into the workspace of its size; yield that."""
        for inputs, targets in self.parts[:most]:
            work = spaces[inputs.shape[2]]
            work.inputs, work.targets = inputs, targets
            yield work

    def keep(self, rows: Array) -> None:
        """Go on with the seeds `rows` alone."""
        if len(self.parts[0][0]) > 1:
            self.parts = [(x[rows], t[rows]) for x, t in self.parts]
