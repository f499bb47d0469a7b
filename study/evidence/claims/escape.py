"""How much longer a wrongly saturated unit stays when it starts further out.

Q = T(far) / T(near), T the updates until the target is met. Options: ``distance`` (the column
with the starting point's distance), ``near`` and ``far`` (two of its values).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.evidence.arms import Place
from study.evidence.claims import checking
from study.evidence.claims.records import Contrast
from study.evidence.comparison import (
    RATE,
    Comparison,
    Option,
    Seeded,
    column,
    common_seeds,
    ranked,
)

NEVER = 1e3
"""A run of the denominator that never escapes counts as this many budgets: the worst there is."""


def quotient(
    runs: pd.DataFrame, seeds: NDArray[np.int64], contrast: Contrast, *, worst: float
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
    distance = pd.to_numeric(runs[str(contrast.options["distance"])]).to_numpy(float)
    time, budget = column(runs, "updates_to_target"), column(runs, "updates")
    time = np.maximum(np.where(runs["failed"].to_numpy(bool), np.nan, time), 1.0)
    table = pd.DataFrame(
        {"seed": runs["seed"].to_numpy(int), "rate": runs["learning_rate"].to_numpy(float)}
    )
    kept = {}
    for end in ("near", "far"):
        at = np.isclose(distance, float(contrast.options[end]))
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
    seeds = common_seeds(place.arms)
    total = np.zeros(len(seeds))
    for arm, weight in contrast.weights.items():
        worst = 1.0 if weight > 0 else NEVER
        total += weight * quotient(place.arms[arm], seeds, contrast, worst=worst)
    return seeds, total, 0


def _free(contrast: Contrast) -> list[str]:
    return [str(contrast.options["distance"]), "learning_rate"]


KIND = Comparison(
    name="escape",
    unit="ratio",
    effect=ranked(measure, _free),
    options=(
        RATE,
        Option("distance", checking.column),
        Option("near", checking.at_least(0.0)),
        Option("far", checking.at_least(0.0)),
    ),
)
