"""Checks of what conf/claims.yaml and conf/rechecks.yaml say: a mistake becomes one line."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any

from study.checked import Number, between, checked
from study.errors import UsageError, unknown
from study.evidence.runs import RULE, RUN, STRUCTURE, axis

COLUMNS = (*STRUCTURE, *RULE, *RUN, "rates")
"""What a selection may name, alone or with a parameter after a dot."""

Check = Callable[[str, Any], Any]
"""``check(key, value)`` raises `UsageError` where the value won't do."""


def one_of(kind: str, name: Any, valid: Collection[str]) -> str:
    """Return a name that is among the valid ones."""
    if not isinstance(name, str) or name not in valid:
        raise UsageError(unknown(kind, str(name), valid))
    return name


def among(*valid: str) -> Check:
    """Make a check that a value is one of these words."""
    return lambda key, value: one_of(key, value, valid)


def at_least(low: float) -> Callable[[str, Any], float]:
    """Make a check that a value is a finite number and not below `low`."""
    return lambda key, value: checked(Annotated[Number, between(low)], value, key)


def share(key: str, value: Any) -> float:
    """Return a number from 0 to 1."""
    return checked(Annotated[Number, between(0.0, 1.0)], value, key)


def keys(
    culprit: str, given: Any, needed: Sequence[str], allowed: Sequence[str] = (), kind: str = "key"
) -> dict[str, Any]:
    """Return keys with values, of which none is unknown and none that is needed is missing."""
    found = checked(dict[str, Any], given, culprit)
    for key in found:
        one_of(f"{culprit}: {kind}", key, (*needed, *allowed))
    missing = [key for key in needed if key not in found]
    if missing:
        raise UsageError(f"{culprit} lacks the {kind} {', '.join(missing)}")
    return found


def column(key: str, value: Any) -> str:
    """Return the name of a column that run tables have."""
    one_of(f"{key}: column", axis(value), COLUMNS)
    return str(value)


def selection(key: str, value: Any, tasks: Collection[str] | None = None) -> dict[str, Any]:
    """Return columns with the values wanted.

    Parameters
    ----------
    key
        Where it stands.
    value
        What stands there.
    tasks
        Those that ``task`` may name; None where no task can be named.
    """
    found = checked(dict[str, Any], value, key)
    for name, wanted in found.items():
        values = wanted if isinstance(wanted, list) else [wanted]
        if any(isinstance(one, Mapping | list) for one in values):
            raise UsageError(f"{key}: {name} takes a value or a list of values, not {wanted!r}")
        if name == "task" and tasks is not None:
            for task in values:
                one_of(f"{key}: task", task, tasks)
        else:
            column(key, name)
    return found
