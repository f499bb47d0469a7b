"""From a table of runs to the arms that are compared, stratum by stratum."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.errors import UsageError
from study.evidence.runs import REFERENCE, STRUCTURE, Runs, Selection, axis, number_of, word

ANY = "any"
"""In a selection: any value of the column, also where the study restricts it everywhere."""
NAMED = 3  # arms without runs that a message names

Seeds = NDArray[np.int64]
Arms = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Place:
    """A stratum: the runs of each arm, which differ in nothing but what is compared.

    Strata of one block draw their seeds together: they share data and batch order.
    """

    task: str  # its name: ``digits · tanh``
    block: str
    arms: Arms  # with the table's own index

    @cached_property
    def seeds(self) -> Seeds:
        """The seeds that all arms have, in rising order: pairs are formed on these."""
        sets = [set(frame["seed"].astype(int)) for frame in self.arms.values()]
        return np.array(sorted(set.intersection(*sets)), dtype=np.int64)

    def paired(self, arm: str) -> pd.DataFrame:
        """Return an arm's runs of the common seeds, in their order."""
        frame = self.arms[arm]
        return frame.set_index(frame["seed"].astype(int)).loc[self.seeds]

    def rows(self, seeds: Seeds) -> NDArray[np.intp]:
        """Return the rows of the table that hold these seeds."""
        frames = self.arms.values()
        return np.concatenate([f.index[f["seed"].isin(seeds)].to_numpy() for f in frames])


@dataclass(frozen=True)
class Study:
    """The runs among which arms are looked for, and the arms."""

    runs: Runs
    where: Sequence[Selection]  # any may hold; ``task`` names entries of `tasks`
    arms: Mapping[str, Selection]  # within `where`
    tasks: Mapping[str, Selection]
    always: Selection  # holds wherever nothing else is said
    checks: pd.DataFrame | None = None  # of gradients, where they were made
    name: str = "figure"  # for messages

    def places(
        self, arms: Sequence[str], *, free: Sequence[str] = (), rate: str = "own"
    ) -> tuple[tuple[Place, ...], str]:
        """Find the strata in which all these arms were run, and name arms without runs.

        Columns that are `free` vary within an arm, such as gain and depth. With the rate ``own``
        each arm is taken at the rate tuned for it, with ``exact`` all at the rate tuned for exact:
        the rows of stage ``transfer``, and exact's own evaluation. A seed with two runs in one arm
        raises `UsageError`.
        """
        compared = {c for arm in arms for c in self.arms[arm] if axis(c) in STRUCTURE} | set(free)
        columns = [c for c in self.runs.structure if not {c, axis(c)} & compared]
        found: list[Place] = []
        absent: dict[str, None] = {}
        for task, selection in self._tasks():
            base = {**self.always, **selection}
            wanted = {arm: _of_arm({**base, **self.arms[arm]}, rate) for arm in arms}
            masks = {arm: self.runs.mask(selection) for arm, selection in wanted.items()}
            chosen = self.runs.frame[np.logical_or.reduce(list(masks.values()))]
            if chosen.empty:
                absent[task.replace("_", " ") or "any arm"] = None
            fixed = {"dataset", "activation", *self.tasks.get(task, {})}
            for name, stratum in _strata(chosen, columns, task, fixed):
                here = {arm: stratum[mask[stratum.index]] for arm, mask in masks.items()}
                lacking = [f"{arm} ({name})" for arm, frame in here.items() if frame.empty]
                absent |= dict.fromkeys(lacking)
                if lacking:
                    continue
                here = _of_one_grid(here, free)
                for arm, frame in here.items():
                    for seed in frame.loc[frame.duplicated([*free, "seed"]), "seed"]:
                        raise UsageError(f"{self.name}: two runs of {arm} in {name}, seed {seed}")
                found.append(Place(name, str(here[arms[0]]["dataset"].iloc[0]), here))
        more = f" and {len(absent) - NAMED} more" if len(absent) > NAMED else ""
        missing = f"no runs of {', '.join([*absent][:NAMED])}{more}" if absent else ""
        return tuple(found), missing

    def _tasks(self) -> Iterator[tuple[str, Selection]]:
        for where in self.where:
            rest = {column: value for column, value in where.items() if column != "task"}
            named = where.get("task", "")
            for task in named if isinstance(named, list) else [named]:
                yield task, {**self.tasks[task], **rest} if task else rest


def _of_arm(selection: Selection, rate: str) -> dict[str, Any]:
    wanted = {column: value for column, value in selection.items() if value != ANY}
    if wanted.get("gradient") == REFERENCE:
        wanted.pop("location", None)  # it has none
    elif rate == "exact":
        wanted["stage"] = "transfer"
    return wanted


def _strata(
    chosen: pd.DataFrame, columns: Sequence[str], task: str, fixed: set[str]
) -> list[tuple[str, pd.DataFrame]]:
    """Split rows by stratum, with names that say task, activation, and what else varies."""
    groups = [group for _, group in chosen.groupby(number_of(chosen, columns))]
    firsts = [group.iloc[0] for group in groups]
    values = {c: [word(first[c]) for first in firsts] for c in columns if c not in fixed}
    varying = {c: found for c, found in values.items() if len(set(found)) > 1}
    named = []
    for k, (first, group) in enumerate(zip(firsts, groups, strict=True)):
        words = [task or str(first["dataset"]), str(first["activation"])]
        for column, found in varying.items():
            value = found[k]
            if value is not None:
                text = f"{value:g}" if isinstance(value, float) else str(value)
                words.append(f"{column.rpartition('.')[2]} {text}")
        named.append((" · ".join(words).replace("_", " "), group))
    return sorted(named, key=lambda pair: pair[0])


def _of_one_grid(arms: Arms, free: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Keep one of two cells that two grids have in common, each tuned its own way.

    Cells of one grid have the same seeds. Where an arm has a seed at two rates, the rate is kept
    whose seeds are those of the other arms. Where that does not tell, all runs are kept.
    """
    found = dict(arms)
    if len(arms) < 2 or "learning_rate" in free:
        return found
    for arm, frame in arms.items():
        if not frame.duplicated([*free, "seed"]).any():
            continue
        others = pd.concat([other for name, other in found.items() if name != arm]).assign(_=0)
        seeds = {key: set(cell["seed"]) for key, cell in others.groupby(["_", *free])}
        kept = []
        for key, cell in frame.assign(_=0).groupby(["_", *free], dropna=False):
            of_rate = {rate: set(runs["seed"]) for rate, runs in cell.groupby("learning_rate")}
            alike = [rate for rate, own in of_rate.items() if own == seeds.get(key, set())]
            kept.append(cell[cell["learning_rate"] == alike[0]] if len(alike) == 1 else cell)
        found[arm] = pd.concat(kept).sort_index().drop(columns="_")
    return found


def numbers(frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Return a column as numbers, NaN where it is null or the table lacks it."""
    if name not in frame:
        return np.full(len(frame), np.nan)
    return pd.to_numeric(frame[name], errors="coerce").to_numpy(float)
