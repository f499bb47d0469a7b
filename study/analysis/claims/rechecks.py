"""Ways in which a verdict could be wrong: a claim's part with one thing changed, judged again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from study.ablation.configuration.claims import claims_path
from study.ablation.configuration.yaml_files import read_yaml
from study.analysis.claims.records import Claims, Part, Selection
from study.learning.records import UsageError, unknown


@dataclass(frozen=True)
class Recheck:
    """A part of a claim with one thing changed.

    Parameters
    ----------
    claim
        Its id.
    part
        As changed; the name is that of the claim's part.
    doubt, change
        Why the verdict could be wrong; what is otherwise here.
    experiment
        Whose runs are looked at.
    seed
        Of the nets of a claim that needs no training.
    """

    claim: str
    part: Part
    doubt: str
    change: str
    experiment: str
    seed: int = 0


@dataclass(frozen=True)
class Rechecks:
    """All of them, and the claims with the tasks that they add."""

    claims: Claims
    rechecks: tuple[Recheck, ...]


@dataclass(frozen=True)
class _Entry:
    claim: str
    part: str
    doubt: str
    change: str
    experiment: str = ""
    seed: int = 0
    where: Selection = field(default_factory=dict)
    arms: Mapping[str, Selection] = field(default_factory=dict)
    contrasts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_rechecks(claims: Claims, path: Path | None = None) -> Rechecks:
    """Read conf/rechecks.yaml; without such a file there are none.

    Parameters
    ----------
    claims
        What is checked again.
    path
        Of the file, that of the checkout unless given.

    Raises
    ------
    UsageError
        For a claim, part, task, arm or contrast that is not there, or a key that is wrong.
    """
    path = path or claims_path().with_name("rechecks.yaml")
    if not path.is_file():
        return Rechecks(claims, ())
    given = read_yaml(path)
    both = replace(claims, tasks={**claims.tasks, **given.get("tasks", {})})
    return Rechecks(both, tuple(_recheck(both, entry) for entry in given["rechecks"]))


def _recheck(claims: Claims, given: Mapping[str, Any]) -> Recheck:
    try:
        entry = _Entry(**given)
    except TypeError as error:
        raise UsageError(f"rechecks.yaml: {str(error).partition('() ')[2]}: {given}") from None
    culprit = f"rechecks.yaml, {entry.claim}"
    parts = {
        part.name: part
        for claim in claims.claims
        for part in claim.parts
        if claim.id == entry.claim
    }
    if entry.part not in parts:
        raise UsageError(unknown(f"{culprit}: part", entry.part, parts))
    part = parts[entry.part]
    contrasts = {contrast.name: contrast for contrast in part.contrasts}
    for kind, changed, known in (
        ("arm", entry.arms, part.arms),
        ("contrast", entry.contrasts, contrasts),
    ):
        for name in changed:
            if name not in known:
                raise UsageError(unknown(f"{culprit}: {kind}", name, known))
    tasks = entry.where.get("task", [])
    for task in tasks if isinstance(tasks, list) else [tasks]:
        if task not in claims.tasks:
            raise UsageError(unknown(f"{culprit}: task", task, claims.tasks))
    otherwise = replace(
        part,
        where=tuple({**selection, **entry.where} for selection in part.where),
        arms={name: {**arm, **entry.arms.get(name, {})} for name, arm in part.arms.items()},
        contrasts=tuple(
            replace(contrast, options={**contrast.options, **entry.contrasts.get(name, {})})
            for name, contrast in contrasts.items()
        ),
    )
    return Recheck(
        entry.claim,
        otherwise,
        entry.doubt,
        entry.change,
        entry.experiment or claims.experiment,
        entry.seed,
    )
