"""A cell's rows in MLflow's SQL tables and its two files, laid out where the cell was trained.

So the one process that writes has only to insert and to copy bytes.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from study.ablation.store import artifacts, rows

if TYPE_CHECKING:
    from study.ablation.store import FinishedCell

COLUMNS = {
    "runs": (
        *("run_uuid", "source_type", "source_name", "source_version", "entry_point_name"),
        *("user_id", "status", "lifecycle_stage", "start_time", "end_time", "experiment_id"),
        *("name", "artifact_uri"),
    ),
    "params": ("run_uuid", "key", "value"),
    "tags": ("run_uuid", "key", "value"),
    "metrics": ("run_uuid", "key", "value", "timestamp", "step", "is_nan"),
    "latest_metrics": ("run_uuid", "key", "value", "timestamp", "step", "is_nan"),
}
"""The tables with rows of a run, and their columns; foreign keys point to the first."""

Rows = Mapping[str, list[tuple[Any, ...]]]
"""Rows by table, each with the values of `COLUMNS`."""


@dataclass(frozen=True)
class Place:
    """What must be known of a store to lay out a cell for it."""

    experiment: str
    number: int  # MLflow's id of the experiment
    location: str  # of its artifacts, a URI
    source: Mapping[str, str]  # tags of runs: who, and from which commit
    packed: bool = False  # rows as an SQLite database, which an SQLite store takes as it is


@dataclass(frozen=True)
class Layout:
    """What is written of a cell."""

    prefix: str  # that the ids of its runs share
    parent: str  # id of the cell's own run
    rows: Rows | bytes  # packed where the place says so
    files: Mapping[str, bytes]  # by name


def lay_out(cell: FinishedCell, place: Place, prefix: str = "") -> Layout:
    """Lay out a cell; the ids of its runs follow from the names unless a prefix is given."""
    prefix = prefix or rows.run_prefix(place.experiment, cell.cell)
    entries = rows.entries(cell, place.source)
    ids = {entry.replica: rows.run_id(prefix, entry.replica) for entry in entries}
    made = _rows(cell, place, entries, ids)
    files = artifacts.contents(cell, place.experiment, ids)
    return Layout(prefix, ids[""], _packed(made) if place.packed else made, files)


def quoted(columns: Iterable[str]) -> str:
    """Return names of columns as SQL lists them; some of MLflow's are words of SQL."""
    return ", ".join(f'"{name}"' for name in columns)


def _packed(new: Rows) -> bytes:
    """Return rows as the bytes of an SQLite database with the tables of `COLUMNS`.

    With it the writer takes three quarters of the time that values from Python take.
    """
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        for table, columns in COLUMNS.items():
            names, marks = quoted(columns), ", ".join("?" * len(columns))
            database.execute(f"CREATE TABLE {table} ({names})")
            database.executemany(f"INSERT INTO {table} VALUES ({marks})", new[table])
        return database.serialize()


def _rows(
    cell: FinishedCell, place: Place, entries: list[rows.Entry], ids: Mapping[str, str]
) -> Rows:
    """Return the rows of all runs, each table's in the order of its key, so that pages fill up."""
    begin, end = (round(seconds * 1000) for seconds in (cell.started, cell.ended))
    user, home = entries[0].tags["mlflow.user"], place.location.rstrip("/")
    # as MLflow's client leaves these columns: the cell's tags say it
    same = ("UNKNOWN", "", "", "", user, "FINISHED", "active", begin, end, place.number)
    new: dict[str, list[tuple[Any, ...]]] = {table: [] for table in COLUMNS}
    for entry in entries:
        run = ids[entry.replica]
        new["runs"].append((run, *same, entry.name, f"{home}/{run}/artifacts"))
        new["params"] += [(run, key, value) for key, value in entry.params.items()]
        new["tags"] += [(run, key, value) for key, value in entry.tags_below(ids[""]).items()]
        metrics = [(run, key, value, end, step, False) for key, value, step in entry.metrics]
        new["metrics"] += metrics
        new["latest_metrics"] += {m[1]: m for m in sorted(metrics, key=itemgetter(4))}.values()
    for table in ("params", "tags", "latest_metrics"):
        new[table].sort(key=itemgetter(1, 0))
    new["runs"].sort(key=itemgetter(0))
    new["metrics"].sort(key=itemgetter(1, 4, 0))
    return new
