"""The published tasks in a small form, from which the page answers for tasks like the reader's.

The page does what `study.harm.forecast` does with what one knows before training; a test compares.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.harm import models
from study.harm.effects import OUTCOMES, SAME, read
from study.harm.forecast import FAR, facts, forecast

WHICH = "facts"
KINDS = {"classification": 2, "regression": 1}


def published(base: Path) -> dict[str, Any]:
    """Return the tasks that were fitted, and for each outcome how it is told.

    ``names`` are those of the numbers, ``words`` of the words; ``rows`` has a task's numbers (or
    their log10), words and effects, null where there is none. ``outcomes`` has a model, the margin
    of its intervals, their coverage on external tasks, and for a line its coefficients. A
    population that is missing or too small raises `UsageError`.
    """
    known = read(base / "data" / "published" / "population")
    told = _told(base)
    fit = known[known["split"] == "fit"].reset_index(drop=True)
    x = models.covariates(fit, WHICH)
    words = [name for name in x if name in models.WORDS]
    names = [name for name in x if name not in models.WORDS]
    numbers = np.round(x[names].to_numpy(float), 9).tolist()
    rows = [
        [*row, *x.loc[k, words].tolist(), *(_effect(fit.loc[k, name]) for name in OUTCOMES)]
        for k, row in enumerate(numbers)
    ]
    outcomes = [_outcome(name, fit, x, told[name]) for name in OUTCOMES]
    return {
        **{"names": names, "words": words, "plain": [*models.PLAIN], "rows": rows},
        **{"outcomes": outcomes, "nearest": models.NEAREST, "ends": [*models.ENDS]},
        **{"same": SAME, "far": FAR, "weight": 0.5**0.5},
    }


def _effect(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 6)


def _told(base: Path) -> dict[str, Any]:
    """Return what the study says of each outcome: its model and how often its intervals held."""
    some = {"patterns": 500, "inputs": 10, "hidden": (16,), "batch_size": 32, "updates": 1000}
    some |= {"objective": "squared_error", "activation": "tanh", "gain": 1.0, "noise": 0.0}
    none = dict.fromkeys(("exact_early", "exact_share", "frozen_share"))
    found: dict[str, Any] = {}
    for kind, outputs in KINDS.items():
        given = forecast(facts(kind=kind, outputs=outputs, **some, **none), base)
        found |= {expected.outcome: expected for expected in given.expected}
    return found


def _outcome(name: str, fit: pd.DataFrame, x: pd.DataFrame, told: Any) -> dict[str, Any]:
    has = fit[name].notna()
    mine, y = x[has], fit.loc[has, name].to_numpy(float)
    made = models.calibrated(told.source, mine, y, fit.loc[has, "draw"])
    entry = {
        **{"name": name, "said": OUTCOMES[name].said, "kind": OUTCOMES[name].kind},
        **{"score": OUTCOMES[name].score, "model": told.source, "margin": made.margin},
        **{"coverage": told.coverage, "external": told.tasks},
    }
    if told.source == "ridge":
        scaled = models.standardised(mine).transform(mine)
        line = models.MODELS["ridge"](scaled, y)
        start = line(np.zeros((1, scaled.shape[1])))[0]
        entry |= {"start": float(start[0])}
        entry |= {"slopes": (line(np.eye(scaled.shape[1]))[0] - start).tolist()}
    return entry
