"""Estimates, intervals and tests: rank-based for scores, Wilson's family for rates.

Everything here takes arrays and returns numbers. Confidence levels are two-sided, p-values of
tests against a margin one-sided.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.stats import norm, rankdata

from study.learning import outcomes

Array = NDArray[np.float64]
Pair = tuple[ArrayLike, ArrayLike]
BEST = np.log10(outcomes.LEAST_SHARE) + 1e-12
"""The least score there is, to rounding."""
SD_TO_MARGIN = 3.29
"""2 z(0.95): power 90 % for two one-sided 5 % tests when the true difference is 0."""


class Interval(NamedTuple):
    """An estimate with its confidence limits, in the estimate's own unit."""

    estimate: float
    low: float
    high: float


def remaining(final: ArrayLike, constant: ArrayLike, optimum: ArrayLike = 0.0) -> Array:
    """Share of the removable objective that is left: (L - L*) / (L_const - L*).

    L_const is that of the best constant predictor. L* is the smallest objective possible where
    the noise is known; NaN counts as 0. A final objective of NaN stays NaN.
    """
    least = np.nan_to_num(np.asarray(optimum, float), nan=0.0)
    values = np.asarray(final, float), np.asarray(constant, float), least
    return np.asarray(outcomes.excess_share(*values), float)


def score(
    final: ArrayLike, constant: ArrayLike, optimum: ArrayLike = 0.0, failed: ArrayLike = False
) -> Array:
    """Score of a training: s = log10 clip((L - L*) / (L_const - L*), 1e-9, 1); 0 where it failed.

    Decades below the best constant predictor, from -9 (best) to 0. A difference of scores is the
    logarithm of a ratio of objectives. A non-finite objective counts as failed too.
    """
    left = remaining(final, constant, optimum)
    lost = np.asarray(failed, bool) | ~np.isfinite(left)
    return np.asarray(outcomes.score(left, lost, outcomes.LEAST_SHARE), float)


def wilson(count: ArrayLike, total: ArrayLike, confidence: float = 0.95) -> tuple[Array, Array]:
    """Wilson's score interval for a proportion; no trials give NaN.

    (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n), p = count/n.

    References
    ----------
    Wilson (1927), JASA 22, 209-212.
    """
    return _wilson(count, total, float(norm.ppf(0.5 + confidence / 2)))


