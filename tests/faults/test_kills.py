"""SIGKILL, SIGINT, SIGTERM: at random moments, nothing is lost, doubled or half recorded."""

import contextlib
import itertools
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from faulty import GO_ON, MANY, check_clean, check_same, check_whole, handles, long, needs_proc
from small_studies import Command, finish, grid_of, recorded, wait_for, well, workers_of

TWO = [*MANY, "execution.workers=2"]
KILLS = 10  # a campaign
CODES = {"Ctrl-C": 130, "SIGTERM": 143}
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
GATED = [*grid_of("[iris, moons]", GRADIENTS), "execution.workers=2"]  # 10 cells, of which 2 wait

pytestmark = needs_proc


def strike(process, victim: str, draw: random.Random) -> str:
    """Kill the parent, a worker, or all at once, or send a signal; return what was done."""
    workers = workers_of(process.pid)
    if victim == "worker" and workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(draw.choice(workers), signal.SIGKILL)
        return "worker"
    if victim in ("both", "Ctrl-C"):
        os.killpg(process.pid, signal.SIGKILL if victim == "both" else signal.SIGINT)
    else:
        process.send_signal(signal.SIGTERM if victim == "SIGTERM" else signal.SIGKILL)
    return victim


def await_moment(process, command, draw: random.Random, seconds: float) -> tuple:
    """Wait until any moment, start-up and migration included, or one among the cells.

    Most of a small study is its start, and what matters most is its cells' recording: two blows
    of three fall after some more cells are recorded, and a split second.
    """
    before = recorded(command.database)
    if before < 10 and draw.random() < 2 / 3:
        more, later = draw.randint(1, 10 - before), draw.uniform(0.0, 0.05)
        wait_for(
            lambda: recorded(command.database) >= before + more or process.poll() is not None, 600
        )
        time.sleep(later)
        return (f"{more} cells later", round(later, 4))
    moment = draw.uniform(0.0, seconds)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(moment)
    return ("seconds", round(moment, 3))


def alive(process: int) -> bool:
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        return state not in "ZX"
    return False


def stopped(process, end: signal.Signals, command: Command):
    """Send a signal when both workers wait and the other cells are recorded; what was said."""
    wait_for(lambda: recorded(command.database) == 8 and len(workers_of(process.pid)) == 2)
    children = workers_of(process.pid)
    blocked = all(handles(child, signal.SIGINT, "SigBlk") for child in children)
    assert blocked, "Ctrl-C would have each print a traceback"
    if end == signal.SIGINT:
        os.killpg(process.pid, end)  # Ctrl-C reaches workers too
    else:
        process.send_signal(end)
    said = finish(process)
    wait_for(lambda: not any(map(alive, children)), seconds=10.0)
    assert recorded(command.database) == 8, "a cell is there whole or not at all"
    assert not command.tables.exists()
    return said


def test_a_study_that_is_stopped_goes_on_as_if_it_had_not_been(migrated, tmp_path, monkeypatch):
    """SIGKILL, SIGTERM, Ctrl-C, each when some cells are recorded and two are in flight."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gate_of_a_user.py").write_text(GATE)
    command = Command(tmp_path / "stopped", migrated)
    ends = signal.SIGKILL, signal.SIGTERM, signal.SIGINT
    said = [stopped(command.start(*GATED), end, command) for end in ends]
    assert [s.code for s in said] == [-signal.SIGKILL, 143, 130]
    assert all(s.err == "" and s.out.endswith(GO_ON) for s in said[1:])
    assert said[0].out.startswith("default: 10 cells; 94 trainings, about 1 s\n")
    assert said[1].out.startswith("default: 2 cells, 8 finished before; 20 trainings")

    (tmp_path / "open").touch()
    last = well(command(*GATED, "execution.workers=1"))
    assert last.startswith("default: 2 cells, 8 finished before; 20 trainings, about 1 s\n")
    whole = Command(tmp_path / "whole", migrated)
    assert whole(*GATED, "execution.workers=1").code == 0
    assert check_whole(command.database) == 10
    check_same(command, whole)


@long
@pytest.mark.parametrize(
    ("migrating", "seed"), [(True, 0), (True, 1), *((False, seed) for seed in range(2, 8))]
)
def test_kills_at_random_moments(seed, migrating, migrated, many, tmp_path):
    """Ten a campaign, of which two begin without a store and migrate it.

    A study that ends before the blow is compared, and a new one begun.
    """
    draw = random.Random(seed)
    numbers, log = itertools.count(), []

    def begin() -> Command:
        return Command(tmp_path / f"{next(numbers)}", None if migrating else migrated)

    def complete(command: Command) -> None:
        well(finish(command.start(*TWO), 600))
        assert check_whole(command.database) == 10, log
        check_same(command, many)
        check_clean(command)

    before = time.monotonic()
    complete(begin())
    seconds = time.monotonic() - before
    command, struck = begin(), 0
    while struck < KILLS:
        process = command.start(*TWO)
        victim = draw.choice(["parent", "worker", "both", *CODES])
        if victim in CODES:  # before there is a handler, Python's own has a traceback
            wait_for(lambda p=process: handles(p.pid, signal.SIGTERM) or p.poll() is not None)
        moment = await_moment(process, command, draw, seconds)
        if process.poll() is None:
            victim = strike(process, victim, draw)
            struck += 1
            log.append((victim, *moment, recorded(command.database)))
        said = finish(process, 600)
        if said.code >= 0:  # it was a worker, a signal, or nothing
            assert said.code in (0, CODES.get(victim, 0)), (log, said)
        if said.code > 0:
            assert said.out.endswith((GO_ON, "stopped; go on with the same command\n")), log
            assert said.err == "", log
        if command.database.exists():
            check_whole(command.database)
        if said.code == 0:
            complete(command)
            command = begin()
    complete(command)
