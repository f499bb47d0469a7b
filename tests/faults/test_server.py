"""A tracking server that goes away in the middle, for a while or for too long."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from faulty import GO_ON, MANY, check_same, check_whole, long
from small_studies import Command, finish, recorded, start, wait_for

MLFLOW = str(Path(sys.executable).with_name("mlflow"))


class Server:
    """`mlflow server` on a port of 127.0.0.1, with a store in `folder`."""

    def __init__(self, folder: Path, database: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self._words = [
            *(MLFLOW, "server", "--backend-store-uri", f"sqlite:///{database}"),
            *("--artifacts-destination", str(folder / "artifacts")),
            *("--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"),
        ]
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        quiet = {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        self._process = subprocess.Popen(
            self._words,
            env={**os.environ, **quiet},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_for(self._answers, 180)

    def kill(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


@pytest.fixture
def server(migrated, tmp_path):
    command = Command(tmp_path / "study", migrated)
    one = Server(tmp_path, command.database)
    one.start()
    yield one, command
    one.kill()


def words(server, command):
    return [*MANY, f"tracking.uri={server.uri}", f"tracking.tables={command.tables}"]


def begin(server, command, **environment):
    """Start a study and wait until the server has two cells of it."""
    process = start(words(server, command), env=environment)
    wait_for(lambda: recorded(command.database) >= 2 or process.poll() is not None, 300)
    time.sleep(0.2)  # somewhere in the third one
    return process


def check_end(server, command, many):
    """Whatever was before, the same command ends it."""
    said = finish(start(words(server, command)), 600)
    assert (said.code, said.err) == (0, ""), said
    assert check_whole_at_server(command) == 10
    check_same(command, many, ids=False)


def check_whole_at_server(command) -> int:
    folder = command.folder.parent / "artifacts"
    return check_whole(command.database, artifacts=folder)


@long
def test_a_server_that_comes_back_in_time(server, many):
    """The study waits for it."""
    server, command = server
    process = begin(server, command)
    server.kill()
    time.sleep(3.0)
    server.start()
    said = finish(process, 600)
    assert (said.code, said.err) == (0, ""), said
    assert check_whole_at_server(command) == 10
    check_same(command, many, ids=False)
    check_end(server, command, many)


@long
def test_a_server_that_stays_away(server, many):
    """One line, and all that was recorded is there when it is back."""
    server, command = server
    process = begin(server, command, MLFLOW_HTTP_REQUEST_MAX_RETRIES="2")
    server.kill()
    said = finish(process, 600)
    assert said.code == 1, said
    gone = f"no MLflow server answers at {server.uri}: Connection refused"
    assert said.err == f"study: {gone}\n"
    assert said.out.endswith(GO_ON)
    said = finish(start(words(server, command)), 600)
    assert (said.code, said.err, said.out) == (2, f"study: {gone}\n", "")
    server.start()
    check_end(server, command, many)


@long
@pytest.mark.parametrize("moment", [0.5, 1.0, 2.0])
def test_a_study_that_is_killed_beside_a_server(server, many, moment):
    server, command = server
    process = begin(server, command)
    time.sleep(moment)
    process.kill()
    finish(process)
    check_end(server, command, many)
