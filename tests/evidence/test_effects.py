"""Pooled effects: estimates by hand, seeds drawn within blocks, coverage of the intervals."""

import numpy as np
import pytest

from study.evidence.effects import Measured, Paired, Ranked, Shares, significant_tasks
from study.evidence.statistics import hodges_lehmann

NONE = np.array([], dtype=np.intp)


def measured(task, values, block=None, first=0):
    seeds = np.arange(first, first + len(values))
    return Measured(task, block or task, seeds, NONE, np.asarray(values, float))


def paired(task, first, second, block="", seed=0):
    seeds = np.arange(seed, seed + len(first))
    return Paired(task, block or task, seeds, NONE, np.asarray(first), np.asarray(second))


def test_the_estimate_is_the_mean_over_tasks():
    one, two = [1.0, 2.0, 4.0, 4.0, 5.0, 9.0], [0.0, 0.0, 1.0, 1.0, 1.0, 3.0]
    got = Ranked((measured("a", one), measured("b", two)))
    expected = (hodges_lehmann(one).estimate + hodges_lehmann(two).estimate) / 2
    assert got.estimate == got.interval().estimate == pytest.approx(expected)
    assert got.draws.mean() == pytest.approx(expected, abs=0.3)


def test_tasks_of_a_block_draw_the_same_seeds_together():
    values = np.random.default_rng(0).normal(size=20)
    together = Ranked((measured("a", values, "x"), measured("b", -values, "x")))
    assert np.allclose(together.draws, 0.0, atol=1e-12)
    apart = Ranked((measured("a", values, "x"), measured("b", -values, "y")))
    assert apart.draws.std() > 0.05


def test_p_values_and_limits_agree():
    got = Ranked((measured("a", np.random.default_rng(1).normal(0.5, 1, 30)),))
    _, low, high = got.interval(0.95)
    assert got.above(low - 1e-6) <= 0.0255 and got.above(low + 0.02) > 0.025
    assert got.below(high + 1e-6) <= 0.0255 and got.below(high - 0.02) > 0.025
    assert 0 < got.above(-100.0) == got.below(100.0) == 1 / 4001


def test_significant_tasks_are_adjusted_for_their_number():
    clear = measured("clear", np.random.default_rng(3).normal(1.0, 0.1, 12))
    # six pairs of one sign: p = 1/64 < 0.025; Holm doubles it, to less than 0.05
    weak = measured("weak", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    other = measured("none", [-1.0, 1.0, -2.0, 2.0, -3.0, 3.0])
    alone = significant_tasks(Ranked((weak,)), 0.0, above=True, level=0.05)
    assert alone == ["weak"]
    among = Ranked((clear, weak, other))
    assert significant_tasks(among, 0.0, above=True, level=0.05) == ["clear"]
    assert significant_tasks(among, 0.0, above=False, level=0.05) == []


def test_rates_have_the_same_face():
    failing = np.array([True] * 30 + [False] * 10)
    got = Shares((paired("a", failing, ~failing), paired("b", failing, failing)))
    assert got.estimate == pytest.approx(0.25)
    assert got.above(0.0) < 0.01 < 0.99 < got.below(0.0)
    assert got.below(0.9) < 0.001
    assert [t.interval.estimate for t in got.tasks] == pytest.approx([0.5, 0.0])


def test_rates_of_a_block_are_not_independent():
    """Strata that fail with the same seeds tell no more than one of them."""
    first = np.array([True] * 12 + [False] * 28)
    second = np.roll(first, 9)
    alone = Shares((paired("a", first, second),)).interval()
    twice = paired("a", first, second, "x"), paired("b", first, second, "x")
    assert Shares(twice).interval() == pytest.approx(alone)
    assert Shares(twice).above(0.1) == pytest.approx(Shares(twice[:1]).above(0.1))
    apart = (
        (twice[0], paired("b", first, second, "y")),
        (twice[0], paired("b", first, second, "x", 1)),
    )
    for strata in apart:  # other data, or other seeds
        narrow = Shares(strata).interval()
        assert narrow.high - narrow.low == pytest.approx((alone.high - alone.low) / 2**0.5)
