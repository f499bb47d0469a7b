"""What a comparison of arms is: a number or a yes for each seed, and the effect made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

from study.checked import NO_OTHER_KEYS, Number, Text, one_of
from study.errors import unknown
from study.evidence.arms import Place, Seeds, Study
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

    Parameters
    ----------
    name
        By which the decision knows it.
    comparison
        Name in ``COMPARISONS``.
    weights
        Arm -> weight.
    margin
        In the comparison's unit: a ratio, or percentage points, or a slope.
    options
        Of the comparison.
    limits
        Further margins that the decision takes, in the same unit.
    """

    name: Text
    comparison: Text
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
    """A kind of comparison.

    Parameters
    ----------
    name
        By which claims.yaml names it.
    unit
        Of its effects, see `UNITS`.
    effect
        ``effect(study, contrast)`` returns the effect, or the reason why there is none.
    options
        The record of what it takes.
    arms
        How many have weights: the fewest and the most.
    """

    name: str
    unit: str
    effect: Callable[[Study, Contrast], Effect | str]
    options: type[Any] = Options
    arms: tuple[int, float] = (2, np.inf)

    @property
    def least_margin(self) -> float:
        """The margin, as written, below which it would be negative."""
        return UNITS[self.unit][2]

    def internal(self, value: float) -> float:
        """Turn a margin as written into the unit that is computed with."""
        return float(UNITS[self.unit][0](value))

    def shown(self, value: float) -> float:
        """Turn a computed number into the unit that people read."""
        return float(UNITS[self.unit][1](value))


Seeded = tuple[Seeds, NDArray[np.float64], int]
"""Seeds, a number for each, and how many of them updates-to-target decided."""


def ranked(
    measure: Callable[[Place, Contrast], Seeded],
    free: Callable[[Contrast], Sequence[str]] = lambda contrast: (),
) -> Callable[[Study, Contrast], Effect | str]:
    """Make an effect of one number a seed.

    Parameters
    ----------
    measure
        ``measure(place, contrast)``; a number that is not finite leaves its seed out.
    free
        Columns that vary within an arm.
    """

    def effect(study: Study, contrast: Contrast) -> Effect | str:
        def measured(place: Place) -> Measured | str:
            seeds, values, ties = measure(place, contrast)
            finite = np.isfinite(values)
            seeds, values = seeds[finite], values[finite]
            if all(frame["failed"].all() for frame in place.arms.values()):
                return "all runs failed"
            rows = place.rows(seeds)
            return Measured(place.task, place.block, seeds, rows, values, ties=ties)

        return _pooled(Ranked, measured, study, contrast, free(contrast))

    return effect


def shares(
    measure: Callable[[Place, Contrast], tuple[Any, Any]],
) -> Callable[[Study, Contrast], Effect | str]:
    """Make an effect of a yes or no a seed in two arms: ``measure`` returns first and second."""

    def effect(study: Study, contrast: Contrast) -> Effect | str:
        def paired(place: Place) -> Paired:
            first, second = (np.asarray(flags, bool) for flags in measure(place, contrast))
            rows = place.rows(place.seeds)
            return Paired(place.task, place.block, place.seeds, rows, first, second)

        return _pooled(Shares, paired, study, contrast, ())

    return effect


def _pooled(
    kind: type[Ranked] | type[Shares],
    measure: Callable[[Place], Any],
    study: Study,
    contrast: Contrast,
    free: Sequence[str],
) -> Effect | str:
    """Pool the places that have enough seeds; a note names those that were left out."""
    rate = getattr(contrast.options, "rate", "own")
    places, missing = study.places(list(contrast.weights), free=free, rate=rate)
    tasks, notes = [], [missing]
    for place in places:
        found = measure(place)
        if isinstance(found, str):
            notes.append(f"{place.task}: {found}")
        elif len(found.seeds) < FEWEST:
            notes.append(f"{place.task}: {len(found.seeds)} seeds, {FEWEST} needed")
        else:
            tasks.append(found)
    note = "; ".join(filter(None, notes))
    return kind(tuple(tasks), note) if tasks else note or "no runs"
