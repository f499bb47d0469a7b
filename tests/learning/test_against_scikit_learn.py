"""The same start and the same batches give scikit-learn's weights, to 1e-9 in float64."""

import numpy as np
import pytest
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.neural_network import MLPClassifier, MLPRegressor
from small_nets import Patterns, design, posed

from study.learning.core.stack import Stack
from study.learning.core.trainer import Trainer
from study.learning.optimizers import Updater

N, D, EPOCHS = 23, 4, 5
SOLVERS = {  # ours -> theirs
    "sgd": {"solver": "sgd", "momentum": 0.0},
    "momentum": {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": False},
    "nesterov": {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": True},
    "adam": {"solver": "adam"},
}


def taking_note(estimator):
    """Return the estimator's class, with the initial weights kept."""

    class Noted(estimator):
        def _init_coef(self, fan_in, fan_out, dtype):
            weights, biases = super()._init_coef(fan_in, fan_out, dtype)
            self.start_ = [*getattr(self, "start_", []), (weights.copy(), biases.copy())]
            return weights, biases

    return Noted


def flat(layers):
    return np.concatenate([np.vstack([w, b]).ravel() for w, b in layers])


def our_path(plan, x, t, start, batch, rate):
    """Train on batches in the data's order; return (P,) and the final objective."""
    problem = posed(plan, Patterns(x, t, x, t, plan.objective.tasks[-1]))
    parameters = start[None].copy()
    numbers = {name: np.array([value]) for name, value in plan.optimizer.values.items()}
    stack = Stack(problem, plan, [0], parameters)
    updater = Updater(plan.optimizer.record, numbers, np.array([rate]), parameters)
    trainer = Trainer(stack, updater, batch, order=np.arange(len(x))[None])
    trainer.advance([1.0] * (EPOCHS * -(-len(x) // batch)))
    return parameters[0], stack.objective()[0]


def data(outputs):
    rng = np.random.default_rng(outputs)
    return rng.normal(size=(N, D)), rng.normal(size=(N, outputs))


TASKS = ("binary", "classes", "regression", "outputs")


@pytest.mark.parametrize("optimizer", SOLVERS)
@pytest.mark.parametrize("task", TASKS)
def test_weights_equal_scikit_learns(task, optimizer):
    """On full and on small batches; activations take turns, so each meets every task."""
    turn = TASKS.index(task) + list(SOLVERS).index(optimizer)
    for batch in (N, 5):
        activation = ("tanh", "logistic", "relu")[(turn + batch) % 3]
        assert_weights_equal(task, optimizer, activation, batch)


def assert_weights_equal(task, optimizer, activation, batch):
    outputs = {"binary": 1, "classes": 3, "regression": 1, "outputs": 3}[task]
    x, t = data(outputs)
    rate = 0.01 if optimizer == "adam" else 0.1
    common = {
        "hidden_layer_sizes": (5, 4),
        "activation": activation,
        "alpha": 0.0,
        "batch_size": batch,
        "learning_rate_init": rate,
        "shuffle": False,
        "random_state": 1,
        "max_iter": 1000,
        **SOLVERS[optimizer],
    }
    if task in ("binary", "classes"):
        labels = np.arange(N) % (2 if task == "binary" else 3)
        theirs = taking_note(MLPClassifier)(**common)
        for _ in range(EPOCHS):
            theirs.partial_fit(x, labels, classes=np.unique(labels))
        t = labels[:, None].astype(float) if task == "binary" else np.eye(3)[labels]
    else:
        theirs = taking_note(MLPRegressor)(**common)
        for _ in range(EPOCHS):
            theirs.partial_fit(x, t if outputs > 1 else t.ravel())
    objective = "cross_entropy" if task in ("binary", "classes") else "linear_squared_error"
    plan = design((5, 4), activation, objective, optimizer=optimizer)
    start = flat(theirs.start_)
    ours, loss = our_path(plan, x, t, start, batch, rate)
    expected = flat(zip(theirs.coefs_, theirs.intercepts_, strict=True))
    assert np.abs(expected - start).max() > 1e-2  # it went somewhere
    assert np.abs(ours - expected).max() < 1e-9

    if objective == "cross_entropy":
        assert loss == pytest.approx(log_loss(labels, theirs.predict_proba(x)), rel=1e-9)
    else:  # ours is the sum over outputs, with a half
        mean = mean_squared_error(t, theirs.predict(x).reshape(t.shape))
        assert loss == pytest.approx(0.5 * outputs * mean, rel=1e-9)


def test_multilabel_weights_equal_scikit_learns():
    """One logistic a label: unit_cross_entropy."""
    x = data(3)[0]
    labels = np.random.default_rng(4).integers(0, 2, size=(N, 3))
    theirs = taking_note(MLPClassifier)(
        hidden_layer_sizes=(5, 4),
        activation="tanh",
        alpha=0.0,
        batch_size=7,
        learning_rate_init=0.1,
        shuffle=False,
        solver="sgd",
        momentum=0.9,
        nesterovs_momentum=True,
        random_state=2,
        max_iter=1000,
    )
    for _ in range(EPOCHS):
        theirs.partial_fit(x, labels, classes=[0, 1, 2])
    plan = design((5, 4), "tanh", "unit_cross_entropy", optimizer="nesterov")
    ours, _ = our_path(plan, x, labels.astype(float), flat(theirs.start_), 7, 0.1)
    expected = flat(zip(theirs.coefs_, theirs.intercepts_, strict=True))
    assert np.abs(ours - expected).max() < 1e-9
