"""Show how much is trained and how long the rest takes: a bar, or a line a minute in a log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from tqdm import tqdm

Show = Callable[[int, int, str], None]
"""Is told how many trainings of how many are done, and a text to show beside them."""

BAR = "{n_fmt}/{total_fmt} |{bar}| {remaining} left{postfix}"  # all of it fits in 80 columns
EVERY = 60.0  # seconds between the lines of a log, and before its first


@contextmanager
def progress() -> Iterator[Show]:
    """Give what shows a bar if standard error is a terminal, else lines."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    # little smoothing of the speed: costs of cells differ by orders of magnitude
    with tqdm(bar_format=BAR, smoothing=0.05) as bar:

        def show(done: int, total: int, words: str) -> None:
            bar.total = total
            bar.set_postfix_str(words, refresh=not done)
            bar.update(done - bar.n)

        yield show


def _lines() -> Show:
    begin = last = monotonic()

    def show(done: int, total: int, words: str) -> None:
        nonlocal last
        now = monotonic()
        if done and now - last >= EVERY:
            last = now
            left = tqdm.format_interval((now - begin) * (total - done) / done)
            said = f"{done:,} of {total:,} trainings, {left} left, {words}"
            print(said, file=sys.stderr, flush=True)

    return show
