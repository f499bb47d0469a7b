"""A real PostgreSQL of its own for tests, where its programs are installed."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path

import psycopg
import pytest

from study.ablation.store.database import Database

NUMBERS = count()


@cache
def programs() -> Path | None:
    """The folder of PostgreSQL's programs; Debian keeps them off the path."""
    found = [*sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")), shutil.which("initdb")]
    return next((Path(path).parent for path in reversed(found) if path), None)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


class Postgres:
    """A server on 127.0.0.1, and an empty database of MLflow's that others are copied from."""

    def __init__(self, folder: Path) -> None:
        self.port, self.folder, self._data = free_port(), folder, folder / "data"
        self.own(folder)
        self._run("initdb", "-A", "trust", "-U", "tests", "--no-sync")
        self.start()
        with contextlib.closing(Database(self.uri("postgres"))) as empty:
            empty.create()

    def uri(self, name: str, user: str = "tests") -> str:
        return f"postgresql+psycopg://{user}@127.0.0.1:{self.port}/{name}"

    def new(self, options: str = "TEMPLATE postgres") -> str:
        """Make a database; return its address."""
        name = f"store{next(NUMBERS)}"
        self.say(f"CREATE DATABASE {name} {options}")
        return self.uri(name)

    def say(self, sql: str, name: str = "template1") -> None:
        address = self.uri(name).replace("+psycopg", "")
        with contextlib.closing(psycopg.connect(address, autocommit=True)) as connection:
            connection.execute(sql)

    def password(self, user: str, word: str) -> None:
        """Make a user who needs a password."""
        self.say(f"CREATE ROLE {user} LOGIN SUPERUSER PASSWORD '{word}'")
        rules = self._data / "pg_hba.conf"
        rules.write_text(f"host all {user} 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        self._run("pg_ctl", "reload")

    def own(self, *folders: Path | str) -> None:
        """Give folders to the user that the server runs as, which can't be root."""
        for folder in folders if os.geteuid() == 0 else ():
            shutil.chown(folder, "postgres")

    def start(self) -> None:
        own = f"-p {self.port} -c fsync=off -c unix_socket_directories={self.folder}"
        log = self.folder / "log"
        self._run("pg_ctl", "-o", own, "-l", str(log), "-w", "start")

    def stop(self, how: str = "fast") -> None:
        self._run("pg_ctl", "-m", how, "-w", "stop")

    def _run(self, program: str, *words: str) -> None:
        path = programs()
        assert path is not None
        command = [str(path / program), "-D", str(self._data), *words]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        subprocess.run(command, check=True, cwd="/", **silent)


def serve() -> Iterator[Postgres]:
    """Start a server, or skip the test where there is none; stop and remove it at the end."""
    if programs() is None:
        pytest.skip("needs PostgreSQL's programs")
    with tempfile.TemporaryDirectory(prefix="study-postgres-") as folder:
        server = Postgres(Path(folder))
        yield server
        server.stop("immediate")
