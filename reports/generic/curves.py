"""Figure 5: learning curves, the median over seeds with quantile bands."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import style
from reports.generic import multiples
from reports.wording import condition, significant, subject
from study.evidence.naming import Results, Rule
from study.evidence.runs import REFERENCE
from study.evidence.summaries import LOST, bands

NOTE = (
    "Objective as a share of the best constant predictor's: median over seeds and the band of the "
    "middle half, each rule at its own best learning rate; thin black line: exact. Runs that "
    "diverge stay in as worst: a band that holds them leaves at the top."
)
LABELS = ("update", "objective")
TOP, LEAST = 2.0, 1e-5  # the axis reaches up to at least, and down to at most


def pages(results: Results) -> Iterator[Figure]:
    """Draw a page for each task, setting and activation."""
    for where, group in multiples.places(results, bands(results)):
        updates = group.loc[group["update"] > 0, "update"]
        seen = group.loc[group["upper"] < LOST / 2, ["lower", "upper"]]
        low = max(seen["lower"].min(), LEAST) if len(seen) else 0.1
        top = min(max(seen["upper"].max(), TOP), 10.0) if len(seen) else TOP
        ends = {"x": (updates.min(), updates.max() * 1.1), "y": (low / 1.3, top)}

        def finish(panel: Axes, _: pd.DataFrame, ends: Any = ends) -> None:
            for axis, (least, most) in ends.items():
                style.logarithmic(panel, axis, least, most, most=4)

        heads = message(results, where, group), NOTE
        yield from multiples.of_rules(results, group, "update", LABELS, heads, _draw, finish)


def message(results: Results, where: str, group: pd.DataFrame) -> str:
    """Say where the rule in question ends, beside exact: medians with their quartiles."""
    optimizer = multiples.optimizers(results, group)[0]
    last = group[group["optimizer_label"] == optimizer]
    last = last[last["update"] == last["update"].max()].set_index("rule")

    def ends(label: str) -> str:
        low, middle, high = last.loc[label, ["lower", "median", "upper"]]
        if middle > LOST / 2:
            return "diverges"
        top = significant(high) if high < LOST / 2 else "divergence"
        return f"ends at {significant(middle)} ({significant(low)}–{top})"

    rule = subject([r for r in results.rules if r.label in last.index])
    begin = f"{where}, {optimizer}:"
    unit = "of the best constant's objective"
    if rule is None:
        return f"{begin} training by exact {ends(REFERENCE)} {unit}"
    beside = f", with exact it {ends(REFERENCE)}" if REFERENCE in last.index else ""
    own = ends(rule.label)
    said = own if own == "diverges" else f"{own} {unit}"
    return f"{begin} {condition(rule, inside=True)} training {said}{beside}"


def _draw(panel: Axes, rows: pd.DataFrame, rule: Rule) -> None:
    colour, updates = style.look(rule).colour, rows["update"]
    panel.fill_between(
        updates, rows["lower"], rows["upper"], color=colour, alpha=0.25, linewidth=0
    )
    panel.plot(updates, rows["median"], color=colour, linewidth=1.3, zorder=3)
