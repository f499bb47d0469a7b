"""C2 and C9: how long a wrongly saturated output takes to come back, predicted and observed."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports import panels, style
from reports.templates import note
from reports.wording import significant
from study.evidence.evidence import Evidence
from study.evidence.runs import NothingToShow
from study.learning.diagnostics.escape import one_unit_law
from study.learning.rules import GRADIENTS
from study.learning.variants import resolve

WHERE = {
    "dataset": "escape",
    "rates": "several",
    "optimizer": ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam"],
    "activation": "logistic",
    "location": "output",
    **dict.fromkeys(("updates", "batch_size", "decay"), "any"),
}
RULES = {"exact": {}, "floor": {"minimum": 0.1}, "offset": {"amount": 0.1}, "removed": {}}
OPTIMIZERS = {  # marker; the hue says the rule
    **{"sgd": "o", "momentum": "s", "nesterov": "^", "adagrad": "D"},
    **{"rmsprop": "v", "adadelta": "P", "adam": "X"},
}
NEAR = 2.0


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw times by distance: rules under sgd with their law, and optimizers under exact."""
    times = table(evidence)
    figure, axes = style.sheet(
        message(times), note(__file__), 1, 2, height=2.3, left=0.65, right=0.8, bottom=0.42,
        gap=(1.15, 0.3),
    )  # fmt: skip
    left, right = axes[0]
    _rules(left, times[times["optimizer"] == "sgd"])
    _optimizers(right, times[times["rule"] == "exact"])
    left.set_title("plain delta rule, by rule")
    right.set_title("exact, by optimizer")
    left.set_ylabel("updates × learning rate")
    right.set_ylabel("time / time from z0 = 2")
    for panel in (left, right):
        panels.under(panel, "distance z0")
        panel.set_xlim(1.7, 6.3)
        panel.grid(axis="y", color=panels.GRID, linewidth=0.6)
    yield figure


def table(evidence: Evidence) -> pd.DataFrame:
    """Return ``rule, optimizer, distance, rate, seed, time``; NaN where a run never escaped."""
    arms = {name: panels.runs_of(evidence, panels.ARMS[name], WHERE) for name in RULES}
    frame = pd.concat([runs.assign(rule=name) for name, runs in arms.items()], ignore_index=True)
    if frame.empty or "initialisation.distance" not in frame:
        raise NothingToShow("no runs of a wrongly saturated output")
    time = pd.to_numeric(frame["updates_to_target"]).to_numpy(float)
    return pd.DataFrame(
        {
            "rule": frame["rule"],
            "optimizer": frame["optimizer"].astype(str),
            "distance": frame["initialisation.distance"].astype(float),
            "rate": frame["learning_rate"].astype(float),
            "seed": frame["seed"].astype(int),
            "time": np.where(frame["failed"], np.nan, np.maximum(time, 1.0)),
        }
    )


def growth(times: pd.DataFrame, far: float) -> "pd.Series[float]":
    """Return log10 of time from `far` over time from `NEAR`, of each seed and rate."""
    keys = ["seed", "rate"]
    ends = [times[np.isclose(times["distance"], z)].set_index(keys)["time"] for z in (far, NEAR)]
    both = ends[0].to_frame("far").join(ends[1].to_frame("near"), how="inner").dropna()
    return np.log10(both["far"] / both["near"])


def message(times: pd.DataFrame) -> str:
    """Say how much longer the farthest start takes, under which rule and optimizer."""
    far = float(times["distance"].max())
    told = []
    for name, optimizer, words in (
        ("exact", "sgd", "under exact and sgd"),
        ("removed", "sgd", "without the slope"),
        ("exact", "rmsprop", "under exact and rmsprop"),
    ):
        mine = times[(times["rule"] == name) & (times["optimizer"] == optimizer)]
        found = growth(mine, far)
        if len(found):
            told.append(f"{significant(10 ** float(found.mean()))} times as long {words}")
    if not told:
        return f"Escape from z0 = {far:g} was seen under no rule"
    return f"To come back from z0 = {far:g} takes, beside z0 = {NEAR:g}, {', '.join(told)}"


