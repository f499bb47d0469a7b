"""Objectives: values against scikit-learn, deltas, and net inputs of any size."""

import math

import numpy as np
import pytest
import reference
from sklearn.metrics import log_loss, mean_squared_error
from stacks import terms, values

from study.learning.activations import bound_activation
from study.learning.objectives import OBJECTIVES


def evaluate(name, z, t, hidden="tanh"):
    """Return the term of each pattern, and y, for net inputs z and targets t (outputs, patterns).

    The objective is asked pattern by pattern, and for all of them at once, which is their sum.
    """
    objective = OBJECTIVES[name]
    z = np.asarray(z)
    t = np.asarray(t, z.dtype)
    y = values(objective.output(bound_activation(hidden), len(z)), z)
    kept = z.copy(), y.copy(), t.copy()
    places = [slice(n, n + 1) for n in range(z.shape[1])]
    singly = [
        terms(objective, *(np.ascontiguousarray(part) for part in (z[:, n], y[:, n], t[:, n].T)))
        for n in places
    ]
    together = terms(objective, z, y, np.ascontiguousarray(t.T))
    assert isinstance(together, float)
    np.testing.assert_allclose(together, np.sum(singly), rtol=1e-12 if t.itemsize == 8 else 1e-6)
    for array, before in zip((z, y, t), kept, strict=True):
        assert np.array_equal(array, before, equal_nan=True)
    return np.array(singly), y


RNG = np.random.default_rng(0)
Z = RNG.normal(scale=3.0, size=(4, 50))
CLASSES = RNG.integers(0, 4, size=50)
ONE_OF = np.eye(4)[CLASSES].T
LABELS = RNG.integers(0, 2, size=(4, 50)).astype(float)


def test_softmax_cross_entropy():
    found, y = evaluate("cross_entropy", Z, ONE_OF)
    assert found.sum() / 50 == pytest.approx(log_loss(CLASSES, y.T), rel=1e-12)
    np.testing.assert_allclose(y.sum(axis=0), 1.0)


def test_cross_entropy_of_one_output():
    found, y = evaluate("cross_entropy", Z[:1], LABELS[:1])
    assert found.sum() / 50 == pytest.approx(log_loss(LABELS[0], y[0]), rel=1e-12)


def test_cross_entropy_of_units():
    found, y = evaluate("unit_cross_entropy", Z, LABELS)
    expected = sum(log_loss(LABELS[k], y[k]) for k in range(4))
    assert found.sum() / 50 == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["squared_error", "linear_squared_error"])
def test_squared_errors(name):
    t = RNG.normal(size=Z.shape)
    found, y = evaluate(name, Z, t)
    assert found.sum() / 50 == pytest.approx(0.5 * 4 * mean_squared_error(t, y), rel=1e-12)


def test_soft_targets():
    """-Σ t ln y for any distribution t, by the scalar twin's softmax."""
    t = RNG.dirichlet(np.ones(4), size=50).T
    found, _ = evaluate("cross_entropy", Z, t)
    expected = [
        -sum(p * math.log(q) for p, q in zip(t[:, n], reference.softmax(Z[:, n]), strict=True))
        for n in range(50)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


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
    units = 2 if name == "unit_cross_entropy" else 3  # whose third, at 0, would cost ln 2
    z = np.array([[size, -size], [-size, size], [0.0, 0.0]], dtype)[:units]
    right = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], dtype)
    wrong = right[[1, 0, 2]]
    good, bad = (evaluate(name, z, t[:units])[0] for t in (right, wrong))
    assert np.isfinite(good).all() and np.isfinite(bad).all()
    assert good.max() < 1e-15
    # softmax: 2 size to the winner; a logistic each: size for each of two wrong units
    np.testing.assert_allclose(bad, 2.0 * size, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_output_with_large_net_inputs(dtype):
    z = np.array([[1e4, -1e4, 1e4, -1e4]], dtype)
    t = np.array([[1.0, 0.0, 0.0, 1.0]], dtype)
    np.testing.assert_allclose(evaluate("cross_entropy", z, t)[0], [0.0, 0.0, 1e4, 1e4])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_not_a_number_stays_one(name, outputs, dtype):
    """At any place, also where a maximum is taken, and where the target asks for nothing."""
    for place in np.ndindex(outputs, 2):
        for target in (0.0, 1.0):
            z = np.zeros((outputs, 2), dtype)
            z[place] = np.nan
            t = np.full((outputs, 2), target)
            if outputs == 2 and target == 0.0:
                t[1 - place[0]] = 1.0
            found, y = evaluate(name, z, t)
            assert np.isnan(found[place[1]]) and np.isnan(y[place])
            assert np.isfinite(found[1 - place[1]])


@pytest.mark.parametrize("name", OBJECTIVES)
def test_float32_is_close_to_float64(name):
    """Also at net inputs of any size; targets are what the objective is posed with."""
    z = RNG.normal(size=(4, 60)) * np.geomspace(0.1, 1e4, 60)
    t = ONE_OF[:, np.arange(60) % 50]
    narrow, _ = evaluate(name, z.astype(np.float32), t)
    wide, _ = evaluate(name, z.astype(np.float32).astype(np.float64), t)
    np.testing.assert_allclose(narrow, wide, rtol=2e-6, atol=1e-7)


def test_only_squared_error_of_squashed_units_has_a_factor_at_the_output():
    assert {name for name, o in OBJECTIVES.items() if o.output_factor} == {"squared_error"}
