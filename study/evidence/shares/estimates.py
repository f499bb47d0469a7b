"""Shares of tasks with intervals: a bootstrap over draws, and deconvolution of seed noise.

Everything here takes arrays and returns numbers. Effects, standard errors and limits are in one
unit, such as decades.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from study.evidence.shares.reading import Words
from study.evidence.statistics import wilson

Array = NDArray[np.float64]
GENERAL, USUAL, NOT_SO, OPEN = "general", "usual", "not so", "open"
RESAMPLES, FEWER = 2000, 200
"""Resamples of draws where tasks are counted, and where each needs a deconvolution."""
SEED = 13
COUNTED, DECONVOLVED = "counted", "deconvolved"
NOISY_BESIDE_MARGIN, NOISY_BESIDE_SPREAD = 0.25, 0.1
GRID = 60  # points of the distribution of effects
ITERATIONS = 60  # of EM, from an even start; more make it ragged


class Sample(NamedTuple):
    """Effects of tasks, in one unit."""

    effect: Array  # (n,)
    se: Array  # (n,), standard errors
    pairs: Array  # (n,), paired seeds

    @property
    def noisy(self) -> float:
        """Median standard error, without tasks in which no pair differs."""
        some = self.se[self.se > 0]
        return float(np.median(some)) if len(some) else 0.0


def resamples(draws: Sequence[Any], number: int = RESAMPLES) -> Array:
    """Return how often each task is in each resample of the draws, (1 + number, n).

    As many draws as there are, with replacement, each with all of its tasks. The first row is the
    sample itself.
    """
    names, code = np.unique(np.asarray(draws, dtype=object).astype(str), return_inverse=True)
    rng = np.random.default_rng(SEED)
    counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=number)
    return np.vstack([np.ones(len(code)), counts[:, code]]).astype(float)


def method_of(sample: Sample, limits: tuple[float, float]) -> str:
    """Say whether tasks are counted, or the noise of seeds must be taken out first.

    They are counted where the median standard error is below a quarter of the margin, or below a
    tenth of the spread between tasks (half the width of the middle 68 %).
    """
    margin = max(abs(limit) for limit in limits)
    low, high = np.quantile(sample.effect, [0.1587, 0.8413])
    noisy = sample.noisy > NOISY_BESIDE_MARGIN * margin
    return (
        DECONVOLVED if noisy and sample.noisy > NOISY_BESIDE_SPREAD * (high - low) / 2 else COUNTED
    )


class Mixture(NamedTuple):
    """The distribution of true effects: masses at points, for each resample."""

    points: Array  # (k,)
    masses: Array  # (resamples, k)
    likelihood: Array  # (n, k) of each task's effect at each point

    def chances(self, chosen: NDArray[np.bool_]) -> Array:
        """Return each task's probability of a true effect at some points, (resamples, n)."""
        whole = self.masses @ self.likelihood.T
        some = self.masses[:, chosen] @ self.likelihood[:, chosen].T
        return np.asarray(np.divide(some, whole, out=np.zeros_like(some), where=whole > 0))


def deconvolved(sample: Sample, limits: tuple[float, float], weights: Array) -> Mixture:
    """Estimate the distribution g of true effects, for each row of weights, (resamples, n).

    EM for max Σ_i w_i log Σ_k g_k L_ik, with L_ik the density of task i's effect at point k: that
    of Student's t with (pairs - 1) degrees of freedom and the task's standard error as scale.
    Points are even in asinh(effect / margin): close around the margins, wide far away.

    References
    ----------
    Kiefer & Wolfowitz (1956), Ann. Math. Statist. 27, 887-906; Laird (1978), JASA 73, 805-811;
    Jiang & Zhang (2009), Annals of Statistics 37, 1647-1684.
    """
    margin = max(abs(limit) for limit in limits) or 1.0
    ends = min(sample.effect.min(), -2 * margin), max(sample.effect.max(), 2 * margin)
    low, high = (float(np.arcsinh(end / margin)) for end in ends)
    points = margin * np.sinh(np.linspace(low, high, GRID))
    scale = np.maximum(sample.se, margin / 20)[:, None]
    deviations = (sample.effect[:, None] - points) / scale
    density = np.asarray(t.pdf(deviations, sample.pairs[:, None] - 1))
    likelihood = density / density.max(axis=1, keepdims=True)
    masses = np.full((len(weights), GRID), 1 / GRID)
    total = weights.sum(axis=1, keepdims=True)
    for _ in range(ITERATIONS):
        masses *= (weights / (masses @ likelihood.T)) @ likelihood / total
    return Mixture(points, masses, likelihood)


