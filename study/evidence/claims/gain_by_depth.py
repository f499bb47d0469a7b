"""Whether harm grows with saturation and depth together: an interaction of log2 gain × depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.checked import Number, between, one_of
from study.evidence.arms import Place
from study.evidence.comparison import Comparison, Contrast, Options, Seeded, ranked

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


def depth_of(hidden: pd.Series[str]) -> NDArray[np.float64]:
    """Return the number of hidden layers of ``32-32``."""
    return np.array([str(widths).count("-") + 1.0 for widths in hidden])


def harm(removed: pd.DataFrame, exact: pd.DataFrame, of: str) -> NDArray[np.float64]:
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


def interaction(
    gain: NDArray[np.float64], depth: NDArray[np.float64], y: NDArray[np.float64]
) -> float:
    """Coefficient of (log2 gain) × depth beside those of both alone; NaN if not estimable."""
    g, d = np.log2(gain), depth
    if len(y) < 4:
        return float("nan")
    g, d = g - g.mean(), d - d.mean()
    design = np.stack([np.ones_like(g), g, d, g * d], axis=1)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return float("nan")
    return float(np.linalg.lstsq(design, y, rcond=None)[0][3])


def measure(place: Place, contrast: Contrast) -> Seeded:
    """Return the interaction of each seed, over the cells in which exact does not fail."""
    plus, minus = contrast.two_arms
    seeds = place.seeds
    cell = ["gain", "hidden"]
    exact = place.arms[minus]
    failing = exact.groupby(cell)["failed"].transform("mean")
    exact = exact[failing <= contrast.options.tolerated]
    pairs = place.arms[plus].merge(exact, on=[*cell, "seed"], suffixes=("", "_exact"))
    reference = pairs[[f"{c}_exact" for c in ("score", "remaining", "failed")]]
    pairs["y"] = harm(
        pairs,
        reference.rename(columns=lambda c: c.removesuffix("_exact")),
        contrast.options.of,
    )
    pairs["depth"] = depth_of(pairs["hidden"])
    found = np.full(len(seeds), np.nan)
    for k, seed in enumerate(seeds):
        rows = pairs[pairs["seed"] == seed]
        found[k] = interaction(
            rows["gain"].to_numpy(float), rows["depth"].to_numpy(float), rows["y"].to_numpy(float)
        )
    return seeds, found, 0


KIND = Comparison(
    name="gain_by_depth",
    unit="slope",
    effect=ranked(measure, lambda contrast: ["gain", "hidden"]),
    options=GainByDepth,
    arms=(2, 2),
)
