"""One table of trainings, stored or published: typed, scored and searched in one place.

A *rule* is a gradient with its parameters, location and consistency: what is compared. A
*stratum* is everything else that makes a cell: what is held fixed while comparing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.errors import UsageError
from study.evidence.statistics import remaining, score

Mask = NDArray[np.bool_]
Selection = Mapping[str, Any]
"""Column -> the value wanted, a list of such values, or null for a missing one."""

REFERENCE = "exact"
STRUCTURE = (
    *("dataset", "objective", "hidden", "initialisation", "gain", "activation", "optimizer"),
    *("updates", "batch_size", "dtype", "decay", "branch"),
)
"""Columns that, with their variants' parameters, make a stratum; the last two may be missing."""
RULE = ("gradient", "location", "consistent")
"""Columns that, with their parameters, tell rules apart."""
RUN = ("learning_rate", "seed", "stage")
COLUMNS = (*STRUCTURE, *RULE, *RUN, "rates")
"""What a selection may name, alone or with a parameter after a dot."""
NUMBERS = ("learning_rate", "final_objective", "constant_objective", "optimum")
FLAGS = ("failed", "runaway")


class NothingToShow(UsageError):
    """The tables are sound but hold nothing for this question, as where a stage was not run."""


def axis(column: str) -> str:
    """Return the axis that a column belongs to: gradient for ``gradient.minimum``."""
    return str(column).partition(".")[0]


def columns_of(runs: pd.DataFrame, axes: Sequence[str]) -> list[str]:
    """Return the columns of these axes and of their variants' parameters."""
    return [str(column) for column in runs.columns if axis(column) in axes]


def number_of(runs: pd.DataFrame, columns: Sequence[str]) -> pd.Series[int]:
    """Return a number for each row; rows that agree in all these columns share it."""
    if not columns:
        return pd.Series(0, runs.index)
    return runs.groupby(list(columns), dropna=False, sort=False).ngroup()


def at_several_rates(runs: pd.DataFrame, structure: Sequence[str]) -> Mask:
    """Tell the runs of cells in which a seed was evaluated at several learning rates.

    No rate was chosen for such a cell, so it is no rule at its own rate. Where the table has no
    column ``cell``, cells are told apart by the columns of their structure. A tuned cell of the
    same structure cannot then be told from one at several rates.
    """
    code = number_of(runs, ["cell"] if "cell" in runs else structure)
    rates = pd.DataFrame({"code": code, "seed": runs["seed"], "rate": runs["learning_rate"]})
    rates = rates[runs["stage"] == "evaluate"].drop_duplicates()
    return code.isin(rates.loc[rates.duplicated(["code", "seed"]), "code"]).to_numpy()


class Runs:
    """A run table with numbers as numbers, flags as flags, and scores.

    ``remaining`` and ``score`` are computed from the objectives. ``rates`` is "several" for cells
    that were evaluated at several rates, else "one". A run that stands in the table twice, as
    where tables were joined, is kept once. Columns that the table lacks count as null; run ids
    are not needed.
    """

    def __init__(self, stored: pd.DataFrame) -> None:
        runs = stored.reset_index(drop=True).copy()
        for column in NUMBERS:
            if column in runs:
                runs[column] = pd.to_numeric(runs[column], errors="coerce").astype(float)
        for column in FLAGS:
            if column in runs:
                runs[column] = runs[column].astype(str).str.lower().isin(("true", "1", "1.0"))
        optimum = runs["optimum"] if "optimum" in runs else 0.0
        final, constant = runs["final_objective"], runs["constant_objective"]
        runs["remaining"] = remaining(final, constant, optimum)
        runs["score"] = score(final, constant, optimum, runs["failed"])
        several = at_several_rates(runs, columns_of(runs, (*STRUCTURE, *RULE)))
        runs["rates"] = np.where(several, "several", "one")
        same = columns_of(runs, (*STRUCTURE, *RULE, *RUN, "rates", "final_objective"))
        runs = runs[~runs[same].astype(object).duplicated()].reset_index(drop=True)
        words = [column for column in runs if runs[column].dtype == "str"]
        # as objects, side by side, rows are taken four times faster
        self.frame: pd.DataFrame = runs.astype(dict.fromkeys(words, object)).copy()
        self._codes: dict[str, tuple[NDArray[np.intp], list[Any]]] = {}

    @property
    def structure(self) -> list[str]:
        """Columns of `STRUCTURE` in which these runs differ."""
        columns = columns_of(self.frame, STRUCTURE)
        return [column for column in columns if len(self.coded(column)[1]) > 1]

    def coded(self, column: str) -> tuple[NDArray[np.intp], list[Any]]:
        """Return a column as positions in the list of its distinct values, None for null."""
        if column not in self._codes:
            if column in self.frame:
                found = self.frame[column].astype(object)
                codes, distinct = pd.factorize(found.where(found.notna(), None))
                values = [word(value) for value in distinct]
            else:
                codes, values = np.full(len(self.frame), -1), []
            if (codes < 0).any():
                codes, values = np.where(codes < 0, len(values), codes), [*values, None]
            self._codes[column] = codes, values
        return self._codes[column]

    def mask(self, selection: Selection) -> Mask:
        """Tell which rows a selection means."""
        chosen = np.ones(len(self.frame), bool)
        for column, wanted in selection.items():
            codes, values = self.coded(column)
            several = wanted if isinstance(wanted, list) else [wanted]
            fits = [any(_same(value, word(one)) for one in several) for value in values]
            chosen &= np.array(fits, bool)[codes]
        return chosen


def word(value: Any) -> Any:
    """Return a stored value as a number, a word or None; flags become true and false."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    if isinstance(value, int | float | np.number):
        return None if np.isnan(value) else float(value)
    text = str(value)
    return text.lower() if text in ("True", "False") else text


def _same(value: Any, wanted: Any) -> bool:
    if value is None or wanted is None:
        return value is wanted
    if isinstance(wanted, float):
        try:
            return abs(float(value) - wanted) <= 1e-9 * abs(wanted)
        except ValueError:
            return False
    return str(value) == str(wanted)
