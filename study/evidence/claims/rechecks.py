"""Robustness checks of verdicts: a claim's part is judged again with one thing changed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from study.checked import NO_OTHER_KEYS, Text, Whole, between, checked, refuse_twice
from study.conf import claims_path, read_yaml
from study.errors import UsageError, unknown
from study.evidence.claims.reading import (
    OWN,
    contrast_of,
    refuse_unknown,
    refuse_unknown_tasks,
)
from study.evidence.claims.records import Claims, Part, Selected, Where

LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True)
class Recheck:
    """A part of a claim with one thing changed, as the file says it.

    Parameters
    ----------
    claim, part
        The claim's id; the part's name.
    doubt, change
        Why the verdict could be wrong; what differs from the claim's part.
    experiment
        Whose runs are looked at.
    seed
        Of the nets of a claim that needs no training.
    where, arms, contrasts
        What is changed: columns of both, and options of contrasts.
    """

    __pydantic_config__ = NO_OTHER_KEYS

    claim: Text
    part: Text
    doubt: Text
    change: Text
    experiment: Text = ""
    seed: Annotated[Whole, between(0, LARGEST_SEED)] = 0
    where: Where = field(default_factory=dict)
    arms: dict[str, Selected] = field(default_factory=dict)
    contrasts: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class _File:
    __pydantic_config__ = NO_OTHER_KEYS

    rechecks: list[Any]
    tasks: dict[str, Selected] = field(default_factory=dict)


def read_rechecks(
    claims: Claims, path: Path | None = None
) -> tuple[Claims, list[tuple[Recheck, Part]]]:
    """Read conf/rechecks.yaml, or another file; without it there are none.

    Returns
    -------
    claims, rechecks
        The claims with the tasks that the file adds, and all rechecks with their changed parts.

    Raises
    ------
    UsageError
        For a claim, part, task, arm or contrast that is not there, or a key that is wrong.
    """
    path = path or claims_path().with_name("rechecks.yaml")
    if not path.is_file():
        return claims, []
    file = "rechecks.yaml: "
    found = checked(_File, read_yaml(path), file)
    refuse_twice(f"{file}with those of claims.yaml, tasks", [*claims.tasks, *found.tasks])
    claims = replace(claims, tasks={**claims.tasks, **found.tasks})
    made = []
    for k, given in enumerate(found.rechecks, 1):
        entry: Recheck = checked(Recheck, given, f"{file}recheck {k}: ")
        entry = replace(entry, experiment=entry.experiment or claims.experiment)
        made.append((entry, _changed(f"{file}recheck {k}", entry, claims)))
    return claims, made


def _changed(culprit: str, entry: Recheck, claims: Claims) -> Part:
    known = {claim.id: claim for claim in claims.claims}
    refuse_unknown(f"{culprit}: claim", entry.claim, known)
    culprit = f"{culprit}, {entry.claim}"
    parts = {part.name: part for part in known[entry.claim].parts}
    refuse_unknown(f"{culprit}: part", entry.part, parts)
    part = parts[entry.part]
    for arm in entry.arms:
        refuse_unknown(f"{culprit}: arm", arm, part.arms)
    for name in entry.contrasts:
        refuse_unknown(f"{culprit}: contrast", name, [c.name for c in part.contrasts])
    changed = replace(
        part,
        where=tuple({**one, **entry.where} for one in part.where),
        arms={arm: {**columns, **entry.arms.get(arm, {})} for arm, columns in part.arms.items()},
    )
    refuse_unknown_tasks(culprit, changed, claims.tasks)
    contrasts = []
    for contrast in part.contrasts:
        options = {**vars(contrast.options), **contrast.limits}
        change = entry.contrasts.get(contrast.name, {})
        where = f"{culprit}: {contrast.name}"
        for key in change:
            if key in OWN:
                raise UsageError(unknown(f"{where}: option", key, options))
        own = {key: getattr(contrast, key) for key in OWN}
        contrasts.append(contrast_of(where, contrast.name, {**own, **options, **change}, changed))
    return replace(changed, contrasts=tuple(contrasts))
