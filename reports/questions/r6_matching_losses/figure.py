"""R6: the surfaces of squared error and of the matching loss for one unit, and their minima."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import expit

from reports import panels, style
from reports.questions.r6_matching_losses.measure import FILE
from reports.questions.r6_matching_losses.table import FAR, NEAR, RULES, minima, starts
from reports.templates import note
from study.evidence.evidence import Evidence
from study.learning import Array

EXPERIMENT = "replications"
DRAWN = 2  # inputs
REACH = (-2.2, 4.4)
LOOKS = {name: panels.look_of(name) for name in RULES}


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw both surfaces with their minima, and the number of minima by inputs."""
    runs = starts(evidence.runs.frame)
    drawn = runs[runs["inputs"] == DRAWN]
    each = int(drawn.groupby("gradient").size().iloc[0])
    figure, axes = style.sheet(
        message(runs), note(__file__, starts=each), 1, 3, height=1.95, left=0.45, bottom=0.72,
        gap=(0.5, 0.3),
    )  # fmt: skip
    titles = {"exact": "squared error", "removed": "matching loss: cross-entropy"}
    for panel, rule in zip(axes[0], RULES, strict=False):
        _surface(panel, rule, drawn[drawn["gradient"] == rule]["rests"])
        panel.set_title(titles[rule])
    axes[0, 0].set_ylabel("weight 2", labelpad=0)
    _counts(axes[0, 2], runs)
    marks = [panels.mark(LOOKS[name]) for name in RULES]
    panels.key(figure, marks, ["exact: squared error", "removed: its matching loss"])
    yield figure


def message(runs: pd.DataFrame) -> str:
    """Say how many minima were found, and how equal the two trainings are."""
    most = int(runs["inputs"].max())
    met = runs[(runs["inputs"] == most) & (runs["rests"] >= 0)].groupby("gradient")["rests"]
    found = met.nunique()
    apart = float(pd.read_csv(FILE)["program"].max())
    equal = "to the bit" if apart == 0 else f"within {apart:.0e}"
    return (
        f"One unit with {most} inputs has {found.get('exact', 0)} local minima under squared "
        f"error, and {found.get('removed', 0)} without the slope. "
        f"Removal at the output trains the matching loss, {equal}"
    )


def losses(rule: str, first: Array, second: Array) -> Array:
    """Return the loss that a rule descends, with two inputs and bias 0, on a grid of weights."""
    total = np.zeros(np.broadcast(first, second).shape)
    for i, w in enumerate((first, second)):
        for z, target in ((w, NEAR), ((4.0 + 2.0 * i) * w, FAR)):
            squared, entropy = 0.5 * (expit(z) - target) ** 2, np.logaddexp(0.0, z) - target * z
            total = total + (squared if rule == "exact" else entropy)
    return total / 4.0


def _surface(panel: Axes, rule: str, rests: "pd.Series[int]") -> None:
    line = np.linspace(*REACH, 221)
    height = losses(rule, line[None, :], line[:, None])
    # a contour for each 20th of the area, so that flat basins show too
    levels, shades = np.quantile(height, np.linspace(0, 1, 21)), np.linspace(0.0, 0.55, 20)
    colours = [style.blend(style.INK, float(shade)) for shade in shades]
    panel.contourf(line, line, height, levels, colors=colours)
    panel.contour(line, line, height, levels, colors="white", linewidths=0.5, linestyles="-")
    look: Any = LOOKS[rule]
    for number, (x, y) in enumerate(minima(DRAWN, rule)):
        panel.plot(
            *(x, y), marker=look.marker, markersize=6, color=look.colour, linestyle="none",
            markeredgecolor="white",
        )  # fmt: skip
        panel.annotate(
            f"{100 * float((rests == number).mean()):.0f} %", (x, y), (6, 4),
            textcoords="offset points", size=style.SMALL, color=look.colour,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8},
        )  # fmt: skip
    panel.set_xlim(*REACH)
    panel.set_ylim(*REACH)
    panel.set_xticks([-2, 0, 2, 4])
    panel.set_yticks([-2, 0, 2, 4])
    panels.under(panel, "weight 1")


def _counts(panel: Axes, runs: pd.DataFrame) -> None:
    inputs = np.array(sorted(runs["inputs"].unique()))
    panel.plot(inputs, 2.0**inputs, color=style.MUTED, linewidth=0.8, linestyle=panels.DASHED)
    panel.text(
        inputs[-1] - 1.1, 2.0 ** (inputs[-1] - 0.45), "2 to the\ninputs", size=style.SMALL,
        color=style.MUTED, ha="right", va="center",
    )  # fmt: skip
    for rule in RULES:
        mine = runs[(runs["gradient"] == rule) & (runs["rests"] >= 0)]
        found = mine.groupby("inputs")["rests"].nunique()
        look = LOOKS[rule]
        panel.plot(
            found.index, found, color=look.colour, marker=look.marker, markersize=5, linewidth=0
        )
    panel.set_yscale("log", base=2)
    panel.set_yticks([1, 2, 4, 8, 16], ["1", "2", "4", "8", "16"])
    panel.minorticks_off()
    panel.set_ylim(0.8, 20)
    panel.set_xticks(inputs)
    panel.set_xlim(inputs[0] - 0.4, inputs[-1] + 0.4)
    panel.set_title("points of rest found")
    panels.under(panel, "inputs of the unit")
    panel.grid(axis="y", color=panels.GRID, linewidth=0.6)
