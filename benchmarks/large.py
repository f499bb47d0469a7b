"""What runs cost in plan, store, export and reports, up to 200,000 short ones.

Each step is timed in a process of its own, as a user would meet it, and once more at 2,000 runs,
to see what grows faster than the runs do.
"""

from __future__ import annotations

import itertools
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import plans
from benchmarks.children import Child
from benchmarks.results import Measured
from study.ablation.planning.plan import Plan, make_plan
from study.ablation.store import Store, open_store
from study.ablation.store.client import ClientStore

RUNS, FEW = 200_000, 2_000
GIB = 2.0**30


def measure(quick: bool) -> list[Measured]:
    """Return rows at 200,000 runs (20,000 in a quick run), and how each compares with 2,000."""
    runs = RUNS // 10 if quick else RUNS
    few, many = _all_steps(FEW), _all_steps(runs)
    total = f"{many['runs']:,.0f} runs"
    compared = f"a run at {total} against {few['runs']:,.0f}"
    rows = [
        Measured(f"{total}: {what}", many[step] / unit_size, unit, most)
        for what, step, unit_size, unit, most in (
            ("plan", "plan", 1, "s", 5.0),
            ("resume check", "resume", 1, "s", 5.0),
            ("export", "export", 1, "s", 15.0),
            ("figures and tables", "figures", 1, "s", 90.0),
            ("memory of the parent", "memory", GIB, "GiB", 1.5),
            ("memory of the reports", "report_memory", GIB, "GiB", None),
            ("store on disk", "size", GIB, "GiB", 3.0),
            ("recording a run, the last ones", "record", 1, "ms", 1.0),
        )
    ]
    rows.append(Measured(f"recording {compared}", many["record"] / few["record"], "×", 2.0))
    for step in ("plan", "resume", "export", "figures", "size"):
        growth = (many[step] / many["runs"]) / (few[step] / few["runs"])
        rows.append(Measured(f"{step} {compared}", growth, "×", 1.3))
    return rows


def _all_steps(runs: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        plans.new_store(Path(folder))
        found: dict[str, float] = {}
        for step in (record_all, resume_and_export, figures):
            with Child(pinned=False) as child:
                found |= child.call(step, folder, runs)
        database = sum(path.stat().st_size for path in Path(folder).glob("mlflow.db*"))
        files = (Path(folder) / "mlartifacts").rglob("*")
        found["size"] = database + sum(p.stat().st_blocks * 512 for p in files if p.is_file())
    return found


def _plan(runs: int) -> tuple[Plan, float]:
    config = plans.sized(runs)
    started = time.perf_counter()
    plan = make_plan(config)
    seconds = time.perf_counter() - started
    kept = plans.cut(plan, runs=runs)
    return kept, seconds * kept.runs / plan.runs


def record_all(folder: str, runs: int) -> dict[str, float]:
    """Record the outcomes; return ms a run of the last cells, the number of runs, and memory."""
    plan, _ = _plan(runs)
    store = open_store(f"sqlite:///{folder}/mlflow.db", "large", Path(folder))
    store.prepare()
    milliseconds = []
    for cell in plans.finished_cells(plan):
        started = time.perf_counter()
        store.record(cell)
        milliseconds.append(1e3 * (time.perf_counter() - started) / len(cell.runs))
    store.close()
    return {
        "record": statistics.fmean(milliseconds[-40:]),
        "runs": float(plan.runs),
        "memory": _memory(),
    }


def resume_and_export(folder: str, runs: int) -> dict[str, float]:
    """Return the seconds of plan, resume check and export."""
    plan, planning = _plan(runs)
    cells = [planned.identity for planned in plan.cells]
    started = time.perf_counter()
    store = open_store(f"sqlite:///{folder}/mlflow.db", "large", Path(folder))
    finished = store.finished(cells)
    checked = time.perf_counter()
    assert finished == set(cells), f"{len(finished)} of {len(cells)} cells are found again"
    store.export(cells, Path(folder) / "data" / "results" / "large")
    exported = time.perf_counter()
    store.close()
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


def measure_recording(quick: bool) -> list[Measured]:
    """Return rows for both writers."""
    plan = make_plan(plans.sized(FEW))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        uri = plans.new_store(root)
        bulk = _milliseconds(open_store(uri, "bulk", root), plan, 12 if quick else 40)
        location = (root / "mlartifacts" / "client").as_uri()
        client = _milliseconds(ClientStore(uri, "client", location, root), plan, 2)
    return [
        Measured("recording a run, bulk writer, SQLite", bulk, "ms", 1.0),
        Measured("the same through MLflow's client", client, "ms"),
    ]


def _milliseconds(store: Store, plan: Plan, cells: int) -> float:
    """Median over cells of the time a run, after a first cell that does not count."""
    store.prepare()
    took = []
    for cell in itertools.islice(plans.finished_cells(plan), cells + 1):
        started = time.perf_counter()
        store.record(cell)
        took.append(1e3 * (time.perf_counter() - started) / len(cell.runs))
    store.close()
    return statistics.median(took[1:])
