"""X7: why removal generalises better on noisy data."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import t

from reports import panels, style
from reports.chosen import crosswise
from reports.questions.x7_generalisation.measure import FILE
from reports.templates import note
from study.evidence.evidence import Evidence
from study.evidence.runs import NothingToShow

EXPERIMENT = "x7_generalisation"
TASKS = {
    "diabetes": "diabetes",
    "classification 0": "clusters, clean labels",
    "classification 0.1": "10 % wrong labels",
    "classification 0.2": "20 % wrong labels",
}
LONG = 2000
"""Updates of what is trained as the study trains, for the lowest objective."""
LOOKS = {
    "exact": panels.look_of("exact"),
    "weight decay": style.Look(style.HUES["mean"], "s", "-", style.HUES["mean"]),
    "smaller net": style.Look(style.HUES["substitute"], "^", "-", style.HUES["substitute"]),
    "linear net": style.Look(style.SPARE, "D", "-", style.SPARE),
    "removed": panels.look_of("removed"),
}
STOPPED = "exact, stopped"
ROWS = {
    "exact, lowest objective": "exact",
    "exact, at removed's objective": "exact",
    STOPPED: "exact",
    "weight decay": "weight decay",
    "smaller net": "smaller net",
    "linear net": "linear net",
    "removed, stopped": "removed",
    "removed, lowest objective": "removed",
}
"""What is compared -> the method whose colour it has."""


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw test scores by objective, and each method beside exact stopped in time."""
    runs = scored(evidence.runs.frame)
    found = {task: beside(runs[runs["task"] == task]) for task in TASKS}
    used = pd.read_csv(FILE).set_index("rule")
    numbers = {
        name.replace(", ", "_").replace(" ", "_"): f"{p:.0f} ({low:.0f}–{high:.0f})"
        for name, (p, low, high) in used[["parameters", "low", "high"]].iterrows()
    }
    figure, axes = style.sheet(
        message(found), note(__file__, **numbers), 2, len(TASKS), height=[1.8, 1.75], left=1.75,
        bottom=0.66, gap=(0.32, 0.62),
    )  # fmt: skip
    for column, (task, title) in enumerate(TASKS.items()):
        _settings(axes[0, column], runs[runs["task"] == task])
        axes[0, column].set_title(title)
        _forest(axes[1, column], found[task], named=column == 0)
    axes[0, 0].set_ylabel("test score, points")
    middle = 0.5 * (axes[1, 0].get_position().x0 + axes[1, -1].get_position().x1)
    said = "test score less that of exact, stopped: points"
    figure.text(middle, 0.3 / figure.get_figheight(), said, ha="center", size=style.NORMAL)
    panels.key(figure, [panels.mark(look) for look in LOOKS.values()], list(LOOKS))
    yield figure


def scored(frame: pd.DataFrame) -> pd.DataFrame:
    """Return runs with ``task, method, left, decades, test, loss``.

    ``left`` is the share of the removable objective, 1 where a run failed. ``test`` is the test
    score in points, 0 where a run diverged; ``loss`` is its negative.
    """
    if "dataset.flip" not in frame or "weight_decay" not in set(frame["optimizer"]):
        raise NothingToShow("no runs with weight decay beside noisy labels")
    runs = frame.copy()
    flip = runs["dataset.flip"].astype(float)
    runs["task"] = [
        name if np.isnan(share) else f"{name} {share:g}"
        for name, share in zip(runs["dataset"], flip, strict=True)
    ]
    hidden = runs["hidden"].map({"none": "linear net", "2-2": "smaller net", "4-4": "smaller net"})
    runs["method"] = hidden.fillna(runs["gradient"])
    runs.loc[runs["optimizer"] == "weight_decay", "method"] = "weight decay"
    left = np.where(runs["failed"], 1.0, np.clip(runs["remaining"].astype(float), 1e-9, 1.0))
    runs["left"], runs["decades"] = left, np.log10(left)
    runs["test"] = 100.0 * runs["test_score"].astype(float).fillna(0.0)
    runs["loss"] = -runs["test"]
    if "optimizer.strength" not in runs:
        runs["optimizer.strength"] = np.nan
    runs["optimizer.strength"] = runs["optimizer.strength"].astype(float).fillna(0.0)
    return runs


