"""A claim as conf/claims.yaml writes it: which runs are compared, how, and what decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from study.learning.records import UsageError, unknown

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


def claims_from(given: Mapping[str, Any]) -> Claims:
    """Check the file's content and make records of it.

    Raises
    ------
    UsageError
        For a key that is missing or unknown, or a name that is.
    """
    _keys("claims.yaml", given, ("experiment", "level", "tasks", "always", "claims"))
    tasks = dict(given["tasks"])
    made = tuple(_claim(entry, tasks) for entry in given["claims"])
    return Claims(
        str(given["experiment"]), float(given["level"]), tasks, dict(given["always"]), made
    )


def _claim(entry: Mapping[str, Any], tasks: Mapping[str, Selection]) -> Claim:
    name = str(entry.get("id"))
    words = ("id", "question", "statement", "metric", "direction", "test", "rule")
    shared = ("arms", "contrasts", "decision")
    _keys(name, entry, (*words, "parts"), ("combine", "holm", *shared))
    combine = str(entry.get("combine", "all"))
    _one_of(f"{name}: combine", combine, COMBINATIONS)
    parts = tuple(
        _part(name, {key: entry[key] for key in shared if key in entry} | dict(part), tasks)
        for part in entry["parts"]
    )
    if not any(part.role == "primary" for part in parts):
        raise UsageError(f"{name} has no primary part")
    texts = {word: " ".join(str(entry[word]).split()) for word in words}
    return Claim(**texts, combine=combine, holm=bool(entry.get("holm", True)), parts=parts)


def _part(claim: str, given: Mapping[str, Any], tasks: Mapping[str, Selection]) -> Part:
    culprit = f"{claim}, part {given.get('name')!r}"
    _keys(culprit, given, ("name", "role", "where", "arms", "contrasts", "decision"))
    _one_of(f"{culprit}: role", str(given["role"]), ROLES)
    where = given["where"] if isinstance(given["where"], list) else [given["where"]]
    for selection in where:
        for task in _listed(selection.get("task", [])):
            _one_of(f"{culprit}: task", task, tasks)
    contrasts = tuple(
        _contrast(culprit, name, dict(entry)) for name, entry in given["contrasts"].items()
    )
    for contrast in contrasts:
        for arm in contrast.weights:
            _one_of(f"{culprit}: arm", arm, given["arms"])
    return Part(
        name=str(given["name"]),
        role=str(given["role"]),
        where=tuple(where),
        arms=dict(given["arms"]),
        contrasts=contrasts,
        decision=str(given["decision"]),
    )


def _contrast(culprit: str, name: str, given: dict[str, Any]) -> Contrast:
    _keys(f"{culprit}: {name}", given, ("comparison", "weights", "margin"), None)
    return Contrast(
        name=name,
        comparison=str(given.pop("comparison")),
        weights={arm: float(w) for arm, w in given.pop("weights").items()},
        margin=float(given.pop("margin")),
        options=given,
    )


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]


def _one_of(culprit: str, name: str, valid: Mapping[str, Any]) -> None:
    if name not in valid:
        raise UsageError(unknown(culprit, name, valid))


def _keys(
    culprit: str,
    given: Mapping[str, Any],
    needed: Sequence[str],
    allowed: Sequence[str] | None = (),
) -> None:
    missing = [key for key in needed if key not in given]
    if missing:
        raise UsageError(f"{culprit} lacks: {', '.join(missing)}")
    if allowed is not None:
        for key in given:
            if key not in (*needed, *allowed):
                raise UsageError(unknown(f"{culprit}: key", key, [*needed, *allowed]))
