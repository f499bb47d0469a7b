"""Contrasts of scores over arms: a ratio of objectives for two, an interaction for four.

A score is a logarithm, so that a weighted sum of scores is the logarithm of a product of powers
of objectives: weights 1 and -1 give a ratio, 1, -1, -1 and 1 a ratio of ratios.
"""

from __future__ import annotations

import numpy as np

from study.evidence.arms import Place, numbers
from study.evidence.comparison import Comparison, Contrast, Seeded, ranked
from study.learning.outcomes import SCORE_FLOOR

BEST = np.log10(SCORE_FLOOR) + 1e-12


def measure(place: Place, contrast: Contrast) -> Seeded:
    """Return Σ weight · score for each seed that all arms have.

    Where all arms are at the floor the score says nothing. There log10 of the updates to the
    target takes its place; a run that never reached it counts as its whole budget.
    """
    total, speed = np.zeros(len(place.seeds)), np.zeros(len(place.seeds))
    at_floor = np.ones(len(place.seeds), bool)
    for arm, weight in contrast.weights.items():
        runs = place.paired(arm)
        score, budget = numbers(runs, "score"), numbers(runs, "updates")
        reached = numbers(runs, "updates_to_target")
        reached = np.where(np.isfinite(reached), np.fmin(reached, budget), budget)
        total += weight * score
        speed += weight * np.log10(np.maximum(reached, 1.0))
        at_floor &= score <= BEST
    ties = at_floor & np.isfinite(speed)
    return place.seeds, np.where(ties, speed, total), int(ties.sum())


KIND = Comparison(name="score", unit="ratio", effect=ranked(measure))
