"""Statistics against answers by hand, published examples, scipy and enumeration."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from study.evidence import statistics
from study.evidence.hypotheses import shares_differ


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # constant predictor 2: a tenth left is one decade; 0.0005 left is clipped to three
        (([0.2, 0.001, 5.0, 2.0], 2.0), [-1.0, -3.0, 0.0, 0.0]),
        # (0.6 - 0.5) / (1.5 - 0.5) = 0.1; an unknown optimum counts as 0
        (([0.6], 1.5, 0.5), [-1.0]),
        (([0.15], 1.5, np.nan), [-1.0]),
        # runs that failed or are not finite
        (([1e-6, np.nan, np.inf, 1e-2], 1, 0, [True, False, False, False]), [0, 0, 0, -2.0]),
    ],
)
def test_score_by_hand(given, expected):
    np.testing.assert_allclose(statistics.score(*given), expected, atol=1e-15)


@pytest.mark.parametrize("count, total", [(0, 10), (3, 10), (10, 10), (81, 263), (1, 29)])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_wilson_is_scipys(count, total, confidence):
    low, high = statistics.wilson(count, total, confidence)
    expected = scipy.stats.binomtest(count, total).proportion_ci(confidence, method="wilson")
    assert low == pytest.approx(expected.low, abs=1e-12)
    assert high == pytest.approx(expected.high, abs=1e-12)


def test_wilson_of_nothing_is_unknown_and_its_ends_are_exact():
    low, high = statistics.wilson([0, 0, 7], [0, 7, 7])
    assert np.isnan([low[0], high[0]]).all()
    assert (low[1], high[2]) == (0.0, 1.0)


# (both, first, second, neither) -> limits as published to three or four digits
PUBLISHED = {
    "Newcombe 1998, 36 12 2 0": ((36, 12, 2, 0), (0.0569, 0.3404)),
    "Newcombe 1998, 20 12 2 16": ((20, 12, 2, 16), (0.0562, 0.3292)),
    "Bentur 2009 in Fagerland, Lydersen & Laake 2014": ((1, 1, 7, 12), (-0.507, -0.026)),
}


def outcomes(both, first, second, neither):
    one = [True] * both + [True] * first + [False] * second + [False] * neither
    two = [True] * both + [False] * first + [True] * second + [False] * neither
    return one, two


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


def test_newcombe_without_events_is_not_a_point():
    got = shares_differ([([False] * 10, [False] * 10)])
    _, upper = statistics.wilson(0, 10)
    assert got == pytest.approx((0.0, -float(upper), float(upper)))


def test_newcombe_refuses_broken_pairs():
    with pytest.raises(ValueError, match="equal lengths"):
        statistics.paired_counts([True], [True, False])


def enumerated(differences):
    """Two-sided p-value over all signs of the non-zero differences, ranked with the zeros."""
    d = np.asarray(differences, float)
    ranks = scipy.stats.rankdata(np.abs(d))[d != 0]
    seen = ranks[d[d != 0] > 0].sum()
    sums = np.array(
        [np.dot(ranks, signs) for signs in itertools.product([0, 1], repeat=len(ranks))]
    )
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


def test_wilcoxon_with_pratts_zeros_agrees_with_scipys_approximation():
    d = np.r_[np.zeros(12), np.random.default_rng(1).normal(0.2, 1, 60)]
    expected = scipy.stats.wilcoxon(d, zero_method="pratt", method="asymptotic").pvalue
    assert statistics.wilcoxon(d) == pytest.approx(expected, rel=0.05)


def test_wilcoxon_of_zeros_alone_is_one():
    assert statistics.wilcoxon([0.0, 0.0, 0.0]) == 1.0


def test_hodges_lehmann_by_hand():
    # Walsh averages of 1, 2, 4: 1, 1.5, 2, 2.5, 3, 4
    assert statistics.hodges_lehmann([1.0, 2.0, 4.0]).estimate == 2.25
    # n = 6: a rank sum of 0 has probability 1/64 <= 0.025, of 1 or less 2/64: the extremes
    got = statistics.hodges_lehmann([1.0, 2.0, 3.0, 5.0, 8.0, 13.0])
    assert (got.low, got.high) == (1.0, 13.0)


@pytest.mark.parametrize("n, k", [(10, 9), (20, 53), (50, 435)])
def test_hodges_lehmann_uses_the_tabled_ranks(n, k):
    # critical rank sums of the two-sided 5 % test: 8, 52, 434 (any table of the signed-rank test)
    d = np.random.default_rng(n).normal(size=n)
    walsh = np.sort([(d[i] + d[j]) / 2 for i in range(n) for j in range(i, n)])
    got = statistics.hodges_lehmann(d)
    assert (got.low, got.high) == (walsh[k - 1], walsh[-k])


def kept_shifts(d, alpha):
    """Shifts at Walsh averages and in the gaps between them that the test does not reject."""
    walsh = np.unique((d[:, None] + d[None, :]) / 2)
    gaps = np.r_[walsh[0] - 1, (walsh[1:] + walsh[:-1]) / 2, walsh[-1] + 1]
    return [s for s in np.r_[walsh, gaps] if enumerated(d - s) > alpha]


@pytest.mark.parametrize("seed", range(5))
def test_limits_are_the_inverted_test(seed):
    d = np.random.default_rng(seed).normal(size=7)
    got = statistics.hodges_lehmann(d, 0.9)
    inside = kept_shifts(d, 0.1)
    assert got.low <= min(inside) and max(inside) <= got.high
    # the closure adds at most the end points: just beyond them the test rejects
    assert enumerated(d - (got.low - 1e-9)) <= 0.1
    assert enumerated(d - (got.high + 1e-9)) <= 0.1
    assert enumerated(d - (got.low + 1e-9)) > 0.1


@given(st.lists(st.integers(-2, 3), min_size=6, max_size=7))
@settings(deadline=None, max_examples=40)
def test_limits_with_zeros_and_ties_keep_all_that_the_test_keeps(differences):
    d = np.array(differences, float)
    got = statistics.hodges_lehmann(d, 0.9)
    inside = kept_shifts(d, 0.1)
    assert not inside or (got.low <= min(inside) and max(inside) <= got.high)
    assert got.low <= got.estimate <= got.high


def test_too_few_pairs_have_no_limits_and_none_have_no_estimate():
    assert statistics.hodges_lehmann([1.0, 2.0, 3.0])[1:] == (-math.inf, math.inf)
    assert np.isnan(statistics.hodges_lehmann([])).all()


def test_hodges_lehmann_refuses_nan():
    with pytest.raises(ValueError, match="not finite"):
        statistics.hodges_lehmann([1.0, np.nan])
