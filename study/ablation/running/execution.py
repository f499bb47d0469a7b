"""Carry out a plan: cells over workers, each recorded as it ends. One process writes, here."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import pyarrow.compute as pc
import pyarrow.parquet as pq
from tqdm import tqdm

from study.ablation.planning.plan import Plan, Planned
from study.ablation.running.progress import progress
from study.ablation.running.signals import Stop, handling
from study.ablation.running.tally import Tally
from study.ablation.running.worker import FailedCell, Job, attempt, one_thread
from study.ablation.running.workers import Workers
from study.ablation.store import FinishedCell, Store
from study.errors import UsageError
from study.learning.core.warm_up import compile_kernels

Trainer = Callable[[Iterable[Job]], Iterable[FinishedCell | FailedCell]]


class StoreFailed(Exception):
    """The store took no more, after the study had begun to train."""


def carry_out(plan: Plan, store: Store, finished: set[str]) -> Tally:
    """Train and record all cells of the plan that are not finished.

    A cell that raises an error, or whose worker dies twice, fails alone.

    Raises
    ------
    UsageError
        For a user's own record that can't be compiled, a store that can't be written; then
        nothing was trained.
    KeyboardInterrupt, Terminated
        On SIGINT and SIGTERM; what was recorded stays, cells in flight are dropped whole.
    StoreFailed
        When the store can no longer be written; the same holds.
    """
    tally = Tally()
    waves = plan.waves(finished)
    total = sum(planned.runs for wave in waves for planned in wave)
    rates = _reference_rates(plan, store, finished)
    todo = [planned for wave in waves for planned in wave]
    stop = Stop()
    signals = handling(stop, signal.SIGINT, signal.SIGTERM)
    with signals, progress() as shown, _trainer(plan, stop) as train:
        shown.show(0, total, "compiling")  # the first time half a minute
        for dtype in sorted({planned.protocol.dtype for planned in todo}):
            of_dtype = [planned for planned in todo if planned.protocol.dtype == dtype]
            compile_kernels((d for planned in of_dtype for d in planned.designs()), dtype)
        store.prepare()
        shown.show(0, total, str(tally))
        for wave in waves:
            for result in train(_jobs(plan, wave, rates, tally)):
                if isinstance(result, FailedCell):
                    tally.failed.append(result)
                    continue
                with stop.held(), recording():
                    store.record(result)
                    if "learning_rate" in result.metrics:
                        rates[result.cell] = result.metrics["learning_rate"]
                    tally.add(result)
                    total = max(total, tally.runs)  # recentred learning rates add trainings
                    shown.show(tally.runs, total, str(tally))
    return tally


@contextmanager
def recording() -> Iterator[None]:
    """Tell a store that fails, whatever the reason, from a user's mistake."""
    try:
        yield
    except UsageError as error:
        raise StoreFailed(str(error)) from error


@contextmanager
def _trainer(plan: Plan, stop: Stop) -> Iterator[Trainer]:
    """Give what trains jobs: worker processes, or this one where there is to be but one."""
    most = plan.config.execution.processes()
    if most == 1:
        with one_thread():
            yield lambda jobs: map(attempt, jobs)
        return
    names = {planned.identity: planned.name for planned in plan.cells}

    def tell(cell: str, how: str) -> None:
        line = f"study: a worker died ({how}); its cell is tried again: {names[cell]}"
        tqdm.write(line, file=sys.stderr)

    workers = Workers(most, stop.held, tell)
    try:
        yield workers.train
    finally:
        workers.close()


def _jobs(plan: Plan, wave: Sequence[Planned], rates: dict[str, float], tally: Tally) -> list[Job]:
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
                block=plan.config.execution.block,
                path=tuple(sys.path),
            )
        )
    return jobs


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
