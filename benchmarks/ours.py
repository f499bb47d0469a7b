"""The engine of this project, behind the one function that users of the core call as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.workloads import Job, Trainer
from study.learning import seeds as streams
from study.learning.activations import bound_activation
from study.learning.core.training import Budget, Design, train
from study.learning.initialisations import INITIALISATIONS
from study.learning.objectives import OBJECTIVES
from study.learning.optimizers import OPTIMIZERS
from study.learning.problem import Problem, pose
from study.learning.rules import EXACT
from study.learning.variants import resolve

Array = NDArray[Any]
OBJECTIVE = {"softmax": "cross_entropy", "logistic": "unit_cross_entropy"}


@dataclass(frozen=True)
class Patterns:
    """A job's patterns in the form that `pose` takes."""

    task: str
    inputs: Array
    targets: Array
    test_inputs: Array
    test_targets: Array
    name: str = "workload"
    solved_below: float = 0.0


def problem_of(job: Job, objective: str) -> Problem:
    """Pose a job's patterns for an objective; the first batch is the test part."""
    x, t = job.inputs.astype(np.float64), job.targets.astype(np.float64)
    task = "multilabel" if objective == "unit_cross_entropy" else "classification"
    data = Patterns(task, x, t, x[: job.batch], t[: job.batch])
    record = OBJECTIVES[objective]
    return pose([data], record, record.output(bound_activation("tanh"), t.shape[1]))


def design_of(job: Job) -> Design:
    """Return the design: tanh, exact, cross-entropy."""
    optimizer: Any = job.optimizer
    if job.optimizer == "adam":
        optimizer = {"adam": {"epsilon": job.epsilon}}
    return Design(
        hidden=job.widths[1:-1],
        activation=bound_activation("tanh"),
        objective=OBJECTIVES[OBJECTIVE[job.output]],
        gradient=EXACT,
        location="hidden",
        initialisation=resolve("initialisation", INITIALISATIONS, "glorot"),
        gain=1.0,
        optimizer=resolve("optimizer", OPTIMIZERS, optimizer),
    )


def budget_of(job: Job) -> Budget:
    """Return a budget that measures at its two ends alone."""
    return Budget(
        batch_size=None if job.full else job.batch,
        decay=False,
        checkpoints=2,
        probes=0,
        dtype=job.dtype,
    )


def trainer(job: Job, problem: Problem, design: Design, budget: Budget) -> Trainer:
    """Return the trainer of a design on a problem, from the job's start."""

    def run(rounds: int) -> Array:
        outcome = train(
            problem,
            design,
            replace(budget, updates=rounds * job.round),
            job.seeds,
            job.rates,
            start=job.start,
        )
        return outcome.parameters

    return Trainer(run)


def prepare(job: Job) -> Trainer:
    """Return the trainer of a job."""
    return trainer(job, problem_of(job, OBJECTIVE[job.output]), design_of(job), budget_of(job))


def orders(seeds: Sequence[int], patterns: int, epochs: int) -> Array:
    """Return the order in which an epoch visits the patterns, (epochs, S, n), for the peers."""
    keys = streams.stream_keys(seeds, "batches")
    found = np.empty((epochs, len(seeds), patterns), np.int64)
    for epoch, seed in np.ndindex(found.shape[:2]):
        streams.shuffled(found[epoch, seed], keys[seed], epoch)
    return found
