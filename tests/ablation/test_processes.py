"""The command `study` in processes of its own, which signals and a closed pipe reach."""

import os
import re
import signal
from pathlib import Path

import pytest
from small_studies import (
    TINY_WORDS,
    Command,
    finish,
    in_order,
    recorded,
    start,
    wait_for,
    workers_of,
)

# In a worker `gate` waits for a file to be there, so that a test can stop the study just then.
GATE = """
import multiprocessing
import time
from pathlib import Path

from study.learning.rules.base import Gradient

FLAG = Path(__file__).with_name("open")


def prepare(site, z):
    while multiprocessing.current_process().name != "MainProcess" and not FLAG.exists():
        time.sleep(0.02)
    return z[:, :1, 0]


gate = Gradient(name="gate", formula="φ = f'(z)", reference="a test", prepare=prepare)
"""
GRADIENTS = "[exact, removed, offset, random, {_target_: gate_of_a_user.gate}]"
GATED = [  # 10 cells, of which 2 wait
    f"grids=[{{dataset: [iris, moons], hidden: [4], gradient: {GRADIENTS}}}]",
    "execution.workers=2",
    *TINY_WORDS,
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to run in."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    path = tmp_path / "empty"
    path.mkdir()
    monkeypatch.chdir(path)
    return path


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def blocks_sigint(process: int) -> bool:
    status = Path(f"/proc/{process}/status").read_text()
    mask = int(re.search(r"SigBlk:\s*([0-9a-f]+)", status).group(1), 16)
    return bool(mask >> (signal.SIGINT - 1) & 1)


def stopped(process, end: signal.Signals, database: Path):
    """Send a signal when both workers wait and the other cells are recorded; what was said."""
    wait_for(lambda: recorded(database) == 8 and len(workers_of(process.pid)) == 2)
    children = workers_of(process.pid)
    assert all(map(blocks_sigint, children)), "Ctrl-C would have each print a traceback"
    if end == signal.SIGINT:
        os.killpg(process.pid, end)  # Ctrl-C reaches workers too
    else:
        process.send_signal(end)
    said = finish(process)
    wait_for(lambda: not any(map(alive, children)), seconds=10.0)
    return said


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
def test_a_study_that_is_stopped_goes_on_as_if_it_had_not_been(folder, migrated, tmp_path):
    """SIGKILL, SIGTERM, Ctrl-C, each when some cells are recorded and two are in flight."""
    (folder / "gate_of_a_user.py").write_text(GATE)
    command = Command(tmp_path / "stopped", migrated)
    said = []
    for end in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        said.append(stopped(command.start(*GATED, cwd=folder), end, command.database))
        assert recorded(command.database) == 8, "a cell is there whole or not at all"
        assert not command.tables.exists()
    assert [s.code for s in said] == [-signal.SIGKILL, 143, 130]
    for s in said[1:]:
        assert s.err == ""
        assert s.out.endswith(
            "\nstopped; finished cells are recorded. Go on with the same command, or with: "
            "make ablation\n"
        )
    assert said[0].out.startswith("default: 10 cells; 94 trainings, about 1 s\n")
    assert said[1].out.startswith("default: 2 cells, 8 finished before; 20 trainings")

    (folder / "open").touch()
    last = command(*GATED, "execution.workers=1")
    assert (last.code, last.err) == (0, "")
    assert last.out.startswith("default: 2 cells, 8 finished before; 20 trainings, about 1 s\n")
    whole = Command(tmp_path / "whole", migrated)
    assert whole(*GATED, "execution.workers=1").code == 0
    for table in ("runs", "curves"):
        one, other = (in_order(getattr(c, table)("default")) for c in (command, whole))
        assert one.equals(other), table


def test_a_reader_that_has_seen_enough(folder):
    ours, theirs = os.pipe()
    process = start(["list"], cwd=folder, stdout=theirs)
    os.close(theirs)
    os.close(ours)
    said = finish(process)
    assert (said.code, said.err) == (0, "")
