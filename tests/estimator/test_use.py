"""As users meet them: pipelines, searches, copies, rules, starting weights, mistakes."""

import contextlib
import pickle

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

from study.errors import UsageError
from study.estimator import DeltaRuleClassifier, DeltaRuleRegressor
from study.learning.activations import ACTIVATIONS, bound_activation
from study.learning.core import caching
from study.learning.objectives import OBJECTIVES
from study.learning.optimizers import OPTIMIZERS
from study.learning.rules import GRADIENTS
from study.learning.rules.base import Gradient

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SMALL = {"hidden_layer_sizes": (6,), "random_state": 0, "max_iter": 5, "batch_size": 30}
X, Y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
REAL = np.stack([X @ [1.0, -1.0, 0.5, 2.0], X[:, 0] * X[:, 1]], axis=1)


def halve(z, y, slope, numbers, key, step):
    slope[:] = 0.5 * slope


HALVED = Gradient(name="halved", formula="φ = f' / 2", reference="this test", factor=halve)


def fit(net, y=Y):
    return net.fit(X, y)


def classifier(**settings):
    return DeltaRuleClassifier(**{**SMALL, **settings})


def regressor(**settings):
    return DeltaRuleRegressor(**{**SMALL, **settings})


def assert_equal_weights(a, b):
    np.testing.assert_equal(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_)


def differ(a, b):
    return max(np.abs(v - w).max() for v, w in zip(a.coefs_, b.coefs_, strict=True)) > 1e-6


# ---- pipelines, searches, copies ----------------------------------------------------------------


def test_grid_search_in_two_processes():
    """Names, names with parameters, and a record of one's own, in a pipeline."""
    pipeline = make_pipeline(StandardScaler(), classifier(activation="tanh"))
    grid = {"deltaruleclassifier__gradient": ["exact", {"floor": {"minimum": 0.2}}, HALVED]}
    alone = GridSearchCV(pipeline, grid, cv=2).fit(X, Y)  # compiles for the processes
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2, error_score="raise").fit(X, Y)
    scores = search.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(scores, alone.cv_results_["mean_test_score"])
    assert search.best_estimator_.predict(X).shape == Y.shape


@pytest.mark.parametrize(
    "gradient",
    ["removed", {"floor": {"minimum": 0.1}}, GRADIENTS["removed"], HALVED],
    ids=["name", "parameters", "record", "own"],
)
def test_clones_and_pickles(gradient):
    net = classifier(gradient=gradient, activation=bound_activation("softsign"))
    trained = fit(clone(net))
    assert net.get_params()["gradient"] is gradient and not hasattr(net, "coefs_")
    again = pickle.loads(pickle.dumps(trained))
    np.testing.assert_array_equal(again.predict_proba(X), trained.predict_proba(X))
    assert_equal_weights(again.partial_fit(X, Y), trained.partial_fit(X, Y))
    assert_equal_weights(fit(clone(trained)), fit(net))


def test_several_labels():
    labels = np.stack([X[:, 0] > 0, X[:, 1] > 0, X[:, 2] > 0], axis=1).astype(int)
    net = fit(classifier(max_iter=80, learning_rate_init=0.02), labels)
    assert (net.predict(X) == labels).mean() > 0.95
    assert net.predict_proba(X).shape == (len(X), 3)
    one, *others = fit(classifier(), labels), fit(classifier(), csr_matrix(labels))
    for other in (*others, fit(classifier(objective="unit_cross_entropy"), labels)):
        assert_equal_weights(one, other)


# ---- rules --------------------------------------------------------------------------------------


def test_the_gradient_is_at_work():
    exact = fit(classifier(activation="tanh"))
    assert differ(fit(classifier(activation="tanh", gradient="removed")), exact)
    # sgd: half the slope in the one hidden layer is half the step of its weights, from one start
    one = {"solver": "sgd", "max_iter": 1, "batch_size": len(X), "activation": "tanh"}
    one["alpha"] = 0.0
    settings = {"learning_rate_init": 1e-300}, {}, {"gradient": HALVED}
    before, full, half = (fit(classifier(**one, **some)).coefs_[0] for some in settings)
    np.testing.assert_allclose(half - before, 0.5 * (full - before), rtol=1e-9, atol=1e-16)


