"""Parts of the questions' figures: looks, rows of estimates with limits, axes of ratios, keys."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports import style
from reports.wording import limits, listed, ratio
from study.evidence.effects import Effect
from study.evidence.evidence import EXACT, Evidence
from study.evidence.naming import Rule
from study.evidence.runs import Selection
from study.evidence.statistics import Interval
from study.learning.activations import ACTIVATIONS
from study.learning.rules import GRADIENTS, canonical
from study.learning.variants import resolve

TASKS = ("digits", "under_capacity", "breast_cancer", "diabetes", "teacher")
CORE: Selection = {"task": list(TASKS), "location": "hidden"}
ENTROPY: Selection = {"task": "digits_cross_entropy", "location": "hidden"}
MARGIN = np.log10(1.05)
"""Ratios of objectives within 5 % count as the same."""
BAND, GRID = "#EFEFEF", "#EEEEEE"
DASHED = (0, (3, 2))
LEAST = 1e-4
"""Smallest share of the removable objective that is drawn; smaller ones are drawn as this."""
Key = TypeVar("Key")


def look_of(name: str, step: int = 0) -> style.Look:
    """Return the look of a rule by its name, with `step` for further amounts of the same one."""
    return style.look(Rule(name, name, name, GRADIENTS[name].family, step))


def rule(name: str, **parameters: Any) -> Selection:
    """Return the selection of a rule as it is named."""
    return {"gradient": name} | {f"gradient.{key}": value for key, value in parameters.items()}


ARMS: dict[str, Selection] = {
    "exact": EXACT,
    "removed": rule("removed"),
    "mean_matched": rule("mean_matched"),
    "floor": rule("floor", minimum=0.1),
    "offset": rule("offset", amount=0.1),
    "frozen": rule("frozen"),
}
CONDITIONS = {
    **{"exact": "under exact", "removed": "without the slope"},
    "mean_matched": "with the mean matched",
}
NAMES = {"mean_matched": "mean, matched", "floor": "floor 0.1", "offset": "offset 0.1"}


def stored(evidence: Evidence, activation: str, name: str, **parameters: Any) -> Selection:
    """Return the selection of a rule under the simplest name that it has on an activation."""
    variant = resolve("gradient", GRADIENTS, {name: parameters})
    simple = canonical(variant, ACTIVATIONS[activation].bind())
    known = {
        f"gradient.{key}": None if value is False else value  # tables store no flag that is false
        for key, value in simple.values.items()
    }
    return {"gradient": simple.name} | {
        column: value for column, value in known.items() if column in evidence.runs.frame
    }


def runs_of(evidence: Evidence, arm: Selection, where: Selection) -> pd.DataFrame:
    """Return the runs of an arm; `where` replaces what all claims hold fixed, "any" frees it."""
    wanted = {**evidence.claims.always, **where, **arm}
    if arm == EXACT:
        wanted["location"] = "none"
    chosen = {column: value for column, value in wanted.items() if value != "any"}
    return evidence.runs.frame[evidence.runs.mask(chosen)]


def left(runs: pd.DataFrame) -> Any:
    """Return the share of the removable objective that is left, 1 where a run failed."""
    return np.where(runs["failed"], 1.0, np.clip(runs["remaining"], LEAST, 1.0))


def quartiles(values: Any) -> Any:
    """Return the lower quartile, the median and the upper quartile."""
    return np.quantile(values, [0.25, 0.5, 0.75])


@dataclass(frozen=True)
class Row:
    """An estimate in a forest: its place, in rows from above; its effect, in decades or shares."""

    at: float
    effect: Effect
    look: style.Look
    hollow: bool = False


def placed(
    found: Mapping[Key, Effect | None],
    at: Callable[[Key], float],
    look: Callable[[Key], style.Look],
    hollow: Callable[[Key], bool] = lambda key: False,
) -> list[Row]:
    """Return a row for each effect that there is: its key says where it is and how it looks."""
    present = [(key, effect) for key, effect in found.items() if effect is not None]
    return [Row(at(key), effect, look(key), hollow(key)) for key, effect in present]


def estimate(
    panel: Axes,
    at: float,
    values: Iterable[float],
    look: style.Look,
    *,
    hollow: bool = False,
    upright: bool = False,
    width: float = 1.6,
    size: float = 4.6,
) -> None:
    """Draw an estimate and its limits, ``values`` in this order, at a place on the other axis."""
    middle, low, high = values
    bar = panel.vlines if upright else panel.hlines
    if np.isfinite(low) and np.isfinite(high):
        bar(at, low, high, colors=look.colour, linewidth=width, zorder=3)
    panel.plot(
        *((at, middle) if upright else (middle, at)),
        linestyle="none",
        marker=look.marker,
        markersize=size,
        color=look.colour,
        markerfacecolor="white" if hollow else look.face,
        markeredgewidth=0.9,
        zorder=4,
    )


def dots(
    panel: Axes, at: float, tasks: Any, look: style.Look, *, upright: bool = False, size: float = 5
) -> None:
    """Draw each task's estimate as a small dot, where there are several."""
    if len(tasks) > 1:
        places = np.full(len(tasks), at)
        x, y = (places, tasks) if upright else (tasks, places)
        panel.scatter(x, y, s=size, color=look.colour, alpha=0.35, linewidths=0, zorder=2)


