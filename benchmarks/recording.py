"""What a run costs in the store, in bulk and through MLflow's public client."""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks import plans
from benchmarks.results import Measured
from study.ablation.planning.plan import Plan, make_plan
from study.ablation.store import Store, open_store
from study.ablation.store.client import ClientStore


def measure(quick: bool) -> list[Measured]:
    """Return rows for both writers."""
    plan = make_plan(plans.sized(2_000))
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
