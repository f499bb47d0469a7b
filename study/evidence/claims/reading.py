"""conf/claims.yaml and conf/rechecks.yaml as records, and what every part has to keep to."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, SkipValidation

from study.checked import (
    NO_OTHER_KEYS,
    Flag,
    Number,
    Text,
    Whole,
    between,
    checked,
    one_of,
    refuse_twice,
)
from study.conf import claims_path, read_yaml
from study.errors import UsageError, unknown
from study.evidence.claims.decisions import DECISIONS
from study.evidence.claims.kinds import COMPARISONS
from study.evidence.comparison import UNITS, Contrast
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
    """A question to some of the runs, with a verdict of its own."""

    __pydantic_config__ = NO_OTHER_KEYS

    name: Text
    role: Annotated[str, one_of(*ROLES)]
    where: tuple[Where, ...]  # any may hold; ``task`` names tasks of the file
    arms: dict[str, Selected]  # within `where`
    contrasts: SkipValidation[tuple[Contrast, ...]]
    decision: Text  # name in ``DECISIONS``


@dataclass(frozen=True)
class Claim:
    """A claim, C1 to C12.

    In words, for people: what is asked, and claimed; what is measured, which way the claim goes,
    how it is tested, and when it is supported or contradicted. The first primary part gives the
    effect that the table of verdicts shows.
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
    combine: Annotated[str, one_of(*COMBINATIONS)] = "all"  # primary parts, to one verdict
    holm: Flag = True  # whether its p-value is adjusted together with the other claims'


@dataclass(frozen=True)
class Claims:
    """All claims, and what they share."""

    __pydantic_config__ = NO_OTHER_KEYS

    experiment: Text  # whose runs decide
    level: Annotated[Number, AfterValidator(_level)]  # of the tests, two-sided
    tasks: dict[str, Selected]
    always: Selected  # holds wherever a claim says nothing else
    claims: SkipValidation[tuple[Claim, ...]]


SHARED = ("arms", "contrasts", "decision")
"""What a claim may say once for all of its parts."""
OWN = ("comparison", "weights", "margin")
"""Keys that every contrast has; its others are the comparison's and the decision's."""
ROUNDING = 1e-6  # of weights such as 0.333333


def read_claims(path: Path | None = None) -> Claims:
    """Read the file of claims, that of the checkout unless another is given."""
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
    """Check a contrast against its part, its comparison and the part's decision."""
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


# ---- rechecks: a part is judged again with one thing changed, for the robustness of verdicts


@dataclass(frozen=True)
class Recheck:
    """A part of a claim with one thing changed: where it looks, its arms, or options."""

    __pydantic_config__ = NO_OTHER_KEYS

    claim: Text
    part: Text
    doubt: Text  # why the verdict could be wrong
    change: Text  # what differs from the claim's part
    experiment: Text = ""  # whose runs are looked at
    seed: Annotated[Whole, between(0, 2**31 - 1)] = 0  # of nets, for a claim without training
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

    Returns the claims with the tasks that it adds, and all rechecks with their changed parts.

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