def rows(panel: Axes, labels: Sequence[str]) -> None:
    """Make a panel of rows, named from above."""
    panel.set_ylim(len(labels) - 0.5, -0.5)
    panel.set_yticks(range(len(labels)), labels)
    panel.tick_params(axis="y", length=0)
    panel.grid(axis="x", color=GRID, linewidth=0.6)
    panel.set_axisbelow(True)


def forest(
    panel: Axes,
    shown: Sequence[Row],
    labels: Sequence[str],
    factor: float = 0.0,
    confidence: float = 0.95,
) -> None:
    """Draw estimates with their limits at a `confidence`, and each task's estimate as a dot.

    Effects are multiplied by `factor`; with 0 they are decades, shown as ratios.
    """

    def scaled(values: Any) -> Any:
        array = np.asarray(values, float)
        return array * factor if factor else 10.0**array

    for row in shown:
        tasks = scaled([task.interval.estimate for task in row.effect.tasks])
        dots(panel, row.at, tasks, row.look)
        values = scaled(row.effect.interval(confidence))
        estimate(panel, row.at, values, row.look, hollow=row.hollow)
    rows(panel, labels)


def ratios(
    panel: Axes, shown: Sequence[Row], labels: Sequence[str], across: str, title: str = ""
) -> None:
    """Draw a forest of ratios on its own logarithmic axis, with the axis's label below."""
    forest(panel, shown, labels)
    ratio_axes([panel], [row.effect for row in shown])
    under(panel, across)
    panel.set_title(title)


def ratio_axes(panels: Sequence[Axes], effects: Sequence[Effect], axis: str = "x") -> None:
    """Give panels one logarithmic axis of ratios, with the band of 5 % around 1."""
    values = [x for e in effects for x in e.interval()]
    values += [task.interval.estimate for e in effects for task in e.tasks]
    known = np.array([x for x in values if np.isfinite(x)])
    low = min(known.min(initial=0.0), -0.1) - 0.04
    high = max(known.max(initial=0.0), 0.1) + 0.04
    for panel in panels:
        equality(panel, axis)
        style.logarithmic(panel, axis, 10**low, 10**high)


def equality(panel: Axes, axis: str = "x") -> None:
    """Mark the ratio 1, and what counts as the same."""
    band = 10.0**MARGIN
    span, line = (panel.axvspan, panel.axvline) if axis == "x" else (panel.axhspan, panel.axhline)
    span(1 / band, band, color=BAND, linewidth=0, zorder=0)
    line(1, color=style.MUTED, linewidth=0.7, zorder=1)


