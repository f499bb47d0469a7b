"""What runs cost in plan, store, export and reports, up to 200,000 short ones.

Each step is timed in a process of its own, as a user would meet it, and once more at 2,000 runs,
to see what grows faster than the runs do.
"""

import itertools
import resource
import statistics
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import engines
from benchmarks.results import Measured
from study.ablation.configuration.composition import with_configuration
from study.ablation.configuration.schema import Config
from study.ablation.planning.plan import Plan, make_plan
from study.ablation.running.engines import ThisProcess
from study.ablation.running.jobs import Jobs
from study.ablation.store import FinishedCell, Store, open_store, sqlite_uri
from study.ablation.store.client import ClientStore

RUNS, FEW = 200_000, 2_000
GIB = 2.0**30
# further axes of every grid, twelve combinations
LARGER = {"hidden": [[32, 32], [16], [64, 64], [8, 8, 8]], "gain": [0.5, 1.0, 2.0]}
NARROW = ("only.dataset=[digits]", "only.optimizer=[sgd,adam]")
SHORT = "protocol.updates=50"  # as many checkpoints as trainings of 1,000 updates have


def measure(quick: bool) -> list[Measured]:
    """Return rows at 200,000 runs (20,000 in a quick run), and how each compares with 2,000."""
    few, many = _all_steps(FEW), _all_steps(RUNS // 10 if quick else RUNS)
    total = f"{many['runs']:,.0f} runs"
    compared = f"a run at {total} against {few['runs']:,.0f}"
    rows = [
        Measured(f"{total}: {what}", many[step] / size, unit, goal)
        for what, step, size, unit, goal in (
            ("plan", "plan", 1, "s", "<= 5"),
            ("resume check", "resume", 1, "s", "<= 5"),
            ("export", "export", 1, "s", "<= 15"),
            ("figures and tables", "figures", 1, "s", "<= 90"),
            ("memory of the parent", "memory", GIB, "GiB", "<= 1.5"),
            ("memory of the reports", "report_memory", GIB, "GiB", ""),
            ("store on disk", "size", GIB, "GiB", "<= 3"),
            ("recording a run, the last ones", "record", 1, "ms", "<= 1"),
        )
    ]
    rows.append(Measured(f"recording {compared}", many["record"] / few["record"], "×", "<= 2"))
    for step in ("plan", "resume", "export", "figures", "size"):
        growth = (many[step] / many["runs"]) / (few[step] / few["runs"])
        rows.append(Measured(f"{step} {compared}", growth, "×", "<= 1.3"))
    return rows


def planned(runs: int) -> tuple[Plan, float]:
    """Plan at least so many short trainings, or nearly; return the seconds that took, too.

    The default experiment narrowed to one dataset and two optimizers (some 2,000), as it is
    (20,000), or over four shapes and three gains (220,000). Its first cells are kept; references
    come first, so none is missing.
    """
    made: list[tuple[Plan, float]] = []

    def keep(config: Config) -> int:
        axes = LARGER if runs > 20_000 else {}
        grids = [replace(grid, axes={**grid.axes, **axes}) for grid in config.grids]
        started = time.perf_counter()
        plan = make_plan(replace(config, grids=grids, experiment="large"))
        made.append((plan, time.perf_counter() - started))
        return 0

    with_configuration(["experiment=default", SHORT, *(NARROW if runs <= FEW else ())], keep)
    ((plan, seconds),) = made
    ends = np.cumsum([cell.runs for cell in plan.cells])
    kept = replace(plan, cells=plan.cells[: np.searchsorted(ends, runs) + 1])
    return kept, seconds * kept.runs / plan.runs


def recorded(store: Store, plan: Plan, cells: int | None = None) -> list[float]:
    """Train and record the plan's cells, or its first; return the ms a run of each recording."""
    milliseconds = []
    with closing(store):
        store.prepare()
        for cell in itertools.islice(ThisProcess().train(Jobs(plan, place=store.place())), cells):
            assert isinstance(cell, FinishedCell), cell
            started = time.perf_counter()
            store.record(cell)
            milliseconds.append(1e3 * (time.perf_counter() - started) / len(cell.runs))
    return milliseconds


def measure_recording(quick: bool) -> list[Measured]:
    """Return rows for both writers."""
    plan, _ = planned(FEW)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        uri = sqlite_uri(root / "mlflow.db")
        location = (root / "mlartifacts" / "client").as_uri()
        bulk = recorded(open_store(uri, "bulk", root), plan, 13 if quick else 41)
        client = recorded(ClientStore(uri, "client", location, root), plan, 3)
    # the first cell does not count
    return [
        Measured(
            "recording a run, bulk writer, SQLite", statistics.median(bulk[1:]), "ms", "<= 1"
        ),
        Measured("the same through MLflow's client", statistics.median(client[1:]), "ms"),
    ]


def _all_steps(runs: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, float] = {}
        for step in (record_all, resume_and_export, figures):
            with engines.process(pinned=False) as process:
                found |= process.submit(step, folder, runs).result()
        database = sum(path.stat().st_size for path in Path(folder).glob("mlflow.db*"))
        files = (Path(folder) / "mlartifacts").rglob("*")
        found["size"] = database + sum(p.stat().st_blocks * 512 for p in files if p.is_file())
    return found


def _store(folder: str) -> Store:
    return open_store(sqlite_uri(Path(folder) / "mlflow.db"), "large", Path(folder))


def record_all(folder: str, runs: int) -> dict[str, float]:
    """Record the outcomes; return ms a run of the last cells, the number of runs, and memory."""
    plan, _ = planned(runs)
    last = statistics.fmean(recorded(_store(folder), plan)[-40:])
    return {"record": last, "runs": float(plan.runs), "memory": _memory()}


def resume_and_export(folder: str, runs: int) -> dict[str, float]:
    """Return the seconds of plan, resume check and export."""
    plan, planning = planned(runs)
    cells = [cell.identity for cell in plan.cells]
    started = time.perf_counter()
    with closing(_store(folder)) as store:
        finished = store.finished(cells)
        checked = time.perf_counter()
        assert finished == set(cells), f"{len(finished)} of {len(cells)} cells are found again"
        store.export(cells, Path(folder) / "data" / "results" / "large")
        exported = time.perf_counter()
    return {"plan": planning, "resume": checked - started, "export": exported - checked}


def figures(folder: str, runs: int) -> dict[str, float]:
    """Return the seconds and the memory of figures and tables."""
    from reports.build import build  # here, or matplotlib would count as memory of `record_all`

    started = time.perf_counter()
    assert list(build("large", base=Path(folder))), "no figure was drawn"
    return {"figures": time.perf_counter() - started, "report_memory": _memory()}


def _memory() -> float:
    """Return the most bytes that this process has had."""
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
