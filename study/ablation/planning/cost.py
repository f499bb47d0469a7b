"""What trainings cost: an estimate, for the plan and the order of the work; and what is too much.

Each refusal says what it would cost, and what to change.
"""

import os
from collections.abc import Sequence

from study.ablation.configuration.protocol import Protocol
from study.ablation.configuration.schema import Execution
from study.ablation.planning.cells import Cell, Facts
from study.ablation.planning.grids import Product
from study.errors import UsageError
from study.learning.core.loops import CHUNK
from study.learning.core.network import count

# Fitted to two dozen cells of the paper's, on a core of 2.6 GHz that shares its cache with a busy
# neighbour: most of them within a third.
MICROSECONDS_A_CALL = 6.0  # of a stack's update that do not depend on its size
MICROSECONDS_A_REPLICA = 1.0  # of a replica's share that do not depend on its size
MICROSECONDS_A_UNIT = 0.0012  # and pattern: slopes, factors, activations
FLOP_A_MICROSECOND = 80_000.0  # in small float32 products, all passes included
SECONDS_A_TRAINING = 0.002  # that do not depend on its length, such as the field's asymmetry
SECONDS_A_RECORD = 0.0015  # a training's way into the store and into the exported tables
SEARCHED = 8.0  # trainings until the rate for a path is found, the one that is kept among them
BYTES_A_RUN = 14_000.0  # in the store, indexes and the share of artifacts included
LEAST_MICROSECONDS = 2.0  # of a training and update, however small
QUICK = 20_000  # combinations that are expanded in a few seconds, whatever comes of them


def seconds_a_run(cell: Cell, protocol: Protocol, data: Facts, together: int) -> float:
    """Estimate the seconds of a training on one core where so many are there to be stacked."""
    batch = min(protocol.batch_size or data.patterns, data.patterns)
    weights = count((data.inputs, *cell.hidden, data.outputs))
    flop = weights / FLOP_A_MICROSECOND / (1.0 if protocol.dtype == "float32" else 0.5)
    units = (sum(cell.hidden) + data.outputs) * MICROSECONDS_A_UNIT
    stack = min(together, Execution.block)
    update = MICROSECONDS_A_CALL / stack + MICROSECONDS_A_REPLICA
    update += batch * (6.0 * flop + units)
    objective = data.patterns * (2.5 * flop + units)
    probe = 12.0 * min(CHUNK, data.patterns) * flop
    measuring = protocol.checkpoints * objective + protocol.probes * probe
    updates: float = protocol.updates
    if branch := protocol.branch:
        updates = branch.updates + updates * (SEARCHED if branch.rate == "equal_path" else 1.0)
    seconds = (updates * update + measuring) / 1e6
    return seconds + SECONDS_A_TRAINING + SECONDS_A_RECORD


def check_size(grids: Sequence[Product], execution: Execution) -> None:
    """Refuse grids that are too large even to be expanded.

    These have more combinations than ``execution.max_runs``, or more than twice as many trainings:
    some combinations may be impossible, or made once.
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
    """Refuse a plan with more trainings, of so many seconds on one core, than the limit."""
    if runs > execution.max_runs:
        cost = _cost(runs, seconds / execution.processes(), "about")
        raise UsageError(
            f"the plan has {runs:,} trainings ({cost}), more than execution.max_runs = "
            f"{execution.max_runs:,}: raise that, or narrow the grids with only.<axis>"
        )


def check_cell(cell: Cell, data: Facts, protocol: Protocol, execution: Execution) -> None:
    """Refuse batches of more patterns than there are, and stacks larger than the memory."""
    if protocol.batch_size is not None and protocol.batch_size > data.patterns:
        raise UsageError(
            f"protocol.batch_size = {protocol.batch_size} is more than the {data.patterns} "
            f"training patterns of dataset {cell.dataset.name!r}: full takes all of them"
        )
    if protocol.learnt_within is not None and protocol.batch_size is not None:
        raise UsageError(
            "protocol.learnt_within looks at all patterns before each update: it needs "
            f"protocol.batch_size=full, not {protocol.batch_size}"
        )
    if protocol.learnt_within is not None and cell.optimizer.record.scipy:
        raise UsageError(
            "protocol.learnt_within is counted by the study's own loop: scipy's "
            f"{cell.optimizer.name} does not take it"
        )
    if protocol.tuned_by == "learnt_at" and protocol.learnt_within is None and protocol.tunes:
        raise UsageError(
            "protocol.tuned_by = learnt_at counts updates until all outputs are near enough: it "
            "needs protocol.learnt_within, such as 0.4"
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
