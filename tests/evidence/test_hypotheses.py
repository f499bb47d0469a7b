"""Tests against a margin and for many claims, against scipy, enumeration and answers by hand."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from study.evidence import hypotheses, resampling, statistics


@pytest.mark.parametrize("shift", [0.0, 0.3, -0.6])
def test_beyond_a_margin_is_scipys_one_sided_test(shift):
    d = np.random.default_rng(3).normal(shift, 0.5, 25)
    above = scipy.stats.wilcoxon(d + 0.4, alternative="greater", method="exact").pvalue
    below = scipy.stats.wilcoxon(d - 0.4, alternative="less", method="exact").pvalue
    assert hypotheses.exceeds(d, -0.4) == pytest.approx(above, abs=1e-12)
    assert hypotheses.exceeds(-d, -0.4) == pytest.approx(below, abs=1e-12)


@given(st.integers(0, 10_000), st.floats(0.05, 1.0))
@settings(deadline=None, max_examples=50)
def test_both_tests_hold_where_the_interval_of_90_percent_lies_inside(seed, margin):
    d = np.random.default_rng(seed).normal(0.1, 0.6, 12)
    _, low, high = statistics.hodges_lehmann(d, 0.90)
    both = max(hypotheses.exceeds(d, -margin), hypotheses.exceeds(-d, -margin))
    assert (-margin < low and high < margin) == (both <= 0.05)


def test_holm_by_hand():
    # 4 × 0.01; 3 × 0.02; 2 × 0.03 is the same; then 0.9 itself
    got = hypotheses.holm({"c": 0.03, "a": 0.01, "d": 0.9, "b": 0.02})
    assert got == pytest.approx({"c": 0.06, "a": 0.04, "d": 0.9, "b": 0.06})
    assert list(got) == ["c", "a", "d", "b"]


def test_holm_never_falls_and_never_exceeds_one():
    got = hypotheses.holm({"a": 0.4, "b": 0.45, "c": 0.9})
    assert got == pytest.approx({"a": 1.0, "b": 1.0, "c": 1.0})
    assert hypotheses.holm({}) == {}


def test_holm_keeps_the_family_wise_error():
    random, wrong = np.random.default_rng(1), 0
    for _ in range(2000):
        p = random.random(10)
        wrong += min(hypotheses.holm(dict(enumerate(p))).values()) <= 0.05
    assert wrong / 2000 == pytest.approx(1 - 0.995**10, abs=0.015)


def test_required_pairs_by_hand():
    # (3.29 · 0.1 / 0.0212)² = 240.9; an SD of the margin itself needs 3.29² = 10.8
    assert hypotheses.required_pairs(0.1, 0.0212) == 241
    assert hypotheses.required_pairs(0.0212, 0.0212) == 11
    assert hypotheses.required_pairs(0.1) == math.ceil((3.29 * 0.1 / math.log10(1.05)) ** 2)
    assert hypotheses.required_pairs(0.0) == 0


def test_so_many_pairs_do_find_equivalence():
    n, found = hypotheses.required_pairs(0.1), 0
    random = np.random.default_rng(4)
    for _ in range(200):
        d = random.normal(0.0, 0.1, n)
        error = d.std(ddof=1) / math.sqrt(n)
        found += abs(d.mean()) + 1.645 * error < math.log10(1.05)
    assert found / 200 == pytest.approx(0.90, abs=0.06)


PAIRS = [
    ([True] * 12 + [False] * 28, [True] * 2 + [False] * 38),
    ([True] * 5 + [False] * 15, [False] * 20),
]


def test_one_stratum_is_newcombes_own_interval():
    assert hypotheses.newcombe_stratified(PAIRS[:1]) == pytest.approx(
        statistics.newcombe_paired(*PAIRS[0])
    )


def test_strata_are_put_together_by_their_distances():
    one, two = (statistics.newcombe_paired(*pair) for pair in PAIRS)
    got = hypotheses.newcombe_stratified(PAIRS)
    middle = (one.estimate + two.estimate) / 2
    down = math.hypot(one.estimate - one.low, two.estimate - two.low) / 2
    up = math.hypot(one.high - one.estimate, two.high - two.estimate) / 2
    assert got == pytest.approx((middle, middle - down, middle + up))
    with pytest.raises(ValueError, match="at least one stratum"):
        hypotheses.newcombe_stratified([])


def test_stratified_limits_cover():
    random, hits, truth = np.random.default_rng(5), 0, (0.2 - 0.05 + 0.1 - 0.1) / 2
    for _ in range(400):
        strata = [
            (random.random(40) < a, random.random(40) < b) for a, b in ((0.2, 0.05), (0.1, 0.1))
        ]
        _, low, high = hypotheses.newcombe_stratified(strata)
        hits += low <= truth <= high
    assert hits / 400 == pytest.approx(0.95, abs=0.03)


def test_stratified_limits_cover_where_strata_share_their_units():
    random, hits, without = np.random.default_rng(6), 0, 0
    for _ in range(400):
        shared = random.random((2, 40))
        mine = [
            np.where(random.random((2, 40)) < 0.1, random.random((2, 40)), shared)
            for _ in range(6)
        ]
        strata = [(u[0] < 0.3, u[1] < 0.2) for u in mine]
        _, low, high = hypotheses.newcombe_stratified(strata, together=["x"] * 6)
        hits += low <= 0.1 <= high
        _, low, high = hypotheses.newcombe_stratified(strata)
        without += low <= 0.1 <= high
    assert hits / 400 == pytest.approx(0.95, abs=0.03)
    assert without / 400 < 0.75


@pytest.mark.parametrize("margin", [-0.1, 0.0, 0.1, 0.2, 0.3, 0.4])
@pytest.mark.parametrize("level", [0.90, 0.95])
def test_the_p_value_of_rates_is_the_interval_inverted(margin, level):
    _, low, high = hypotheses.newcombe_stratified(PAIRS, level)
    tail = (1 - level) / 2
    assert (low > margin) == (hypotheses.shares_exceed(PAIRS, margin) < tail)
    assert (high < margin) == (hypotheses.shares_exceed(PAIRS, margin) > 1 - tail)


def test_the_p_value_at_a_limit_is_the_level():
    _, low, high = hypotheses.newcombe_stratified(PAIRS, 0.95)
    assert hypotheses.shares_exceed(PAIRS, low) == pytest.approx(0.025, abs=1e-8)
    assert hypotheses.shares_exceed(PAIRS, high) == pytest.approx(0.975, abs=1e-8)


def test_far_from_all_limits_and_at_the_estimate():
    estimate = hypotheses.newcombe_stratified(PAIRS).estimate
    assert hypotheses.shares_exceed(PAIRS, estimate) == pytest.approx(0.5, abs=1e-3)
    assert hypotheses.shares_exceed(PAIRS, -1.5) < 1e-14
    assert hypotheses.shares_exceed(PAIRS, 1.5) == pytest.approx(1.0)


@pytest.mark.parametrize("n", [1, 2, 5, 12, 31])
@pytest.mark.parametrize("kind", ["continuous", "ties"])
def test_resampled_estimates_are_those_of_each_draw(n, kind):
    random = np.random.default_rng(n)
    values = random.normal(size=n) if kind == "continuous" else random.integers(-2, 3, n) / 1.0
    counts = resampling.draws(random, n, 30)
    assert (counts.sum(axis=1) == n).all()
    expected = [statistics.hodges_lehmann(np.repeat(values, c)).estimate for c in counts]
    np.testing.assert_allclose(resampling.hodges_lehmann_of(values, counts), expected, atol=1e-12)
