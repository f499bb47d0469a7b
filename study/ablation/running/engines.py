"""Engines train jobs and yield their results: in this process, or in worker processes.

A worker that dies is replaced, and its cell is tried once more. Each worker has a pipe of its
own, so that a crash identifies its cell. A pool of joblib's or the standard library's would lose
the results of all its workers when one dies.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections import Counter, deque
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from typing import Protocol

from tqdm import tqdm

from study.ablation.planning.plan import Plan
from study.ablation.running.jobs import Jobs, Result
from study.ablation.running.signals import Stop, sigint_blocked
from study.ablation.running.worker import FailedCell, Job, attempt, one_thread

TRIES = 2  # workers that a cell may cost


class EngineFailed(Exception):
    """What trains can't go on, such as a scheduler that went away."""


class Engine(Protocol):
    """What trains jobs."""

    def train(self, jobs: Jobs) -> Iterator[Result]:
        """Take jobs until none is left, give each its result, and yield what comes of it."""

    def close(self) -> None:
        """End everything that was started, also jobs in training."""


def open_engine(plan: Plan, stop: Stop) -> Engine:
    """Return the engine that the configuration asks for: Dask's, or that of this machine.

    Here worker processes train where there is to be more than one.
    """
    settings = plan.config.execution
    if settings.cluster or settings.scheduler:
        from study.ablation.running.cluster import Cluster

        return Cluster(plan, stop)
    return Workers(settings.processes(), stop) if settings.processes() > 1 else ThisProcess()


class ThisProcess:
    """Trains jobs one after the other, where it is called."""

    def train(self, jobs: Jobs) -> Iterator[Result]:
        """Yield the result of each job."""
        with one_thread():
            while job := jobs.take():
                yield from jobs.end(attempt(job))

    def close(self) -> None:
        """Nothing was started."""


class Worker:
    """A process, its pipe, and the job that it trains."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.job: Job | None = None
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def give(self, job: Job) -> None:
        """Send it a job."""
        self.job = job
        with contextlib.suppress(OSError):  # it is dead; the next read finds out
            self.connection.send(job)

    def end(self, patience: float = 0.0) -> str:
        """Kill it, unless it ends by itself; return how it ended, for people."""
        self._process.join(patience)
        self._process.kill()
        self._process.join()
        self.connection.close()
        code = self._process.exitcode or 0
        if code == -signal.SIGKILL:
            return "killed, perhaps because memory ran out"
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


class Workers:
    """As many worker processes as there is work for, up to a number."""

    def __init__(self, most: int, stop: Stop) -> None:
        self._most = most
        self._stop = stop  # holds signals while a worker starts: `close` knows of every worker
        self._workers: list[Worker] = []

    def train(self, jobs: Jobs) -> Iterator[Result]:
        """Yield results as they end.

        A cell whose worker died is tried again after all others, when least trains beside it.
        """
        again, deaths = deque[Job](), Counter[str]()
        while True:
            self._give(jobs, again)
            busy = {worker.connection: worker for worker in self._workers if worker.job}
            if not busy:
                return
            for connection in wait(list(busy)):
                worker = busy[connection]  # type: ignore[index]  # it gives back what it is given
                try:
                    result = worker.connection.recv()
                except (EOFError, OSError):
                    result = self._bury(worker, again, deaths)
                else:
                    worker.job = None
                if result is not None:
                    results = jobs.end(result)
                    self._give(jobs, again)  # so that all are busy while it is recorded
                    yield from results

    def close(self) -> None:
        """Kill all workers."""
        while self._workers:
            self._workers.pop().end()

    def _give(self, jobs: Jobs, again: deque[Job]) -> None:
        """Give each idle worker a job, and start workers while jobs are ready."""
        idle = [worker for worker in self._workers if worker.job is None]
        while idle or len(self._workers) < self._most:
            job = jobs.take() or (again.popleft() if again else None)
            if job is None:
                return
            if not idle:
                with self._stop.held(), sigint_blocked():
                    self._workers.append(Worker())
                idle = self._workers[-1:]
            idle.pop().give(job)

    def _bury(self, worker: Worker, again: deque[Job], deaths: Counter[str]) -> FailedCell | None:
        """Queue the cell of a dead worker again, or give it up."""
        self._workers.remove(worker)
        how = worker.end(patience=1.0)
        job = worker.job
        assert job is not None
        deaths[job.identity] += 1
        if deaths[job.identity] == TRIES:
            return FailedCell(job.identity, f"its worker died {TRIES} times ({how})")
        again.append(job)
        line = f"study: a worker died ({how}); its cell is tried again: {job.name}"
        tqdm.write(line, file=sys.stderr)
        return None


def _serve(connection: Connection) -> None:
    """Train jobs until no more come."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with one_thread():
        while True:
            try:
                job = connection.recv()
            except (EOFError, OSError):
                return
            connection.send(attempt(job))


def _end_with_parent() -> None:
    """End a worker when its parent dies, also while it trains."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
