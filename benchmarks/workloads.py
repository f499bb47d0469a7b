"""The work that is measured: four networks on four sets of patterns, as plain arrays.

Weights are handed over in one row a replica, layer after layer: weights (n_in, n_out), then
biases (n_out). Replica r = seed r // K, rate r % K. The number of patterns is a multiple of the
batch, so that no engine meets a smaller last batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from study.learning import Array

RATES = 8  # learning rates that share the batches of a seed, where there are as many replicas
Trainer = Callable[[int], Array]  # (rounds) -> weights (R, P), trained from the job's start
FULL_ROUND = 100  # updates that stand for an epoch where batches are full
EPOCHS = 4  # whose orders of patterns are given


@dataclass(frozen=True)
class Workload:
    """A network and its data."""

    name: str
    data: str  # for tables
    widths: tuple[int, ...]  # inputs first, outputs last; hidden units are tanh
    batch: int
    output: str  # "softmax", or "logistic": one cross-entropy an output
    replicas: tuple[int, ...]  # trained together by engines that stack
    quick: int  # the same in a quick run
    rates: dict[str, tuple[float, float]]  # of each optimizer; between them none diverges
    load: Callable[[], tuple[Array, Array]]  # inputs (n, d), 0/1 targets (n, outputs), float64

    @property
    def about(self) -> str:
        """All of it in a line."""
        widths = "-".join(map(str, self.widths))
        return f"{self.data}, {widths}, batch {self.batch}, {self.output}"

    def flops(self) -> int:
        """Operations of the matrix products of one replica's update.

        Forward and weight gradient 2 B (n_in + 1) n_out each (the bias is a row), and the
        propagated delta 2 B n_in n_out at every layer but the first.
        """
        pairs = list(pairwise(self.widths))
        both = sum(4 * self.batch * (a + 1) * b for a, b in pairs)
        return both + sum(2 * self.batch * a * b for a, b in pairs[1:])


@dataclass(frozen=True)
class Job:
    """A stack of trainings: all that an engine needs."""

    work: Workload
    optimizer: str  # "sgd" or "adam" (β 0.9 and 0.999)
    epsilon: float  # adam's
    inputs: Array  # (n, d), of the type in which it is trained
    targets: Array  # (n, outputs)
    seeds: Sequence[int]  # S, of weights and batches
    rates: Sequence[float]  # K learning rates
    start: Array  # initial weights (S K, P)
    orders: Array  # of patterns in each epoch, (epochs, S, n), used in turn again and again

    @property
    def full(self) -> bool:
        """Whether a batch is all patterns."""
        return self.work.batch == len(self.inputs)

    @property
    def round(self) -> int:
        """Updates in a round: an epoch, or FULL_ROUND full batches."""
        return FULL_ROUND if self.full else len(self.inputs) // self.work.batch

    def layers(self) -> list[tuple[Array, Array]]:
        """Return views of the start, (R, n_in, n_out) and (R, n_out) for each layer."""
        pairs, replicas = list(pairwise(self.work.widths)), len(self.start)
        ends = np.cumsum([size for a, b in pairs for size in (a * b, b)])
        parts = iter(np.split(self.start, ends[:-1], axis=1))
        return [(next(parts).reshape(replicas, *pair), next(parts)) for pair in pairs]


def make_job(work: Workload, optimizer: str, replicas: int, check: bool = False) -> Job:
    """Lay out a stack of trainings: in float32, at RATES learning rates if R is as large.

    To check engines, in float64, at two rates, adam's ε as good as zero. Batches are drawn by
    numpy: which they are matters where engines are compared, not where they are timed.
    """
    dtype, epsilon, most = ("float64", 1e-16, 2) if check else ("float32", 1e-8, RATES)
    inputs, targets = work.load()
    across = min(most, replicas)
    seeds = range(1, replicas // across + 1)
    rows = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        layers = ((rng.normal(0, a**-0.5, a * b), np.zeros(b)) for a, b in pairwise(work.widths))
        rows.append(np.concatenate([part for layer in layers for part in layer]))
    in_turn = np.tile(np.arange(len(inputs)), (EPOCHS, len(seeds), 1))
    return Job(
        work=work,
        optimizer=optimizer,
        epsilon=epsilon,
        inputs=inputs.astype(dtype),
        targets=targets.astype(dtype),
        seeds=seeds,
        rates=np.geomspace(*work.rates[optimizer], across).tolist(),
        start=np.repeat(np.stack(rows), across, axis=0).astype(dtype),
        orders=np.random.default_rng(0).permuted(in_turn, axis=2),
    )


def _encoder() -> tuple[Array, Array]:
    return np.eye(10), np.eye(10)


def _patterns(name: str, rows: int, zoomed: bool = False) -> tuple[Array, Array]:
    """Return the first rows of a bundled dataset; zoomed, pictures of 8 × 8 become 28 × 28."""
    import sklearn.datasets
    from scipy.ndimage import zoom
    from sklearn.preprocessing import StandardScaler

    inputs, labels = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    if zoomed:
        inputs = zoom(inputs[:rows].reshape(rows, 8, 8), (1, 3.5, 3.5), order=1)
    inputs = StandardScaler().fit_transform(inputs.reshape(len(inputs), -1))
    targets = np.eye(10)[labels] if name == "digits" else labels[:, None].astype(np.float64)
    return inputs[:rows], targets[:rows]


SMALL = {"sgd": (0.01, 0.3), "adam": (0.0003, 0.01)}
LARGE = {"sgd": (0.003, 0.1), "adam": (0.0001, 0.003)}
FULL = {"sgd": (0.03, 1.0), "adam": (0.001, 0.03)}
WORKLOADS = {
    w.name: w
    for w in (
        Workload(
            *("W1", "digits", (64, 32, 32, 10), 32, "softmax", (1, 32, 64, 128, 1000), 64, SMALL),
            partial(_patterns, "digits", 44 * 32),
        ),
        Workload(
            *("W2", "breast_cancer", (30, 16, 16, 1), 32, "logistic"),
            *((1, 64, 128, 256, 1000), 128, SMALL, partial(_patterns, "breast_cancer", 14 * 32)),
        ),
        Workload(
            *("W3", "digits of 28 × 28", (784, 256, 256, 10), 128, "softmax"),
            *((1, 4, 8, 32), 4, LARGE, partial(_patterns, "digits", 10 * 128, zoomed=True)),
        ),
        Workload(
            *("W4", "encoder", (10, 5, 10), 10, "logistic"),
            *((1, 32, 128, 1000), 1000, FULL, _encoder),
        ),
    )
}
