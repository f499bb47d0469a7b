"""R2: of how many nets relu'(0) changes the gradient, and what it does to training."""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports import panels, style
from reports.questions.r2_relu_at_zero.measure import FILE, PARTS_USUAL
from reports.questions.r2_relu_at_zero.table import PUBLISHED, REGIMES, counts, trainings
from reports.templates import note
from study.evidence.evidence import Evidence

EXPERIMENT = "replications"
LOOKS = {
    "float32": style.Look(style.HUES["mean"], "o", "-", style.HUES["mean"]),
    "float16": style.Look(style.HUES["substitute"], "s", "-", style.HUES["substitute"]),
    "float64": style.Look(style.HUES["control"], "D", "-", style.HUES["control"]),
}
OURS = {"float32": PARTS_USUAL, "float16": "float16", "float64": "float64"}
ARMS = {  # (arm, α) -> marker, filled
    ("scale", 0.5): ("o", False),
    ("scale", 1.0): ("o", True),
    ("overwrite", 0.5): ("s", False),
    ("overwrite", 1.0): ("s", True),
}
ROWS = [(regime, optimizer) for regime in REGIMES for optimizer in ("sgd", "adam")]
SMALLEST, LARGEST = 1e-4, 1e4
"""Ratios beyond are drawn at the edge."""


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw shares by depth and width, and final objectives beside slope 0."""
    shares = counts(pd.read_csv(FILE))
    trained = trainings(evidence.runs.frame)
    figure, axes = style.sheet(
        message(shares, trained), note(__file__), 2, 2, height=[1.7, 1.75], left=1.6,
        bottom=0.62, gap=(0.3, 0.62),
    )  # fmt: skip
    _shares(axes[0, 0], shares[shares["width"] == 256], "depth")
    _shares(axes[0, 1], shares[shares["depth"] == 3], "width")
    axes[0, 0].set_ylabel("share of nets that differ, %")
    axes[0, 0].set_title("gradients: width 256")
    axes[0, 1].set_title("gradients: 3 hidden layers")
    marks = [Line2D([], [], color=look.colour, marker=look.marker) for look in LOOKS.values()]
    marks += [
        Line2D([], [], color=style.INK, marker="x", linestyle="none"),
        Line2D([], [], color=style.INK, linestyle="-"),
    ]
    axes[0, 1].legend(
        marks, [*LOOKS, "published", "expected"], loc="center right", bbox_to_anchor=(1.0, 0.3)
    )
    for panel, rate in zip(axes[1], ("shared", "own"), strict=True):
        _forest(panel, trained[trained["rate"] == rate])
        panel.set_title(f"training: {'slope 0 and α at one' if rate == 'shared' else 'own'} rate")
        panels.under(panel, "final objective / slope 0's")
    axes[1, 1].tick_params(labelleft=False)
    look = panels.look_of("relu_at_zero")
    keys = [panels.mark(replace(look, marker=m), hollow=not full) for m, full in ARMS.values()]
    words = {"scale": "α {:g} × signal", "overwrite": "α {:g} instead of the signal"}
    panels.key(figure, keys, [words[arm].format(alpha) for arm, alpha in ARMS])
    yield figure


def message(shares: pd.DataFrame, trained: pd.DataFrame) -> str:
    """Say what share of nets differs, and what each arm does where zeros are common."""
    usual = shares[(shares["width"] == 256) & (shares["depth"] == 3)]
    expected = usual[(usual["measurement"] == "expected")].set_index("precision")["share_differ"]
    made = trained[(trained["zeros"] == REGIMES["rounded"]) & (trained["rate"] == "own")]
    written, scaled = (made[made["arm"] == arm] for arm in ("overwrite", "scale"))
    low, high = scaled["ratio"].min(), scaled["ratio"].max()
    lost = 100 * written["failed"].mean()
    return (
        f"In float32 {100 * expected[PARTS_USUAL]:.0f} % of nets with three layers meet an exact "
        f"zero in 60,000 inputs (published: {PUBLISHED['float32'][3, 256] / 10:.0f} %). Where "
        f"zeros are common, α written over signals fails in {lost:.0f} % of runs; as a "
        f"slope it ends at {low:.2f} to {high:.2f} times slope 0's objective"
    )


def _shares(panel: Axes, shares: pd.DataFrame, by: str) -> None:
    places = sorted(shares[by].unique())
    place = {value: at for at, value in enumerate(places)}
    parts = shares[(shares["measurement"] == "expected")]
    several = parts[parts["precision"].str.startswith("float32")].groupby(by)["share_differ"]
    low, high = several.min(), several.max()
    if by == "depth":
        panel.fill_between(
            [place[v] for v in low.index], 100 * low, 100 * high,
            color=style.blend(LOOKS["float32"].colour, 0.25), linewidth=0, zorder=1,
        )  # fmt: skip
    for precision, look in LOOKS.items():
        mine = shares[shares["precision"] == OURS[precision]]
        line = mine[mine["measurement"] == "expected"].sort_values(by)
        panel.plot(
            [place[v] for v in line[by]], 100 * line["share_differ"], color=look.colour,
            linewidth=1.2, zorder=2,
        )  # fmt: skip
        own = mine[(mine["measurement"] == "counted") & (mine["arm"] == "overwrite")]
        for row in own[own["alpha"] == 1.0].to_dict("records"):
            values = [100 * row[name] for name in ("share_differ", "low", "high")]
            panels.estimate(panel, place[row[by]], values, look, upright=True, size=4)
        theirs = {
            value: PUBLISHED[precision].get((value, 256) if by == "depth" else (3, value))
            for value in places
        }
        known = {value: count for value, count in theirs.items() if count is not None}
        panel.plot(
            [place[v] + 0.12 for v in known], [count / 10 for count in known.values()],
            linestyle="none", marker="x", markersize=4.5, color=look.colour, zorder=5,
        )  # fmt: skip
    panel.set_xticks(range(len(places)), [f"{value:g}" for value in places])
    panel.set_ylim(-4, 104)
    panel.grid(axis="y", color=panels.GRID, linewidth=0.6)
    panels.under(panel, "hidden layers" if by == "depth" else "units a layer")


def _forest(panel: Axes, trained: pd.DataFrame) -> None:
    panel.axvline(1.0, color=style.MUTED, linewidth=0.7, zorder=1)
    look = panels.look_of("relu_at_zero")
    found = trained.set_index(["zeros", "optimizer", "arm", "alpha"]).sort_index()
    for at, (regime, optimizer) in enumerate(ROWS):
        for number, (arm, (marker, full)) in enumerate(ARMS.items()):
            key = (REGIMES[regime], optimizer, *arm)
            if key not in found.index:
                continue
            row = found.loc[key]
            values = [
                min(max(float(row[name]), SMALLEST), LARGEST)
                for name in ("ratio", "ratio_low", "ratio_high")
            ]
            where = at + 0.17 * (number - 1.5)
            panels.estimate(
                panel, where, values, replace(look, marker=marker), hollow=not full, size=3.6,
                width=1.2,
            )  # fmt: skip
    style.logarithmic(panel, "x", SMALLEST / 1.2, LARGEST * 1.2)
    panels.rows(panel, [f"{REGIMES[regime]}, {optimizer}" for regime, optimizer in ROWS])
