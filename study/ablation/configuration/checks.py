"""Checks of single values in a configuration: a mistake becomes one line that names the key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from study.errors import UsageError, unknown


def known(prefix: str, given: Mapping[str, Any], valid: Sequence[str]) -> None:
    """Refuse keys that are not among the valid ones."""
    for key in given:
        if key not in valid:
            raise UsageError(
                unknown("configuration key", f"{prefix}{key}", [prefix + v for v in valid])
            )


def mapping(key: str, value: Any) -> Mapping[str, Any]:
    """Return keys with values."""
    if not isinstance(value, Mapping):
        raise UsageError(f"{key} takes keys with values, not {value!r}")
    return value


def names(key: str, value: Any) -> tuple[str, ...]:
    """Return a list of words."""
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise UsageError(f"{key} takes a list of names, not {value!r}")
    return tuple(value)


def text(key: str, value: Any) -> str:
    """Return words."""
    if not isinstance(value, str):
        raise UsageError(f"{key} takes a text, not {value!r}")
    return value


def refuse_twice(key: str, values: Sequence[Any]) -> None:
    """Refuse a value that a list has twice, as a slip of the pen does."""
    for at, value in enumerate(values):
        if value in values[:at]:
            raise UsageError(f"{key} has {value!r} twice: each value once")


def whole(key: str, value: Any, low: int, high: int) -> int:
    """Return a whole number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"{key} takes a whole number, not {value!r}")
    if not low <= value <= high:
        raise UsageError(f"{key} = {value} is out of range: {low} to {high}")
    return value


def number(key: str, value: Any, low: float) -> float:
    """Return a finite number of at least `low`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise UsageError(f"{key} takes a number, not {value!r}")
    if value < low:
        raise UsageError(f"{key} = {value:g} is out of range: {low:g} or more")
    return float(value)


def flag(key: str, value: Any) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise UsageError(f"{key} takes true or false, not {value!r}")
    return value
