"""What the published tasks say of a new task: the nearest of them, and the map where it counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

from study.errors import UsageError
from study.harm.effects import OUTCOMES, SAME, read
from study.harm.models import COVARIATES, NEAREST, calibrated, covariates, standardised
from study.learning.core.network import count

COUNTS = "counts"
FAR = 2.0  # times the usual distance


def facts(
    kind: str,
    patterns: int,
    inputs: int,
    outputs: int,
    hidden: Any,
    batch_size: int | None,
    updates: int,
    **others: Any,
) -> dict[str, Any]:
    """Return the covariates of a task that follow from these facts, and the others as they are.

    `others` are objective, activation, gain, noise and, if known, exact_early, exact_share and
    frozen_share. Without a batch size a batch has all patterns.
    """
    batch = min(batch_size or patterns, patterns)
    return {
        **{"kind": kind, "patterns": patterns, "inputs": inputs, "outputs": outputs},
        "depth": len(hidden),
        "width": float(np.exp(np.mean(np.log(hidden)))) if len(hidden) else 0.0,
        "weights": count((inputs, *hidden, outputs)),
        **{"batch_size": batch, "updates": updates, "epochs": updates * batch / patterns},
        **others,
    }


@dataclass(frozen=True)
class Expected:
    """An effect to expect: a 90 % interval and its middle, in decades or points.

    ``source`` is the model that says so. ``coverage`` is the share of ``tasks`` external tasks
    that lay in its intervals. ``harmless`` is the share of the nearest tasks whose objective was
    within 5 % of exact's or below.
    """

    outcome: str
    low: float
    middle: float
    high: float
    source: str
    coverage: float
    tasks: int
    harmless: float

    def __str__(self) -> str:
        """Say it in a line."""
        outcome, values = OUTCOMES[self.outcome], (self.low, self.high, self.middle)
        if outcome.score:
            low, high, middle = (f"{value:+.1f}" for value in values)
            text = f"changes test {outcome.score} by {low} to {high} points (middle {middle})"
        else:
            low, high, middle = (_number(10.0**value) for value in values)
            text = f"ends at {low} to {high} times exact's objective (middle {middle})"
            text += f", and is harmless in {100 * self.harmless:.0f} %"
        checked = f"held {100 * self.coverage:.0f} % of {self.tasks} external tasks"
        checked = checked if self.tasks else "not checked on external tasks yet"
        return f"{outcome.said} {text}; 90 % interval by {self.source}, {checked}"


def _number(value: float) -> str:
    if not 1e-3 <= value < 1e5:
        return f"{value:.0e}"
    return f"{value:.2f}" if value < 2 else f"{float(f'{value:.2g}'):g}"


@dataclass(frozen=True)
class Forecast:
    """What to expect of a task, and which tasks say so.

    ``distance`` is the median distance to the nearest published tasks, in standard deviations of
    the covariates; ``usual`` is that of a published task to its own nearest ones.
    """

    nearest: int
    of: int
    distance: float
    usual: float
    expected: tuple[Expected, ...]
    untold: tuple[str, ...]  # of which outcomes the map can't tell more, and why

    def __str__(self) -> str:
        """Say it in plain words, a line each."""
        lines = [
            f"On tasks like yours, the {self.nearest} nearest of {self.of} published tasks",
            f"(at a median distance of {self.distance:.1f} standard deviations; usual is "
            f"{self.usual:.1f}),",
            "under the plain delta rule, with a learning rate that suits each change,",
            *map(str, self.expected),
            "Harmless is an objective within 5 % of exact's, or below it.",
        ]
        if self.distance > FAR * self.usual:
            lines.append("No published task is near yours: rely on none of this.")
        return "\n  ".join([*lines, *self.untold]).replace("-", "−")


def forecast(task: Mapping[str, Any], base: Path) -> Forecast:
    """Say what to expect of a task with these `facts`, from the population published in `base`.

    Intervals come from tasks of the split ``fit``, and their coverage from those of ``external``.
    The map's model takes the place of the neighbours for an outcome that ``map.csv`` says counts.
    A population that is missing or too small raises `UsageError`.
    """
    known = read(base / "data" / "published" / "population")
    given = {name for name in task if task[name] is not None} | {"batch_share"}
    which = [name for name, needed in COVARIATES.items() if given.issuperset(needed)][-1]
    fit, external = (known[known["split"] == split] for split in ("fit", "external"))
    if len(fit) < NEAREST:
        raise UsageError(
            f"the population has {len(fit)} tasks to learn from, fewer than {NEAREST}"
        )
    judged, path = pd.DataFrame(), base / "reports" / "tables" / "map.csv"
    if path.is_file():
        rows = pd.read_csv(path).dropna(subset="verdict")
        judged = rows[rows["covariates"] == which].set_index("outcome")
    mine = covariates(pd.DataFrame([dict(task)]), which)
    scale = standardised(covariates(fit, which))
    near = NearestNeighbors(n_neighbors=NEAREST).fit(scale.transform(covariates(fit, which)))
    distances, nearest = near.kneighbors(scale.transform(mine))
    others = near.kneighbors()[0]  # a task is no neighbour of its own
    expected, untold = [], []
    for name, outcome in OUTCOMES.items():
        if outcome.kind not in ("", task["kind"]):
            continue
        some, apart = (frame[frame[name].notna()] for frame in (fit, external))
        row = judged.loc[name] if name in judged.index else {"verdict": ""}
        said, model = str(row["verdict"]), "neighbours"
        if said == COUNTS:
            model = str(row["model"])
        y = some[name].to_numpy(float)
        made = calibrated(model, covariates(some, which), y, some["draw"])
        low, middle, high = made.predict(mine)[:, 0].tolist()
        held = float("nan")
        if len(apart):
            ends = made.predict(covariates(apart, which))
            held = float(np.mean((ends[0] <= apart[name]) & (apart[name] <= ends[2])))
        harmless = float((fit.iloc[nearest[0]][name].dropna() <= SAME).mean())
        expected.append(Expected(name, low, middle, high, model, held, len(apart), harmless))
        if said not in ("", COUNTS):
            what = f"test {outcome.score}" if outcome.score else "objective"
            untold.append(f"The map for {what} of {outcome.said}: {said}.")
    middles = float(np.median(distances)), float(np.median(others))
    return Forecast(nearest.shape[1], len(fit), *middles, tuple(expected), tuple(untold))