def chances(
    sample: Sample, limits: tuple[float, float], weights: Array, method: str
) -> tuple[tuple[Array, Array, Array], Array, Array]:
    """Return each task's probability of lying below, between and above the limits.

    These are (resamples, n), or (1, n) of zeros and ones where tasks are counted. With them stand
    the points of the distribution of effects, (k,), and its masses, (k,), over all resamples.
    """
    if method == DECONVOLVED:
        mixture = deconvolved(sample, limits, weights)
        sides = _sides(mixture.points, limits)
        found = [mixture.chances(side) for side in sides]
        return (found[0], found[1], found[2]), mixture.points, mixture.masses.mean(axis=0)
    below, between, above = (side[None].astype(float) for side in _sides(sample.effect, limits))
    n = len(sample.effect)
    return (below, between, above), sample.effect, np.full(n, 1 / n)


def _sides(values: Array, limits: tuple[float, float]) -> tuple[NDArray[np.bool_], ...]:
    below, above = values < limits[0], values > limits[1]
    return below, ~(below | above), above


def share(chance: Array, weights: Array, draws: int, level: float) -> tuple[float, float, float]:
    """Return a share of tasks in %, with the limits of its interval.

    The share is Σ_i w_i p_i / Σ_i w_i with the chances p_i. Its variance v is that over resamples
    of the draws, times m / (m - 1) for m draws. The limits are Wilson's for the effective number
    of tasks p (1 - p) / v, at most the number of tasks, and with Student's t of m - 1 degrees of
    freedom. So they keep inside 0 and 100, and no unanimous handful of tasks is certain. Where
    all agree, the effective number is that of the draws. A single draw has no limits: 0 and 100.

    References
    ----------
    Korn & Graubard (1998), Survey Methodology 24, 193-201; Franco et al. (2019), Journal of
    Survey Statistics and Methodology 7, 334-364.
    """
    found = (weights * chance).sum(axis=1) / weights.sum(axis=1)
    p = float(np.clip(found[0], 0.0, 1.0))
    if draws < 2:
        return 100 * p, 0.0, 100.0
    variance = float(np.var(found[1:])) * draws / (draws - 1)
    tasks = weights.shape[1]
    effective = min(p * (1 - p) / variance, tasks) if variance > 0 else float(draws)
    confidence = min(1 - 2 * norm.sf(t.isf(level / 2, draws - 1)), 1 - 1e-12)
    low, high = wilson(p * effective, effective, confidence)
    return 100 * p, 100 * float(low), 100 * float(high)


def quantiles(points: Array, masses: Array, levels: Sequence[float]) -> Array:
    """Return quantiles of a distribution given by masses at points: numpy's, for equal ones."""
    if np.ptp(masses) == 0:
        return np.asarray(np.quantile(points, levels))
    order = np.argsort(points)
    upto = np.cumsum(masses[order]) - masses[order] / 2
    return np.asarray(np.interp(np.asarray(levels) * masses.sum(), upto, points[order]))


def prediction(points: Array, masses: Array, level: float) -> tuple[float, float]:
    """Return where a new task's effect lies with probability 1 - level.

    Of n counted tasks these are the values of rank (n + 1) level / 2 from either end, which holds
    for whatever distribution; too few tasks leave the interval open. Of a deconvolved distribution
    they are the quantiles level / 2 and 1 - level / 2.
    """
    n = len(points)
    if np.ptp(masses) > 0:
        low, high = quantiles(points, masses, [level / 2, 1 - level / 2])
        return float(low), float(high)
    rank = int((n + 1) * level / 2)
    ordered = np.sort(points)
    return (ordered[rank - 1], ordered[-rank]) if rank else (-np.inf, np.inf)


def verdict(low: float, high: float, words: Words) -> str:
    """Return the word for a share whose interval is from `low` to `high` %."""
    if low >= words.general:
        return GENERAL
    if low >= words.usual:
        return USUAL
    return NOT_SO if high < words.usual else OPEN


def median_limits(values: Array, weights: Array, level: float) -> tuple[float, float]:
    """Return the limits of a median over tasks, by percentiles over resamples of the draws."""
    order = np.argsort(values)
    upto = np.cumsum(weights[1:, order], axis=1)
    at = (upto >= upto[:, -1:] / 2).argmax(axis=1)
    low, high = np.quantile(values[order][at], [level / 2, 1 - level / 2])
    return float(low), float(high)
