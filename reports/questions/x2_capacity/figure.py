"""X2: how many patterns a net of a width can learn by heart."""

from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import panels, style
from reports.templates import note
from reports.wording import listed
from study.evidence.evidence import Evidence
from study.evidence.runs import NothingToShow, Selection

WHERE: Selection = {
    **{"dataset": "digits_part", "activation": "tanh", "location": "hidden"},
    "updates": "any",
}
RULES = ("exact", "removed", "mean_matched", "frozen")
WIDTHS = ("8-8", "16-16", "32-32", "64-64")
COUNTS = (32, 64, 128, 256, 512, 1024)
LEARNT = 0.01
"""Learnt by heart: at most this share of the constant predictor's objective is left."""


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw what is left over the number of patterns, a panel a width."""
    left = table(evidence)
    figure, axes = style.sheet(
        message(left), note(__file__, learnt=LEARNT), 1, len(WIDTHS), height=1.9, left=0.6,
        bottom=0.7, gap=(0.15, 0.3),
    )  # fmt: skip
    for panel, width in zip(axes[0], WIDTHS, strict=True):
        _panel(panel, left[left["hidden"] == width])
        panel.set_title(f"hidden {width}")
        panel.tick_params(labelleft=panel is axes[0, 0])
        panels.under(panel, "patterns")
    low = max(float(left["lower"].min()), panels.LEAST) / 1.5
    for panel in axes[0]:
        style.logarithmic(panel, "y", min(low, 0.005), 1.3)
    axes[0, 0].set_ylabel("objective left")
    panels.rules_key(figure, RULES)
    yield figure


def table(evidence: Evidence) -> pd.DataFrame:
    """Return ``rule, hidden, patterns, lower, middle, upper`` of what is left."""
    rows = []
    for name in RULES:
        frame = panels.runs_of(evidence, panels.rule(name), WHERE)
        if "dataset.patterns" not in frame:
            continue
        for (hidden, count), cell in frame.groupby(["hidden", "dataset.patterns"]):
            rows.append((name, hidden, float(count), *panels.quartiles(panels.left(cell))))
    if not rows:
        raise NothingToShow("no runs with a part of the digits")
    return pd.DataFrame(rows, columns=["rule", "hidden", "patterns", "lower", "middle", "upper"])


def capacity(left: pd.DataFrame, name: str, hidden: str) -> float:
    """Return the largest number of patterns learnt by heart, with all smaller ones; 0 for none."""
    mine = left[(left["rule"] == name) & (left["hidden"] == hidden)].sort_values("patterns")
    learnt = (mine["middle"] <= LEARNT).cummin()
    return float(mine.loc[learnt, "patterns"].max()) if learnt.any() else 0.0


def message(left: pd.DataFrame) -> str:
    """Say how many patterns the widest net that all rules were run on learns by heart."""
    for hidden in reversed(WIDTHS):
        run = set(left.loc[left["hidden"] == hidden, "rule"])
        if "exact" in run and len(run - {RULES[-1]}) > 1:
            told = [
                f"{_many(capacity(left, name, hidden))} {words}"
                for name, words in panels.CONDITIONS.items()
                if name in run
            ]
            return f"By heart a {hidden} net learns {listed(told)}"
    return "Patterns learnt by heart, without exact to compare with"


def _many(count: float) -> str:
    if count == 0:
        return f"fewer than {COUNTS[0]} patterns"
    return f"{'at least ' if count == COUNTS[-1] else ''}{count:,.0f} patterns"


def _panel(panel: Axes, left: pd.DataFrame) -> None:
    panels.dashed(panel, LEARNT, "y")
    for i, name in enumerate(RULES):
        mine = left[left["rule"] == name].sort_values("patterns")
        if mine.empty:
            continue
        look = panels.look_of(name)
        x = mine["patterns"].to_numpy() * 2.0 ** (0.1 * (i - 1.5))
        quartiles = mine[["lower", "middle", "upper"]].to_numpy().T
        drawn = {"marker": look.marker, "markerfacecolor": look.face, "markersize": 3.8}
        bar = {"linewidth": 1.1}
        panels.curve(panel, x, quartiles, look.colour, bar=bar, linewidth=1.1, **drawn)
    ticks = {c: f"{c}" if i % 2 == 0 else "" for i, c in enumerate(COUNTS)}
    panels.doublings(panel, COUNTS[0] / 1.4, COUNTS[-1] * 1.4, ticks)
    panel.grid(axis="y", color=panels.GRID, linewidth=0.6)
