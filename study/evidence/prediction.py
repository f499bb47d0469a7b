"""Which measurement at the end of training predicts how much a rule harms.

A cell is a rule in a stratum; its harm is the paired difference of scores to exact's there.
Correlations are of ranks within tasks, and predictions are made for tasks that were left out.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from study.evidence.arms import Place, numbers
from study.evidence.runs import RULE, Runs, axis
from study.evidence.statistics import Interval, hodges_lehmann

Array = NDArray[np.float64]
PREDICTORS = ("negative_eigenvalues", "descent_cosine", "asymmetry")


def cells(runs: Runs, places: Sequence[Place], fewest: int = 6) -> pd.DataFrame:
    """Return one row a rule in a stratum, with its harm and the medians of `PREDICTORS`.

    Columns: ``task`` (dataset, objective and widths), ``stratum, rule, harm`` (decades) and one
    for each predictor, NaN where it was never taken. `places` have the arms ``exact`` and
    ``rules``, in which all other rules stand together; one of few pairs is left out.
    """
    columns = [str(c) for c in runs.frame.columns if axis(c) in RULE]
    rows = []
    for place in places:
        exact = place.arms["exact"].set_index("seed")["score"]
        for _, frame in place.arms["rules"].groupby(columns, dropna=False):
            paired = frame["score"] - frame["seed"].map(exact)
            paired = paired[paired.notna()]
            if len(paired) < fewest:
                continue
            first = frame.iloc[0]
            row = {
                "task": f"{first['dataset']} {first['objective']} {first['hidden']}",
                "stratum": place.task,
                "rule": str(first["gradient"]),
                "harm": hodges_lehmann(paired.to_numpy(float)).estimate,
            }
            for name in PREDICTORS:
                row[name] = float(pd.Series(numbers(frame, name)).median())
            rows.append(row)
    return pd.DataFrame(rows, columns=["task", "stratum", "rule", "harm", *PREDICTORS])


def rank_correlation(
    x: Array, y: Array, strata: Array, tasks: Array, *, resamples: int = 1000, seed: int = 0
) -> Interval:
    """Spearman's correlation within strata, with limits by a bootstrap of tasks.

    Ranks are taken within each stratum and scaled to mean 0; the correlation is that of all of
    them together. Whole tasks are drawn, since cells of a task are not independent.

    All arrays are (n,); a stratum lies in one task. The correlation is NaN where x or y varies in
    no stratum, its limits are where they vary in one task only.
    """
    a, b = _within(x, strata), _within(y, strata)
    labels = np.unique(tasks)
    moments = np.array(
        [[np.sum((p * q)[tasks == t]) for p, q in ((a, b), (a, a), (b, b))] for t in labels]
    )

    def correlation(sums: Array) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(sums[..., 0] / np.sqrt(sums[..., 1] * sums[..., 2]))

    drawn = np.random.default_rng(seed).integers(len(labels), size=(resamples, len(labels)))
    found = correlation(moments[drawn].sum(axis=1))
    found = found[np.isfinite(found)]
    telling = int(np.sum((moments[:, 1] > 0) & (moments[:, 2] > 0)))
    low, high = np.quantile(found, [0.025, 0.975]) if telling > 1 else (np.nan, np.nan)
    return Interval(float(correlation(moments.sum(axis=0))), float(low), float(high))


def _within(values: Array, strata: Array) -> Array:
    out = np.zeros(len(values))
    for stratum in np.unique(strata):
        mine = strata == stratum
        ranks = rankdata(values[mine])
        out[mine] = (ranks - ranks.mean()) / len(ranks)
    return out


def out_of_sample(x: Array, y: Array, tasks: Array) -> float:
    """Share of the variance of y that x explains in tasks that were left out.

    For each task a line is fitted, by least squares, to the cells of all the others:

        R² = 1 - Σ (y - ŷ)² / Σ (y - ȳ of the others)².

    Below 0 the mean of the other tasks predicts better. NaN for fewer than two tasks, or where y
    does not vary.
    """
    labels = np.unique(tasks)
    if len(labels) < 2:
        return float("nan")
    wrong, total = 0.0, 0.0
    for task in labels:
        out = tasks == task
        design = np.stack([np.ones(np.sum(~out)), x[~out]], axis=1)
        fit = np.linalg.lstsq(design, y[~out], rcond=None)[0]
        wrong += float(np.sum((y[out] - fit[0] - fit[1] * x[out]) ** 2))
        total += float(np.sum((y[out] - y[~out].mean()) ** 2))
    return 1.0 - wrong / total if total > 0 else float("nan")
