"""Estimates and intervals: rank-based for scores, Wilson's family for rates, bootstrap for pools.

Everything here takes arrays and returns numbers; what is random takes a seed. Confidence levels
are two-sided.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, rankdata

from study.learning import outcomes

Array = NDArray[np.float64]


class Interval(NamedTuple):
    """An estimate with its confidence limits, in the estimate's own unit."""

    estimate: float
    low: float
    high: float


def remaining(final: ArrayLike, constant: ArrayLike, optimum: ArrayLike = 0.0) -> Array:
    """Share of the removable objective that is left: (L - L*) / (L_const - L*).

    Parameters
    ----------
    final
        Objective L; any shape. NaN stays NaN.
    constant
        L_const, the objective of the best constant predictor.
    optimum
        L*, the smallest objective possible where the noise is known; NaN counts as 0.

    Returns
    -------
    array
        1 for the best constant predictor, 0 at the optimum; no unit.
    """
    least = np.nan_to_num(np.asarray(optimum, float), nan=0.0)
    values = np.asarray(final, float), np.asarray(constant, float), least
    return np.asarray(outcomes.excess_share(*values), float)


def score(
    final: ArrayLike,
    constant: ArrayLike,
    optimum: ArrayLike = 0.0,
    failed: ArrayLike = False,
) -> Array:
    """Score of a training: s = log10 clip((L - L*) / (L_const - L*), 1e-3, 1); 0 where it failed.

    Parameters
    ----------
    final, constant, optimum
        As in `remaining`.
    failed
        True for runs that diverged or are stuck; a non-finite objective counts as failed too.

    Returns
    -------
    array
        Decades below the best constant predictor, from -3 (best) to 0. A difference of scores is
        the logarithm of a ratio of objectives.
    """
    left = remaining(final, constant, optimum)
    lost = np.asarray(failed, bool) | ~np.isfinite(left)
    return np.asarray(outcomes.score(left, lost), float)


