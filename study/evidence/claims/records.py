"""A claim as conf/claims.yaml writes it: which runs are compared, how, and what decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, SkipValidation

from study.checked import NO_OTHER_KEYS, Flag, Number, Text, one_of
from study.errors import unknown
from study.evidence.comparison import Contrast
from study.evidence.runs import COLUMNS, axis

ROLES = {
    "primary": "decides; its p-value enters Holm's procedure",
    "required": "must be supported too",
    "guard": "must not say the opposite",
    "shown": "is shown beside",
}
COMBINATIONS = {"all": "every primary part", "any": "at least one, and none the opposite"}


def _columns(*valid: str) -> AfterValidator:
    def check(given: dict[str, Any]) -> dict[str, Any]:
        for name, wanted in given.items():
            values = wanted if isinstance(wanted, list) else [wanted]
            if any(isinstance(value, Mapping | list) for value in values):
                raise ValueError(f": {name} takes a value or a list of values, not {wanted!r}")
            if axis(name) not in valid:
                raise ValueError(f"has an {unknown('column', name, valid)}")
        return given

    return AfterValidator(check)


def _level(level: float) -> float:
    if not 0.0 < level < 1.0:
        raise ValueError(f"= {level:g} is out of range: above 0 and below 1")
    return level


Selected = Annotated[dict[str, Any], _columns(*COLUMNS)]
"""A selection whose columns a run table can have."""
Where = Annotated[dict[str, Any], _columns(*COLUMNS, "task")]
"""The same, by the names of tasks too."""
Line = Annotated[Text, AfterValidator(lambda text: " ".join(text.split()))]


@dataclass(frozen=True)
class Part:
    """A question to some of the runs, with a verdict of its own.

    Parameters
    ----------
    name, role
        For people; see `ROLES`.
    where, arms
        The runs: selections, any of which may hold, ``task`` names tasks of the file; and name ->
        selection, within `where`.
    contrasts, decision
        What is estimated, and the name in ``DECISIONS`` of what judges it.
    """

    __pydantic_config__ = NO_OTHER_KEYS

    name: Text
    role: Annotated[str, one_of(*ROLES)]
    where: tuple[Where, ...]
    arms: dict[str, Selected]
    contrasts: SkipValidation[tuple[Contrast, ...]]
    decision: Text


@dataclass(frozen=True)
class Claim:
    """A claim.

    Parameters
    ----------
    id, question, statement
        C1 to C12; what is asked; what is claimed.
    metric, direction, test, rule
        In words, for people: what is measured, which way the claim goes, how it is tested, and
        when it is supported or contradicted.
    parts
        The first primary one gives the effect that the table of verdicts shows.
    combine
        How primary parts make one verdict, see `COMBINATIONS`.
    holm
        Whether its p-value is adjusted together with the other claims'.
    """

    __pydantic_config__ = NO_OTHER_KEYS

    id: Line
    question: Line
    statement: Line
    metric: Line
    direction: Line
    test: Line
    rule: Line
    parts: SkipValidation[tuple[Part, ...]]
    combine: Annotated[str, one_of(*COMBINATIONS)] = "all"
    holm: Flag = True


@dataclass(frozen=True)
class Claims:
    """All claims, and what they share.

    Parameters
    ----------
    experiment
        Whose runs decide.
    level
        Two-sided level of the tests.
    tasks, always
        Selections by name, and one that holds wherever a claim says nothing else.
    claims
        In order.
    """

    __pydantic_config__ = NO_OTHER_KEYS

    experiment: Text
    level: Annotated[Number, AfterValidator(_level)]
    tasks: dict[str, Selected]
    always: Selected
    claims: SkipValidation[tuple[Claim, ...]]
