"""What generic figures share: stages, galleries of records, and a panel for each rule."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import style
from study.evidence.naming import Results, Rule
from study.evidence.runs import REFERENCE, NothingToShow

T = TypeVar("T")
STAGES = {"evaluate": "at its own best learning rate", "transfer": "at exact's learning rate"}
PREFERRED = ("sgd", "adam")
ACROSS = 5  # panels of a gallery
HEIGHT, GAP, BLOCK = 1.05, 0.27, 0.22  # inches: a panel, between panels, a block's heading


def by_stage(make: Callable[[str], T], needed: Sequence[str] = ()) -> dict[str, T]:
    """Make something for each stage that was run; `NothingToShow` without one that is needed."""
    found, reason = {}, NothingToShow("")
    for stage in STAGES:
        try:
            found[stage] = make(stage)
        except NothingToShow as error:
            if stage in needed:
                raise
            reason = error
    if not found:
        raise reason
    return found


def gallery(
    text: str,
    note: str,
    names: Sequence[str],
    draw: Callable[[Axes, int], None],
    height: float,
    gap: tuple[float, float],
) -> tuple[Figure, list[Axes]]:
    """Draw a panel for each name over the net input; return the panels that stay empty too."""
    down = -(-len(names) // ACROSS)
    figure, axes = style.sheet(
        text, note, down, ACROSS, height=height, left=0.35, gap=gap, bottom=0.4
    )
    for i, (panel, name) in enumerate(zip(axes.flat, names, strict=False)):
        draw(panel, i)
        panel.set_title(name)
        panel.tick_params(labelleft=i % ACROSS == 0, labelbottom=i + ACROSS >= len(names))
    empty = list(axes.flat[len(names) :])
    for panel in empty:
        panel.set_axis_off()
    middle(figure, "net input z", 0.06)
    return figure, empty


def middle(figure: Figure, label: str, inches: float) -> float:
    """Write below the middle of all panels, so far above the page's foot; return where it is."""
    at = (figure.subplotpars.left + figure.subplotpars.right) / 2
    figure.text(at, inches / figure.get_figheight(), label, ha="center")
    return at


def optimizers(results: Results, group: pd.DataFrame | None = None) -> list[str]:
    """Return the labels of the two optimizers shown, SGD and adam if they were run.

    With the rows of a place, those that it has.
    """
    runs = results.runs
    labels = list(runs["optimizer_label"].cat.categories)
    named = runs.loc[runs["optimizer"].isin(PREFERRED), "optimizer_label"].unique()
    shown = [label for label in labels if label in named] or labels[: len(PREFERRED)]
    return shown if group is None else [o for o in shown if (group["optimizer_label"] == o).any()]


def places(results: Results, frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Split a frame by task, setting and activation, in order, for the optimizers shown."""
    shown = frame[frame["optimizer_label"].isin(optimizers(results))]
    keys = ["task", "setting", "activation_label"]
    for (task, setting, activation), group in shown.groupby(keys, observed=True, sort=True):
        yield ", ".join(filter(None, [str(task), str(setting), str(activation)])), group


def of_rules(
    results: Results,
    group: pd.DataFrame,
    x: str,
    labels: tuple[str, str],
    heads: tuple[str, str],
    draw: Callable[[Axes, pd.DataFrame, Rule], None],
    finish: Callable[[Axes, pd.DataFrame], None],
) -> Iterator[Figure]:
    """Draw a place's rows: a panel for each rule, exact behind it, a block an optimizer.

    There is a page an optimizer if both do not fit on one. `draw` gets a panel, the rule's rows
    in order of column `x`, and the rule; `finish` gets the optimizer's rows and sets the axes.
    `labels` are the axes', across and up; `heads` are the page's message and note.
    """
    rules = [rule for rule in results.rules if (group["rule"] == rule.label).any()]
    blocks = optimizers(results, group)
    across = len(rules) if len(rules) <= 3 else 4 if len(rules) <= 16 else 5
    down = -(-len(rules) // across)
    together = len(blocks) * (down * (HEIGHT + GAP) + BLOCK + GAP) <= style.TALLEST - 1.2
    for part in [blocks] if together else [[block] for block in blocks]:
        count = down * len(part)
        between = [BLOCK + 2 * GAP if (i + 1) % down == 0 else GAP for i in range(count - 1)]
        width = style.WIDTH if across > 3 else max(style.COLUMN, 0.65 + 2.1 * across)
        figure, axes = style.sheet(
            *(*heads, count, across),
            **{"height": HEIGHT, "left": 0.55, "right": 0.18, "gap": (0.22, between)},
            **{"head": 0.2 + BLOCK, "width": width},
        )
        for block, panels in zip(part, np.split(axes, len(part)), strict=True):
            rows = group[(group["optimizer_label"] == block) & (group[x] > 0)].sort_values(x)
            for i, (rule, panel) in enumerate(zip(rules, panels.flat, strict=False)):
                exact = rows[rows["rule"] == REFERENCE]
                if rule.name != REFERENCE and len(exact):
                    panel.plot(exact[x], exact["median"], color=style.INK, linewidth=0.7, zorder=2)
                draw(panel, rows[rows["rule"] == rule.label], rule)
                panel.set_title(rule.label)
                finish(panel, rows)
                panel.tick_params(labelleft=i % across == 0, labelbottom=i + across >= len(rules))
            for panel in panels[:, 0]:
                panel.set_ylabel(labels[1])
            for panel in panels.flat[len(rules) :]:
                panel.set_axis_off()
            box = panels[0, 0].get_position()
            above = box.y1 + 0.2 / figure.get_figheight()
            figure.text(box.x0, above, block, size=style.NORMAL, weight="bold")
        middle(figure, labels[0], 0.07)
        yield figure
