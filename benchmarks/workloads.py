"""The work that is measured: four networks on four sets of patterns, as plain arrays.

A job is all that an engine needs. Weights are handed over in one row a replica, layer after layer,
each (n_in + 1, n_out) with the bias as its last row; replica r = seed r // K, rate r % K. The
number of patterns is a multiple of the batch, so that no engine meets a smaller last batch.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
RATES = 8  # learning rates that share the batches of a seed, where there are as many replicas
Trainer = Callable[[int], Array]  # (rounds) -> weights (R, P), trained from the job's start
FULL_ROUND = 100  # updates that stand for an epoch where batches are full


@dataclass(frozen=True)
class Workload:
    """A network and its data.

    Parameters
    ----------
    name, about
        Short name, and a line for tables.
    widths
        Inputs first, outputs last; hidden units are tanh.
    batch
        Patterns in a batch.
    output
        "softmax", or "logistic" (one cross-entropy an output).
    rates
        Optimizer -> lowest and highest learning rate; none of them diverges.
    replicas
        How many are trained together by engines that stack.
    quick
        The same in a quick run.
    load
        Gives inputs (n, d) and 0/1 targets (n, outputs), float64.
    """

    name: str
    about: str
    widths: tuple[int, ...]
    batch: int
    output: str
    rates: dict[str, tuple[float, float]]
    replicas: tuple[int, ...]
    quick: int
    load: Callable[[], tuple[Array, Array]]

    def flops(self) -> int:
        """Operations of the matrix products of one replica's update.

        Forward and weight gradient 2 B (n_in + 1) n_out each (the bias is a row), and the
        propagated delta 2 B n_in n_out at every layer but the first.
        """
        pairs = list(itertools.pairwise(self.widths))
        both = sum(4 * self.batch * (a + 1) * b for a, b in pairs)
        return both + sum(2 * self.batch * a * b for a, b in pairs[1:])


@dataclass(frozen=True)
class Job:
    """A stack of trainings.

    Parameters
    ----------
    inputs, targets
        (n, d) and (n, outputs).
    widths, batch, output, optimizer
        As in `Workload`; the optimizer is "sgd" or "adam" (β 0.9 and 0.999).
    seeds, rates
        S seeds (of weights and batches) and K learning rates.
    dtype, epsilon
        "float32" or "float64"; adam's ε.
    start
        Initial weights, (S K, P).
    orders
        Patterns in the order of each epoch, (epochs, S, n); used in turn, again and again.
    """

    inputs: Array
    targets: Array
    widths: tuple[int, ...]
    batch: int
    output: str
    optimizer: str
    seeds: tuple[int, ...]
    rates: tuple[float, ...]
    dtype: str
    epsilon: float
    start: Array
    orders: Array

    @property
    def replicas(self) -> int:
        """R = S K."""
        return len(self.seeds) * len(self.rates)

    @property
    def full(self) -> bool:
        """Whether a batch is the whole training set."""
        return self.batch == len(self.inputs)

    @property
    def round(self) -> int:
        """Updates in a round: an epoch, or `FULL_ROUND` full batches."""
        return FULL_ROUND if self.full else len(self.inputs) // self.batch

    def layers(self) -> list[Array]:
        """Return the start as a view (R, n_in + 1, n_out) for each layer."""
        return split(self.start, self.widths)


def split(flat: Array, widths: Sequence[int]) -> list[Array]:
    """Return views (R, n_in + 1, n_out) of each layer in rows of weights (R, P)."""
    shapes = [(a + 1, b) for a, b in itertools.pairwise(widths)]
    ends = np.cumsum([0, *(a * b for a, b in shapes)])
    return [
        flat[:, i:j].reshape(len(flat), *shape)
        for i, j, shape in zip(ends, ends[1:], shapes, strict=False)
    ]


def joined(weights: Sequence[Array], biases: Sequence[Array]) -> Array:
    """Return rows (R, P) from weights (R, n_in, n_out) and biases (R, n_out) of each layer."""
    parts = []
    for w, b in zip(weights, biases, strict=True):
        layer = np.concatenate([np.asarray(w), np.asarray(b)[:, None, :]], axis=1)
        parts.append(layer.reshape(len(layer), -1))
    return np.concatenate(parts, axis=1)


def make_job(
    workload: Workload,
    optimizer: str,
    replicas: int,
    orders: Callable[[Sequence[int], int, int], Array] | None = None,
    *,
    dtype: str = "float32",
    epsilon: float = 1e-8,
    rates: int = RATES,
    epochs: int = 4,
) -> Job:
    """Lay out a stack of `replicas` trainings.

    Parameters
    ----------
    workload, optimizer, replicas
        What is trained, and how many at once.
    orders
        ``orders(seeds, n, epochs)`` gives the order of patterns, (epochs, S, n); by default one
        drawn by numpy, since it matters where engines are compared, not where they are timed.
    dtype, epsilon
        See `Job`.
    rates
        K, if there are as many replicas.
    epochs
        Of how many the order is given.
    """
    inputs, targets = workload.load()
    across = min(rates, replicas)
    seeds = tuple(range(1, replicas // across + 1))
    low, high = workload.rates[optimizer]
    drawn = [_initial(workload.widths, seed) for seed in seeds]
    any_order = np.tile(np.arange(len(inputs)), (epochs, len(seeds), 1))
    return Job(
        inputs=inputs.astype(dtype),
        targets=targets.astype(dtype),
        widths=workload.widths,
        batch=workload.batch,
        output=workload.output,
        optimizer=optimizer,
        seeds=seeds,
        rates=tuple(float(r) for r in np.geomspace(low, high, across)),
        dtype=dtype,
        epsilon=epsilon,
        start=np.repeat(np.stack(drawn), across, axis=0).astype(dtype),
        orders=orders(seeds, len(inputs), epochs)
        if orders
        else np.random.default_rng(0).permuted(any_order, axis=2),
    )


def _initial(widths: Sequence[int], seed: int) -> Array:
    rng = np.random.default_rng(seed)
    layers = []
    for n_in, n_out in itertools.pairwise(widths):
        weights = rng.standard_normal((n_in + 1, n_out)) / np.sqrt(n_in)
        weights[-1] = 0.0
        layers.append(weights.ravel())
    return np.concatenate(layers)


def _patterns(name: str, rows: int, zoomed: bool = False) -> tuple[Array, Array]:
    """Return standardised inputs and 0/1 targets of the first rows of a bundled dataset.

    Zoomed, pictures of 8 × 8 become pictures of 28 × 28.
    """
    import sklearn.datasets

    inputs, labels = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    if zoomed:
        from scipy.ndimage import zoom

        pictures = zoom(inputs[:rows].reshape(rows, 8, 8), (1, 3.5, 3.5), order=1)
        inputs = pictures.reshape(rows, -1)
    spread = inputs.std(axis=0)
    inputs = (inputs - inputs.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    targets = np.eye(10)[labels] if name == "digits" else labels[:, None].astype(np.float64)
    return inputs[:rows], targets[:rows]


WORKLOADS = {
    w.name: w
    for w in (
        Workload(
            "W1",
            "digits, 64-32-32-10, batch 32, softmax",
            (64, 32, 32, 10),
            batch=32,
            output="softmax",
            rates={"sgd": (0.01, 0.3), "adam": (0.0003, 0.01)},
            replicas=(1, 32, 64, 128, 1000),
            quick=64,
            load=lambda: _patterns("digits", 44 * 32),
        ),
        Workload(
            "W2",
            "breast_cancer, 30-16-16-1, batch 32, logistic",
            (30, 16, 16, 1),
            batch=32,
            output="logistic",
            rates={"sgd": (0.01, 0.3), "adam": (0.0003, 0.01)},
            replicas=(1, 64, 128, 256, 1000),
            quick=128,
            load=lambda: _patterns("breast_cancer", 14 * 32),
        ),
        Workload(
            "W3",
            "digits of 28 × 28, 784-256-256-10, batch 128, softmax",
            (784, 256, 256, 10),
            batch=128,
            output="softmax",
            rates={"sgd": (0.003, 0.1), "adam": (0.0001, 0.003)},
            replicas=(1, 4, 8, 32),
            quick=4,
            load=lambda: _patterns("digits", 10 * 128, zoomed=True),
        ),
        Workload(
            "W4",
            "encoder, 10-5-10, full batch, logistic",
            (10, 5, 10),
            batch=10,
            output="logistic",
            rates={"sgd": (0.03, 1.0), "adam": (0.001, 0.03)},
            replicas=(1, 32, 128, 1000),
            quick=1000,
            load=lambda: (np.eye(10), np.eye(10)),
        ),
    )
}
