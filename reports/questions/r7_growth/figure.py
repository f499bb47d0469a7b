"""R7: signals without relu's mask grow by √2 a layer, and training fails at the old rate."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports import panels, style
from reports.questions.r7_growth.measure import FILE, expected
from reports.questions.r7_growth.table import RULES, failures, growth
from reports.templates import note
from study.evidence.evidence import Evidence

EXPERIMENT = "replications"
SHOWN = (4, 8, 16)
"""Depths whose failures are drawn; the table has all."""
WIDTHS = {
    width: to_hex(style.blend(style.HUES["offset"], share))
    for width, share in ((16, 0.45), (32, 0.7), (128, 1.0))
}
MARKERS = {16: "^", 32: "s", 128: "o"}
LOOKS = {
    "exact": panels.look_of("exact"),
    "removed": panels.look_of("removed"),
    "constant 1/√2": style.Look(style.HUES["mean"], "D", (0, (3, 1.2)), style.HUES["mean"]),
}


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw growth by depth and width, and failures by learning rate."""
    measured, failed = growth(pd.read_csv(FILE)), failures(evidence.runs.frame)
    measured = measured[measured["error"] == "independent"]
    figure, axes = style.sheet(
        message(measured, failed), note(__file__), 1, 4, height=1.8, left=0.6, bottom=0.72,
        gap=(0.38, 0.3),
    )  # fmt: skip
    _growth(axes[0, 0], measured)
    for panel, depth in zip(axes[0, 1:], SHOWN, strict=True):
        _failures(panel, failed[failed["depth"] == depth])
        panel.set_title(f"{depth} hidden layers")
        panels.under(panel, "learning rate")
    axes[0, 1].set_ylabel("failed runs, %")
    widths = [
        Line2D([], [], color=colour, marker=MARKERS[width], markersize=4)
        for width, colour in WIDTHS.items()
    ]
    keys = [*widths, *(panels.mark(look, line=True) for look in LOOKS.values())]
    panels.key(figure, keys, [*(f"{width} units" for width in WIDTHS), *RULES.values()])
    yield figure


def message(measured: pd.DataFrame, failed: pd.DataFrame) -> str:
    """Say how signals grow in the deepest, widest nets, and what that costs in rates."""
    deepest = measured[measured["depth"] == measured["depth"].max()]
    widest = deepest.loc[deepest["width"].idxmax()]
    deep = failed["depth"].max()
    largest = largest_rates(failed[failed["depth"] == deep])
    cost = f"Without it no rate trains half of the runs of {deep} layers"
    if largest["removed"]:
        times = largest["exact"] / largest["removed"]
        cost = f"In {deep} layers rates that train half of the runs are {times:.3g} times smaller"
    return (
        f"Without relu's mask signals grow by √2 a layer, {widest['ratio']:.0f} times in "
        f"{widest['depth']:.0f} layers (2^(L/2): {widest['theory']:.0f}). {cost}"
    )


def largest_rates(failed: pd.DataFrame) -> dict[str, float]:
    """Return the largest rate at which at most half of a rule's runs fail; 0 for none."""
    fine = failed[failed["failed"] <= 0.5].groupby("gradient")["learning_rate"].max()
    return {rule: float(fine.get(rule, 0.0)) for rule in RULES.values()}


def _growth(panel: Axes, measured: pd.DataFrame) -> None:
    depths = np.arange(1, measured["depth"].max() + 1)
    panel.plot(depths, 2.0 ** (depths / 2), color=style.INK, linestyle=panels.DASHED, linewidth=1)
    for width, colour in WIDTHS.items():
        mine = measured[measured["width"] == width]
        panel.plot(depths, [expected(width, d) for d in depths], color=colour, linewidth=0.8)
        look = style.Look(colour, MARKERS[width], "-", colour)
        for row in mine.to_dict("records"):
            values = [row[name] for name in ("ratio", "low", "high")]
            panels.estimate(panel, row["depth"], values, look, upright=True, size=3.6)
    style.logarithmic(panel, "y", 1.0, float(measured["high"].max()) * 1.3)
    panel.set_xticks([1, 4, 8, 12, 16])
    panel.set_title("at the start")
    panel.set_ylabel("signal without / with mask")
    panels.under(panel, "hidden layers")


def _failures(panel: Axes, failed: pd.DataFrame) -> None:
    for rule, look in LOOKS.items():
        mine = failed[failed["gradient"] == rule].sort_values("learning_rate")
        panel.fill_between(
            mine["learning_rate"], 100 * mine["low"], 100 * mine["high"],
            color=look.colour, alpha=0.15, linewidth=0,
        )  # fmt: skip
        panel.plot(
            mine["learning_rate"], 100 * mine["failed"], color=look.colour, linestyle=look.line,
            marker=look.marker, markersize=3, linewidth=1.2, markeredgewidth=0,
        )  # fmt: skip
    style.logarithmic(panel, "x", 7e-5, 1.4)
    panel.set_ylim(-4, 104)
    panel.grid(axis="y", color=panels.GRID, linewidth=0.6)
