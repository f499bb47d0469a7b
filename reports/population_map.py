"""The table of the map, ``reports/tables/map.csv``: which effects can be predicted."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from reports.verdicts import write_csv
from study.evidence.map import table
from study.evidence.runs import NothingToShow
from study.evidence.sources import place_of
from study.harm.effects import read
from study.harm.forecast import COUNTS


def tasks_of(base: Path) -> pd.DataFrame:
    """Return the tasks of the experiment ``population`` with their effects."""
    folder = place_of(base, "population")
    if folder is None or not (folder / "tasks.parquet").is_file():
        raise NothingToShow("no population of tasks was trained")
    return read(folder)


def write(base: Path) -> Iterator[tuple[Path, str]]:
    """Judge the map and write its table."""
    frame = table(tasks_of(base))
    judged = frame["verdict"].dropna()
    told = f"{(judged == COUNTS).sum()} of {len(judged)} maps predict external tasks"
    yield write_csv(frame, base / "reports" / "tables" / "map.csv"), told
