"""The bootstrap of the Hodges-Lehmann estimate, exact for each draw and quick for thousands.

A draw of n pairs with replacement is its counts (n,). The Walsh averages of a draw are those of
the data, each as often as the counts say, so they are ranked once, for all draws; the median is
then found by bisection over the ranks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


def draws(random: np.random.Generator, n: int, resamples: int) -> Counts:
    """Draw n out of n with replacement: counts (resamples, n)."""
    return random.multinomial(n, np.full(n, 1.0 / n), size=resamples)


def hodges_lehmann_of(values: ArrayLike, counts: Counts) -> Array:
    """Hodges-Lehmann estimate of each draw: the median of its Walsh averages.

    Parameters
    ----------
    values
        Paired differences (n,), finite.
    counts
        How often each is in a draw, (resamples, n); the rows' sums are equal.

    Returns
    -------
    array
        (resamples,), in the values' unit.
    """
    order = np.argsort(np.asarray(values, float), kind="stable")
    x, c = np.asarray(values, float)[order], np.ascontiguousarray(counts[:, order])
    n = len(x)
    walsh = (x[:, None] + x[None, :]) / 2
    levels, rank = np.unique(walsh, return_inverse=True)
    rank = rank.reshape(n, n)
    every = np.arange(len(levels))
    # how many of x_1 .. x_n make an average of at most level k with x_i; rows of rank rise
    partners = np.stack([np.searchsorted(row, every, side="right") for row in rank], axis=1)
    halves = np.searchsorted(np.ascontiguousarray(rank.diagonal()), every, side="right")
    upto = np.concatenate([np.zeros((len(c), 1), np.int64), np.cumsum(c, axis=1)], axis=1)
    size = int(c[0].sum())
    pairs = size * (size + 1) // 2
    rows = np.arange(len(c))[:, None]

    def at_most(level: NDArray[np.intp]) -> Counts:
        """Walsh averages, of a draw with itself once and with others once, up to a level."""
        ordered = (c * upto[rows, partners[level]]).sum(axis=1)
        return (ordered + upto[rows[:, 0], halves[level]]) // 2

    def smallest(k: int) -> Array:
        low, high = np.zeros(len(c), np.intp), np.full(len(c), len(levels) - 1)
        while (low < high).any():
            middle = (low + high) // 2
            enough = at_most(middle) >= k
            high, low = np.where(enough, middle, high), np.where(enough, low, middle + 1)
        return np.asarray(levels[low], float)

    first = smallest((pairs + 1) // 2)
    return first if pairs % 2 else (first + smallest(pairs // 2 + 1)) / 2
