"""The effect of a contrast in each task, with its standard error over paired seeds."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from study.evidence.runs import REFERENCE
from study.evidence.shares.population import Population
from study.evidence.shares.reading import Contrast
from study.learning.seeds import generator

FROZEN = "frozen"
WORTH = 1.10
"""Times what exact leaves: frozen leaves at least this where h is asked for."""
RESAMPLES = 200  # of seeds, for the standard error of h


def effects_of(population: Population, contrast: Contrast, rate: str = "tuned") -> pd.DataFrame:
    """Return ``effect, se, pairs, tied`` for each eligible task in which all arms were run.

    Over pairs i of one task, with weights w_a of arms a and x_ai a run's value,

        effect = mean_i d_i,  se = SD(d_i) / √pairs,  d_i = Σ_a w_a x_ai

    x is log10 of the excess share (ratio) or of the updates to the target; a run that never
    reaches it counts as the budget. Else x is 100 for a failed run (failures), or points of
    the test score. Pairs have one seed; for failures over the grid, one seed and rate. ``tied``
    counts pairs with every arm at the floor of the share. For h see `_forfeited`. With the rate
    ``kept`` arms but exact are taken at exact's rate. Fewer than two pairs make no effect.
    """
    rate = "kept" if contrast.outcome == "failures_kept" else rate
    arms = [*contrast.arms, *([FROZEN] if contrast.outcome == "h" else [])]
    eligible = population.tasks.index[population.tasks["eligible"].astype(bool)]
    runs = population.runs
    runs = runs[runs["arm"].isin(arms) & runs["task"].isin(eligible)]
    if contrast.outcome == "failures":
        runs = runs[runs["coarse"]]
    else:
        kept = (rate == "kept") & ~runs["arm"].isin([*_on_its_own(arms)])
        runs = runs[runs["stage"] == np.where(kept, "transfer", "evaluate")]
    key = ["task", "learning_rate", "seed"] if contrast.outcome == "failures" else ["task", "seed"]
    values = runs.assign(value=VALUES[contrast.outcome](runs))
    wide = values.pivot_table(index=key, columns="arm", values=["value", "tied"], aggfunc="first")
    if wide.empty or any(("value", arm) not in wide for arm in arms):
        return pd.DataFrame(columns=["effect", "se", "pairs", "tied"], dtype=float)
    values_of = pd.DataFrame(wide.xs("value", axis=1))
    tied_of = pd.DataFrame(wide.xs("tied", axis=1))
    paired = values_of[arms].astype(float).dropna()
    if contrast.outcome == "h":
        return _forfeited(paired, arms)
    difference = sum(weight * paired[arm] for arm, weight in contrast.arms.items())
    groups = pd.Series(difference, paired.index).groupby("task")
    found = pd.DataFrame({"effect": groups.mean(), "se": groups.sem(), "pairs": groups.size()})
    tied = tied_of[list(contrast.arms)].loc[paired.index].astype(bool).all(axis=1)
    found["tied"] = tied.groupby("task").sum() if contrast.outcome == "ratio" else 0
    found = found[found["pairs"] >= 2]
    return _reached(population, found) if contrast.outcome == "updates" else found


def _on_its_own(arms: Sequence[str]) -> list[str]:
    """Return the arms that are scored at the rate of exact anyhow."""
    return [arm for arm in arms if arm in (REFERENCE, FROZEN)]


def _reached(population: Population, found: pd.DataFrame) -> pd.DataFrame:
    """Keep the tasks in which exact reaches its target in more than half of its runs."""
    exact = population.runs.query("arm == @REFERENCE and stage == 'evaluate'")
    share = exact["updates_to_target"].notna().groupby(exact["task"]).mean()
    return found[share.reindex(found.index).fillna(0.0) > 0.5]


def _forfeited(paired: pd.DataFrame, arms: Sequence[str]) -> pd.DataFrame:
    """Return h of each task: the share of what hidden learning is worth that is forfeited.

        h = log(arm / exact) / log(frozen / exact)

    of medians of the excess share over seeds. Its standard error is that of a bootstrap over
    seeds. Where frozen leaves less than 1.1 times what exact leaves, there is little to forfeit,
    and h is left out.
    """
    rows = {}
    for task, frame in paired.groupby("task"):
        values = frame[[arms[0], arms[1], FROZEN]].to_numpy()  # (seeds, 3), log10
        if len(values) < 2:
            continue
        with np.errstate(divide="ignore", invalid="ignore"):
            arm, exact, frozen = np.median(values, axis=0)
            if frozen - exact < np.log10(WORTH):
                continue
            draws = generator(0, f"h {task}").integers(len(values), size=(RESAMPLES, len(values)))
            again = np.median(values[draws], axis=1)
            h = (again[:, 0] - again[:, 1]) / (again[:, 2] - again[:, 1])
        h = h[np.isfinite(h)]
        middle = np.diff(np.quantile(h, [0.1587, 0.8413]))[0] / 2  # a resample's worth may be none
        rows[task] = {"effect": (arm - exact) / (frozen - exact), "se": middle}
        rows[task] |= {"pairs": len(values), "tied": 0}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["effect", "se", "pairs", "tied"])


def _left(runs: pd.DataFrame) -> Any:
    return np.log10(runs["left"])


def _updates(runs: pd.DataFrame) -> Any:
    reached = runs["updates_to_target"].fillna(runs["updates"]).clip(upper=runs["updates"])
    return np.log10(reached.clip(lower=1.0))


def _failed(runs: pd.DataFrame) -> Any:
    return 100.0 * runs["failed"]


VALUES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "ratio": _left,
    "h": _left,
    "updates": _updates,
    "failures": _failed,
    "failures_kept": _failed,
    "test": lambda runs: runs["test"],
    "stopped_test": lambda runs: runs["stopped_test"],
}
"""Outcome -> a run's value."""
