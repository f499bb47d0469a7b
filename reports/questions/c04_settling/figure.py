"""C4: where training settles, by kind of task and by number of updates."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import panels, style
from reports.panels import look_of, ratio_axes, said, side
from reports.templates import note
from reports.wording import limits, listed, ratio
from study.evidence.effects import Effect
from study.evidence.evidence import Evidence
from study.evidence.runs import NothingToShow, Selection

ANY: Selection = {"updates": "any", "batch_size": "any", "location": "hidden"}
UPDATES = {"¼": 500, "1": 2000, "4": 8000}
RULES = ("removed", "mean_matched", "floor")


@dataclass(frozen=True)
class Column:
    """A column of panels: its title, a selection for each tick, whether ticks are amounts."""

    title: str
    across: str
    where: dict[str, Selection]
    amounts: bool = True


def columns() -> tuple[Column, ...]:
    """Return what is shown side by side."""
    by_updates = {
        kind: {
            label: {"task": tasks, "location": "hidden", "updates": n, "activation": "tanh"}
            for label, n in UPDATES.items()
        }
        for kind, tasks in (
            ("Z", ["digits", "breast_cancer", "teacher"]),
            ("U", ["under_capacity", "diabetes"]),
        )
    }
    small: dict[str, Selection] = {
        "Z": {"dataset": "circles", "hidden": "16-16", **ANY},
        "D": {"task": "conflicts", **ANY},
        "U": {"dataset": "circles", "hidden": "2-2", **ANY},
    }
    return (
        Column("Z: zero error in reach", "updates / 2,000", by_updates["Z"]),
        Column("U: under capacity", "updates / 2,000", by_updates["U"]),
        Column("small nets, 8,000 updates", "kind of task", small, amounts=False),
    )


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw what is left and its ratio to exact's, a column for each kind of task."""
    shown = columns()
    found = {
        (c.title, tick, name): evidence.beside(panels.ARMS[name], where)
        for c in shown
        for tick, where in c.where.items()
        for name in RULES
    }
    effects = [effect for effect in found.values() if effect is not None]
    if not effects:
        raise NothingToShow("no runs of removed beside exact for any kind of task")
    figure, axes = style.sheet(
        message(shown, found), note(__file__), 2, len(shown), height=(1.5, 1.6), left=0.75,
        bottom=0.68, gap=(0.25, 0.2),
    )  # fmt: skip
    for j, column in enumerate(shown):
        above, below = axes[:, j]
        above.set_title(column.title, weight="bold")
        _left(above, evidence, column)
        for (i, name), (x, tick) in product(enumerate(RULES), enumerate(column.where)):
            effect, look, at = found[column.title, tick, name], look_of(name), x + 0.16 * (i - 1)
            if effect is not None:
                tasks = [10.0**t.interval.estimate for t in effect.tasks]
                panels.dots(below, at, tasks, look, upright=True)
                values = (10.0**v for v in effect.interval())
                panels.estimate(below, at, values, look, upright=True)
        for panel in (above, below):
            panel.set_xlim(-0.5, len(column.where) - 0.5)
            panel.set_xticks(range(len(column.where)), list(column.where))
            panel.tick_params(labelleft=j == 0)
            panel.grid(axis="y", color=panels.GRID, linewidth=0.6)
        above.tick_params(labelbottom=False)
        below.set_xlabel(column.across)
    ratio_axes(list(axes[1]), effects, "y")
    low = min([0.01, *(panel.dataLim.y0 for panel in axes[0] if panel.has_data())])
    for panel in axes[0]:
        style.logarithmic(panel, "y", max(low, panels.LEAST) / 1.3, 1.1)
    axes[0, 0].set_ylabel("objective left")
    axes[1, 0].set_ylabel("final objective / exact's")
    panels.rules_key(figure, ["exact", *RULES])
    yield figure


def message(shown: Sequence[Column], found: dict[Any, Effect | None]) -> str:
    """Say how removed compares with exact by kind of task, and with more updates."""
    small = shown[-1]
    parts: list[str] = []
    words: list[str] = []
    kinds = {
        "where zero error is in reach": (shown[0].title, "1"),
        "under capacity": (shown[1].title, "1"),
        "with conflicting targets": (small.title, "D"),
    }
    for words_of, (title, tick) in kinds.items():
        effect = found[title, tick, "removed"]
        if effect is not None:
            unit = " times exact's objective" if not parts else ""
            interval = effect.interval()
            between = limits(interval.low, interval.high)
            limited = f" ({between})" if between else ""
            parts.append(f"{ratio(interval.estimate)}{unit} {words_of}{limited}")
            words.append(side(interval))
    if not parts:
        return "Removed was run on the small nets without a counterpart of each kind"
    verb = "higher" if set(words) == {"above"} else "lower" if set(words) == {"below"} else ""
    text = f"Without the slope training settles {verb}".rstrip()
    text += f": {listed(parts)}"
    later, now = (found[shown[0].title, tick, "removed"] for tick in ("4", "1"))
    if later is not None and now is not None:
        change = later.estimate - now.estimate
        grows = "grows" if change > 0.02 else "shrinks" if change < -0.02 else "stays"
        text += (
            f"; with 4 × the updates the first {grows} (to {said(later.interval(), inside=True)})"
        )
    return text


def _left(panel: Axes, evidence: Evidence, column: Column) -> None:
    """Draw the quartiles of what is left, a line a task."""
    arms = {name: panels.ARMS[name] for name in ("exact", "removed")}
    for name in arms:
        look = look_of(name)
        lines: dict[str, list[tuple[float, Any]]] = {}
        for x, where in enumerate(column.where.values()):
            for place in evidence.places(arms, where):
                quartiles = panels.quartiles(panels.left(place.arms[name]))
                lines.setdefault(place.task, []).append((x, quartiles))
        count = len(lines)
        for k, points in enumerate(lines.values()):
            side_of = -0.1 if name == "exact" else 0.1
            x = np.array([p[0] for p in points]) + side_of + 0.1 * (k - (count - 1) / 2) / count
            q = np.array([p[1] for p in points])
            drawn = {"marker": look.marker, "markersize": 2.8, "linewidth": 0.9}
            drawn["linestyle"] = "-" if column.amounts else "none"
            bar = {"linewidth": 1.0, "alpha": 0.7}
            panels.curve(panel, x, q.T, look.colour, bar=bar, **drawn)
