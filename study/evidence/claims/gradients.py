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


@dataclass(frozen=True)
class Kind(TaskEffect):
    """The ratios (n,) of error to tolerance of one kind of check; nothing in them is random."""

    ratios: NDArray[np.float64]

    @property
    def interval(self) -> Interval:
        """The largest ratio, between the least and the largest."""
        least, largest = float(self.ratios.min()), float(self.ratios.max())
        return Interval(largest, least, largest)

    def above(self, margin: float) -> float:
        """Return NaN: there is no p-value."""
        return float("nan")

    below = above


@dataclass(frozen=True)
class Checked(Effect):
    """The largest ratio of all kinds of check."""

    @property
    def estimate(self) -> float:
        """The largest ratio."""
        return self.interval().estimate

    def interval(self, confidence: float = 0.95) -> Interval:
        """Return the largest ratio between the least and the largest."""
        each = [kind.interval for kind in self.tasks]
        largest = max(one.high for one in each)
        return Interval(largest, min(one.low for one in each), largest)

    def above(self, margin: float) -> float:
        """Return 0 where it is, else 1: nothing is random."""
        return float(self.estimate <= margin)

    def below(self, margin: float) -> float:
        """Return 0 where it is, else 1."""
        return float(self.estimate >= margin)


def _effect(study: Study, contrast: Contrast) -> Effect | str:
    if study.checks is None or study.checks.empty:
        return "the checks were not made"
    ratios = study.checks["ratio"].reset_index(drop=True)
    groups = ratios.groupby(study.checks["check"].to_numpy(), sort=False)
    kinds = []
    for task, found in groups:
        places = found.index.to_numpy()  # they are no rows of the run table
        kinds.append(Kind(str(task), str(task), places, places, found.to_numpy(float)))
    return Checked(tuple(kinds))


KIND = Comparison(name="gradient_checks", unit="error", effect=_effect, arms=(0, 0))
