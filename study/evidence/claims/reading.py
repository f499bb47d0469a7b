"""conf/claims.yaml as records, and what every part has to keep to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from study.checked import Number, between, checked, refuse_twice
from study.conf import claims_path, read_yaml
from study.errors import UsageError, unknown
from study.evidence.claims.decisions import DECISIONS
from study.evidence.claims.kinds import COMPARISONS
from study.evidence.claims.records import Claim, Claims, Part
from study.evidence.comparison import UNITS, Contrast

SHARED = ("arms", "contrasts", "decision")
"""What a claim may say once for all of its parts."""
OWN = ("comparison", "weights", "margin")
"""Keys that every contrast has; its others are the comparison's and the decision's."""
ROUNDING = 1e-6  # of weights such as 0.333333


def read_claims(path: Path | None = None) -> Claims:
    """Read the file of claims, that of the checkout unless another is given.

    Raises
    ------
    UsageError
        Where it is missing or wrong, in one line.
    """
    return claims_from(read_yaml(path or claims_path()))


def claims_from(given: Mapping[str, Any]) -> Claims:
    """Check the file's content and make records of it.

    Raises
    ------
    UsageError
        For a key, a name or a value that is missing, unknown or of another kind.
    """
    file = "claims.yaml: "
    claims: Claims = checked(Claims, given, file)
    entries = checked(list[Any], claims.claims, f"{file}claims")
    made = [_claim(f"{file}claim {k}", entry, claims.tasks) for k, entry in enumerate(entries, 1)]
    refuse_twice(f"{file}id", [claim.id for claim in made])
    return replace(claims, claims=tuple(made))


def _claim(culprit: str, given: Any, tasks: Collection[str]) -> Claim:
    entry = checked(dict[str, Any], given, culprit)
    name = entry["id"] if isinstance(entry.get("id"), str) else culprit
    shared = {key: entry.pop(key) for key in SHARED if key in entry}
    claim: Claim = checked(Claim, entry, f"{name}: ")
    parts = tuple(
        _part(name, k, shared, part, tasks)
        for k, part in enumerate(checked(list[Any], claim.parts, f"{name}: parts"), 1)
    )
    refuse_twice(f"{name}: name", [part.name for part in parts])
    if not any(part.role == "primary" for part in parts):
        raise UsageError(f"{name} has no primary part")
    return replace(claim, parts=parts)


def _part(
    claim: str, number: int, shared: dict[str, Any], entry: Any, tasks: Collection[str]
) -> Part:
    culprit = f"{claim}, part {number}"
    given = {**shared, **checked(dict[str, Any], entry, culprit)}
    if isinstance(given.get("name"), str):
        culprit = f"{claim}, part {given['name']!r}"
    if "where" in given and not isinstance(given["where"], list):
        given["where"] = [given["where"]]
    part: Part = checked(Part, given, f"{culprit}: ")
    contrasts = checked(dict[str, Any], part.contrasts, f"{culprit}: contrasts")
    refuse_unknown(f"{culprit}: decision", part.decision, DECISIONS)
    refuse_unknown_tasks(culprit, part, tasks)
    wanted = DECISIONS[part.decision].contrasts
    for name in contrasts:
        refuse_unknown(f"{culprit}: {part.decision}: contrast", name, wanted)
    lacking = [name for name in wanted if name not in contrasts]
    if lacking:
        raise UsageError(f"{culprit}: {part.decision} lacks the contrast {', '.join(lacking)}")
    made = [contrast_of(f"{culprit}: {n}", n, entry, part) for n, entry in contrasts.items()]
    return replace(part, contrasts=tuple(made))


def refuse_unknown(kind: str, name: str, valid: Collection[str]) -> None:
    """Refuse a name that is not among the valid ones."""
    if name not in valid:
        raise UsageError(unknown(kind, name, valid))


def refuse_unknown_tasks(culprit: str, part: Part, tasks: Collection[str]) -> None:
    """Refuse tasks that the file does not define."""
    for where in part.where:
        named = where.get("task", [])
        for task in named if isinstance(named, list) else [named]:
            refuse_unknown(f"{culprit}: where: task", task, tasks)


def contrast_of(culprit: str, name: str, given: Any, part: Part) -> Contrast:
    """Check a contrast against its part, its comparison and the part's decision.

    Raises
    ------
    UsageError
        For an arm or option that is missing or unknown, or a value that won't do.
    """
    decision = DECISIONS[part.decision]
    options = checked(dict[str, Any], given, culprit)
    own = {key: options.pop(key) for key in OWN if key in options}
    limits = {key: options.pop(key) for key in decision.limits if key in options}
    contrast: Contrast = checked(Contrast, {"name": name, **own}, f"{culprit}: ")
    refuse_unknown(f"{culprit}: comparison", contrast.comparison, COMPARISONS)
    comparison, weights = COMPARISONS[contrast.comparison], contrast.weights
    if decision.units and comparison.unit not in decision.units:
        fitting = [name for name, kind in COMPARISONS.items() if kind.unit in decision.units]
        refuse_unknown(f"{culprit}: comparison for {part.decision}", contrast.comparison, fitting)
    for arm in weights:
        refuse_unknown(f"{culprit}: arm", arm, part.arms)
    fewest, most = comparison.arms
    if not fewest <= len(weights) <= most:
        wanted = f"{fewest}" if fewest == most else f"{fewest} or more"
        raise UsageError(
            f"{culprit}: {contrast.comparison} takes weights of {wanted} arms, "
            f"not of {len(weights)}"
        )
    total = sum(weights.values())
    if abs(total) > ROUNDING or 0.0 in weights.values():
        raise UsageError(f"{culprit}: weights must not be 0 and add up to 0, not to {total:g}")
    margin = Annotated[Number, between(UNITS[comparison.unit][2])]
    checked(margin, contrast.margin, f"{culprit}: margin")
    for limit in decision.limits:
        if limit not in limits:
            raise UsageError(f"{culprit} lacks the option {limit}")
        value = checked(margin, limits[limit], f"{culprit}: {limit}")
        if value > contrast.margin:
            raise UsageError(
                f"{culprit}: {limit} = {value:g} is above the margin, {contrast.margin:g}"
            )
    made = checked(comparison.options, options, f"{culprit}: ")
    return replace(contrast, options=made, limits=limits)
