"""Counter-based chance: equal to the oracle's whole numbers, uniform, independent."""

import itertools

import numpy as np
import pytest
from oracles import chance as oracle
from scipy import stats
from small_nets import Patterns, design, posed, rule_of
from stacks import Network, factor, sites_of, workspace

from study.learning import design as design_module
from study.learning import seeds
from study.learning.activations import bound_activation
from study.learning.core.stack import Stack
from study.learning.core.trainer import Trainer
from study.learning.objectives import Objective
from study.learning.optimizers import Optimizer, Updater
from study.learning.rules import GRADIENTS
from study.learning.rules.base import Gradient
from study.learning.variants import Variant

SMALLEST_P = 1e-4  # the draws are fixed: a test that passes once passes always


def uniforms(
    shape, key=None, seed=3, name="random/1", step=1, low=0.0, width=1.0, dtype="float64"
):
    """Return the draws of the rule `random` at a layer (units, patterns)."""
    key = seeds.stream_keys([seed], name)[0] if key is None else key
    nothing = np.zeros(shape, dtype)
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


def test_float32_draws_are_the_float64_ones():
    wide, narrow = uniforms((30, 40)), uniforms((30, 40), dtype="float32")
    assert narrow.dtype == np.float32
    assert np.array_equal(wide, narrow.astype(np.float64))
    assert narrow.max() < 1.0 and narrow.min() >= 0.0


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


def test_a_draw_belongs_to_a_place_not_to_its_neighbours():
    """Other shapes, other neighbours in the stack, shared keys or not: the same number."""
    whole = uniforms((8, 16))
    assert np.array_equal(uniforms((3, 4)), whole[:3, :4])
    for replicas in ([3], [3, 3, 8, 3], [8, 3], [3, 8]):
        for units, patterns in ((8, 16), (5, 2)):
            stack = factors_in_a_stack(rule_of("random"), replicas, units, patterns, step=1)
            for seed, phi in zip(replicas, stack, strict=True):
                assert np.array_equal(phi, whole[:units, :patterns]) == (seed == 3)


def factors_in_a_stack(rule, replicas, units, patterns, step):
    """Read φ of the first layer off the gradient of a stack, (R, units, patterns).

    Every pattern has an input of its own and a share of 1 / `patterns`, a power of two, in the
    signal, which comes down to every unit through a weight of 1: exact.
    """
    linear = bound_activation("identity")
    parameters = np.zeros((len(replicas), (patterns + 1) * units + units + 1))
    network = Network((patterns, units, 1), linear, linear, parameters)
    network.weights[1][:, :-1] = 1.0
    work = workspace(network, np.eye(patterns)[None], np.full((1, 1, patterns), -1.0))
    network.backward(work, sites_of(network, [rule, None], replicas, work), step)
    weights = network.gradient[:, : patterns * units].reshape(len(replicas), patterns, units)
    return weights.swapaxes(1, 2) * patterns


@pytest.mark.parametrize("name", ["random", "random_sign", "shuffled_units", "shuffled_patterns"])
def test_every_layer_and_seed_has_its_own_stream(name):
    """Keys as the loops look them up: by the replica's seed and the number of the layer."""
    rule, linear = rule_of(name), bound_activation("tanh")
    rng = np.random.default_rng(1)
    sizes, replicas = (4, 4, 4, 4), [5, 6, 5]
    one = rng.normal(size=(1, 60))
    network = Network(sizes, linear, linear, np.repeat(one, 3, axis=0))
    work = workspace(network, rng.normal(size=(1, 8, 4)), rng.normal(size=(1, 4, 8)))
    hidden, output = sites_of(network, [rule, rule, rule], replicas, work)
    keys = np.concatenate([hidden.keys[:2], output.keys[2:]])
    for layer, r in np.ndindex(keys.shape):
        assert int(keys[layer, r]) == oracle.key_of(replicas[r], f"{name}/{layer + 1}")
    network.backward(work, (hidden, output), 3)
    first, second, third = network.gradient
    assert np.array_equal(first, third) and not np.array_equal(first, second)


