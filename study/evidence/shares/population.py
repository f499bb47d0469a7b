"""A population's tables: its tasks, and the runs of each task's arms."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from study.ablation.configuration.protocol import REFINING_SEEDS_FROM
from study.errors import UsageError
from study.evidence.runs import NothingToShow, Selection, columns_of, number_of, word
from study.evidence.shares.reading import FACTS, Shares, read_shares
from study.evidence.sources import files_of, folder_of, place_of, read_table
from study.evidence.statistics import remaining
from study.learning.outcomes import LEAST_SHARE

LEAST_R2 = -1.0
"""A lower R2 counts as this: a mean over seeds is not one seed's."""
TASKS = "tasks.parquet"
ARM = ("gradient", "location", "consistent", "optimizer")
NEEDED = (
    *("task", "seed", "stage", "learning_rate", "final_objective", "constant_objective"),
    *("optimum", "failed", "test_score", "updates_to_target", "updates"),
)


@dataclass(frozen=True)
class Population:
    """The tasks, a row each with ``task`` as index; and their runs.

    Runs have ``task, seed, stage, learning_rate, failed, updates, updates_to_target`` and

    - ``arm``: its name in conf/shares.yaml; runs of no arm are left out
    - ``left``: excess share of the final objective, at least 1e-9, and 1 for a failed run
    - ``tied``: whether the share is at that floor
    - ``test``, ``stopped_test``: accuracy or R2 in points. A run that diverged counts as
      chance, and R2 below -1 as -1.
    """

    tasks: pd.DataFrame
    runs: pd.DataFrame
    shares: Shares

    def narrowed(self, tasks: Any) -> "Population":
        """Return the population of some of its tasks, given as a mask."""
        kept = self.tasks[tasks]
        return replace(self, tasks=kept, runs=self.runs[self.runs["task"].isin(kept.index)])


def has_population(base: Path, experiment: str) -> bool:
    """Tell whether results of a population are there, its own or published ones."""
    folder = place_of(base, experiment)
    return folder is not None and (folder / TASKS).is_file()


def read_population(base: Path) -> Population:
    """Read conf/shares.yaml, and the tables of its experiment, its own or published ones.

    Raises
    ------
    UsageError
        Where they are missing or damaged, or lack a column; `NothingToShow` without runs.
    """
    shares = read_shares(base / "conf" / "shares.yaml")
    folder = folder_of(base, shares.experiment)
    paths = tuple(files_of(base, shares.experiment, tuning=True))
    times = tuple(path.stat().st_mtime_ns for path in (*paths, folder / TASKS) if path.is_file())
    return _read(folder / TASKS, paths, shares.experiment, base, times)


@lru_cache(maxsize=1)
def _read(
    tasks: Path, paths: tuple[Path, ...], experiment: str, base: Path, times: tuple[int, ...]
) -> Population:
    shares = read_shares(base / "conf" / "shares.yaml")
    frames = [_needed_columns(path) for path in paths]
    return population_from(read_table(tasks), pd.concat(frames, ignore_index=True), shares)


def _needed_columns(path: Path) -> pd.DataFrame:
    """Read what shares need of a run table, which is a third of it."""
    try:
        names = pq.read_schema(path).names
        wanted = {*NEEDED, *ARM, "stopped_test_score"}
        kept = [
            n for n in names if n in wanted or n.partition(".")[0] in ("gradient", "optimizer")
        ]
        return pd.read_parquet(path, columns=kept)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None


def population_from(tasks: pd.DataFrame, runs: pd.DataFrame, shares: Shares) -> Population:
    """Make a population of the tables tasks.parquet and runs.parquet."""
    for name, table, needed in (("tasks", tasks, ("task", *FACTS)), ("runs", runs, NEEDED)):
        lacking = [column for column in needed if column not in table]
        if lacking:
            raise UsageError(f"{name}.parquet of a population lacks the column {lacking[0]!r}")
    known, runs = tasks.set_index("task"), runs.reset_index(drop=True)
    found = runs.assign(arm=_arms(runs, shares))
    found = found[found["arm"].notna() & found["task"].isin(known.index)].reset_index(drop=True)
    if found.empty:
        raise NothingToShow("no runs of the population's tasks in any arm of conf/shares.yaml")
    failed = found["failed"].astype(str).str.lower().isin(("true", "1", "1.0")).to_numpy()
    share = remaining(found["final_objective"], found["constant_objective"], found["optimum"])
    lost = failed | ~np.isfinite(share)
    left = np.where(lost, 1.0, np.maximum(share, LEAST_SHARE))
    facts = known[["kind", "classes"]].loc[found["task"]]
    classes = (facts["kind"] == "classification").to_numpy()
    chance = np.where(classes, 100.0 / np.maximum(facts["classes"].to_numpy(float), 1.0), 0.0)

    def points(column: str) -> Any:
        score = found[column].to_numpy(float) if column in found else np.full(len(found), np.nan)
        clipped = np.where(classes, score, np.maximum(score, LEAST_R2))
        diverged = np.isnan(score) & lost
        return np.where(diverged, chance, 100.0 * clipped)

    stopped = points("stopped_test_score")
    kept = ["task", "arm", "seed", "stage", "learning_rate", "updates", "updates_to_target"]
    made = found[kept].assign(
        failed=failed,
        left=left,
        tied=left <= LEAST_SHARE,
        test=points("test_score"),
        stopped_test=stopped if "stopped_test_score" in found else np.nan,
        coarse=(found["stage"] == "tune") & (found["seed"] < REFINING_SEEDS_FROM),
    )
    return Population(known, made, shares)


def _arms(runs: pd.DataFrame, shares: Shares) -> "pd.Series[Any]":
    """Return the name of each run's arm, missing where it has none."""
    code = number_of(runs, columns_of(runs, ARM))
    first = runs[~code.duplicated()]
    names = {
        code[at]: _name(row, shares) for at, row in zip(first.index, _rows(first), strict=True)
    }
    return code.map(names)


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _name(row: Mapping[str, Any], shares: Shares) -> str | None:
    for name, several in shares.arms.items():
        for own in several:
            wanted: Selection = {**shares.always, **own}
            if all(word(row.get(column)) == word(value) for column, value in wanted.items()):
                return name
    return None
