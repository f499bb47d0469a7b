"""What a comparison of arms is: one number a seed, or yes and no, and what to do with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.evidence.arms import Place, places
from study.evidence.claims.checking import Check, among
from study.evidence.claims.records import Claims, Contrast, Part
from study.evidence.effects import FEWEST, Effect, Measured, Paired, Ranked, Shares
from study.evidence.runs import Runs

UNITS: dict[str, tuple[Callable[[float], float], Callable[[float], float], float]] = {
    "ratio": (np.log10, lambda x: 10.0**x, 1.0),
    "points": (lambda x: x / 100.0, lambda x: 100.0 * x, 0.0),
    "slope": (float, float, 0.0),
    "error": (float, float, 0.0),
}
"""Unit -> from what people read to what is computed with, and back; the least margin."""


@dataclass(frozen=True)
class Study:
    """What a comparison may look at.

    Parameters
    ----------
    runs, claims, part
        The table, the file of claims, and the part that asks.
    checks
        The table of `study.learning.diagnostics.gradient_checks`; None where it was not made.
    """

    runs: Runs
    claims: Claims
    part: Part
    checks: pd.DataFrame | None = None


@dataclass(frozen=True)
class Option:
    """What a contrast may say to its comparison.

    Parameters
    ----------
    name
        The key.
    check
        Refuses values that won't do.
    needed
        Whether it has to be given.
    """

    name: str
    check: Check
    needed: bool = True


RATE = Option("rate", among("own", "exact"), needed=False)
"""At which rate arms are compared: that tuned for each, or that tuned for exact."""


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
        All that it takes.
    arms
        How many have weights: the fewest and the most.
    """

    name: str
    unit: str
    effect: Callable[[Study, Contrast], Effect | str]
    options: tuple[Option, ...] = (RATE,)
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


Seeded = tuple[NDArray[np.int64], NDArray[np.float64], int]
"""Seeds, a number for each, and how many of them updates-to-target decided."""


def ranked(
    measure: Callable[[Place, Contrast], Seeded],
    free: Callable[[Contrast], Sequence[str]] = lambda contrast: (),
) -> Callable[[Study, Contrast], Effect | str]:
    """Make an effect of numbers a seed.

    Parameters
    ----------
    measure
        ``measure(place, contrast)``; a number that is not finite leaves its seed out.
    free
        Columns that vary within an arm.
    """

    def effect(study: Study, contrast: Contrast) -> Effect | str:
        found = _found(study, contrast, free(contrast))
        measured, left_out = [], []
        for place in found.places:
            seeds, values, ties = measure(place, contrast)
            finite = np.isfinite(values)
            seeds, values = seeds[finite], values[finite]
            if all(frame["failed"].all() for frame in place.arms.values()):
                left_out.append(f"{place.task}: all runs failed")
            elif len(values) < FEWEST:
                left_out.append(f"{place.task}: {len(values)} seeds, {FEWEST} needed")
            else:
                rows = _rows(place, seeds)
                measured.append(Measured(place.task, place.block, seeds, values, rows, ties))
        note = "; ".join(filter(None, [found.missing, *left_out]))
        return Ranked(tuple(measured), note) if measured else note or "no runs"

    return effect


def shares(
    measure: Callable[[Place, Contrast], tuple[NDArray[np.int64], Any, Any]],
) -> Callable[[Study, Contrast], Effect | str]:
    """Make an effect of yes and no in two arms: ``measure`` returns seeds, first and second."""

    def effect(study: Study, contrast: Contrast) -> Effect | str:
        found = _found(study, contrast, ())
        paired, left_out = [], []
        for place in found.places:
            seeds, first, second = measure(place, contrast)
            if len(seeds) < FEWEST:
                left_out.append(f"{place.task}: {len(seeds)} seeds, {FEWEST} needed")
            else:
                rows = _rows(place, seeds)
                flags = np.asarray(first), np.asarray(second)
                paired.append(Paired(place.task, place.block, seeds, *flags, rows))
        note = "; ".join(filter(None, [found.missing, *left_out]))
        return Shares(tuple(paired), note) if paired else note or "no runs"

    return effect


def common_seeds(frames: Mapping[str, pd.DataFrame]) -> NDArray[np.int64]:
    """Return the seeds that all arms have, in rising order: pairs are formed on these."""
    sets = [set(frame["seed"].astype(int)) for frame in frames.values()]
    return np.array(sorted(set.intersection(*sets)), dtype=np.int64)


def by_seed(frame: pd.DataFrame, seeds: NDArray[np.int64]) -> pd.DataFrame:
    """Return an arm's runs of these seeds, in their order."""
    return frame.set_index(frame["seed"].astype(int)).loc[seeds]


def column(frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Return a column as numbers, NaN where it is null or the table lacks it."""
    if name not in frame:
        return np.full(len(frame), np.nan)
    return pd.to_numeric(frame[name], errors="coerce").to_numpy(float)


def _found(study: Study, contrast: Contrast, free: Sequence[str]) -> Any:
    return places(
        study.runs,
        study.claims,
        study.part,
        list(contrast.weights),
        free=free,
        rate=str(contrast.options.get("rate", "own")),
    )


def _rows(place: Place, seeds: NDArray[np.int64]) -> NDArray[np.intp]:
    return np.concatenate(
        [frame.index[frame["seed"].isin(seeds)].to_numpy() for frame in place.arms.values()]
    )
