"""Who changes sides: decided units against undecided ones, between two rules.

Runs branch from a common state, so both rules have the same decided set. With F the flips,

    log10 (F_decided / F_undecided) of one arm - the same of the other,

in which the numbers of decided and undecided pairs cancel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.checked import Number, between
from study.evidence.arms import Place, numbers
from study.evidence.comparison import Comparison, Contrast, Options, Seeded, ranked
from study.learning.diagnostics.probes import PATTERNS


@dataclass(frozen=True, kw_only=True)
class Flips(Options):
    """``path_within``: the share by which the arms' path lengths may differ.

    Seeds whose paths differ more are left out.
    """

    path_within: Annotated[Number, between(0.0)]


def measure(place: Place, contrast: Contrast) -> Seeded:
    """Return Σ weight · log10 (flips among decided / flips among undecided) for each seed.

    To every share half a pair is added, of all that are probed, so that none is a number too.
    """
    arms = {arm: place.paired(arm) for arm in contrast.weights}
    total = np.zeros(len(place.seeds))
    for arm, weight in contrast.weights.items():
        half = 0.5 / (_units(arms[arm]) * PATTERNS)
        decided, undecided = (numbers(arms[arm], f"flips_{k}decided") for k in ("", "un"))
        total += weight * (np.log10(decided + half) - np.log10(undecided + half))
    paths = np.stack([numbers(runs, "path_length") for runs in arms.values()])
    within = paths.max(axis=0) <= paths.min(axis=0) * (1.0 + contrast.options.path_within)
    return place.seeds, np.where(within | np.isnan(paths).all(), total, np.nan), 0


def _units(runs: pd.DataFrame) -> NDArray[np.float64]:
    """Return the number of hidden units: 64 for ``32-32``."""
    return np.array([sum(map(int, str(w).split("-"))) for w in runs["hidden"]], float)


KIND = Comparison(
    name="flips",
    unit="ratio",
    effect=ranked(measure),
    options=Flips,
)
