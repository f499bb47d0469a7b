"""R1: Fahlman's counts of 1988 beside ours, and his rows at rates of our own search."""

from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import panels, style
from reports.questions.r1_fahlman.counts import ROWS, counted, counts_of, restarted
from reports.questions.r1_fahlman.table import DEAD_ZONES, own, published
from reports.templates import note
from study.evidence.evidence import Evidence

EXPERIMENT = "replications"
COLOURS = {0.0: style.HUES["mean"], 0.1: style.HUES["removed"]}
BINS = np.geomspace(8.0, 4000.0, 70)
ENCODER = {"dataset": "encoder", "size": 10.0, "hidden": "5"}
LABELS = {
    ("exact", -1.0): "y(1−y)",
    ("offset", -1.0): "y(1−y) + 0.1",
    ("constant", -1.0): "0.5",
    ("random", 0.0): "U(0, 1)",
    ("random", 0.25): "U(0.25, 0.75)",
}
PLACES = {"all": "o", "hidden": "s", "output": "^", "none": "o"}
HUE_OF = {"exact": "exact", "offset": "offset", "constant": "removed", "random": "random"}


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw the distribution of the epochs in each row, and each rule at its own rate."""
    runs = counted(evidence.runs.frame)
    found, ours = published(runs), own(runs)
    rows = [row for row in ROWS if row.label in set(found["row"])]
    figure, axes = style.sheet(
        message(found, ours), note(__file__), 1, 2, height=0.335 * len(rows) + 0.3,
        left=1.72, bottom=0.62, gap=(1.15, 0.3),
    )  # fmt: skip
    left, right = axes[0]
    for at, row in enumerate(rows):
        for zone in DEAD_ZONES:
            mine = counts_of(runs, row, zone)
            if len(mine):
                _half(left, at, restarted(mine), zone)
        left.plot(
            *(row.published, at), linestyle="none", marker="D", markersize=4.5,
            color=style.INK, markerfacecolor="white", markeredgewidth=1.1, zorder=5,
        )  # fmt: skip
    panels.rows(left, [row.label for row in rows])
    left.set_ylim(len(rows) - 0.4, -0.6)
    left.set_title("his settings")
    style.logarithmic(left, "x", 9.0, 2000.0)
    panels.under(left, "epochs until learnt")
    _own(right, ours)
    marks = [mpl.patches.Patch(color=COLOURS[zone]) for zone in DEAD_ZONES]
    his = panels.mark(style.Look(style.INK, "D", "none", "white"))
    named = ["without dead zone", "dead zone 0.1", "his mean"]
    panels.key(figure, [*marks, his], named)
    yield figure


def message(found: pd.DataFrame, ours: pd.DataFrame) -> str:
    """Say how many of his rows come out with and without the dead zone, and what tuning does."""
    his = found[found["row"] != "quickprop, decay"]  # a second try at one of his rows
    good = his[his["verdict"] == "reproduced"]
    either, rows = good["row"].nunique(), his["row"].nunique()
    plain, dead = (int((good["dead_zone"] == zone).sum()) for zone in DEAD_ZONES)
    said = (
        f"{either} of Fahlman's {rows} means come out: {dead} with the dead zone that his report "
        f"does not mention, {plain} without"
    )
    here = _of_the_encoder(ours)
    best = here[here["location"] == "all"].set_index("gradient")["mean"]
    if not {"offset", "constant"} <= set(best.index):
        return said
    exact = float(here.loc[here["gradient"] == "exact", "mean"].iloc[0])
    offset, constant = (float(best[name]) / exact for name in ("offset", "constant"))
    return (
        f"{said}. At their own rates the offset takes {offset:.2f} × the epochs of y(1−y), "
        f"a constant {constant:.2f} ×"
    )


def _half(panel: Axes, at: float, counts: Any, zone: float) -> None:
    """Draw a distribution above its row, or below it, with its mean."""
    shares = np.histogram(np.clip(counts, BINS[0], BINS[-1]), BINS)[0]
    side = -1.0 if zone == DEAD_ZONES[0] else 1.0
    heights = at + side * 0.44 * np.append(shares, 0) / max(shares.max(), 1)
    panel.fill_between(
        BINS, at, heights, step="post", color=COLOURS[zone], alpha=0.55, linewidth=0
    )
    mean = float(np.mean(counts))
    panel.vlines(mean, *sorted((at, at + side * 0.44)), colors=COLOURS[zone], linewidth=1.3)


def _of_the_encoder(ours: pd.DataFrame) -> pd.DataFrame:
    same = np.logical_and.reduce([ours[name] == value for name, value in ENCODER.items()])
    return ours[same & (ours["form"] == "linear")]


def _own(panel: Axes, ours: pd.DataFrame) -> None:
    """Draw the mean epochs of each rule at its own rate, at three locations."""
    here = _of_the_encoder(ours)
    labels: list[str] = []
    for (gradient, low), label in LABELS.items():
        mine = here[(here["gradient"] == gradient) & (here["random_low"].fillna(-1.0) == low)]
        for location in ("none", "all", "hidden", "output"):
            line = mine[mine["location"] == location]
            if line.empty:
                continue
            row = line.iloc[0]
            half = 1.96 * row["sd"] / np.sqrt(row["trials"])
            hue = style.HUES[HUE_OF[gradient]]
            look = style.Look(hue, PLACES[location], "-", hue)
            limits = row["mean"], row["mean"] - half, row["mean"] + half
            panels.estimate(panel, len(labels), limits, look)
            labels.append(label if location == "none" else f"{label}, {location}")
    panels.rows(panel, labels)
    panel.set_ylim(len(labels) - 0.4, -0.6)
    panel.set_title("rates of our own search")
    panel.grid(axis="x", color=panels.GRID, linewidth=0.6)
    panels.under(panel, "epochs until learnt, mean")
