"""Effects over tasks: estimates, limits and one-sided p-values against a margin.

`Ranked` is of a number a seed: Hodges-Lehmann within a task, bootstrap of seeds over tasks.
`Shares` is of a yes or no a seed in two arms: Newcombe's paired interval, stratified. The effect
is the mean over tasks.
"""

import zlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from study.evidence import statistics
from study.evidence.statistics import Interval, shares_differ, shares_exceed

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

RESAMPLES = 4000
FEWEST_TASKS = 5
FEWEST = 6
"""Pairs below which no limits have 95 % confidence."""


@dataclass(frozen=True)
class TaskEffect:
    """What was measured in one task, and the effect in this task alone.

    Tasks of a block with the same seeds are not independent: the same seed has the same data and
    batch order there.
    """

    task: str
    block: str
    seeds: NDArray[np.int64]  # (n,), those that all arms have, in rising order
    rows: NDArray[np.intp]  # of the table that it comes from
    ties: int = field(default=0, kw_only=True)  # seeds of which all arms are at the floor

    @property
    def together(self) -> tuple[str, bytes]:
        """Equal for tasks that share their seeds."""
        return self.block, self.seeds.tobytes()

    def turned(self) -> Self:
        """Return the opposite effect."""
        return self

    def above(self, margin: float) -> float:
        """Return the one-sided p-value of "above the margin"; NaN where nothing is random."""
        return float("nan")

    def below(self, margin: float) -> float:
        """Return the one-sided p-value of "below the margin"."""
        return self.turned().above(-margin)


@dataclass(frozen=True)
class Measured(TaskEffect):
    """Numbers (n,), one a seed: the Hodges-Lehmann estimate with signed-rank tests."""

    values: Array
    tests: Array | None = field(default=None, kw_only=True)  # the same of test scores, in points

    @cached_property
    def interval(self) -> Interval:
        """Estimate with 95 % limits."""
        return statistics.hodges_lehmann(self.values)

    @cached_property
    def test(self) -> Interval | None:
        """The same of test scores, None where they are not compared."""
        return None if self.tests is None else statistics.hodges_lehmann(self.tests)

    @property
    def deviation(self) -> float:
        """Standard deviation of the numbers."""
        return float(np.std(self.values, ddof=1))

    def turned(self) -> Self:
        """Return the opposite effect."""
        return replace(self, values=-self.values)

    def above(self, margin: float) -> float:
        """Return the p-value of "above the margin"."""
        return statistics.wilcoxon(self.values - margin, "greater")


@dataclass(frozen=True)
class Paired(TaskEffect):
    """Yes and no of two arms, each (n,), by seed: a difference of shares, limits by Newcombe."""

    first: Flags
    second: Flags

    @cached_property
    def interval(self) -> Interval:
        """Estimate with 95 % limits."""
        return shares_differ([(self.first, self.second)])

    def turned(self) -> Self:
        """Return the opposite effect."""
        return replace(self, first=self.second, second=self.first)

    def above(self, margin: float) -> float:
        """Return the p-value of "above the margin"."""
        return shares_exceed([(self.first, self.second)], margin)


