"""R6: local minima of one unit under squared error, beside the one without the factor."""

from itertools import product

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit

from reports.questions.r6_matching_losses.measure import FILE
from study.evidence.evidence import Evidence
from study.evidence.runs import NothingToShow
from study.learning import Array

NEAR, FAR = 0.9, 0.1  # the targets of the two patterns of an input
TOLERANCE = 1e-4
"""A run rests at a minimum whose objective is nearer than this; they lie 0.0005 apart or more."""
RULES = ("exact", "removed")


def minima(inputs: int, rule: str) -> dict[tuple[float, ...], float]:
    """Return the points where a rule comes to rest: weights -> squared error there.

    By mirror symmetry the bias is 0, and the objective is a sum over inputs. So the minima are
    all combinations of the minima of one weight, found as sign changes of the rule's own slope.
    """
    of_inputs = [_of_weight(4.0 + 2.0 * i, rule) for i in range(inputs)]
    return {
        point: sum(_error(w, 4.0 + 2.0 * i) for i, w in enumerate(point)) / (2 * inputs)
        for point in product(*of_inputs)
    }


def _error(w: float, far: float) -> float:
    return float(0.5 * ((expit(w) - NEAR) ** 2 + (expit(far * w) - FAR) ** 2))


def _of_weight(far: float, rule: str) -> list[float]:
    def slope(w: float) -> float:
        y, z = expit(w), expit(far * w)
        one, other = (y * (1 - y), z * (1 - z)) if rule == "exact" else (1.0, 1.0)
        return float((y - NEAR) * one + far * (z - FAR) * other)

    grid = np.linspace(-6.0, 6.0, 2402)
    values = np.array([slope(w) for w in grid])
    rising = np.flatnonzero((values[:-1] < 0) & (values[1:] >= 0))
    return [float(brentq(slope, grid[k], grid[k + 1])) for k in rising]


def starts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return this question's runs with ``inputs``, and the minimum where each rests, -1 for none.

    Minima are numbered as `minima` lists them.
    """
    if "dataset.inputs" not in frame or not (frame["dataset"] == "local_minima").any():
        raise NothingToShow("no runs of one unit on local_minima")
    runs = frame[(frame["dataset"] == "local_minima") & (frame["hidden"] == "none")].copy()
    runs["inputs"] = runs["dataset.inputs"].fillna(2).astype(int)
    runs["rests"] = -1
    for (inputs, rule), own in runs.groupby(["inputs", "gradient"]):
        values = np.array(list(minima(inputs, rule).values()))
        apart: Array = np.abs(own["final_objective"].to_numpy(float)[:, None] - values)
        nearest = apart.argmin(axis=1)
        runs.loc[own.index, "rests"] = np.where(apart.min(axis=1) < TOLERANCE, nearest, -1)
    return runs


def tables(evidence: Evidence) -> dict[str, pd.DataFrame]:
    """Return ``matching_losses`` (differences of weights) and ``local_minima`` (counts)."""
    rows = []
    for (inputs, rule), own in starts(evidence.runs.frame).groupby(["inputs", "gradient"]):
        there = len(minima(inputs, rule))
        met = own.loc[own["rests"] >= 0, "rests"]
        rows.append(
            {
                **{"inputs": inputs, "gradient": rule, "starts": len(own)},
                **{"expected": 2**inputs if rule == "exact" else 1, "there": there},
                **{"found": met.nunique(), "rest": len(met) / len(own)},
                **{"in_the_lowest": float((own["rests"] == _lowest(inputs, rule)).mean())},
                "verdict": "reproduced"
                if met.nunique() == there == (2**inputs if rule == "exact" else 1)
                else "not reproduced",
            }
        )
    equal = pd.read_csv(FILE)
    equal["verdict"] = np.where(
        (equal["program"] <= 1e-12) & ~(equal["complex_step"] > 1e-12), "identical", "differ"
    )
    return {"matching_losses": equal, "local_minima": pd.DataFrame(rows)}


def _lowest(inputs: int, rule: str) -> int:
    return int(np.argmin(list(minima(inputs, rule).values())))
