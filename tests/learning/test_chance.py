"""Counter-based chance: equal to the oracle's whole numbers, uniform, independent."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from oracles import chance as oracle
from scipy import stats
from small_nets import design, factor, patterns, posed

from study.learning import seeds
from study.learning.core.network import count
from study.learning.core.stack import Stack
from study.learning.core.trainer import Trainer
from study.learning.optimizers import OPTIMIZERS, Updater
from study.learning.rules import GRADIENTS

SMALLEST_P = 1e-4  # the draws are fixed: a test that passes once passes always


def uniforms(shape, key=None, seed=3, name="random/1", step=1, low=0.0, width=1.0):
    """Return the draws of the rule `random` at a layer (units, patterns)."""
    key = seeds.stream_keys([seed], name)[0] if key is None else key
    nothing = np.zeros(shape)
    return factor(GRADIENTS["random"], nothing, nothing, nothing, [low, width], key, step)


def shuffled(rule, values, key, step):
    """Return the values of a layer in the order of a rule."""
    return factor(GRADIENTS[rule], values, values, values, (), key, step)


def test_keys_and_draws_equal_the_oracles():
    for seed, name in itertools.product((0, 1, 2**31, 2**63), ("random/1", "batches", "é")):
        assert int(seeds.stream_keys([seed], name)[0]) == oracle.key_of(seed, name)
    for key, step in itertools.product(seeds.stream_keys([0, 7], "random/2"), (0, 1, 1000, 2**40)):
        out = uniforms((5, 11), key, step=step, low=-1.0, width=3.0)
        for j, n in np.ndindex(out.shape):
            assert out[j, n] == -1.0 + 3.0 * oracle.uniform(int(key), step, j, n)


def test_draws_from_python_equal_the_oracles():
    """What a user's own rule calls, it can try out at a prompt."""
    key = seeds.stream_keys([4], "own/1")[0]
    assert int(seeds.mix(key)) == oracle.mix(int(key))
    base = seeds.stream(key, 6)
    for unit, pattern in ((0, 0), (3, 1), (1, 3), (70_000, 2**20)):
        bits = oracle.bits(int(key), 6, unit, pattern)
        assert int(seeds.hashed(base, unit, pattern)) == bits
        assert seeds.uniform(base, unit, pattern) == oracle.uniform(int(key), 6, unit, pattern)


def test_permutations_and_epochs_equal_the_oracles():
    values = np.random.default_rng(0).normal(size=(6, 5))
    for key in seeds.stream_keys([4, 5], "shuffled"):
        units = shuffled("shuffled_units", values, key, 9)
        patterns = shuffled("shuffled_patterns", values, key, 9)
        for n in range(5):
            order = oracle.permutation(int(key), 9, 6, n)
            assert units[:, n].tolist() == values[order, n].tolist()
        for j in range(6):
            order = oracle.permutation(int(key), 9, 5, j)
            assert patterns[j].tolist() == values[j, order].tolist()
        for length, epoch in itertools.product((1, 2, 13, 1000), (0, 3)):
            order = np.full(length, -1, np.int64)
            seeds.shuffled(order, key, epoch)
            assert order.tolist() == oracle.permutation(int(key), epoch, length, 0)


@pytest.mark.parametrize("name", ["random", "random_sign", "shuffled_units", "shuffled_patterns"])
def test_every_layer_and_seed_has_its_own_stream(name):
    """Keys as the loops look them up: by the replica's seed and the number of the layer."""
    plan, replicas = design((4, 4), gradient=name, location="all"), [5, 6, 5]
    one = np.random.default_rng(1).normal(size=(1, count((4, 4, 4, 3))))
    stack = Stack(posed(plan, patterns()), plan, replicas, np.repeat(one, 3, axis=0))
    hidden, output = stack.rules
    keys = np.concatenate([hidden.keys[:2], output.keys[2:]])
    for layer, r in np.ndindex(keys.shape):
        assert int(keys[layer, r]) == oracle.key_of(replicas[r], f"{name}/{layer + 1}")
    first, second, third = stack.gradient(stack.rules, 8, step=3)
    assert np.array_equal(first, third) and not np.array_equal(first, second)


def test_draws_are_uniform_and_streams_independent():
    """Neighbouring seeds, steps, layers, rules and places: no correlation, no shared draws."""
    u = uniforms((200, 500))
    assert stats.kstest(u.ravel(), "uniform").pvalue > SMALLEST_P
    late = np.bincount((u.ravel() * 16 * (1 << 16)).astype(np.int64) % 16, minlength=16)
    assert stats.chisquare(late).pvalue > SMALLEST_P
    places = [(u[1:], u[:-1]), (u[:, 1:], u[:, :-1]), (u[1:, 1:], u[:-1, :-1])]
    others = [{"step": 2}, {"seed": 4}, {"name": "random/2"}, {"name": "random_sign/1"}]
    others.append({"step": 1 + (1 << 32)})
    for a, b in [*places, *((u, uniforms((200, 500), **other)) for other in others)]:
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) * a.size**0.5 < 4.0
        assert (a == b).mean() < 1e-4


def test_permutations_are_uniform():
    """Every order of four units is equally frequent."""
    values = np.repeat(np.arange(4.0)[:, None], 24_000, axis=1)
    out = shuffled("shuffled_units", values, seeds.stream_keys([1], "shuffled_units/1")[0], 1)
    counts = np.bincount((out.T @ [64, 16, 4, 1]).astype(np.int64))
    assert (counts > 0).sum() == 24
    assert stats.chisquare(counts[counts > 0]).pvalue > SMALLEST_P


def test_generators_differ_by_seed_and_by_name():
    draws = [seeds.generator(s, name).normal(size=4) for s in (0, 1) for name in ("a", "b")]
    assert all(not np.allclose(a, b) for a, b in itertools.combinations(draws, 2))
    assert np.array_equal(draws[0], seeds.generator(0, "a").normal(size=4))


def test_a_given_order_is_that_of_data_laid_out_so():
    """For all epochs, and for each seed its own, with one data set or one a seed."""
    orders, plan = np.array([[4, 2, 0, 1, 3], [0, 1, 2, 4, 3]]), design((3,))
    for sets, size in itertools.product((1, 2), (2, 5)):
        data = [patterns(n=5, seed=s) for s in range(sets)]
        laid_out = [
            replace(d, inputs=d.inputs[order], targets=d.targets[order])
            for d, order in zip(data * (3 - sets), orders, strict=True)
        ]
        ends = []
        for given, order in ((data, orders), (laid_out, np.tile(np.arange(5), (2, 1)))):
            w = np.random.default_rng(0).normal(size=(4, count((4, 3, 3))))
            stack = Stack(posed(plan, *given), plan, [1, 1, 2, 2], w)
            updater = Updater(OPTIMIZERS["sgd"], {}, np.full(4, 0.3), w)
            trainer = Trainer(stack, updater, size, order)
            for part in (1, 3, 3):
                trainer.advance([1.0] * part)
            ends.append(w)
        assert np.array_equal(*ends)
