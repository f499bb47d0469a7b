"""Checks that need no training: gradients against what theory says they are.

The effect is the largest ratio of an error to what is tolerated, over all checks; 1 and less
holds. Each kind of check is a task.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.evidence.claims.records import Contrast
from study.evidence.comparison import Comparison, Study
from study.evidence.effects import Effect, TaskEffect
from study.evidence.statistics import Interval


@dataclass(frozen=True)
class Checked:
    """Outcome of checks, from least to largest ratio of error to tolerance."""

    table: pd.DataFrame
    note: str = ""

    @property
    def estimate(self) -> float:
        """The largest ratio."""
        return float(self.table["ratio"].max())

    @property
    def tasks(self) -> tuple[TaskEffect, ...]:
        """The largest ratio in each kind of check."""
        made = []
        for kind, rows in self.table.groupby("check", sort=False):
            ratio = rows["ratio"].to_numpy(float)
            interval = Interval(float(ratio.max()), float(ratio.min()), float(ratio.max()))
            made.append(TaskEffect(str(kind), len(ratio), interval, _certain, _certain))
        return tuple(made)

    @property
    def runs(self) -> NDArray[np.intp]:
        """Numbers of the checks: they are no rows of the run table."""
        return np.arange(len(self.table), dtype=np.intp)

    def interval(self, confidence: float = 0.95) -> Interval:
        """Return the largest ratio between the least and the largest."""
        ratio = self.table["ratio"]
        return Interval(self.estimate, float(ratio.min()), float(ratio.max()))

    def above(self, margin: float) -> float:
        """Return 0 where it is, else 1: nothing is random."""
        return float(self.estimate <= margin)

    def below(self, margin: float) -> float:
        """Return 0 where it is, else 1."""
        return float(self.estimate >= margin)


def _certain(margin: float) -> float:
    return float("nan")


def _effect(study: Study, contrast: Contrast) -> Effect | str:
    if study.checks is None or study.checks.empty:
        return "the checks were not made"
    return Checked(study.checks)


KIND = Comparison(name="gradient_checks", unit="error", effect=_effect, options=(), arms=(0, 0))
