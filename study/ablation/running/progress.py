"""Show how much is trained and how long the rest takes: a bar, or a line a minute in a log."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, Protocol

from tqdm import tqdm

BAR = "{n_fmt}/{total_fmt} |{bar}| {remaining} left{postfix}"  # all of it fits in 80 columns
EVERY = 60.0  # seconds between the lines of a log, and before its first


class Progress(Protocol):
    """Shows what was done."""

    def show(self, done: int, total: int, words: str) -> None:
        """Show how many trainings of how many are done, with a text beside them."""


class _Bar:
    def __init__(self, bar: tqdm[Any]) -> None:
        self.bar = bar

    def show(self, done: int, total: int, words: str) -> None:
        self.bar.total = total
        self.bar.set_postfix_str(words, refresh=not done)
        self.bar.update(done - self.bar.n)


class _Lines:
    def __init__(self) -> None:
        self.begin = self.last = monotonic()

    def show(self, done: int, total: int, words: str) -> None:
        now = monotonic()
        if not done or now - self.last < EVERY:
            return
        self.last = now
        left = tqdm.format_interval((now - self.begin) * (total - done) / done)
        print(
            f"{done:,} of {total:,} trainings, {left} left, {words}", file=sys.stderr, flush=True
        )


@contextmanager
def progress() -> Iterator[Progress]:
    """Give a bar if standard error is a terminal, else lines."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    # little smoothing of the speed: costs of cells differ by orders of magnitude
    with tqdm(bar_format=BAR, smoothing=0.05) as bar:
        yield _Bar(bar)
