"""A study on Dask that is disturbed: a worker or the driver killed, Ctrl-C, a cell that kills.

The cluster is one of this machine, and Slurm where its commands are installed.
"""

import os
import shutil
import signal
import subprocess

import pytest
from faulty import GO_ON, MANY, check_same, check_whole, long, needs_proc
from small_studies import Command, finish, grid_of, recorded, wait_for, well, workers_of

KINDS = {
    "dask": ["execution=dask", "execution.workers=2"],
    "slurm": ["execution=slurm", "execution.jobs=2"],
}
DEADLY = """
import multiprocessing
import os
import signal

from study.learning.rules.base import Gradient


def prepare(site, z):
    if multiprocessing.current_process().name != "MainProcess":
        os.kill(os.getpid(), signal.SIGKILL)
    return z[:, :1, 0]


deadly = Gradient(name="deadly", formula="φ = f'(z)", reference="a test", prepare=prepare)
"""

pytestmark = [long, needs_proc]


@pytest.fixture(params=KINDS)
def words(request):
    if request.param == "slurm" and not shutil.which("sbatch"):
        pytest.skip("needs Slurm")
    return [*MANY, "protocol.updates=4000", *KINDS[request.param]]


@pytest.fixture(scope="module")
def whole(migrated, tmp_path_factory):
    command = Command(tmp_path_factory.mktemp("whole"), migrated)
    well(command(*MANY, "protocol.updates=4000"))
    return command


def jobs() -> list[str]:
    return subprocess.run(
        ["squeue", "-h", "-o", "%i"], capture_output=True, text=True
    ).stdout.split()


def test_a_disturbed_study_goes_on_as_if_it_had_not_been(words, migrated, whole, tmp_path):
    """Ctrl-C, the driver killed, a worker lost: after each some cells are there, none twice."""
    slurm = "execution=slurm" in words
    command = Command(tmp_path, migrated)

    def begin():
        before = recorded(command.database)
        process = command.start(*words)
        wait_for(lambda: recorded(command.database) > before or process.poll() is not None)
        return process

    process = begin()
    os.killpg(process.pid, signal.SIGINT)
    said = finish(process)
    assert (said.code, said.err) == (130, "")
    assert said.out.endswith(GO_ON)

    process = begin()
    workers = [] if slurm else workers_of(process.pid)
    process.kill()
    finish(process)
    wait_for(lambda: not (slurm and jobs()), seconds=20.0)
    wait_for(
        lambda: not any(os.path.exists(f"/proc/{worker}") for worker in workers), seconds=20.0
    )

    process = begin()
    if slurm:
        subprocess.run(["scancel", jobs()[0]], check=True)
    else:
        os.kill(workers_of(process.pid)[0], signal.SIGKILL)
    said = finish(process)
    assert said.code == 0
    assert said.err.count("a worker was lost") <= 1, "cells wait at the scheduler, not behind one"
    assert check_whole(command.database) == 10
    check_same(command, whole)


def test_a_cell_that_kills_its_workers_fails_alone(migrated, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rule_that_kills.py").write_text(DEADLY)
    gradients = "[exact, removed, {_target_: rule_that_kills.deadly}]"
    command = Command(tmp_path / "store", migrated)
    said = finish(command.start(*grid_of("[iris, moons]", gradients), *KINDS["dask"]), 240)
    assert said.code == 1
    assert said.err.count("its worker died 4 times") == 2
    assert recorded(command.database) == 4, "the others are there"
