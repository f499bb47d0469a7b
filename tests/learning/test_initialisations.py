"""Initial weights: distributions, gains, biases, and what they depend on."""

import itertools

import numpy as np
import pytest
from scipy import stats
from small_nets import design, patterns, posed

from study.learning.core.training import Budget, train
from study.learning.initialisations import INITIALISATIONS, initial_parameters
from study.learning.variants import resolve

SIZES = (300, 200, 40)
DRAWN = [name for name, record in INITIALISATIONS.items() if record.change is None]


def layers(name, gain=1.0, seed=0, sizes=SIZES, **values):
    variant = resolve("initialisation", INITIALISATIONS, {name: values})
    flat, found = initial_parameters(variant, gain, sizes, seed), []
    for n_in, n_out in itertools.pairwise(sizes):
        found.append(flat[: (n_in + 1) * n_out].reshape(n_in + 1, n_out))
        flat = flat[(n_in + 1) * n_out :]
    assert not len(flat)
    return found


def deviation(name, n_in, n_out):
    return {
        "glorot": np.sqrt(2.0 / (n_in + n_out)),
        "he": np.sqrt(2.0 / n_in),
        "lecun": np.sqrt(1.0 / n_in),
        "uniform": 0.5 / np.sqrt(3.0),
    }[name]


@pytest.mark.parametrize("gain", [0.5, 1.0, 8.0])
@pytest.mark.parametrize("name", DRAWN)
def test_distribution(name, gain):
    for layer in layers(name, gain):
        weights, n_in, n_out = layer[:-1].ravel(), *(layer[:-1].shape)
        sd = gain * deviation(name, n_in, n_out)
        assert weights.mean() == pytest.approx(0.0, abs=4.5 * sd / np.sqrt(weights.size))
        assert weights.std() == pytest.approx(sd, rel=0.03)
        if name in ("he", "lecun"):
            law = stats.norm(0.0, sd)
        else:
            half = np.sqrt(3.0) * sd
            law = stats.uniform(-half, 2.0 * half)
            assert np.abs(weights).max() <= half
        assert stats.kstest(weights, law.cdf).pvalue > 1e-4


@pytest.mark.parametrize("name", DRAWN)
def test_biases(name):
    for layer in layers(name):
        assert np.all(layer[-1] == 0.0)
    for layer in layers(name, gain=2.0, biases="same"):
        biases, n_in, n_out = layer[-1], layer.shape[0] - 1, layer.shape[1]
        assert biases.std() == pytest.approx(2.0 * deviation(name, n_in, n_out), rel=0.3)


def test_uniform_takes_its_range():
    weights = np.concatenate([layer[:-1].ravel() for layer in layers("uniform", r=1.0)])
    assert 0.99 < np.abs(weights).max() <= 1.0


@pytest.mark.parametrize("base", ["glorot", "he", "lecun"])
def test_a_zeroed_layer_is_the_base_but_for_one_layer(base):
    sizes = (30, 20, 10, 4)
    for which in (1, 2):
        found = layers("zeroed_layer", 2.0, 5, sizes, layer=which, base=base, biases="same")
        plain = layers(base, 2.0, 5, sizes, biases="same")
        for number, (layer, other) in enumerate(zip(found, plain, strict=True), start=1):
            assert np.array_equal(layer, 0.0 * other if number == which else other)


@pytest.mark.parametrize("base", ["glorot", "he", "lecun"])
def test_wrongly_saturated_is_the_base_but_for_the_outputs_biases(base):
    found = layers("wrongly_saturated", 2.0, 5, distance=3.5, base=base)
    plain = layers(base, 2.0, 5)
    assert np.array_equal(found[0], plain[0])
    assert np.array_equal(found[1][:-1], plain[1][:-1])
    assert np.all(found[1][-1] == -3.5)


@pytest.mark.parametrize("name", DRAWN)
def test_a_seed_gives_its_weights(name):
    one = np.concatenate([layer.ravel() for layer in layers(name, seed=3)])
    again = np.concatenate([layer.ravel() for layer in layers(name, seed=3)])
    other = np.concatenate([layer.ravel() for layer in layers(name, seed=4)])
    assert np.array_equal(one, again)
    drawn = one != 0.0
    assert abs(np.corrcoef(one[drawn], other[drawn])[0, 1]) < 0.02


def test_the_gain_multiplies_and_draws_nothing_new():
    for one, four in zip(layers("glorot"), layers("glorot", 4.0), strict=True):
        assert np.array_equal(4.0 * one, four)


def test_layers_do_not_share_their_draws():
    first, second = layers("he", sizes=(20, 20, 20))
    assert abs(np.corrcoef(first[:-1].ravel(), second[:-1].ravel())[0, 1]) < 0.2


def test_every_arm_of_a_comparison_starts_alike():
    """The same seed: the same weights whatever rule, optimizer, rate or objective."""
    found = []
    for changes in (
        {},
        {"gradient": "random", "location": "all"},
        {"optimizer": "adam"},
        {"objective": "cross_entropy"},
        {"activation": "relu"},
    ):
        plan = design((5, 4), **changes)
        problem = posed(plan, patterns())
        budget = Budget(updates=1, dtype="float64")
        outcome = train(problem, plan, budget, [6, 7], [0.0, 0.0])
        found.append(outcome.parameters)
    for parameters in found[1:]:
        assert np.array_equal(parameters, found[0])
    assert np.array_equal(found[0][0], found[0][1]) and np.array_equal(found[0][2], found[0][3])
    assert not np.array_equal(found[0][0], found[0][2])
