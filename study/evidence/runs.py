"""A run table that answers selections quickly, whether it was stored or published."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.errors import UsageError
from study.evidence.claims.records import Selection
from study.evidence.pools import at_several_rates
from study.evidence.statistics import remaining, score

Mask = NDArray[np.bool_]

REFERENCE = "exact"
LOCATIONS = ("none", "hidden", "output", "all")
STRUCTURE = (
    *("dataset", "objective", "hidden", "initialisation", "gain", "activation", "optimizer"),
    *("updates", "batch_size", "dtype", "decay", "branch"),
)
"""Columns that, with their variants' parameters, make a stratum; the last two may be missing."""
RULE = ("gradient", "location", "consistent")
"""Columns that, with their parameters, tell arms apart; those of `STRUCTURE` tell strata."""
RUN = ("learning_rate", "seed", "stage")
NUMBERS = ("learning_rate", "final_objective", "constant_objective", "optimum", "updates")


class NothingToShow(UsageError):
    """The tables are sound but hold nothing for this figure, as where a stage was not run."""


def axis(column: str) -> str:
    """Return the axis that a column belongs to: gradient for ``gradient.minimum``."""
    return str(column).partition(".")[0]


class Runs:
    """A run table with the columns that claims use.

    Flags are words, ``score`` and ``remaining`` are computed from the objectives, and a run that
    stands in the table twice, as where tables were put together, is there once. ``rates`` is
    "several" for cells that were evaluated at several rates, because none was chosen, else "one".
    A column that the table lacks is null throughout.

    Parameters
    ----------
    stored
        As exported or published; run ids are not needed.
    """

    def __init__(self, stored: pd.DataFrame) -> None:
        runs = stored.reset_index(drop=True).copy()
        for column in NUMBERS:
            if column in runs:
                runs[column] = pd.to_numeric(runs[column], errors="coerce").astype(float)
        runs["failed"] = [word(v) == "true" for v in runs["failed"].astype(object)]
        optimum = runs["optimum"] if "optimum" in runs else 0.0
        final, constant = runs["final_objective"], runs["constant_objective"]
        runs["remaining"] = remaining(final, constant, optimum)
        runs["score"] = score(final, constant, optimum, runs["failed"])
        structure = [c for c in runs.columns if axis(c) in (*STRUCTURE, *RULE)]
        runs["rates"] = np.where(at_several_rates(runs, structure), "several", "one")
        same = [c for c in runs.columns if axis(c) in (*STRUCTURE, *RULE, *RUN, "rates")]
        runs = runs[~runs[same].astype(object).duplicated()].reset_index(drop=True)
        self.frame = runs
        self._codes: dict[str, tuple[NDArray[np.intp], list[Any]]] = {}
        self.structure = [
            str(c) for c in runs.columns if axis(c) in STRUCTURE and len(self.values(str(c))) > 1
        ]

    def values(self, column: str) -> list[Any]:
        """Return the distinct values of a column as words and numbers, None for null."""
        return self.coded(column)[1]

    def coded(self, column: str) -> tuple[NDArray[np.intp], list[Any]]:
        """Return a column as positions in its list of distinct values."""
        if column not in self._codes:
            if column in self.frame:
                found = self.frame[column].astype(object)
                codes, distinct = pd.factorize(found.where(found.notna(), None))
                values = [word(v) for v in distinct]
            else:
                codes, values = np.full(len(self.frame), -1), []
            # null is the last code
            self._codes[column] = np.where(codes < 0, len(values), codes), [*values, None]
            if not (codes < 0).any():
                self._codes[column][1].pop()
        return self._codes[column]

    def mask(self, selection: Selection) -> Mask:
        """Tell which rows a selection means."""
        chosen = np.ones(len(self.frame), bool)
        for column, wanted in selection.items():
            codes, values = self.coded(column)
            several = wanted if isinstance(wanted, list) else [wanted]
            fits = [any(_same(value, one) for one in several) for value in values]
            chosen &= np.array(fits, bool)[codes]
        return chosen


def word(value: Any) -> Any:
    """Return a stored value as a number, a word or None; flags are true and false."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    if isinstance(value, int | float | np.number):
        return None if np.isnan(value) else float(value)
    text = str(value)
    return text.lower() if text in ("True", "False") else text


def _same(value: Any, wanted: Any) -> bool:
    wanted = word(wanted)
    if value is None or wanted is None:
        return value is None and wanted is None
    if isinstance(wanted, float):
        try:
            return abs(float(value) - wanted) <= 1e-9 * abs(wanted)
        except ValueError:
            return False
    return str(value) == str(wanted)