def _wilson(count: ArrayLike, total: ArrayLike, z: float) -> tuple[Array, Array]:
    k, n = np.broadcast_arrays(np.asarray(count, float), np.asarray(total, float))
    n = np.where(n > 0, n, np.nan)
    p, scale = k / n, 1 + z * z / n
    centre = p + z * z / (2 * n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # rounding must not move the limits of 0 of n and n of n away from 0 and 1
    low = np.where(k == 0, 0 * n, np.maximum((centre - half) / scale, 0.0))
    high = np.where(k == n, n / n, np.minimum((centre + half) / scale, 1.0))
    return low, high


def paired_counts(first: ArrayLike, second: ArrayLike) -> tuple[int, ...]:
    """Count the units where both, only the first, only the second, and neither are true."""
    one, two = np.asarray(first, bool), np.asarray(second, bool)
    if one.shape != two.shape or one.ndim != 1 or one.size == 0:
        raise ValueError(f"pairs need two equal lengths, not {one.shape} and {two.shape}")
    return tuple(int(np.sum(unit)) for unit in (one & two, one & ~two, ~one & two, ~one & ~two))


def newcombe(counts: ArrayLike, z: float) -> Array:
    """Differences of two proportions on the same units, with Newcombe's paired intervals.

    With a, b, c, d the units where both, only the first, only the second and neither are true,
    p1 = (a+b)/n and p2 = (a+c)/n with Wilson limits l, u, the limits of p1 - p2 are

        p1 - p2 - √((p1-l1)² - 2φ(p1-l1)(u2-p2) + (u2-p2)²)
        p1 - p2 + √((u1-p1)² - 2φ(u1-p1)(p2-l2) + (p2-l2)²)

    φ = C / √((a+b)(c+d)(a+c)(b+d)), where C is ad - bc if negative, else max(ad - bc - n/2, 0);
    φ = 0 if the denominator is.

    From counts (k, 4) as of `paired_counts`, and the normal quantile z of the level, it makes
    estimates with low and high limits, (k, 3).

    References
    ----------
    Newcombe (1998), Statistics in Medicine 17, 2635-2650, method 10.
    """
    a, b, c, d = np.asarray(counts, float).T
    n = a + b + c + d
    p1, p2 = (a + b) / n, (a + c) / n
    (l1, u1), (l2, u2) = _wilson(a + b, n, z), _wilson(a + c, n, z)
    cross = a * d - b * c
    cross = np.where(cross > 0, np.maximum(cross - n / 2, 0.0), cross)
    size = np.sqrt((a + b) * (c + d) * (a + c) * (b + d))
    phi = np.divide(cross, size, out=np.zeros_like(cross), where=size > 0)

    def reach(x: Array, y: Array) -> Array:
        return np.asarray(np.sqrt(np.maximum(x * x - 2 * phi * x * y + y * y, 0.0)))

    middle = p1 - p2
    down, up = reach(p1 - l1, u2 - p2), reach(u1 - p1, p2 - l2)
    return np.stack([middle, middle - down, middle + up], axis=1)


def _sign_flips(doubled_ranks: NDArray[np.int64]) -> Array:
    """Probability of each doubled rank sum 0, 1, ... when every sign is a fair coin."""
    chance = np.zeros(int(doubled_ranks.sum()) + 1)
    chance[0] = 1.0
    top = 0
    for rank in doubled_ranks.tolist():
        top += rank
        chance[rank : top + 1] = (chance[rank : top + 1] + chance[: top + 1 - rank]) / 2
        chance[:rank] /= 2
    return chance


def wilcoxon(differences: ArrayLike, alternative: str = "two-sided") -> float:
    """Exact p-value of the signed-rank test, zeros by Pratt, ties by mid-ranks.

    Zeros take part in the ranking and are then left out. The distribution is that of all 2^m
    signs of the m others, so it is exact with zeros and ties at any sample size; scipy's test is
    exact without ties only. `alternative` is "two-sided", "greater" (differences tend to be
    positive) or "less".

    References
    ----------
    Wilcoxon (1945), Biometrics Bulletin 1, 80-83; Pratt (1959), JASA 54, 655-667.
    """
    d = np.asarray(differences, float)
    doubled = np.rint(2 * rankdata(np.abs(d))).astype(np.int64)
    chance = _sign_flips(doubled[d != 0])
    positive = int(doubled[d > 0].sum())
    greater = float(chance[positive:].sum())
    less = float(chance[: positive + 1].sum())
    one_sided = {"greater": greater, "less": less}
    return min(one_sided.get(alternative, 2 * min(greater, less)), 1.0)


@lru_cache(maxsize=4096)
def _walsh_rank(n: int, confidence: float) -> int:
    """Rank k such that the k-th smallest and k-th largest Walsh average are limits; 0 if none.

    k - 1 is the largest rank sum whose lower tail is at most (1 - confidence) / 2.
    """
    ranks = 2 * np.arange(1, n + 1, dtype=np.int64)
    tail = np.cumsum(_sign_flips(ranks)[::2])
    return int(np.sum(tail <= (1 - confidence) / 2))


def hodges_lehmann(differences: ArrayLike, confidence: float = 0.95) -> Interval:
    """Centre of paired differences, with limits by inversion of the signed-rank test.

    The estimate is the median of the Walsh averages (d_i + d_j) / 2, i <= j. The limits are the
    closure of the shifts θ at which the test of d - θ does not reject. T+(θ) is the number of
    Walsh averages above θ, so they are Walsh averages of symmetric ranks, from the exact null
    distribution. Exact for a continuous distribution; with ties at least the confidence asked,
    and a shift that Pratt's test of zeros keeps always lies inside (the tests enumerate it).

    Below 6 pairs no limits have 95 % confidence: they are infinite. No pairs: all NaN.

    Raises
    ------
    ValueError
        If a difference is not finite.

    References
    ----------
    Hodges & Lehmann (1963), Ann. Math. Statist. 34, 598-611; Hollander, Wolfe & Chicken (2014),
    Nonparametric Statistical Methods, §3.2-3.3; Pratt & Gibbons (1981), Concepts of Nonparametric
    Theory, §3.7 (closed limits are conservative with ties).
    """
    d = np.asarray(differences, float)
    if not np.isfinite(d).all():
        raise ValueError("a difference is not finite; give failed runs their score first")
    if d.size == 0:
        return Interval(math.nan, math.nan, math.nan)
    rows, columns = np.triu_indices(d.size)
    walsh = np.sort((d[rows] + d[columns]) / 2)
    k = _walsh_rank(d.size, confidence)
    low, high = (walsh[k - 1], walsh[-k]) if k else (-math.inf, math.inf)
    return Interval(float(np.median(walsh)), float(low), float(high))


def resampled(values: ArrayLike, counts: NDArray[np.int64]) -> Array:
    """Hodges-Lehmann estimates (resamples,) of many draws with replacement, exact for each.

    A draw is how often each value is in it: counts (resamples, n), all rows with the same sum.
    Its Walsh averages are those of the data, each as often as the counts say. So they are ranked
    once, for all draws; the median is then found by bisection over the ranks.
    """
    order = np.argsort(np.asarray(values, float), kind="stable")
    x, c = np.asarray(values, float)[order], np.ascontiguousarray(counts[:, order])
    n = len(x)
    levels, rank = np.unique((x[:, None] + x[None, :]) / 2, return_inverse=True)
    rank = rank.reshape(n, n)
    every = np.arange(len(levels))
    # how many of x_1 .. x_n make an average of at most level k with x_i; rows of rank rise
    partners = np.stack([np.searchsorted(row, every, side="right") for row in rank], axis=1)
    halves = np.searchsorted(np.ascontiguousarray(rank.diagonal()), every, side="right")
    upto = np.concatenate([np.zeros((len(c), 1), np.int64), np.cumsum(c, axis=1)], axis=1)
    size = int(c[0].sum())
    pairs = size * (size + 1) // 2
    rows = np.arange(len(c))

    def smallest(k: int) -> Array:
        low, high = np.zeros(len(c), np.intp), np.full(len(c), len(levels) - 1)
        while (low < high).any():
            level = (low + high) // 2
            # Walsh averages up to a level: of a value with itself once and with others once
            ordered = (c * upto[rows[:, None], partners[level]]).sum(axis=1)
            enough = (ordered + upto[rows, halves[level]]) // 2 >= k
            high, low = np.where(enough, level, high), np.where(enough, low, level + 1)
        return np.asarray(levels[low], float)

    first = smallest((pairs + 1) // 2)
    return first if pairs % 2 else (first + smallest(pairs // 2 + 1)) / 2


def holm(p: Mapping[Any, float]) -> dict[Any, float]:
    """Adjust p-values for their number, by steps from the smallest.

    The i-th smallest of m becomes max over j <= i of min(1, (m - j + 1) p_j).

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6, 65-70.
    """
    adjusted = {}
    least = 0.0
    for rank, name in enumerate(sorted(p, key=lambda name: p[name])):
        least = max(least, min(1.0, (len(p) - rank) * p[name]))
        adjusted[name] = least
    return {name: adjusted[name] for name in p}


def required_pairs(deviation: float, margin: float = math.log10(1.05)) -> int:
    """Pairs that an equivalence test within ± `margin` needs: (3.29 SD / margin)², rounded up."""
    # slightly less, so that a rounding error does not raise a whole number
    return math.ceil((SD_TO_MARGIN * deviation / margin) ** 2 * (1 - 1e-12))


def shares_differ(
    strata: Sequence[Pair], confidence: float = 0.95, together: Sequence[Hashable] = ()
) -> Interval:
    """Mean over strata of p1 - p2, from each stratum's paired interval by Newcombe.

    With d_i, l_i, u_i a stratum's estimate and limits, k strata of equal weight and
    x_i = d_i - l_i, the lower limit is d - √(Σ_ij r_ij x_i x_j) / k, d the mean of the d_i; with
    x_i = u_i - d_i the upper one is d + the same. r_ij is the correlation of the pairs'
    differences in strata that belong together, if it is positive; else 0, and r_ii = 1.

    Strata are pairs of booleans (n_i,), paired by position. Those with the same key in `together`
    have the same units, by position; without keys all strata are independent.

    References
    ----------
    Yan & Su (2010), Statistics in Biopharmaceutical Research 2, 329-335; Zou & Donner (2008),
    Statistics in Medicine 27, 1693-1702 (recovery of variance estimates).
    """
    return _stratified(*_prepared(strata, together), norm.ppf(0.5 + confidence / 2))


def _prepared(
    strata: Sequence[Pair], together: Sequence[Hashable]
) -> tuple[list[tuple[int, ...]], NDArray[np.float64]]:
    """Return the counts of each stratum, and r, (k, k)."""
    if not strata:
        raise ValueError("a stratified interval needs at least one stratum")
    r = np.eye(len(strata))
    differences = [np.asarray(a, float) - np.asarray(b, float) for a, b in strata]
    for i, j in combinations(range(len(together)), 2):
        one, two = differences[i], differences[j]
        if together[i] == together[j] and one.std() > 0 and two.std() > 0:
            r[i, j] = r[j, i] = max(np.corrcoef(one, two)[0, 1], 0.0)
    return [paired_counts(*pair) for pair in strata], r


def _stratified(counts: Sequence[tuple[int, ...]], r: NDArray[np.float64], z: float) -> Interval:
    each = newcombe(counts, z)
    middle = float(each[:, 0].mean())
    reach = [each[:, 0] - each[:, 1], each[:, 2] - each[:, 0]]
    down, up = (math.sqrt(x @ r @ x) / len(each) for x in reach)
    return Interval(middle, middle - down, middle + up)


def shares_exceed(
    strata: Sequence[Pair], margin: float, together: Sequence[Hashable] = ()
) -> float:
    """p-value of "p1 - p2 is above the margin", by inversion of `shares_differ`.

    It is (1 - c)/2 with c the confidence at which the lower limit meets the margin, and its
    complement, from the upper limit, where the estimate is not above the margin.
    """
    counts, r = _prepared(strata, together)
    above = _stratified(counts, r, 0.0).estimate > margin

    def gap(z: float) -> float:
        limits = _stratified(counts, r, z)
        return (limits.low if above else limits.high) - margin

    smallest, largest = 0.0, 8.0
    if gap(smallest) * gap(largest) >= 0:  # the margin is the estimate, or beyond all limits
        p = 0.5 if gap(smallest) == 0 else float(norm.sf(largest))
    else:
        p = float(norm.sf(brentq(gap, smallest, largest, xtol=1e-10)))
    return p if above else 1.0 - p
