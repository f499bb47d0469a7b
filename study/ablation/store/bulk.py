"""The bulk writer: a cell's rows straight into MLflow's SQL tables, in one transaction.

As MLflow's own ``migrate-filestore`` does. The tables are taken as they stand in the database, at
schema revisions that were tested; MLflow itself is never imported, which saves 3 s of every start.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.ablation.store import FinishedCell, Store, artifacts, deleted, rows
from study.ablation.store.database import Database
from study.ablation.store.tables import CURVES, RUNS, conform
from study.errors import UsageError

if TYPE_CHECKING:
    import sqlalchemy as sa

OF_A_RUN = ("tags", "params", "metrics", "latest_metrics", "runs")
"""The tables with rows of a run, in an order of deletion that keeps foreign keys."""

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


@dataclass(frozen=True)
class Parent:
    """A cell's run as found; `whole` if it ended and nothing of it was deleted."""

    run_id: str
    folder: Path
    whole: bool

    def finished(self) -> bool:
        """Whether it is whole and its tables are there."""
        return self.whole and artifacts.present(self.folder)


class BulkStore(Store):
    """Writes rows through SQLAlchemy's core.

    Parameters
    ----------
    database
        Where the tables are or will be.
    experiment
        Name of the experiment.
    location
        URI of its artifacts, for when it is made.
    root
        Folder of the project, whose commit the runs name.
    """

    REVISIONS = ("dc11669786a5",)  # MLflow 3.17.2

    def __init__(self, database: Database, experiment: str, location: str, root: Path) -> None:
        super().__init__(database.uri, experiment)
        self._database = database
        self._location = location
        self._root = root
        self._source: dict[str, str] = {}
        self._tables: dict[str, sa.Table] = {}
        self._parents: dict[str, list[Parent]] = {}
        self._id: int | None = None

    @property
    def experiment_id(self) -> str | None:
        """MLflow's id of the experiment."""
        return None if self._find() is None else str(self._id)

    def artifacts_are_local(self) -> bool:
        """Whether this writer can put artifacts where the experiment keeps them."""
        self._find()
        return artifacts.local_path(self._location) is not None

    def finished(self, cells: Iterable[str]) -> set[str]:
        """Return which of `cells` are recorded whole."""
        if self._find() is None:
            return set()
        self._parents = self._scan()
        asked = set(cells)
        found = {cell for cell in asked if self._finished(cell)}
        recorded = {cell for cell in asked if any(p.whole for p in self._parents.get(cell, ()))}
        self.damaged = len(recorded - found)
        if self.damaged and not self._folder().exists():
            raise UsageError(artifacts.gone(self._folder(), self.damaged, self._database.shown))
        return found

    def prepare(self) -> None:
        """Make database, experiment and folder of artifacts where they are missing."""
        if self._tables:
            return
        self._database.create()
        if self._find() is None:
            self._make_experiment()
        else:
            with self._database.writing():
                pass  # says so now if it is read-only
        folder = self._folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot make {folder}: {error.strerror}") from error
        self._parents = self._scan()
        self._source = rows.source_tags(self._root)
        self._tables = {name: self._reflect(name) for name in (*OF_A_RUN, "experiment_tags")}

    def record(self, cell: FinishedCell) -> None:
        """Write a cell: its tables, then every row in one transaction."""
        self.prepare()
        if self._finished(cell.cell):
            return
        runs, curves = conform(cell.runs, RUNS), conform(cell.curves, CURVES)
        parent, children = rows.entries(cell, runs, curves, self._source)
        with self._database.writing() as connection:
            prefix, stale = self._place(connection, cell.cell)
            parent_id = rows.run_id(prefix, "")
            ids = {entry.replica: rows.run_id(prefix, entry.replica) for entry in children}
            found = Parent(parent_id, self._folder() / parent_id / "artifacts", True)
            if stale is not None:
                artifacts.write_tables(
                    found.folder,
                    *artifacts.tables_of(runs, curves, self.experiment, cell.cell, parent_id, ids),
                )
                self._remove(connection, stale)
                self._insert(connection, cell, {parent_id: parent})
                self._insert(
                    connection, cell, {ids[entry.replica]: entry for entry in children}, parent_id
                )
        self._parents[cell.cell] = [found]

    def describe(self, tags: Mapping[str, str], files: Mapping[str, str]) -> None:
        """Set tags of the experiment and write texts under ``study/``."""
        self.prepare()
        for name, text in files.items():
            artifacts.write_text(self._folder() / "study" / name, text)
        table = self._tables["experiment_tags"]
        mine = table.c.experiment_id == self._id
        with self._database.writing() as connection:
            connection.execute(table.delete().where(mine & table.c.key.in_(list(tags))))
            if tags:
                connection.execute(
                    table.insert(),
                    [{"experiment_id": self._id, "key": k, "value": v} for k, v in tags.items()],
                )

    def descriptions(self) -> list[str]:
        """Return the texts under ``study/``."""
        if self._find() is None:
            return []
        return [p.read_text(encoding="utf-8") for p in sorted(self._folder().glob("study/*.json"))]

    def tables(self, cells: Sequence[str]) -> list[tuple[Path, Path]]:
        """Return the files of each cell."""
        unfinished = set(cells) - self.finished(cells)
        if unfinished:
            raise UsageError(f"cells not finished: {', '.join(sorted(unfinished))}")
        folders = [next(p.folder for p in self._parents[cell] if p.finished()) for cell in cells]
        return [(f / artifacts.RUNS_FILE, f / artifacts.CURVES_FILE) for f in folders]

    def close(self) -> None:
        """Close the database."""
        self._database.close()
        self._tables = {}

    def _make_experiment(self) -> None:
        from sqlalchemy.exc import IntegrityError

        now = _milliseconds(time.time())
        table = self._reflect("experiments")
        with contextlib.suppress(IntegrityError), self._database.writing() as connection:
            connection.execute(  # fails where another process has just made it
                table.insert().values(
                    name=self.experiment,
                    workspace="default",
                    artifact_location=self._location,
                    lifecycle_stage="active",
                    creation_time=now,
                    last_update_time=now,
                )
            )
        self._find()

    def _find(self) -> int | None:
        """Look the experiment up once it may exist; a deleted one is the user's to decide on."""
        if self._id is None and self._database.revision() is not None:
            found = self._database.read(EXPERIMENT, name=self.experiment)
            for identity, location, stage in found:
                if stage != "active":
                    raise UsageError(deleted(self.experiment, identity))
                self._id, self._location = identity, location
        return self._id

    def _folder(self) -> Path:
        folder = artifacts.local_path(self._location)
        assert folder is not None
        return folder

    def _scan(self) -> dict[str, list[Parent]]:
        """Read all parent runs of the experiment, of whichever writer."""
        broken = {p for (p,) in self._database.read(DELETED_CHILDREN, experiment=self._id)}
        parents: dict[str, list[Parent]] = defaultdict(list)
        for cell, run_id, uri, status, stage in self._database.read(PARENTS, experiment=self._id):
            folder = artifacts.local_path(uri)
            if folder is not None:
                whole = (status, stage) == ("FINISHED", "active") and run_id not in broken
                parents[cell].append(Parent(run_id, folder, whole))
        return parents

    def _finished(self, cell: str) -> bool:
        return any(parent.finished() for parent in self._parents.get(cell, ()))

    def _place(self, connection: sa.Connection, cell: str) -> tuple[str, list[str] | None]:
        """Choose the ids' prefix and list the runs in the way, None if the cell is there whole.

        Ids follow from the names alone, unless an experiment that was renamed holds them.
        """
        table = self._tables["runs"]
        for salt in ("", str(self._id)):
            prefix = rows.run_prefix(self.experiment, cell, salt)
            there = connection.execute(
                table.select().where(table.c.run_uuid.between(prefix, prefix + "g"))
            ).all()
            if all(run.experiment_id == self._id for run in there):
                break
        else:
            raise UsageError(f"run ids of cell {cell} are taken by another experiment")
        parent = rows.run_id(prefix, "")
        whole = all((r.status, r.lifecycle_stage) == ("FINISHED", "active") for r in there)
        if whole and any(r.run_uuid == parent for r in there):
            folder = self._folder() / parent / "artifacts"
            if artifacts.present(folder):
                return prefix, None
        stale = {run.run_uuid for run in there}
        tags = self._tables["tags"]
        for old in self._parents.get(cell, ()):  # also those with ids of a server
            family = tags.select().where(
                (tags.c.key == rows.PARENT) & (tags.c.value == old.run_id)
            )
            if old.run_id not in stale:
                stale |= {old.run_id, *(tag.run_uuid for tag in connection.execute(family))}
        return prefix, sorted(stale)

    def _remove(self, connection: sa.Connection, run_ids: Sequence[str]) -> None:
        for begin in range(0, len(run_ids), 500):
            some = run_ids[begin : begin + 500]
            for name in OF_A_RUN:
                table = self._tables[name]
                connection.execute(table.delete().where(table.c.run_uuid.in_(some)))

    def _insert(
        self,
        connection: sa.Connection,
        cell: FinishedCell,
        runs: Mapping[str, rows.Entry],
        parent_id: str = "",
    ) -> None:
        """Insert runs by id, table by table in the order of its key, so that pages fill up."""
        begin, end = _milliseconds(cell.started), _milliseconds(cell.ended)
        new: dict[str, list[dict[str, Any]]] = {name: [] for name in reversed(OF_A_RUN)}
        for run_id, entry in runs.items():
            new["runs"].append(self._run_row(run_id, entry, begin, end))
            tags = {**entry.tags, rows.PARENT: parent_id} if parent_id else entry.tags
            for name, texts in (("params", entry.params), ("tags", tags)):
                new[name] += [{"key": k, "value": v, "run_uuid": run_id} for k, v in texts.items()]
            metrics = [
                {
                    "key": key,
                    "value": value,
                    "timestamp": end,
                    "step": step,
                    "is_nan": False,
                    "run_uuid": run_id,
                }
                for key, value, step in entry.metrics
            ]
            new["metrics"] += metrics
            last = {row["key"]: row for row in sorted(metrics, key=itemgetter("step"))}
            new["latest_metrics"] += last.values()
        for name, given in new.items():
            if given:
                key = itemgetter(*(k for k in ("key", "step", "run_uuid") if k in given[0]))
                given.sort(key=key)
                connection.execute(self._tables[name].insert(), given)

    def _run_row(self, run_id: str, entry: rows.Entry, begin: int, end: int) -> dict[str, Any]:
        return {
            "run_uuid": run_id,
            "name": entry.name,
            "source_type": "UNKNOWN",  # as MLflow's client leaves these columns: tags say it
            "source_name": "",
            "entry_point_name": "",
            "source_version": "",
            "user_id": entry.tags["mlflow.user"],
            "status": "FINISHED",
            "start_time": begin,
            "end_time": end,
            "lifecycle_stage": "active",
            "artifact_uri": f"{self._location.rstrip('/')}/{run_id}/artifacts",
            "experiment_id": self._id,
        }

    def _reflect(self, name: str) -> sa.Table:
        import sqlalchemy as sa

        with self._database.one_line_errors():
            return sa.Table(
                name, sa.MetaData(), autoload_with=self._database.engine, resolve_fks=False
            )


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
