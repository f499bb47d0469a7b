"""The kinds of comparison that a claim can name: what each measures in the runs of a seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.checked import Number, between, one_of
from study.evidence.arms import Place, Study, numbers
from study.evidence.comparison import (
    Column,
    Comparison,
    Contrast,
    Options,
    measured,
    paired,
    pooled,
)
from study.evidence.effects import Effect, Measured, Paired, TaskEffect
from study.evidence.statistics import BEST, Interval
from study.learning.diagnostics.probes import PATTERNS

Array = NDArray[np.float64]


def score(place: Place, contrast: Contrast) -> Measured | str:
    """Σ weight · score: a log ratio of objectives for two arms, an interaction for four.

    Where all arms are at the score's floor the seed is a tie, and its number is that of equals.
    Beside it stands Σ weight · test score in points, where a run without one counts as 0.
    """
    total, tests = np.zeros(len(place.seeds)), np.zeros(len(place.seeds))
    at_floor = np.ones(len(place.seeds), bool)
    for arm, weight in contrast.weights.items():
        runs = place.paired(arm)
        score = numbers(runs, "score")
        total += weight * score
        tests += weight * 100.0 * np.nan_to_num(numbers(runs, "test_score"))
        at_floor &= score <= BEST
    return measured(place, total, int(at_floor.sum()), tests)


def flag(name: str) -> Callable[[Place, Contrast], Paired]:
    """Whether runs failed, or ran away: a column of the table."""

    def measure(place: Place, contrast: Contrast) -> Paired:
        first, second = (place.paired(arm)[name] for arm in contrast.two_arms)
        return paired(place, first, second)

    return measure


def differing(place: Place, contrast: Contrast) -> Paired:
    """Whether the final objectives of the two arms differ in any bit, and no."""
    a, b = (numbers(place.paired(arm), "final_objective") for arm in contrast.two_arms)
    differ = ~((a == b) | (np.isnan(a) & np.isnan(b)))
    return paired(place, differ, np.zeros(len(differ)))


# ---- escape: how much longer a wrongly saturated unit stays when it starts further out


@dataclass(frozen=True, kw_only=True)
class Escape(Options):
    """``distance``: the column with the start's distance; ``near``, ``far``: two of its values."""

    distance: Column
    near: Annotated[Number, between(0.0)]
    far: Annotated[Number, between(0.0)]


NEVER = 1e3
"""A run of the denominator that never escapes counts as this many budgets: the worst there is."""


def escape(place: Place, contrast: Contrast) -> Measured | str:
    """log10 of the ratio of Q = T(far) / T(near) between arms, T the updates to the target.

    Each seed's log10 Q is the mean over its learning rates. A rate at which the near start does
    not escape says nothing and is left out. Never to escape from far out is censored so that it
    can't help a claim to be supported: the arm that should have the larger Q counts the budget, a
    lower bound of its time, the other `NEVER` budgets.
    """
    options = contrast.options
    total = np.zeros(len(place.seeds))
    for arm, weight in contrast.weights.items():
        runs = place.arms[arm]
        time = np.where(runs["failed"], np.nan, numbers(runs, "updates_to_target"))
        table = runs[["seed", "learning_rate", "updates"]].assign(time=np.maximum(time, 1.0))
        distance = numbers(runs, options.distance)
        near, far = (table[np.isclose(distance, end)] for end in (options.near, options.far))
        both = near.merge(far, on=["seed", "learning_rate"], suffixes=("_near", "_far"))
        worst = 1.0 if weight > 0 else NEVER
        latest = both["time_far"].fillna(worst * both["updates_far"])
        each = np.log10(latest / both["time_near"]).groupby(both["seed"].astype(int)).mean()
        total += weight * each.reindex(place.seeds).to_numpy(float)
    return measured(place, total)


# ---- flips: who changes sides, decided units against undecided ones


@dataclass(frozen=True, kw_only=True)
class Flips(Options):
    """``path_within``: the share by which the arms' path lengths may differ.

    Seeds whose paths differ more are left out.
    """

    path_within: Annotated[Number, between(0.0)]


def flips(place: Place, contrast: Contrast) -> Measured | str:
    """Σ weight · log10 (flips among decided / flips among undecided).

    Runs branch from a common state, so that the numbers of decided and of undecided pairs are
    those of both arms, and cancel. To every share half a pair is added, of all that are probed,
    so that none is a number too.
    """
    arms = {arm: place.paired(arm) for arm in contrast.weights}
    total = np.zeros(len(place.seeds))
    for arm, weight in contrast.weights.items():
        units = [sum(map(int, str(widths).split("-"))) for widths in arms[arm]["hidden"]]
        half = 0.5 / (np.array(units, float) * PATTERNS)
        decided, undecided = (numbers(arms[arm], f"flips_{k}decided") for k in ("", "un"))
        total += weight * (np.log10(decided + half) - np.log10(undecided + half))
    paths = np.stack([numbers(runs, "path_length") for runs in arms.values()])
    within = paths.max(axis=0) <= paths.min(axis=0) * (1.0 + contrast.options.path_within)
    return measured(place, np.where(within | np.isnan(paths).all(), total, np.nan))


# ---- gain_by_depth: whether harm grows with saturation and depth together

