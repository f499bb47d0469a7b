"""What a run costs in the store, in bulk and through MLflow's public client."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import plans
from benchmarks.results import goal
from benchmarks.synthetic import finished_cells
from study.ablation.planning.plan import Plan, make_plan
from study.ablation.store import Store, open_store
from study.ablation.store.client import ClientStore

A_RUN_AT_MOST = 1.0  # ms


def measure(quick: bool) -> list[dict[str, Any]]:
    """Return rows for both writers."""
    plan = make_plan(plans.sized(2_000))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        uri = plans.new_store(root)
        bulk = _milliseconds(open_store(uri, "bulk", root), plan, 12 if quick else 40)
        location = (root / "mlartifacts" / "client").as_uri()
        client = _milliseconds(ClientStore(uri, "client", location, root), plan, 2)
    return [
        goal("recording", "recording a run, bulk writer, SQLite", bulk, "ms", A_RUN_AT_MOST),
        goal("recording", "the same through MLflow's client", client, "ms", None),
    ]


def _milliseconds(store: Store, plan: Plan, most: int) -> float:
    """Median over cells of the time a run, without the first cell."""
    store.prepare()
    took = []
    for number, cell in enumerate(finished_cells(plan)):
        if number > most:
            break
        started = time.perf_counter()
        store.record(cell)
        took.append(1e3 * (time.perf_counter() - started) / len(cell.runs))
    store.close()
    return statistics.median(took[1:])
