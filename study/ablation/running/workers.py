"""Worker processes that train cells: one that dies is replaced, and its cell tried once more.

Each has a pipe of its own, so that it is known which cell a dead one had in hand; a pool of
joblib's or the standard library's loses the results of all its workers with one of them.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from multiprocessing.connection import Connection, wait

from study.ablation.running.signals import sigint_blocked
from study.ablation.running.worker import FailedCell, Job, attempt, one_thread
from study.ablation.store import FinishedCell

TRIES = 2
"""How many workers a cell may cost."""


class Worker:
    """A process, its pipe, and the job that it has in hand."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.job: Job | None = None
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def give(self, job: Job) -> None:
        """Hand it a job."""
        self.job = job
        with contextlib.suppress(OSError):  # it is dead, which whoever reads will find
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
    """As many worker processes as there is work for, up to a number.

    Parameters
    ----------
    most
        How many at a time.
    held
        Context in which signals wait, for what must not be done by halves.
    tell
        Called with a cell's identity and how its worker ended, where it is tried again.
    """

    def __init__(
        self,
        most: int,
        held: Callable[[], AbstractContextManager[None]],
        tell: Callable[[str, str], None],
    ) -> None:
        self._most = most
        self._held = held
        self._tell = tell
        self._workers: list[Worker] = []

    def train(self, jobs: Iterable[Job]) -> Iterator[FinishedCell | FailedCell]:
        """Train cells; the results come as they end.

        A cell whose worker died is tried again after all others, when least trains beside it.
        """
        waiting, deaths = deque(jobs), Counter[str]()
        while True:
            self._give(waiting)
            busy = {worker.connection: worker for worker in self._workers if worker.job}
            if not busy:
                return
            for connection in wait(list(busy)):
                worker = busy[connection]  # type: ignore[index]  # it gives back what it is given
                try:
                    result = worker.connection.recv()
                except (EOFError, OSError):
                    result = self._bury(worker, waiting, deaths)
                else:
                    worker.job = None
                    self._give(waiting)  # so that it is busy while its result is recorded
                if result is not None:
                    yield result

    def close(self) -> None:
        """End all workers, whatever they have in hand."""
        while self._workers:
            self._workers.pop().end()

    def _give(self, waiting: deque[Job]) -> None:
        """Give each idle worker a job, and begin as many as there are jobs for."""
        for worker in self._workers:
            if waiting and worker.job is None:
                worker.give(waiting.popleft())
        while waiting and len(self._workers) < self._most:
            with self._held(), sigint_blocked():
                self._workers.append(Worker())
            self._workers[-1].give(waiting.popleft())

    def _bury(
        self, worker: Worker, waiting: deque[Job], deaths: Counter[str]
    ) -> FailedCell | None:
        """Have the cell of a dead worker tried again, or give it up."""
        self._workers.remove(worker)
        how = worker.end(patience=1.0)
        job = worker.job
        assert job is not None
        deaths[job.identity] += 1
        if deaths[job.identity] == TRIES:
            return FailedCell(job.identity, f"its worker died {TRIES} times ({how})", "")
        waiting.append(job)
        self._tell(job.identity, how)
        return None


def _serve(connection: Connection) -> None:
    """Train what comes until nothing does any more."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with one_thread():
        while True:
            try:
                job = connection.recv()
            except (EOFError, OSError):
                return
            connection.send(attempt(job))


def _end_with_parent() -> None:
    """End a worker when its parent dies, also while it is busy."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
