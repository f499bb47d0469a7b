"""Carry out a plan: cells over workers, each recorded as it ends. One process writes, here."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType
from typing import Any, NoReturn

import joblib
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tqdm import tqdm

from study.ablation.plan import Plan, Planned
from study.ablation.store import FinishedCell, Store
from study.ablation.tally import Tally
from study.ablation.worker import FailedCell, Job, attempt, one_thread
from study.learning.warm_up import compile_kernels

BAR = "{n_fmt}/{total_fmt} |{bar}| {remaining} left{postfix}"  # all of it fits in 80 columns


class Terminated(BaseException):
    """SIGTERM arrived; like KeyboardInterrupt no error, which something could catch."""


class WorkerDied(Exception):
    """A worker process is gone."""


def carry_out(plan: Plan, store: Store, finished: set[str]) -> Tally:
    """Train and record all cells of the plan that are not finished.

    Raises
    ------
    UsageError
        For a user's own record that can't be compiled, a store that can't be written; then
        nothing was trained.
    KeyboardInterrupt, Terminated
        On SIGINT and SIGTERM; what was recorded stays, cells in flight are dropped whole.
    WorkerDied
        When a worker is killed from outside; the same holds.
    """
    tally = Tally()
    waves = plan.waves(finished)
    total = sum(planned.runs for wave in waves for planned in wave)
    rates = _reference_rates(plan, store, finished)
    todo = [planned for wave in waves for planned in wave]
    stop = _Stop()
    # disable=None: no bar where there is no terminal
    bar = tqdm(total=total, bar_format=BAR, disable=None, smoothing=0.05)
    with _handling(signal.SIGINT, stop), _handling(signal.SIGTERM, stop), bar:
        bar.set_postfix_str("compiling")  # the first time half a minute
        for dtype in sorted({planned.protocol.dtype for planned in todo}):
            of_dtype = [planned for planned in todo if planned.protocol.dtype == dtype]
            compile_kernels((d for planned in of_dtype for d in planned.designs()), dtype)
        store.prepare()
        bar.set_postfix_str(str(tally))
        for wave in waves:
            results = _train(plan, wave, rates, tally, stop)
            for result in results:
                if isinstance(result, FailedCell):
                    tally.failed.append(result)
                    continue
                with stop.held():
                    store.record(result)
                    if "learning_rate" in result.metrics:
                        rates[result.cell] = result.metrics["learning_rate"]
                    _advance(bar, tally.add(result), tally)
                if stop.asked:
                    results.throw(stop.asked)
    return tally


def _advance(bar: tqdm[NoReturn], runs: int, tally: Tally) -> None:
    bar.set_postfix_str(str(tally), refresh=False)
    if bar.total is not None and bar.n + runs > bar.total:
        bar.total = bar.n + runs  # recentring of the learning rates adds trainings
    bar.update(runs)


def _train(
    plan: Plan, wave: Sequence[Planned], rates: dict[str, float], tally: Tally, stop: _Stop
) -> Generator[FinishedCell | FailedCell, None, None]:
    config = plan.config
    jobs = []
    for planned in wave:
        if any(needed not in rates for needed in planned.needs.values()):
            error = "a cell whose learning rate it takes failed"
            tally.failed.append(FailedCell(planned.identity, error, ""))
            continue
        jobs.append(
            Job(
                identity=planned.identity,
                name=planned.name,
                specification=planned.cell.specification(),
                protocol=planned.protocol,
                rates={use: rates[needed] for use, needed in planned.needs.items()},
                claims=plan.claims,
                block=config.execution.block,
                path=tuple(sys.path),
            )
        )
    workers = min(config.execution.processes(), len(jobs))
    if workers <= 1:
        with one_thread():
            yield from map(attempt, jobs)
        return
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        parallel = joblib.Parallel(workers, return_as="generator_unordered", batch_size=1)
        try:
            with stop.held(), _sigint_blocked():
                results = parallel(joblib.delayed(_in_worker)(job, os.getpid()) for job in jobs)
            if stop.asked:
                results.throw(stop.asked)  # in there, so that the workers are ended
            yield from results
        except BrokenProcessPool:
            raise WorkerDied("a worker was killed, perhaps because memory ran out") from None


def _in_worker(job: Job, parent: int) -> FinishedCell | FailedCell:
    _end_with(parent)
    return attempt(job)


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
    """Read the rates that finished cells have chosen, for those that still need them."""
    needed = {
        other for p in plan.cells if p.identity not in finished for other in p.needs.values()
    }
    known = sorted(needed & finished)
    return {
        cell: _chosen_rate(str(runs))
        for cell, (runs, _) in zip(known, store.tables(known), strict=True)
    }


def _chosen_rate(path: str) -> float:
    table = pq.read_table(path, columns=["stage", "learning_rate"])
    return float(table.filter(pc.equal(table["stage"], "evaluate"))["learning_rate"][0].as_py())


class _Stop:
    """What SIGINT and SIGTERM do: raise at once, but where they are held.

    An exception that is raised in the midst of a database's or joblib's own calls may be lost.
    """

    def __init__(self) -> None:
        self.asked: BaseException | None = None
        self._held = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.asked = Terminated() if number == signal.SIGTERM else KeyboardInterrupt()
        if not self._held:
            raise self.asked

    @contextmanager
    def held(self) -> Iterator[None]:
        """Only note a signal in `asked`; whoever holds it looks afterwards."""
        self._held = True
        try:
            yield
        finally:
            self._held = False


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Block SIGINT, which processes that begin here inherit: Ctrl-C is for their parent alone."""
    resource_tracker.ensure_running()  # where joblib starts this itself, it unblocks SIGINT
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _handling(number: signal.Signals, handler: Any) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)