@dataclass(frozen=True)
class Effect:
    """What a decision may ask of an effect: what each task measured, and a note or nothing."""

    tasks: tuple[Any, ...]
    note: str = ""

    @property
    def estimate(self) -> float:
        """Mean over tasks."""
        return float(np.mean([task.interval.estimate for task in self.tasks]))

    @property
    def over_tasks(self) -> Interval:
        """Estimate, and the least and the largest of a task."""
        each = [task.interval.estimate for task in self.tasks]
        return Interval(self.estimate, min(each), max(each))

    def of_a_new_task(self, confidence: float = 0.95) -> Interval:
        """Return where the effect of another task like these lies, if tasks are normal.

        m ± t(k - 1) s √(1 + 1/k) with m and s the mean and the standard deviation of k tasks'
        estimates. Of fewer than 5 tasks it would say nothing: NaN.
        """
        each = np.array([task.interval.estimate for task in self.tasks])
        k, reach = len(each), np.nan
        if k >= FEWEST_TASKS:
            quantile = float(t.ppf(0.5 + confidence / 2, k - 1))
            reach = quantile * float(each.std(ddof=1)) * np.sqrt(1 + 1 / k)
        return Interval(self.estimate, self.estimate - reach, self.estimate + reach)

    @property
    def runs(self) -> NDArray[np.intp]:
        """Rows of the table that it comes from."""
        return np.unique(np.concatenate([task.rows for task in self.tasks]))

    def interval(self, confidence: float = 0.95) -> Interval:
        """Return the estimate with its limits."""
        raise NotImplementedError

    def above(self, margin: float) -> float:
        """Return the one-sided p-value of "above the margin"."""
        raise NotImplementedError

    def below(self, margin: float) -> float:
        """Return the one-sided p-value of "below the margin"."""
        raise NotImplementedError


@dataclass(frozen=True)
class Ranked(Effect):
    """Mean over tasks of Hodges-Lehmann estimates, with limits by a bootstrap of seeds.

    Tasks of a block with the same seeds draw them together.
    """

    resamples: int = RESAMPLES

    @cached_property
    def draws(self) -> Array:
        """Estimates of the bootstrap, (resamples,)."""
        total = np.zeros(self.resamples)
        drawn: dict[tuple[str, bytes], NDArray[np.int64]] = {}
        for task in self.tasks:
            key = task.together
            if key not in drawn:
                seed = [zlib.crc32(key[0].encode()), zlib.crc32(key[1])]
                random = np.random.default_rng(seed)
                n = len(task.seeds)  # counts of n out of n with replacement
                drawn[key] = random.multinomial(n, np.full(n, 1.0 / n), size=self.resamples)
            total += statistics.resampled(task.values, drawn[key])
        return total / len(self.tasks)

    def interval(self, confidence: float = 0.95) -> Interval:
        """Return the estimate with the bootstrap's percentiles."""
        tail = (1 - confidence) / 2
        low, high = np.quantile(self.draws, [tail, 1 - tail])
        return Interval(self.estimate, float(low), float(high))

    def above(self, margin: float) -> float:
        """Return the share of draws that are not above the margin, (k + 1) / (B + 1)."""
        return float((np.sum(self.draws <= margin) + 1) / (self.resamples + 1))

    def below(self, margin: float) -> float:
        """Return the share of draws that are not below the margin, (k + 1) / (B + 1)."""
        return float((np.sum(self.draws >= margin) + 1) / (self.resamples + 1))


@dataclass(frozen=True)
class Shares(Effect):
    """Mean over tasks of the difference of two shares, with Newcombe's stratified limits."""

    @property
    def _strata(self) -> tuple[list[tuple[Flags, Flags]], list[tuple[str, bytes]]]:
        return [(t.first, t.second) for t in self.tasks], [t.together for t in self.tasks]

    def interval(self, confidence: float = 0.95) -> Interval:
        """Return the estimate with its limits."""
        pairs, together = self._strata
        return shares_differ(pairs, confidence, together)

    def above(self, margin: float) -> float:
        """Return the p-value at which the lower limit meets the margin."""
        pairs, together = self._strata
        return shares_exceed(pairs, margin, together)

    def below(self, margin: float) -> float:
        """Return the p-value at which the upper limit meets the margin."""
        return Shares(tuple(task.turned() for task in self.tasks)).above(-margin)


def significant_tasks(effect: Effect, margin: float, *, above: bool, level: float) -> list[str]:
    """Name the tasks whose effect is beyond a margin on a side, Holm over the tasks.

    `level` is two-sided; half of it is asked of each one-sided p-value.
    """
    p = {t.task: t.above(margin) if above else t.below(margin) for t in effect.tasks}
    return [task for task, adjusted in statistics.holm(p).items() if adjusted <= level / 2]
