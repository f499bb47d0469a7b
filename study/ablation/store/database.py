"""The SQL database under a store: is it there, is it MLflow's, make it, talk to it."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.ablation.store import masked, sqlite_path, sqlite_uri
from study.errors import UsageError

if TYPE_CHECKING:
    import sqlalchemy as sa

PATIENCE = 60.0
"""Seconds to wait for another writer of an SQLite file."""

AGAIN = "put a copy of it back, or move it away to have its cells trained again"
HINTS = {
    sqlite3.SQLITE_BUSY: f"another program has held it for {PATIENCE:.0f} s",
    sqlite3.SQLITE_CANTOPEN: "is there such a folder, and may it be written?",
    sqlite3.SQLITE_CORRUPT: AGAIN,
    sqlite3.SQLITE_IOERR: "is its disk full, or failing?",
    sqlite3.SQLITE_NOTADB: AGAIN,
}
"""What people can do, by SQLite's error code."""

MIGRATE = "import os, mlflow.db; mlflow.db.upgrade.callback(os.environ['MLFLOW_TRACKING_URI'])"
"""`mlflow db upgrade` without the rest of the command line; in a process of its own, since
importing MLflow takes 3 s and nothing else here needs it."""


class Database:
    """A database that MLflow's tracking store uses or will use.

    SQLite is read by the standard library alone, so that asking what is finished costs no import.

    Parameters
    ----------
    uri
        An absolute SQLite address or that of another database which SQLAlchemy knows.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.path = sqlite_path(uri)
        self._engine: sa.Engine | None = None

    def revision(self) -> str | None:
        """Return the revision of MLflow's schema, None where nothing is there yet.

        Raises
        ------
        UsageError
            For what is no database, or not MLflow's, or of a newer MLflow.
        """
        if self.path and not self._file_has_content():
            return None
        names = self._table_names()
        if not names:
            return None
        rows = self.read("SELECT version_num FROM alembic_version") if MARK in names else []
        if not rows:
            raise UsageError(f"{self.shown} is a database, but not a whole one of MLflow's")
        revision = str(rows[0][0])
        if _is_newer(revision):
            raise UsageError(f"{self.shown} was made by a newer MLflow (schema {revision})")
        return revision

    def check_not_older(self) -> None:
        """Leave a database of an older MLflow alone, which MLflow itself would at times migrate.

        Raises
        ------
        UsageError
            For one that the installed MLflow would have to bring up to date.
        """
        revision = self.revision()
        if revision is not None and _is_older(revision):
            raise UsageError(
                f"{self.shown} was made by an older MLflow (schema {revision}): keep a copy, and "
                f"bring it up to date with `mlflow db upgrade {masked(self.uri)}`"
            )

    def create(self) -> None:
        """Make MLflow's tables where there are none.

        An SQLite file is made in a folder beside its place and appears whole: a kill during
        MLflow's first migration would leave a file that no later start can open. Of several
        studies that begin at once one makes it.

        Raises
        ------
        UsageError
            Where it cannot be made.
        """
        made = self.revision() is not None
        if self.path is None:
            if not made:
                self._migrate(self.uri)
            return
        lock = self.path.with_name(f"{self.path.name}.lock")
        if made:
            if self._leftovers(self.path):
                with contextlib.suppress(OSError), _only_one(lock, wait=False):
                    self._clear(self.path)
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with _only_one(lock):
                self._make(self.path)
        except OSError as error:
            raise UsageError(f"cannot make {self.path}: {error.strerror or error}") from error

    def read(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query, whose parameters are written ``:name``."""
        with self.one_line_errors():
            if self.path is None:
                import sqlalchemy as sa

                with self.engine.connect() as connection:
                    return [tuple(row) for row in connection.execute(sa.text(sql), values)]
            with contextlib.closing(sqlite3.connect(self.path, timeout=PATIENCE)) as plain:
                return plain.execute(sql, values).fetchall()

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Open a transaction that holds the write lock from its start; errors roll it back."""
        with self.one_line_errors(), self.engine.begin() as connection:
            if self.path is not None:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    @property
    def engine(self) -> sa.Engine:
        """SQLAlchemy's engine, made at first use."""
        if self._engine is None:
            from sqlalchemy.exc import ArgumentError

            try:
                self._engine = self._connectable()
            except (ImportError, ArgumentError) as error:  # no driver, no such dialect, a typo
                raise UsageError(f"cannot use {self.shown}: {_first_line(error)}") from error
        return self._engine

    @property
    def shown(self) -> str:
        """The address as messages name it, without a password."""
        return str(self.path) if self.path else masked(self.uri)

    @contextlib.contextmanager
    def one_line_errors(self) -> Iterator[None]:
        """Turn errors of the environment (locked, read-only, full, no database) to one line."""
        try:
            yield
        except Exception as error:
            if not _of_environment(error):
                raise
            raise UsageError(f"cannot use the store {self.shown}: {_reason(error)}") from error

    def close(self) -> None:
        """Close all connections."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _connectable(self) -> sa.Engine:
        import sqlalchemy as sa

        if self.path is None:
            return sa.create_engine(self.uri)
        engine = sa.create_engine(self.uri, connect_args={"timeout": PATIENCE})

        @sa.event.listens_for(engine, "connect")
        def _settings(connection: sqlite3.Connection, _: object) -> None:
            connection.isolation_level = None  # `writing` says BEGIN itself
            connection.execute("PRAGMA journal_mode = WAL")  # the UI reads while we write
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA cache_size = -65536")  # kB

        return engine

    def _table_names(self) -> set[str]:
        if self.path is not None:
            return {name for (name,) in self.read("SELECT name FROM sqlite_master")}
        import sqlalchemy as sa

        with self.one_line_errors():
            return set(sa.inspect(self.engine).get_table_names())

    def _migrate(self, uri: str) -> None:
        environment = os.environ | {
            "MLFLOW_TRACKING_URI": uri,
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        done = subprocess.run(
            [sys.executable, "-c", MIGRATE], env=environment, capture_output=True, text=True
        )
        if done.returncode:
            *_, reason = done.stderr.strip().splitlines() or ["no reason given"]
            raise UsageError(f"MLflow cannot make its tables in {self.shown}: {reason}")

    def _make(self, path: Path) -> None:
        """Make an SQLite file; what a killed study has left of it goes."""
        self._clear(path)
        if self.revision() is not None:  # by another study, which had the lock before
            return
        with tempfile.TemporaryDirectory(prefix=_unfinished(path), dir=path.parent) as folder:
            fresh = Path(folder) / path.name
            self._migrate(sqlite_uri(fresh))
            with contextlib.closing(sqlite3.connect(fresh)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")  # the file remembers it
            self._publish(fresh, path)

    def _leftovers(self, path: Path) -> list[Path]:
        return list(path.parent.glob(f"{_unfinished(path)}*"))

    def _clear(self, path: Path) -> None:
        for leftover in self._leftovers(path):
            shutil.rmtree(leftover, ignore_errors=True)

    def _publish(self, fresh: Path, path: Path) -> None:
        """Give a finished file its name, unless MLflow itself has just made one there."""
        if not self._file_has_content():
            path.unlink(missing_ok=True)
        try:
            os.link(fresh, path)
        except FileExistsError:
            if self.revision() is None:
                raise
        except OSError:  # a file system without hard links
            if not path.exists():
                fresh.replace(path)

    def _file_has_content(self) -> bool:
        assert self.path is not None
        try:
            return self.path.stat().st_size > 0
        except FileNotFoundError:
            return False
        except OSError as error:
            raise UsageError(f"cannot use the store {self.path}: {error.strerror}") from error


MARK = "alembic_version"


def _unfinished(path: Path) -> str:
    """Beginning of the names of folders in which a file of that name is made."""
    return f"{path.name}.new-"


@contextlib.contextmanager
def _only_one(path: Path, wait: bool = True) -> Iterator[None]:
    """Hold a lock file, which the kernel lets go of when its holder dies; it is removed after.

    `BlockingIOError` where another holds it and we don't wait.
    """
    while True:
        with open(path, "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise
            except OSError:  # a file system without locks
                pass
            try:
                mine = os.path.samestat(os.fstat(file.fileno()), path.stat())
            except FileNotFoundError:
                mine = False
            if not mine:  # its last holder has removed it
                continue
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _migrations() -> Path | None:
    """Return the folder of the installed MLflow's schemas, without importing MLflow."""
    package = importlib.util.find_spec("mlflow")
    if package is None or package.origin is None:
        return None  # whoever needs MLflow will say that it is missing
    return Path(package.origin).parent / "store" / "db_migrations" / "versions"


def _is_newer(revision: str) -> bool:
    versions = _migrations()
    return versions is not None and not any(versions.glob(f"{revision}_*.py"))


def _is_older(revision: str) -> bool:
    """Whether another schema follows this one."""
    follows = re.compile(rf"^down_revision = ['\"]{re.escape(revision)}['\"]", re.MULTILINE)
    versions = _migrations()
    return versions is not None and any(
        follows.search(path.read_text(encoding="utf-8")) for path in versions.glob("*.py")
    )


def _of_environment(error: Exception) -> bool:
    if type(error) in (sqlite3.OperationalError, sqlite3.DatabaseError):
        return True
    if "sqlalchemy" not in sys.modules:
        return False
    from sqlalchemy import exc

    return type(error) in (exc.OperationalError, exc.DatabaseError)


def _reason(error: Exception) -> str:
    """Say what is wrong and, of an SQLite file, what can be done."""
    cause = getattr(error, "orig", error)
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    hint = HINTS.get(code, "")
    return _first_line(cause) + (f"; {hint}" if hint else "")


def _first_line(error: object) -> str:
    return str(error).partition("\n")[0]
