"""Fahlman's rows of 1988, and the epochs that our runs of them took."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.evidence.runs import NothingToShow

DRAWS = 20_000  # means of as many trials as he had, drawn from ours
CENTRAL = (2.5, 97.5)
"""A row is reproduced where his mean lies between these percentiles of such means."""

Counts = NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """A row of his tables: what it changes, his settings, and his mean and deviation."""

    label: str
    epsilon: float  # for the error summed over patterns
    alpha: float  # momentum
    published: float  # his mean of epochs
    gradient: str = "exact"
    low: float | None = None  # of a random factor
    form: str = "linear"
    dataset: str = "encoder"
    optimizer: str = "momentum"
    trials: int = 25
    sd: float = np.nan  # his standard deviation, where it is known


ROWS = (
    Row("y(1−y)", 1.7, 0.0, 129.0, optimizer="sgd", sd=46.0),
    Row("y(1−y), momentum", 1.1, 0.5, 129.0, sd=40.0),
    Row("y(1−y) + 0.1", 1.5, 0.0, 75.0, "offset", optimizer="sgd", sd=14.0),
    Row("y(1−y) + 0.1, momentum", 0.9, 0.4, 74.0, "offset", sd=14.0),
    Row("0.5", 0.5, 0.4, 89.0, "constant", sd=34.0),
    Row("U(0, 1)", 0.4, 0.7, 163.0, "random", 0.0, sd=75.0),
    Row("U(0.25, 0.75)", 0.5, 0.6, 90.0, "random", 0.25, sd=27.0),
    Row(
        "y(1−y) + 0.1, log error", 0.6, 0.0, 58.7, "offset", form="log", optimizer="sgd", sd=13.0,
    ),
    Row("quickprop", 1.5, 0.0, 22.1, "offset", optimizer="quickprop", trials=100),
    Row(
        "quickprop, log error", 0.35, 0.0, 14.01, "offset", form="log", optimizer="quickprop",
        trials=100,
    ),
    Row("quickprop, decay", 1.5, 0.0, 22.1, "offset", optimizer="quickprop_decay", trials=100),
    Row("complement, y(1−y)", 0.9, 0.1, 334.4, dataset="complement_encoder"),
    Row(
        "complement, + 0.1", 1.1, 0.0, 196.2, "offset", dataset="complement_encoder",
        optimizer="sgd",
    ),
    Row(
        "complement, + 0.1, log error", 0.15, 0.6, 134.9, "offset", form="log",
        dataset="complement_encoder",
    ),
)  # fmt: skip
"""All with the factor at hidden and output units. Fahlman 1988, CMU-CS-88-162."""


def counted(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that were trained until they had learnt, with what tells rows apart.

    Beside their own columns: ``dead_zone, form, rate`` (for the sum over patterns), ``momentum,
    low, size`` (of an encoder) and ``epochs``, the whole budget where a run did not learn.
    """
    if "learnt_at" not in frame or "objective.dead_zone" not in frame:
        raise NothingToShow("no runs that were trained until they had learnt")
    runs = frame[frame["objective"] == "unit_squared_error"].copy()

    def numbers(name: str, missing: float) -> Counts:
        if name not in runs:
            return np.full(len(runs), missing)
        return pd.to_numeric(runs[name], errors="coerce").fillna(missing).to_numpy(float)

    runs["dead_zone"], runs["form"] = numbers("objective.dead_zone", 0.0), runs["objective.form"]
    runs["size"] = np.where(runs["dataset"] == "xor", 4.0, numbers("dataset.size", 10.0))
    runs["rate"] = runs["learning_rate"].astype(float) / runs["size"]
    runs["momentum"], runs["low"] = numbers("optimizer.momentum", 0.0), numbers("gradient.low", -1)
    runs["learnt"] = runs["learnt_at"].notna()
    runs["epochs"] = runs["learnt_at"].fillna(runs["updates"]).astype(float)
    return runs


def counts_of(runs: pd.DataFrame, row: Row, dead_zone: float) -> pd.DataFrame:
    """Return our runs of a row in the order of their seeds; see `counted`."""
    low = -1.0 if row.low is None else row.low
    chosen = (
        (runs["stage"] == "evaluate")
        & (runs["dataset"] == row.dataset)
        & (runs["gradient"] == row.gradient)
        & runs["location"].isin(("none", "all"))
        & (runs["optimizer"] == row.optimizer)
        & (runs["form"] == row.form)
        & np.isclose(runs["dead_zone"], dead_zone)
        & np.isclose(runs["rate"], row.epsilon, rtol=1e-5)
        & np.isclose(runs["momentum"], row.alpha)
        & np.isclose(runs["low"], low)
        & np.isclose(runs["size"], 10.0)
    )
    return runs[chosen].sort_values("seed").drop_duplicates("seed")


def restarted(runs: pd.DataFrame) -> Counts:
    """Return the epochs until learnt where a run that does not learn is begun anew.

    A failed attempt counts with its whole budget, and the next seed's run is the next attempt.
    Attempts are independent, so this is what restarts in the training would give. Attempts after
    the last that learnt are left out.
    """
    epochs, learnt = runs["epochs"].to_numpy(), runs["learnt"].to_numpy()
    ends = np.flatnonzero(learnt)
    sums = np.concatenate([[0.0], np.cumsum(epochs)])
    found: Counts = np.diff(sums[np.concatenate([[0], ends + 1])])
    return found


def drawn(counts: Counts, trials: int) -> Counts:
    """Return as many counts as he had trials, drawn from ours many times: (draws, trials)."""
    draw = np.random.default_rng(1988)
    found: Counts = counts[draw.integers(0, len(counts), (DRAWS, trials))]
    return found
