"""Small multiples: a panel per rule, exact behind each, a block of panels per optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import style
from study.evidence.naming import Results, Rule
from study.evidence.runs import REFERENCE

PREFERRED = ("sgd", "adam")
HEIGHT, GAP, BLOCK = 1.05, 0.27, 0.22  # inches: a panel, between panels, a block's heading

BEHIND: dict[str, Any] = {"color": style.INK, "linewidth": 0.7, "zorder": 2}

Draw = Callable[[Axes, pd.DataFrame, Rule, bool], None]
Finish = Callable[[Axes, pd.DataFrame], None]


def optimizers(results: Results) -> list[str]:
    """Return the labels of the two optimizers shown: SGD and adam if they were run."""
    runs = results.runs
    labels = list(runs["optimizer_label"].cat.categories)
    named = runs.loc[runs["optimizer"].isin(PREFERRED), "optimizer_label"].unique()
    return [label for label in labels if label in named] or labels[: len(PREFERRED)]


def first(results: Results, group: pd.DataFrame) -> str:
    """Return the first of the shown optimizers that a place has."""
    return next(o for o in optimizers(results) if (group["optimizer_label"] == o).any())


def places(results: Results, frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Split a frame by task, setting and activation, in order, for the optimizers shown."""
    shown = frame[frame["optimizer_label"].isin(optimizers(results))]
    keys = ["task", "setting", "activation_label"]
    for (task, setting, activation), group in shown.groupby(keys, observed=True, sort=True):
        yield ", ".join(filter(None, [str(task), str(setting), str(activation)])), group


def draw_pages(
    results: Results,
    group: pd.DataFrame,
    text: str,
    note: str,
    draw: Draw,
    finish: Finish,
    labels: tuple[str, str],
) -> Iterator[Figure]:
    """Draw a panel for each rule and optimizer of a place; a page an optimizer if both don't fit.

    Parameters
    ----------
    results
        Gives the order of rules and optimizers.
    group
        The place's rows.
    text, note
        Of the page, see `style.sheet`.
    draw
        Called with a panel, the optimizer's rows, a rule, and whether it is `exact` standing
        behind the panel's own rule.
    finish
        Called with a panel and the optimizer's rows: sets the axes.
    labels
        Of the axes, across and up.
    """
    rules = [rule for rule in results.rules if (group["rule"] == rule.label).any()]
    blocks = [o for o in optimizers(results) if (group["optimizer_label"] == o).any()]
    across = 4 if len(rules) > 3 and len(rules) <= 16 else 5 if len(rules) > 3 else len(rules)
    down = -(-len(rules) // across)
    together = len(blocks) * (down * (HEIGHT + GAP) + BLOCK + GAP) <= style.TALLEST - 1.2
    for part in [blocks] if together else [[block] for block in blocks]:
        yield _page(rules, part, group, text, note, draw, finish, labels, across, down)


def _page(
    rules: Sequence[Rule],
    blocks: Sequence[str],
    group: pd.DataFrame,
    text: str,
    note: str,
    draw: Draw,
    finish: Finish,
    labels: tuple[str, str],
    across: int,
    down: int,
) -> Figure:
    width = style.WIDTH if across > 3 else max(style.COLUMN, 0.65 + 2.1 * across)
    rows = down * len(blocks)
    figure, axes = style.sheet(
        text,
        note,
        rows,
        across,
        height=HEIGHT,
        left=0.55,
        right=0.18,
        gap=(0.22, [BLOCK + 2 * GAP if (i + 1) % down == 0 else GAP for i in range(rows - 1)]),
        head=0.2 + BLOCK,
        width=width,
    )
    exact = next((rule for rule in rules if rule.name == REFERENCE), None)
    for b, block in enumerate(blocks):
        data = group[group["optimizer_label"] == block]
        for i in range(down * across):
            panel = axes[b * down + i // across, i % across]
            if i >= len(rules):
                style.clear(panel)
                continue
            if exact is not None and rules[i] is not exact:
                draw(panel, data, exact, True)
            draw(panel, data, rules[i], False)
            panel.set_title(rules[i].label)
            finish(panel, data)
            panel.tick_params(labelleft=i % across == 0, labelbottom=i + across >= len(rules))
            if i % across == 0:
                panel.set_ylabel(labels[1])
        box = axes[b * down, 0].get_position()
        above = box.y1 + 0.2 / figure.get_figheight()
        figure.text(box.x0, above, block, size=style.NORMAL, weight="bold")
    middle = (figure.subplotpars.left + figure.subplotpars.right) / 2
    figure.text(middle, 0.07 / figure.get_figheight(), labels[0], ha="center")
    return figure
