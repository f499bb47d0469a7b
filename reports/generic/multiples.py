"""What generic figures share: stages, galleries of records, and a panel for each rule."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

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

BEHIND: dict[str, Any] = {"color": style.INK, "linewidth": 0.7, "zorder": 2}


def by_stage(make: Callable[[str], T], needed: Sequence[str] = ()) -> dict[str, T]:
    """Make something for each stage that was run.

    Raises
    ------
    NothingToShow
        If a stage that is needed was not run, or none was.
    """
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
        style.clear(panel)
    _across(figure, "net input z", 0.06)
    return figure, empty


def _across(figure: Figure, label: str, inches: float) -> None:
    middle = (figure.subplotpars.left + figure.subplotpars.right) / 2
    figure.text(middle, inches / figure.get_figheight(), label, ha="center")


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


@dataclass(frozen=True)
class Multiples:
    """Pages with a panel for each rule, exact behind it, and a block of panels an optimizer.

    Parameters
    ----------
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

    text: str
    note: str
    draw: Callable[[Axes, pd.DataFrame, Rule, bool], None]
    finish: Callable[[Axes, pd.DataFrame], None]
    labels: tuple[str, str]

    def pages(self, results: Results, group: pd.DataFrame) -> Iterator[Figure]:
        """Draw a place's rows; a page an optimizer if both do not fit on one."""
        rules = [rule for rule in results.rules if (group["rule"] == rule.label).any()]
        blocks = optimizers(results, group)
        across = len(rules) if len(rules) <= 3 else 4 if len(rules) <= 16 else 5
        down = -(-len(rules) // across)
        together = len(blocks) * (down * (HEIGHT + GAP) + BLOCK + GAP) <= style.TALLEST - 1.2
        for part in [blocks] if together else [[block] for block in blocks]:
            yield self._page(rules, part, group, across, down)

    def _page(
        self, rules: list[Rule], blocks: list[str], group: pd.DataFrame, across: int, down: int
    ) -> Figure:
        rows = down * len(blocks)
        figure, axes = style.sheet(
            self.text,
            self.note,
            rows,
            across,
            height=HEIGHT,
            left=0.55,
            right=0.18,
            gap=(0.22, [BLOCK + 2 * GAP if (i + 1) % down == 0 else GAP for i in range(rows - 1)]),
            head=0.2 + BLOCK,
            width=style.WIDTH if across > 3 else max(style.COLUMN, 0.65 + 2.1 * across),
        )
        for block, panels in zip(blocks, np.split(axes, len(blocks)), strict=True):
            self._block(rules, group[group["optimizer_label"] == block], panels)
            box = panels[0, 0].get_position()
            above = box.y1 + 0.2 / figure.get_figheight()
            figure.text(box.x0, above, block, size=style.NORMAL, weight="bold")
        _across(figure, self.labels[0], 0.07)
        return figure

    def _block(self, rules: list[Rule], rows: pd.DataFrame, panels: Any) -> None:
        exact = next((rule for rule in rules if rule.name == REFERENCE), None)
        across = panels.shape[1]
        for panel in panels.flat[len(rules) :]:
            style.clear(panel)
        for i, (rule, panel) in enumerate(zip(rules, panels.flat, strict=False)):
            if exact is not None and rule is not exact:
                self.draw(panel, rows, exact, True)
            self.draw(panel, rows, rule, False)
            panel.set_title(rule.label)
            self.finish(panel, rows)
            panel.tick_params(labelleft=i % across == 0, labelbottom=i + across >= len(rules))
            if i % across == 0:
                panel.set_ylabel(self.labels[1])
