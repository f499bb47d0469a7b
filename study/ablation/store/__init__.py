"""Where finished cells go: one interface to MLflow, and the choice of who writes.

A cell is a parent run and each of its trainings a child run. The parquet tables that are the
parent's artifacts are the truth; params, metrics and tags are an index of them to browse.
"""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from study.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

SQLITE = "sqlite:///"
BULK = (SQLITE, "postgresql")
SCHEMES = ("sqlite", "postgresql", "mysql", "mssql", "https?", "databricks")


@dataclass(frozen=True)
class FinishedCell:
    """A cell whose trainings have all ended.

    Parameters
    ----------
    cell
        Its identity, 40 hex digits.
    name
        Its name for people, as in ``digits · tanh · floor(minimum=0.1) · all · sgd``.
    params
        What all its trainings have in common, in the names of `tables.RUNS`.
    metrics
        Its aggregate; names of what depends on the clock begin with ``time.``. Values that are
        not finite are left out.
    runs, curves
        Tables as `tables.runs_table` and `tables.curves_table` make them, keyed by ``replica``.
    started, ended
        Seconds since the epoch.
    """

    cell: str
    name: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    runs: pa.Table
    curves: pa.Table
    started: float
    ended: float


class Store(ABC):
    """The cells of one experiment.

    Parameters
    ----------
    uri
        MLflow's tracking URI.
    experiment
        Name of the experiment.
    """

    def __init__(self, uri: str, experiment: str) -> None:
        self.uri = uri
        self.experiment = experiment
        self.damaged = 0
        """How many of the cells last asked for are recorded, but their tables are not whole."""

    @property
    @abstractmethod
    def experiment_id(self) -> str | None:
        """MLflow's id of the experiment, None as long as there is none."""

    @abstractmethod
    def finished(self, cells: Iterable[str]) -> set[str]:
        """Return which of `cells` are recorded whole: nothing deleted, tables in place.

        Reads only: a store that does not exist yet is not made, and has no cells.

        Raises
        ------
        UsageError
            Where cells are recorded, but the whole folder of their tables is gone.
        """

    @abstractmethod
    def prepare(self) -> None:
        """Make database and experiment where they are missing, before anything is trained.

        Raises
        ------
        UsageError
            Where the store cannot be written, or the experiment was deleted in MLflow.
        """

    @abstractmethod
    def record(self, cell: FinishedCell) -> None:
        """Write a cell, so that it is there whole or not at all; a second time changes nothing."""

    @abstractmethod
    def describe(self, tags: Mapping[str, str], files: Mapping[str, str]) -> None:
        """Set tags of the experiment, and put texts by name under ``study/`` of its artifacts."""

    @abstractmethod
    def descriptions(self) -> list[str]:
        """Return the texts that `describe` put there, by their names, which are dates."""

    @abstractmethod
    def tables(self, cells: Sequence[str]) -> list[tuple[Path, Path]]:
        """Return the files runs.parquet and curves.parquet of each cell, in the order given.

        Raises
        ------
        UsageError
            For a cell that is not finished.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the database."""

    def export(self, cells: Iterable[str], folder: Path) -> tuple[Path, Path, int]:
        """Write the tables of exactly these cells, in the order given.

        Parameters
        ----------
        cells
            Identities of finished cells, in the order of the plan.
        folder
            Where runs.parquet and curves.parquet go.

        Returns
        -------
        The two paths, and how many trainings they hold.
        """
        from study.ablation.store import artifacts

        return artifacts.export(self.tables(list(cells)), folder)


def open_store(uri: str | None, experiment: str, root: Path) -> Store:
    """Open the store of an experiment without making anything.

    SQLite and PostgreSQL at a schema that `bulk` knows are written in bulk;
    anything else goes through MLflow's public client, which takes some 25 times as long.

    Parameters
    ----------
    uri
        A tracking URI; None stands for MLFLOW_TRACKING_URI or, without that, for
        ``<root>/mlflow.db``.
    experiment
        Name of the experiment.
    root
        Folder of the project.

    Raises
    ------
    UsageError
        For a URI or a database that cannot serve.
    """
    check_name(experiment)
    address = tracking_uri(uri, root)
    if address.startswith(BULK):
        from study.ablation.store.bulk import BulkStore
        from study.ablation.store.database import Database

        database = Database(address)
        home = (database.path.parent if database.path else root) / "mlartifacts" / experiment
        if database.revision() in (None, *BulkStore.REVISIONS):
            store = BulkStore(database, experiment, home.as_uri(), root)
            if store.artifacts_are_local():
                return store
            store.close()
        database.check_not_older()
        location: str | None = home.as_uri()
    else:
        location = None  # a server decides by itself where artifacts go
    from study.ablation.store.client import ClientStore

    return ClientStore(address, experiment, location, root)


def check_name(experiment: str) -> None:
    """Raise `UsageError` for a name that cannot safely name a folder."""
    if not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)*", experiment):
        raise UsageError(
            f"experiment {experiment!r} cannot name a folder: letters, digits, '-', '_', '.', '/'"
        )


def tracking_uri(uri: str | None, root: Path) -> str:
    """Resolve the address of a store; SQLite addresses become absolute.

    Parameters
    ----------
    uri
        As in `open_store`.
    root
        Folder of the project.

    Raises
    ------
    UsageError
        For an address that MLflow 3 does not take.
    """
    said = "tracking.uri" if uri else "MLFLOW_TRACKING_URI"
    address = uri or os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri(root / "mlflow.db")
    path = sqlite_path(address)
    if path is not None:
        return sqlite_uri(path)
    if address.startswith("sqlite"):
        raise UsageError(f"{said} {address!r} names no file: sqlite:///folder/mlflow.db")
    if not re.match(rf"({'|'.join(SCHEMES)})(\+\w+)?://.", address) and address != "databricks":
        raise UsageError(
            f"{said} {masked(address)!r} is no address that MLflow takes: "
            "sqlite:///folder/mlflow.db, postgresql+psycopg://..., http://..."
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
    """Return an address as messages may show it, without user and password."""
    return re.sub("//.*@", "//***@", uri)


def deleted(experiment: str, identity: object) -> str:
    """One line for an experiment that was deleted in MLflow, whose name stays taken."""
    return (
        f"experiment {experiment!r} was deleted in MLflow: bring it back with "
        f"`mlflow experiments restore --experiment-id {identity}` or remove it for good with "
        f"`mlflow gc --experiment-ids {identity}`"
    )
