"""SIGINT and SIGTERM are raised where they arrive, except while a cell is being recorded."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType
from typing import Any

NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Terminated(BaseException):
    """SIGTERM arrived; like KeyboardInterrupt it is no error that something could catch."""


class Stop:
    """Handles SIGINT and SIGTERM in a ``with`` block: it raises at once, unless they are held.

    An exception that is raised inside a database's own calls may be lost, hence `held`, and one in
    a callback of the compiler's is, hence `check`. A second signal is not held: a server that is
    away can delay a cell for minutes. Python allows handlers in the main thread alone; elsewhere
    the block changes nothing.
    """

    def __init__(self) -> None:
        self._asked: BaseException | None = None
        self._held = False
        self._before: dict[signal.Signals, Any] = {}
        self._say_lost = sys.unraisablehook

    def __enter__(self) -> Stop:
        """Begin to handle both signals."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self) for number in NUMBERS}
            sys.unraisablehook = self._lost
        return self

    def __exit__(self, *_: object) -> None:
        """Restore the handlers that were there before."""
        for number, old in self._before.items():
            signal.signal(number, old)
        sys.unraisablehook = self._say_lost

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        again = self._asked is not None
        self._asked = Terminated() if number == signal.SIGTERM else KeyboardInterrupt()
        if again or not self._held:
            raise self._asked

    def _lost(self, lost: sys.UnraisableHookArgs) -> None:
        """Keep quiet where the exception of a signal was lost: `check` raises it again."""
        if self._asked is None or lost.exc_value is not self._asked:
            self._say_lost(lost)

    def check(self) -> None:
        """Raise a signal that has arrived."""
        if self._asked is not None:
            raise self._asked

    @contextmanager
    def held(self) -> Iterator[None]:
        """Raise a signal that arrives in this block at its end."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        self.check()


@contextmanager
def sigint_blocked() -> Iterator[None]:
    """Block SIGINT for processes that start in this block: Ctrl-C is for their parent alone."""
    resource_tracker.ensure_running()  # where multiprocessing starts it, it unblocks SIGINT
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Restore the handlers of signals after this block, where a library sets its own."""
    before = [(number, signal.getsignal(number)) for number in NUMBERS]
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before:
                signal.signal(number, handler)
