"""scikit-learn, one MLPClassifier after the other."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks.workloads import Job, Trainer

Array = NDArray[Any]


def classifier(job: Job, rate: float, rounds: int, seed: int = 0) -> MLPClassifier:
    """Return a classifier that trains for exactly so many epochs, without looking back."""
    return MLPClassifier(
        hidden_layer_sizes=job.widths[1:-1],
        activation="tanh",
        solver=job.optimizer,
        alpha=0.0,
        batch_size=job.batch,
        learning_rate_init=rate,
        momentum=0.0,
        nesterovs_momentum=False,
        epsilon=job.epsilon,
        max_iter=rounds,
        tol=0.0,
        n_iter_no_change=10**9,
        random_state=seed,
    )


def labels(job: Job) -> Array:
    """Return targets as scikit-learn wants them: labels, or one column for each output."""
    if job.output == "softmax":
        return job.targets.argmax(axis=1)
    return (job.targets[:, 0] if job.widths[-1] == 1 else job.targets).astype(np.int64)


def prepare(job: Job) -> Trainer:
    """Return the trainer of a job, from scikit-learn's own initial weights and batches."""
    y = labels(job)
    epochs = job.round if job.full else 1

    def train(rounds: int) -> Array:
        rows = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # that is how it ends
            for seed in job.seeds:
                for rate in job.rates:
                    net = classifier(job, rate, rounds * epochs, seed).fit(job.inputs, y)
                    rows.append(_row(net))
        return np.stack(rows)

    return train


def prepare_check(job: Job) -> Trainer:
    """Return a trainer from the job's start and on its batches, batch by batch."""
    y = labels(job)
    classes = np.arange(job.widths[-1]) if job.widths[-1] > 1 else np.arange(2)

    def train_one(replica: int, rounds: int) -> Array:
        seed, rate = divmod(replica, len(job.rates))
        net = classifier(job, job.rates[rate], 1)
        net.partial_fit(job.inputs[: job.batch], y[: job.batch], classes=classes)
        del net._optimizer  # that update only made the arrays
        for layer, (w, b) in enumerate(zip(net.coefs_, net.intercepts_, strict=True)):
            start = job.layers()[layer][replica]
            w[:], b[:] = start[:-1], start[-1]
        for number in range(rounds):
            order = job.orders[number % len(job.orders), seed]
            for update in range(job.round):
                chosen = order[update * job.batch : (update + 1) * job.batch]
                if job.full:
                    chosen = slice(None)
                net.partial_fit(job.inputs[chosen], y[chosen])
        return _row(net)

    def train(rounds: int) -> Array:
        return np.stack([train_one(replica, rounds) for replica in range(job.replicas)])

    return train


def _row(net: MLPClassifier) -> Array:
    return np.concatenate(
        [np.vstack([w, b]).ravel() for w, b in zip(net.coefs_, net.intercepts_, strict=True)]
    )
