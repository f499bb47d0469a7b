"""Writes a cell's rows straight into MLflow's SQL tables, in one transaction.

As MLflow's own ``migrate-filestore`` does. The columns are those of schema revisions that were
tested. MLflow itself is never imported, which saves 3 s of every start.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import sqlite3
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.ablation.store import LONGEST, FinishedCell, Parent, Store, artifacts, rows
from study.ablation.store.database import PACKED, Database
from study.ablation.store.layout import COLUMNS, Place, lay_out, quoted
from study.errors import UsageError

if TYPE_CHECKING:
    import sqlalchemy as sa

EXPERIMENT = """
    SELECT experiment_id, artifact_location, lifecycle_stage FROM experiments
    WHERE name = :name AND workspace = 'default'
"""

PARENTS = """
    SELECT cell.value, runs.run_uuid, runs.artifact_uri, runs.status, runs.lifecycle_stage
    FROM tags AS role
    JOIN runs ON runs.run_uuid = role.run_uuid
    JOIN tags AS cell ON cell.run_uuid = role.run_uuid AND cell."key" = 'cell'
    WHERE role."key" = 'role' AND role.value = 'cell' AND runs.experiment_id = :experiment
"""

DELETED_CHILDREN = """
    SELECT DISTINCT parent.value FROM runs
    JOIN tags AS parent ON parent.run_uuid = runs.run_uuid
    WHERE runs.experiment_id = :experiment AND runs.lifecycle_stage = 'deleted'
    AND parent."key" = 'mlflow.parentRunId'
"""


OF_A_CELL = """
    SELECT run_uuid, experiment_id, status, lifecycle_stage FROM runs
    WHERE run_uuid BETWEEN :prefix AND :end
"""

TAKE = f"INSERT OR ROLLBACK INTO main.{{0}} ({{1}}) SELECT * FROM {PACKED}.{{0}}"
"""As the transaction is undone as a whole, SQLite keeps no copies of pages for this statement."""

OLD_TAG = 'DELETE FROM experiment_tags WHERE experiment_id = :experiment_id AND "key" = :key'

DATASET = """
    SELECT dataset_uuid FROM datasets
    WHERE experiment_id = :experiment_id AND name = :name AND digest = :digest
