"""scikit-learn, one MLPClassifier after the other."""

import itertools
import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks.workloads import Job, Trainer
from study.learning import Array


def _classifier(job: Job, rate: float, epochs: int, seed: int) -> MLPClassifier:
    """Return a classifier that trains for exactly so many epochs, without looking back."""
    never_early: dict[str, Any] = {"tol": 0.0, "n_iter_no_change": 10**9}
    plain: dict[str, Any] = {"alpha": 0.0, "momentum": 0.0, "nesterovs_momentum": False}
    return MLPClassifier(
        job.work.widths[1:-1],
        **{"activation": "tanh", "solver": job.optimizer, "batch_size": job.work.batch},
        **{"learning_rate_init": rate, "epsilon": job.epsilon, "max_iter": epochs},
        random_state=seed,
        **never_early,
        **plain,
    )


def _labels(job: Job) -> Array:
    """Return targets as scikit-learn wants them: labels, or one column for each output."""
    if job.work.output == "softmax":
        return job.targets.argmax(axis=1)
    return (job.targets[:, 0] if job.targets.shape[1] == 1 else job.targets).astype(np.int64)


def _row(net: MLPClassifier) -> Array:
    layers = zip(net.coefs_, net.intercepts_, strict=True)
    return np.concatenate([part.ravel() for layer in layers for part in layer])


def prepare(job: Job) -> Trainer:
    """Return the trainer of a job, from scikit-learn's own initial weights and batches."""
    y = _labels(job)

    def train(rounds: int) -> Array:
        epochs = rounds * (job.round if job.full else 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # that is how it ends
            nets = (
                _classifier(job, rate, epochs, seed).fit(job.inputs, y)
                for seed, rate in itertools.product(job.seeds, job.rates)
            )
            return np.stack([_row(net) for net in nets])

    return train


def prepare_check(job: Job) -> Trainer:
    """Return a trainer from the job's start and on its batches, epoch by epoch."""
    y, classes = _labels(job), np.arange(max(2, job.targets.shape[1]))

    def train_one(replica: int, rounds: int) -> Array:
        seed, rate = divmod(replica, len(job.rates))
        net = _classifier(job, job.rates[rate], 1, 0).set_params(shuffle=False)
        net.partial_fit(job.inputs, y, classes=classes)
        del net._optimizer  # that update only made the arrays
        for layer, (w, b) in enumerate(job.layers()):
            net.coefs_[layer][:], net.intercepts_[layer][:] = w[replica], b[replica]
        for order in itertools.islice(itertools.cycle(job.orders[:, seed]), rounds):
            for _ in range(job.round if job.full else 1):
                net.partial_fit(job.inputs[order], y[order])
        return _row(net)

    def train(rounds: int) -> Array:
        return np.stack([train_one(replica, rounds) for replica in range(len(job.start))])

    return train
