"""scikit-learn's MLPClassifier and MLPRegressor: the same weights after every epoch, to 1e-9."""

from inspect import signature

import numpy as np
import pytest
from scipy.sparse import csc_array, csr_matrix
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_linnerud,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from study.errors import UsageError
from study.estimator import DeltaRuleClassifier, DeltaRuleRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
N, D, EPOCHS, HIDDEN = 23, 4, 6, (5, 4)
HEAVY = {"solver": "sgd", "nesterovs_momentum": False}
SOLVERS = {  # ours, theirs
    "plain": ({"solver": {"sgd": None}}, {"solver": "sgd", "momentum": 0.0}),
    "momentum": ({"solver": "momentum"}, HEAVY),
    "nesterov": ({"solver": "nesterov"}, {"solver": "sgd"}),
    "adam": ({"solver": "adam"}, {"solver": "adam"}),
    "sgd": ({"solver": "sgd"}, {"solver": "sgd"}),
    "sgd-heavy": (HEAVY, HEAVY),
    "sgd-plain": ({"solver": "sgd", "momentum": 0.0},) * 2,
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


def go_on(net, x, y, weights=None):
    """Take one epoch; all classes are known from the first."""
    if not isinstance(net, CLASSIFIERS) or hasattr(net, "classes_"):
        return net.partial_fit(x, y, weights)
    return net.partial_fit(x, y, weights, np.arange(3) if y.ndim > 1 else np.unique(y))


def assert_same(ours, theirs, atol=1e-9):
    for name in ("coefs_", "intercepts_"):
        for mine, other in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            np.testing.assert_allclose(mine, other, rtol=0, atol=atol)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-9)
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    for name in ("best_loss_", "best_validation_score_", "validation_scores_"):
        mine, other = getattr(ours, name), getattr(theirs, name)
        assert mine is other is None or mine == pytest.approx(other, rel=1e-9), name


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
    mine, other = SOLVERS[solver]
    ours, theirs = Ours(**common, **mine), Theirs(**common, **other)
    first = go_on(ours, x, y).coefs_
    assert_same(ours, go_on(theirs, x, y))
    for _ in range(EPOCHS - 1):
        assert_same(go_on(ours, x, y), go_on(theirs, x, y))
    whole = Ours(**common, **mine, max_iter=EPOCHS).fit(x, y)
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
    test = np.random.default_rng(1).normal(size=(40, D))
    if Ours is DeltaRuleRegressor:
        np.testing.assert_allclose(ours.predict(test), theirs.predict(test), atol=1e-7)
        return
    np.testing.assert_array_equal(ours.predict(test), theirs.predict(test))
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    proba = theirs.predict_proba(test)
    np.testing.assert_allclose(ours.predict_proba(test), proba, atol=1e-7)
    np.testing.assert_allclose(np.exp(ours.predict_log_proba(test)), proba, atol=1e-7)


STOPPING = {
    "loss": {},
    "validation": {"early_stopping": True, "validation_fraction": 0.3},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.3},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive"},
    "both": {"solver": "sgd", "learning_rate": "adaptive", "early_stopping": True},
    "unused": {"learning_rate": "adaptive"},  # by adam
}


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("setting", STOPPING)
@pytest.mark.parametrize("task", TASKS)
def test_schedules_and_stopping(task, setting, weighted, capsys):
    """What is printed, and the weights that are left, with sample weights and sparse inputs."""
    x, y = data(task)
    x, y = np.tile(x, (3, 1)), np.concatenate([y] * 3)  # a validation part of all classes
    weights = np.arange(len(x)) % 4 * 0.7 if weighted else None
    common = {"random_state": 1, "tol": 0.01, "n_iter_no_change": 2, "batch_size": 8}
    common |= {"learning_rate_init": 0.02, "max_iter": 80, "verbose": True, **STOPPING[setting]}
    ours, theirs = (Net(**common) for Net in PAIRS[task])
    ours.fit(csc_array(x) if weighted else csr_matrix(x), y, weights)
    said = capsys.readouterr().out
    assert_same(ours, theirs.fit(x, y, weights))
    assert said == capsys.readouterr().out and ours.n_iter_ > 3
    if setting in ("loss", "validation"):
        assert ours.n_iter_ < 80
    assert ("Setting learning rate" in said) == (setting in ("adaptive", "both"))
    np.testing.assert_array_equal(ours.predict(csr_matrix(x)), ours.predict(x))
    assert ours.score(x, y, weights) == pytest.approx(theirs.score(x, y, weights), rel=1e-9)


