"""Oracles of the objectives: the term of one pattern, from outputs y and targets t.

Written with probabilities, so for net inputs of a few units only; tests hold the loops' own form,
which never takes ln 0, against these there.
"""

import math
from collections.abc import Callable, Sequence

Term = Callable[[Sequence[float], Sequence[float]], float]


def _squared(y: Sequence[float], t: Sequence[float]) -> float:
    return 0.5 * math.fsum([(a - b) ** 2 for a, b in zip(y, t, strict=True)])


def _units(y: Sequence[float], t: Sequence[float]) -> float:
    pairs = zip(y, t, strict=True)
    return -math.fsum([b * math.log(a) + (1.0 - b) * math.log(1.0 - a) for a, b in pairs])


def _classes(y: Sequence[float], t: Sequence[float]) -> float:
    if len(y) == 1:
        return _units(y, t)
    return -math.fsum([b * math.log(a) for a, b in zip(y, t, strict=True)])


TERMS: dict[str, Term] = {
    "squared_error": _squared,
    "unit_squared_error": _squared,
    "linear_squared_error": _squared,
    "cross_entropy": _classes,
    "unit_cross_entropy": _units,
}
"""Objective -> its term."""
