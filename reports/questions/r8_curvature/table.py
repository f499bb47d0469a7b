"""R8's tables: changed factors under optimizers that use curvature, beside exact."""

import numpy as np
import pandas as pd
from scipy.stats import t

from reports.questions.r8_curvature.measure import FILE, RULES, TASKS
from study.evidence.evidence import Evidence
from study.evidence.runs import NothingToShow
from study.learning.outcomes import LEAST_SHARE

OPTIMIZERS = ("sgd", "gauss_newton", "lbfgs")
ESCAPE = ("exact", "offset", "floor", "removed")
MARGIN = 1.05
"""Ratios of objectives within 5 % count as the same."""


def tables(evidence: Evidence) -> dict[str, pd.DataFrame]:
    """Return ``curvature`` and ``curvature_escape``."""
    return {"curvature": curvature(evidence), "curvature_escape": escape(evidence)}


def curvature(evidence: Evidence) -> pd.DataFrame:
    """Return a row for each task, activation, optimizer and rule.

    ``left`` is the geometric mean over seeds of the share of the removable objective that is left,
    1 where a run failed and at least 1e-9. ``ratio`` is that to exact under the same optimizer,
    paired by seed, with its 95 % interval. ``gave_up`` is the share of runs whose line search gave
    up, and ``evaluations`` their number for each iteration; both are measured under lbfgs alone.
    """
    runs = _shares(evidence)
    keys = ["task", "activation", "optimizer"]
    rows = []
    for at, found in runs.groupby(keys, sort=False):
        decades = found.pivot_table(index="seed", columns="rule", values="decades")
        if "exact" not in decades:
            continue
        for rule in (name for name in RULES if name in decades):
            mine = found[found["rule"] == rule]
            middle, low, high = _interval((decades[rule] - decades["exact"]).dropna())
            row = dict(zip(keys, at, strict=True)) | {
                "rule": rule,
                "rate": float(mine["learning_rate"].median()),
                "left": 10 ** float(mine["decades"].mean()),
                "ratio": 10**middle,
                "low": 10**low,
                "high": 10**high,
                "verdict": "" if rule == "exact" else verdict(10**low, 10**high),
                "failed": float(mine["failed"].astype(bool).mean()),
                "runs": len(mine),
            }
            rows.append(row)
    if not FILE.is_file():
        raise NothingToShow(f"no {FILE.name}: python -m reports.questions.r8_curvature.measure")
    searches = pd.read_csv(FILE)
    return pd.DataFrame(rows).merge(searches, how="left", on=[*keys, "rule"])


def verdict(low: float, high: float) -> str:
    """Return what an interval of a ratio to exact says."""
    if low > MARGIN:
        return "ends higher"
    if high < 1 / MARGIN:
        return "ends lower"
    return "the same within 5 %" if 1 / MARGIN <= low and high <= MARGIN else "open"


def escape(evidence: Evidence) -> pd.DataFrame:
    """Return updates until a wrongly saturated output is back, by optimizer, rule and distance."""
    frame = evidence.runs.frame
    if "initialisation.distance" not in frame:
        raise NothingToShow("no runs of a wrongly saturated output")
    chosen = (frame["dataset"] == "escape") & frame["optimizer"].isin(OPTIMIZERS)
    runs = frame[chosen & (frame["dtype"] == "float64") & frame["gradient"].isin(ESCAPE)]
    keys = ["optimizer", "gradient", "initialisation.distance"]
    rows = []
    for at, found in runs.groupby(keys, sort=False, observed=True):
        time = pd.to_numeric(found["updates_to_target"]).fillna(np.inf)
        low, middle, high = np.quantile(time, [0.25, 0.5, 0.75], method="nearest")
        row = dict(zip(("optimizer", "rule", "distance"), at, strict=True)) | {
            "updates": middle,
            "low": low,
            "high": high,
            "never": float(np.isinf(time).mean()),
            "runs": len(found),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def _shares(evidence: Evidence) -> pd.DataFrame:
    frame = evidence.runs.frame
    widths = (
        frame["dataset"]
        .astype(str)
        .map({name: "-".join(map(str, task.hidden)) for name, task in TASKS.items()})
    )
    chosen = (frame["hidden"].astype(str) == widths) & frame["optimizer"].isin(OPTIMIZERS)
    chosen &= (frame["batch_size"] == "full") & (frame["dtype"] == "float64")
    chosen &= frame["gradient"].isin(RULES) & (frame["stage"] == "evaluate")
    runs = frame[chosen].copy()
    if runs.empty or "lbfgs" not in set(runs["optimizer"]):
        raise NothingToShow("no runs of lbfgs beside sgd")
    for name in ("activation", "optimizer"):
        runs[name] = runs[name].astype(str)
    runs["task"], runs["rule"] = runs["dataset"].astype(str), runs["gradient"].astype(str)
    left = np.where(runs["failed"], 1.0, np.clip(runs["remaining"].astype(float), 0.0, 1.0))
    runs["decades"] = np.log10(np.maximum(left, LEAST_SHARE))
    return runs


def _interval(values: "pd.Series[float]") -> tuple[float, float, float]:
    """Return the mean and its 95 % limits by Student's t."""
    n, mean = len(values), float(values.mean())
    error = float(values.std(ddof=1)) / np.sqrt(n) if n > 1 else np.inf
    off = float(t.ppf(0.975, n - 1)) * error if n > 1 else np.inf
    return mean, mean - off, mean + off
