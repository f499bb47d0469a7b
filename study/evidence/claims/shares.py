"""Shares of runs in two arms: failed, run away, and equal to the bit.

Each measure returns a yes or no a seed for the arm with the larger weight and for the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from study.evidence.arms import Place, numbers
from study.evidence.comparison import Comparison, Contrast, shares


def _flag(name: str) -> Any:
    def measure(place: Place, contrast: Contrast) -> tuple[Any, Any]:
        plus, minus = (place.paired(arm) for arm in contrast.two_arms)
        return plus[name], minus[name]

    return measure


def differing(place: Place, contrast: Contrast) -> tuple[Any, Any]:
    """Return whether the final objectives of the two arms differ in any bit, and no."""
    a, b = (numbers(place.paired(arm), "final_objective") for arm in contrast.two_arms)
    differ = ~((a == b) | (np.isnan(a) & np.isnan(b)))
    return differ, np.zeros(len(differ), bool)


FAILED = Comparison(name="failed", unit="points", effect=shares(_flag("failed")), arms=(2, 2))
RUNAWAY = Comparison(name="runaway", unit="points", effect=shares(_flag("runaway")), arms=(2, 2))
DIFFERING = Comparison(name="differing", unit="points", effect=shares(differing), arms=(2, 2))
