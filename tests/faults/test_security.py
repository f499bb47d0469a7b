"""Nothing is unpickled from a store, the UI listens on 127.0.0.1, telemetry is off."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from faulty import FEW, hook, long, needs_proc
from small_studies import Command, finish, start, wait_for

from study.ablation.store import sqlite_uri

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
    words = [sys.executable, "-c", script]
    seen = subprocess.run(words, env={**os.environ, **watched}, capture_output=True, text=True)
    assert "unpickled: pathlib" in seen.stderr, "the test itself can see it"
    said = finish(few.start(*FEW, env=watched))
    assert said.out.startswith("default: nothing to train, 3 cells finished before")
    assert (said.code, said.err) == (0, "")


def listening(port: int) -> set[str]:
    """The addresses on which this machine listens at a port, from /proc/net."""
    found = set()
    for name in ("tcp", "tcp6"):
        path = Path("/proc/net") / name
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            _, local, _, state, *_ = line.split()
            address, _, number = local.rpartition(":")
            if state == "0A" and int(number, 16) == port:
                found.add(address)
    return found


@long
@needs_proc
def test_the_ui_listens_on_this_machine_alone_and_tells_nobody(few):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
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
    said = finish(command.start(*FEW, "execution.workers=1", env=told))
    assert (said.code, said.err) == (0, "")
    assert (tmp_path / "said").read_text() == "True None\n"
    script = "import sys; from study.ablation.store.client import connect; connect(sys.argv[1])"
    words = [sys.executable, "-c", script, sqlite_uri(migrated)]
    subprocess.run(words, env={**os.environ, **told}, check=True)
    assert (tmp_path / "said").read_text() == "True None\nTrue None\n"
