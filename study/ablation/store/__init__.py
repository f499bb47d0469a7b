"""Stores of finished cells in MLflow: one interface, two ways to write.

A cell is a parent run and each of its trainings a child run. The parquet tables that are the
parent's artifacts are authoritative; params, metrics and tags are an index of them to browse.
"""

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa

from study.ablation.store import artifacts, rows
from study.errors import UsageError

if TYPE_CHECKING:
    from study.ablation.store.layout import Layout, Place
    from study.ablation.store.remote import Repository

SQLITE = "sqlite:///"
DRIVER = "postgresql+psycopg://"
BULK = (SQLITE, "postgresql")
LONGEST = 157  # characters of an artifact location: MLflow adds 43, and has room for 200
UNREADABLE = "the address can't be read; in a password @ is written %40, / %2F, : %3A"
SCHEMES = ("sqlite", "postgresql", "mysql", "mssql", "https?", "databricks")


@dataclass(frozen=True)
class DataUsed:
    """What a cell was trained on, as MLflow's UI shows it in the column Dataset."""

    name: str  # with its parameters, as in ``moons(noise=0.2)``
    digest: str  # hex digits over everything that decides the data, the seed apart
    source: str  # where it comes from


class Tables:
    """A cell's runs and curves, as `tables.table` makes them, keyed by ``replica``.

    What has come from another process is read when it is asked for. Of a cell whose files are
    laid out the process that writes never asks.
    """

    def __init__(self, runs: pa.Table, curves: pa.Table) -> None:
        self._both: tuple[pa.Table, pa.Table] | None = (runs, curves)
        self._sent: tuple[bytes, ...] = ()

    @property
    def both(self) -> tuple[pa.Table, pa.Table]:
        """Runs, then curves."""
        if self._both is None:
            runs, curves = (pa.ipc.open_stream(content).read_all() for content in self._sent)
            self._both = runs, curves
        return self._both

    def __getstate__(self) -> dict[str, Any]:
        """Send each table as the bytes of a stream of Arrow's."""
        return {"_both": None, "_sent": self._sent or tuple(map(_stream, self.both))}


def _stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


@dataclass(frozen=True)
class FinishedCell:
    """A cell whose trainings have all ended."""

    cell: str  # its identity, 40 hex digits
    name: str  # its name for people, as in ``digits · tanh · floor(minimum=0.1) · all · sgd``
    metrics: Mapping[str, float]  # its aggregate; names of times begin with ``time.``
    outcomes: Mapping[str, int]  # how many of its trainings ended how
    updates: int  # in all of them, those of diverged ones counted to the end of the budget
    tables: Tables
    started: float  # seconds since the epoch
    ended: float
    dataset: DataUsed | None = None
    processor: str = ""  # of the machine that trained it
    model: Mapping[str, bytes] = field(default_factory=dict)  # files of a network that is kept
    layout: "Layout | None" = None  # for the store that it was trained for

    @property
    def runs(self) -> pa.Table:
        """One row a training."""
        return self.tables.both[0]

    @property
    def curves(self) -> pa.Table:
        """One row a training and checkpoint."""
        return self.tables.both[1]


@dataclass(frozen=True)
class Parent:
    """A cell's run, as it was found."""

    run_id: str  # MLflow's id
    folder: Path | None  # of its tables; None where they are on another machine
    whole: bool  # whether it ended and nothing of it was deleted
    run: Any = None  # MLflow's own object, where its client is used


