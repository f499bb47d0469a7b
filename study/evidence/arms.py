"""From a table of runs to the arms that a claim compares, stratum by stratum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.errors import UsageError
from study.evidence.claims.records import Claims, Part, Selection
from study.evidence.runs import REFERENCE, STRUCTURE, Mask, Runs, axis

ANY = "any"
"""In a selection: whatever the column holds; takes back what the file says for always."""
NAMED = 3  # arms without runs that a message names


@dataclass(frozen=True)
class Place:
    """A stratum: the runs of each arm that differ in nothing but what is compared.

    Parameters
    ----------
    task
        Its name: ``digits · tanh``.
    block
        Strata of one block draw their seeds together: they share data and batch order.
    arms
        Name -> runs, with the table's own index.
    """

    task: str
    block: str
    arms: Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Found:
    """The strata of a part, and what was looked for in vain."""

    places: tuple[Place, ...]
    missing: str


def places(
    runs: Runs,
    claims: Claims,
    part: Part,
    arms: Sequence[str],
    *,
    free: Sequence[str] = (),
    rate: str = "own",
) -> Found:
    """Find the strata of a part in which all the arms were run.

    Parameters
    ----------
    runs
        The table.
    claims, part
        What is compared, and where.
    arms
        Those that are needed, of the part's.
    free
        Columns that vary within an arm, such as gain and depth.
    rate
        ``own``: each arm at the rate tuned for it; ``exact``: all at the rate tuned for exact,
        which are the rows of stage ``transfer``, and exact's own evaluation.

    Raises
    ------
    UsageError
        If a seed has two runs in one arm.
    """
    compared = {c for arm in arms for c in part.arms[arm] if axis(c) in STRUCTURE} | set(free)
    columns = [c for c in runs.structure if c not in compared and axis(c) not in compared]
    found: list[Place] = []
    absent: list[str] = []
    for where in part.where:
        for task, selection in _tasks(claims, where):
            base = {**claims.always, **selection}
            masks = {arm: runs.mask(_for_arm(base, part.arms[arm], rate)) for arm in arms}
            anyone = np.logical_or.reduce(list(masks.values()))
            if not anyone.any():
                absent.append(task.replace("_", " ") or "any arm")
                continue
            code, names = _strata(runs, anyone, columns, task, claims)
            for k, name in sorted(enumerate(names), key=lambda pair: pair[1]):
                here = {arm: runs.frame[mask & (code == k)] for arm, mask in masks.items()}
                lacking = [f"{arm} ({name})" for arm, frame in here.items() if frame.empty]
                absent += lacking
                if not lacking:
                    here = _of_one_grid(here, free)
                    _never_twice(part, name, here, free)
                    block = str(here[arms[0]]["dataset"].iloc[0])
                    found.append(Place(name, block, here))
    return Found(tuple(found), _missing(list(dict.fromkeys(absent))))


def _missing(absent: Sequence[str]) -> str:
    if not absent:
        return ""
    more = f" and {len(absent) - NAMED} more" if len(absent) > NAMED else ""
    return f"no runs of {', '.join(absent[:NAMED])}{more}"


def _tasks(claims: Claims, where: Selection) -> Iterator[tuple[str, Selection]]:
    rest = {column: value for column, value in where.items() if column != "task"}
    named = where.get("task", [])
    named = named if isinstance(named, list) else [named]
    if not named:
        yield "", rest
    for task in named:
        yield task, {**claims.tasks[task], **rest}


def _for_arm(base: Selection, arm: Selection, rate: str) -> dict[str, Any]:
    wanted = {c: value for c, value in {**base, **arm}.items() if value != ANY}
    if wanted.get("gradient") == REFERENCE:
        wanted.pop("location", None)  # it has none
    elif rate == "exact":
        wanted["stage"] = "transfer"
    return wanted


def _strata(
    runs: Runs, chosen: Mask, columns: list[str], task: str, claims: Claims
) -> tuple[np.ndarray[Any, Any], list[str]]:
    """Return the number of each chosen row's stratum, -1 elsewhere, and the strata's names.

    Names say task and activation, and what else varies among these strata.
    """
    coded = np.stack(
        [np.zeros(chosen.sum(), np.intp), *(runs.coded(c)[0][chosen] for c in columns)]
    )
    distinct, inverse = np.unique(coded, axis=1, return_inverse=True)
    code = np.full(len(chosen), -1)
    code[chosen] = inverse.reshape(-1)
    rows = [
        {c: runs.values(c)[int(k)] for c, k in zip(columns, column[1:], strict=True)}
        for column in distinct.T
    ]
    fixed = {"dataset", "activation", *claims.tasks.get(task, {})}
    names = []
    for number, row in enumerate(rows):
        first = runs.frame[code == number].iloc[0]
        words = [task or str(first["dataset"]), str(first["activation"])]
        for column in columns:
            varies = len({other[column] for other in rows}) > 1
            if column not in fixed and varies and row[column] is not None:
                value = row[column]
                text = f"{value:g}" if isinstance(value, float) else str(value)
                words.append(f"{column.rpartition('.')[2]} {text}")
        names.append(" · ".join(words).replace("_", " "))
    return code, names


def _of_one_grid(arms: Mapping[str, pd.DataFrame], free: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Keep one of the cells that two grids have in common, each tuned its own way.

    Cells of a grid have the same seeds. Where an arm has a seed at two rates, the rate stays whose
    seeds are those of the other arms; where that does not tell, all stay.
    """
    found = dict(arms)
    if len(arms) < 2 or "learning_rate" in free:
        return found
    keys = list(free)
    for arm, frame in arms.items():
        if not frame.duplicated([*keys, "seed"]).any():
            continue
        others = [other for name, other in found.items() if name != arm]
        kept = []
        for place, cell in frame.groupby(keys, dropna=False) if keys else [((), frame)]:
            seeds = {
                seed
                for other in others
                for seed in (_at(other, keys, place) if keys else other)["seed"]
            }
            rates = {rate: set(runs["seed"]) for rate, runs in cell.groupby("learning_rate")}
            alike = [rate for rate, own in rates.items() if own == seeds]
            whole = len(rates) < 2 or len(alike) != 1
            kept.append(cell if whole else cell[cell["learning_rate"] == alike[0]])
        found[arm] = pd.concat(kept).sort_index()
    return found


def _at(frame: pd.DataFrame, keys: Sequence[str], place: Any) -> pd.DataFrame:
    values = place if isinstance(place, tuple) else (place,)
    chosen = np.ones(len(frame), bool)
    for key, value in zip(keys, values, strict=True):
        chosen &= (frame[key] == value).to_numpy()
    return frame[chosen]


def _never_twice(
    part: Part, name: str, arms: Mapping[str, pd.DataFrame], free: Sequence[str]
) -> None:
    for arm, frame in arms.items():
        twice = frame.duplicated([*free, "seed"])
        if twice.any():
            seed = frame.loc[twice, "seed"].iloc[0]
            raise UsageError(f"{part.name}: two runs of {arm} in {name}, seed {seed}")
