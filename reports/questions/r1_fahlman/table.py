"""R1's tables: Fahlman's rows beside ours, and the rows at rates of our own search."""

from typing import Any

import numpy as np
import pandas as pd

from reports.questions.r1_fahlman.counts import (
    CENTRAL,
    ROWS,
    counted,
    counts_of,
    drawn,
    restarted,
)
from study.evidence.evidence import Evidence
from study.evidence.runs import NothingToShow

DEAD_ZONES = (0.0, 0.1)
OWN = ["dataset", "size", "hidden", "gradient", "low", "location", "form"]
"""What tells the rows of our own view apart."""


def tables(evidence: Evidence) -> dict[str, pd.DataFrame]:
    """Return ``fahlman``, his rows, and ``fahlman_own``, the rows at rates of our own search."""
    runs = counted(evidence.runs.frame)
    return {"fahlman": published(runs), "fahlman_own": own(runs)}


def published(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one line a row and dead zone.

    ``percentile`` says where his mean lies among means of as many trials drawn from ours, in %;
    ``low`` and ``high`` are the central 95 % of these. ``verdict``: reproduced where his mean lies
    in it, else fewer or more, which says what he reports beside ours. ``sd_percentile`` is the
    same for his standard deviation.
    """
    lines = []
    for row in ROWS:
        for zone in DEAD_ZONES:
            mine = counts_of(runs, row, zone)
            if mine.empty:
                continue
            counts = restarted(mine)
            samples = drawn(counts, row.trials)
            means, spreads = samples.mean(axis=1), samples.std(axis=1, ddof=1)
            low, high = np.percentile(means, CENTRAL)
            below, equal = np.mean(means < row.published), np.mean(means == row.published)
            lines.append(
                {
                    "row": row.label,
                    "epsilon": row.epsilon,
                    "alpha": row.alpha,
                    "dead_zone": zone,
                    "published_mean": row.published,
                    **_summary(counts),
                    "percentile": round(100.0 * (below + 0.5 * equal), 2),
                    "trials": len(mine),
                    "published_trials": row.trials,
                    "low": round(low, 2),
                    "high": round(high, 2),
                    "published_sd": row.sd,
                    "sd_percentile": round(100.0 * float(np.mean(spreads < row.sd)), 2)
                    if row.sd == row.sd
                    else np.nan,
                    "learnt": round(float(mine["learnt"].mean()), 5),
                    "verdict": _verdict(row.published, low, high),
                }
            )
    if not lines:
        raise NothingToShow("no runs of Fahlman's rows")
    return pd.DataFrame(lines)


def own(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one line a net and rule: the rate of our own search, and the epochs at it.

    ``ratio`` is the mean beside that of the exact slope with the same net and error.
    """
    tuned = runs[runs["cell"].isin(runs.loc[runs["stage"] == "tune", "cell"])]
    scored = tuned[tuned["stage"] == "evaluate"]
    lines = []
    for key, mine in scored.groupby(OWN, sort=False):
        mine = mine.sort_values("seed")
        line = dict(zip(OWN, key, strict=True)) | {
            "epsilon": round(float(mine["rate"].iloc[0]), 4)
        }
        learnt = float(mine["learnt"].mean())
        line |= _summary(restarted(mine) if learnt else mine["epochs"].to_numpy())
        lines.append(line | {"trials": len(mine), "learnt": round(learnt, 5)})
    if not lines:
        return pd.DataFrame(columns=[*OWN, "random_low", "epsilon", "mean", "sd", "trials"])
    found = pd.DataFrame(lines)
    same = ["dataset", "size", "hidden", "form"]
    exact = found[found["gradient"] == "exact"].set_index(same)["mean"]
    beside = exact.reindex(pd.MultiIndex.from_frame(found[same])).to_numpy()
    found["ratio"] = (found["mean"] / beside).round(3).where(found["learnt"] > 0.0)
    found["low"] = found["low"].where(found["low"] >= 0.0)
    return found.rename(columns={"low": "random_low"})


def _summary(counts: Any) -> dict[str, float]:
    return {
        "mean": round(float(np.mean(counts)), 2),
        "median": float(np.median(counts)),
        "sd": round(float(np.std(counts, ddof=1)), 2),
        "p95": float(np.percentile(counts, 95)),
    }


def _verdict(published: float, low: float, high: float) -> str:
    if low <= published <= high:
        return "reproduced"
    return "his are fewer" if published < low else "his are more"