def test_uniform():
    u = uniforms((200, 500)).ravel()
    assert stats.kstest(u, "uniform").pvalue > SMALLEST_P
    assert u.mean() == pytest.approx(0.5, abs=4.0 * (1.0 / 12.0 / u.size) ** 0.5)
    for digit in (4, 256, 1 << 16):  # leading, middle and late bits
        counts = np.bincount((u * digit * 16).astype(np.int64) % 16, minlength=16)
        assert stats.chisquare(counts).pvalue > SMALLEST_P


def correlation(a, b):
    """Return the correlation, in units of its standard deviation for independent draws."""
    return abs(np.corrcoef(np.ravel(a), np.ravel(b))[0, 1]) * np.size(a) ** 0.5


def test_streams_and_places_are_independent():
    """Neighbouring seeds, steps, layers, rules and places: no correlation, no shared draws."""
    u = uniforms((200, 500))
    others = [{"step": 2}, {"seed": 4}, {"name": "random/2"}, {"name": "random_sign/1"}]
    for other in (*others, {"step": 1 + (1 << 32)}):
        v = uniforms((200, 500), **other)
        assert correlation(u, v) < 4.0, other
        cells = np.histogram2d(u.ravel(), v.ravel(), bins=8)[0].ravel()
        assert stats.chisquare(cells).pvalue > SMALLEST_P
        assert (u == v).mean() < 1e-4
    for a, b in ((u[1:], u[:-1]), (u[:, 1:], u[:, :-1]), (u[1:, 1:], u[:-1, :-1])):
        assert correlation(a, b) < 4.0
    series = np.array([uniforms((1, 1), step=step)[0, 0] for step in range(4000)])
    assert stats.kstest(series, "uniform").pvalue > SMALLEST_P
    assert correlation(series[1:], series[:-1]) < 4.0


def test_permutations_are_uniform():
    """Every order of four units is equally frequent; a pattern is anywhere equally often."""
    values = np.repeat(np.arange(4.0)[:, None], 24_000, axis=1)
    out = shuffled("shuffled_units", values, seeds.stream_keys([1], "shuffled_units/1")[0], 1)
    assert np.array_equal(np.sort(out, axis=0), values)
    counts = np.bincount((out.T @ [64, 16, 4, 1]).astype(np.int64))
    counts = counts[counts > 0]
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > SMALLEST_P
    values = np.repeat(np.arange(5.0)[None, :], 20_000, axis=0)
    key = seeds.stream_keys([1], "shuffled_patterns/1")[0]
    out = shuffled("shuffled_patterns", values, key, 1)
    assert np.array_equal(np.sort(out, axis=1), values)
    for place in range(5):
        counts = np.bincount(out[:, place].astype(np.int64), minlength=5)
        assert stats.chisquare(counts).pvalue > SMALLEST_P


def test_generators_differ_by_seed_and_by_name():
    draws = [seeds.generator(s, name).normal(size=4) for s in (0, 1) for name in ("a", "b")]
    assert all(not np.allclose(a, b) for a, b in itertools.combinations(draws, 2))
    assert np.array_equal(draws[0], seeds.generator(0, "a").normal(size=4))


# ---- the order of the patterns -----------------------------------------------------------------


def number_places(z, y, slope, numbers, key, step):
    for n in range(slope.shape[1]):
        slope[:, n] = n + 1


def take_note(w, g, state, rate, numbers):
    at = int(state[0, 0])
    state[0, 0] += 1
    state[at + 1] = g


PLACES = Gradient(name="places", formula="φ = n + 1", reference="a test", factor=number_places)
NOTES = Optimizer(
    name="notes",
    formula="w stays, g is kept",
    reference="a test",
    kernel=take_note,
    state=tuple(str(i) for i in range(12)),
)
LINEAR = bound_activation("identity")


