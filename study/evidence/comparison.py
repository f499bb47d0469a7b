"""What a comparison of arms is: a number or a yes for each seed, and the effect made of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike
from pydantic import AfterValidator

from study.checked import NO_OTHER_KEYS, Number, Text, one_of
from study.errors import unknown
from study.evidence.arms import Place, Study
from study.evidence.effects import FEWEST, Effect, Measured, Paired, Ranked, Shares
from study.evidence.runs import COLUMNS, axis

UNITS: dict[str, tuple[Callable[[float], float], Callable[[float], float], float]] = {
    "ratio": (np.log10, lambda x: 10.0**x, 1.0),
    "points": (lambda x: x / 100.0, lambda x: 100.0 * x, 0.0),
    "slope": (float, float, 0.0),
    "error": (float, float, 0.0),
}
"""Unit -> from what people read to what is computed with, and back; the least margin."""


def _column(name: str) -> str:
    if axis(name) not in COLUMNS:
        raise ValueError(f"names an {unknown('column', axis(name), COLUMNS)}")
    return name


Column = Annotated[Text, AfterValidator(_column)]
"""The name of a column that a run table can have."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a contrast may tell its comparison; a comparison that takes more has a subclass.

    ``rate``: each arm at the rate tuned for it (own), or all at that tuned for exact.
    """

    __pydantic_config__ = NO_OTHER_KEYS

    rate: Annotated[str, one_of("own", "exact")] = "own"


@dataclass(frozen=True)
class Contrast:
    """One effect: a weighted sum over arms of what the runs of a seed measured.

    The margin, and further limits that the decision takes, are in the comparison's unit: a ratio,
    or percentage points, or a slope.
    """

    name: Text  # by which the decision knows it
    comparison: Text  # name in ``COMPARISONS``
    weights: dict[str, Number]
    margin: Number
    options: Any = field(default_factory=Options)
    limits: dict[str, Number] = field(default_factory=dict)

    @property
    def two_arms(self) -> tuple[str, str]:
        """The arm with the largest weight and that with the least."""
        weights = self.weights
        return max(weights, key=lambda arm: weights[arm]), min(weights, key=lambda a: weights[a])


@dataclass(frozen=True)
class Comparison:
    """A kind of comparison: ``effect(study, contrast)`` is the effect, or why there is none."""

    unit: str  # of its effects, see `UNITS`
    effect: Callable[[Study, Contrast], Effect | str]
    options: type[Any] = Options
    arms: tuple[int, float] = (2, np.inf)  # the fewest and the most that have weights

    def internal(self, value: float) -> float:
        """Turn a margin as written into the unit that is computed with."""
        return float(UNITS[self.unit][0](value))

    def shown(self, value: float) -> float:
        """Turn a computed number into the unit that people read."""
        return float(UNITS[self.unit][1](value))


def measured(
    place: Place, values: ArrayLike, ties: int = 0, tests: ArrayLike | None = None
) -> Measured | str:
    """Take a number for each seed of a place; one that is not finite leaves its seed out."""
    if all(frame["failed"].all() for frame in place.arms.values()):
        return "all runs failed"
    numbers = np.asarray(values, float)
    finite = np.isfinite(numbers)
    seeds = place.seeds[finite]
    own = None if tests is None else np.asarray(tests, float)[finite]
    where = place.task, place.block, seeds, place.rows(seeds)
    return Measured(*where, numbers[finite], ties=ties, tests=own)


def paired(place: Place, first: ArrayLike, second: ArrayLike) -> Paired:
    """Take a yes or no of two arms for each seed of a place."""
    flags = np.asarray(first, bool), np.asarray(second, bool)
    return Paired(place.task, place.block, place.seeds, place.rows(place.seeds), *flags)


def pooled(
    measure: Callable[[Place, Contrast], Measured | Paired | str],
    free: Callable[[Contrast], Sequence[str]] = lambda contrast: (),
) -> Callable[[Study, Contrast], Effect | str]:
    """Make an effect of what is measured in each place; those with too few seeds are noted.

    `measure` returns what it finds, or why there is nothing; `free` columns vary within an arm.
    """

    def effect(study: Study, contrast: Contrast) -> Effect | str:
        places, missing = study.places(
            list(contrast.weights), free=free(contrast), rate=contrast.options.rate
        )
        tasks: list[Any] = []
        notes = [missing]
        for place in places:
            found = measure(place, contrast)
            if isinstance(found, str):
                notes.append(f"{place.task}: {found}")
            elif len(found.seeds) < FEWEST:
                notes.append(f"{place.task}: {len(found.seeds)} seeds, {FEWEST} needed")
            else:
                tasks.append(found)
        note = "; ".join(filter(None, notes))
        if not tasks:
            return note or "no runs"
        return (Shares if isinstance(tasks[0], Paired) else Ranked)(tuple(tasks), note)

    return effect
