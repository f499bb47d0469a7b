"""The plan: which cells there are, who they are, what they are compared with, what they cost.

Pure: nothing is trained or written here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from study import datasets
from study.ablation.cells import Cell, Facts, identity
from study.ablation.grids import Expansion, expand
from study.ablation.schema import Config, Execution, Protocol
from study.learning.loops import CHUNK
from study.learning.network import count
from study.learning.optimizers import OPTIMIZERS
from study.learning.records import UsageError, Variant, unknown

# Measured on a core of 2.6 GHz that shares its cache with a busy neighbour; rough on purpose.
MICROSECONDS_A_CALL = 6.0  # of a stack's update that do not depend on its size
MICROSECONDS_A_REPLICA = 2.0  # of a replica's share that do not depend on its size
FLOP_A_MICROSECOND = 65_000.0  # in small float32 products, all passes included
SECONDS_A_RECORD = 0.0015  # a training's way into the store and into the exported tables
BYTES_A_RUN = 14_000.0  # in the store, indexes and the share of artifacts included


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
    found = expand(config.grids, config.only, _facts, protocol.batch_size is None)
    _check_rates(protocol.learning_rates, found)
    references: dict[Cell, str] = {}
    needed = [cell.reference() for cell in found.cells] if protocol.transfer else []
    for cell in (*needed, *found.cells):
        if cell not in references and cell == cell.reference():
            references[cell] = _identity(cell, protocol, None)
    planned = [_planned(cell, i, None, protocol) for cell, i in references.items()]
    for cell in found.cells:
        if cell not in references:
            reference = references[cell.reference()] if protocol.transfer else None
            own = _identity(cell, protocol, reference)
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


def _check_rates(rates: Mapping[str, Sequence[float]], found: Expansion) -> None:
    valid = [*OPTIMIZERS, *sorted(found.optimizers - set(OPTIMIZERS))]
    for name in rates:
        if name not in valid:
            key = "protocol.learning_rates."
            raise UsageError(unknown("configuration key", key + name, [key + v for v in valid]))
    for cell in found.cells:
        if cell.optimizer.name not in rates:
            raise UsageError(f"protocol.learning_rates.{cell.optimizer.name} is missing")


def seen_by(cell: Cell, protocol: Protocol) -> dict[str, Any]:
    """Return the part of the protocol that decides a cell's results.

    The rates are those of its optimizer; whether it is evaluated at another's rate is said by
    its reference.
    """
    content = dataclasses.asdict(protocol)
    content["learning_rates"] = list(protocol.learning_rates[cell.optimizer.name])
    del content["transfer"]
    return content


def _identity(cell: Cell, protocol: Protocol, reference: str | None) -> str:
    return identity(cell, _facts(cell.dataset).digest, seen_by(cell, protocol), reference)


def _planned(cell: Cell, own: str, reference: str | None, protocol: Protocol) -> Planned:
    tuning = len(protocol.learning_rates[cell.optimizer.name]) * protocol.tuning_seeds
    if protocol.refine:
        tuning += protocol.refine.rates * protocol.refine.seeds
    scoring = protocol.evaluation_seeds * (1 if reference is None else 2)
    seconds = tuning * _seconds_a_run(cell, protocol, tuning)
    seconds += scoring * _seconds_a_run(cell, protocol, protocol.evaluation_seeds)
    return Planned(cell, own, reference, tuning, scoring, seconds)


def _seconds_a_run(cell: Cell, protocol: Protocol, together: int) -> float:
    data = _facts(cell.dataset)
    batch = min(protocol.batch_size or data.patterns, data.patterns)
    weights = count((data.inputs, *cell.hidden, data.outputs))
    flop = weights / FLOP_A_MICROSECOND / (1.0 if protocol.dtype == "float32" else 0.5)
    stack = min(together, Execution.block)
    update = MICROSECONDS_A_CALL / stack + MICROSECONDS_A_REPLICA + 6.0 * batch * flop
    objective = 2.5 * data.patterns * flop
    probe = 12.0 * min(CHUNK, data.patterns) * flop
    measuring = protocol.checkpoints * objective + protocol.probes * probe
    return (protocol.updates * update + measuring) / 1e6 + SECONDS_A_RECORD


@lru_cache(maxsize=1024)
def _facts(dataset: Variant[Any]) -> Facts:
    data = datasets.load(dataset, seed=0)
    return Facts(
        len(data.inputs), data.inputs.shape[1], data.targets.shape[1], data.task, data.digest
    )
