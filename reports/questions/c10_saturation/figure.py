"""C10: whether harm grows with saturation and depth together."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports import panels, style
from reports.templates import note
from study.evidence.claims.kinds import depth_of, harm
from study.evidence.evidence import EXACT, Evidence
from study.evidence.runs import NothingToShow
from study.evidence.statistics import hodges_lehmann

TOLERATED = 0.2
OBJECTIVES = {"squared_error": "squared error", "cross_entropy": "cross-entropy"}
DEPTHS = {1: 0.4, 2: 0.6, 3: 0.8, 4: 1.0}  # depth -> how dark
MARKERS = {1: "o", 2: "s", 3: "^", 4: "D"}


COLUMNS = {  # title -> rule, activation, initialisation
    "removed, tanh": ("removed", "tanh", "glorot"),
    "mean matched, tanh": ("mean_matched", "tanh", "glorot"),
    "floor 0.1, tanh": ("floor", "tanh", "glorot"),
    "removed, relu": ("removed", "relu", "he"),
}


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw harm over gain, a line a depth, a panel a rule and objective."""
    found = {
        (objective, title): harms(evidence, title, objective)
        for objective in OBJECTIVES
        for title in COLUMNS
    }
    if all(frame.empty for frame in found.values()):
        raise NothingToShow("no runs beside exact over gains and depths")
    figure, axes = style.sheet(
        message(evidence), note(__file__, tolerated=TOLERATED), 2, len(COLUMNS), height=1.35,
        left=0.95, bottom=0.62, gap=(0.15, 0.18),
    )  # fmt: skip
    values = pd.concat(list(found.values()))
    low, high = min(values["low"].min(), 0.0), max(values["high"].max(), 0.1)
    for i, (objective, label) in enumerate(OBJECTIVES.items()):
        for j, (title, (name, *_)) in enumerate(COLUMNS.items()):
            panel = axes[i, j]
            _lines(panel, found[objective, title], panels.look_of(name).colour)
            panel.set_ylim(max(low, -1) - 0.05, min(high, 1) + 0.05)
            panel.tick_params(labelleft=j == 0, labelbottom=i == 1)
            if i == 0:
                panel.set_title(title)
            if i == 1:
                panels.under(panel, "gain")
        axes[i, 0].set_ylabel(f"{label}\nharm")
    grey = style.HUES["control"]
    marks = [
        Line2D([], [], color=style.blend(grey, shade), marker=MARKERS[d], markersize=4)
        for d, shade in DEPTHS.items()
    ]
    names = [f"{d} hidden layer{'s' if d > 1 else ''}" for d in DEPTHS]
    panels.key(figure, marks, names)
    yield figure


def harms(evidence: Evidence, title: str, objective: str) -> pd.DataFrame:
    """Return the harm of a rule in each cell: ``gain, depth, estimate, low, high, lost``."""
    name, activation, initialisation = COLUMNS[title]
    where = {
        "dataset": "digits",
        "objective": objective,
        "activation": activation,
        "initialisation": initialisation,
        "gain": "any",
        "hidden": ["32", "32-32", "32-32-32", "32-32-32-32"],
        "location": "hidden",
    }
    arms = {"exact": EXACT, "rule": panels.ARMS[name]}
    rows = []
    for place in evidence.places(arms, where, free=("gain", "hidden")):
        exact = place.arms["exact"]
        keys = ["gain", "hidden", "seed"]
        both = place.arms["rule"].merge(exact, on=keys, suffixes=("", "_exact"))
        names = ["score", "remaining", "failed"]
        reference = both[[f"{n}_exact" for n in names]].set_axis(names, axis=1)
        both["harm"] = harm(both, reference, "excess")
        for (gain, hidden), cell in both.groupby(["gain", "hidden"]):
            rows.append(
                {
                    "gain": gain,
                    "depth": int(depth_of(pd.Series([hidden]))[0]),
                    **hodges_lehmann(cell["harm"].to_numpy())._asdict(),
                    "lost": bool(cell["failed_exact"].mean() > TOLERATED),
                }
            )
    columns = ["gain", "depth", "estimate", "low", "high", "lost"]
    return pd.DataFrame(rows, columns=columns).replace([np.inf, -np.inf], np.nan)


def message(evidence: Evidence) -> str:
    """Say whether the interaction of gain and depth is above zero."""
    effects = evidence.judged("C10", "tanh, squared error").effects
    effect, also = effects.get("effect"), effects.get("also")
    if effect is None:
        return "Harm over saturation and depth, without enough runs for their interaction"
    found = effect.interval()
    by = f"{100 * found.estimate:+.1f} points a doubling of the gain and layer, 95 %: "
    by += f"{100 * found.low:.1f} to {100 * found.high:.1f}"
    if (
        also is not None
        and (also.estimate > 0) != (found.estimate > 0)
        and not (found.low <= 0 <= found.high)
    ):
        way, other = ("grows", "shrinks") if found.low > 0 else ("shrinks", "grows")
        return (
            f"In points of what exact achieves removal's harm {way} with saturation and depth "
            f"together ({by}); as a ratio of objectives it {other}"
        )
    if found.low > 0:
        return f"The harm of removal grows with saturation and depth together ({by})"
    if found.high < 0:
        return f"The harm of removal shrinks with saturation as nets get deeper ({by})"
    return f"Saturation and depth together add no clear harm ({by})"


def _lines(panel: Axes, frame: pd.DataFrame, colour: str) -> None:
    panel.axhline(0, color=style.MUTED, linewidth=0.7, zorder=1)
    for depth, shade in DEPTHS.items():
        mine = frame[frame["depth"] == depth].sort_values("gain")
        if mine.empty:
            continue
        x = mine["gain"].to_numpy(float) * 2.0 ** (0.12 * (depth - 2.5))
        own = style.blend(colour, shade)
        found = mine[["low", "estimate", "high"]].to_numpy(float).T
        panels.curve(panel, x, found, own, bar={"linewidth": 1.1}, linewidth=1.2)
        for kept, face in ((~mine["lost"], own), (mine["lost"], "white")):
            points = x[kept], mine.loc[kept, "estimate"], MARKERS[depth]
            panel.plot(*points, color=own, markerfacecolor=face, markersize=3.6)
    panels.doublings(panel, 0.4, 10, {gain: f"{gain:g}" for gain in (0.5, 1, 2, 4, 8)})
