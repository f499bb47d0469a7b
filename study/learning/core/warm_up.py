"""Compile the loops that designs need, in one process, before others load them from the cache."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from study.errors import UsageError
from study.learning.core.training import train
from study.learning.data import Data
from study.learning.design import Budget, Design
from study.learning.diagnostics.guard import check_output, check_records
from study.learning.problem import pose


def compile_kernels(designs: Iterable[Design], dtype: str) -> None:
    """Run each optimizer, activation, rule and objective of the designs once, on tiny data.

    Raises
    ------
    UsageError
        For a record of a user's own that does not do what it should; see `guard`. Errors that
        need the real data to show are left for the training itself to meet.
    """
    seen: set[tuple[str, ...]] = set()
    for design in designs:
        for outputs in (1, 2):  # whose activation may be another one
            check_output(design, outputs)
            keys = {
                ("optimizer", design.optimizer.name),
                ("rule", str(design.gradient)),
                ("activation", design.forward.name),
                ("consistent", design.consistent),
                ("objective", design.objective.name),
                ("output", design.output(outputs).name),
            }
            if keys <= seen:
                continue
            seen |= keys
            check_records(design, outputs, dtype)
            try:
                _run(design, outputs, dtype)
            except UsageError:
                raise
            except Exception:
                continue


def _run(design: Design, outputs: int, dtype: str) -> None:
    """Train a net of this kind, two units a layer, on four patterns."""
    small = replace(design, hidden=tuple(2 for _ in design.hidden))
    x = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.5, 0.2]])
    t = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])[:, :outputs]
    data = Data(x, t, x, t, "tiny", design.objective.tasks[0], 0.0)
    problem = pose([data], design.objective, design.output(outputs))
    batch = None if design.optimizer.record.full_batch else 3
    budget = Budget(updates=2, batch_size=batch, checkpoints=2, probes=1, dtype=dtype)
    train(problem, small, budget, seeds=[0, 1], rates=[0.1])
