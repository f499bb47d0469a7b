"""Shares of runs in two arms: failed, run away, and equal to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np

from study.evidence.arms import Place
from study.evidence.claims.records import Contrast
from study.evidence.comparison import Comparison, by_seed, column, common_seeds, shares
from study.evidence.runs import word


def _two(place: Place, contrast: Contrast) -> tuple[Any, Any, Any]:
    seeds = common_seeds(place.arms)
    plus = max(contrast.weights, key=lambda arm: contrast.weights[arm])
    minus = min(contrast.weights, key=lambda arm: contrast.weights[arm])
    return seeds, by_seed(place.arms[plus], seeds), by_seed(place.arms[minus], seeds)


def failed(place: Place, contrast: Contrast) -> tuple[Any, Any, Any]:
    """Return seeds, and which runs FAILED of the arm with the larger weight and of the other."""
    seeds, plus, minus = _two(place, contrast)
    return seeds, plus["failed"].to_numpy(bool), minus["failed"].to_numpy(bool)


def runaway(place: Place, contrast: Contrast) -> tuple[Any, Any, Any]:
    """Return seeds, and which runs' weights ran away, in the same two arms."""
    seeds, plus, minus = _two(place, contrast)
    first, second = ([word(v) == "true" for v in runs["runaway"]] for runs in (plus, minus))
    return seeds, np.array(first), np.array(second)


def differing(place: Place, contrast: Contrast) -> tuple[Any, Any, Any]:
    """Return seeds, and whether the final objectives of the two arms differ in any bit."""
    seeds, plus, minus = _two(place, contrast)
    a, b = column(plus, "final_objective"), column(minus, "final_objective")
    differ = ~((a == b) | (np.isnan(a) & np.isnan(b)))
    return seeds, differ, np.zeros(len(seeds), bool)


FAILED = Comparison(name="failed", unit="points", effect=shares(failed), arms=(2, 2))
RUNAWAY = Comparison(name="runaway", unit="points", effect=shares(runaway), arms=(2, 2))
DIFFERING = Comparison(name="differing", unit="points", effect=shares(differing), arms=(2, 2))