LEAST_ROOM = 0.02
"""Of L_const - L*: a run that is stuck leaves this much room, and no more is divided by."""


@dataclass(frozen=True, kw_only=True)
class GainByDepth(Options):
    """What harm is, and the share of a cell's runs in which exact may fail.

    ``of``: ``excess`` is (L - L_exact) / (L_const - L_exact), which is 0 at exact's objective and
    1 at the constant predictor's; ``score`` is a difference of scores.
    """

    of: Annotated[str, one_of("excess", "score")]
    tolerated: Annotated[Number, between(0.0, 1.0)]


def depth_of(hidden: pd.Series[str]) -> Array:
    """Return the number of hidden layers of ``32-32``."""
    return np.array([str(widths).count("-") + 1.0 for widths in hidden])


def harm(removed: pd.DataFrame, exact: pd.DataFrame, of: str) -> Array:
    """Harm of each pair: share of the room below the constant predictor, or decades of score.

    A FAILED run counts as the constant predictor; the share is clipped to [-1, 1].
    """
    if of == "score":
        return removed["score"].to_numpy(float) - exact["score"].to_numpy(float)
    left = [
        np.where(runs["failed"], 1.0, np.clip(runs["remaining"], 0.0, 1.0))
        for runs in (removed, exact)
    ]
    room = np.maximum(1.0 - left[1], LEAST_ROOM)
    return np.asarray(np.clip((left[0] - left[1]) / room, -1.0, 1.0))


def interaction(gain: Array, depth: Array, y: Array) -> float:
    """Coefficient of (log2 gain) × depth beside those of both alone; NaN if not estimable."""
    if len(y) < 4:
        return float("nan")
    g, d = np.log2(gain), depth
    g, d = g - g.mean(), d - d.mean()
    design = np.stack([np.ones_like(g), g, d, g * d], axis=1)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return float("nan")
    return float(np.linalg.lstsq(design, y, rcond=None)[0][3])


def gain_by_depth(place: Place, contrast: Contrast) -> Measured | str:
    """Return the interaction of each seed, over the cells in which exact does not fail."""
    plus, minus = contrast.two_arms
    cell = ["gain", "hidden"]
    exact = place.arms[minus]
    failing = exact.groupby(cell)["failed"].transform("mean")
    exact = exact[failing <= contrast.options.tolerated]
    pairs = place.arms[plus].merge(exact, on=[*cell, "seed"], suffixes=("", "_exact"))
    reference = pairs.filter(like="_exact").rename(columns=lambda c: c.removesuffix("_exact"))
    pairs["y"] = harm(pairs, reference, contrast.options.of)
    pairs["depth"] = depth_of(pairs["hidden"])
    of_seed = (pairs.loc[pairs["seed"] == s, ["gain", "depth", "y"]] for s in place.seeds)
    return measured(place, [interaction(*rows.to_numpy(float).T) for rows in of_seed])


# ---- gradient_checks: what needs no training, gradients against what theory says they are


@dataclass(frozen=True)
class Kind(TaskEffect):
    """The ratios (n,) of error to tolerance of one kind of check; nothing in them is random."""

    ratios: Array

    @property
    def interval(self) -> Interval:
        """The largest ratio, between the least and the largest."""
        least, largest = float(self.ratios.min()), float(self.ratios.max())
        return Interval(largest, least, largest)


@dataclass(frozen=True)
class Checked(Effect):
    """The largest ratio of all kinds of check: 1 and less holds."""

    def interval(self, confidence: float = 0.95) -> Interval:
        """Return the largest ratio between the least and the largest."""
        largest, least, _ = zip(*(kind.interval for kind in self.tasks), strict=True)
        return Interval(max(largest), min(least), max(largest))


def gradient_checks(study: Study, contrast: Contrast) -> Effect | str:
    """Take each kind of check as a task."""
    if study.checks is None or study.checks.empty:
        return "the checks were not made"
    ratios = study.checks["ratio"].reset_index(drop=True)
    kinds = []
    for task, found in ratios.groupby(study.checks["check"].to_numpy(), sort=False):
        places = found.index.to_numpy()  # they are no rows of the run table
        kinds.append(Kind(str(task), str(task), places, places, found.to_numpy(float)))
    return Checked(tuple(kinds))


COMPARISONS: dict[str, Comparison] = {
    "score": Comparison("ratio", pooled(score)),
    "failed": Comparison("points", pooled(flag("failed")), arms=(2, 2)),
    "differing": Comparison("points", pooled(differing), arms=(2, 2)),
    "runaway": Comparison("points", pooled(flag("runaway")), arms=(2, 2)),
    "escape": Comparison(
        "ratio", pooled(escape, lambda given: [given.options.distance, "learning_rate"]), Escape
    ),
    "flips": Comparison("ratio", pooled(flips), Flips),
    "gain_by_depth": Comparison(
        "slope", pooled(gain_by_depth, lambda given: ["gain", "hidden"]), GainByDepth, (2, 2)
    ),
    "gradient_checks": Comparison("error", gradient_checks, arms=(0, 0)),
}


def comparison_of(contrast: Contrast) -> Comparison:
    """Return the kind of comparison that a contrast names."""
    return COMPARISONS[contrast.comparison]
