"""R8: changed factors under optimizers that use curvature."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import panels, style
from reports.questions.r8_curvature.table import ESCAPE, OPTIMIZERS, curvature, escape
from reports.templates import note
from reports.wording import significant
from study.evidence.evidence import Evidence

EXPERIMENT = "replications"
NAMES = {"sgd": "SGD", "gauss_newton": "Gauss-Newton\ndiagonal", "lbfgs": "L-BFGS"}
SHIFTS = {"removed": -0.24, "offset": 0.0, "frozen": 0.24}


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw ratios to exact, searches that gave up, and escape by distance."""
    found, times = curvature(evidence), escape(evidence)
    figure, axes = style.sheet(
        message(found), note(__file__), 2, 2, height=[1.5, 1.7], left=0.95, bottom=0.85,
        gap=(0.75, 0.72),
    )  # fmt: skip
    _ratios(axes[0, 0], found)
    _searches(axes[0, 1], found[found["optimizer"] == "lbfgs"])
    for panel, name in zip(axes[1], ("gauss_newton", "lbfgs"), strict=True):
        _escape(panel, times[times["optimizer"] == name], name)
    axes[1, 0].set_ylabel("updates until back")
    panels.rules_key(figure, ["exact", *SHIFTS, "floor"])
    yield figure


def means(found: pd.DataFrame, rule: str) -> dict[str, float]:
    """Return the geometric mean over tasks of a rule's ratio to exact, by optimizer."""
    mine = found[found["rule"] == rule]
    grouped = np.log10(mine["ratio"]).groupby(mine["optimizer"]).mean()
    return {str(name): 10**value for name, value in grouped.items()}


def message(found: pd.DataFrame) -> str:
    """Say what curvature makes of removal, and how often the line search gave up."""
    ratios = means(found, "removed")
    searches = found[(found["optimizer"] == "lbfgs") & (found["rule"] == "removed")]["gave_up"]
    said = ", ".join(
        f"{significant(ratios[name])} under {NAMES[name].replace(chr(10), ' ')}"
        for name in OPTIMIZERS
        if name in ratios
    )
    return (
        f"Removal ends at this multiple of exact's objective: {said}. "
        f"With it the line search gives up in {100 * searches.mean():.0f} % of runs"
    )


def _ratios(panel: Axes, found: pd.DataFrame) -> None:
    ends = [1.0]
    for at, optimizer in enumerate(OPTIMIZERS):
        for rule, shift in SHIFTS.items():
            mine = found[(found["optimizer"] == optimizer) & (found["rule"] == rule)]
            decades = np.log10(mine["ratio"].to_numpy(float))
            look, place = panels.look_of(rule), at + shift
            panels.dots(panel, place, 10**decades, look)
            error = 2.0 * decades.std(ddof=1) / np.sqrt(len(decades)) if len(decades) > 1 else 0.0
            middle = decades.mean()
            values = [10**x for x in (middle, middle - error, middle + error)]
            panels.estimate(panel, place, values, look)
            ends += [*values, *10**decades]
    panels.rows(panel, [NAMES[name] for name in OPTIMIZERS])
    panels.equality(panel)
    style.logarithmic(panel, "x", min(ends) / 1.3, max(ends) * 1.3)
    panels.under(panel, "objective left / exact's, same optimizer")
    panel.set_title("where training ends")


def _searches(panel: Axes, found: pd.DataFrame) -> None:
    names = ["exact", *SHIFTS]
    for at, rule in enumerate(names):
        shares = 100.0 * found[found["rule"] == rule]["gave_up"].to_numpy(float)
        look = panels.look_of(rule)
        panels.dots(panel, at, shares, look)
        panels.estimate(panel, at, (shares.mean(), np.nan, np.nan), look)
    panels.rows(panel, [panels.NAMES.get(name, name) for name in names])
    panel.set_xlim(-4, 104)
    panels.under(panel, "% of runs whose line search gave up")
    panel.set_title("L-BFGS")


def _escape(panel: Axes, times: pd.DataFrame, optimizer: str) -> None:
    ends = [1.0, 10.0]
    for i, rule in enumerate(ESCAPE):
        mine = times[times["rule"] == rule].sort_values("distance")
        mine = mine[np.isfinite(mine["updates"].to_numpy(float))]
        if mine.empty:
            continue
        x = mine["distance"].to_numpy(float) + 0.06 * (i - 1.5)
        high = np.where(np.isfinite(mine["high"]), mine["high"], 1e9)
        look = panels.look_of(rule)
        rows = np.maximum([mine["low"], mine["updates"], high], 1.0)
        panels.curve(
            *(panel, x, rows, look.colour),
            marker=look.marker, markersize=4, linewidth=1.1, markerfacecolor=look.face,
        )  # fmt: skip
        ends += [float(mine["low"].min()), float(mine["updates"].max())]
    style.logarithmic(panel, "y", max(min(ends), 1.0) / 1.3, max(ends) * 1.6)
    panel.set_xlim(1.7, 6.3)
    panel.grid(axis="y", color=panels.GRID, linewidth=0.6)
    panels.under(panel, "distance z0")
    panel.set_title(f"escape: {NAMES[optimizer].replace(chr(10), ' ')}")
