"""The cells of an experiment in a small form: curves and final objectives as quartiles.

Each cell and stage is one row of whole numbers. Objectives are thousandths of a decade,
``round(1000 log10 L)``, exact to a quarter of a per cent, and null where a quartile has diverged.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.errors import UsageError
from study.evidence.naming import labelled
from study.evidence.runs import at_several_rates
from study.evidence.sources import folder_of, read_table, stored_runs
from study.learning.rules import GRADIENTS
from study.learning.variants import Record, Variant

QUARTILES = (0.25, 0.5, 0.75)
STEPS = 1000
LEAST = 1e-12  # smaller objectives are stored as this
TASK = ("dataset", "objective", "hidden")
FREE = ("initialisation", "gain", "updates", "batch_size", "decay", "dtype")
AXES = ("task", "activation", "optimizer", "setting", "location", "rule", "stage")
CONSISTENT = {"false": "", "true": " + twin", "forward": " in the twin"}
WORDS = {"updates": "{} updates", "batch_size": "batch {}", "dtype": "{}", "initialisation": "{}"}


def explorer(base: Path, experiment: str) -> dict[str, Any]:
    """Return what the page lets a reader choose among.

    ``axes``: name -> labels; ``grids``: lists of updates; ``cells``: rows of `AXES` as codes, then
    ``runs, failed, rate`` (thousandths of a decade), ``constant`` objective, final quartiles (3),
    ``ratio`` to exact (or null) with its ``pairs``, number of the grid, and quartiles of the curve
    (3 lists).
    """
    runs = stored_runs(base, experiment)
    runs = _single(runs[runs["stage"] != "tune"])
    if runs.empty:
        raise UsageError(f"no scored runs of {experiment!r} to show")
    runs = runs.assign(task=_tasks(runs), setting=_settings(runs), rule=_rules(runs))
    curves = _curves(folder_of(base, experiment) / "curves.parquet", runs)
    labels = {axis: _ordered(runs, axis) for axis in AXES}
    codes = {axis: {label: k for k, label in enumerate(found)} for axis, found in labels.items()}
    against = _against_exact(runs)
    grids: dict[tuple[int, ...], int] = {}
    rows = []
    for key, group in runs.groupby(["cell", "stage"], sort=False):
        if key not in curves:
            continue
        updates, quartiles = curves[key]
        first = group.iloc[0]
        final = np.sort(group["final_objective"].fillna(np.inf).to_numpy(float))
        ratio, pairs = against.get(key, (None, 0))
        rows.append(
            [
                *(codes[axis][first[axis]] for axis in AXES),
                len(group),
                int(group["failed"].sum()),
                *_steps([group["learning_rate"].median(), group["constant_objective"].median()]),
                *_steps(_quartiles(final)),
                ratio,
                pairs,
                grids.setdefault(updates, len(grids)),
                *(_steps(q) for q in quartiles),
            ]
        )
    rows.sort(key=lambda row: row[: len(AXES)])
    return {"axes": labels, "grids": [list(grid) for grid in grids], "cells": rows}


def _single(runs: pd.DataFrame) -> pd.DataFrame:
    """Drop trainings that branch from another state, and cells evaluated at several rates."""
    if "branch.gradient" in runs:
        runs = runs[runs["branch.gradient"].isna()]
    return runs[~at_several_rates(runs, ["cell"])]


def _tasks(runs: pd.DataFrame) -> pd.Series[str]:
    words = [runs[column].str.replace("_", " ") for column in TASK]
    return words[0] + ", " + words[1] + ", " + words[2]


def _settings(runs: pd.DataFrame) -> pd.Series[str]:
    """Name the other columns in which a cell differs from most cells of its task."""
    names = ("dataset.", "activation.", "optimizer.", "initialisation.")
    columns = [*(c for c in FREE if c in runs), *(c for c in runs if c.startswith(names))]
    said = pd.Series("", index=runs.index)
    keys = ["task", "optimizer", "activation"]
    cells = runs.assign(task=_tasks(runs)).drop_duplicates("cell").set_index("cell")
    for column in columns:
        by = cells[keys[:2] if column.startswith("optimizer.") else keys]
        text = cells[column].map(_plain)
        usual = text.groupby([by[k] for k in by]).transform(lambda found: found.mode().iloc[0])
        form = WORDS.get(column, column.rpartition(".")[2].replace("_", " ") + " {}")
        other = text.where(text != usual, "").map(lambda t, f=form: f.format(t) if t else "")
        found = runs["cell"].map(other)
        said = said + np.where((said != "") & (found != ""), ", ", "") + found
    return said.where(said != "", "usual")


def _plain(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "none"
    if isinstance(value, bool | np.bool_):
        return "on" if value else "off"
    return f"{value:,g}" if isinstance(value, float | int | np.number) else str(value)


def _rules(runs: pd.DataFrame) -> pd.Series[str]:
    columns = ["gradient", *(c for c in runs if c.startswith("gradient."))]
    codes = runs.groupby(columns, dropna=False, sort=False).ngroup()
    variants = []
    for row in runs.loc[~codes.duplicated(), columns].to_dict("records"):
        name = str(row["gradient"])
        record = GRADIENTS.get(name) or Record(name=name, formula="", reference="")
        given = {str(c)[9:]: v for c, v in row.items() if c != "gradient" and not pd.isna(v)}
        variants.append(Variant(record, given))
    found = labelled(variants)
    return codes.map(dict(enumerate(found))) + runs["consistent"].map(CONSISTENT)


def _ordered(runs: pd.DataFrame, axis: str) -> list[str]:
    """Return an axis's labels: rules as registered, else those with most cells first."""
    if axis == "rule":
        order = list(GRADIENTS)
        first = runs.drop_duplicates("rule").set_index("rule")["gradient"]
        place = {label: order.index(g) if g in order else len(order) for label, g in first.items()}
        return sorted((str(k) for k in place), key=lambda label: (place[label], label))
    counts = runs.drop_duplicates(["cell", "stage"])[axis].value_counts(sort=False)
    return sorted((str(k) for k in counts.index), key=lambda k: (-counts[k], k))


