"""R4: a constant added to the logistic's slope, by depth, at a shared rate and at own rates."""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import panels, style
from reports.questions.r4_offsets.table import DATASETS, DEPTHS, SHARED, TUNED, tables
from reports.templates import note
from study.evidence.evidence import Evidence
from study.evidence.statistics import wilson

EXPERIMENT = "replications"
_OFFSET = panels.look_of("offset")
RULES = {
    ("exact", 0.0, "none"): ("exact", panels.look_of("exact")),
    ("offset", 0.1, "hidden"): ("offset 0.1", replace(_OFFSET, marker="s", face="#8CCFBB")),
    ("offset", 0.25, "hidden"): ("offset 0.25", replace(_OFFSET, marker="^", line=style.LINES[1])),
    ("offset", 0.1, "all"): (
        "0.1 in all layers (SNNS)",
        replace(_OFFSET, marker="D", line=style.LINES[2]),
    ),
    ("floor", 0.0099, "all"): ("floor 0.0099 (FANN)", panels.look_of("floor")),
}
"""Rule, amount and location -> its name in the key, and its look."""


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw the share of nets that train by depth: a column for each dataset."""
    found = tables(evidence)
    figure, axes = style.sheet(
        message(found["offsets_depth"]), note(__file__), 2, len(DATASETS), height=[1.45, 1.45],
        left=0.55, bottom=0.75, gap=(0.2, 0.4),
    )  # fmt: skip
    for row, kind in enumerate((SHARED, TUNED)):
        for column, data in enumerate(DATASETS):
            panel, table = axes[row, column], found["offsets"]
            _draw(panel, table[(table["rate"] == kind) & (table["data"] == data)])
            said = "one rate for all" if kind == SHARED else "each its own rate"
            panel.set_title(f"{data.replace('_', ' ')}, {said}")
            if column:
                panel.set_yticklabels([])
            else:
                panel.set_ylabel("% of nets that train")
            if row:
                panels.under(panel, "hidden layers")
    looks = [panels.mark(look, line=True) for _, look in RULES.values()]
    panels.key(figure, looks, [name for name, _ in RULES.values()])
    yield figure


def message(depths: pd.DataFrame) -> str:
    """Say how deep nets train with the plain slope and with an offset of 0.1."""
    own = depths[depths["rate"] == TUNED]
    exact = own[own["rule"] == "exact"]["deepest"]
    tenth = own[(own["offset"] == 0.1) & (own["location"] == "hidden")]["deepest"]
    return (
        f"With its own rate the plain slope trains {_range(exact)} hidden layers, an offset of "
        f"0.1 {_range(tenth)}"
    )


def _range(depths: "pd.Series[int]") -> str:
    low, high = int(depths.min()), int(depths.max())
    return f"up to {high}" if low == high else f"up to {low} to {high}"


def _draw(panel: Axes, table: pd.DataFrame) -> None:
    for place, ((rule, amount, location), (_, look)) in enumerate(reversed(RULES.items())):
        mine = table[(table["rule"] == rule) & (table["location"] == location)]
        mine = mine[(mine["offset"] - amount).abs() < 1e-6].sort_values("depth")
        at = mine["depth"] + 0.11 * (place - 2)
        count = (mine["trained"] * mine["seeds"]).round()
        low, high = wilson(count.to_numpy(), mine["seeds"].to_numpy())
        panel.vlines(at, 100 * low, 100 * high, color=look.colour, linewidth=0.7, alpha=0.35)
        panel.plot(
            *(at, 100 * mine["trained"]), color=look.colour, linestyle=look.line, linewidth=1.0,
            marker=look.marker, markersize=3.6, markerfacecolor=look.face,
        )  # fmt: skip
    panel.set_xlim(0.5, max(DEPTHS) + 0.5)
    panel.set_xticks(list(DEPTHS))
    panel.set_ylim(-4, 104)
    panel.set_yticks([0, 50, 100])
    panel.grid(axis="y", color=panels.GRID, linewidth=0.6)
