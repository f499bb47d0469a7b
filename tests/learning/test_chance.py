"""Counter-based chance: equal to the twin's whole-number arithmetic, uniform, independent."""

import itertools

import numpy as np
import pytest
import reference_chance as twin
from scipy import stats

from study.learning import seeds
from study.learning.batches import Batches
from study.learning.network import Workspace

SMALLEST_P = 1e-4  # the draws are fixed: a test that passes once passes always


def uniforms(shape, seed=3, name="random/1", step=1, low=0.0, width=1.0, dtype=np.float64):
    out = np.empty(shape, dtype)
    seeds.fill_uniform(out, seeds.stream_keys([seed] * shape[0], name), step, low, width)
    return out


def test_keys_equal_the_twins():
    for seed, name in itertools.product((0, 1, 2**31, 2**63), ("random/1", "batches", "é")):
        assert int(seeds.stream_keys([seed], name)[0]) == twin.key_of(seed, name)


@pytest.mark.parametrize("step", [0, 1, 1000, 2**40])
def test_uniforms_equal_the_twins(step):
    keys = seeds.stream_keys([0, 7], "random/2")
    out = np.empty((2, 5, 11))
    seeds.fill_uniform(out, keys, step, -1.0, 3.0)
    for r, j, n in np.ndindex(out.shape):
        assert out[r, j, n] == -1.0 + 3.0 * twin.uniform(int(keys[r]), step, j, n)


def test_float32_draws_are_the_float64_ones():
    wide, narrow = uniforms((1, 30, 40)), uniforms((1, 30, 40), dtype=np.float32)
    assert np.array_equal(wide, narrow.astype(np.float64))
    assert narrow.max() < 1.0 and narrow.min() >= 0.0


def test_permutations_equal_the_twins():
    keys = seeds.stream_keys([4, 5], "shuffled")
    values = np.random.default_rng(0).normal(size=(2, 6, 5))
    units, patterns = np.empty_like(values), np.empty_like(values)
    seeds.permute_units(values, units, keys, 9)
    seeds.permute_patterns(values, patterns, keys, 9)
    for r in range(2):
        key = int(keys[r])
        for n in range(5):
            assert units[r, :, n].tolist() == values[r, twin.permutation(key, 9, 6, n), n].tolist()
        for j in range(6):
            order = twin.permutation(key, 9, 5, j)
            assert patterns[r, j].tolist() == values[r, j, order].tolist()


def test_epochs_equal_the_twins():
    order = np.empty((2, 13), np.int64)
    keys = seeds.stream_keys([1, 2], "batches")
    seeds.permute_epoch(order, keys, 3)
    for s in range(2):
        assert order[s].tolist() == twin.permutation(int(keys[s]), 3, 13, 0)


def test_a_draw_belongs_to_a_place_not_to_its_neighbours():
    """Other shapes, other neighbours in the stack, shared keys or not: the same number."""
    whole = uniforms((1, 8, 9))
    assert np.array_equal(uniforms((1, 3, 4)), whole[:, :3, :4])
    keys = seeds.stream_keys([3, 3, 8, 3], "random/1")
    out = np.empty((4, 8, 9))
    seeds.fill_uniform(out, keys, 1, 0.0, 1.0)
    assert all(np.array_equal(out[r], whole[0]) for r in (0, 1, 3))
    assert not np.array_equal(out[2], whole[0])


def test_uniform():
    u = uniforms((1, 200, 500)).ravel()
    assert stats.kstest(u, "uniform").pvalue > SMALLEST_P
    assert u.mean() == pytest.approx(0.5, abs=4.0 * (1.0 / 12.0 / u.size) ** 0.5)
    for digit in (4, 256, 1 << 16):  # leading, middle and late bits
        counts = np.bincount((u * digit * 16).astype(np.int64) % 16, minlength=16)
        assert stats.chisquare(counts).pvalue > SMALLEST_P


@pytest.mark.parametrize(
    "other",
    [
        {"step": 2},
        {"seed": 4},
        {"name": "random/2"},
        {"name": "random_sign/1"},
        {"step": 1 + (1 << 32)},
    ],
    ids=str,
)
def test_streams_are_independent(other):
    """Neighbouring seeds, steps, layers and rules: no correlation, no shared draws."""
    a, b = uniforms((1, 200, 500)).ravel(), uniforms((1, 200, 500), **other).ravel()
    assert abs(np.corrcoef(a, b)[0, 1]) < 4.0 / np.sqrt(a.size)
    cells = np.histogram2d(a, b, bins=8)[0].ravel()
    assert stats.chisquare(cells).pvalue > SMALLEST_P
    assert (a == b).mean() < 1e-4


