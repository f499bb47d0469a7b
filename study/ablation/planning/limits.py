"""What a plan may not be: too many trainings, networks too large, batches too large.

Each refusal says what it would cost, and what to change.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from study.ablation.configuration.protocol import Protocol
from study.ablation.configuration.schema import Execution
from study.ablation.planning.cells import Cell, Facts
from study.ablation.planning.cost import BYTES_A_RUN
from study.ablation.planning.grids import Product
from study.errors import UsageError
from study.learning.core.network import count

LEAST_MICROSECONDS = 2.0  # of a training and update, however small
QUICK = 20_000  # combinations that are expanded in a few seconds, whatever comes of them


def check_size(grids: Sequence[Product], execution: Execution) -> None:
    """Refuse grids that are too large even to be expanded.

    Raises
    ------
    UsageError
        For more combinations than ``execution.max_runs``, or more than twice as many trainings
        (some combinations may be impossible, or made once).
    """
    most = execution.max_runs
    everything, runs, seconds = 0, 0, 0.0
    for product in grids:
        protocol = product.grid.protocol
        each = protocol.evaluation_seeds
        if protocol.tunes:
            rates = min((len(r) for r in protocol.learning_rates.values()), default=1)
            each += rates * protocol.tuning_seeds
        asked = product.size(kept=True) * each
        everything, runs = everything + product.size(), runs + asked
        seconds += asked * protocol.updates * LEAST_MICROSECONDS / 1e6
    if everything > QUICK and (everything > most or runs > 2 * most):
        raise UsageError(
            f"the grids have {everything:,} combinations, some {runs:,} trainings "
            f"({_cost(runs, seconds / execution.processes(), 'at least')}), too many for "
            f"execution.max_runs = {most:,}: raise that, or make the grids smaller"
        )


def check_runs(runs: int, seconds: float, execution: Execution) -> None:
    """Refuse a plan with more trainings than ``execution.max_runs``.

    Parameters
    ----------
    runs, seconds
        Trainings, and what they take on one core.
    execution
        The limit.
    """
    if runs > execution.max_runs:
        cost = _cost(runs, seconds / execution.processes(), "about")
        raise UsageError(
            f"the plan has {runs:,} trainings ({cost}), more than execution.max_runs = "
            f"{execution.max_runs:,}: raise that, or narrow the grids with only.<axis>"
        )


def check_cell(cell: Cell, data: Facts, protocol: Protocol, execution: Execution) -> None:
    """Refuse a cell that can't be trained with this protocol on this machine.

    Raises
    ------
    UsageError
        For batches of more patterns than there are, and for a stack that needs more memory than
        there is.
    """
    if protocol.batch_size is not None and protocol.batch_size > data.patterns:
        raise UsageError(
            f"protocol.batch_size = {protocol.batch_size} is more than the {data.patterns} "
            f"training patterns of dataset {cell.dataset.name!r}: full takes all of them"
        )
    memory = _memory()
    needed = _bytes(cell, data, protocol, execution.block)
    if memory and needed > memory:
        raise UsageError(
            f"a stack of {cell.name} needs about {needed / 1e9:,.0f} GB, this machine has "
            f"{memory / 1e9:,.0f} GB: make hidden smaller, or execution.block"
        )


def _bytes(cell: Cell, data: Facts, protocol: Protocol, block: int) -> float:
    """Return what parameters (the initial ones in float64), gradient and state take."""
    rates = len(protocol.learning_rates.get(cell.optimizer.name, ()))
    replicas = min(block, max(rates * protocol.tuning_seeds, protocol.evaluation_seeds))
    one = 4.0 if protocol.dtype == "float32" else 8.0
    arrays = 8.0 + one * (1 + len(cell.optimizer.record.state))
    return replicas * count((data.inputs, *cell.hidden, data.outputs)) * arrays


def _memory() -> float:
    """Return the bytes of this machine's memory, 0 where it does not tell."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return 0.0


def _cost(runs: int, seconds: float, how: str) -> str:
    time = f"{seconds / 3600.0:,.1f} hours" if seconds >= 3600.0 else f"{seconds / 60.0:.1f} min"
    space = runs * BYTES_A_RUN
    room = f"{space / 1e9:,.1f} GB" if space >= 1e9 else f"{space / 1e6:.0f} MB"
    return f"{how} {time}, {room}"
