"""conf/claims.yaml as records, and what every part has to keep to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study.checked import Flag, Number, Text, checked, refuse_twice
from study.conf import claims_path, read_yaml
from study.errors import UsageError
from study.evidence.claims.checking import at_least, keys, one_of, selection
from study.evidence.claims.decisions import DECISIONS, Decision
from study.evidence.claims.kinds import COMPARISONS
from study.evidence.claims.records import (
    COMBINATIONS,
    ROLES,
    Claim,
    Claims,
    Contrast,
    Part,
    Selection,
)

WORDS = ("id", "question", "statement", "metric", "direction", "test", "rule")
SHARED = ("arms", "contrasts", "decision")
"""What a claim may say once for all of its parts."""
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
    file = "claims.yaml"
    keys(file, given, ("experiment", "level", "tasks", "always", "claims"))
    level = checked(Number, given["level"], f"{file}: level")
    if not 0.0 < level < 1.0:
        raise UsageError(f"{file}: level = {level:g} is out of range: above 0 and below 1")
    tasks = tasks_from(file, given["tasks"])
    entries = checked(list[Any], given["claims"], f"{file}: claims")
    made = tuple(_claim(f"{file}: claim {k}", entry, tasks) for k, entry in enumerate(entries, 1))
    refuse_twice(f"{file}: id", [claim.id for claim in made])
    return Claims(
        experiment=checked(Text, given["experiment"], f"{file}: experiment"),
        level=level,
        tasks=tasks,
        always=selection(f"{file}: always", given["always"]),
        claims=made,
    )


def tasks_from(file: str, given: Any) -> dict[str, Selection]:
    """Return names of tasks with the runs they mean."""
    named = checked(dict[str, Any], given, f"{file}: tasks")
    return {name: selection(f"{file}: tasks: {name}", task) for name, task in named.items()}


def _claim(culprit: str, given: Any, tasks: Mapping[str, Selection]) -> Claim:
    entry = checked(dict[str, Any], given, culprit)
    name = checked(Text, entry["id"], f"{culprit}: id") if "id" in entry else culprit
    keys(name, entry, (*WORDS, "parts"), ("combine", "holm", *SHARED))
    shared = {key: entry[key] for key in SHARED if key in entry}
    parts = tuple(
        _part(f"{name}, part {k}", part, shared, name, tasks)
        for k, part in enumerate(checked(list[Any], entry["parts"], f"{name}: parts"), 1)
    )
    refuse_twice(f"{name}: name", [part.name for part in parts])
    if not any(part.role == "primary" for part in parts):
        raise UsageError(f"{name} has no primary part")
    texts = {
        word: " ".join(checked(Text, entry[word], f"{name}: {word}").split()) for word in WORDS
    }
    return Claim(
        **texts,
        combine=one_of(f"{name}: combine", entry.get("combine", "all"), COMBINATIONS),
        holm=checked(Flag, entry.get("holm", True), f"{name}: holm"),
        parts=parts,
    )


def _part(
    culprit: str,
    given: Any,
    shared: Mapping[str, Any],
    claim: str,
    tasks: Mapping[str, Selection],
) -> Part:
    given = {**shared, **checked(dict[str, Any], given, culprit)}
    if isinstance(given.get("name"), str):
        culprit = f"{claim}, part {given['name']!r}"
    keys(culprit, given, ("name", "role", "where", *SHARED))
    where = given["where"] if isinstance(given["where"], list) else [given["where"]]
    arms = checked(dict[str, Any], given["arms"], f"{culprit}: arms")
    contrasts = checked(dict[str, Any], given["contrasts"], f"{culprit}: contrasts")
    part = Part(
        name=checked(Text, given["name"], f"{culprit}: name"),
        role=one_of(f"{culprit}: role", given["role"], ROLES),
        where=tuple(selection(f"{culprit}: where", one, tasks) for one in where),
        arms={name: selection(f"{culprit}: arm {name}", arm) for name, arm in arms.items()},
        contrasts=tuple(_contrast(f"{culprit}: {n}", n, entry) for n, entry in contrasts.items()),
        decision=one_of(f"{culprit}: decision", given["decision"], DECISIONS),
    )
    check_part(culprit, part)
    return part


def _contrast(culprit: str, name: str, given: Any) -> Contrast:
    options = checked(dict[str, Any], given, culprit)
    # its other keys are the comparison's and the decision's: see check_part
    needed = ("comparison", "weights", "margin")
    keys(culprit, options, needed, tuple(options))
    weights = checked(dict[str, Any], options.pop("weights"), f"{culprit}: weights")
    return Contrast(
        name=name,
        comparison=one_of(f"{culprit}: comparison", options.pop("comparison"), COMPARISONS),
        weights={
            arm: checked(Number, w, f"{culprit}: weight {arm}") for arm, w in weights.items()
        },
        margin=options.pop("margin"),
        options=options,
    )


def check_part(culprit: str, part: Part) -> None:
    """Check that a part's contrasts are what its decision and their comparisons take.

    Raises
    ------
    UsageError
        For a contrast, arm or option that is missing or unknown, or a value that won't do.
    """
    decision = DECISIONS[part.decision]
    named = {contrast.name: contrast for contrast in part.contrasts}
    keys(f"{culprit}: {part.decision}", named, decision.contrasts, kind="contrast")
    for contrast in part.contrasts:
        _check_contrast(f"{culprit}: {contrast.name}", contrast, part, decision)


def _check_contrast(culprit: str, contrast: Contrast, part: Part, decision: Decision) -> None:
    comparison = COMPARISONS[contrast.comparison]
    if decision.units and comparison.unit not in decision.units:
        fitting = [name for name, kind in COMPARISONS.items() if kind.unit in decision.units]
        one_of(f"{culprit}: comparison for {part.decision}", comparison.name, fitting)
    fewest, most = comparison.arms
    for arm in contrast.weights:
        one_of(f"{culprit}: arm", arm, part.arms)
    if not fewest <= len(contrast.weights) <= most:
        wanted = f"{fewest}" if fewest == most else f"{fewest} or more"
        raise UsageError(
            f"{culprit}: {comparison.name} takes weights of {wanted} arms, "
            f"not of {len(contrast.weights)}"
        )
    total = sum(contrast.weights.values())
    if abs(total) > ROUNDING or 0.0 in contrast.weights.values():
        raise UsageError(f"{culprit}: weights must not be 0 and add up to 0, not to {total:g}")
    least = at_least(comparison.least_margin)
    margin = least(f"{culprit}: margin", contrast.margin)
    options = {option.name: option for option in comparison.options}
    needed = [name for name, option in options.items() if option.needed]
    optional = [name for name in options if name not in needed]
    keys(culprit, contrast.options, [*needed, *decision.limits], optional, kind="option")
    for name, value in contrast.options.items():
        if name in options:
            options[name].check(f"{culprit}: {name}", value)
        elif least(f"{culprit}: {name}", value) > margin:
            raise UsageError(f"{culprit}: {name} = {value:g} is above the margin, {margin:g}")
