"""P3: which effects on a new task can be predicted from what is known of the task."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import command, panels, style
from reports.population_map import tasks_of
from reports.templates import note
from reports.wording import listed
from study.evidence import map as maps
from study.harm.effects import OUTCOMES
from study.harm.forecast import COUNTS
from study.harm.models import covariates

KNOWN = {"facts": "before training", "measured": "with measures"}
ROWS = {  # outcome and what is known -> how it is called, and on its axis
    ("removed", "facts"): ("removal's harm", "final objective, removed / exact"),
    ("removed", "measured"): ("removal's harm", "final objective, removed / exact"),
    ("accuracy", "facts"): ("removal's test accuracy", "change of accuracy, points"),
}
SPLITS = {  # what is written above, and whose look it has
    "confirm": ("for confirmation, drawn alike", panels.look_of("floor")),
    "external": ("external data", panels.look_of("removed")),
}
SHOWN, LEAST = 6, 0.005  # covariates, and the fall of R² that is worth a bar


def pages(evidence: Any) -> Iterator[Figure]:
    """Draw effects over predictions, and what matters, of the experiment ``population``."""
    yield drawn(tasks_of(command.ROOT))


def drawn(known: pd.DataFrame) -> Figure:
    """Return the page for tasks with their effects."""
    made = [maps.mapped(known, *row) for row in ROWS]
    found = [
        {
            split: maps.measured(one, one.chosen, part)
            for split, part in known[known[one.outcome].notna()].groupby("split")
            if split in SPLITS
        }
        for one in made
    ]
    figure, axes = style.sheet(
        message(found), note(__file__), len(ROWS), 3, height=1.75, left=0.6, bottom=0.5,
        right=0.2, head=0.36, gap=(0.42, 0.75),
    )  # fmt: skip
    for row, one, measures in zip(axes, made, found, strict=True):
        row[0].set_ylabel(ROWS[one.outcome, one.covariates][1])
        for panel, split in zip(row, SPLITS, strict=False):
            if split not in measures:
                panel.set_axis_off()
                continue
            _scatter(panel, known[known["split"] == split], one, split)
            seen = measures[split]
            inside = f"{100 * seen['coverage']:.0f} % of {seen['tasks']} inside"
            panel.set_title(f"{SPLITS[split][0]}\nR² {_rounded(seen['r2'])}, {inside}")
            panels.under(panel, f"predicted by {one.chosen}, {KNOWN[one.covariates]}")
        _bars(row[2], one)
    return figure


def message(found: list[dict[str, dict[str, Any]]]) -> str:
    """Say what the map can predict on external tasks, and what it can't."""
    told: dict[str, list[str]] = {"predicts": [], "cannot predict": []}
    for ((_, which), (name, _)), measures in zip(ROWS.items(), found, strict=True):
        if "external" not in measures:
            return "What removal does, predicted and seen on tasks for confirmation"
        r2, coverage = (measures["external"][key] for key in ("r2", "coverage"))
        verb = "predicts" if maps.verdict(r2, coverage) == COUNTS else "cannot predict"
        told[verb].append(f"{name} {KNOWN[which]} (R² {_rounded(r2)})")
    parts = [f"{verb} {listed(names)}" for verb, names in told.items() if names]
    return f"On external data the map {'; it '.join(parts)}"


def _rounded(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def _scatter(panel: Axes, tasks: pd.DataFrame, one: maps.Mapped, split: str) -> None:
    tasks = tasks[tasks[one.outcome].notna()]
    ends = one.models[one.chosen].predict(covariates(tasks, one.covariates))
    ratio, look = not OUTCOMES[one.outcome].score, SPLITS[split][1]
    low, middle, high, seen = (
        10.0**values if ratio else values for values in (*ends, tasks[one.outcome].to_numpy(float))
    )
    panel.vlines(middle, low, high, colors=style.FAINT, linewidth=0.8, zorder=1)
    drawn = {"facecolors": look.face, "edgecolors": look.colour, "marker": look.marker}
    panel.scatter(middle, seen, s=9, linewidths=0.5, alpha=0.8, zorder=3, **drawn)
    least, most = min(seen.min(), middle.min()), max(seen.max(), middle.max())
    panel.plot([least, most], [least, most], color=style.MUTED, linewidth=0.7, zorder=2)
    for axis in "xy":
        if ratio:
            style.logarithmic(panel, axis, least / 1.3, most * 1.3, most=5)
        else:
            getattr(panel, f"set_{axis}lim")(least - 1, most + 1)


def _bars(panel: Axes, one: maps.Mapped) -> None:
    falls = maps.importance(one, repeats=5)
    falls = falls[falls > LEAST].head(SHOWN)
    panel.set_title("no covariate matters" if falls.empty else "covariates that matter")
    if falls.empty:
        panel.set(xticks=[], yticks=[])
        panel.set_axis_off()
        return
    panel.barh(range(len(falls)), falls, color=panels.look_of("exact").colour, height=0.55)
    panels.rows(panel, [str(name).replace("_", " ") for name in falls.index])
    panels.under(panel, "fall of R²")
    panel.set_xlim(0, 1.1 * falls.max())
    panel.locator_params(axis="x", nbins=3)
    box = panel.get_position()  # the names of covariates need room
    panel.set_position((box.x0 + 0.06, box.y0, box.width - 0.06, box.height))
