"""Objectives: terms against oracles and scikit-learn, deltas, and net inputs of any size."""

import numpy as np
import pytest
from oracles.objectives import TERMS
from small_nets import terms, values, with_oracle

from study.learning.activations import bound_activation
from study.learning.objectives import OBJECTIVES

DTYPES = ("float32", "float64")
RNG = np.random.default_rng(0)
Z = RNG.normal(scale=3.0, size=(4, 50))
CLASSES = RNG.integers(0, 4, size=50)
ONE_OF = np.eye(4)[CLASSES].T
LABELS = RNG.integers(0, 2, size=(4, 50)).astype(float)
each = pytest.mark.parametrize("name", OBJECTIVES)


def random_targets(objective, outputs, shape, rng):
    """Draw targets (..., outputs, patterns): real numbers, or what a cross-entropy takes."""
    if "cross_entropy" not in objective.name:
        return rng.normal(size=shape)
    if objective.name == "cross_entropy" and outputs > 1:
        odds = rng.uniform(0.05, 1.0, size=shape)
        return odds / odds.sum(axis=-2, keepdims=True)
    return rng.uniform(size=shape)


def evaluate(name, z, t, hidden="tanh"):
    """Return the term of each pattern, and y, for net inputs z and targets t (outputs, patterns).

    The objective is asked pattern by pattern, and for all of them at once, which is their sum.
    """
    objective = OBJECTIVES[name]
    z = np.asarray(z)
    t = np.asarray(t, z.dtype)
    y = values(objective.output(bound_activation(hidden), len(z)), z)
    kept = z.copy(), y.copy(), t.copy()
    singly = [
        terms(
            objective, *(np.ascontiguousarray(part) for part in (z[:, [n]], y[:, [n]], t.T[[n]]))
        )
        for n in range(z.shape[1])
    ]
    together = terms(objective, z, y, np.ascontiguousarray(t.T))
    assert isinstance(together, float)
    np.testing.assert_allclose(together, np.sum(singly), rtol=1e-12 if t.itemsize == 8 else 1e-6)
    for array, before in zip((z, y, t), kept, strict=True):
        assert np.array_equal(array, before, equal_nan=True)
    return np.array(singly), y


@pytest.mark.parametrize("name", with_oracle(OBJECTIVES, TERMS))
def test_terms_equal_the_oracle(name):
    for outputs in (1, 4):
        t = random_targets(OBJECTIVES[name], outputs, (outputs, 50), RNG)
        found, y = evaluate(name, Z[:outputs], t)
        expected = [TERMS[name](y[:, n].tolist(), t[:, n].tolist()) for n in range(50)]
        np.testing.assert_allclose(found, expected, rtol=1e-9)


@each
def test_delta_is_the_derivative_in_the_net_input(name):
    """dL/dz = (y - t), times f' where the objective says so; by central differences in z."""
    objective, h = OBJECTIVES[name], 1e-5
    for outputs in (1, 3):
        z = RNG.normal(size=(outputs, 7))
        t = random_targets(objective, outputs, z.shape, RNG)
        _, y = evaluate(name, z, t)
        delta = (y - t) * (1.0 - y**2 if objective.output_factor else 1.0)  # of tanh
        for k, n in np.ndindex(z.shape):
            step = np.zeros_like(z)
            step[k, n] = h
            up, down = (evaluate(name, z + side * step, t)[0].sum() for side in (1.0, -1.0))
            assert delta[k, n] == pytest.approx((up - down) / (2.0 * h), rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("name", ["cross_entropy", "unit_cross_entropy"])
def test_large_net_inputs(name):
    """ln y from z: no overflow, no ln 0, and |z| lost where the answer is wrong by z."""
    units = 2 if name == "unit_cross_entropy" else 3  # whose third, at 0, would cost ln 2
    for dtype in DTYPES:
        for size in (50.0, 1e4, 1e30):
            z = np.array([[size, -size], [-size, size], [0.0, 0.0]], dtype)[:units]
            right = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], dtype)
            good, bad = (evaluate(name, z, t[:units])[0] for t in (right, right[[1, 0, 2]]))
            assert np.isfinite(good).all() and np.isfinite(bad).all()
            assert good.max() < 1e-15
            # softmax: 2 size to the winner; a logistic each: size for each of two wrong units
            np.testing.assert_allclose(bad, 2.0 * size, rtol=1e-6)
        z = np.array([[1e4, -1e4, 1e4, -1e4]], dtype)
        found = evaluate(name, z, np.array([[1.0, 0.0, 0.0, 1.0]], dtype))[0]
        np.testing.assert_allclose(found, [0.0, 0.0, 1e4, 1e4])


@each
def test_not_a_number_stays_one(name):
    """At any place, also where a maximum is taken, and where the target asks for nothing."""
    for dtype, outputs, target in [(d, o, t) for d in DTYPES for o in (1, 2) for t in (0.0, 1.0)]:
        for place in np.ndindex(outputs, 2):
            z = np.zeros((outputs, 2), dtype)
            z[place] = np.nan
            t = np.full((outputs, 2), target)
            if outputs == 2 and target == 0.0:
                t[1 - place[0]] = 1.0
            found, y = evaluate(name, z, t)
            assert np.isnan(found[place[1]]) and np.isnan(y[place])
            assert np.isfinite(found[1 - place[1]])


@each
def test_float32_is_close_to_float64(name):
    """Also at net inputs of any size; targets are what the objective is posed with."""
    z = RNG.normal(size=(4, 60)) * np.geomspace(0.1, 1e4, 60)
    t = ONE_OF[:, np.arange(60) % 50]
    narrow, _ = evaluate(name, z.astype(np.float32), t)
    wide, _ = evaluate(name, z.astype(np.float32).astype(np.float64), t)
    np.testing.assert_allclose(narrow, wide, rtol=2e-6, atol=1e-7)
