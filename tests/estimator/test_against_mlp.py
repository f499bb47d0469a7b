"""scikit-learn's MLPClassifier and MLPRegressor: the same weights after every epoch, to 1e-9."""

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

from study.estimator import DeltaRuleClassifier, DeltaRuleRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
N, D, EPOCHS, HIDDEN = 23, 4, 6, (5, 4)
SOLVERS = {  # ours -> theirs
    "sgd": {"solver": "sgd", "momentum": 0.0},
    "momentum": {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": False},
    "nesterov": {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": True},
    "adam": {"solver": "adam"},
}
TASKS = ("binary", "classes", "labels", "regression", "outputs")


def data(task):
    rng = np.random.default_rng(TASKS.index(task))
    x, real = rng.normal(size=(N, D)), rng.normal(size=(N, 3))
    return x, {
        "binary": np.array(["no", "yes"])[np.arange(N) % 2],
        "classes": np.arange(N) % 3 + 5,
        "labels": (real > 0).astype(int),
        "regression": real[:, 0],
        "outputs": real,
    }[task]


CLASSIFIERS, REGRESSORS = (DeltaRuleClassifier, MLPClassifier), (DeltaRuleRegressor, MLPRegressor)
PAIRS = dict.fromkeys(TASKS, CLASSIFIERS) | dict.fromkeys(("regression", "outputs"), REGRESSORS)


def go_on(net, x, y):
    """Take one epoch; all classes are known from the first."""
    if not isinstance(net, CLASSIFIERS) or hasattr(net, "classes_"):
        return net.partial_fit(x, y)
    return net.partial_fit(x, y, classes=np.arange(3) if y.ndim > 1 else np.unique(y))


def assert_same(ours, theirs, atol=1e-9):
    for name in ("coefs_", "intercepts_"):
        for mine, other in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            np.testing.assert_allclose(mine, other, rtol=0, atol=atol)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-9)
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_"):
        assert getattr(ours, name) == getattr(theirs, name), name


@pytest.mark.parametrize(("batch", "alpha"), [(N, 0.0), (7, 0.5)], ids=["full", "last-smaller"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", TASKS)
def test_weights_after_every_epoch(task, solver, batch, alpha):
    x, y = data(task)
    rate = 0.01 if solver == "adam" else 0.1
    common = {
        **{"hidden_layer_sizes": HIDDEN, "activation": "tanh", "alpha": alpha, "shuffle": False},
        **{"batch_size": batch, "learning_rate_init": rate, "random_state": 0},
    }
    Ours, Theirs = PAIRS[task]
    ours, theirs = Ours(**common, solver=solver), Theirs(**common, **SOLVERS[solver])
    first = go_on(ours, x, y).coefs_
    assert_same(ours, go_on(theirs, x, y))
    for _ in range(EPOCHS - 1):
        assert_same(go_on(ours, x, y), go_on(theirs, x, y))
    whole = Ours(**common, solver=solver, max_iter=EPOCHS).fit(x, y)
    np.testing.assert_equal(whole.coefs_ + whole.intercepts_, ours.coefs_ + ours.intercepts_)
    assert max(np.abs(a - b).max() for a, b in zip(ours.coefs_, first, strict=True)) > 1e-2


@pytest.mark.parametrize(
    ("activation", "hidden"),
    [*((name, HIDDEN) for name in ("identity", "logistic", "tanh", "relu")), ("relu", ())],
)
@pytest.mark.parametrize("task", TASKS)
def test_random_state_order_and_stopping(task, activation, hidden):
    """Starting weights, shuffling, and the epoch at which training stops, from one seed."""
    x, y = data(task)
    common = {
        **{"hidden_layer_sizes": hidden, "activation": activation, "alpha": 1e-3, "tol": 1e-3},
        **{"batch_size": 7, "learning_rate_init": 0.05, "random_state": 3, "max_iter": 60},
        "n_iter_no_change": 4,
    }
    Ours, Theirs = PAIRS[task]
    ours, theirs = (Net(**common).fit(x, y) for Net in (Ours, Theirs))
    assert_same(ours, theirs, atol=1e-8)
    assert ours.best_loss_ == pytest.approx(theirs.best_loss_, rel=1e-9)
    test = np.random.default_rng(1).normal(size=(40, D))
    if Ours is DeltaRuleRegressor:
        np.testing.assert_allclose(ours.predict(test), theirs.predict(test), atol=1e-7)
        return
    np.testing.assert_array_equal(ours.predict(test), theirs.predict(test))
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    proba = theirs.predict_proba(test)
    np.testing.assert_allclose(ours.predict_proba(test), proba, atol=1e-7)
    np.testing.assert_allclose(np.exp(ours.predict_log_proba(test)), proba, atol=1e-7)


def test_it_stops_early_where_scikit_learn_does(capsys):
    x, y = data("classes")
    common = {"random_state": 0, "tol": 0.05, "n_iter_no_change": 2, "batch_size": 8}
    ours = DeltaRuleClassifier(**common, verbose=True).fit(x, y)
    said = capsys.readouterr().out
    theirs = MLPClassifier(**common, alpha=0.0, verbose=True).fit(x, y)
    assert 3 < ours.n_iter_ == theirs.n_iter_ < 200
    assert said == capsys.readouterr().out


def test_warm_start():
    """It goes on from the weights, with a new optimizer, loss curve and epochs counted on."""
    x, y = data("classes")
    common = {"random_state": 2, "max_iter": 4, "batch_size": 9, "warm_start": True}
    ours, theirs = DeltaRuleClassifier(**common), MLPClassifier(**common, alpha=0.0)
    for _ in range(3):
        assert_same(ours.fit(x, y), theirs.fit(x, y))
    assert len(ours.loss_curve_) == 12
    cold = DeltaRuleClassifier(random_state=2, max_iter=4, batch_size=9).fit(x, y)
    assert np.abs(cold.coefs_[0] - ours.coefs_[0]).max() > 1e-4


@pytest.mark.filterwarnings("ignore:(?s).*clipped")  # the part of two
def test_partial_fit_on_other_data_each_time():
    """Chunks of several lengths, not all with all classes, shuffled from a generator."""
    x, y = data("classes")
    nets = [
        Net(HIDDEN, batch_size=4, random_state=np.random.RandomState(5), alpha=0.0)
        for Net in CLASSIFIERS
    ]
    for part in (slice(0, 10), slice(10, 12), slice(12, 17), slice(17, 23)) * 2:
        assert_same(*(n.partial_fit(x[part], y[part], classes=np.unique(y)) for n in nets))


def test_float32():
    x, y = data("outputs")
    common = {"random_state": 0, "max_iter": 5, "batch_size": 6}
    ours = DeltaRuleRegressor(HIDDEN, dtype="float32", **common).fit(x, y)
    theirs = MLPRegressor(hidden_layer_sizes=HIDDEN, alpha=0.0, **common)
    theirs.fit(x.astype("float32"), y)
    assert {w.dtype for w in ours.coefs_} == {np.dtype("float32")}
    for mine, other in zip(ours.coefs_, theirs.coefs_, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-5)
    assert ours.predict(x).dtype == np.float32
