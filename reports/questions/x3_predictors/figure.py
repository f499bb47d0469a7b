"""X3: what of a cell's end predicts how much its rule harms."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import panels, style
from reports.templates import note
from reports.wording import percent
from study.evidence.evidence import EXACT, Evidence
from study.evidence.prediction import cells, out_of_sample, rank_correlation
from study.evidence.runs import RULE, NothingToShow, axis
from study.evidence.statistics import Interval
from study.learning.rules import GRADIENTS

WHERE = {
    "task": [*panels.TASKS, "digits_cross_entropy"],
    "activation": ["tanh", "logistic", "relu"],
    "initialisation": "glorot",
    "location": "hidden",
}
LABELS = {  # predictor -> what is written below its axis, and its name in a sentence
    "negative_eigenvalues": ("share of K~'s spectrum below 0", "the spectrum of K~"),
    "descent_cosine": ("cosine to the exact gradient", "the descent cosine"),
    "asymmetry": ("asymmetry within layers", "the asymmetry"),
}


@dataclass(frozen=True)
class Found:
    """How well a predictor does: cells, rank correlation, and R² out of sample."""

    cells: int
    rho: Interval
    explained: float


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw harm over each predictor."""
    every = table(evidence)
    found = {name: judged(every, name) for name in LABELS}
    figure, axes = style.sheet(
        message(found), note(__file__), 1, len(LABELS), height=2.1, left=0.6, bottom=1.2,
        head=0.36, gap=(0.2, 0.3),
    )  # fmt: skip
    for panel, (name, (label, _)) in zip(axes[0], LABELS.items(), strict=True):
        _points(panel, every[every[name].notna()], name)
        panels.under(panel, label)
        panel.tick_params(labelleft=panel is axes[0, 0])
        panel.set_title(_said(found[name]))
        panels.equality(panel, "y")
    axes[0, 0].set_ylabel("final objective / exact's")
    present = [n for n in GRADIENTS if (every["rule"] == n).any()]
    names = [GRADIENTS[n].label or n.replace("_", " ") for n in present]
    panels.key(figure, [panels.mark(panels.look_of(n)) for n in present], names, across=5)
    for line in figure.legends[0].legend_handles:
        line.set_linestyle("none")
    yield figure


def table(evidence: Evidence) -> pd.DataFrame:
    """Return the cells of all rules in the hidden layers."""
    free = [str(c) for c in evidence.runs.frame.columns if axis(c) in RULE]
    arms = {"exact": EXACT, "rules": {"gradient": "any"}}
    every = cells(evidence.runs, evidence.places(arms, WHERE, free=free))
    if every.empty:
        raise NothingToShow("no rule was run beside exact in the hidden layers")
    return every


def judged(every: pd.DataFrame, name: str) -> Found:
    """Return how well a predictor orders the cells, and predicts those of tasks left out."""
    known = every[every[name].notna() & np.isfinite(every["harm"])]
    x, y = known[name].to_numpy(float), known["harm"].to_numpy(float)
    tasks, strata = known["task"].to_numpy(str), known["stratum"].to_numpy(str)
    if len(known) < 3:
        return Found(len(known), Interval(np.nan, np.nan, np.nan), np.nan)
    return Found(len(known), rank_correlation(x, y, strata, tasks), out_of_sample(x, y, tasks))


def message(found: dict[str, Found]) -> str:
    """Say which number predicts harm best in tasks that were left out."""
    known = {n: f.explained for n, f in found.items() if np.isfinite(f.explained)}
    if not known:
        return "Harm over what may predict it, in too few tasks to leave one out"
    best = max(known, key=lambda n: known[n])
    name, share = LABELS[best][1], _share(known[best])
    others = [f"{LABELS[n][1]} {_share(known[n])}" for n in known if n != best]
    if known[best] <= 0.05:
        return (
            f"Nothing at the end of training predicts the harm in tasks left out: {name} "
            f"explains {share}, {', '.join(others)}"
        )
    tail = f", {' and '.join(others)}" if others else ""
    name = name[0].upper() + name[1:]
    return f"{name} predicts harm best: {share} of it in tasks left out{tail}"


def _share(explained: float) -> str:
    return percent(explained) if explained > 0 else "none"


def _said(found: Found) -> str:
    if not np.isfinite(found.rho.estimate):
        return f"{found.cells} cells, no correlation"
    rho, low, high = (f"{x:+.2f}".replace("-", "−") for x in found.rho)
    between = f" ({low} to {high})" if np.isfinite(found.rho.low) else ""
    squared = f"{round(found.explained, 2) + 0.0:.2f}".replace("-", "−")
    return f"ρ = {rho}{between}\nR² left out = {squared}, {found.cells} cells"


def _points(panel: Axes, known: pd.DataFrame, name: str) -> None:
    for rule, mine in known.groupby("rule"):
        look = panels.look_of(str(rule)) if rule in GRADIENTS else panels.look_of("frozen")
        panel.scatter(
            *(mine[name], 10.0 ** mine["harm"]),
            s=11,
            marker=look.marker,
            facecolors=look.face,
            edgecolors=look.colour,
            linewidths=0.5,
            alpha=0.75,
        )
    harm = known["harm"]
    low, high = min(harm.min(), -0.1) - 0.05, max(harm.max(), 0.1) + 0.05
    if len(known):
        style.logarithmic(panel, "y", 10**low, 10**high)