def law(name: str, distance: float) -> float:
    """Return the predicted time × rate: the law of one unit that sees four hidden units at ½."""
    variant = resolve("gradient", GRADIENTS, {name: RULES[name]})
    return one_unit_law(distance, 1.0, variant, sensitivity=1 + 4 * 0.25)


def _rules(panel: Axes, times: pd.DataFrame) -> None:
    fine = np.linspace(1.9, 6.1, 43)
    ends, seen = [], []
    for i, name in enumerate(RULES):
        look = panels.look_of(name)
        predicted = [law(name, z) for z in fine]
        panel.plot(fine, predicted, color=look.colour, linewidth=1.1)
        ends.append((np.log10(predicted[-1]), panels.NAMES.get(name, name), look.colour))
        mine = times[times["rule"] == name]
        for z, cell in mine.groupby("distance"):
            scaled = (cell["time"] * cell["rate"]).fillna(np.inf)
            low, middle, high = np.quantile(scaled, [0.25, 0.5, 0.75], method="nearest")
            if np.isfinite(middle):
                seen.append(float(middle))
                values = middle, low, high if np.isfinite(high) else 1e9
                x = float(z) + 0.07 * (i - 1.5)
                panels.estimate(panel, x, values, look, upright=True, width=1.5, size=4.2)
    all_of = [*seen, *(law(name, z) for name in RULES for z in (fine[0], fine[-1]))]
    style.logarithmic(panel, "y", min(all_of) / 1.4, max(all_of) * 1.6)
    _ends(panel, ends)


def _optimizers(panel: Axes, times: pd.DataFrame) -> None:
    colour = panels.look_of("exact").colour
    ends, top = [], 10.0
    for i, (optimizer, marker) in enumerate(OPTIMIZERS.items()):
        mine = times[times["optimizer"] == optimizer]
        points = []
        for z in sorted(mine["distance"].unique()):
            found = growth(mine, float(z)).groupby("seed").mean()
            if len(found) > 1:
                error = float(found.std(ddof=1) / np.sqrt(len(found)))
                points.append((float(z), float(found.mean()), error))
        if len(points) < 2:
            continue
        x, middle, error = np.array(points).T
        x = x + 0.05 * (i - 3)
        shade = style.blend(colour, 1.0 if optimizer == "sgd" else 0.75)
        found = 10 ** (middle + np.outer([-2, 0, 2], error))
        panels.curve(panel, x, found, shade, linewidth=0.7, marker=marker, markersize=4)
        ends.append((float(middle[-1]), optimizer, shade))
        top = max(top, float(10 ** middle.max()))
    fine = np.linspace(NEAR, 6.1, 40)
    start = law("exact", NEAR)
    panel.plot(fine, [law("exact", z) / start for z in fine], color=style.MUTED, linewidth=1.1,
               linestyle=panels.DASHED, zorder=1)  # fmt: skip
    top = max(top, law("exact", 6.1) / start)
    style.logarithmic(panel, "y", 0.8, top * 1.5)
    _ends(panel, ends)
    panel.legend([Line2D([], [], color=style.MUTED, linestyle=panels.DASHED)], ["law, sgd"],
                 loc="upper left")  # fmt: skip


def _ends(panel: Axes, ends: list[tuple[float, str, object]]) -> None:
    """Name lines at their right end, moved apart where they would touch."""
    low, high = np.log10(panel.get_ylim())
    inches = panel.get_position().height * panel.figure.get_figheight()
    apart = 0.13 / inches * (high - low)
    last = -np.inf
    for at, text, colour in sorted(ends, key=lambda e: e[0]):
        last = max(at, last + apart)
        panel.annotate(text, (1.02, 10**last), xycoords=("axes fraction", "data"), va="center",
                       size=style.SMALL, color=colour)  # fmt: skip
