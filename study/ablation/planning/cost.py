"""What a training costs: an estimate, for the plan and for the order of the work."""

from __future__ import annotations

from study.ablation.configuration.protocol import Protocol
from study.ablation.configuration.schema import Execution
from study.ablation.planning.cells import Cell, Facts
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


def seconds_a_run(cell: Cell, protocol: Protocol, data: Facts, together: int) -> float:
    """Estimate the seconds that a training takes on one core.

    Parameters
    ----------
    cell, protocol
        What is trained, and how.
    data
        Sizes of the cell's data.
    together
        How many trainings there are to stack.
    """
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
    seconds = (_updates(protocol) * update + measuring) / 1e6
    return seconds + SECONDS_A_TRAINING + SECONDS_A_RECORD


def _updates(protocol: Protocol) -> float:
    """Return how many updates a scored training comes to, those before it included."""
    branch = protocol.branch
    if branch is None:
        return protocol.updates
    searched = SEARCHED if branch.rate == "equal_path" else 1.0
    return branch.updates + searched * protocol.updates