def loaded(n, size, draws, sets=1, replicas=(1, 2), rates=2, calls=(), order=None):
    """Return the number of the pattern at each place of each batch, as [batch][seed].

    A probe in a stack at work: a linear unit that stays at 0. Each pattern has an input of its
    own, and minus its number as target. So the gradient of its weight is φ, its place in the
    batch, times its number, over the size of the batch; all of these from 1.
    """
    plan = design((), "identity", "linear_squared_error")
    own = Objective(**{**vars(plan.objective), "output_factor": True})
    numbers = np.arange(1.0, sets * n + 1.0).reshape(sets, n, 1)
    problem = posed(plan, *(Patterns(np.eye(n), -t, np.eye(n), -t, "regression") for t in numbers))
    r = len(replicas) * rates
    w = np.zeros((r, n + 1))
    probe = design_module.Network((), LINEAR, own, Variant(PLACES), "output")
    seeds_of = [seed for seed in replicas for _ in range(rates)]
    updater = Updater(NOTES, {}, np.ones(r), w)
    trainer = Trainer(Stack(problem, probe, seeds_of, w), updater, size, order)
    for part in calls or [draws]:
        trainer.advance([1.0] * part)
    assert trainer.step == draws and not w.any()
    gradients = updater.state[:, 1 : draws + 1].reshape(len(replicas), rates, draws, n + 1)
    assert (gradients == gradients[:, :1]).all(), "the rates of a seed have one batch"
    return [
        [batch_of(gradients[s, 0, i, :n], numbers[s % sets, :, 0]) for s in range(len(replicas))]
        for i in range(draws)
    ]


def batch_of(gradient, numbers):
    """Read a batch off the gradient of the probe's weights: the patterns, from 0, in order."""
    shown = np.flatnonzero(gradient)
    places = gradient[shown] * len(shown) / numbers[shown]
    np.testing.assert_allclose(np.sort(places), np.arange(1, len(shown) + 1), rtol=1e-12)
    return [int(numbers[p]) - 1 for p in shown[np.argsort(places)]]


def orders(n, epochs, replicas=(1, 2)):
    """Return the oracle's orders, as [seed][number of pattern]."""
    keys = [oracle.key_of(seed, "batches") for seed in replicas]
    return [[p for e in range(epochs) for p in oracle.permutation(k, e, n, 0)] for k in keys]


def test_an_epoch_shows_every_pattern_once_in_the_oracles_order():
    """However the updates are parted between checkpoints, and whoever is beside in the stack."""
    for calls in ((6,), (1,) * 6, (2, 3, 1), (4, 0, 2)):
        batches = loaded(n=11, size=4, draws=6, calls=calls)  # two epochs of 4 + 4 + 3
        assert [len(b[0]) for b in batches] == [4, 4, 3, 4, 4, 3]
        for s, expected in enumerate(orders(11, 2)):
            assert [n for batch in batches for n in batch[s]] == expected
    alone = loaded(n=11, size=4, draws=6, replicas=(2,), rates=1)
    stacked = loaded(n=11, size=4, draws=6, replicas=(7, 1, 2), rates=3)
    assert [b[0] for b in alone] == [b[2] for b in stacked]


def test_batches_of_one_and_of_all_but_one():
    assert [b[0][0] for b in loaded(n=5, size=1, draws=10)] == orders(5, 2)[0]
    batches = loaded(n=5, size=4, draws=4)
    assert [n for batch in batches for n in batch[1]] == orders(5, 2)[1]


def test_full_batches_come_in_the_datas_own_order():
    for sets, size, calls in itertools.product((1, 2), (5, 9), ((3,), (1, 2))):
        found = loaded(n=5, size=size, draws=3, sets=sets, calls=calls)
        assert found == [[list(range(5)), list(range(5 * sets - 5, 5 * sets))]] * 3


def test_seeds_with_their_own_data_see_their_own():
    batches = loaded(n=6, size=3, draws=2, sets=2)
    for s, expected in enumerate(orders(6, 1)):
        assert [n for batch in batches for n in batch[s]] == [6 * s + p for p in expected]


def test_a_given_order_stands_for_all_epochs():
    order = np.array([[4, 2, 0, 1, 3], [0, 1, 2, 4, 3]])
    for sets, (size, draws) in itertools.product((1, 2), ((2, 6), (5, 2))):
        batches = loaded(n=5, size=size, draws=draws, sets=sets, order=order, calls=(1, draws - 1))
        for s in range(2):
            shown = [n - (5 * s if sets > 1 else 0) for batch in batches for n in batch[s]]
            assert shown == order[s].tolist() * 2