def wilson(count: ArrayLike, total: ArrayLike, confidence: float = 0.95) -> tuple[Array, Array]:
    """Wilson's score interval for a proportion.

    (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n), p = count/n.

    Parameters
    ----------
    count, total
        Successes and trials; any shape. No trials give NaN.
    confidence
        Two-sided level.

    References
    ----------
    Wilson (1927), JASA 22, 209-212.
    """
    k, n = np.broadcast_arrays(np.asarray(count, float), np.asarray(total, float))
    n = np.where(n > 0, n, np.nan)
    z = norm.ppf(0.5 + confidence / 2)
    p = k / n
    centre = p + z * z / (2 * n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # rounding must not put the limits of 0 of n or n of n a hair beside 0 or 1
    low = np.where(k == 0, 0 * n, np.maximum((centre - half) / scale, 0.0))
    high = np.where(k == n, n / n, np.minimum((centre + half) / scale, 1.0))
    return np.asarray(low, float), np.asarray(high, float)


def newcombe_paired(first: ArrayLike, second: ArrayLike, confidence: float = 0.95) -> Interval:
    """Difference of two proportions on the same units, with Newcombe's paired interval.

    With a, b, c, d the units where both, only the first, only the second and neither are true,
    p1 = (a+b)/n and p2 = (a+c)/n with Wilson limits l, u, the limits of p1 - p2 are

        p1 - p2 - √((p1-l1)² - 2φ(p1-l1)(u2-p2) + (u2-p2)²)
        p1 - p2 + √((u1-p1)² - 2φ(u1-p1)(p2-l2) + (p2-l2)²)

    φ = C / √((a+b)(c+d)(a+c)(b+d)), where C is ad - bc if negative, else max(ad - bc - n/2, 0);
    φ = 0 if the denominator is.

    Parameters
    ----------
    first, second
        Booleans (n,), paired by position.
    confidence
        Two-sided level.

    Raises
    ------
    ValueError
        If the two differ in length or are empty.

    References
    ----------
    Newcombe (1998), Statistics in Medicine 17, 2635-2650, method 10.
    """
    return newcombe_of_counts(paired_counts(first, second), float(norm.ppf(0.5 + confidence / 2)))


Counts = tuple[int, int, int, int]
"""Units where both, only the first, only the second, and neither are true."""


def paired_counts(first: ArrayLike, second: ArrayLike) -> Counts:
    """Count the pairs of each kind; see `newcombe_paired`."""
    one, two = np.asarray(first, bool), np.asarray(second, bool)
    if one.shape != two.shape or one.ndim != 1 or one.size == 0:
        raise ValueError(f"pairs need two equal lengths, not {one.shape} and {two.shape}")
    both, only = int(np.sum(one & two)), int(np.sum(one & ~two))
    return both, only, int(np.sum(~one & two)), int(np.sum(~one & ~two))


def newcombe_of_counts(counts: Counts, z: float) -> Interval:
    """Return Newcombe's paired interval from counts, with z the normal quantile of the level."""
    a, b, c, d = counts
    n = sum(counts)
    p1, p2 = (a + b) / n, (a + c) / n
    (l1, u1), (l2, u2) = _wilson(a + b, n, z), _wilson(a + c, n, z)
    cross = float(a * d - b * c)
    if cross > 0:
        cross = max(cross - n / 2, 0.0)
    product = (a + b) * (c + d) * (a + c) * (b + d)
    phi = cross / math.sqrt(product) if product else 0.0

    def reach(x: float, y: float) -> float:
        return math.sqrt(max(x * x - 2 * phi * x * y + y * y, 0.0))

    return Interval(p1 - p2, p1 - p2 - reach(p1 - l1, u2 - p2), p1 - p2 + reach(u1 - p1, p2 - l2))


def _wilson(k: int, n: int, z: float) -> tuple[float, float]:
    """Wilson's limits in plain numbers, as `wilson`."""
    p, scale = k / n, 1 + z * z / n
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low = 0.0 if k == 0 else max((centre - half) / scale, 0.0)
    return low, 1.0 if k == n else min((centre + half) / scale, 1.0)


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

    Zeros take part in the ranking and are then left out; the distribution is that of all 2^m
    signs of the m others, so it is exact with zeros and ties at any sample size.

    Parameters
    ----------
    differences
        Paired differences (n,).
    alternative
        "two-sided", "greater" (differences tend to be positive) or "less".

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
    and a shift that Pratt's test of zeros keeps always lies inside (`tests` enumerate it).

    Parameters
    ----------
    differences
        Paired differences (n,), finite.
    confidence
        Two-sided level.

    Returns
    -------
    Interval
        In the differences' unit. Below 6 pairs no limits have 95 % confidence: they are infinite.
        No pairs: all NaN.

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


def mean_of_samples(samples: Array) -> Array:
    """Mean over the last axis: the default statistic of `bootstrap`."""
    return np.asarray(samples.mean(axis=-1))


def bootstrap(
    strata: Sequence[ArrayLike],
    statistic: Callable[[Array], Array] = mean_of_samples,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Mean over strata of a statistic, with the percentile interval of a stratified bootstrap.

    Every stratum is drawn anew from its own values, with replacement; a row of a stratum with
    several columns (say, the two arms of a pair) is drawn whole.

    Parameters
    ----------
    strata
        Arrays (n_i,) or (n_i, columns), such as the seeds of each task.
    statistic
        Takes (resamples, n_i), or (resamples, columns, n_i), and reduces all but the first axis.
    confidence, resamples, seed
        Two-sided level; number of draws; seed of the one generator used.

    Raises
    ------
    ValueError
        If there is no stratum, or an empty one.

    References
    ----------
    Efron & Tibshirani (1993), An Introduction to the Bootstrap, ch. 13.
    """
    groups = [np.asarray(values, float) for values in strata]
    if not groups or not all(len(values) for values in groups):
        raise ValueError("the bootstrap needs at least one value in each of its strata")
    random = np.random.default_rng(seed)
    estimates, draws = [], []
    for values in groups:
        estimates.append(float(statistic(values.T[None])[0]))
        chosen = random.integers(len(values), size=(resamples, len(values)))
        draws.append(statistic(np.moveaxis(values[chosen], 1, -1)))
    pooled = np.mean(draws, axis=0)
    tail = (1 - confidence) / 2
    low, high = np.quantile(pooled, [tail, 1 - tail])
    return Interval(float(np.mean(estimates)), float(low), float(high))
