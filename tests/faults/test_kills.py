"""SIGKILL, SIGINT and SIGTERM at random moments: nothing is lost, doubled or half recorded."""

import contextlib
import os
import random
import signal
import subprocess
import time

import pytest
from faulty import (
    GO_ON,
    MANY,
    catches,
    check_clean,
    check_same,
    check_whole,
    kill,
    long,
    needs_proc,
)
from small_studies import Command, finish, recorded, wait_for, workers_of

TWO = [*MANY, "execution.workers=2"]
KILLS = 10  # a campaign

pytestmark = needs_proc


def strike(process, victim: str, draw: random.Random) -> str:
    """Kill the parent, a worker, or all at once; return what was killed."""
    workers = workers_of(process.pid)
    if victim == "worker" and workers:
        kill(draw.choice(workers))
        return "worker"
    if victim == "both":
        os.killpg(process.pid, signal.SIGKILL)
        return "both"
    process.kill()
    return "parent"


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


@pytest.mark.parametrize("victim", [pytest.param("worker", marks=long), "both"])
def test_a_kill_in_the_middle(victim, migrated, many, tmp_path):
    command = Command(tmp_path / "store", migrated)
    process = command.start(*TWO)
    wait_for(lambda: recorded(command.database) > 1)
    killed = strike(process, victim, random.Random(0))
    said = finish(process)
    check_whole(command.database)
    if killed == "worker":
        assert said.code == 0
    else:
        assert said.code == -signal.SIGKILL
        assert command(*MANY, "execution.workers=1").code == 0
    assert check_whole(command.database) == 10
    check_same(command, many)


@long
@pytest.mark.parametrize(
    ("migrating", "seed"), [(True, 0), (True, 1), (False, 2), (False, 3), (False, 4)]
)
def test_kills_at_random_moments(seed, migrating, migrated, many, tmp_path):
    """Ten a campaign, of which two begin without a store and migrate it.

    A study that ends before the blow is compared, and a new one begun.
    """
    draw = random.Random(seed)
    number, log = 0, []

    def begin() -> Command:
        nonlocal number
        number += 1
        return Command(tmp_path / f"{number}", None if migrating else migrated)

    def complete(command: Command) -> None:
        said = finish(command.start(*TWO), 600)
        assert (said.code, said.err) == (0, ""), log
        assert check_whole(command.database) == 10, log
        check_same(command, many)
        check_clean(command)

    command = begin()
    before = time.monotonic()
    complete(command)
    seconds = time.monotonic() - before
    command = begin()
    struck = 0
    while struck < KILLS:
        process = command.start(*TWO)
        victim = draw.choice(["parent", "worker", "both"])
        moment = await_moment(process, command, draw, seconds)
        if process.poll() is None:
            victim = strike(process, victim, draw)
            struck += 1
            log.append((victim, *moment, recorded(command.database)))
        said = finish(process, 600)
        if said.code >= 0:  # it was a worker, or nothing
            assert said.code == 0, (log, said)
        if command.database.exists():
            check_whole(command.database)
        if said.code == 0:
            complete(command)
            command = begin()
    complete(command)
    print(f"campaign {seed}: {log}")  # pytest shows it with -rA


@long
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_at_random_moments(seed, number, code, migrated, many, tmp_path):
    draw = random.Random(2000 + seed)
    command = Command(tmp_path / "store", migrated)
    process = command.start(*TWO)
    wait_for(lambda: catches(process.pid, signal.SIGTERM) or process.poll() is not None)
    moment = draw.uniform(0.0, 8.0)
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    said = finish(process)
    assert said.code in (0, code), (moment, said)
    assert said.err == "", moment
    if said.code:
        assert said.out.endswith((GO_ON, "stopped; go on with the same command\n")), moment
    check_whole(command.database)
    assert command(*MANY, "execution.workers=1").code == 0
    assert check_whole(command.database) == 10
    check_same(command, many)
