"""SIGINT and SIGTERM: raised where they arrive, but where a cell is being recorded."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType


class Terminated(BaseException):
    """SIGTERM arrived; like KeyboardInterrupt no error, which something could catch."""


class Stop:
    """What SIGINT and SIGTERM do: raise at once, but where they are held.

    An exception that is raised in the midst of a database's own calls may be lost. A second
    signal is not held: a server that is away can hold a cell up for minutes.
    """

    def __init__(self) -> None:
        self._asked: BaseException | None = None
        self._held = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        again = self._asked is not None
        self._asked = Terminated() if number == signal.SIGTERM else KeyboardInterrupt()
        if again or not self._held:
            raise self._asked

    @contextmanager
    def held(self) -> Iterator[None]:
        """Raise a signal that arrives in here at its end."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._asked is not None:
            raise self._asked


@contextmanager
def handling(handler: Callable[[int, FrameType | None], None], *numbers: int) -> Iterator[None]:
    """Let `handler` have these signals, where Python allows it: in the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


@contextmanager
def sigint_blocked() -> Iterator[None]:
    """Block SIGINT, which processes that begin here inherit: Ctrl-C is for their parent alone."""
    resource_tracker.ensure_running()  # where multiprocessing starts it, it unblocks SIGINT
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
