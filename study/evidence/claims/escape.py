"""How much longer a wrongly saturated unit stays when it starts further out.

Q = T(far) / T(near), T the updates until the target is met.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.checked import Number, between
from study.evidence.arms import Place, Seeds, numbers
from study.evidence.comparison import Column, Comparison, Contrast, Options, Seeded, ranked


@dataclass(frozen=True, kw_only=True)
class Escape(Options):
    """``distance``: the column with the start's distance; ``near``, ``far``: two of its values."""

    distance: Column
    near: Annotated[Number, between(0.0)]
    far: Annotated[Number, between(0.0)]


NEVER = 1e3
"""A run of the denominator that never escapes counts as this many budgets: the worst there is."""


def quotient(
    runs: pd.DataFrame, seeds: Seeds, contrast: Contrast, *, worst: float
) -> NDArray[np.float64]:
    """Return log10 Q of each seed, the mean over its learning rates.

    Parameters
    ----------
    runs
        One arm: seeds × distances × learning rates.
    seeds, contrast
        Which seeds; the options.
    worst
        Budgets that a start from far out counts as where it never escapes. A rate at which the
        near start does not escape either says nothing and is left out.
    """
    distance = numbers(runs, contrast.options.distance)
    time, budget = numbers(runs, "updates_to_target"), numbers(runs, "updates")
    time = np.maximum(np.where(runs["failed"].to_numpy(bool), np.nan, time), 1.0)
    table = pd.DataFrame(
        {"seed": runs["seed"].to_numpy(int), "rate": runs["learning_rate"].to_numpy(float)}
    )
    kept = {}
    for end in ("near", "far"):
        at = np.isclose(distance, getattr(contrast.options, end))
        kept[end] = table[at].assign(time=time[at], budget=budget[at])
    both = kept["near"].merge(kept["far"], on=["seed", "rate"], suffixes=("_near", "_far"))
    far = both["time_far"].fillna(worst * both["budget_far"])
    each = np.log10(far / both["time_near"]).groupby(both["seed"]).mean()
    return each.reindex(seeds).to_numpy(float)


def measure(place: Place, contrast: Contrast) -> Seeded:
    """Return log10 of the ratio of Q between two arms.

    Never to escape is censored so that it can't help a claim to be supported: the arm that should
    have the larger Q counts the budget, a lower bound of its time, the other `NEVER` budgets.
    """
    total = np.zeros(len(place.seeds))
    for arm, weight in contrast.weights.items():
        worst = 1.0 if weight > 0 else NEVER
        total += weight * quotient(place.arms[arm], place.seeds, contrast, worst=worst)
    return place.seeds, total, 0


KIND = Comparison(
    name="escape",
    unit="ratio",
    effect=ranked(measure, lambda contrast: [contrast.options.distance, "learning_rate"]),
    options=Escape,
)
