"""How a training ended: outcome, score, and when it reached its target.

These are the definitions of the protocol. L is the objective on the whole training set, L_const
that of the best constant output, L* the least reachable (0 but for conflicting duplicates). The
excess share is (L - L*) / (L_const - L*).
"""

import numpy as np

from study.learning import Array
from study.learning.core.fixed import exp, log

EXPLODED = 1e3  # times the larger of the initial objective and L_const
RUNAWAY_NORM = 1e6
STUCK_ABOVE = 0.98  # excess share
SCORE_FLOOR = 1e-3  # excess share
LEAST_SHARE = 1e-9  # excess share that is told from less, where ratios are taken
LOG10_E = 0.4342944819032518


def excess_share(objective: Array, constant: Array, optimum: Array) -> Array:
    """(L - L*) / (L_const - L*); NaN stays NaN."""
    return (objective - optimum) / np.maximum(constant - optimum, np.finfo(float).tiny)


def exploded(objective: Array, initial: Array, constant: Array) -> Array:
    """Tell where L is not finite, or beyond 1000 times the larger of its start and L_const."""
    bound = EXPLODED * np.maximum(initial, constant)
    return ~(np.isfinite(objective) & (objective <= bound))


def outcome_of(share: Array, diverged_by: Array, solved_below: float) -> Array:
    """Name each outcome: diverged (by anything), stuck, solved or plateau."""
    names = np.where(share <= solved_below, "solved", "plateau")
    names = np.where(share >= STUCK_ABOVE, "stuck", names)
    return np.where(diverged_by != "", "diverged", names)


def failed(share: Array, diverged_by: Array) -> Array:
    """FAILED: diverged by a non-finite or exploding objective, or stuck.

    A runaway norm alone is no failure: with squashed outputs such a run may still be learning.
    """
    return np.isin(diverged_by, ("nonfinite", "objective")) | ~(share < STUCK_ABOVE)


def score(share: Array, failure: Array, floor: float = SCORE_FLOOR) -> Array:
    """S = log10 of the excess share clipped to [floor, 1]; 0 for FAILED. Lower is better."""
    safe = np.where(failure, 1.0, share)
    return LOG10_E * log(np.clip(safe, floor, 1.0))


def stopped(scores: Array) -> Array:
    """Return the test score (R,) at the best validation checkpoint.

    `scores` (R, C, 2) are those of two halves of the test part at C checkpoints, NaN where none
    was taken. The checkpoint is the first with the best score on one half; its score on the other
    half counts. Both halves take both parts, and the two numbers are averaged.
    """
    rows, known = np.arange(len(scores)), np.where(np.isnan(scores), -np.inf, scores)
    best = known.argmax(axis=1)  # (R, 2)
    return 0.5 * (scores[rows, best[:, 0], 1] + scores[rows, best[:, 1], 0])


def updates_to(target: float, updates: Array, share: Array) -> Array:
    """Return when, in updates (R,), the excess `share` (R, C) is at most `target`; NaN if never.

    Interpolated between checkpoints `updates` (C,), linearly in log share against log updates.
    """
    below = share <= target
    reached = below.any(axis=1)
    at = below.argmax(axis=1)
    rows = np.arange(len(share))
    before = np.maximum(at - 1, 0)
    tiny = np.finfo(float).tiny
    x0, x1 = (log(np.maximum(updates[i], 1)) for i in (before, at))
    y0, y1 = (log(np.maximum(share[rows, i], tiny)) for i in (before, at))
    fall = np.where(y0 > y1, y0 - y1, 1.0)
    part = np.clip((y0 - log(target)) / fall, 0.0, 1.0)
    found = np.where(at == 0, 0.0, exp(x0 + part * (x1 - x0)))
    return np.where(reached, found, np.nan)
