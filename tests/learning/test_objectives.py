"""Objectives: values against scikit-learn, deltas, and net inputs of any size."""

import math

import numpy as np
import pytest
import reference
from sklearn.metrics import log_loss, mean_squared_error

from study.learning.activations import bound_activation
from study.learning.objectives import OBJECTIVES


def evaluate(name, z, t, hidden="tanh"):
    """Return the terms for net inputs z and targets t, both (outputs, patterns)."""
    objective = OBJECTIVES[name]
    z, t = np.asarray(z)[None], np.asarray(t)[None]
    output = objective.output(bound_activation(hidden), z.shape[1])
    y, terms = np.empty_like(z), np.full_like(z, np.nan)
    kept = z.copy()
    with np.errstate(over="ignore", under="ignore"):
        output.value(z, y)
        objective.terms(z, y, t, terms)
    assert np.array_equal(z, kept, equal_nan=True)
    return terms[0], y[0]


RNG = np.random.default_rng(0)
Z = RNG.normal(scale=3.0, size=(4, 50))
CLASSES = RNG.integers(0, 4, size=50)
ONE_OF = np.eye(4)[CLASSES].T
LABELS = RNG.integers(0, 2, size=(4, 50)).astype(float)


def test_softmax_cross_entropy():
    terms, y = evaluate("cross_entropy", Z, ONE_OF)
    assert terms.sum() / 50 == pytest.approx(log_loss(CLASSES, y.T), rel=1e-12)
    np.testing.assert_allclose(y.sum(axis=0), 1.0)


def test_cross_entropy_of_one_output():
    terms, y = evaluate("cross_entropy", Z[:1], LABELS[:1])
    assert terms.sum() / 50 == pytest.approx(log_loss(LABELS[0], y[0]), rel=1e-12)


def test_cross_entropy_of_units():
    terms, y = evaluate("unit_cross_entropy", Z, LABELS)
    expected = sum(log_loss(LABELS[k], y[k]) for k in range(4))
    assert terms.sum() / 50 == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["squared_error", "linear_squared_error"])
def test_squared_errors(name):
    t = RNG.normal(size=Z.shape)
    terms, y = evaluate(name, Z, t)
    assert terms.sum() / 50 == pytest.approx(0.5 * 4 * mean_squared_error(t, y), rel=1e-12)


def test_soft_targets():
    """-Σ t ln y for any distribution t, by the scalar twin's softmax."""
    t = RNG.dirichlet(np.ones(4), size=50).T
    terms, _ = evaluate("cross_entropy", Z, t)
    expected = [
        -sum(p * math.log(q) for p, q in zip(t[:, n], reference.softmax(Z[:, n]), strict=True))
        for n in range(50)
    ]
    np.testing.assert_allclose(terms.sum(axis=0), expected, rtol=1e-10)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_output_delta_is_the_derivative(name, outputs):
    """dL/dz = (y - t), times f' where the objective says so; by central differences in z."""
    objective, h = OBJECTIVES[name], 1e-5
    rng = np.random.default_rng(1)
    z, t = rng.normal(size=(outputs, 7)), rng.uniform(0.1, 0.9, size=(outputs, 7))
    if outputs > 1:
        t /= t.sum(axis=0)
    _, y = evaluate(name, z, t)
    delta = y - t
    if objective.output_factor:
        delta *= 1.0 - y**2  # tanh
    for k, n in np.ndindex(z.shape):
        up, down = z.copy(), z.copy()
        up[k, n] += h
        down[k, n] -= h
        numeric = (evaluate(name, up, t)[0].sum() - evaluate(name, down, t)[0].sum()) / (2.0 * h)
        assert delta[k, n] == pytest.approx(numeric, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [50.0, 1e4, 1e30])
@pytest.mark.parametrize("name", ["cross_entropy", "unit_cross_entropy"])
def test_large_net_inputs(name, size, dtype):
    """ln y from z: no overflow, no ln 0, and |z| lost where the answer is wrong by z."""
    z = np.array([[size, -size], [-size, size], [0.0, 0.0]], dtype)
    right = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], dtype)
    wrong = right[[1, 0, 2]]
    good, bad = evaluate(name, z, right)[0], evaluate(name, z, wrong)[0]
    assert np.isfinite(good).all() and np.isfinite(bad).all()
    assert good[:2].max() < 1e-15
    # softmax: 2 size to the winner; a logistic each: size for each of two wrong units
    np.testing.assert_allclose(bad[:2].sum(axis=0), 2.0 * size, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_output_with_large_net_inputs(dtype):
    z = np.array([[1e4, -1e4, 1e4, -1e4]], dtype)
    t = np.array([[1.0, 0.0, 0.0, 1.0]], dtype)
    np.testing.assert_allclose(evaluate("cross_entropy", z, t)[0], [[0.0, 0.0, 1e4, 1e4]])


@pytest.mark.parametrize("name", OBJECTIVES)
def test_not_a_number_stays_one(name):
    z = np.zeros((2, 2))
    z[0, 0] = np.nan
    with np.errstate(invalid="ignore"):
        terms, _ = evaluate(name, z, np.ones((2, 2)))
    assert np.isnan(terms.sum())


def test_only_squared_error_of_squashed_units_has_a_factor_at_the_output():
    assert {name for name, o in OBJECTIVES.items() if o.output_factor} == {"squared_error"}
