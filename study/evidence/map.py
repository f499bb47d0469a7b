"""The map: whether an effect on a new task can be predicted from what is known of the task."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import LeaveOneGroupOut

from study.evidence.runs import NothingToShow
from study.harm import models
from study.harm.effects import OUTCOMES
from study.harm.forecast import COUNTS
from study.harm.models import COVARIATES, MODELS, Array, Calibrated, covariates

LEAST_R2, COVERED = 0.2, (0.85, 0.95)
"""The map counts for an outcome if both hold on external tasks."""
FEWEST = 10  # draws of data; 90 % intervals are finite from nine on
COLUMNS = "outcome covariates model split tasks r2 coverage width verdict".split()


def explained(y: Array, predicted: Array, mean: float) -> float:
    """R² = 1 - Σ (y - ŷ)² / Σ (y - ȳ)², ȳ the mean of the tasks that were learnt from.

    Below 0 that mean predicts better. NaN where all tasks are at the mean.
    """
    total = float(np.sum((y - mean) ** 2))
    return 1.0 - float(np.sum((y - predicted) ** 2)) / total if total > 0 else float("nan")


@dataclass(frozen=True)
class Mapped:
    """All models of an outcome, and which one was chosen."""

    outcome: str
    covariates: str
    x: pd.DataFrame  # of the tasks that were learnt from: covariates, effects (n,), draws
    y: Array
    draws: "pd.Series[Any]"
    models: dict[str, Calibrated]
    chosen: str


def mapped(known: pd.DataFrame, outcome: str, which: str) -> Mapped:
    """Fit all models to tasks of the split ``fit``, and choose by R² on draws left out.

    `known` is as of `study.harm.effects.effects`. Too few draws raise `NothingToShow`.
    """
    fit = known[(known["split"] == "fit") & known[outcome].notna()]
    x, y, draws = covariates(fit, which), fit[outcome].to_numpy(float), fit["draw"]
    if draws.nunique() < FEWEST:
        raise NothingToShow(f"no map of {outcome}: fewer than {FEWEST} draws of data")
    made = {name: models.calibrated(name, x, y, draws) for name in MODELS}
    r2 = {name: explained(y, one.left_out[1], y.mean()) for name, one in made.items()}
    return Mapped(outcome, which, x, y, draws, made, max(r2, key=lambda name: r2[name]))


def table(known: pd.DataFrame) -> pd.DataFrame:
    """Judge each outcome with each set of covariates, once: a row a model and split.

    On ``fit``, R² is that of tasks whose draw was left out; on ``family``, of tasks whose family
    of data was. The chosen model is judged on ``confirm`` and ``external``, beside the neighbours
    of `study predict`. Coverage and width are of 90 % intervals, the width in the outcome's unit;
    on ``fit``, where they are calibrated, no coverage is given. The chosen model's row of external
    tasks has the verdict.
    """
    rows: list[dict[str, Any]] = []
    for outcome in OUTCOMES:
        for which in COVARIATES:
            try:
                made = mapped(known, outcome, which)
            except NothingToShow:
                continue
            named = {"outcome": outcome, "covariates": which}
            rows += [{**named, **row} for row in _rows(known[known[outcome].notna()], made)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _rows(known: pd.DataFrame, made: Mapped) -> Iterator[dict[str, Any]]:
    x, y, chosen = made.x, made.y, made.chosen
    same = {"split": "fit", "tasks": len(y)}
    for name, model in made.models.items():
        low, _, high = model.predict(x)
        r2 = explained(y, model.left_out[1], y.mean())
        yield {**same, "model": name, "r2": r2, "width": np.mean(high - low)}
    families = known.loc[x.index, "family"]
    if families.nunique() > 1:
        out = models.left_out(chosen, x, y, LeaveOneGroupOut(), families)[1]
        yield {**same, "model": chosen, "split": "family", "r2": explained(y, out, y.mean())}
    for split in ("confirm", "external"):
        tasks = known[known["split"] == split]
        for name in dict.fromkeys([chosen, "neighbours"]) if len(tasks) else ():
            seen = measured(made, name, tasks)
            if split == "external" and name == chosen:
                seen["verdict"] = verdict(seen["r2"], seen["coverage"])
            yield {"model": name, "split": split, **seen}


def measured(made: Mapped, name: str, tasks: pd.DataFrame) -> dict[str, Any]:
    """Return ``tasks, r2, coverage, width`` of a model on tasks that it never saw."""
    y = tasks[made.outcome].to_numpy(float)
    low, middle, high = made.models[name].predict(covariates(tasks, made.covariates))
    inside = (low <= y) & (y <= high)
    sizes = {"coverage": float(np.mean(inside)), "width": float(np.mean(high - low))}
    return {"tasks": len(y), "r2": explained(y, middle, made.y.mean()), **sizes}


def verdict(r2: float, coverage: float) -> str:
    """Say whether the map counts, by what was seen on external tasks."""
    low, high = COVERED
    if not r2 >= LEAST_R2:
        return f"cannot be predicted: R² {r2:.2f} is below {LEAST_R2:g}".replace("-", "−")
    if not low <= coverage <= high:
        asked = f"not {100 * low:.0f} to {100 * high:.0f} %"
        return f"no sound intervals: they hold {100 * coverage:.0f} % of tasks, {asked}"
    return COUNTS


def importance(made: Mapped, repeats: int = 20) -> "pd.Series[float]":
    """Return by how much the chosen model's R² falls if a covariate is shuffled, largest first.

    It is shuffled among tasks whose draws were left out, so that no draw helps to predict itself.

    References
    ----------
    Breiman (2001), Random forests, Machine Learning 45, 5-32, §10.
    """
    random, falls = np.random.default_rng(0), pd.Series(0.0, made.x.columns)
    for seen, out in models.folds(made.draws).split(made.x, made.y, made.draws):
        model = models.learn(made.chosen, made.x.iloc[seen], made.y[seen])
        mine, y = made.x.iloc[out], made.y[out]
        error = np.sum((y - model(mine)[1]) ** 2)
        for name in map(str, mine.columns):
            for _ in range(repeats):
                shuffled = mine.assign(**{name: random.permutation(mine[name].to_numpy())})
                falls[name] += (np.sum((y - model(shuffled)[1]) ** 2) - error) / repeats
    return (falls / np.sum((made.y - made.y.mean()) ** 2)).sort_values(ascending=False)
