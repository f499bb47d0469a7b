"""Ways in which a verdict could be wrong: a claim's part with one thing changed, judged again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from study.checked import Text, Whole, between, checked, refuse_twice
from study.conf import claims_path, read_yaml
from study.evidence.claims.checking import keys, one_of, selection
from study.evidence.claims.reading import check_part, tasks_from
from study.evidence.claims.records import Claims, Part

FILE = "rechecks.yaml"
TEXTS = ("claim", "part", "doubt", "change")
SEED = Annotated[Whole, between(0, 2**31 - 1)]


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
    given = keys(FILE, read_yaml(path), ("rechecks",), ("tasks",))
    tasks = tasks_from(FILE, given.get("tasks", {}))
    refuse_twice(f"{FILE}: with those of claims.yaml, tasks", [*claims.tasks, *tasks])
    both = replace(claims, tasks={**claims.tasks, **tasks})
    entries = checked(list[Any], given["rechecks"], f"{FILE}: rechecks")
    return Rechecks(
        both, tuple(_recheck(f"{FILE}: recheck {k}", e, both) for k, e in enumerate(entries, 1))
    )


def _recheck(culprit: str, given: Any, claims: Claims) -> Recheck:
    entry = keys(culprit, given, TEXTS, ("experiment", "seed", "where", "arms", "contrasts"))
    texts = {key: checked(Text, entry[key], f"{culprit}: {key}") for key in TEXTS}
    known = {claim.id: claim for claim in claims.claims}
    name = one_of(f"{culprit}: claim", texts["claim"], known)
    culprit = f"{culprit}, {name}"
    parts = {part.name: part for part in known[name].parts}
    part = parts[one_of(f"{culprit}: part", texts["part"], parts)]
    where = selection(f"{culprit}: where", entry.get("where", {}), claims.tasks)
    arms = {
        arm: selection(f"{culprit}: arm {arm}", change)
        for arm, change in keys(
            f"{culprit}: arms", entry.get("arms", {}), (), tuple(part.arms), kind="arm"
        ).items()
    }
    names = tuple(contrast.name for contrast in part.contrasts)
    options = {
        contrast: checked(dict[str, Any], change, f"{culprit}: {contrast}")
        for contrast, change in keys(
            f"{culprit}: contrasts", entry.get("contrasts", {}), (), names, kind="contrast"
        ).items()
    }
    otherwise = replace(
        part,
        where=tuple({**one, **where} for one in part.where),
        arms={arm: {**columns, **arms.get(arm, {})} for arm, columns in part.arms.items()},
        contrasts=tuple(
            replace(contrast, options={**contrast.options, **options.get(contrast.name, {})})
            for contrast in part.contrasts
        ),
    )
    check_part(culprit, otherwise)
    return Recheck(
        claim=name,
        part=otherwise,
        doubt=texts["doubt"],
        change=texts["change"],
        experiment=checked(
            Text, entry.get("experiment", claims.experiment), f"{culprit}: experiment"
        ),
        seed=checked(SEED, entry.get("seed", 0), f"{culprit}: seed"),
    )