@pytest.mark.parametrize("gradient", GRADIENTS)
def test_partial_fits_are_a_fit_in_parts(gradient):
    """What a rule draws and has prepared is the same, whether or not training is interrupted."""
    activation = "relu" if gradient in ("leaky_backward", "relu_at_zero") else "tanh"
    settings = {"gradient": gradient, "activation": activation, "shuffle": False}
    whole = fit(classifier(**settings, max_iter=3))
    parts = classifier(**settings)
    for _ in range(3):
        parts = pickle.loads(pickle.dumps(parts)).partial_fit(X, Y, classes=[0, 1, 2])
    assert_equal_weights(parts, whole)


def test_random_rules_follow_random_state():
    settings = {"gradient": {"random": {"low": 0.1, "high": 1.9}}, "activation": "tanh"}
    first = fit(classifier(**settings))
    assert_equal_weights(fit(classifier(**settings)), first)
    start = {"coef_init": first.coefs_, "intercept_init": first.intercepts_, "shuffle": False}
    one, two = (fit(classifier(**settings, **start | {"random_state": s})) for s in (1, 2))
    assert differ(one, two)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_all_activations_train(activation):
    net = fit(classifier(activation=activation, max_iter=60, learning_rate_init=0.02))
    assert net.score(X, Y) > 0.9


@pytest.mark.parametrize("solver", [name for name, o in OPTIMIZERS.items() if not o.scipy])
def test_all_solvers_descend_at_one_of_the_rates(solver):
    batch = "auto" if OPTIMIZERS[solver].full_batch else 30
    drops = []
    for rate in (0.02, 0.3, 1.0):
        net = regressor(solver=solver, learning_rate_init=rate, max_iter=40, batch_size=batch)
        with contextlib.suppress(ValueError):  # weights that explode
            fit(net, REAL / REAL.std(axis=0))
            drops.append(net.loss_ / net.loss_curve_[0])
    assert min(drops) < 0.6


def test_solvers_numbers():
    """scikit-learn's keywords are for solvers with its defaults; others take theirs by name."""

    def same(a, b):
        return not differ(fit(classifier(**a)), fit(classifier(**b)))

    assert same({"solver": "adam", "beta_1": 0.5}, {"solver": {"adam": {"beta_1": 0.5}}})
    assert not same({"solver": "adam", "beta_1": 0.5}, {"solver": "adam"})
    assert same(
        {"solver": {"adam": {"beta_1": 0.5}}, "beta_1": 0.1, "beta_2": 0.9},
        {"solver": {"adam": {"beta_1": 0.5, "beta_2": 0.9}}},
    )
    assert same({"solver": "adadelta", "epsilon": 1e-3}, {"solver": "adadelta"})
    assert not same({"solver": {"adadelta": {"epsilon": 1e-3}}}, {"solver": "adadelta"})
    assert not same({"solver": "momentum", "momentum": 0.1}, {"solver": "momentum"})
    assert same({"solver": "sgd", "momentum": 0.1}, {"solver": {"nesterov": {"momentum": 0.1}}})
    assert same({"solver": "sgd", "nesterovs_momentum": False}, {"solver": "momentum"})
    for plain in ({"sgd": None}, OPTIMIZERS["sgd"]):
        assert same({"solver": "sgd", "momentum": 0}, {"solver": plain})


# ---- sample weights -----------------------------------------------------------------------------


