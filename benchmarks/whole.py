"""Commands: how long they take to start, and whole studies beside pure training."""

from __future__ import annotations

import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import plans
from benchmarks.results import ROOT, Measured

NARROW = ("only.dataset=[digits]", "only.activation=[tanh]", "only.optimizer=[sgd,adam]")
COMPILE = """
from benchmarks import plans
from study.ablation.planning.plan import make_plan
from study.learning.core.warm_up import compile_kernels
compile_kernels((p.cell.design() for p in make_plan(plans.configuration([])).cells), "float32")
"""
TRAINING = """
    SELECT sum(value) FROM metrics WHERE key = 'time.processor_seconds'
"""


def measure(quick: bool) -> list[Measured]:
    """Return rows of the default experiment (quick: a corner of it) from start to tables."""
    overrides = ["experiment=default", *(NARROW if quick else ())]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        plans.new_store(root)
        _run(root, "warm", [*overrides, "protocol.updates=20"], 2)  # whatever is compiled, is
        turns = [
            {workers: _run(root, f"{turn}-{workers}", overrides, workers) for workers in (1, 2)}
            for turn in range(1 if quick else 2)
        ]
    wall = {w: statistics.median(turn[w][0] for turn in turns) for w in (1, 2)}
    overhead = {
        w: statistics.median(w * turn[w][0] / turn[w][1] for turn in turns) for w in (1, 2)
    }
    name = "a corner of the default experiment" if quick else "the default experiment"
    aims = (None, None) if quick else (1.85, 1.25)  # starting is most of so small a study
    return [
        Measured(f"{name}, one worker", wall[1], "s"),
        Measured(f"{name}, two workers", wall[2], "s"),
        Measured("two workers against one", wall[1] / wall[2], "×", aims[0], least=True),
        Measured("whole study against pure training, one core", overhead[1], "×", aims[1]),
        Measured("whole study against pure training, two cores", overhead[2], "×", aims[1]),
    ]


def _run(root: Path, name: str, overrides: list[str], workers: int) -> tuple[float, float]:
    """Return seconds of a study in a store of its own, and of its trainings on their cores."""
    folder = root / name
    folder.mkdir()
    shutil.copy(root / "mlflow.db", folder)
    started = time.perf_counter()
    subprocess.run(
        [
            str(Path(sys.executable).with_name("study")),
            *overrides,
            f"execution.workers={workers}",
            f"tracking.uri=sqlite:///{folder}/mlflow.db",
            f"tracking.tables={folder}/tables",
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    seconds = time.perf_counter() - started
    with sqlite3.connect(folder / "mlflow.db") as connection:
        (training,) = connection.execute(TRAINING).fetchone()
    connection.close()
    shutil.rmtree(folder)
    return seconds, float(training)


def measure_startup(quick: bool) -> list[Measured]:
    """Return rows for `study`, `make help` and compiling."""
    times = 3 if quick else 9
    with tempfile.TemporaryDirectory() as folder:
        study = str(Path(sys.executable).with_name("study"))
        dry = [study, "dry_run=true", f"tracking.uri=sqlite:///{folder}/mlflow.db"]
        rows = [
            Measured("study dry_run=true", _median(dry, times), "s", 2.0),
            Measured("make help", _median(["make", "help"], times), "s", 0.2),
            Measured("study list", _median([study, "list"], times), "s"),
        ]
        if not quick:
            fresh = {"NUMBA_CACHE_DIR": folder}
            compile_all = [sys.executable, "-c", COMPILE]
            first, second = (_seconds(compile_all, fresh) for _ in range(2))
            what = "compiling all loops of the default experiment, the first time ever"
            rows.append(Measured(what, first - second, "s"))
    return rows


def _median(command: Sequence[str], times: int) -> float:
    _seconds(command)  # from disk
    return statistics.median(_seconds(command) for _ in range(times))


def _seconds(command: Sequence[str], extra: Mapping[str, str] | None = None) -> float:
    started = time.perf_counter()
    subprocess.run(
        command, cwd=ROOT, env=os.environ | (extra or {}), check=True, capture_output=True
    )
    return time.perf_counter() - started
