"""In what share of tasks each claim is true."""

from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from reports import style
from reports.shares import unit_of
from reports.templates import note
from reports.wording import signed
from study.evidence.runs import NothingToShow
from study.evidence.shares.estimates import GENERAL, NOT_SO, OPEN, USUAL
from study.evidence.shares.judging import judged_population
from study.evidence.shares.population import Population
from study.evidence.shares.reading import Claim

TRUE, WITHIN, OPPOSITE = "#0072B2", "#D9D9D9", "#E69F00"
HATCH = "////"
WORDS = (GENERAL, USUAL, OPEN, NOT_SO)
STATEMENT, NUMBERS = 2.6, 1.75  # inches beside the bars
ROW = 0.12  # inches of a line of text


def pages(population: Population) -> Iterator[Figure]:
    """Draw a bar for each claim, with the interval, the median effect and the verdict."""
    table = judged_population(population, conditions=False)
    # the first split that has tasks decides, in a population that is not yet whole
    split = next((s for s in population.shares.splits if (table["split"] == s).any()), "")
    table = table[table["split"] == split].set_index("claim")
    claims = [claim for claim in population.shares.claims if claim.id in table.index]
    if not claims:
        raise NothingToShow("no claim of conf/shares.yaml has tasks with all of its arms")
    lines = [style.wrapped(claim.statement, STATEMENT - 0.45, style.SMALL) for claim in claims]
    heights = [max(len(line) * ROW, 2 * ROW) for line in lines]
    figure, axes = style.sheet(
        message(table, split, claims[0].statement), note(__file__), len(claims), 1, height=heights,
        left=STATEMENT, right=NUMBERS, bottom=0.42, gap=(0.0, 0.05), head=0.26,
    )  # fmt: skip
    width = figure.get_figwidth()
    for panel, claim, line in zip(axes[:, 0], claims, lines, strict=True):
        row = table.loc[claim.id]
        _bar(panel, row)
        box = panel.get_position()
        told = {
            0.06: (claim.id, {"weight": "bold"}),
            0.42: ("\n".join(line), {}),
            width - NUMBERS + 0.08: (_effect(claim, row), {}),
            width - 0.5: (row["verdict"], {"weight": "bold"}),
        }
        for x, (text, how) in told.items():
            middle = (box.y0 + box.y1) / 2
            figure.text(x / width, middle, text, va="center", size=style.SMALL, **how)
    last = axes[-1, 0]
    last.set_xticks([0, 25, 50, 75, 100])
    last.set_xlabel("% of eligible tasks")
    top = axes[0, 0].get_position().y1 + 0.07 / figure.get_figheight()
    heads = {0.06: "claim", width - NUMBERS + 0.08: "median, middle 90 %", width - 0.5: "verdict"}
    for x, text in heads.items():
        figure.text(x / width, top, text, size=style.SMALL, color=style.MUTED)
    keys = [
        Patch(facecolor=TRUE, label="true"),
        Patch(facecolor=WITHIN, label="within the margin"),
        Patch(facecolor="white", edgecolor=OPPOSITE, hatch=HATCH, label="the opposite"),
    ]
    figure.legend(
        handles=keys, loc="lower left", bbox_to_anchor=(0.06 / width, 0.0), ncols=3,
        handlelength=1.2, columnspacing=0.8,
    )  # fmt: skip
    yield figure


def message(table: pd.DataFrame, split: str, statement: str) -> str:
    """Say in what share of tasks the first claim is true, and count the words."""
    counts = [(int((table["verdict"] == word).sum()), word) for word in WORDS]
    said = ", ".join(f"{number} {word}" for number, word in counts if number)
    share, tasks = table["true"].iloc[0], table["tasks"].max()
    return f"{statement} in {share:.0f} % of tasks ({split}, {tasks:,}); of all claims {said}"


def _bar(panel: Axes, row: "pd.Series[object]") -> None:
    for name in ("left", "bottom"):
        panel.spines[name].set_visible(False)
    panel.set(xlim=(0, 100), ylim=(-1, 1), yticks=[], xticks=[])
    begin = 0.0
    looks = (("true", TRUE, ""), ("within", WITHIN, ""), ("opposite", "white", HATCH))
    for name, colour, hatch in looks:
        edge = {"edgecolor": OPPOSITE, "hatch": hatch, "linewidth": 0.6} if hatch else {}
        panel.barh(0, row[name], left=begin, height=1.5, color=colour, **edge)
        begin += float(row[name])
    for share in (50, 90):
        panel.axvline(share, color=style.INK, linewidth=0.7, linestyle=":", zorder=4)
    low, high = row["true_low"], row["true_high"]
    panel.hlines(0, low, high, colors=style.INK, linewidth=3.2, zorder=5)
    panel.hlines(0, low, high, colors="white", linewidth=1.6, zorder=6)
    panel.plot(row["true"], 0, "o", color="white", markeredgecolor=style.INK, ms=4, zorder=7)


def _effect(claim: Claim, row: "pd.Series[object]") -> str:
    unit = unit_of(claim)
    middle, low, high = (signed(float(row[name])) for name in ("median", "low_90", "high_90"))
    return f"{middle} {unit}\n({low} to {high})"
