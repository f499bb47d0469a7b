"""C3: what removing the factor does to divergence and to the range of stable rates."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import panels, style
from reports.panels import look_of, mark, under
from reports.templates import note
from reports.wording import significant
from study.evidence.effects import Effect
from study.evidence.evidence import Evidence, needed
from study.evidence.naming import prepare
from study.evidence.runs import NothingToShow
from study.evidence.statistics import Interval
from study.evidence.summaries import TOLERATED, headroom, tuning

PART = "all where squashed, else hidden"
SHIFT = 0.17


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw differences of failure rates beside the room above the tuned rate."""
    effects = evidence.judged("C3", PART).effects
    own = needed(effects.get("own"), "removed at its own rate")
    untuned = effects.get("untuned")
    rooms = rooms_of(evidence)
    names = list(dict.fromkeys([t.task for t in own.tasks] + list(rooms["task"].unique())))
    figure, axes = style.sheet(
        message(own, untuned, rooms), note(__file__, tolerated=TOLERATED), 1, 2,
        height=0.19 * (len(names) + 1), left=1.6, bottom=0.62, gap=(0.2, 0.3),
    )  # fmt: skip
    failing, room = axes[0]
    look = look_of("removed")
    for effect, shift, hollow in ((own, -SHIFT, False), (untuned, SHIFT, True)):
        if effect is None:
            continue
        places = [(names.index(t.task), t.interval) for t in effect.tasks if t.task in names]
        for at, found in [*places, (len(names), effect.interval())]:
            values = (100 * x for x in found)
            panels.estimate(failing, at + shift, values, look, hollow=hollow, width=1.3, size=4)
    failing.axvline(0, color=style.MUTED, linewidth=0.7, zorder=1)
    _rooms(room, rooms, names)
    for panel, labels in ((failing, [*names, "mean of all"]), (room, [""] * (len(names) + 1))):
        panels.rows(panel, labels)
        panel.axhline(len(names) - 0.5, color=style.FAINT, linewidth=0.6)
    under(failing, "failed runs, removed − exact (percentage points)")
    under(room, "largest stable learning rate / tuned rate")
    marks = [mark(look), mark(look, hollow=True), mark(look_of("exact"))]
    panels.key(figure, marks, ["removed, its own rate", "removed, exact's rate", "exact"])
    yield figure


def rooms_of(evidence: Evidence) -> pd.DataFrame:
    """Return the room above the tuned rate in each stratum of exact and removed.

    ``task, rule, times`` (largest stable rate over the tuned one), ``next`` (the same of the
    smallest tried rate above it, NaN where none was tried) and ``open``.
    """
    where = [{**w, "stage": ["tune", "evaluate"]} for w in evidence.part("C3", PART).where]
    arms = {name: panels.ARMS[name] for name in ("exact", "removed")}
    rows = []
    for place in evidence.places(arms, where, free=("learning_rate", "stage")):
        both = pd.concat(list(place.arms.values()), ignore_index=True)
        try:
            tried = tuning(prepare("tuning", both, pd.DataFrame()))
        except NothingToShow:
            continue
        for _, found in headroom(tried).iterrows():
            rates = tried.loc[tried["rule"] == found["rule"], "learning_rate"]
            above = rates[rates > found["largest_stable"] * (1 + 1e-9)]
            rows.append(
                {
                    "task": place.task,
                    "rule": str(found["rule"]).partition(" ")[0],
                    "times": 10.0 ** found["headroom"],
                    "next": above.min() / found["chosen"] if len(above) else np.nan,
                    "open": bool(found["open"]),
                }
            )
    return pd.DataFrame(rows, columns=["task", "rule", "times", "next", "open"])


def message(own: Effect, untuned: Effect | None, rooms: pd.DataFrame) -> str:
    """Say what removal does to failures, and how far the stable range reaches."""
    said = [f"{_points(own.interval())} at its own learning rate"]
    if untuned is not None:
        said.append(f"{_points(untuned.interval())} at exact's")
    text = f"Without the slope {' and '.join(said)}"
    middle = rooms.groupby("rule")["times"].median()
    if {"exact", "removed"} <= set(middle.index):
        text += (
            f"; the stable range ends at {significant(middle['removed'])} × the tuned rate, "
            f"exact's at {significant(middle['exact'])} ×"
        )
    return text


def _points(found: Interval) -> str:
    word = "more" if found.low > 0 else "fewer" if found.high < 0 else "not clearly more"
    low, high = (round(100 * x) + 0 for x in found[1:])
    return f"{word} runs fail ({100 * found.estimate:+.0f} points, 95 %: {low} to {high})".replace(
        "-", "\N{MINUS SIGN}"
    )


def _rooms(panel: Axes, rooms: pd.DataFrame, names: list[str]) -> None:
    for name, shift in (("exact", -SHIFT), ("removed", SHIFT)):
        look, mine = look_of(name), rooms[rooms["rule"] == name]
        for row in mine.itertuples():
            end = row.next if np.isfinite(row.next) else row.times
            ended = replace(look, marker=">" if row.open else look.marker)
            at, values = names.index(row.task) + shift, (row.times, row.times, end)
            panels.estimate(panel, at, values, ended, width=1.3, size=4)
        if len(mine):
            at = len(names) + shift
            panel.plot(mine["times"].median(), at, look.marker, color=look.colour, markersize=5)
    if rooms.empty:
        panel.text(0.5, 0.5, "no tuning runs", transform=panel.transAxes, ha="center")
    ends = [*rooms["times"], *rooms["next"].dropna(), 1.0]
    panel.axvline(1, color=style.MUTED, linewidth=0.7, zorder=1)
    style.logarithmic(panel, "x", 0.85, max(1.3 * float(np.nanmax(ends)), 10.0))