def test_neighbouring_places_are_independent():
    u = uniforms((1, 300, 400))[0]
    for a, b in ((u[1:], u[:-1]), (u[:, 1:], u[:, :-1]), (u[1:, 1:], u[:-1, :-1])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4.0 / np.sqrt(a.size)


def test_steps_of_one_place_are_independent():
    """The series at one place over the steps of a training."""
    series = np.array([uniforms((1, 1, 1), step=step)[0, 0, 0] for step in range(4000)])
    assert stats.kstest(series, "uniform").pvalue > SMALLEST_P
    assert abs(np.corrcoef(series[1:], series[:-1])[0, 1]) < 4.0 / np.sqrt(series.size)


def test_permutations_are_permutations_and_uniform():
    """Every order of four units is equally frequent; each pattern has its own."""
    values = np.repeat(np.arange(4.0)[None, :, None], 24_000, axis=2)
    out = np.empty_like(values)
    seeds.permute_units(values, out, seeds.stream_keys([1], "shuffled_units/1"), 1)
    assert np.array_equal(np.sort(out, axis=1), values)
    counts = np.bincount((out[0].T @ [64, 16, 4, 1]).astype(np.int64))
    counts = counts[counts > 0]
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > SMALLEST_P


def test_permutation_of_patterns_is_uniform():
    values = np.repeat(np.arange(5.0)[None, None, :], 20_000, axis=1)
    out = np.empty_like(values)
    seeds.permute_patterns(values, out, seeds.stream_keys([1], "shuffled_patterns/1"), 1)
    assert np.array_equal(np.sort(out, axis=2), values)
    for place in range(5):
        counts = np.bincount(out[0, :, place].astype(np.int64), minlength=5)
        assert stats.chisquare(counts).pvalue > SMALLEST_P


def test_generators_differ_by_seed_and_by_name():
    draws = [seeds.generator(s, name).normal(size=4) for s in (0, 1) for name in ("a", "b")]
    assert all(not np.allclose(a, b) for a, b in itertools.combinations(draws, 2))
    assert np.array_equal(draws[0], seeds.generator(0, "a").normal(size=4))


# ---- the order of the patterns -----------------------------------------------------------------


def loaded(n, size, draws, sets=1, replicas=(1, 2)):
    """Return the number of the pattern at each place of each batch, as [batch][seed]."""
    number = np.arange(sets * n, dtype=float).reshape(sets, n, 1)
    batches = Batches(number, -number, list(replicas), size, np.float64)
    spaces = {m: Workspace((1, 1), len(replicas), 1, m, np.float64) for m in batches.sizes()}
    found = []
    for _ in range(draws):
        work = batches.load(spaces)
        assert np.array_equal(work.inputs[:, 0, :, 0], -work.targets[:, 0, 0])
        assert np.all(work.inputs[..., -1] == 1.0)
        found.append(work.inputs[:, 0, :, 0].astype(int).tolist())
    return found


def test_an_epoch_shows_every_pattern_once_in_the_twins_order():
    batches = loaded(n=11, size=4, draws=6)  # two epochs of 4 + 4 + 3
    assert [len(b[0]) for b in batches] == [4, 4, 3, 4, 4, 3]
    for s, seed in enumerate((1, 2)):
        shown = [n for batch in batches for n in batch[s]]
        key = twin.key_of(seed, "batches")
        expected = [twin.permutation(key, epoch, 11, 0) for epoch in range(2)]
        assert shown == expected[0] + expected[1]


def test_full_batches_come_in_the_datas_own_order():
    for size in (5, 9):
        assert loaded(n=5, size=size, draws=2) == [[list(range(5))] * 2] * 2


def test_seeds_with_their_own_data_see_their_own():
    batches = loaded(n=6, size=3, draws=2, sets=2)
    for s in range(2):
        shown = sorted(n for batch in batches for n in batch[s])
        assert shown == list(range(6 * s, 6 * s + 6))
