"""How large effects are: their distribution over tasks."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports import panels, style
from reports.templates import note
from reports.wording import ratio, signed
from study.evidence.runs import NothingToShow
from study.evidence.shares.outcomes import effects_of
from study.evidence.shares.population import Population
from study.evidence.shares.reading import Contrast

ARMS = {
    "removed": ("removed", "#D55E00", "-"),
    "floor": ("floor 0.01", "#56B4E9", (0, (5, 1.5))),
    "offset": ("offset 0.1", "#009E73", (0, (1.2, 1.2))),
    "twin": ("offset 0.1 and its activation", "#CC79A7", (0, (5, 1.5, 1.2, 1.5))),
    "rmsprop": ("rmsprop", "#0072B2", (0, (8, 1.5))),
}
EXTERNAL = "external"
TAIL = 0.03  # share of tasks beyond either edge of the axis
MARGINS = {"ratio": (1 / 1.05, 1.05), "test": (-1.0, 1.0)}


def pages(population: Population) -> Iterator[Figure]:
    """Draw the distribution of each arm's effects on the objective and on the test score."""
    drawn = population.narrowed(population.tasks["split"] != EXTERNAL)
    found = {(outcome, arm): _effects(drawn, outcome, arm) for outcome in MARGINS for arm in ARMS}
    if not any(len(values) for values in found.values()):
        raise NothingToShow("no task has runs of exact and of another arm")
    figure, axes = style.sheet(
        message(found), note(__file__), 1, 2, height=2.5, left=0.5, bottom=0.62, gap=(0.3, 0.35)
    )
    titles = {"ratio": "final objective / exact's", "test": "test score − exact's, points"}
    for panel, (outcome, title) in zip(axes[0], titles.items(), strict=True):
        values = {arm: found[outcome, arm] for arm in ARMS if len(found[outcome, arm])}
        panel.axvspan(*MARGINS[outcome], color=panels.BAND, zorder=0)
        for arm, several in values.items():
            _, colour, line = ARMS[arm]
            panel.ecdf(several, color=colour, linestyle=line, linewidth=1.3, zorder=3)
            panel.plot(np.median(several), 0.5, "o", color=colour, markersize=4, zorder=4)
        _axis(panel, outcome, [*values.values()])
        panel.set(xlabel=title, ylim=(0, 1))
        panel.grid(axis="y", color=panels.GRID, linewidth=0.6)
    axes[0, 0].set_ylabel("share of tasks")
    axes[0, 1].tick_params(labelleft=False)
    keys = [Line2D([], [], color=c, linestyle=s, label=name) for name, c, s in ARMS.values()]
    figure.legend(handles=keys, loc="lower center", ncols=5, handlelength=2.6, columnspacing=1.0)
    yield figure


def message(found: dict[tuple[str, str], Any]) -> str:
    """Say the median and the middle 90 % of removal's effects, where it was run."""
    objective, test = found["ratio", "removed"], found["test", "removed"]
    if not len(objective) or not len(test):
        return "Effects on the objective and on the test score, over tasks"
    low, middle, high = np.quantile(np.log10(objective), [0.05, 0.5, 0.95])
    worst, usual, best = np.quantile(test, [0.05, 0.5, 0.95])
    return (
        f"Without the slope the objective ends at {ratio(middle)} times exact's in the median "
        f"task ({ratio(low)} to {ratio(high)} in the middle 90 %), the test score at "
        f"{signed(usual)} points ({signed(worst)} to {signed(best)})"
    )


def _effects(population: Population, outcome: str, arm: str) -> Any:
    contrast = Contrast(outcome, {arm: 1, "exact": -1}, 1, "above")
    return contrast.shown(effects_of(population, contrast)["effect"].to_numpy(float))


def _axis(panel: Axes, outcome: str, several: list[Any]) -> None:
    """Limit an axis to all but the outermost tasks."""
    if not several:
        return
    low = min(np.quantile(values, TAIL) for values in several)
    high = max(np.quantile(values, 1 - TAIL) for values in several)
    if outcome == "ratio":
        style.logarithmic(panel, "x", min(low, 0.9) / 1.1, max(high, 1.1) * 1.1)
    else:
        panel.set_xscale("symlog", linthresh=1.0)  # linear within a point
        panel.set_xticks(
            [-100, -10, -1, 0, 1, 10, 100], ["−100", "−10", "−1", "0", "1", "10", "100"]
        )
        panel.set_xlim(min(low, -2.0), max(high, 2.0))
