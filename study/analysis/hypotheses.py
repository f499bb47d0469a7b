"""Tests against a margin, several at once, and how many pairs they need.

p-values are one-sided unless said. A margin has the unit of the differences; a ratio of 1.05 of
objectives is log10(1.05) = 0.0212 in scores.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.stats import norm

from study.analysis.statistics import (
    Counts,
    Interval,
    hodges_lehmann,
    newcombe_of_counts,
    paired_counts,
    wilcoxon,
)

SD_TO_MARGIN = 3.29
"""2 z(0.95): power 90 % for two one-sided 5 % tests where there is no difference at all."""

Pair = tuple[ArrayLike, ArrayLike]


def tost(differences: ArrayLike, margin: float) -> float:
    """p-value of equivalence: two one-sided signed-rank tests against -margin and +margin.

    At most 0.05 exactly where the 90 % interval of `hodges_lehmann` lies inside the margin, but
    for ties at the very limit.

    Parameters
    ----------
    differences
        Paired differences (n,).
    margin
        Positive.

    References
    ----------
    Schuirmann (1987), J. Pharmacokinetics and Biopharmaceutics 15, 657-680; with signed ranks,
    Wellek (2010), Testing Statistical Hypotheses of Equivalence and Noninferiority, §5.4.
    """
    return max(non_inferiority(differences, margin), exceeds(differences, -margin))


def non_inferiority(differences: ArrayLike, margin: float) -> float:
    """p-value of "the differences centre below the margin", by the signed-rank test."""
    return wilcoxon(np.asarray(differences, float) - margin, "less")


def exceeds(differences: ArrayLike, margin: float) -> float:
    """p-value of "the differences centre above the margin", by the signed-rank test."""
    return wilcoxon(np.asarray(differences, float) - margin, "greater")


def inside(differences: ArrayLike, margin: float) -> bool:
    """Whether the 90 % interval lies inside (-margin, margin)."""
    _, low, high = hodges_lehmann(differences, 0.90)
    return -margin < low and high < margin


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """Adjust p-values for their number, by steps from the smallest.

    The i-th smallest of m becomes max over j <= i of min(1, (m - j + 1) p_j).

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6, 65-70.
    """
    adjusted: dict[str, float] = {}
    least = 0.0
    for rank, name in enumerate(sorted(p, key=lambda name: p[name])):
        least = max(least, min(1.0, (len(p) - rank) * p[name]))
        adjusted[name] = least
    return {name: adjusted[name] for name in p}


def required_pairs(deviation: float, margin: float = math.log10(1.05)) -> int:
    """Pairs that an equivalence test needs: (3.29 SD / margin)², rounded up.

    Parameters
    ----------
    deviation
        Standard deviation of the paired differences.
    margin
        Half width of the range of equivalence.
    """
    # a hair less, so that what is a whole number up to rounding stays that number
    return math.ceil((SD_TO_MARGIN * deviation / margin) ** 2 * (1 - 1e-12))


def newcombe_stratified(strata: Sequence[Pair], confidence: float = 0.95) -> Interval:
    """Mean over strata of p1 - p2, from each stratum's paired interval.

    With d_i, l_i, u_i the estimate and limits of `newcombe_paired` and k strata of equal weight,
    the limits are d - √(Σ (d_i - l_i)²) / k and d + √(Σ (u_i - d_i)²) / k, d the mean of the d_i.

    Parameters
    ----------
    strata
        Pairs of booleans (n_i,), paired by position.
    confidence
        Two-sided level.

    References
    ----------
    Yan & Su (2010), Statistics in Biopharmaceutical Research 2, 329-335; Zou & Donner (2008),
    Statistics in Medicine 27, 1693-1702 (recovery of variance estimates).
    """
    if not strata:
        raise ValueError("a stratified interval needs at least one stratum")
    return _stratified([paired_counts(*pair) for pair in strata], norm.ppf(0.5 + confidence / 2))


def _stratified(counts: Sequence[Counts], z: float) -> Interval:
    each = [newcombe_of_counts(stratum, z) for stratum in counts]
    middle = sum(one.estimate for one in each) / len(each)
    down = math.sqrt(sum((one.estimate - one.low) ** 2 for one in each)) / len(each)
    up = math.sqrt(sum((one.high - one.estimate) ** 2 for one in each)) / len(each)
    return Interval(middle, middle - down, middle + up)


def rates_exceed(strata: Sequence[Pair], margin: float) -> float:
    """p-value of "p1 - p2 is above the margin", by inversion of `newcombe_stratified`.

    It is (1 - c)/2 with c the confidence at which the lower limit meets the margin, and its
    complement, from the upper limit, where the estimate is not above the margin.
    """
    counts = [paired_counts(*pair) for pair in strata]
    above = _stratified(counts, 0.0).estimate > margin

    def gap(z: float) -> float:
        limits = _stratified(counts, z)
        return (limits.low if above else limits.high) - margin

    smallest, largest = 0.0, 8.0
    if gap(smallest) * gap(largest) >= 0:  # the margin is the estimate, or beyond all limits
        p = 0.5 if gap(smallest) == 0 else float(norm.sf(largest))
    else:
        p = float(norm.sf(brentq(gap, smallest, largest, xtol=1e-10)))
    return p if above else 1.0 - p
