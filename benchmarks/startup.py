"""How long the commands take to start, and what compiling costs the first time."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.results import ROOT, Measured

COMPILE = """
from benchmarks import plans
from study.ablation.planning.plan import make_plan
from study.learning.core.warm_up import compile_kernels
compile_kernels((p.cell.design() for p in make_plan(plans.configuration([])).cells), "float32")
"""


def measure(quick: bool) -> list[Measured]:
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
