"""Who changes sides: decided units against undecided ones, between two rules.

Runs branch from a common state, so both rules have the same decided set. With F the flips,

    log10 (F_decided / F_undecided) of one arm - the same of the other,

in which the numbers of decided and undecided pairs cancel. Option: ``path_within``, how far the
lengths of the ways that the arms went may differ, as a share; other seeds are left out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from study.analysis.claims.comparison import (
    Comparison,
    Seeded,
    by_seed,
    column,
    common_seeds,
    ranked,
)
from study.analysis.claims.records import Contrast
from study.analysis.claims.selection import Place


def _least(values: list[NDArray[np.float64]]) -> float:
    """Half of the smallest number above zero: stands for none, as ½ does among counts."""
    together = np.concatenate(values)
    some = together[together > 0]
    return float(some.min()) / 2 if some.size else float("nan")


def measure(place: Place, contrast: Contrast) -> Seeded:
    """Return Σ weight · log10 (flips among decided / flips among undecided) for each seed."""
    seeds = common_seeds(place.arms)
    arms = {arm: by_seed(place.arms[arm], seeds) for arm in contrast.weights}
    total = np.zeros(len(seeds))
    for name, sign in (("flips_decided", 1.0), ("flips_undecided", -1.0)):
        flips = {arm: column(runs, name) for arm, runs in arms.items()}
        least = _least(list(flips.values()))
        for arm, weight in contrast.weights.items():
            total += weight * sign * np.log10(flips[arm] + least)
    paths = np.stack([column(runs, "path_length") for runs in arms.values()])
    within = paths.max(axis=0) <= paths.min(axis=0) * (
        1.0 + float(contrast.options["path_within"])
    )
    return seeds, np.where(within | np.isnan(paths).any(axis=0), total, np.nan), 0


KIND = Comparison(name="flips", unit="ratio", effect=ranked(measure))
