"""Tests against a margin and for many claims, against scipy, enumeration and answers by hand."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from study.evidence import hypotheses, statistics
from study.evidence.effects import Measured


@pytest.mark.parametrize("shift", [0.0, 0.3, -0.6])
def test_beyond_a_margin_is_scipys_one_sided_test(shift):
    d = np.random.default_rng(3).normal(shift, 0.5, 25)
    above = scipy.stats.wilcoxon(d + 0.4, alternative="greater", method="exact").pvalue
    below = scipy.stats.wilcoxon(d - 0.4, alternative="less", method="exact").pvalue
    measured = Measured("", "", d, d, d)
    assert measured.above(-0.4) == pytest.approx(above, abs=1e-12)
    assert measured.below(0.4) == pytest.approx(below, abs=1e-12)


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
    found = hypotheses.holm(named)
    assert found == pytest.approx(expected) and list(found) == list(named)


def test_required_pairs_have_a_power_of_90_percent():
    # (3.29 · 0.1 / 0.0212)² = 240.9; an SD of the margin itself needs 3.29² = 10.8
    assert hypotheses.required_pairs(0.1, 0.0212) == 241
    assert hypotheses.required_pairs(0.0212, 0.0212) == 11
    assert hypotheses.required_pairs(0.0) == 0
    reach = math.log10(1.05) * math.sqrt(hypotheses.required_pairs(0.1)) / 0.1
    power = 2 * scipy.stats.norm.cdf(reach - scipy.stats.norm.ppf(0.95)) - 1
    assert power == pytest.approx(0.90, abs=2e-3)


def newcombe_paired(first, second):
    counts = statistics.paired_counts(first, second)
    return statistics.newcombe([counts], scipy.stats.norm.ppf(0.975))[0]


PAIRS = [
    ([True] * 12 + [False] * 28, [True] * 2 + [False] * 38),
    ([True] * 5 + [False] * 15, [False] * 20),
]


SAME = [([True] * 12 + [False] * 28, [True] * 2 + [False] * 38)] * 2
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
    found = hypotheses.shares_differ(strata, together=together)
    assert found == pytest.approx((middle, middle - down, middle + up))


def test_one_stratum_is_newcombes_own_interval_and_none_has_none():
    own = newcombe_paired(*PAIRS[0])
    assert hypotheses.shares_differ(PAIRS[:1]) == pytest.approx(tuple(own))
    with pytest.raises(ValueError, match="at least one stratum"):
        hypotheses.shares_differ([])


@pytest.mark.parametrize("margin", [-0.1, 0.0, 0.1, 0.2, 0.3, 0.4])
@pytest.mark.parametrize("level", [0.90, 0.95])
def test_the_p_value_of_rates_is_the_interval_inverted(margin, level):
    _, low, high = hypotheses.shares_differ(PAIRS, level)
    tail = (1 - level) / 2
    assert (low > margin) == (hypotheses.shares_exceed(PAIRS, margin) < tail)
    assert (high < margin) == (hypotheses.shares_exceed(PAIRS, margin) > 1 - tail)


def test_the_p_value_at_a_limit_is_the_level_and_beyond_all_limits_0_or_1():
    estimate, low, high = hypotheses.shares_differ(PAIRS, 0.95)
    for margin, p in ((low, 0.025), (high, 0.975), (-1.5, 0.0), (1.5, 1.0)):
        assert hypotheses.shares_exceed(PAIRS, margin) == pytest.approx(p, abs=1e-8)
    assert hypotheses.shares_exceed(PAIRS, estimate) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("n", [1, 2, 5, 12, 31])
@pytest.mark.parametrize("kind", ["continuous", "ties"])
def test_resampled_estimates_are_those_of_each_draw(n, kind):
    random = np.random.default_rng(n)
    values = random.normal(size=n) if kind == "continuous" else random.integers(-2, 3, n) / 1.0
    counts = random.multinomial(n, np.full(n, 1 / n), size=30)
    expected = [statistics.hodges_lehmann(np.repeat(values, c)).estimate for c in counts]
    np.testing.assert_allclose(statistics.resampled(values, counts), expected, atol=1e-12)
