"""Servers: one that goes away for a while or for good; what is unpickled, listened to and told."""

import os
import signal
import time
from pathlib import Path

import pytest
from faulty import (
    FEW,
    GO_ON,
    MANY,
    Server,
    check_networks,
    check_same,
    check_whole,
    hook,
    long,
    needs_proc,
)
from postgres import free_port
from small_studies import Command, finish, python, recorded, start, wait_for, well

from study.ablation.store import sqlite_uri


@pytest.fixture
def server(migrated, tmp_path):
    command = Command(tmp_path / "study", migrated)
    one = Server(tmp_path, sqlite_uri(command.database))
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


def check_end(process, command, many):
    """A study ends well, and has all its cells."""
    well(finish(process, 600))
    assert check_whole(command.database, artifacts=command.folder.parent / "artifacts") == 10
    check_same(command, many, ids=False)


@long
def test_a_server_that_comes_back_in_time(server, many):
    """The study waits for it; the same command has nothing to do."""
    server, command = server
    process = begin(server, command)
    server.kill()
    time.sleep(3.0)
    server.start()
    for study in (process, start(words(server, command))):
        check_end(study, command, many)


@long
def test_networks_go_through_a_server(server, few, tmp_path):
    server, command = server
    places = [f"tracking.uri={server.uri}", f"tracking.tables={command.tables}"]
    well(finish(start([*FEW, *places, "tracking.models=true"]), 600))
    check_same(command, few, ids=False)
    check_networks(server.uri, 3, tmp_path)


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
    check_end(start(words(server, command)), command, many)


@long
@pytest.mark.parametrize("moment", [0.5, 1.0, 2.0])
def test_a_study_that_is_killed_beside_a_server(server, many, moment):
    server, command = server
    process = begin(server, command)
    time.sleep(moment)
    process.kill()
    finish(process)
    check_end(start(words(server, command)), command, many)


WATCHED = """
import sys

def watch(event, arguments):
    if event == "pickle.find_class":
        print("unpickled:", *arguments, file=sys.stderr)

sys.addaudithook(watch)
"""


def test_resuming_and_exporting_unpickle_nothing(few, tmp_path):
    """Python tells its auditor whenever a pickle looks a class up."""
    watched = hook(tmp_path / "hook", WATCHED)
    script = "import pickle, pathlib; pickle.loads(pickle.dumps(pathlib.Path()))"
    seen = python(script, env={**os.environ, **watched})
    assert "unpickled: pathlib" in seen.stderr, "the test itself can see it"
    said = well(finish(few.start(*FEW, env=watched)))
    assert said.startswith("default: nothing to train, 3 cells finished before")


def listening(port: int) -> set[str]:
    """The addresses on which this machine listens at a port, from /proc/net."""
    paths = [path for name in ("tcp", "tcp6") if (path := Path("/proc/net", name)).exists()]
    lines = [line.split() for path in paths for line in path.read_text().splitlines()[1:]]
    places = [local.rpartition(":") for _, local, _, state, *_ in lines if state == "0A"]
    return {address for address, _, number in places if int(number, 16) == port}


@long
@needs_proc
def test_the_ui_listens_on_this_machine_alone_and_tells_nobody(few):
    port = free_port()
    process = start(["ui", f"port={port}", f"tracking.uri={sqlite_uri(few.database)}"])
    try:
        wait_for(lambda: listening(port) or process.poll() is not None, 180)
        assert listening(port) == {"0100007F"}, "127.0.0.1"
        variables = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
        assert b"MLFLOW_DISABLE_TELEMETRY=true" in variables
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@long
def test_telemetry_is_off(tmp_path, migrated, monkeypatch):
    """In each process that imports MLflow: the one that migrates, and a study's with a client."""
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    told = hook(
        tmp_path / "hook",
        "import atexit, sys\n"
        "def tell():\n"
        "    if 'mlflow' in sys.modules:\n"
        "        from mlflow.environment_variables import MLFLOW_DISABLE_TELEMETRY\n"
        "        from mlflow.telemetry.client import get_telemetry_client\n"
        f"        with open({str(tmp_path / 'said')!r}, 'a') as file:\n"
        "            print(MLFLOW_DISABLE_TELEMETRY.get(), get_telemetry_client(), file=file)\n"
        "atexit.register(tell)\n",
    )
    command = Command(tmp_path / "study", None)
    well(finish(command.start(*FEW, "execution.workers=1", env=told)))
    assert (tmp_path / "said").read_text() == "True None\n"
    script = "import sys; from study.ablation.store.client import connect; connect(sys.argv[1])"
    python(script, sqlite_uri(migrated), env={**os.environ, **told})
    assert (tmp_path / "said").read_text() == "True None\nTrue None\n"
