"""Compile the loops that designs need, in one process, before others load them from the cache."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from study.learning.problem import pose
from study.learning.records import UsageError
from study.learning.training import Budget, Design, train


@dataclass(frozen=True)
class _Tiny:
    """Four patterns, enough to run every loop once."""

    task: str
    name: str = "tiny"
    solved_below: float = 0.0

    @property
    def inputs(self) -> NDArray[np.float64]:
        return np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.5, 0.2]])

    @property
    def targets(self) -> NDArray[np.float64]:
        return np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])

    test_inputs = inputs
    test_targets = targets


def compile_kernels(designs: Iterable[Design], dtype: str) -> None:
    """Run each optimizer, activation and rule of the designs once, on tiny data.

    Raises
    ------
    UsageError
        For a kernel of a user's own that can't be compiled. Other errors of users' own records
        are left for the training itself to meet.
    """
    seen: set[tuple[str, ...]] = set()
    for design in designs:
        full = design.optimizer.record.full_batch
        keys = {
            ("optimizer", design.optimizer.name),
            ("rule", design.gradient.name),
            ("activation", design.activation.name),
        }
        if keys <= seen:
            continue
        seen |= keys
        small = replace(design, hidden=tuple(2 for _ in design.hidden))
        data = _Tiny(task=design.objective.tasks[0])
        problem = pose([data], design.objective, design.output(2))
        budget = Budget(
            updates=2, batch_size=None if full else 3, checkpoints=2, probes=1, dtype=dtype
        )
        try:
            train(problem, small, budget, seeds=[0, 1], rates=[0.1])
        except UsageError:
            raise
        except Exception:
            continue
