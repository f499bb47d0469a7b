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
Show = Callable[[int, int, float, str], None]
"""Is told how many trainings of how many are done, the share of the work, and a text to show."""

BAR = "{n_fmt}/{total_fmt} |{bar}| {desc}"  # all of it fits in 80 columns
EVERY = 60.0  # seconds between the lines of a log, and before its first


@contextmanager
def progress() -> Iterator[Show]:
    """Give what shows a bar if standard error is a terminal, else lines."""
    left = _Left()
    if not sys.stderr.isatty():
        yield _lines(left)
        return
    with tqdm(bar_format=BAR) as bar:

        def show(done: int, total: int, share: float, words: str) -> None:
            bar.total = total
            bar.set_description_str(f"{left.after(share)} left, {words}", refresh=not done)
            bar.update(done - bar.n)

        yield show


def _lines(left: "_Left") -> Show:
    last = monotonic()

    def show(done: int, total: int, share: float, words: str) -> None:
        nonlocal last
        time = left.after(share)
        if done and monotonic() - last >= EVERY:
            last = monotonic()
            said = f"{done:,} of {total:,} trainings, {time} left, {words}"
            print(said, file=sys.stderr, flush=True)

    return show


class _Left:
    """The time left. It counts the work, as the largest cells of a study are trained first."""

    def __init__(self) -> None:
        self._begin = 0.0

    def after(self, share: float) -> str:
        """Say the time that is left when so much of the work is done."""
        if not share:
            self._begin = monotonic()
            return "?"
        return str(tqdm.format_interval((monotonic() - self._begin) * (1.0 - share) / share))


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
        self.outcomes.update(result.outcomes)
        self.updates += result.updates
        self.cells += 1
        self.seconds += result.metrics["time.seconds"]
        self.processor_seconds += result.metrics["time.processor_seconds"]

    def __str__(self) -> str:
        """Return the counts in words."""
        said = [f"{self.outcomes[name]} {name}" for name in OUTCOMES]
        said += [f"{len(self.failed)} cells failed"] if self.failed else []
        return ", ".join(said)