def _against_exact(runs: pd.DataFrame) -> dict[Any, tuple[float | None, int]]:
    """Return 10^median of paired differences of scores to exact's, and the number of pairs."""
    keys = ["task", "activation", "optimizer", "setting"]
    exact = runs[(runs["rule"] == "exact") & (runs["stage"] == "evaluate")]
    base = exact.drop_duplicates([*keys, "seed"])[[*keys, "seed", "score"]]
    both = runs.merge(base, on=[*keys, "seed"], suffixes=("", "_exact"))
    both["difference"] = both["score"] - both["score_exact"]
    grouped = both.groupby(["cell", "stage"])["difference"]
    return {key: (round(float(10.0 ** found.median()), 4), len(found)) for key, found in grouped}


Curve = tuple[tuple[int, ...], NDArray[np.float64]]


def _curves(path: Path, runs: pd.DataFrame) -> dict[Any, Curve]:
    """Return each cell and stage's updates and quartiles (3, checkpoints).

    Published curves are quantiles already; exported ones are a row a run and checkpoint.
    """
    frame = read_table(path)
    names = [f"objective_{100 * q:02.0f}" for q in QUARTILES]
    if "run_id" in frame:
        frame = _quantiles(frame.merge(runs[["run_id", "cell", "stage"]], on="run_id"), names)
    wanted = set(zip(runs["cell"], runs["stage"], strict=True))
    frame = frame[frame["update"] > 0].sort_values("update")
    return {
        key: (tuple(int(u) for u in group["update"]), group[names].to_numpy(float).T)
        for key, group in frame.groupby(["cell", "stage"], sort=False)
        if key in wanted
    }


def _quantiles(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    found = (
        frame.assign(objective=frame["objective"].fillna(np.inf))
        .groupby(["cell", "stage", "update"], sort=False)["objective"]
        .agg(lambda values: _quartiles(np.sort(values.to_numpy())))
    )
    return pd.DataFrame(found.tolist(), columns=list(names), index=found.index).reset_index()


def _quartiles(ordered: NDArray[np.float64]) -> tuple[float, ...]:
    """Return quartiles that occurred (``inverted_cdf``) of values in ascending order."""
    return tuple(float(ordered[int(np.ceil(q * len(ordered))) - 1]) for q in QUARTILES)


def _steps(values: Any) -> list[int | None]:
    with np.errstate(invalid="ignore"):
        logs = STEPS * np.log10(np.maximum(np.asarray(values, float), LEAST))
    return [round(float(x)) if np.isfinite(x) else None for x in logs]