@pytest.mark.parametrize("gradient", ["exact", "removed"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_weight_of_two_is_a_pattern_twice(objective, gradient):
    """And 0 is none: in a full batch, whatever the objective, the rule and the scale."""
    w = np.resize([0, 2, 1, 2], len(X))  # their sum is not n, and under 200: one batch
    settings = {"objective": objective, "gradient": gradient, "activation": "tanh"}
    settings |= {"batch_size": "auto", "max_iter": 8, "learning_rate_init": 0.02, "alpha": 0.1}
    targets = {
        "classification": (DeltaRuleClassifier, Y),
        "multilabel": (DeltaRuleClassifier, (REAL > 0).astype(int)),
        "regression": (DeltaRuleRegressor, REAL / REAL.std(axis=0)),
    }
    for task in OBJECTIVES[objective].tasks:
        Net, y = targets[task]
        net = Net(**SMALL | settings).fit(X, y, w)
        twice = Net(**SMALL | settings).fit(np.repeat(X, w, axis=0), np.repeat(y, w, axis=0))
        np.testing.assert_allclose(net.loss_curve_, twice.loss_curve_, rtol=1e-9)
        for mine, other in zip(net.coefs_, twice.coefs_, strict=True):
            np.testing.assert_allclose(mine, other, atol=1e-9)
        settings["alpha"] = 0.0
        scaled = [Net(**SMALL | settings).fit(X, y, c * w).loss_ for c in (1.0, 1e3)]
        assert scaled[0] == pytest.approx(scaled[1], rel=1e-9)


def test_weights_in_float32():
    nets = [classifier(dtype=name).fit(X, Y, Y + 0.5) for name in ("float32", "float64")]
    assert nets[0].coefs_[0].dtype == np.float32
    np.testing.assert_allclose(nets[0].coefs_[0], nets[1].coefs_[0], atol=1e-5)


def test_weights_that_sum_to_nothing():
    with pytest.raises(UsageError, match="of a batch sum to 0: take a larger batch_size"):
        classifier(shuffle=False).fit(X, Y, np.arange(len(X)) >= 30)


# ---- objectives ---------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["tanh", "logistic", "relu"])
@pytest.mark.parametrize("location", ["hidden", "output", "all", "last_1"])
def test_squashed_outputs_classify(activation, location):
    y = Y > 0 if location == "all" else Y
    settings = {"objective": "squared_error", "gradient": {"floor": {"minimum": 0.1}}}
    settings |= {"activation": activation, "gradient_location": location}
    net = fit(classifier(**settings, learning_rate_init=0.02, max_iter=80), y)
    assert net.score(X, y) > 0.9
    proba = net.predict_proba(X)
    assert proba.min() >= 0.0
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    assert (net.classes_[proba.argmax(axis=1)] == net.predict(X)).mean() > 0.95


def test_squashed_outputs_predict_in_the_targets_units():
    y = 1000.0 + 50.0 * REAL
    settings = {"objective": "squared_error", "activation": "tanh", "max_iter": 150}
    net = fit(regressor(**settings, learning_rate_init=0.02), y)
    assert net.score(X, y) > 0.8
    later = net.partial_fit(X[:50], y[:50] + 1e6)  # the range is that of the first fit
    assert np.abs(later.predict(X) - 1000.0).max() < 1000.0


# ---- starts and ends ----------------------------------------------------------------------------


def test_starting_weights_are_the_users_and_stay_as_they_are():
    first = fit(classifier(shuffle=False))
    start = {"coef_init": first.coefs_, "intercept_init": first.intercepts_, "shuffle": False}
    before = [w.copy() for w in first.coefs_]
    net = fit(classifier(**start, random_state=7))
    np.testing.assert_equal(first.coefs_, before)
    assert_equal_weights(net, fit(first.set_params(warm_start=True)))


def test_training_that_has_not_converged_or_explodes_is_told():
    with pytest.warns(ConvergenceWarning, match="max_iter = 3 epochs"):
        fit(classifier(max_iter=3))
    net = regressor(solver="sgd", learning_rate_init=1e30, activation="identity")
    with pytest.raises(ValueError, match=r"not finite after [12] epochs: lower"):
        fit(net, 1e6 * REAL)


def test_early_stopping_keeps_the_best_weights():
    """Also of a training that explodes, which is told."""
    net = regressor(solver="sgd", learning_rate_init=3.0, early_stopping=True, max_iter=50)
    with pytest.warns(ConvergenceWarning, match=r"not finite after \d+ epochs: lower"):
        fit(net, REAL)
    assert np.isfinite(net.predict(X)).all() and net.n_iter_ == len(net.validation_scores_)
    net = fit(classifier(early_stopping=True, max_iter=30, learning_rate_init=0.5))
    scores = net.validation_scores_
    assert scores[-1] < max(scores) == net.best_validation_score_ and net.best_loss_ is None
    again = classifier(early_stopping=True, max_iter=int(np.argmax(scores)) + 1)
    assert_equal_weights(net, fit(again.set_params(learning_rate_init=0.5)))
    loss = fit(net.set_params(early_stopping=False, warm_start=True))
    assert loss.best_loss_ < 1 and loss.validation_scores_ is None


def test_a_fit_that_compiles_says_so(monkeypatch, tmp_path, capsys):
    def third(z, y, slope, constants, key, step):
        slope[:] = slope / 3

    fit(classifier())  # all but the rule is there
    capsys.readouterr()
    monkeypatch.setattr(caching.numba.config, "CACHE_DIR", str(tmp_path))
    rule = Gradient(name="third", formula="φ = f' / 3", reference="this test", factor=third)
    for said in ("compiling for this processor: some seconds, once\n", ""):
        fit(classifier(gradient=rule))
        assert capsys.readouterr().err == said


def test_interrupted_training_keeps_what_it_has(monkeypatch):
    from study.learning.core.trainer import Trainer

    advance, calls = Trainer.advance, []

    def interrupted(trainer, schedule):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(schedule)
        advance(trainer, schedule)

    two = fit(classifier(max_iter=2))
    monkeypatch.setattr(Trainer, "advance", interrupted)
    with pytest.warns(UserWarning, match="interrupted by user"):
        net = fit(classifier(max_iter=50))
    assert net.n_iter_ == 2
    assert_equal_weights(net, two)


def test_a_batch_larger_than_the_data_is_clipped():
    with pytest.warns(UserWarning, match="batch_size 1000 is larger than the 150 patterns"):
        net = fit(classifier(batch_size=1000))
    assert_equal_weights(net, fit(classifier(batch_size=150)))


# ---- mistakes -----------------------------------------------------------------------------------

OUT_OF_RANGE = [
    *(("gradient_location", "last_0"), ("dtype", "float46"), ("alpha", -1), ("tol", None)),
    *(("learning_rate_init", 0), ("beta_1", 1), ("momentum", float("nan")), ("max_iter", 2.5)),
    *(("n_iter_no_change", 0), ("batch_size", "all"), ("alpha", np.inf), ("epsilon", 0)),
    *(("learning_rate", "optimal"), ("power_t", -1), ("nesterovs_momentum", None)),
    *(("early_stopping", "yes"), ("validation_fraction", 1.0), ("intercept_init", 3)),
    *(("gradient", 3), ("activation", None), ("solver", 0.9), ("objective", print)),
]
MISTAKES = {
    "unknown gradient 'flor'. Did you mean 'floor'": {"gradient": "flor"},
    "unknown activation 'tahn'. Did you mean 'tanh'": {"activation": "tahn"},
    "unknown solver 'addam'. Did you mean 'adam'": {"solver": "addam"},
    "unknown objective 'cross_entrop'. Did you": {"objective": "cross_entrop"},
    "of gradient 'floor' 'minimun'. Did": {"gradient": {"floor": {"minimun": 1}}},
    "floor.minimum = -1 is out of range": {"gradient": {"floor": {"minimum": -1}}},
    "gradient takes a record of class Gradient": {"gradient": ACTIVATIONS["tanh"]},
    "gradient takes a name, or a name with parameters": {"gradient": {}},
    "solver 'lbfgs' makes no steps of learning_rate_init. Valid: sgd,": {"solver": "lbfgs"},
    "validation_fraction = 0.001 takes 1 of 150": {
        **{"early_stopping": True, "validation_fraction": 0.001}
    },
    "validation_fraction = 0.999 takes 150 of 150": {
        **{"early_stopping": True, "validation_fraction": 0.999}
    },
    "gradient_location takes 'hidden'": {"consistent": "true", "gradient_location": "all"},
    "has no matched activation": {"consistent": "true", "gradient": "random_sign"},
    "no factor stands at": {"gradient": "removed", "gradient_location": "all"},
    "factor stands at the output, only": {
        **{"objective": "linear_squared_error", "gradient": "removed"},
        "gradient_location": "output",
    },
    "there is no hidden layer": {"gradient": "removed", "hidden_layer_sizes": ()},
    "gradient relu_at_zero(": {"gradient": "relu_at_zero", "activation": "tanh"},
    "hidden_layer_sizes takes widths from 1, not (5, 0)": {"hidden_layer_sizes": (5, 0)},
    "solver 'rprop' needs full batches": {"solver": "rprop"},
    "of the shapes [(4, 6), (6, 3)], not [(4, 6)]": {"coef_init": [np.ones((4, 6))]},
    "coef_init takes arrays of the shapes": {"coef_init": [["a"], ["b"]]},
    "a number that is not finite": {"intercept_init": [np.full(6, np.nan), np.ones(3)]},
}


@pytest.mark.parametrize(
    ("message", "settings"),
    [
        *((f"The '{name}' parameter of DeltaRule", {name: bad}) for name, bad in OUT_OF_RANGE),
        *MISTAKES.items(),
    ],
)
def test_mistakes_are_one_line(message, settings):
    net = classifier(**settings)
    with pytest.raises(ValueError) as caught:
        net.fit(X, Y)
    assert isinstance(caught.value, UsageError | InvalidParameterError)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(NotFittedError):
        net.predict(X)


def test_an_objective_that_does_not_fit_the_task():
    fitting = [name for name, record in OBJECTIVES.items() if "regression" in record.tasks]
    with pytest.raises(UsageError, match=f"not for regression. Valid: auto, {', '.join(fitting)}"):
        fit(regressor(objective="cross_entropy"), REAL)
    with pytest.raises(UsageError, match="not for multilabel"):
        fit(classifier(objective="cross_entropy"), (REAL > 0).astype(int))


def test_going_on_with_something_else():
    net, real = fit(classifier(warm_start=True)), fit(regressor(warm_start=True), REAL)
    wide, early = {"hidden_layer_sizes": (7,)}, regressor(early_stopping=True)
    for error, said, go_on in (
        (ValueError, "must be the same", lambda: net.fit(X[:100], Y[:100])),
        (ValueError, "among these", lambda: net.partial_fit(X, Y + 1)),
        (ValueError, "since the first call", lambda: net.partial_fit(X, Y, classes=[0, 1])),
        (ValueError, "classes must be passed", lambda: classifier().partial_fit(X, Y)),
        (
            ValueError,
            "The 'tol' par",
            lambda: fit(classifier()).set_params(tol=0j).partial_fit(X, Y),
        ),
        (UsageError, "not support early_stopping", lambda: early.partial_fit(X, REAL)),
        (UsageError, "y has 1 outputs, the network 2", lambda: fit(real, REAL[:, 0])),
        (UsageError, r"widths \(4, 6, 3\), not \(4, 7, 3\)", lambda: fit(net.set_params(**wide))),
    ):
        with pytest.raises(error, match=said):
            go_on()


def test_every_parameter_is_documented():
    assert all(name in DeltaRuleClassifier.__doc__ for name in classifier().get_params())