class Store(ABC):
    """The cells of one experiment: a sink of finished cells that knows what is recorded."""

    def __init__(
        self,
        uri: str,
        experiment: str,
        location: str | None,
        root: Path,
        server: str | None = None,
        chosen: bool = False,
    ) -> None:
        self.uri = uri  # MLflow's tracking URI
        self.experiment = experiment
        self.damaged = 0  # how many cells last asked for are recorded, their tables not whole
        self._location = location  # of artifacts, a URI; None while a server is to decide
        self._server = server  # the MLflow server that has the artifacts
        self._chosen_place = chosen  # whether the user has named the location
        self._root = root  # of the project, whose commit the runs name
        self._id: str | None = None
        self._parents: dict[str, list[Parent]] = {}
        self._source: dict[str, str] | None = None

    @property
    def experiment_id(self) -> str | None:
        """MLflow's id of the experiment, None while there is none.

        An experiment that was deleted in MLflow raises `UsageError`: its name stays taken.
        """
        if self._id is None and (found := self._look_up()) is not None:
            identity, location, stage = found
            if stage != "active":
                raise UsageError(
                    f"experiment {self.experiment!r} was deleted in MLflow: bring it back with "
                    f"`mlflow experiments restore --experiment-id {identity}` or remove it for "
                    f"good with `mlflow gc --experiment-ids {identity}`"
                )
            self._check_place(location)
            self._id, self._location = str(identity), location
        return self._id

    def finished(self, cells: Iterable[str]) -> set[str]:
        """Return which of `cells` are recorded whole: nothing deleted, tables in place.

        Reads only: a store that does not exist yet is not made, and has no cells. Where cells
        are recorded, but the whole folder of their tables is gone, it raises `UsageError`.
        """
        if self.experiment_id is None:
            return set()
        self._parents = self._scan()
        asked = set(cells)
        found = {cell for cell in asked if self._chosen(cell)}
        recorded = {cell for cell in asked if any(p.whole for p in self._parents.get(cell, ()))}
        self.damaged = len(recorded - found)
        folder = self._home
        shared = folder and not self.uri.startswith(SQLITE)
        if self.damaged and shared and not any(map(self._chosen, self._parents)):
            raise UsageError(  # a colleague's cells are not to be trained again
                f"{self.damaged:,} cells are recorded in {shown(self.uri)}, but their tables are "
                f"not on this machine: make {folder} of the one that trained them reachable here "
                "under this name, or delete the cells in MLflow to have them trained again"
            )
        if self.damaged and folder and not folder.exists():
            raise UsageError(
                f"{self.damaged:,} cells are recorded in {shown(self.uri)}, but "
                f"the folder with their tables is gone: put {folder} back, or make it anew, "
                "empty, to have them trained again"
            )
        return found

    def prepare(self) -> None:
        """Make database and experiment if they are missing, or raise `UsageError`."""
        if self._source is None:
            self._prepare()
            self._source = rows.source_tags(self._root)

    def record(self, cell: FinishedCell) -> None:
        """Write a cell whole or not at all; a second time changes nothing."""
        self.prepare()
        if self._chosen(cell.cell) is None:
            self._parents[cell.cell] = [self._write(cell)]

    def place(self) -> "Place | None":
        """Return what workers need to lay out cells for it, None where it does so itself."""
        return None

    def tables(self, cells: Sequence[str]) -> list[tuple[Path, Path]]:
        """Return the files runs.parquet and curves.parquet of finished cells, in this order."""
        unfinished = set(cells) - self.finished(cells)
        if unfinished:
            raise UsageError(f"cells not finished: {', '.join(sorted(unfinished))}")
        chosen = [parent for parent in map(self._chosen, cells) if parent]
        elsewhere = [parent.run_id for parent in chosen if parent.folder is None]
        fetched = iter(self._repository.fetch_cells(elsewhere) if elsewhere else ())
        folders = [parent.folder or next(fetched) for parent in chosen]
        runs, curves = artifacts.FILES
        return [(folder / runs, folder / curves) for folder in folders]

    def export(
        self, cells: Sequence[str], folder: Path, tasks: Sequence[str] = ()
    ) -> tuple[Path, Path, int]:
        """Write the tables of exactly these finished cells, in this order, into a folder.

        `tasks` names the task of each cell, where the cells are arms of a population's. Returned
        are the paths of runs.parquet and curves.parquet, and how many runs they hold.
        """
        return artifacts.export(self.tables(cells), folder, tasks)

    @abstractmethod
    def describe(self, tags: Mapping[str, str], files: Mapping[str, str]) -> None:
        """Set tags of the experiment, and put texts by name under ``study/`` of its artifacts."""

    def descriptions(self) -> list[str]:
        """Return the texts that `describe` put there, by their names, which are dates."""
        if self.experiment_id is None:
            return []
        if self._home:
            paths = sorted(self._home.glob("study/*.json"))
        else:
            paths = self._repository.fetch(self._repository.names("study"))
        return [path.read_text(encoding="utf-8") for path in paths]

    def close(self) -> None:
        """Close the database, and remove what was fetched."""
        if repository := self.__dict__.pop("_repository", None):
            repository.close()

    @abstractmethod
    def _look_up(self) -> tuple[Any, ...] | None:
        """Return the experiment's id, artifact location and lifecycle stage, None without one."""

    @abstractmethod
    def _scan(self) -> dict[str, list[Parent]]:
        """Read all cells' runs of the experiment, whichever store wrote them."""

    @abstractmethod
    def _prepare(self) -> None:
        """Make what is missing, once, and `_scan`."""

    @abstractmethod
    def _write(self, cell: FinishedCell) -> Parent:
        """Write a cell, unless another process did meanwhile; return its run."""

    def _chosen(self, cell: str) -> Parent | None:
        """Return the run of a finished cell, of several always the same one; None without any."""
        for parent in sorted(self._parents.get(cell, ()), key=lambda parent: parent.run_id):
            # on another machine tables are not looked for: that would be a request per cell
            if parent.whole and (parent.folder is None or artifacts.present(parent.folder)):
                return parent
        return None

    @property
    def _home(self) -> Path | None:
        """The folder of the artifacts, None where they are elsewhere."""
        return artifacts.local_path(self._location)

    @cached_property
    def _repository(self) -> "Repository":
        from study.ablation.store.remote import Repository

        return Repository(str(self._location), self._server)

    def _check_place(self, location: str) -> None:
        """Refuse to move the artifacts of an experiment; a server may have several addresses."""
        both = {str(self._location), location}
        if self._chosen_place and len(both) > 1 and not all(map(artifacts.served, both)):
            raise UsageError(
                f"experiment {self.experiment!r} keeps its artifacts in {masked(location)}, not "
                f"in {masked(str(self._location))}: leave tracking.artifacts out, or name another "
                "experiment"
            )

    def _put_texts(self, files: Mapping[str, str]) -> None:
        with TemporaryDirectory(prefix="study-") as temporary:
            paths = [(self._home or Path(temporary)) / "study" / name for name in files]
            for path, text in zip(paths, files.values(), strict=True):
                artifacts.write_text(path, text)
            if self._home is None:
                self._repository.put(paths, "study")

    def _put_files(self, files: Mapping[str, bytes], run_id: str) -> None:
        """Write a cell's files where they are kept."""
        own = f"{run_id}/artifacts"
        folder = (self._home or self._repository.copies) / own  # a copy stays, to be exported
        paths = artifacts.write_files(folder, files)
        if self._home is None:
            for path in paths:
                place = Path(own, path.parent.relative_to(folder)).as_posix()
                self._repository.put([path], place)


