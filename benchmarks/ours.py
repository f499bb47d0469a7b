"""The engine of this project, behind the one function that users of the core call as well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.workloads import Job, Trainer
from study.learning import seeds as streams
from study.learning.activations import bound_activation
from study.learning.core.training import train
from study.learning.data import Data
from study.learning.design import Budget, Design, named_design
from study.learning.objectives import Objective
from study.learning.problem import Problem, pose

Array = NDArray[Any]
OBJECTIVE = {"softmax": "cross_entropy", "logistic": "unit_cross_entropy"}


def problem_of(job: Job, objective: Objective) -> Problem:
    """Pose a job's patterns for an objective; the first batch is the test part."""
    task = "multilabel" if objective.name == "unit_cross_entropy" else "classification"
    x, t = job.inputs.astype(np.float64), job.targets.astype(np.float64)
    data = Data(x, t, x[: job.batch], t[: job.batch], "workload", task, 0.0)
    return pose([data], objective, objective.output(bound_activation("tanh"), t.shape[1]))


def design_of(job: Job) -> Design:
    """Return the design: tanh, exact, cross-entropy."""
    adam = {"adam": {"epsilon": job.epsilon}}
    return named_design(
        job.widths[1:-1],
        objective=OBJECTIVE[job.output],
        optimizer=adam if job.optimizer == "adam" else "sgd",
    )


def trainer(job: Job, problem: Problem, design: Design) -> Trainer:
    """Return the trainer of a design on a problem, from the job's start, measured at its ends."""

    def run(rounds: int) -> Array:
        budget = Budget(
            updates=rounds * job.round,
            batch_size=None if job.full else job.batch,
            decay=False,
            checkpoints=2,
            probes=0,
            dtype=job.dtype,
        )
        return train(problem, design, budget, job.seeds, job.rates, start=job.start).parameters

    return run


def prepare(job: Job) -> Trainer:
    """Return the trainer of a job."""
    design = design_of(job)
    return trainer(job, problem_of(job, design.objective), design)


def orders(seeds: Sequence[int], patterns: int, epochs: int) -> Array:
    """Return the order in which an epoch visits the patterns, (epochs, S, n), for the peers."""
    keys = streams.stream_keys(seeds, "batches")
    found = np.empty((epochs, len(seeds), patterns), np.int64)
    for epoch, seed in np.ndindex(found.shape[:2]):
        streams.shuffled(found[epoch, seed], keys[seed], epoch)
    return found
