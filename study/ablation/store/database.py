"""The SQL database of a store: check it, make it, read it, write to it."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from study.ablation.store import DRIVER, UNREADABLE, masked, shown, sqlite_path, sqlite_uri
from study.errors import UsageError

if TYPE_CHECKING:
    import sqlalchemy as sa

Result = TypeVar("Result")

PATIENCE = 60.0  # seconds to wait for another writer, or for a server that is started anew
AGAIN = "put a copy of it back, or move it away to have its cells trained again"
# errors, SQLAlchemy's and SQLite's, that no programming mistake raises
OPERATIONAL = "OperationalError"
ENVIRONMENT = {OPERATIONAL, "DatabaseError"}
HELD = f"another program has held it for {PATIENCE:.0f} s"
HINTS: dict[int | str, str] = {
    sqlite3.SQLITE_BUSY: HELD,
    sqlite3.SQLITE_CANTOPEN: "is there such a folder, and may it be written?",
    sqlite3.SQLITE_CORRUPT: AGAIN,
    sqlite3.SQLITE_IOERR: "is its disk full, or failing?",
    sqlite3.SQLITE_NOTADB: AGAIN,
    "22001": "that is more than MLflow's tables hold",
    "25006": "is it a replica?",
    "42501": "this user needs the right to read and write MLflow's tables",
    "53100": "is its disk full?",
    "55P03": HELD,
}
"""Advice by SQLite's error code, and by PostgreSQL's."""

PASSING = ("08", "40", "57")  # classes of PostgreSQL's errors: connection, deadlock, shutdown
WAITS = {"connect_timeout": 10, "keepalives_idle": 30, "tcp_user_timeout": 60_000}
"""How long libpq waits, in s, s and ms, for a server that says nothing."""

LOCK = "SELECT set_config('lock_timeout', :wait, true), pg_advisory_xact_lock(:key)"
SCHEMA = "schema"  # name of the lock of who makes MLflow's tables

PACKED = "packed"  # what an SQLite connection calls the database with a cell's rows
ATTACH = f"ATTACH ':memory:' AS {PACKED}"
MARK = "alembic_version"
SQLITE_TABLES = "SELECT name FROM sqlite_master"
TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"

MIGRATE = "import os, mlflow.db; mlflow.db.upgrade.callback(os.environ['MLFLOW_TRACKING_URI'])"
"""What `mlflow db upgrade` does. It runs in a process of its own, since importing MLflow takes 3 s
and nothing else here needs it."""


class Database:
    """A database that MLflow's tracking store uses or will use, at an absolute address.

    SQLite files are read by the standard library: asking what is finished needs no slow import.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.path = sqlite_path(uri)
        self.shown = shown(uri)
        self._reached = False  # whether a server has answered; from then on it is waited for

    def revision(self) -> str | None:
        """Return the revision of MLflow's schema, None where nothing is there yet.

        What is no database, or not MLflow's, or of a newer MLflow, raises `UsageError`.
        """
        if self.path is None:
            with self.writing(SCHEMA):
                pass  # another study may be making the tables
        return self._revision()

    def _revision(self) -> str | None:
        if self.path and not self._file_has_content():
            return None
        names = self.read(SQLITE_TABLES if self.path else TABLES)
        if not names:
            return None
        rows = self.read(f"SELECT version_num FROM {MARK}") if (MARK,) in names else []
        if not rows:
            raise UsageError(f"{self.shown} is a database, but not a whole one of MLflow's")
        revision = str(rows[0][0])
        schemas = [path.name for path in _schemas()]
        if schemas and not any(name.startswith(f"{revision}_") for name in schemas):
            raise UsageError(f"{self.shown} was made by a newer MLflow (schema {revision})")
        return revision

    def check_not_older(self) -> None:
        """Refuse a database of an older MLflow, which MLflow itself might migrate unasked."""
        revision = self.revision()
        follows = re.compile(rf"^down_revision = ['\"]{revision}['\"]", re.MULTILINE)
        if any(follows.search(path.read_text(encoding="utf-8")) for path in _schemas()):
            raise UsageError(
                f"{self.shown} was made by an older MLflow (schema {revision}): keep a copy, and "
                f"bring it up to date with `mlflow db upgrade {masked(self.uri)}`"
            )

    def create(self) -> None:
        """Make MLflow's tables where there are none.

        An SQLite file is made in a folder beside its place and appears whole. A kill during
        MLflow's first migration would otherwise leave a file that no later start can open. Of
        several studies that start at once one makes it.
        """
        if self.path is None:
            with self.writing(SCHEMA):
                if self._revision() is None:
                    self._migrate(self.uri)
            return
        made = self.revision() is not None
        unfinished, folder = f"{self.path.name}.new-", self.path.parent
        if made and not list(folder.glob(f"{unfinished}*")):
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _locked(folder, wait=not made) as alone:
                for leftover in folder.glob(f"{unfinished}*") if alone else ():
                    shutil.rmtree(leftover, ignore_errors=True)  # of a study that was killed
                if self.revision() is None:
                    with tempfile.TemporaryDirectory(prefix=unfinished, dir=folder) as home:
                        self._make(Path(home) / self.path.name, self.path)
        except OSError as error:
            raise UsageError(f"cannot make {self.path}: {error.strerror or error}") from error

    def read(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query, whose parameters are written ``:name``."""
        if self.path is None:
            return self.patiently(lambda: self._read(sql, values))
        with self.one_line_errors():
            with contextlib.closing(sqlite3.connect(self.path, timeout=PATIENCE)) as plain:
                return plain.execute(sql, values).fetchall()

    def _read(self, sql: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        import sqlalchemy as sa

        with self.one_line_errors(), self.engine.connect() as connection:
            rows = [tuple(row) for row in connection.execute(sa.text(sql), values)]
        return rows

    @contextlib.contextmanager
    def writing(self, lock: str, packed: bytes = b"") -> Iterator[sa.Connection]:
        """Open a transaction that has a write lock from its start; errors roll it back.

        An SQLite file has one lock alone. A server has one of each name. The tables of `packed`,
        the bytes of an SQLite database, can be read in it under the name `PACKED`.
        """
        with self.one_line_errors(), self.engine.begin() as connection:
            if self.path is not None:
                if packed:  # a transaction that has begun allows it no more
                    plain: Any = connection.connection.driver_connection
                    plain.execute(f"DETACH {PACKED}")  # what is known of its tables goes too
                    plain.execute(ATTACH)
                    plain.deserialize(packed, name=PACKED)
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                import sqlalchemy as sa

                digest = hashlib.sha256(f"study\n{lock}".encode()).digest()[:8]
                key = int.from_bytes(digest, signed=True)
                connection.execute(sa.text(LOCK), {"wait": f"{PATIENCE:.0f}s", "key": key})
                self._reached = True
            yield connection

    def patiently(self, act: Callable[[], Result]) -> Result:
        """Do something, again for a minute where a server that had answered is away.

        Whether a lost transaction was committed is unknown, so `act` may be done twice.
        """
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return act()
            except UsageError as error:
                if not self._passes(error.__cause__) or time.monotonic() > end:
                    raise
            time.sleep(0.5)

    def _passes(self, error: Any) -> bool:
        """Whether waiting may help: the connection was lost, or could not be made again."""
        if not (self._reached and _operational(error)):
            return False
        state = getattr(getattr(error, "orig", error), "sqlstate", None)
        lost = state is None or getattr(error, "connection_invalidated", False)
        return bool(lost or str(state)[:2] in PASSING)

    @cached_property
    def engine(self) -> sa.Engine:
        """SQLAlchemy's engine, made at first use."""
        import sqlalchemy as sa

        waits: dict[str, Any] = {"timeout": PATIENCE} if self.path else {}
        if self.uri.startswith(DRIVER):
            waits = {key: value for key, value in WAITS.items() if f"{key}=" not in self.uri}
        try:
            engine = sa.create_engine(self.uri, connect_args=waits)
        except (ImportError, sa.exc.NoSuchModuleError) as error:  # no driver or dialect
            reason = _first_line(error)
            if getattr(error, "name", "") == "psycopg":
                reason = "PostgreSQL needs a driver: pip install 'delta-rule-study[postgres]'"
            raise UsageError(f"cannot use {self.shown}: {reason}") from error
        except (sa.exc.ArgumentError, ValueError):  # its text may hold a part of the password
            raise UsageError(f"cannot use {self.shown}: {UNREADABLE}") from None
        if self.path:
            sa.event.listen(engine, "connect", _set_up_sqlite)
        return engine

    @contextlib.contextmanager
    def one_line_errors(self) -> Iterator[None]:
        """Turn errors of the environment (locked, read-only, full, no database) into one line."""
        try:
            yield
        except Exception as error:
            cause = getattr(error, "orig", error)
            state = getattr(cause, "sqlstate", None)
            kinds = {type(error).__name__, OPERATIONAL if _operational(error) else ""}
            if not kinds & ENVIRONMENT and state not in HINTS:
                raise
            hint = HINTS.get(state or getattr(cause, "sqlite_errorcode", 0) & 0xFF)
            reason = _first_line(cause) + (f"; {hint}" if hint else "")
            raise UsageError(f"cannot use the store {self.shown}: {reason}") from error

    def close(self) -> None:
        """Close all connections."""
        if engine := self.__dict__.pop("engine", None):
            engine.dispose()

    def _migrate(self, uri: str) -> None:
        own = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_DISABLE_TELEMETRY": "true"}
        words = [sys.executable, "-c", MIGRATE]
        done = subprocess.run(words, env=os.environ | own, capture_output=True, text=True)
        if done.returncode:
            *_, reason = done.stderr.strip().splitlines() or ["no reason given"]
            raise UsageError(f"MLflow cannot make its tables in {self.shown}: {reason}")

    def _make(self, fresh: Path, path: Path) -> None:
        """Make an SQLite file and give it its name, unless MLflow itself made one meanwhile."""
        self._migrate(sqlite_uri(fresh))
        with contextlib.closing(sqlite3.connect(fresh)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")  # the file remembers it
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


def _set_up_sqlite(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # `Database.writing` says BEGIN itself
    connection.execute("PRAGMA journal_mode = WAL")  # the UI reads while we write
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA cache_size = -65536")  # kB
    connection.execute("PRAGMA wal_autocheckpoint = 32768")  # 128 MB: fewer pages are copied twice
    connection.execute(ATTACH)


@contextlib.contextmanager
def _locked(folder: Path, wait: bool) -> Iterator[bool]:
    """Lock a folder, which the kernel unlocks when this process dies; tell whether it is locked.

    It is not where another process has locked it and we don't wait, and on file systems that
    can't lock folders.
    """
    handle, alone = os.open(folder, os.O_RDONLY), False
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            alone = True
        yield alone
    finally:
        os.close(handle)


def _schemas() -> list[Path]:
    """Return the files of the installed MLflow's schemas, without importing MLflow."""
    package = importlib.util.find_spec("mlflow")
    if package is None or package.origin is None:
        return []  # its import will fail where it is needed
    return list((Path(package.origin).parent / "store/db_migrations/versions").glob("*.py"))


def _operational(error: object) -> bool:
    """Whether an error is one of operation: psycopg's own have a class for each code."""
    return any(kind.__name__ == OPERATIONAL for kind in type(error).__mro__)


def _first_line(error: object) -> str:
    return str(error).partition("\n")[0]
