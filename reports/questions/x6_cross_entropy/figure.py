"""X6: why removal ends lower under cross-entropy with one hidden layer."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import panels, style
from reports.chosen import crosswise
from reports.questions.x6_cross_entropy.measure import FILE
from reports.templates import note
from reports.wording import listed
from study.evidence.evidence import Evidence
from study.evidence.runs import NothingToShow

EXPERIMENT = "x6_cross_entropy"
LINEAR = "linear classifier"
RULES = ("exact", "removed", LINEAR, "floor")
LOOKS = {
    **{name: panels.look_of(name) for name in ("exact", "removed", "floor")},
    LINEAR: style.Look(style.SPARE, "D", "-", style.SPARE),
}
NAMES = {"floor": "floor 0.01", LINEAR: LINEAR}
LEAST = 1e-9
"""Shares below this are drawn, and averaged, as this."""
SEPARABLE_BELOW = 1e-4
"""A linear classifier that leaves less has every pattern right, with 3,000 patterns or fewer.

A mean loss below ln 2 / n leaves no pattern with a loss of ln 2, the least of a wrong one."""


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw the objective by rate, saturation, rescaled nets, and all datasets."""
    runs = shares(evidence.runs.frame)
    own = own_rates(runs)
    figure, axes = style.sheet(
        message(own), note(__file__), 2, 3, height=[1.75, 1.75], left=0.55, bottom=0.9,
        gap=(0.45, 0.72),
    )  # fmt: skip
    digits = runs[(runs["task"] == "digits") & (runs["rule"] != "frozen")]
    _by_rate(axes[0, 0], digits, "left")
    axes[0, 0].set_title("digits: objective left")
    style.logarithmic(axes[0, 0], "y", LEAST / 3, 2)
    _by_rate(axes[0, 1], digits[digits["rule"] != LINEAR], "saturated")
    axes[0, 1].set_title("share of saturated pairs")
    _rescaled(axes[0, 2])
    _datasets(figure, axes[1], own)
    marks = [panels.mark(LOOKS[name]) for name in RULES]
    panels.key(figure, marks, [NAMES.get(name, name) for name in RULES])
    yield figure


