"""Tests against a margin, Holm's adjustment for several tests, and the pairs they need.

p-values are one-sided unless stated. A margin has the unit of the differences; a ratio of 1.05 of
objectives is log10(1.05) = 0.0212 in scores.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.stats import norm

from study.evidence.statistics import Interval, newcombe, paired_counts

SD_TO_MARGIN = 3.29
"""2 z(0.95): power 90 % for two one-sided 5 % tests when the true difference is 0."""

Pair = tuple[ArrayLike, ArrayLike]


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

    Parameters
    ----------
    strata
        Pairs of booleans (n_i,), paired by position.
    confidence
        Two-sided level.
    together
        A key for each stratum. Strata with the same key have the same units, by position. Without
        keys all strata are independent.

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
