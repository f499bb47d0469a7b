"""Initial weights: distributions, gains, biases, and what they depend on."""

import itertools

import numpy as np
import pytest
from oracles.initialisations import CHANGES, LAWS
from scipy import stats
from small_nets import with_oracle

from study.learning.initialisations import INITIALISATIONS, initial_parameters
from study.learning.variants import resolve

SIZES = (300, 200, 40)
DRAWN = with_oracle(INITIALISATIONS, LAWS)


def layers(name, gain=1.0, seed=0, sizes=SIZES, **values):
    variant = resolve("initialisation", INITIALISATIONS, {name: values})
    shapes = [(n_in + 1, n_out) for n_in, n_out in itertools.pairwise(sizes)]
    flat, ends = initial_parameters(variant, gain, sizes, seed), np.cumsum(np.prod(shapes, axis=1))
    assert len(flat) == ends[-1]
    return [w.reshape(s) for w, s in zip(np.split(flat, ends[:-1]), shapes, strict=True)]


@pytest.mark.parametrize("name", DRAWN)
def test_distribution(name):
    """Weights follow the oracle's law times the gain; biases are 0, or follow it as well."""
    values = dict(resolve("initialisation", INITIALISATIONS, name).values)
    for gain in (0.5, 1.0, 8.0):
        for layer, same in zip(layers(name, gain), layers(name, gain, biases="same"), strict=True):
            n_in, n_out = len(layer) - 1, layer.shape[1]
            law = LAWS[name](n_in, n_out, values)
            weights, sd = layer[:-1].ravel() / gain, law.std()
            assert weights.mean() == pytest.approx(0.0, abs=4.5 * sd / np.sqrt(weights.size))
            assert weights.std() == pytest.approx(sd, rel=0.03)
            least, most = law.support()
            assert least <= weights.min() and weights.max() <= most
            assert stats.kstest(weights, law.cdf).pvalue > 1e-4
            assert np.all(layer[-1] == 0.0)
            assert same[-1].std() == pytest.approx(gain * sd, rel=0.3)


@pytest.mark.parametrize("name", with_oracle(INITIALISATIONS, CHANGES))
def test_a_changed_initialisation_is_its_base_but_for_the_change(name):
    parameters = INITIALISATIONS[name].parameters
    for base in parameters["base"].choices:
        for own in ({}, {"biases": "same"}, {"layer": 2}, {"distance": 3.5}):
            own = own if set(own) <= set(parameters) else {}
            values = {key: p.default for key, p in parameters.items()} | own | {"base": base}
            found = layers(name, 2.0, 5, (30, 20, 10, 4), **values)
            plain = layers(base, 2.0, 5, (30, 20, 10, 4), biases=values["biases"])
            for layer, expected in zip(found, CHANGES[name](plain, values), strict=True):
                assert np.array_equal(layer, expected)


@pytest.mark.parametrize("name", DRAWN)
def test_a_seed_gives_its_weights(name):
    """And the gain multiplies them, and draws nothing new."""
    one, again, other = (
        np.concatenate([layer.ravel() for layer in layers(name, seed=seed)]) for seed in (3, 3, 4)
    )
    assert np.array_equal(one, again)
    drawn = one != 0.0
    assert abs(np.corrcoef(one[drawn], other[drawn])[0, 1]) < 0.02
    for unit, four in zip(layers(name), layers(name, 4.0), strict=True):
        assert np.array_equal(4.0 * unit, four)
