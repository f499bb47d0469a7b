"""Statistics and tests against answers by hand, published examples, scipy and enumeration."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from study.evidence import statistics
from study.evidence.effects import Measured, Paired, Ranked, Shares, significant_tasks
from study.evidence.statistics import hodges_lehmann, shares_differ


def test_score_by_hand():
    for arguments, expected in (
        # constant predictor 2: a tenth left is one decade; less than 1e-9 is clipped to nine
        (([0.2, 1e-12, 5.0, 2.0], 2.0), [-1.0, -9.0, 0.0, 0.0]),
        # (0.6 - 0.5) / (1.5 - 0.5) = 0.1; an unknown optimum counts as 0
        (([0.6], 1.5, 0.5), [-1.0]),
        (([0.15], 1.5, np.nan), [-1.0]),
        # runs that failed or are not finite
        (([1e-6, np.nan, np.inf, 1e-2], 1, 0, [True, False, False, False]), [0, 0, 0, -2.0]),
    ):
        np.testing.assert_allclose(statistics.score(*arguments), expected, atol=1e-15)


@pytest.mark.parametrize("count, total", [(0, 10), (3, 10), (10, 10), (81, 263), (1, 29)])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_wilson_is_scipys(count, total, confidence):
    expected = scipy.stats.binomtest(count, total).proportion_ci(confidence, method="wilson")
    assert statistics.wilson(count, total, confidence) == pytest.approx(tuple(expected), abs=1e-12)


def test_wilson_of_nothing_is_unknown_and_its_ends_are_exact():
    low, high = statistics.wilson([0, 0, 7], [0, 7, 7])
    assert np.isnan([low[0], high[0]]).all()
    assert (low[1], high[2]) == (0.0, 1.0)


# (both, first, second, neither) -> limits as published to three or four digits
PUBLISHED = {
    "without events it is no point: Wilson's 0 of 10": ((0, 0, 0, 10), (-0.2775, 0.2775)),
    "Newcombe 1998, 36 12 2 0": ((36, 12, 2, 0), (0.0569, 0.3404)),
    "Newcombe 1998, 20 12 2 16": ((20, 12, 2, 16), (0.0562, 0.3292)),
    "Bentur 2009 in Fagerland, Lydersen & Laake 2014": ((1, 1, 7, 12), (-0.507, -0.026)),
}


def outcomes(both, first, second, neither):
    cells = [[True, True]] * both + [[True, False]] * first
    cells += [[False, True]] * second + [[False, False]] * neither
    return tuple(map(list, zip(*cells, strict=True)))


@pytest.mark.parametrize("table, limits", PUBLISHED.values(), ids=PUBLISHED)
def test_newcombe_reproduces_published_limits(table, limits):
    got = shares_differ([outcomes(*table)])
    assert got.estimate == pytest.approx((table[1] - table[2]) / sum(table))
    assert (got.low, got.high) == pytest.approx(limits, abs=5e-4)


@given(st.tuples(*[st.integers(0, 9)] * 4).filter(any))
def test_newcombe_is_antisymmetric_and_stays_in_range(table):
    one, two = outcomes(*table)
    ab, ba = shares_differ([(one, two)]), shares_differ([(two, one)])
    assert ab.low == pytest.approx(-ba.high, abs=1e-12)
    assert -1 - 1e-12 <= ab.low <= ab.estimate <= ab.high <= 1 + 1e-12


def enumerated(differences):
    """Two-sided p-value over all signs of the non-zero differences, ranked with the zeros."""
    d = np.asarray(differences, float)
    ranks = scipy.stats.rankdata(np.abs(d))[d != 0]
    seen = ranks[d[d != 0] > 0].sum()
    sums = np.array([*itertools.product([0, 1], repeat=len(ranks))]) @ ranks
    return min(1.0, 2 * min((sums >= seen).mean(), (sums <= seen).mean()))


small = st.lists(st.integers(-3, 5), min_size=1, max_size=8)


@given(small)
@settings(deadline=None)
def test_wilcoxon_is_the_enumeration_of_signs(differences):
    assert statistics.wilcoxon(differences) == pytest.approx(enumerated(differences), abs=1e-12)


@pytest.mark.parametrize("n", [5, 12, 30])
@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_wilcoxon_is_scipys_where_nothing_ties(n, alternative):
    d = np.random.default_rng(n).normal(0.4, 1, n)
    expected = scipy.stats.wilcoxon(d, alternative=alternative, method="exact").pvalue
    assert statistics.wilcoxon(d, alternative) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n, k", [(6, 1), (10, 9), (20, 53), (50, 435)])
def test_hodges_lehmann_uses_the_tabled_ranks(n, k):
    """Critical rank sums of the two-sided 5 % test: 0, 8, 52, 434 (any table of the test)."""
    d = np.random.default_rng(n).normal(size=n)
    walsh = np.sort([(d[i] + d[j]) / 2 for i in range(n) for j in range(i, n)])
    got = statistics.hodges_lehmann(d)
    assert (got.low, got.high) == (walsh[k - 1], walsh[-k])


def kept_shifts(d, alpha):
    """Shifts at Walsh averages and in the gaps between them that the test does not reject."""
    walsh = np.unique((d[:, None] + d[None, :]) / 2)
    gaps = np.r_[walsh[0] - 1, (walsh[1:] + walsh[:-1]) / 2, walsh[-1] + 1]
    return [s for s in np.r_[walsh, gaps] if enumerated(d - s) > alpha]


@given(st.lists(st.integers(-2, 3), min_size=6, max_size=7), st.integers(0, 1))
@settings(deadline=None, max_examples=40)
def test_limits_are_the_inverted_test_and_keep_all_that_it_keeps(differences, ties):
    noise = np.random.default_rng(0).normal(size=len(differences))
    d = np.array(differences) + (1 - ties) * noise
    got = statistics.hodges_lehmann(d, 0.9)
    inside = kept_shifts(d, 0.1)
    assert not inside or (got.low <= min(inside) and max(inside) <= got.high)
    assert got.low <= got.estimate <= got.high
    if not ties:  # the closure adds at most the end points: just beyond them the test rejects
        p = [enumerated(d - s) for s in (got.low - 1e-9, got.high + 1e-9, got.low + 1e-9)]
        assert max(p[:2]) <= 0.1 < p[2]


def test_what_has_no_limits_and_what_is_refused():
    # Walsh averages of 1, 2, 4: 1, 1.5, 2, 2.5, 3, 4
    assert statistics.hodges_lehmann([1.0, 2.0, 4.0]) == (2.25, -math.inf, math.inf)
    assert np.isnan(statistics.hodges_lehmann([])).all()
    with pytest.raises(ValueError, match="not finite"):
        statistics.hodges_lehmann([1.0, np.nan])
    with pytest.raises(ValueError, match="equal lengths"):
        statistics.paired_counts([True], [True, False])


# ---- tests against a margin, several tests, and effects over strata -----------------------------


@given(st.integers(0, 10_000), st.floats(0.05, 1.0))
@settings(deadline=None, max_examples=50)
def test_both_tests_hold_where_the_interval_of_90_percent_lies_inside(seed, margin):
    d = np.random.default_rng(seed).normal(0.1, 0.6, 12)
    _, low, high = statistics.hodges_lehmann(d, 0.90)
    measured = Measured("", "", d, d, d)
    both = max(measured.above(-margin), measured.below(margin))
    assert (-margin < low and high < margin) == (both <= 0.05)


@given(st.lists(st.sampled_from([0.0, 0.01, 0.02, 0.03, 0.4, 0.45, 1.0]), max_size=5))
def test_holm_is_the_closed_test_of_bonferroni(p):
    """Adjusted p: the largest, over the subsets that hold it, of size times the least in it."""
    named = {str(k): value for k, value in enumerate(p)}
    subsets = [c for k in range(len(p)) for c in itertools.combinations(named, k + 1)]
    expected = {
        name: max(min(1.0, len(c) * min(named[j] for j in c)) for c in subsets if name in c)
        for name in named
    }
    found = statistics.holm(named)
    assert found == pytest.approx(expected) and list(found) == list(named)


def test_required_pairs_have_a_power_of_90_percent():
    # (3.29 · 0.1 / 0.0212)² = 240.9; an SD of the margin itself needs 3.29² = 10.8
    assert statistics.required_pairs(0.1, 0.0212) == 241
    assert statistics.required_pairs(0.0212, 0.0212) == 11
    assert statistics.required_pairs(0.0) == 0
    reach = math.log10(1.05) * math.sqrt(statistics.required_pairs(0.1)) / 0.1
    power = 2 * scipy.stats.norm.cdf(reach - scipy.stats.norm.ppf(0.95)) - 1
    assert power == pytest.approx(0.90, abs=2e-3)


def newcombe_paired(*pair):
    return statistics.newcombe([statistics.paired_counts(*pair)], scipy.stats.norm.ppf(0.975))[0]


ONE = ([True] * 12 + [False] * 28, [True] * 2 + [False] * 38)
PAIRS = [ONE, ([True] * 5 + [False] * 15, [False] * 20)]
SAME = [ONE] * 2
OPPOSITE = [SAME[0], SAME[0][::-1]]
SHIFTED = [SAME[0], ([False, False] + [True] * 12 + [False] * 26, SAME[0][1])]


@pytest.mark.parametrize("strata", [SAME, OPPOSITE, SHIFTED])
@pytest.mark.parametrize("together", [(), ("x", "x"), ("x", "y")])
def test_strata_are_put_together_by_their_distances_and_correlation(strata, together):
    """Without a key, or with different ones, strata are independent; no r is negative."""
    one, two = (np.subtract(*np.array(pair, float)) for pair in strata)
    r = max(0.0, np.corrcoef(one, two)[0, 1]) if together == ("x", "x") else 0.0
    each = np.array([newcombe_paired(*pair) for pair in strata])
    middle = each[:, 0].mean()
    down, up = (
        math.sqrt(x[0] ** 2 + x[1] ** 2 + 2 * r * x[0] * x[1]) / 2
        for x in (each[:, 0] - each[:, 1], each[:, 2] - each[:, 0])
    )
    found = shares_differ(strata, together=together)
    assert found == pytest.approx((middle, middle - down, middle + up))


def test_one_stratum_is_newcombes_own_interval_and_none_has_none():
    assert shares_differ(PAIRS[:1]) == pytest.approx(tuple(newcombe_paired(*PAIRS[0])))
    with pytest.raises(ValueError, match="at least one stratum"):
        shares_differ([])


@pytest.mark.parametrize("level", [0.5, 0.90, 0.95])
def test_the_p_value_at_a_limit_is_the_level_and_beyond_all_limits_0_or_1(level):
    estimate, low, high = shares_differ(PAIRS, level)
    tail = (1 - level) / 2
    for margin, p in ((low, tail), (high, 1 - tail), (-1.5, 0.0), (1.5, 1.0)):
        assert statistics.shares_exceed(PAIRS, margin) == pytest.approx(p, abs=1e-8)
    assert statistics.shares_exceed(PAIRS, estimate) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("n", [1, 2, 5, 12, 31])
@pytest.mark.parametrize("kind", ["continuous", "ties"])
def test_resampled_estimates_are_those_of_each_draw(n, kind):
    random = np.random.default_rng(n)
    values = random.normal(size=n) if kind == "continuous" else random.integers(-2, 3, n) / 1.0
    counts = random.multinomial(n, np.full(n, 1 / n), size=30)
    expected = [statistics.hodges_lehmann(np.repeat(values, c)).estimate for c in counts]
    np.testing.assert_allclose(statistics.resampled(values, counts), expected, atol=1e-12)


# ---- pooled effects: estimates by hand, seeds drawn within blocks ------------------------------

NONE = np.array([], dtype=np.intp)


def measured(task, values, block=None):
    return Measured(task, block or task, np.arange(len(values)), NONE, np.asarray(values, float))


def paired(task, first, second, block="", seed=0):
    return Paired(task, block or task, seed + np.arange(len(first)), NONE, first, second)


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
    assert Ranked((measured("a", values, "x"), measured("b", -values, "y"))).draws.std() > 0.05


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
    for tasks, above, expected in (
        ((weak,), True, ["weak"]),
        ((clear, weak, other), True, ["clear"]),
        ((clear, weak, other), False, []),
    ):
        assert significant_tasks(Ranked(tasks), 0.0, above=above, level=0.05) == expected


def test_rates_have_the_same_face():
    failing = np.array([True] * 30 + [False] * 10)
    got = Shares((paired("a", failing, ~failing), paired("b", failing, failing)))
    assert got.estimate == got.interval().estimate == pytest.approx(0.25)
    assert got.above(0.0) < 0.01 < 0.99 < got.below(0.0) and got.below(0.9) < 0.001


def test_rates_of_a_block_are_not_independent():
    """Strata that fail with the same seeds tell no more than one of them."""
    first = np.array([True] * 12 + [False] * 28)
    second = np.roll(first, 9)
    alone = Shares((paired("a", first, second),)).interval()
    twice = paired("a", first, second, "x"), paired("b", first, second, "x")
    assert Shares(twice).interval() == pytest.approx(alone)
    assert Shares(twice).above(0.1) == pytest.approx(Shares(twice[:1]).above(0.1))
    for where in (("y",), ("x", 1)):  # other data, or other seeds
        narrow = Shares((twice[0], paired("b", first, second, *where))).interval()
        assert narrow.high - narrow.low == pytest.approx((alone.high - alone.low) / 2**0.5)