def methods(runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the scored runs of each row of a task, one a seed."""
    of = dict(list(runs.groupby("method")))
    setting = ["updates", "learning_rate", "hidden", "optimizer.strength"]

    def lowest(name: str) -> pd.DataFrame:
        cell = of[name]
        return crosswise(cell[cell["updates"] == LONG], ["learning_rate"], "decades")

    removed = lowest("removed")
    means = of["exact"].groupby(["updates", "learning_rate"])["decades"].mean()
    alike = (means - removed["decades"].mean()).abs().idxmin()
    exact = of["exact"].set_index(["updates", "learning_rate"], drop=False)
    return {
        "exact, lowest objective": lowest("exact"),
        "exact, at removed's objective": exact.loc[[alike]],
        STOPPED: crosswise(of["exact"], setting, "loss"),
        **{
            name: crosswise(of[name], setting, "loss")
            for name in ("weight decay", "smaller net", "linear net")
        },
        "removed, stopped": crosswise(of["removed"], setting, "loss"),
        "removed, lowest objective": removed,
    }


def beside(runs: pd.DataFrame) -> dict[str, tuple[float, float, float]]:
    """Return each row's test score less that of exact, stopped: mean and 95 % limits, points.

    Paired by seed, by Student's t.
    """
    tests = {name: found.set_index("seed")["test"] for name, found in methods(runs).items()}
    return {name: mean_of(test - tests[STOPPED]) for name, test in tests.items()}


def mean_of(values: "pd.Series[float]") -> tuple[float, float, float]:
    """Return the mean with its limits of 95 % by Student's t."""
    count, mean = len(values), float(values.mean())
    half = float(t.ppf(0.975, count - 1) * values.std(ddof=1) / np.sqrt(count))
    return mean, mean - half, mean + half


def message(found: Mapping[str, Mapping[str, tuple[float, float, float]]]) -> str:
    """Say what removal gains over exact trained on, and over exact that is stopped in time."""
    noisy = [task for task in TASKS if task != "classification 0"]
    gains = {
        rival: [
            found[task]["removed, lowest objective"][0] - found[task][rival][0] for task in noisy
        ]
        for rival in ("exact, lowest objective", STOPPED, "weight decay", "linear net")
    }
    said = {rival: f"{_points(min(of))} to {_points(max(of))}" for rival, of in gains.items()}
    return (
        f"On noisy data removal tests {said['exact, lowest objective']} points beside exact "
        f"trained on, but {said[STOPPED]} beside exact stopped in time, "
        f"{said['weight decay']} beside weight decay and {said['linear net']} beside a linear net"
    )


def _points(value: float) -> str:
    return f"{'−' if round(value, 1) < 0 else '+'}{abs(value):.1f}"


def _settings(panel: Axes, runs: pd.DataFrame) -> None:
    """Draw each setting of updates and rate: mean test score by objective left."""
    setting = ["method", "updates", "learning_rate", "hidden", "optimizer.strength"]
    groups = runs.groupby(setting)
    table = groups.agg(
        left=("left", "median"), test=("test", "mean"), error=("test", "sem"),
        failed=("failed", "max"),
    ).reset_index()  # fmt: skip
    table = table[~table["failed"]]
    for method in ("smaller net", "weight decay", "exact", "removed"):
        mine, look = table[table["method"] == method], LOOKS[method]
        low, high = mine["test"] - 1.96 * mine["error"], mine["test"] + 1.96 * mine["error"]
        panel.vlines(mine["left"], low, high, colors=[look.colour], linewidth=0.6, alpha=0.5)
        panel.plot(
            *(mine["left"], mine["test"]), linestyle="none", marker=look.marker, markersize=3,
            color=look.colour, alpha=0.8, markeredgewidth=0,
        )  # fmt: skip
    best = float(table["test"].max())
    right = min(1.0, float(table["left"].quantile(0.9)) + 0.1)
    least = float(table.loc[table["left"] < right, "test"].min())
    panel.set_ylim(max(best - 32, least - 3), best + 3)
    panel.set_xlim(-0.03, right)
    panels.under(panel, "objective left")
    panel.grid(axis="y", color=panels.GRID, linewidth=0.6)


def _forest(panel: Axes, found: Mapping[str, Any], named: bool) -> None:
    panel.axvline(0, color=style.MUTED, linewidth=0.7, zorder=1)
    for at, (name, method) in enumerate(ROWS.items()):
        panels.estimate(panel, at, found[name], LOOKS[method], size=4)
    panels.rows(panel, list(ROWS))
    panel.tick_params(labelleft=named)
