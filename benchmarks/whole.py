"""Commands: how long they take to start, and whole studies beside pure training."""

import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from benchmarks.results import ROOT, Measured
from study.ablation.store import sqlite_uri
from study.ablation.store.database import Database

NARROW = ("only.dataset=[digits]", "only.activation=[tanh]", "only.optimizer=[sgd,adam]")
STUDY = str(Path(sys.executable).with_name("study"))
COMPILE = """
from benchmarks.large import planned
from study.learning.core.warm_up import compile_kernels
compile_kernels((p.cell.design() for p in planned(20_000)[0].cells), "float32")
"""
TRAINING = "SELECT sum(value) FROM metrics WHERE key = 'time.processor_seconds'"


def measure(quick: bool) -> list[Measured]:
    """Return rows of the default experiment (quick: a corner of it) from start to tables."""
    overrides = ["experiment=default", *(NARROW if quick else ())]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        Database(sqlite_uri(root / "mlflow.db")).create()  # takes seconds
        _study(root, [*overrides, "protocol.updates=20"], 2)  # whatever is compiled, is
        turns = [
            {workers: _study(root, overrides, workers) for workers in (1, 2)}
            for _ in range(1 if quick else 2)
        ]
    one, two = (statistics.median(turn[w][0] for turn in turns) for w in (1, 2))
    over_one, over_two = (
        statistics.median(w * turn[w][0] / turn[w][1] for turn in turns) for w in (1, 2)
    )
    name = "a corner of the default experiment" if quick else "the default experiment"
    aims = ("", "") if quick else (">= 1.85", "<= 1.25")  # starting is most of so small a study
    return [
        Measured(f"{name}, one worker", one, "s"),
        Measured(f"{name}, two workers", two, "s"),
        Measured("two workers against one", one / two, "×", aims[0]),
        Measured("whole study against pure training, one core", over_one, "×", aims[1]),
        Measured("whole study against pure training, two cores", over_two, "×", aims[1]),
    ]


def _study(root: Path, overrides: list[str], workers: int) -> tuple[float, float]:
    """Return seconds of a study in a store of its own, and of its trainings on their cores."""
    with tempfile.TemporaryDirectory(dir=root) as folder:
        shutil.copy(root / "mlflow.db", folder)
        store = f"tracking.uri=sqlite:///{folder}/mlflow.db"
        where = [store, f"tracking.tables={folder}/tables", f"execution.workers={workers}"]
        seconds = _seconds([STUDY, *overrides, *where])
        with closing(sqlite3.connect(Path(folder) / "mlflow.db")) as connection:
            (training,) = connection.execute(TRAINING).fetchone()
    return seconds, float(training)


def measure_startup(quick: bool) -> list[Measured]:
    """Return rows for `study`, `make help` and compiling."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, command, goal in (
            ("study dry_run=true", [STUDY, f"tracking.uri=sqlite:///{folder}/mlflow.db"], "<= 2"),
            ("make help", ["make"], "<= 0.2"),
            ("study list", [STUDY], ""),
        ):
            command.append(name.split()[1])
            _seconds(command)  # from disk
            times = [_seconds(command) for _ in range(3 if quick else 9)]
            rows.append(Measured(name, statistics.median(times), "s", goal))
        if not quick:
            compiling = [sys.executable, "-c", COMPILE]
            first, second = (_seconds(compiling, NUMBA_CACHE_DIR=folder) for _ in range(2))
            what = "compiling all loops of the default experiment, the first time ever"
            rows.append(Measured(what, first - second, "s"))
    return rows


def _seconds(command: list[str], **extra: str) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=os.environ | extra, check=True, capture_output=True)
    return time.perf_counter() - started
