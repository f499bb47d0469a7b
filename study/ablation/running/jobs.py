"""The cells of a plan as jobs for an engine, and what their results make ready."""

import sys
from collections.abc import Collection, Mapping
from typing import NamedTuple

from study.ablation.planning.plan import Plan
from study.ablation.planning.schedule import Schedule
from study.ablation.running.worker import FailedCell, Job
from study.ablation.store import FinishedCell
from study.ablation.store.layout import Place

Result = FinishedCell | FailedCell


class Chosen(NamedTuple):
    """What other cells take from a finished one: its learning rate, and what it came to."""

    rate: float
    objective: float  # median over its scored seeds


class Jobs:
    """The unfinished cells of a plan as jobs, and what comes of them.

    `chosen` is what finished cells have chosen, by identity. Rows are laid out for `place`.
    """

    def __init__(
        self,
        plan: Plan,
        finished: Collection[str] = frozenset(),
        chosen: Mapping[str, Chosen] | None = None,
        place: Place | None = None,
    ) -> None:
        self._plan, self._schedule = plan, Schedule(plan.cells, finished)
        self._known, self._place = dict(chosen or {}), place

    def take(self) -> Job | None:
        """Return the next job, None while none is ready."""
        planned = self._schedule.take()
        if planned is None:
            return None
        own = {use: self._known[needed].rate for use, needed in planned.needs.items()}
        exact = self._known[planned.reference].objective if planned.reference else None
        what = (planned.identity, planned.name, planned.cell.specification(), planned.protocol)
        config = self._plan.config
        where = tuple(sys.path), exact, config.tracking.models, self._place
        return Job(*what, own, self._plan.claims, config.execution.block, *where)

    def end(self, result: Result) -> list[Result]:
        """Note a result; return it, and after it the cells that fail with it.

        These need a learning rate that is not to be had.
        """
        cell = result.cell
        if isinstance(result, FinishedCell) and "learning_rate" in result.metrics:
            of_cell = result.metrics
            self._known[cell] = Chosen(of_cell["learning_rate"], of_cell["final_objective"])
            self._schedule.end(cell)
            return [result]
        lost = self._schedule.fail(cell)
        said = "a cell whose learning rate it takes failed"
        return [result, *(FailedCell(other, said) for other in lost)]
