"""Checks that need no training: gradients against what theory says they are.

The effect is the largest ratio of an error to what is tolerated, over all checks; 1 and less
holds. Each kind of check is a task.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from study.evidence.arms import Study
from study.evidence.comparison import Comparison, Contrast
from study.evidence.effects import Effect, TaskEffect
from study.evidence.statistics import Interval

Ratios = NDArray[np.float64]


def _span(ratios: Ratios) -> Interval:
    return Interval(float(ratios.max()), float(ratios.min()), float(ratios.max()))


@dataclass(frozen=True)
class Kind:
    """The ratios of error to tolerance of one kind of check; nothing in them is random."""

    task: str
    ratios: Ratios

    def effect(self) -> TaskEffect:
        """Return the largest ratio, between the least and the largest."""
        interval = _span(self.ratios)
        return TaskEffect(self.task, len(self.ratios), interval, _certain, _certain)


def _certain(margin: float) -> float:
    return float("nan")


@dataclass(frozen=True)
class Checked(Effect):
    """The largest ratio of all kinds of check."""

    def interval(self, confidence: float = 0.95) -> Interval:
        """Return the largest ratio between the least and the largest."""
        return _span(np.concatenate([kind.ratios for kind in self.strata]))

    @property
    def estimate(self) -> float:
        """The largest ratio."""
        return self.interval().estimate

    @property
    def runs(self) -> NDArray[np.intp]:
        """Numbers of the checks: they are no rows of the run table."""
        return np.arange(sum(len(kind.ratios) for kind in self.strata), dtype=np.intp)

    def above(self, margin: float) -> float:
        """Return 0 where it is, else 1: nothing is random."""
        return float(self.estimate <= margin)

    def below(self, margin: float) -> float:
        """Return 0 where it is, else 1."""
        return float(self.estimate >= margin)


def _effect(study: Study, contrast: Contrast) -> Effect | str:
    if study.checks is None or study.checks.empty:
        return "the checks were not made"
    groups = study.checks.groupby("check", sort=False)["ratio"]
    return Checked(tuple(Kind(str(task), ratio.to_numpy(float)) for task, ratio in groups))


KIND = Comparison(name="gradient_checks", unit="error", effect=_effect, arms=(0, 0))
