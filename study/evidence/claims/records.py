"""A claim as conf/claims.yaml writes it: which runs are compared, how, and what decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Selection = Mapping[str, Any]
"""Column -> the value wanted, a list of such values, or null for a missing one."""

ROLES = {
    "primary": "decides; its p-value enters Holm's procedure",
    "required": "must be supported too",
    "guard": "must not say the opposite",
    "shown": "is shown beside",
}
COMBINATIONS = {"all": "every primary part", "any": "at least one, and none the opposite"}


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
        What else the comparison and the decision take.
    """

    name: str
    comparison: str
    weights: Mapping[str, float]
    margin: float
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """A question to some of the runs, with a verdict of its own.

    Parameters
    ----------
    name
        For people.
    role
        See `ROLES`.
    where
        The runs: selections, any of which may hold; ``task`` names tasks of the file.
    arms
        Name -> selection, within `where`.
    contrasts, decision
        What is estimated, and the name in ``DECISIONS`` of what judges it.
    """

    name: str
    role: str
    where: tuple[Selection, ...]
    arms: Mapping[str, Selection]
    contrasts: tuple[Contrast, ...]
    decision: str


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
    combine
        How primary parts make one verdict, see `COMBINATIONS`.
    holm
        Whether its p-value is adjusted together with the other claims'.
    parts
        The first primary one gives the effect that the table of verdicts shows.
    """

    id: str
    question: str
    statement: str
    metric: str
    direction: str
    test: str
    rule: str
    combine: str
    holm: bool
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Claims:
    """All claims, and what they share.

    Parameters
    ----------
    experiment
        Whose runs decide.
    level
        Two-sided level of the tests.
    tasks
        Name -> selection.
    always
        A selection that holds wherever a claim says nothing else.
    claims
        In order.
    """

    experiment: str
    level: float
    tasks: Mapping[str, Selection]
    always: Selection
    claims: tuple[Claim, ...]
