"""Do all engines compute the same? Weights after some updates from one start, in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.workloads import Job, Workload, make_job

Array = NDArray[Any]
ROUNDS = {"W1": 2, "W2": 2, "W3": 1, "W4": 2}  # epochs, so that their border is crossed
QUICK = {("W1", "sgd"), ("W1", "adam"), ("W2", "sgd"), ("W4", "adam")}  # of a quick run
TOLERANCE = 1e-8  # on weights of size 1; two places of ε alone make 4e-10
MOVED = 1e-3  # weights must have gone at least so far


def check_job(workload: Workload, optimizer: str, orders: Callable[..., Array]) -> Job:
    """Lay out four small trainings: two seeds, two learning rates, adam's ε as good as zero."""
    return make_job(
        workload, optimizer, 4, orders, dtype="float64", epsilon=1e-16, rates=2, epochs=3
    )


def differences(
    job: Job, rounds: int, trainers: Mapping[str, Callable[[int], Array]]
) -> Iterable[tuple[str, float]]:
    """Yield for each trainer but the first its largest difference from the first.

    Raises
    ------
    AssertionError
        If the first trainer's weights did not move.
    """
    (_, first), *others = trainers.items()
    expected = first(rounds)
    assert np.abs(expected - job.start).max() > MOVED, "nothing was learnt"
    for name, trainer in others:
        yield name, float(np.abs(trainer(rounds) - expected).max())
