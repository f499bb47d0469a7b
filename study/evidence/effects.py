"""Effects over tasks: estimates, limits and one-sided p-values against a margin.

Two kinds have one face: `Ranked`, of numbers a seed (Hodges-Lehmann within a task, bootstrap of
seeds over tasks), and `Shares`, of yes and no in two arms (Newcombe's paired interval,
stratified). The effect is the mean over tasks.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from study.evidence.hypotheses import exceeds, holm, newcombe_stratified, shares_exceed
from study.evidence.resampling import draws, hodges_lehmann_of
from study.evidence.statistics import Interval, hodges_lehmann, newcombe_paired

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

RESAMPLES = 4000
FEWEST = 6
"""Pairs below which no limits have 95 % confidence."""


@dataclass(frozen=True)
class TaskEffect:
    """An effect in one task.

    Parameters
    ----------
    task
        Its name.
    seeds
        How many seeds all arms have.
    interval
        Estimate with 95 % limits.
    above
        ``above(margin)``: p-value of "above the margin".
    below
        ``below(margin)``: p-value of "below the margin".
    ties
        Pairs at the score's floor, which updates-to-target decided.
    deviation
        Standard deviation of the differences; NaN for shares.
    """

    task: str
    seeds: int
    interval: Interval
    above: Callable[[float], float]
    below: Callable[[float], float]
    ties: int = 0
    deviation: float = float("nan")


class Effect(Protocol):
    """What a decision may ask of an effect."""

    @property
    def estimate(self) -> float:
        """Mean over tasks."""

    @property
    def tasks(self) -> Sequence[TaskEffect]:
        """The effect in each task."""

    @property
    def runs(self) -> NDArray[np.intp]:
        """Rows of the table that it comes from."""

    @property
    def note(self) -> str:
        """What is missing or was left out, or empty."""

    def interval(self, confidence: float = 0.95) -> Interval:
        """Return the estimate with its limits."""

    def above(self, margin: float) -> float:
        """Return the one-sided p-value of "above the margin"."""

    def below(self, margin: float) -> float:
        """Return the one-sided p-value of "below the margin"."""


@dataclass(frozen=True)
class Measured:
    """Numbers of one task, one a seed.

    Parameters
    ----------
    task, block
        See `Place`.
    seeds, values
        (n,), the seeds in rising order.
    rows
        Rows of the table that they come from.
    ties
        See `TaskEffect`.
    """

    task: str
    block: str
    seeds: NDArray[np.int64]
    values: Array
    rows: NDArray[np.intp]
    ties: int = 0


@dataclass(frozen=True)
class Ranked:
    """Mean over tasks of Hodges-Lehmann estimates; seeds are drawn anew within blocks.

    Tasks of a block with the same seeds draw them together: the same seed has the same data and
    batch order there, so that their estimates are not independent.
    """

    measured: tuple[Measured, ...]
    note: str = ""
    resamples: int = RESAMPLES

    @cached_property
    def draws(self) -> Array:
        """Estimates of the bootstrap, (resamples,)."""
        total = np.zeros(self.resamples)
        drawn: dict[tuple[str, bytes], NDArray[np.int64]] = {}
        for m in self.measured:
            key = m.block, m.seeds.tobytes()
            if key not in drawn:
                random = np.random.default_rng(
                    [zlib.crc32(part) for part in (m.block.encode(), key[1])]
                )
                drawn[key] = draws(random, len(m.seeds), self.resamples)
            total += hodges_lehmann_of(m.values, drawn[key])
        return total / len(self.measured)

    @cached_property
    def estimate(self) -> float:
        """Mean over tasks."""
        return float(np.mean([task.interval.estimate for task in self.tasks]))

    @cached_property
    def tasks(self) -> tuple[TaskEffect, ...]:
        """The effect in each task."""
        return tuple(_ranked_task(m) for m in self.measured)

    @property
    def runs(self) -> NDArray[np.intp]:
        """Rows of the table."""
        return np.unique(np.concatenate([m.rows for m in self.measured]))

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


def _ranked_task(m: Measured) -> TaskEffect:
    return TaskEffect(
        task=m.task,
        seeds=len(m.values),
        interval=hodges_lehmann(m.values),
        above=lambda margin: exceeds(m.values, margin),
        below=lambda margin: exceeds(-m.values, -margin),
        ties=m.ties,
        deviation=float(np.std(m.values, ddof=1)),
    )


@dataclass(frozen=True)
class Paired:
    """Yes and no of two arms in one task, paired by seed.

    Strata of one block with the same seeds are not independent, see `Ranked`.
    """

    task: str
    block: str
    seeds: NDArray[np.int64]
    first: Flags
    second: Flags
    rows: NDArray[np.intp]


@dataclass(frozen=True)
class Shares:
    """Mean over tasks of the difference of two shares."""

    paired: tuple[Paired, ...]
    note: str = ""

    @cached_property
    def _pairs(self) -> list[tuple[Flags, Flags]]:
        return [(p.first, p.second) for p in self.paired]

    @cached_property
    def _together(self) -> list[tuple[str, bytes]]:
        return [(p.block, p.seeds.tobytes()) for p in self.paired]

    @cached_property
    def estimate(self) -> float:
        """Mean over tasks."""
        return self.interval().estimate

    @cached_property
    def tasks(self) -> tuple[TaskEffect, ...]:
        """The effect in each task."""
        return tuple(_share_task(p) for p in self.paired)

    @property
    def runs(self) -> NDArray[np.intp]:
        """Rows of the table."""
        return np.unique(np.concatenate([p.rows for p in self.paired]))

    def interval(self, confidence: float = 0.95) -> Interval:
        """Return the estimate with Newcombe's stratified limits."""
        return newcombe_stratified(self._pairs, confidence, self._together)

    def above(self, margin: float) -> float:
        """Return the p-value at which the lower limit meets the margin."""
        return shares_exceed(self._pairs, margin, self._together)

    def below(self, margin: float) -> float:
        """Return the p-value at which the upper limit meets the margin."""
        other = [(second, first) for first, second in self._pairs]
        return shares_exceed(other, -margin, self._together)


def _share_task(p: Paired) -> TaskEffect:
    return TaskEffect(
        task=p.task,
        seeds=len(p.first),
        interval=newcombe_paired(p.first, p.second),
        above=lambda margin: shares_exceed([(p.first, p.second)], margin),
        below=lambda margin: shares_exceed([(p.second, p.first)], -margin),
    )


def significant_tasks(effect: Effect, margin: float, *, above: bool, level: float) -> list[str]:
    """Name the tasks whose effect is beyond a margin, Holm over the tasks.

    Parameters
    ----------
    effect, margin
        What is compared with what.
    above
        The side.
    level
        Two-sided; half of it is asked of each one-sided p-value.
    """
    p = {t.task: t.above(margin) if above else t.below(margin) for t in effect.tasks}
    return [task for task, adjusted in holm(p).items() if adjusted <= level / 2]
