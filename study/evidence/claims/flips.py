"""Who changes sides: decided units against undecided ones, between two rules.

Runs branch from a common state, so both rules have the same decided set. With F the flips,

    log10 (F_decided / F_undecided) of one arm - the same of the other,

in which the numbers of decided and undecided pairs cancel. Option: ``path_within``, how far the
lengths of the ways that the arms went may differ, as a share; other seeds are left out.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.evidence.arms import Place
from study.evidence.claims.checking import at_least
from study.evidence.claims.records import Contrast
from study.evidence.comparison import (
    RATE,
    Comparison,
    Option,
    Seeded,
    by_seed,
    column,
    common_seeds,
    ranked,
)
from study.learning.diagnostics.probes import PATTERNS


def measure(place: Place, contrast: Contrast) -> Seeded:
    """Return Σ weight · log10 (flips among decided / flips among undecided) for each seed.

    To every share half a pair is added, of all that are probed, so that none is a number too.
    """
    seeds = common_seeds(place.arms)
    arms = {arm: by_seed(place.arms[arm], seeds) for arm in contrast.weights}
    total = np.zeros(len(seeds))
    for arm, weight in contrast.weights.items():
        half = 0.5 / (_units(arms[arm]) * PATTERNS)
        decided, undecided = (column(arms[arm], f"flips_{k}decided") for k in ("", "un"))
        total += weight * (np.log10(decided + half) - np.log10(undecided + half))
    paths = np.stack([column(runs, "path_length") for runs in arms.values()])
    within = paths.max(axis=0) <= paths.min(axis=0) * (
        1.0 + float(contrast.options["path_within"])
    )
    return seeds, np.where(within | np.isnan(paths).all(), total, np.nan), 0


def _units(runs: pd.DataFrame) -> NDArray[np.float64]:
    """Return the number of hidden units: 64 for ``32-32``."""
    return np.array([sum(map(int, str(w).split("-"))) for w in runs["hidden"]], float)


KIND = Comparison(
    name="flips",
    unit="ratio",
    effect=ranked(measure),
    options=(RATE, Option("path_within", at_least(0.0))),
)
