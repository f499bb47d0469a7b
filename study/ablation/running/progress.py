"""What came of the trainings so far, and how that is shown: a bar, or a line a minute in a log."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

from tqdm import tqdm

from study.ablation.running.worker import FailedCell
from study.ablation.store import FinishedCell

OUTCOMES = ("solved", "plateau", "stuck", "diverged")
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


@dataclass
class Tally:
    """What came of the trainings of this command."""

    outcomes: Counter[str] = field(default_factory=Counter)  # how many trainings ended how
    cells: int = 0  # how many cells finished
    # updates in all trainings, those of diverged ones counted to the end of the budget
    updates: int = 0
    seconds: float = 0.0  # what the workers spent on them, by the clock and by the processor
    processor_seconds: float = 0.0
    failed: list[FailedCell] = field(default_factory=list)

    @property
    def runs(self) -> int:
        """How many trainings finished."""
        return self.outcomes.total()

    def add(self, result: FinishedCell | FailedCell) -> None:
        """Count a cell."""
        if not isinstance(result, FinishedCell):
            self.failed.append(result)
            return
        columns = result.runs.select(["outcome", "updates"]).to_pydict()
        self.outcomes.update(columns["outcome"])
        self.updates += sum(columns["updates"])
        self.cells += 1
        self.seconds += result.metrics["time.seconds"]
        self.processor_seconds += result.metrics["time.processor_seconds"]

    def __str__(self) -> str:
        """Return the counts in words."""
        said = [f"{self.outcomes[name]} {name}" for name in OUTCOMES]
        said += [f"{len(self.failed)} cells failed"] if self.failed else []
        return ", ".join(said)
