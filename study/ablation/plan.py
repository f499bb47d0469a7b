"""The plan: which cells there are, who they are, what they are compared with, what they cost.

Pure: nothing is trained or written here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from study import datasets
from study.ablation.cells import Cell, identity
from study.ablation.grids import expand
from study.ablation.schema import Config, Protocol
from study.learning.network import Network
from study.learning.records import UsageError, Variant

MICROSECONDS_A_CALL = 60.0  # of a stack's update that do not depend on its size
FLOP_A_MICROSECOND = 45_000.0  # of one core in small float32 products, all passes included
BYTES_A_RUN = 23_000.0  # in the store, indexes and the share of artifacts included


@dataclass(frozen=True)
class Planned:
    """A cell of the plan.

    Parameters
    ----------
    cell
        Canonical.
    identity
        Its 40 hex digits.
    reference
        Identity of the exact cell at whose rate it is also evaluated, or None.
    tuning, scoring
        Trainings that choose the rate (the least number: recentring may add some), and others.
    seconds
        Estimate, on one core.
    """

    cell: Cell
    identity: str
    reference: str | None
    tuning: int
    scoring: int
    seconds: float

    @property
    def runs(self) -> int:
        """All its trainings."""
        return self.tuning + self.scoring


@dataclass(frozen=True)
class Plan:
    """All cells of an experiment: references first, else in the order of the grids."""

    config: Config
    cells: tuple[Planned, ...]
    skipped: tuple[tuple[str, str], ...]
    duplicates: int

    @property
    def runs(self) -> int:
        """All trainings."""
        return sum(planned.runs for planned in self.cells)

    def waves(self, finished: Iterable[str]) -> list[list[Planned]]:
        """Return the unfinished cells: references, then those that need a reference's rate.

        Dear ones first within a wave, so that the workers end together.
        """
        done = set(finished)
        left = [p for p in self.cells if p.identity not in done]
        waves: list[list[Planned]] = [
            [p for p in left if p.reference is None],
            [p for p in left if p.reference is not None],
        ]
        return [sorted(wave, key=lambda p: -p.seconds) for wave in waves if wave]


def make_plan(config: Config) -> Plan:
    """Expand a configuration into its plan.

    Raises
    ------
    UsageError
        For anything in the grids that can't be, an optimizer without learning rates, data that
        can't be loaded, a plan over ``execution.max_runs``.
    """
    protocol = config.protocol
    found = expand(config.grids, config.only, _outputs, protocol.batch_size is None)
    for cell in found.cells:
        if cell.optimizer.name not in protocol.learning_rates:
            raise UsageError(f"protocol.learning_rates.{cell.optimizer.name} is missing")
    references: dict[Cell, str] = {}
    needed = [cell.reference() for cell in found.cells] if protocol.transfer else []
    for cell in (*needed, *found.cells):
        if cell not in references and cell == cell.reference():
            references[cell] = identity(cell, _digest(cell), seen_by(cell, protocol), None)
    planned = [_planned(cell, i, None, protocol) for cell, i in references.items()]
    for cell in found.cells:
        if cell not in references:
            reference = references[cell.reference()] if protocol.transfer else None
            own = identity(cell, _digest(cell), seen_by(cell, protocol), reference)
            planned.append(_planned(cell, own, reference, protocol))
    plan = Plan(config, tuple(planned), tuple(found.skipped), found.duplicates)
    if plan.runs > config.execution.max_runs:
        hours = sum(p.seconds for p in planned) / config.execution.processes() / 3600.0
        raise UsageError(
            f"the plan has {plan.runs:,} trainings (about {hours:,.1f} hours, "
            f"{plan.runs * BYTES_A_RUN / 1e9:,.1f} GB), more than execution.max_runs = "
            f"{config.execution.max_runs:,}: raise that, or narrow the grids with only.<axis>"
        )
    return plan


def seen_by(cell: Cell, protocol: Protocol) -> dict[str, Any]:
    """Return the part of the protocol that decides a cell's results."""
    content = dataclasses.asdict(protocol)
    content["learning_rates"] = list(protocol.learning_rates[cell.optimizer.name])
    return content


def _planned(cell: Cell, own: str, reference: str | None, protocol: Protocol) -> Planned:
    tuning = len(protocol.learning_rates[cell.optimizer.name]) * protocol.tuning_seeds
    if protocol.refine:
        tuning += protocol.refine.rates * protocol.refine.seeds
    scoring = protocol.evaluation_seeds * (1 if reference is None else 2)
    seconds = (tuning + scoring) * _seconds_a_run(cell, protocol)
    return Planned(cell, own, reference, tuning, scoring, seconds)


def _seconds_a_run(cell: Cell, protocol: Protocol) -> float:
    patterns, inputs, outputs = _shape(cell.dataset)
    batch = min(protocol.batch_size or patterns, patterns)
    weights = Network.count((inputs, *cell.hidden, outputs))
    stack = 32.0
    update = MICROSECONDS_A_CALL / stack + 6.0 * weights * batch / FLOP_A_MICROSECOND
    measure = 2.5 * weights * patterns / FLOP_A_MICROSECOND
    return (protocol.updates * update + protocol.checkpoints * measure) / 1e6


def _digest(cell: Cell) -> str:
    return _first(cell.dataset).digest


def _outputs(dataset: Variant[Any]) -> int:
    return _shape(dataset)[2]


def _shape(dataset: Variant[Any]) -> tuple[int, int, int]:
    data = _first(dataset)
    return len(data.inputs), data.inputs.shape[1], data.targets.shape[1]


@lru_cache(maxsize=256)
def _first(dataset: Variant[Any]) -> datasets.Data:
    return datasets.load(dataset, seed=0)
