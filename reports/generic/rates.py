"""Figure 4: the final objective against the learning rate, with the stable range."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import style
from reports.generic import multiples
from reports.wording import condition, subject
from study.evidence.naming import Results, Rule
from study.evidence.runs import REFERENCE
from study.evidence.summaries import TOLERATED, headroom, stage_runs, tuning

NOTE = (
    "Objective as a share of the best constant predictor's. Dots: tuning runs, crosses: failed "
    "ones; line: their median; thin black line: exact. "
    "Upright: the rate chosen. Shaded: the stable range, from there up to the largest rate with "
    f"at most {TOLERATED:.0%} failed at it and at every rate between.".replace("%", " %")
)
LABELS = ("learning rate", "objective")


def pages(results: Results) -> Iterator[Figure]:
    """Draw a page for each task, setting and activation."""
    tried = tuning(results)
    runs = stage_runs(results, "tune").assign(left=lambda f: 10.0 ** f["score"])
    for where, group in multiples.places(results, tried):
        seen = runs[runs["stratum"].isin(group["stratum"])]
        floor = min(seen["left"].min(), 0.5)

        def draw(panel: Axes, rows: pd.DataFrame, rule: Rule, seen: pd.DataFrame = seen) -> None:
            here = seen[seen["stratum"].isin(rows["stratum"]) & (seen["rule"] == rule.label)]
            _panel(panel, rows, here, style.look(rule).colour)

        def finish(panel: Axes, rows: pd.DataFrame, floor: float = floor) -> None:
            low, high = rows["learning_rate"].min(), rows["learning_rate"].max()
            style.logarithmic(panel, "x", low / 1.3, high * 1.3, most=5)
            style.logarithmic(panel, "y", floor / 1.3, 1.45, most=4)

        heads = message(results, where, group), NOTE
        yield from multiples.of_rules(results, group, "learning_rate", LABELS, heads, draw, finish)


def message(results: Results, where: str, group: pd.DataFrame) -> str:
    """Say how far above its best rate the rule in question stays stable, beside exact."""
    optimizer = multiples.optimizers(results, group)[0]
    room = headroom(group[group["optimizer_label"] == optimizer]).set_index("rule")

    def can(label: str) -> str:
        decades = room.at[label, "headroom"]
        if np.isnan(decades):
            return "has no stable value"
        if decades < 0.05:
            return "cannot be raised"
        more = " or more" if room.at[label, "open"] else ""
        return f"can be raised by {decades:.1f} decades{more}"

    rule = subject([r for r in results.rules if r.label in room.index])
    begin = f"{where}, {optimizer}:"
    if rule is None:
        return f"{begin} with exact the best learning rate {can(REFERENCE)}"
    beside = f"; with exact it {can(REFERENCE)}" if REFERENCE in room.index else ""
    clause = condition(rule, inside=True)
    return f"{begin} {clause} the best learning rate {can(rule.label)}{beside}"


def _panel(panel: Axes, rows: pd.DataFrame, runs: pd.DataFrame, colour: str) -> None:
    panel.plot(rows["learning_rate"], rows["median"], color=colour, linewidth=1.2, zorder=3)
    fine, lost = runs[~runs["failed"]], runs[runs["failed"]]
    dots = {"color": colour, "zorder": 4}
    panel.scatter(fine["learning_rate"], fine["left"], s=4, alpha=0.5, linewidths=0, **dots)
    panel.scatter(
        lost["learning_rate"], np.ones(len(lost)), s=9, marker="x", linewidths=0.6, **dots
    )
    chosen = rows["chosen"].iloc[0] if len(rows) else np.nan
    if np.isfinite(chosen):
        panel.axvline(chosen, color=colour, linewidth=0.8, zorder=2)
    stable = rows.loc[rows["stable"], "learning_rate"]
    if len(stable):
        panel.axvspan(chosen, stable.max(), color=colour, alpha=0.15, linewidth=0)