"""

OLD_INPUTS = (
    "DELETE FROM input_tags WHERE input_uuid IN (SELECT input_uuid FROM inputs "
    "WHERE destination_type = 'RUN' AND destination_id = :run)",
    "DELETE FROM inputs WHERE destination_type = 'RUN' AND destination_id = :run",
)

CHILDREN = "SELECT run_uuid FROM tags WHERE \"key\" = 'mlflow.parentRunId' AND value = :parent"


class BulkStore(Store):
    """Writes rows through SQLAlchemy."""

    REVISIONS = ("dc11669786a5",)  # MLflow 3.17.2

    def __init__(
        self, database: Database, experiment: str, location: str, root: Path, *place: Any
    ) -> None:
        super().__init__(database.uri, experiment, location, root, *place)
        self._database = database

    def describe(self, tags: Mapping[str, str], files: Mapping[str, str]) -> None:
        """Set tags of the experiment and write texts under ``study/``."""
        self.prepare()
        self._put_texts(files)
        mine = {"experiment_id": self._number()}
        new = [{**mine, "key": key, "value": value} for key, value in tags.items()]

        def write() -> None:
            with self._database.writing(self.experiment) as connection:
                _execute(connection, OLD_TAG, new)
                _insert(connection, "experiment_tags", new)

        self._database.patiently(write)

    def close(self) -> None:
        """Close the database, and remove what was fetched."""
        super().close()
        self._database.close()
        self._source = None  # to be prepared again

    def _look_up(self) -> tuple[Any, ...] | None:
        if self._database.revision() is None:
            return None
        return next(iter(self._database.read(EXPERIMENT, name=self.experiment)), None)

    def _scan(self) -> dict[str, list[Parent]]:
        mine = {"experiment": self._number()}
        broken = {parent for (parent,) in self._database.read(DELETED_CHILDREN, **mine)}
        parents: dict[str, list[Parent]] = defaultdict(list)
        for cell, run_id, uri, status, stage in self._database.read(PARENTS, **mine):
            whole = (status, stage) == ("FINISHED", "active") and run_id not in broken
            parents[cell].append(Parent(run_id, artifacts.local_path(uri), whole))
        return parents

    def _prepare(self) -> None:
        self._database.create()
        new = self.experiment_id is None
        if self._database.path is None and len(str(self._location)) > LONGEST:
            raise UsageError(
                f"{self._location} is too long a place for MLflow's tables in a database: name "
                f"one of at most {LONGEST} characters with tracking.artifacts"
            )
        with self._database.writing(self.experiment):
            pass  # raises now if it is read-only
        if self._home is None:
            self._repository.check()
        else:
            self._make_home(self._home, new)
        if new:
            self._make_experiment()
        self._parents = self._scan()

    def _make_home(self, folder: Path, new: bool) -> None:
        if not (new or self._database.path or folder.exists()):
            raise UsageError(
                f"experiment {self.experiment!r} keeps its artifacts in {folder}, which is not "
                "on this machine: make it reachable here under this name, or name another "
                "experiment"
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot make {folder}: {error.strerror}") from error

    def _make_experiment(self) -> None:
        from sqlalchemy.exc import IntegrityError

        now = round(time.time() * 1000)
        experiment = {
            **{"name": self.experiment, "workspace": "default", "lifecycle_stage": "active"},
            **{"artifact_location": self._location, "creation_time": now, "last_update_time": now},
        }
        with (
            contextlib.suppress(IntegrityError),
            self._database.writing(self.experiment) as connection,
        ):
            _insert(connection, "experiments", [experiment])  # another process may be first

    def place(self) -> Place:
        """Return what workers need to lay out cells for this store."""
        self.prepare()
        assert self._source is not None
        packed = self._database.path is not None and hasattr(sqlite3.Connection, "deserialize")
        return Place(self.experiment, self._number(), str(self._location), self._source, packed)

    def _write(self, cell: FinishedCell) -> Parent:
        return self._database.patiently(lambda: self._write_once(cell))

    def _write_once(self, cell: FinishedCell) -> Parent:
        """Write the files, then every row in one transaction, which alone may have this cell."""
        layout = cell.layout
        packed = layout.rows if layout and isinstance(layout.rows, bytes) else b""
        with self._database.writing(f"{self.experiment}\n{cell.cell}", packed) as connection:
            prefix, stale = self._place(connection, cell.cell)
            parent = rows.run_id(prefix, "")
            if stale is not None:
                if layout is None or layout.prefix != prefix:
                    layout = lay_out(cell, replace(self.place(), packed=False), prefix)
                self._put_files(layout.files, parent)
                old = (f"DELETE FROM {table} WHERE run_uuid = :run" for table in reversed(COLUMNS))
                for remove in (*OLD_INPUTS, *old):
                    _execute(connection, remove, [{"run": run} for run in stale])
                for table, columns in COLUMNS.items():
                    if isinstance(layout.rows, bytes):
                        connection.exec_driver_sql(TAKE.format(table, quoted(columns)))
                    else:
                        _copy(connection, table, columns, layout.rows[table])
                if cell.dataset:
                    self._insert_dataset(connection, parent, rows.data_columns(cell.dataset))
        return Parent(parent, self._home and self._home / parent / "artifacts", True)

    def _place(self, connection: sa.Connection, cell: str) -> tuple[str, list[str] | None]:
        """Choose the ids' prefix and list the runs to replace, None if the cell is there whole.

        Ids follow from the names alone, unless an experiment that was renamed has them.
        """
        for salt in ("", str(self._id)):
            prefix = rows.run_prefix(self.experiment, cell, salt)
            there = _execute(connection, OF_A_CELL, {"prefix": prefix, "end": f"{prefix}g"}).all()
            if all(run.experiment_id == self._number() for run in there):
                break
        else:
            raise UsageError(f"run ids of cell {cell} are taken by another experiment")
        parent = rows.run_id(prefix, "")
        whole = all((r.status, r.lifecycle_stage) == ("FINISHED", "active") for r in there)
        if whole and any(run.run_uuid == parent for run in there):
            if self._home is None or artifacts.present(self._home / parent / "artifacts"):
                return prefix, None
        stale = {run.run_uuid for run in there}
        for old in self._parents.get(cell, ()):  # also those with ids of a server
            children = _execute(connection, CHILDREN, {"parent": old.run_id})
            stale |= {old.run_id, *(child.run_uuid for child in children)}
        return prefix, sorted(stale)

    def _insert_dataset(
        self, connection: sa.Connection, run: str, columns: Mapping[str, str]
    ) -> None:
        """Name the data of a cell's run, a row that all cells with these data share."""
        mine = {"experiment_id": self._number(), **columns}
        digest = hashlib.sha256(str(sorted(mine.items())).encode()).hexdigest()
        new = [{"dataset_uuid": digest[:32], **mine}]
        _insert(connection, "datasets", new, "ON CONFLICT DO NOTHING")
        found = _execute(connection, DATASET, mine).scalar_one()
        edge = {"source_type": "DATASET", "source_id": found, "destination_type": "RUN"}
        _insert(connection, "inputs", [{"input_uuid": run, **edge, "destination_id": run}])
        name, value = rows.DATA_TAG
        _insert(connection, "input_tags", [{"input_uuid": run, "name": name, "value": value}])

    def _number(self) -> int:
        assert self.experiment_id is not None
        return int(self.experiment_id)


@functools.cache
def _text(sql: str) -> sa.TextClause:
    import sqlalchemy as sa

    return sa.text(sql)


def _execute(connection: sa.Connection, sql: str, rows: Any) -> Any:
    return connection.execute(_text(sql), rows) if rows else None


def _insert(
    connection: sa.Connection, table: str, rows: Sequence[Mapping[str, Any]], end: str = ""
) -> None:
    names = list(rows[0]) if rows else []
    columns, values = (", ".join(map(form.format, names)) for form in ('"{}"', ":{}"))
    _execute(connection, f"INSERT INTO {table} ({columns}) VALUES ({values}) {end}", rows)


def _copy(
    connection: sa.Connection, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows; by PostgreSQL's COPY, which takes a third of the time, where there is one."""
    names = quoted(columns)
    if connection.dialect.driver != "psycopg":
        marks = ", ".join(
            "?" if connection.dialect.paramstyle == "qmark" else "%s" for _ in columns
        )
        sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"
        connection.exec_driver_sql(sql, list(rows))
        return
    with contextlib.closing(connection.connection.cursor()) as cursor:
        with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
