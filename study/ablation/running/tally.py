"""Counts, times and failures of the cells that this command trained."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from study.ablation.store import FinishedCell

if TYPE_CHECKING:
    from study.ablation.running.worker import FailedCell

OUTCOMES = ("solved", "plateau", "stuck", "diverged")


@dataclass
class Tally:
    """What came of the trainings of this command."""

    outcomes: Counter[str] = field(default_factory=Counter)  # how many trainings ended how
    cells: int = 0  # how many cells finished
    # updates in all trainings, those of diverged ones counted to the end of the budget
    updates: int = 0
    seconds: float = 0.0  # what the workers spent on them, by the clock and by the processor
    processor_seconds: float = 0.0
    # cells that raised an error, or whose reference did
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
