"""Carry out a plan: cells over workers, each recorded as it ends. One process writes, here."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import joblib
import pyarrow.compute as pc
import pyarrow.parquet as pq
import threadpoolctl
from tqdm import tqdm

from study.ablation.plan import Plan, Planned
from study.ablation.store import FinishedCell, Store
from study.ablation.worker import Job, train_cell
from study.learning.warm_up import compile_kernels

OUTCOMES = ("solved", "plateau", "stuck", "diverged")


class Terminated(Exception):
    """SIGTERM arrived."""


def carry_out(plan: Plan, store: Store, finished: set[str]) -> Counter[str]:
    """Train and record all cells of the plan that are not finished.

    Returns
    -------
    Counts of outcomes over the trainings made now, and of ``runs`` and ``cells``.

    Raises
    ------
    KeyboardInterrupt, Terminated
        On SIGINT and SIGTERM; what was recorded stays, cells in flight are dropped whole.
    """
    counts: Counter[str] = Counter()
    waves = plan.waves(finished)
    total = sum(planned.runs for wave in waves for planned in wave)
    compile_kernels((p.cell.design() for wave in waves for p in wave), plan.config.protocol.dtype)
    rates = _reference_rates(plan, store, finished)
    # disable=None: no bar where there is no terminal
    with _sigterm_raises(), tqdm(total=total, unit=" runs", disable=None, smoothing=0.05) as bar:
        for wave in waves:
            for result in _train(plan, wave, rates):
                store.record(result)
                rates[result.cell] = result.metrics["learning_rate"]
                outcomes = result.runs.column("outcome").to_pylist()
                counts.update(outcomes)
                counts["runs"] += len(outcomes)
                counts["cells"] += 1
                bar.set_postfix_str(
                    ", ".join(f"{counts[name]} {name}" for name in OUTCOMES), refresh=False
                )
                bar.update(len(outcomes))
                if bar.n > (bar.total or 0):  # recentring of the learning rates adds trainings
                    bar.total = bar.n
    return counts


def _train(plan: Plan, wave: Sequence[Planned], rates: dict[str, float]) -> Iterator[FinishedCell]:
    config = plan.config
    workers = min(config.execution.processes(), len(wave))
    jobs = [
        Job(
            identity=planned.identity,
            specification=planned.cell.specification(),
            protocol=config.protocol,
            reference_rate=None if planned.reference is None else rates[planned.reference],
            block=config.execution.block,
            path=tuple(sys.path),
        )
        for planned in wave
    ]
    if workers == 1:
        with threadpoolctl.threadpool_limits(1):
            yield from map(train_cell, jobs)
        return
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        parallel = joblib.Parallel(workers, return_as="generator_unordered", batch_size=1)
        yield from parallel(joblib.delayed(_in_worker)(job, os.getpid()) for job in jobs)


def _in_worker(job: Job, parent: int) -> FinishedCell:
    _end_with(parent)
    return train_cell(job)


_watching: list[threading.Thread] = []


def _end_with(parent: int) -> None:
    """End this worker when its parent dies, which loky alone would not do while it is busy."""
    if _watching:
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    _watching.append(threading.Thread(target=watch, daemon=True))
    _watching[0].start()


def _reference_rates(plan: Plan, store: Store, finished: set[str]) -> dict[str, float]:
    """Read the rates that finished references have chosen, for the cells that still need them."""
    needed = {
        p.reference for p in plan.cells if p.reference is not None and p.identity not in finished
    }
    known = sorted(needed & finished)
    return {
        cell: _chosen_rate(str(runs))
        for cell, (runs, _) in zip(known, store.tables(known), strict=True)
    }


def _chosen_rate(path: str) -> float:
    table = pq.read_table(path, columns=["stage", "learning_rate"])
    return float(table.filter(pc.equal(table["stage"], "evaluate"))["learning_rate"][0].as_py())


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
