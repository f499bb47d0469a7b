"""conf/claims.yaml as records, and what every part has to keep to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

from study.checked import Number, between, checked, refuse_twice
from study.conf import claims_path, read_yaml
from study.errors import UsageError, unknown
from study.evidence.claims.decisions import DECISIONS, Decision
from study.evidence.claims.kinds import COMPARISONS
from study.evidence.claims.records import Claim, Claims, Part
from study.evidence.comparison import Contrast

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
    shared = checked(Claims, _without(given, "claims"), file)
    entries = checked(list[Any], given["claims"], f"{file}claims")
    made = [_claim(f"{file}claim {k}", entry, shared.tasks) for k, entry in enumerate(entries, 1)]
    refuse_twice(f"{file}id", [claim.id for claim in made])
    return checked(Claims, {**given, "claims": made}, file)


def _claim(culprit: str, given: Any, tasks: Collection[str]) -> Claim:
    entry = checked(dict[str, Any], given, culprit)
    name = entry["id"] if isinstance(entry.get("id"), str) else culprit
    shared = {key: entry[key] for key in SHARED if key in entry}
    entry = {key: value for key, value in entry.items() if key not in SHARED}
    entries = checked(list[Any], entry.get("parts", []), f"{name}: parts")
    claim = checked(Claim, _without(entry, "parts"), f"{name}: ")
    parts = tuple(
        _part(f"{name}, part {k}", part, shared, name, tasks) for k, part in enumerate(entries, 1)
    )
    refuse_twice(f"{name}: name", [part.name for part in parts])
    if not any(part.role == "primary" for part in parts):
        raise UsageError(f"{name} has no primary part")
    return checked(Claim, {**vars(claim), "parts": parts}, f"{name}: ")


def _part(
    culprit: str, entry: Any, shared: dict[str, Any], claim: str, tasks: Collection[str]
) -> Part:
    given = {**shared, **checked(dict[str, Any], entry, culprit)}
    if isinstance(given.get("name"), str):
        culprit = f"{claim}, part {given['name']!r}"
    where = given.get("where")
    if "where" in given and not isinstance(where, list):
        given["where"] = [where]
    contrasts = checked(dict[str, Any], given.get("contrasts", {}), f"{culprit}: contrasts")
    part = checked(Part, _without(given, "contrasts"), f"{culprit}: ")
    refuse_unknown(f"{culprit}: decision", part.decision, DECISIONS)
    refuse_unknown_tasks(culprit, part, tasks)
    decision = DECISIONS[part.decision]
    for name in contrasts:
        refuse_unknown(f"{culprit}: {part.decision}: contrast", name, decision.contrasts)
    lacking = [name for name in decision.contrasts if name not in contrasts]
    if lacking:
        raise UsageError(f"{culprit}: {part.decision} lacks the contrast {', '.join(lacking)}")
    made = [contrast_of(f"{culprit}: {n}", n, entry, part) for n, entry in contrasts.items()]
    return checked(Part, {**vars(part), "contrasts": made}, f"{culprit}: ")


def _without(given: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Leave out what a key holds, which is checked apart; a key that is missing stays missing."""
    return {**given, key: []} if key in given else given


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
    given = checked(dict[str, Any], given, culprit)
    own = {key: value for key, value in given.items() if key in OWN}
    limits = {key: value for key, value in given.items() if key in decision.limits}
    options = {k: value for k, value in given.items() if k not in OWN and k not in limits}
    contrast = checked(Contrast, {"name": name, **own}, f"{culprit}: ")
    refuse_unknown(f"{culprit}: comparison", contrast.comparison, COMPARISONS)
    comparison = COMPARISONS[contrast.comparison]
    _check_arms(culprit, contrast, part, decision)
    margin = Annotated[Number, between(comparison.least_margin)]
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
    return Contrast(name, contrast.comparison, contrast.weights, contrast.margin, made, limits)


def _check_arms(culprit: str, contrast: Contrast, part: Part, decision: Decision) -> None:
    comparison = COMPARISONS[contrast.comparison]
    if decision.units and comparison.unit not in decision.units:
        fitting = [name for name, kind in COMPARISONS.items() if kind.unit in decision.units]
        refuse_unknown(f"{culprit}: comparison for {part.decision}", comparison.name, fitting)
    for arm in contrast.weights:
        refuse_unknown(f"{culprit}: arm", arm, part.arms)
    fewest, most = comparison.arms
    if not fewest <= len(contrast.weights) <= most:
        wanted = f"{fewest}" if fewest == most else f"{fewest} or more"
        raise UsageError(
            f"{culprit}: {comparison.name} takes weights of {wanted} arms, "
            f"not of {len(contrast.weights)}"
        )
    total = sum(contrast.weights.values())
    if abs(total) > ROUNDING or 0.0 in contrast.weights.values():
        raise UsageError(f"{culprit}: weights must not be 0 and add up to 0, not to {total:g}")