def curve(
    panel: Axes, x: Any, quartiles: Any, colour: Any, *, bar: Any = None, **line: Any
) -> None:
    """Draw a line through middles, with an upright bar each: lower ends, middles, upper ends."""
    low, middle, high = quartiles
    panel.vlines(x, low, high, colors=[colour], **(bar or {}))
    panel.plot(x, middle, color=colour, **line)


def doublings(panel: Axes, low: float, high: float, ticks: Mapping[float, str]) -> None:
    """Make the horizontal axis logarithmic, with these ticks alone."""
    panel.set_xscale("log", base=2)
    panel.set_xlim(low, high)
    panel.set_xticks(list(ticks), list(ticks.values()))
    panel.minorticks_off()


def mark(look: style.Look, hollow: bool = False, line: bool = False) -> Line2D:
    """Return a key's mark for a look."""
    return Line2D(
        *([], []),
        color=look.colour,
        marker=look.marker,
        markersize=4.6,
        markerfacecolor="white" if hollow else look.face,
        markeredgewidth=0.9,
        linewidth=1.4,
        linestyle=look.line if line else "-",
    )


def dashed(panel: Axes, at: float, axis: str = "x") -> None:
    """Mark a margin."""
    line = panel.axvline if axis == "x" else panel.axhline
    line(at, color=style.MUTED, linewidth=0.8, linestyle=DASHED)


def rules_key(figure: Figure, names: Sequence[str]) -> None:
    """Put a key of rules at the foot of the page."""
    key(figure, [mark(look_of(name)) for name in names], [NAMES.get(n, n) for n in names])


def key(
    figure: Figure,
    marks: Sequence[Artist],
    names: Sequence[str],
    across: int = 0,
    at: float = 0.5,
) -> None:
    """Put a key at the foot of the page."""
    figure.legend(
        list(marks),
        list(names),
        loc="lower center",
        ncols=across or len(names),
        bbox_to_anchor=(at, 0.02 / figure.get_figheight()),
        borderpad=0,
        handlelength=2.2,
        columnspacing=1.4,
    )


def under(panel: Axes, text: str, inches: float = 0.22) -> None:
    """Label the horizontal axis, at the same distance below every panel."""
    height = panel.get_position().height * panel.figure.get_figheight()
    panel.text(
        *(0.5, -inches / height, text),
        transform=panel.transAxes,
        ha="center",
        va="top",
        size=style.NORMAL,
    )


def said(interval: Interval, *, inside: bool = False, level: int = 95) -> str:
    """Say decades as a ratio: 1.23 (95 %: 1.10–1.31), `inside` brackets 1.23, 95 %: 1.10–1.31."""
    between = limits(interval.low, interval.high)
    limited = f", {level} %: {between}" if inside else f" ({level} %: {between})"
    return ratio(interval.estimate) + (limited if between else "")


def side(interval: Interval, margin: float = MARGIN) -> str:
    """Tell whether limits are above, below or within a margin of equality, or none of these."""
    if interval.low > margin:
        return "above"
    if interval.high < -margin:
        return "below"
    return "within" if -margin < interval.low and interval.high < margin else "unclear"


def told(found: Mapping[str, Interval], before: str, unclear: str) -> str:
    """Say which names are better (lower), worse or the same: better for a and b; worse for c.

    The word `before` stands before the names; `unclear` is said of limits on no side.
    """
    words = {"above": "worse", "below": "better", "within": "the same within 5 %"}
    words["unclear"] = unclear
    sides = by_side(found).items()
    return "; ".join(f"{words[side]} {before} {listed(names)}" for side, names in sides)


def by_side(found: Mapping[str, Interval]) -> dict[str, list[str]]:
    """Group names by the `side` that their limits are on, in order of first appearance."""
    groups: dict[str, list[str]] = {}
    for name, interval in found.items():
        groups.setdefault(side(interval), []).append(name)
    return groups


def seeds(effect: Effect) -> str:
    """Say how many tasks and seeds an effect has: 10 tasks with 40 to 60 seeds."""
    counts = [len(task.seeds) for task in effect.tasks]
    spread = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    many = "s" if len(counts) > 1 else ""
    return f"{len(counts)} task{many} (an activation each) with {spread} seeds"