def shares(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of the shallow nets with ``task, rule, left, decades``.

    ``left`` is the share of the removable objective, 1 where a run failed. ``decades`` is its
    logarithm, floored at `LEAST`.
    """
    if "dataset.patterns" not in frame or (frame["hidden"] == "none").sum() == 0:
        raise NothingToShow("no runs of linear classifiers beside nets with a hidden layer")
    shallow = frame["hidden"].isin(["32", "none"]) & (frame["activation"] == "tanh")
    usual = (frame["objective"] == "cross_entropy") & (frame["dtype"] == "float32")
    runs = frame[shallow & usual].copy()
    runs["rule"] = runs["gradient"].where(runs["hidden"] != "none", LINEAR)
    many = runs["dataset.patterns"].where(runs["dataset"] == "classification")
    names = [str(name).replace("_", " ") for name in runs["dataset"]]
    counts = ["" if np.isnan(n) else f" of {n:.0f}" for n in many.astype(float)]
    runs["task"] = [name + count for name, count in zip(names, counts, strict=True)]
    left = np.where(runs["failed"], 1.0, np.clip(runs["remaining"].astype(float), 0.0, 1.0))
    runs["left"], runs["decades"] = left, np.log10(np.maximum(left, LEAST))
    return runs


def own_rates(runs: pd.DataFrame) -> pd.DataFrame:
    """Return each rule's runs at its own rate, by task, which the other seeds choose."""
    cells = [
        crosswise(cell, ["learning_rate"], "decades")
        for _, cell in runs.groupby(["task", "rule"], sort=False)
    ]
    return pd.concat(cells)


def ratios(own: pd.DataFrame) -> pd.DataFrame:
    """Return, by task, ``ratio`` in decades of removed to exact and whether it is separable."""
    middle = own.pivot_table(index="task", columns="rule", values="decades", aggfunc="median")
    return pd.DataFrame(
        {
            "ratio": middle["removed"] - middle["exact"],
            "separable": middle[LINEAR] < np.log10(SEPARABLE_BELOW),
        }
    )


def message(own: pd.DataFrame) -> str:
    """Say whether removal ends lower where a linear classifier separates, and only there."""
    found = ratios(own)
    lower, tied = found["ratio"] < -panels.MARGIN, found["ratio"].abs() <= panels.MARGIN
    higher, inside = ~lower & ~tied, found["separable"]
    ties = int((tied & inside).sum())
    exceptions = [*found.index[inside & higher], *found.index[~inside & ~higher]]
    return (
        f"Under cross-entropy removal ends lower on {(lower & inside).sum()} of {inside.sum()} "
        f"datasets that a linear classifier separates{f' ({ties} tied)' if ties else ''}, and "
        f"higher on {(higher & ~inside).sum()} of {(~inside).sum()} others"
        f"{f' (not on {listed(exceptions)})' if exceptions else ''}"
    )


def _by_rate(panel: Axes, runs: pd.DataFrame, column: str) -> None:
    low = LEAST if column == "left" else 0.0
    for rule in reversed(RULES):  # exact on top
        mine = runs[runs["rule"] == rule]
        if mine.empty:
            continue
        groups = mine.groupby("learning_rate")[column]
        table = groups.quantile([0.25, 0.5, 0.75]).unstack().clip(lower=low)
        _band(panel, table.index.to_numpy(), table.to_numpy().T, rule)
    style.logarithmic(panel, "x", 0.08, 400)
    panels.under(panel, "learning rate")
    panel.grid(axis="y", color=panels.GRID, linewidth=0.6)


def _band(panel: Axes, x: Any, quartiles: Any, rule: str) -> None:
    look, (low, middle, high) = LOOKS[rule], quartiles
    panel.fill_between(x, low, high, color=look.colour, alpha=0.2, linewidth=0)
    panel.plot(x, middle, color=look.colour, marker=look.marker, markersize=3.2, linewidth=1.2)


def _rescaled(panel: Axes) -> None:
    """Draw what digits' nets leave when their output layer is stretched to another norm."""
    table = pd.read_csv(FILE)
    for rule, mine in table.groupby("rule"):
        quartiles = mine[["lower", "middle", "upper"]].clip(lower=LEAST).to_numpy().T
        _band(panel, mine["norm"].to_numpy(), quartiles, str(rule))
        trained = float(mine["trained"].iloc[0])
        at = np.interp(np.log(trained), np.log(mine["norm"]), np.log(quartiles[1]))
        panel.plot(
            *(trained, np.exp(at)), marker="*", markersize=11, color=LOOKS[str(rule)].colour,
            markeredgecolor="white", linestyle="none", zorder=5,
        )  # fmt: skip
    style.logarithmic(panel, "x", 2.5, 4000)
    style.logarithmic(panel, "y", LEAST / 3, 2)
    panel.set_title("output layer rescaled")
    panels.under(panel, "norm of output layer (★ trained)")
    panel.grid(axis="y", color=panels.GRID, linewidth=0.6)


def _datasets(figure: Figure, axes: Any, own: pd.DataFrame) -> None:
    """Draw what each rule leaves of each dataset at its own rate, in one wide panel."""
    first, last = axes[0].get_position(), axes[-1].get_position()
    for other in axes[1:]:
        other.remove()
    panel = axes[0]
    panel.set_position((first.x0, first.y0, last.x1 - first.x0, first.height))
    found = ratios(own)
    tasks = _order(found, own)
    shifts: Mapping[str, float] = {"exact": -0.2, "removed": 0.0, LINEAR: 0.2}
    for k, task in enumerate(tasks):
        for rule, shift in shifts.items():
            mine = own[(own["task"] == task) & (own["rule"] == rule)]
            low, middle, high = np.maximum(panels.quartiles(mine["left"]), LEAST)
            panels.estimate(panel, k + shift, (middle, low, high), LOOKS[rule], upright=True)
    separable = int(found["separable"].sum())
    panel.axvspan(-0.5, separable - 0.5, color=panels.BAND, linewidth=0, zorder=0)
    panel.set_xlim(-0.5, len(tasks) - 0.5)
    panel.set_xticks(
        range(len(tasks)), [task.replace(" of ", "\nof ") for task in tasks], rotation=30
    )
    style.logarithmic(panel, "y", LEAST / 3, 2)
    panel.set_title("objective left at each rule's own rate (grey: a linear classifier separates)")
    panel.grid(axis="y", color=panels.GRID, linewidth=0.6)


def _order(found: pd.DataFrame, own: pd.DataFrame) -> list[str]:
    """Put separable tasks first, each group by what a linear classifier leaves."""
    linear = own[own["rule"] == LINEAR].groupby("task")["decades"].mean()
    keys = pd.DataFrame({"other": ~found["separable"], "linear": linear, "name": linear.index})
    return list(keys.sort_values(["other", "linear", "name"]).index)
