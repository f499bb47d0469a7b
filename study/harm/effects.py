"""Effects on each task of a population: one number for each outcome, never mixed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.errors import UsageError
from study.learning.outcomes import LEAST_SHARE, excess_share

WORST_R2 = -1.0  # a regression's test score counts as this at the least
SAME = float(np.log10(1.05))
"""Objectives within 5 %, in decades, count as the same."""


@dataclass(frozen=True)
class Outcome:
    """An arm's effect, in decades of the final objective or in points of a test score."""

    arm: str
    said: str  # what was done
    kind: str = ""  # of the tasks that have it; all of them without
    score: str = ""  # which test score; none for an effect in decades


OUTCOMES = {
    "removed": Outcome("removed", "removal in hidden layers"),
    "accuracy": Outcome("removed", "removal", "classification", "accuracy"),
    "r2": Outcome("removed", "removal", "regression", "R²"),
    "floor": Outcome("floor", "a floor of 1 %"),
    "offset": Outcome("offset", "an offset of 10 %"),
}
"""Outcome -> what it is. A point is 1 % of the test patterns, or 0.01 of R²."""

RULES = (  # arm, gradient, and the parameter that it has
    ("exact", "exact", "", 0.0),
    ("removed", "removed", "", 0.0),
    ("floor", "floor", "gradient.minimum", 0.01),
    ("floor", "leaky_backward", "gradient.slope", 0.01),  # what the floor is called with relu
    ("offset", "offset", "gradient.amount", 0.1),
)


def read(folder: Path) -> pd.DataFrame:
    """Return the `effects` of the tables ``tasks.parquet`` and ``runs*.parquet`` in a folder.

    Where one is missing or can't be read, it raises `UsageError`.
    """
    files = sorted(folder.glob("runs*.parquet"))
    if not files or not (folder / "tasks.parquet").is_file():
        raise UsageError(f"there is no population of tasks in {folder}")
    try:
        tasks = pd.read_parquet(folder / "tasks.parquet")
        return effects(pd.concat(map(pd.read_parquet, files)), tasks)
    except (OSError, ValueError, KeyError) as error:
        said = str(error).splitlines()[0]
        raise UsageError(f"the population in {folder} cannot be read: {said}") from None


def effects(runs: pd.DataFrame, tasks: pd.DataFrame) -> pd.DataFrame:
    """Return the eligible tasks with a column for each of `OUTCOMES`, NaN where there is none.

    With s the median over seeds of the share (L - L*) / (L_const - L*) at the arm's own rate, at
    least 1e-9 and 1 for a failed run, an effect in decades is log10(s / s of exact). In points it
    is 100 (m - m of exact), m the median test score. A run without a test score counts as a
    constant predictor: accuracy 1 / classes, R² 0. An R² counts as -1 at the least.
    """
    scored = runs["stage"].eq("evaluate") & runs["optimizer"].eq("sgd")
    scored &= runs["consistent"].eq("false") & runs["location"].isin(["hidden", "none"])
    known = tasks[tasks["eligible"].astype(bool)].set_index("task")
    runs = runs[scored & runs["task"].isin(known.index)].assign(arm="")
    for arm, gradient, parameter, value in RULES:
        mine = runs["gradient"].eq(gradient)
        if parameter in runs:
            mine &= np.isclose(runs[parameter].astype(float), value)
        runs.loc[mine, "arm"] = arm
    final, constant, least = (
        runs[name].to_numpy(float) for name in ("final_objective", "constant_objective", "optimum")
    )
    share = np.asarray(excess_share(final, constant, np.nan_to_num(least)))
    lost = runs["failed"].astype(bool) | ~np.isfinite(share)
    chance = (1.0 / known["classes"].where(known["classes"] > 0)).fillna(0.0)
    tested = runs["test_score"].fillna(runs["task"].map(chance)).clip(lower=WORST_R2)
    runs = runs.assign(share=np.where(lost, 1.0, np.maximum(share, LEAST_SHARE)), test=tested)
    middle = runs.groupby(["task", "arm"])[["share", "test"]].median().unstack()

    def median(what: str, arm: str) -> Any:
        nothing = pd.Series(np.nan, middle.index)
        return middle.get((what, arm), nothing).reindex(known.index).to_numpy(float)

    found = known.copy()
    for name, outcome in OUTCOMES.items():
        if outcome.score:
            effect = 100.0 * (median("test", outcome.arm) - median("test", "exact"))
        else:
            effect = np.log10(median("share", outcome.arm) / median("share", "exact"))
        mine = known["kind"].eq(outcome.kind) | (not outcome.kind)
        found[name] = np.where(mine, effect, np.nan)
    return found.reset_index()
