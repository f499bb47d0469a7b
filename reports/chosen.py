"""Settings that are chosen on one half of the seeds and scored on the other half."""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def crosswise(runs: pd.DataFrame, settings: Sequence[str], by: str) -> pd.DataFrame:
    """Return each seed's run at the setting that was best over the other half of the seeds.

    Seeds are even or odd. For each half the setting with the least mean of column `by` over the
    other half is taken; of equal ones the first in rising order. So no seed chooses for itself.

    Raises
    ------
    ValueError
        Where a half has no runs, or `by` is not finite.
    """
    if not np.isfinite(runs[by].to_numpy(float)).all():
        raise ValueError(f"{by} is not finite in every run")
    even = runs["seed"].astype(int) % 2 == 0
    if even.all() or not even.any():
        raise ValueError("both halves, even and odd seeds, need runs")
    parts = []
    for half in (even, ~even):
        means = runs[~half].groupby(list(settings), as_index=False)[by].mean()
        best = means.loc[means[by].idxmin(), list(settings)]
        taken = half & np.logical_and.reduce([runs[name] == best[name] for name in settings])
        parts.append(runs[taken])
    return pd.concat(parts).sort_values("seed")