REAL = {
    "iris": (CLASSIFIERS, load_iris),
    "breast cancer": (CLASSIFIERS, load_breast_cancer),
    "digits": (CLASSIFIERS, lambda return_X_y: load_digits(n_class=4, return_X_y=True)),
    "diabetes": (REGRESSORS, load_diabetes),
    "linnerud": (REGRESSORS, load_linnerud),
}


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("name", REAL)
def test_real_data_by_defaults(name, solver):
    nets, load = REAL[name]
    x, y = load(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    y = y / y.std(axis=0) if nets is REGRESSORS else y
    ours, theirs = (Net(solver=solver, random_state=0).fit(x, y) for Net in nets)
    assert_same(ours, theirs)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), rtol=1e-9)


@pytest.mark.parametrize("nets", [CLASSIFIERS, REGRESSORS])
def test_names_and_defaults_are_scikit_learns(nets):
    """But those of L-BFGS, and the regressor's loss, which `objective` takes the place of."""
    mine, other = (Net().get_params() for Net in nets)
    assert other.keys() - mine.keys() == {"max_fun"} | ({"loss"} & other.keys())
    assert (
        other.items() & mine.items() == {k: other[k] for k in other.keys() & mine.keys()}.items()
    )
    for name in ("fit", "partial_fit", "score"):
        first, second = (list(signature(getattr(Net, name)).parameters) for Net in nets)
        assert first == second


@pytest.mark.parametrize("early", [False, True])
def test_warm_start(early):
    """It goes on from the weights, with a new optimizer, loss curve and epochs counted on."""
    x, _ = data("classes")
    y = np.digitize(x[:, 0], [-0.4, 0.4])  # something to learn
    common = {"random_state": 2, "max_iter": 4, "batch_size": 9, "warm_start": True}
    common |= {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1}
    common |= {"early_stopping": early, "validation_fraction": 0.3}
    ours, theirs = DeltaRuleClassifier(**common), MLPClassifier(**common)
    for _ in range(3):
        assert_same(ours.fit(x, y), theirs.fit(x, y))
        if early:  # scikit-learn's own are trained further with the weights, as the same arrays
            for name in ("_best_coefs", "_best_intercepts"):
                setattr(theirs, name, [array.copy() for array in getattr(theirs, name)])
    assert len(ours.loss_curve_) == 12
    cold = DeltaRuleClassifier(**common | {"warm_start": False}).fit(x, y)
    assert np.abs(cold.coefs_[0] - ours.coefs_[0]).max() > 1e-4


@pytest.mark.filterwarnings("ignore:(?s).*clipped")  # the part of two
@pytest.mark.parametrize("schedule", ["constant", "invscaling", "adaptive"])
def test_partial_fit_on_other_data_each_time(schedule):
    """Chunks of several lengths, not all with all classes, shuffled from a generator."""
    x, y = data("classes")
    common = {"batch_size": 4, "solver": "sgd", "learning_rate": schedule, "n_iter_no_change": 1}
    common |= {"learning_rate_init": 0.1, "tol": 0.5}
    nets = [Net(HIDDEN, **common, random_state=np.random.RandomState(5)) for Net in CLASSIFIERS]
    for part in (slice(0, 10), slice(10, 12), slice(12, 17), slice(17, 23)) * 2:
        w = np.arange(len(y))[part] % 3 + 0.5
        assert_same(*(n.partial_fit(x[part], y[part], w, np.unique(y)) for n in nets))


def test_float32():
    x, y = data("outputs")
    common = {"random_state": 0, "max_iter": 5, "batch_size": 6}
    ours = DeltaRuleRegressor(HIDDEN, dtype="float32", **common).fit(x, y)
    theirs = MLPRegressor(hidden_layer_sizes=HIDDEN, **common)
    theirs.fit(x.astype("float32"), y)
    assert {w.dtype for w in ours.coefs_} == {np.dtype("float32")}
    for mine, other in zip(ours.coefs_, theirs.coefs_, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-5)
    assert ours.predict(x).dtype == np.float32


def test_lbfgs_is_no_solver_of_steps():
    with pytest.raises(ValueError, match="'lbfgs' makes no steps of learning_rate_init"):
        DeltaRuleClassifier(solver="lbfgs").fit(*load_iris(return_X_y=True))


def test_patterns_have_no_weights_where_the_objective_changes_the_error():
    """The error of a weighted pattern is c (y - t), of which a logarithm is no c log."""
    net = DeltaRuleClassifier((4,), objective={"unit_squared_error": {"dead_zone": 0.1}})
    with pytest.raises(UsageError, match="leave out sample_weight"):
        net.fit(np.eye(6), np.arange(6) % 3, np.ones(6))
