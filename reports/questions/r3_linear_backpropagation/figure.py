"""R3: linear backpropagation, at the rate that both arms share and at each arm's own."""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import panels, style
from reports.questions.r3_linear_backpropagation.measure import ARMS, FOLDER, STEPS
from reports.questions.r3_linear_backpropagation.table import (
    DIGITS,
    LI_LAYERS,
    MNIST,
    SHARED,
    TUNED,
    nets,
    tables,
)
from reports.templates import note
from study.evidence.evidence import Evidence

EXPERIMENT = "replications"
EXACT, REMOVED = (panels.look_of(name) for name in ARMS)
LAST = replace(REMOVED, marker="s", line=style.LINES[1], face="#FFFFFF")


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw student and teacher, MNIST by rate, and how much the last k layers cost."""
    table = tables(evidence)["linear_backpropagation"]
    runs = nets(evidence.runs.frame)
    figure, axes = style.sheet(
        message(table), note(__file__), 1, 3, height=2.0, left=0.5, bottom=0.75, gap=(0.55, 0.4)
    )
    _student(axes[0, 0])
    _by_rate(axes[0, 1], runs[runs["setting"] == MNIST])
    _by_layers(axes[0, 2], table[table["setting"] == DIGITS])
    looks = (EXACT, REMOVED, LAST)
    names = ["exact", "removed in all hidden layers", f"removed in the last {LI_LAYERS}"]
    panels.key(figure, [panels.mark(look) for look in looks], names)
    yield figure


def message(table: pd.DataFrame) -> str:
    """Say where removal is ahead: at their small rate, and when both arms are tuned."""
    objective = table[table["measure"] == "objective left"]
    two = objective[objective["layers"].str.startswith(f"last {LI_LAYERS}")]
    small = two[two["rate"] == SHARED].groupby("setting")["removed_rate"].idxmin()
    slow, tuned = two.loc[small], two[two["rate"] == TUNED]
    return f"At their rate removal is {_said(slow)}. Both tuned, it is {_said(tuned)}"


def _said(rows: pd.DataFrame) -> str:
    words = {"holds": "ahead", "reversed": "behind", "undecided": "open"}
    found = {row["setting"].split()[0]: words[row["verdict"]] for _, row in rows.iterrows()}
    if len(set(found.values())) == 1:
        return f"{next(iter(found.values()))} on {' and '.join(found)}"
    return ", ".join(f"{word} on {name}" for name, word in found.items())


def _student(panel: Axes) -> None:
    table = pd.read_csv(FOLDER / "curves.csv")
    for arm, look in zip(ARMS, (EXACT, REMOVED), strict=True):
        mine = table[table["arm"] == arm]
        panel.fill_between(
            mine["step"], mine["lower"], mine["upper"], color=look.colour, alpha=0.2, linewidth=0
        )
        panel.plot(mine["step"], mine["theory"], color=look.colour, linewidth=1.1)
        some = mine.iloc[::2]
        panel.plot(
            *(some["step"], some["middle"]), color=look.colour, marker=look.marker, markersize=3.2,
            linestyle="none", clip_on=False,
        )  # fmt: skip
    style.logarithmic(panel, "y", 0.004, 1.2)
    panel.set_xlim(0, STEPS)
    panel.set_xticks([0, 5000, 10000], ["0", "5,000", "10,000"])
    panel.set_title("one relu unit: distance left")
    panels.under(panel, "steps at rate 0.001")
    panel.grid(axis="y", color=panels.GRID, linewidth=0.6)


def _by_rate(panel: Axes, runs: pd.DataFrame) -> None:
    depth = int(runs["layers"].max())
    for layers, look in ((0, EXACT), (depth, REMOVED), (LI_LAYERS, LAST)):
        mine = runs[runs["layers"] == layers]
        spread = mine.groupby("learning_rate")["left"].agg(["min", "median", "max"])
        rates = spread.index.to_numpy()
        panel.vlines(rates, spread["min"], spread["max"], color=look.colour, linewidth=0.9)
        panel.plot(
            *(rates, spread["median"]), color=look.colour, linestyle=look.line, linewidth=1.2,
            marker=look.marker, markersize=3.6, markerfacecolor=look.face,
        )  # fmt: skip
    style.logarithmic(panel, "x", 0.0007, 1.4)
    style.logarithmic(panel, "y", max(1e-6, runs["left"].min() / 2), 1.3)
    panel.set_title("MNIST: objective left")
    panels.under(panel, "learning rate")
    panel.grid(axis="y", color=panels.GRID, linewidth=0.6)


def _by_layers(panel: Axes, table: pd.DataFrame) -> None:
    rows = table[table["measure"] == "objective left"].copy()
    rows["k"] = rows["layers"].str.split().str[1].astype(int)
    least = rows.loc[rows["rate"] == SHARED, "removed_rate"].min()
    small = rows[(rows["rate"] == SHARED) & (rows["removed_rate"] == least)]
    kinds = {f"both at rate {least:g}": small, "each tuned": rows[rows["rate"] == TUNED]}
    for place, (name, mine) in enumerate(kinds.items()):
        look = replace(REMOVED, marker="^o"[place], face=("#FFFFFF", REMOVED.face)[place])
        for _, row in mine.iterrows():
            found = row["value"], row["low"], row["high"]
            panels.estimate(panel, row["k"] + 0.2 * (place - 0.5), found, look, upright=True)
        panel.plot([], [], color=look.colour, marker=look.marker, markerfacecolor=look.face,
                   markersize=4, linestyle="none", label=name)  # fmt: skip
    every = pd.concat(kinds.values())
    style.logarithmic(panel, "y", every["low"].min() / 1.5, every["high"].max() * 10)
    panels.equality(panel, "y")
    panel.legend(loc="upper left", handletextpad=0.2, borderpad=0.1, labelspacing=0.2)
    panel.set_xticks(sorted(set(every["k"])))
    panel.set_title("digits, 5 layers: removed / exact")
    panels.under(panel, "k, of the last hidden layers")
