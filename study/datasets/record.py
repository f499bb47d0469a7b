"""What a dataset is: its record, and the raw arrays a loader returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.errors import UsageError
from study.learning.variants import Record

Array = NDArray[np.float64]
TASKS = ("classification", "multilabel", "regression")


@dataclass(frozen=True)
class Raw:
    """What a loader returns; nothing in it is split or standardised.

    Parameters
    ----------
    inputs
        Shape (n, d), numbers.
    targets
        Classification: (n,), a whole number for each class. Multilabel: (n, k), zeros and ones.
        Regression: (n,) or (n, k).
    test_inputs, test_targets
        A test part of the loader's own; without it, a fifth of the rows is split off.
    task
        Where only the data can tell (openml); otherwise the record says it.
    """

    inputs: ArrayLike
    targets: ArrayLike
    test_inputs: ArrayLike | None = None
    test_targets: ArrayLike | None = None
    task: str = ""


@dataclass(frozen=True, kw_only=True)
class Dataset(Record):
    """A dataset that a grid can name.

    Parameters
    ----------
    source
        Where the numbers come from.
    licence
        Under which terms; "none stated" where the source is silent.
    task
        ``"classification"``, ``"multilabel"``, ``"regression"``; empty if the loader tells.
    load
        ``load(seed, **parameters) -> Raw``. A fixed dataset is called with seed None.
    fresh
        Generated: another seed gives other data.
    standardised
        Whether the inputs are standardised. Targets of a regression always are.
    solved_below
        The share of the constant predictor's excess objective at which a net has solved it.
    one_sided
        Whether all targets may be equal, where it is asked how long a net takes.
    version
        Raise it when `load` gives other arrays for the same seed and parameters, unless
        NUMERICS_VERSION is raised too.
    """

    source: str
    licence: str
    task: str
    load: Callable[..., Raw]
    fresh: bool = False
    standardised: bool = True
    solved_below: float = 0.05
    one_sided: bool = False
    version: int = 1

    def __hash__(self) -> int:
        """By name: the parameters are a dict, and `study.datasets.load` caches by record."""
        return hash(self.name)


def whole(culprit: str, value: Any) -> int:
    """Return `value` as an int, or raise `UsageError` if it is no whole number."""
    if value != int(value):
        raise UsageError(f"{culprit} takes a whole number, not {value!r}")
    return int(value)


def one_line(error: BaseException) -> str:
    """Text of an exception from another library, on one line and not too long."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."
