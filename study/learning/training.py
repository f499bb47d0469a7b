"""Training: a fixed budget of updates for a stack of replicas, measured at checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.learning import outcomes
from study.learning.activations import Activation
from study.learning.gradients import EXACT
from study.learning.gradients.base import Gradient
from study.learning.initialisations import Initialisation, initial_parameters
from study.learning.objectives import Objective
from study.learning.optimizers import Optimizer, Updater
from study.learning.probes import PROBES
from study.learning.problem import Problem
from study.learning.records import Variant
from study.learning.stack import Stack

Array = NDArray[Any]

CURVES = ("objective", "weight_norm", *PROBES)


@dataclass(frozen=True)
class Design:
    """What is trained: all that the replicas of a stack have in common.

    Parameters
    ----------
    hidden
        Widths of the hidden layers.
    activation
        Of the hidden units, bound.
    objective
        What is minimised and scored.
    gradient
        What stands in the slope's place.
    location
        Where: "hidden", "output" or "all".
    initialisation, gain
        Initial weights.
    optimizer
        With its parameters.
    """

    hidden: tuple[int, ...]
    activation: Activation
    objective: Objective
    gradient: Variant[Gradient]
    location: str
    initialisation: Variant[Initialisation]
    gain: float
    optimizer: Variant[Optimizer]

    def output(self, outputs: int) -> Activation:
        """Activation of the output units."""
        return self.objective.output(self.activation, outputs)

    def rules(self) -> list[Variant[Gradient] | None]:
        """Return the rule of each layer, None where no factor stands (see `Network.backward`)."""
        hidden = self.gradient if self.location in ("hidden", "all") else EXACT
        output = self.gradient if self.location in ("output", "all") else EXACT
        if self.gradient.record.hidden_only:
            output = EXACT
        return [hidden] * len(self.hidden) + [output if self.objective.output_factor else None]


@dataclass(frozen=True)
class Budget:
    """How long and how closely.

    Parameters
    ----------
    updates
        Number of updates.
    batch_size
        Patterns in a batch; None for full batches.
    decay
        Let the learning rate fall linearly to 0 over the second half.
    checkpoints
        How many, from update 0 to the last, log-spaced.
    probes
        At how many of them the probes are taken.
    dtype
        "float32" or "float64".
    """

    updates: int = 1000
    batch_size: int | None = 32
    decay: bool = True
    checkpoints: int = 20
    probes: int = 8
    dtype: str = "float32"

    def schedule(self, step: int) -> float:
        """Factor on the learning rate at `step`, from 1."""
        return min(1.0, 2.0 * (1.0 - (step - 1) / self.updates)) if self.decay else 1.0

    def marks(self) -> list[int]:
        """Return the updates after which the stack is measured."""
        spaced = np.geomspace(1, max(self.updates, 1), max(self.checkpoints - 1, 1))
        return sorted({0, *(int(u) for u in np.round(spaced)), self.updates})

    def probed(self) -> set[int]:
        """Return the marks at which the probes are taken; the last is one."""
        marks = self.marks()
        at = np.round(np.linspace(0, len(marks) - 1, min(self.probes, len(marks))))
        return {marks[int(i)] for i in at} | ({marks[-1]} if self.probes else set())


@dataclass(frozen=True)
class Outcome:
    """What became of R = S K replicas (r = seed K + rate).

    Parameters
    ----------
    seeds, rates
        (R,).
    updates
        (C,) the checkpoints.
    curves
        Name -> (R, C): ``objective`` on the whole training set, ``weight_norm``, and the probes;
        NaN where not taken, and after a replica diverged by its objective.
    constant, optimum
        L_const and L*, (R,).
    final_objective, initial_objective, test_score, updates_to_target, score
        (R,); the target is the task's criterion for solved.
    outcome, diverged_by
        Names, (R,); diverged_at the checkpoint where it was seen, NaN if never.
    failed
        (R,) bool.
    parameters
        (R, P) at the end; of a diverged replica where it left.
    """

    seeds: Array
    rates: Array
    updates: Array
    curves: dict[str, Array]
    constant: Array
    optimum: Array
    initial_objective: Array
    final_objective: Array
    test_score: Array
    updates_to_target: Array
    score: Array
    outcome: Array
    diverged_by: Array
    diverged_at: Array
    failed: Array
    parameters: Array


def train(
    problem: Problem,
    design: Design,
    budget: Budget,
    seeds: Sequence[int],
    rates: Sequence[float],
    numbers: Mapping[str, Any] | None = None,
    start: Array | None = None,
) -> Outcome:
    """Train S × K replicas together.

    Parameters
    ----------
    problem
        The data; with one set a seed (D > 1), in the order of `seeds`.
    design, budget
        What, and how long.
    seeds
        S seeds: of initial weights, batch order and random rules.
    rates
        K learning rates, tried with every seed.
    numbers
        The optimizer's own parameters where they differ from the design's; a number, or (R,).
    start
        Initial parameters (R, P) instead of drawn ones.

    Notes
    -----
    A replica's result does not depend on the others in its stack, to the bit.
    """
    seed_of = np.repeat(np.asarray(seeds), len(rates))
    rate_of = np.tile(np.asarray(rates, dtype=np.float64), len(seeds))
    if start is None:
        sizes = (problem.widths[0], *design.hidden, problem.widths[1])
        drawn = np.stack(
            [initial_parameters(design.initialisation, design.gain, sizes, s) for s in seeds]
        )
        start = np.repeat(drawn, len(rates), axis=0)
    own = {**design.optimizer.values, **(numbers or {})}
    numbers_of = {
        name: np.array(np.broadcast_to(np.asarray(value, dtype=np.float64), len(seed_of)))
        for name, value in own.items()
    }
    with np.errstate(all="ignore"):  # floating-point exceptions are data here
        parameters = start.astype(budget.dtype)
        updater = Updater(design.optimizer.record, numbers_of, rate_of, parameters)
        stack = Stack(
            problem,
            (*design.hidden,),
            design.activation,
            design.output(problem.widths[1]),
            design.objective,
            design.rules(),
            list(seeds),
            len(rates),
            budget.batch_size or problem.inputs.shape[1],
            parameters,
            updater,
        )
        return _run(stack, budget, problem, seed_of, rate_of)


def _run(
    stack: Stack, budget: Budget, problem: Problem, seed_of: Array, rate_of: Array
) -> Outcome:
    marks, probed = budget.marks(), budget.probed()
    replicas = len(seed_of)
    per_replica = replicas // len(problem.constant)
    constant = np.repeat(problem.constant, per_replica)
    optimum = np.repeat(problem.optimum, per_replica)
    curves = {name: np.full((replicas, len(marks)), np.nan) for name in CURVES}
    diverged_by = np.full(replicas, "", dtype="<U9")
    diverged_at = np.full(replicas, np.nan)
    final = np.full(replicas, np.nan)
    gone = np.zeros(replicas, dtype=bool)
    test_score = np.full(replicas, np.nan)
    parameters = np.empty_like(stack.network.parameters)
    step = 0
    for column, mark in enumerate(marks):
        while step < mark:
            step += 1
            stack.update(step, budget.schedule(step))
        measured = stack.measure(step, probe=mark in probed)
        rows = stack.rows[~gone[stack.rows]]
        here = ~gone[stack.rows]
        for name, values in measured.items():
            curves[name][rows, column] = values[here]
        objective = curves["objective"][rows, column]
        final[rows] = objective
        wide = ~(curves["weight_norm"][rows, column] <= outcomes.RUNAWAY_NORM)
        exploded = outcomes.exploded(objective, curves["objective"][rows, 0], constant[rows])
        reason = np.where(wide, "norm", "")
        reason = np.where(exploded, "objective", reason)
        reason = np.where(~np.isfinite(objective), "nonfinite", reason)
        diverged_at[rows] = np.where(
            (reason != "") & (diverged_by[rows] == ""), mark, diverged_at[rows]
        )
        diverged_by[rows] = np.where(reason != "", reason, diverged_by[rows])
        gone[rows] = exploded
        parameters[stack.rows] = stack.network.parameters
        if mark == marks[-1] or gone.all():
            break
        stack.leave(gone)
    share = outcomes.excess_share(curves["objective"], constant[:, None], optimum[:, None])
    final_share = outcomes.excess_share(final, constant, optimum)
    left = stack.rows[~gone[stack.rows]]
    test_score[left] = stack.test_score()[~gone[stack.rows]]
    failure = outcomes.failed(final_share, diverged_by)
    return Outcome(
        seeds=seed_of,
        rates=rate_of,
        updates=np.asarray(marks),
        curves=curves,
        constant=constant,
        optimum=optimum,
        initial_objective=curves["objective"][:, 0].copy(),
        final_objective=final,
        test_score=test_score,
        updates_to_target=outcomes.updates_to(problem.solved_below, np.asarray(marks), share),
        score=outcomes.score(final_share, failure),
        outcome=outcomes.outcome_of(final_share, diverged_by, problem.solved_below),
        diverged_by=diverged_by,
        diverged_at=diverged_at,
        failed=failure,
        parameters=parameters,
    )