def open_store(
    uri: str | None, experiment: str, root: Path, artifacts_in: str | None = None
) -> Store:
    """Open the store of an experiment without making anything.

    SQLite and PostgreSQL at a schema that `bulk` knows are written in bulk;
    anything else goes through MLflow's public client, which takes some 25 times as long.
    An address (see `tracking_uri`) or a database that cannot serve raises `UsageError`.
    """
    check_name(experiment)
    address = tracking_uri(uri, root)
    location, server = None, None  # a server decides by itself where artifacts go
    if artifacts_in:
        from study.ablation.store.remote import place

        location, server = place(artifacts_in, experiment)
    how = server, location is not None
    if address.startswith(BULK):
        from study.ablation.store.bulk import BulkStore
        from study.ablation.store.database import Database

        database = Database(address)
        home = (database.path.parent if database.path else root) / "mlartifacts" / experiment
        location = location or home.as_uri()
        try:
            if database.revision() in (None, *BulkStore.REVISIONS):
                return BulkStore(database, experiment, location, root, *how)
            database.check_not_older()
        except UsageError:
            database.close()
            raise
        database.close()
    from study.ablation.store.client import ClientStore

    return ClientStore(address, experiment, location, root, *how)


def check_name(experiment: str) -> None:
    """Raise `UsageError` for a name that cannot safely name a folder."""
    if not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)*", experiment):
        raise UsageError(
            f"experiment {experiment!r} cannot name a folder: letters, digits, '-', '_', '.', '/'"
        )


def tracking_uri(uri: str | None, root: Path) -> str:
    """Resolve the address of a store; SQLite's become absolute, PostgreSQL's name their driver.

    None stands for MLFLOW_TRACKING_URI or, without that, for ``<root>/mlflow.db``.
    """
    said = "tracking.uri" if uri else "MLFLOW_TRACKING_URI"
    address = uri or os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri(root / "mlflow.db")
    address = re.sub("^postgres(ql)?://", DRIVER, address)
    path = sqlite_path(address)
    if path is not None:
        return sqlite_uri(path)
    if address.startswith("postgresql") and not re.match(
        r"[\w+]+://([^@/?]*@)?[^@?]*(\?|$)", address
    ):
        raise UsageError(f"cannot use {masked(address)}: {UNREADABLE}")
    if address.startswith("sqlite"):
        raise UsageError(f"{said} {address!r} names no file: sqlite:///folder/mlflow.db")
    if not re.match(rf"({'|'.join(SCHEMES)})(\+\w+)?://.", address) and address != "databricks":
        raise UsageError(
            f"{said} {masked(address)!r} is no address that MLflow takes: "
            "sqlite:///folder/mlflow.db, postgresql://..., http://..."
        )
    return address


def sqlite_uri(path: Path) -> str:
    """Return the absolute SQLite address of a file (``%`` and ``?`` mean something in it)."""
    return SQLITE + str(path.absolute()).replace("%", "%25").replace("?", "%3F")


def sqlite_path(uri: str) -> Path | None:
    """Return the file of an SQLite address, None for other addresses and for memory."""
    if not uri.startswith(SQLITE):
        return None
    name = unquote(uri.removeprefix(SQLITE).partition("?")[0])
    return None if name in ("", ":memory:") else Path(name).absolute()


def masked(uri: str) -> str:
    """Return an address without user and password, for messages."""
    return re.sub("(?i)(password=)[^&]*", r"\1***", re.sub("//.*@", "//***@", uri))


def shown(uri: str) -> str:
    """Return a store's name in messages: its file, or its address without a password."""
    return str(sqlite_path(uri) or masked(uri))
