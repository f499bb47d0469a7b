"""Contrasts of scores over arms: a ratio of objectives for two, an interaction for four.

A score is a logarithm, so that a weighted sum of scores is the logarithm of a product of powers
of objectives: weights 1 and -1 give a ratio, 1, -1, -1 and 1 a ratio of ratios.
"""

from __future__ import annotations

import numpy as np

from study.evidence.arms import Place
from study.evidence.claims.records import Contrast
from study.evidence.comparison import (
    Comparison,
    Seeded,
    by_seed,
    column,
    common_seeds,
    ranked,
)
from study.learning.outcomes import SCORE_FLOOR

BEST = np.log10(SCORE_FLOOR) + 1e-12


def measure(place: Place, contrast: Contrast) -> Seeded:
    """Return Σ weight · score for each seed that all arms have.

    Where all arms are at the floor the score says nothing; there log10 of the updates to the
    target takes its place, a run that never got there counting as its whole budget.
    """
    seeds = common_seeds(place.arms)
    total, speed = np.zeros(len(seeds)), np.zeros(len(seeds))
    at_floor = np.ones(len(seeds), bool)
    for arm, weight in contrast.weights.items():
        runs = by_seed(place.arms[arm], seeds)
        score, budget = column(runs, "score"), column(runs, "updates")
        reached = column(runs, "updates_to_target")
        reached = np.where(np.isfinite(reached), np.fmin(reached, budget), budget)
        total += weight * score
        speed += weight * np.log10(np.maximum(reached, 1.0))
        at_floor &= score <= BEST
    ties = at_floor & np.isfinite(speed)
    return seeds, np.where(ties, speed, total), int(ties.sum())


KIND = Comparison(name="score", unit="ratio", effect=ranked(measure))
