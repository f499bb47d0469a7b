"""Optimizers: against scalar formulas, by hand, on known minima, and with NaN."""

import itertools

import numba
import numpy as np
import pytest
from oracles.optimizers import STEPS, path
from small_nets import OPTIMIZER_SPECS, label, with_oracle

from study.learning.optimizers import OPTIMIZERS, Updater
from study.learning.variants import resolve

SHAPE = (3, 5)  # replicas, parameters
each = pytest.mark.parametrize("name", [n for n, o in OPTIMIZERS.items() if not o.scipy])


def updater(spec, rate, parameters):
    variant, every = resolve("optimizer", OPTIMIZERS, spec), np.ones(len(parameters))
    numbers = {key: value * every for key, value in variant.values.items()}
    return Updater(variant.record, numbers, rate * every, parameters)


@numba.njit
def _update_all(update, parameters, gradient, state, rates, constants):
    for r in range(len(parameters)):
        update(parameters[r], gradient[r], state[r], rates[r], constants[r])


def take(step, w, g):
    """Take one step in place, replica by replica as the loops do."""
    _update_all(step.kernel, w, g, step.state, step.rates([1.0])[0], step.numbers)


def run(spec, start, slopes, rate):
    """Return the parameters after each of the gradients, (steps, R, P)."""
    w = start.copy()
    step, found = updater(spec, rate, w), []
    for g in slopes:
        take(step, w, g.copy())
        found.append(w.copy())
    return np.array(found)


@pytest.mark.parametrize("spec", with_oracle(OPTIMIZER_SPECS, STEPS), ids=label)
def test_many_steps_equal_the_oracle(spec):
    rng = np.random.default_rng(2)
    start, rates = rng.normal(size=SHAPE), np.array([0.01, 0.1, 0.5])
    noise = rng.normal(size=(30, *SHAPE))  # signs that change, and some gradients of exactly 0
    noise[10:13, :, 2] = 0.0
    # slowly turning, so that the growth limits are reached
    smooth = np.cos(0.15 * np.arange(30)[:, None, None] + rng.uniform(size=SHAPE))
    variant = resolve("optimizer", OPTIMIZERS, spec)
    for slopes in (noise, smooth):
        found = run(spec, start, slopes, rates)
        for r, i in np.ndindex(SHAPE):
            own = slopes[:, r, i].tolist()
            expected = path(variant.name, start[r, i], own, rates[r], dict(variant.values))
            np.testing.assert_allclose(found[:, r, i], expected, rtol=1e-10, atol=1e-12)


@each
def test_nan_and_infinity_are_not_made_finite_again(name):
    """A NaN in the gradient, at the first step or later, stays in its parameter for good."""
    rng = np.random.default_rng(6)
    for dtype, when in itertools.product(("float32", "float64"), (0, 3)):
        start = rng.normal(size=SHAPE).astype(dtype)
        slopes = rng.normal(size=(8, *SHAPE)).astype(dtype)
        slopes[when, 1, 2] = np.nan
        with np.errstate(invalid="ignore"):
            found = run(name, start, slopes, 0.1)
        assert not np.isnan(found[:when]).any()
        assert np.isnan(found[when:, 1, 2]).all()
        assert np.isnan(found).sum() == 8 - when
    start, slopes = np.zeros((1, 2), np.float32), np.full((3, 1, 2), np.inf, np.float32)
    with np.errstate(all="ignore"):
        found = run(name, start, slopes, 0.1)
    if np.isfinite(found).any():  # then it sees the sign alone
        assert np.array_equal(found, run(name, start, np.sign(slopes), 0.1))


def test_rprop_sees_signs_alone():
    """Gradients of any size, so small that their products underflow too."""
    start = np.zeros((1, 9), np.float32)
    slopes = np.random.default_rng(7).normal(size=(12, 1, 9)).astype(np.float32)
    expected = run("rprop", start, slopes, 0.1)
    for scale in (1e20, 1e-10, 1e-25):
        scaled = (slopes * np.float32(scale)).astype(np.float32)
        assert np.array_equal(run("rprop", start, scaled, 0.1), expected), scale


def test_constants_are_rounded_once_from_float64():
    """1 - 0.999 in float32 would be wrong in the fifth digit."""
    w = np.zeros((1, 1), np.float32)
    step = updater("adam", 0.1, w)
    take(step, w, np.ones_like(w))
    assert step.state[0, 1, 0] == np.float32(1.0 - 0.999)
