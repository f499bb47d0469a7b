"""The engine of this project, behind the one function that users of the core call as well."""

import numpy as np

from benchmarks.workloads import EPOCHS, Job, Trainer
from study.learning import Array
from study.learning import seeds as streams
from study.learning.activations import bound_activation
from study.learning.core.training import train
from study.learning.data import Data
from study.learning.design import Budget, Design, named_design
from study.learning.problem import pose

OBJECTIVE = {"softmax": "cross_entropy", "logistic": "unit_cross_entropy"}


def design_of(job: Job) -> Design:
    """Return the design: tanh, exact, cross-entropy."""
    adam = {"adam": {"epsilon": job.epsilon}}
    return named_design(
        job.work.widths[1:-1],
        objective=OBJECTIVE[job.work.output],
        optimizer=adam if job.optimizer == "adam" else "sgd",
    )


def prepare(job: Job, design: Design | None = None) -> Trainer:
    """Return the trainer of a job, or of another design on it; it measures at both ends."""
    design = design or design_of(job)
    objective, batch = design.objective, job.work.batch
    task = "multilabel" if objective.name == "unit_cross_entropy" else "classification"
    x, t = job.inputs.astype(np.float64), job.targets.astype(np.float64)
    data = Data(x, t, x[:batch], t[:batch], "workload", task, 0.0)
    problem = pose([data], objective, objective.output(bound_activation("tanh"), t.shape[1]))

    def run(rounds: int) -> Array:
        budget = Budget(
            updates=rounds * job.round,
            batch_size=None if job.full else batch,
            decay=False,
            checkpoints=2,
            probes=0,
            dtype=str(job.inputs.dtype),
        )
        return train(problem, design, budget, job.seeds, job.rates, start=job.start).parameters

    return run


def orders(job: Job) -> Array:
    """Return the order in which an epoch visits the patterns, (epochs, S, n), for the peers."""
    keys = streams.stream_keys(job.seeds, "batches")
    found = np.empty_like(job.orders)
    for epoch, seed in np.ndindex(EPOCHS, len(job.seeds)):
        streams.shuffled(found[epoch, seed], keys[seed], epoch)
    return found
