"""Arms beside each other, seed by seed: ratios with limits, and whether a claim holds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from reports.chosen import crosswise
from study.evidence.statistics import Interval

LEAST = 1e-9
"""Smaller shares of the removable objective count as this."""


def left(runs: pd.DataFrame) -> pd.DataFrame:
    """Return runs with ``left``, the share of the removable objective, and its log10 ``decades``.

    The share is 1 where a run failed, and at least `LEAST`.
    """
    share = np.where(runs["failed"], 1.0, np.clip(runs["remaining"].astype(float), LEAST, 1.0))
    return runs.assign(left=share, decades=np.log10(share))


def own(runs: pd.DataFrame, arms: Sequence[str]) -> pd.DataFrame:
    """Return each arm's runs at its own rate, which the other half of the seeds chooses."""
    cells = [
        crosswise(cell, ["learning_rate"], "decades")
        for _, cell in runs.groupby(list(arms), sort=False)
    ]
    return pd.concat(cells)


def mean(differences: Any) -> Interval:
    """Return the mean of paired differences with 95 % limits by Student's t; of one, no limits."""
    d = np.asarray(differences, float)
    centre = float(d.mean())
    if len(d) < 2:
        return Interval(centre, -np.inf, np.inf)
    half = float(stats.t.ppf(0.975, len(d) - 1) * d.std(ddof=1) / np.sqrt(len(d)))
    return Interval(centre, centre - half, centre + half)


def beside(runs: pd.DataFrame, reference: pd.DataFrame, column: str) -> Interval:
    """Return the mean difference of a column between two arms, paired by seed."""
    one, other = (each.set_index("seed")[column].astype(float) for each in (runs, reference))
    return mean((one - other).dropna())


def ratio(decades: Interval) -> Interval:
    """Return the ratio whose log10 is given."""
    return Interval(*(float(10.0**value) for value in decades))


def verdict(interval: Interval, equal: float = 1.0, *, more: bool = False) -> str:
    """Say whether a value is below `equal`, or above it where `more` is claimed.

    "holds" where the whole interval is on the claimed side, "reversed" where it is on the other
    side, else "undecided".
    """
    below, above = interval.high < equal, interval.low > equal
    if below or above:
        return "holds" if above == more else "reversed"
    return "undecided"
