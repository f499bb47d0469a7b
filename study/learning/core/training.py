"""Training: a fixed budget of updates for a stack of replicas, measured at checkpoints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from study.learning import Array, outcomes
from study.learning.core import loops, network
from study.learning.core.minimising import Minimiser
from study.learning.core.placement import layer_of
from study.learning.core.stack import Stack
from study.learning.core.trainer import Trainer
from study.learning.design import Budget, Design
from study.learning.diagnostics.probes import PROBES, Observer, norm
from study.learning.diagnostics.tangent import asymmetry
from study.learning.initialisations import initial_parameters
from study.learning.optimizers import Updater
from study.learning.problem import Problem

CURVES = ("objective", "weight_norm", *PROBES)


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
    learnt_at
        (R,) updates made before each output was within ``Budget.learnt_within`` of its target on
        all patterns; NaN where the budget ended before, or does not ask.
    stopped_test_score
        (R,) with early stopping, see `study.learning.outcomes.stopped`; NaN unless asked for.
    outcome, diverged_by
        Names, (R,); diverged_at the checkpoint where it was seen, NaN if never.
    failed
        (R,) bool.
    path_length
        (R,) distance between the parameters at the start and at the end.
    asymmetry
        (R,) of the update field at the end, see `study.learning.diagnostics.tangent`; NaN without
        probes.
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
    stopped_test_score: Array
    updates_to_target: Array
    learnt_at: Array
    score: Array
    outcome: Array
    diverged_by: Array
    diverged_at: Array
    failed: Array
    path_length: Array
    asymmetry: Array
    parameters: Array


def train(
    problem: Problem,
    design: Design,
    budget: Budget,
    seeds: Sequence[int],
    rates: Sequence[float] | Array,
    numbers: Mapping[str, Any] | None = None,
    start: Array | None = None,
    done: int = 0,
) -> Outcome:
    """Train S × K replicas together: each seed at each rate, all rates of the first seed first.

    Parameters
    ----------
    problem
        The data; with one set a seed (D > 1), in the order of `seeds`.
    design, budget
        What, and how long.
    seeds
        S seeds: of initial weights, batch order and random rules.
    rates
        K learning rates, tried with every seed; or (S, K), others for each seed.
    numbers
        The optimizer's own parameters where they differ from the design's; a number, or (R,).
    start
        Initial parameters (R, P) instead of drawn ones. Units that are decided there are those
        whose flips are counted.
    done
        Updates that led to `start`: the order of batches, and random rules, go on from there.

    Notes
    -----
    A replica's result does not depend on the others in its stack, to the bit. One that diverged by
    its objective is left as it is from the next checkpoint on; the others go on.
    """
    table = np.asarray(rates, dtype=np.float64)
    per_seed = table.shape[-1]
    replicas = [seed for seed in seeds for _ in range(per_seed)]
    rate_of = np.broadcast_to(table, (len(seeds), per_seed)).ravel()
    drawn = start is None
    if start is None:
        start = np.repeat(initial(design, problem, seeds), per_seed, axis=0)
    own = {**design.optimizer.values, **(numbers or {})}
    numbers_of = {
        name: np.broadcast_to(np.asarray(value, dtype=np.float64), len(replicas))
        for name, value in own.items()
    }
    parameters = start.astype(budget.dtype)
    with np.errstate(all="ignore"):  # floating-point exceptions are data here
        stack = Stack(problem, design, replicas, parameters)
        updater = Updater(design.optimizer.record, numbers_of, rate_of, parameters)
        batch = budget.batch_size or problem.inputs.shape[1]
        within = budget.learnt_within
        if within is not None:
            within *= problem.span
        if design.optimizer.record.scipy:
            marks = [done + mark for mark in budget.marks()]
            trainer: Trainer = Minimiser(stack, updater, batch, done=done, marks=marks)
        else:
            trainer = Trainer(stack, updater, batch, done=done, within=within)
        return _run(trainer, budget, rate_of, Observer(stack, moving=drawn))


def initial(design: Design, problem: Problem, seeds: Sequence[int]) -> Array:
    """Return the initial parameters of these seeds, (S, P) float64."""
    sizes = (problem.widths[0], *design.hidden, problem.widths[1])
    return np.stack(
        [initial_parameters(design.initialisation, design.gain, sizes, seed) for seed in seeds]
    )


def _run(trainer: Trainer, budget: Budget, rate_of: Array, observer: Observer) -> Outcome:
    stack, problem = trainer.stack, trainer.stack.problem
    marks, probed = budget.marks(), budget.probed()
    first, begin = trainer.step, stack.parameters.copy()
    replicas = len(rate_of)
    constant, optimum = (
        np.repeat(each, replicas // len(each)) for each in (problem.constant, problem.optimum)
    )
    curves = {name: np.full((replicas, len(marks)), np.nan) for name in CURVES}
    diverged_by = np.full(replicas, "", dtype="<U9")
    diverged_at = np.full(replicas, np.nan)
    final = np.full(replicas, np.nan)
    tested = np.full((replicas, len(marks), 2), np.nan)
    for column, mark in enumerate(marks):
        taken = trainer.step - first
        trainer.advance([budget.schedule(step + 1) for step in range(taken, mark)])
        alive = trainer.alive.copy()
        final[alive] = stack.objective(alive)[alive]
        curves["objective"][alive, column] = final[alive]
        curves["weight_norm"][alive, column] = norm(stack.parameters)[alive]
        if budget.stopping:
            tested[alive, column] = stack.halves_scored()[alive]
        if mark in probed:
            for name, values in observer.probe(trainer.step).items():
                curves[name][alive, column] = values[alive]
        exploded = outcomes.exploded(final, curves["objective"][:, 0], constant)
        reason = np.where(~(curves["weight_norm"][:, column] <= outcomes.RUNAWAY_NORM), "norm", "")
        reason = np.where(exploded, "objective", reason)
        reason = np.where(~np.isfinite(final), "nonfinite", reason)
        found = alive & (reason != "")
        diverged_at[found & (diverged_by == "")] = mark
        diverged_by[found] = reason[found]
        trainer.stop(exploded)
        if not trainer.alive.any():
            break
    nothing = np.full(replicas, np.nan)
    learnt = nothing
    if trainer.learnt.size:
        learnt = np.where(trainer.learnt >= 0, trainer.learnt - first, np.nan)
    share = outcomes.excess_share(curves["objective"], constant[:, None], optimum[:, None])
    final_share = outcomes.excess_share(final, constant, optimum)
    test_score = np.where(trainer.alive, stack.test_score(), np.nan)
    failure = outcomes.failed(final_share, diverged_by)
    return Outcome(
        seeds=np.asarray(stack.replicas),
        rates=rate_of,
        updates=np.asarray(marks),
        curves=curves,
        constant=constant,
        optimum=optimum,
        initial_objective=curves["objective"][:, 0].copy(),
        final_objective=final,
        test_score=test_score,
        stopped_test_score=outcomes.stopped(tested),
        updates_to_target=outcomes.updates_to(problem.solved_below, np.asarray(marks), share),
        learnt_at=learnt,
        score=outcomes.score(final_share, failure),
        outcome=outcomes.outcome_of(final_share, diverged_by, problem.solved_below),
        diverged_by=diverged_by,
        diverged_at=diverged_at,
        failed=failure,
        path_length=norm(stack.parameters.astype(np.float64) - begin),
        asymmetry=(
            np.where(trainer.alive, asymmetry(stack, trainer.step), np.nan) if probed else nothing
        ),
        parameters=stack.parameters,
    )


def outputs(design: Design, parameters: Array, inputs: Array) -> Array:
    """Return the outputs of trained networks.

    Parameters
    ----------
    design
        What they are.
    parameters
        (R, P), as in `Outcome`.
    inputs
        (1, n, d) for all, or (S, n, d) with R a multiple of S.

    Returns
    -------
    (R, outputs, n)
    """
    dtype, replicas = parameters.dtype, len(parameters)
    below = (inputs.shape[-1], *design.hidden)
    count = (parameters.shape[1] - network.count(below)) // (below[-1] + 1)
    sizes = np.array([*below, count])
    none = np.zeros((len(sizes) - 1, replicas, 0)), np.zeros((len(sizes) - 1, replicas), np.uint64)
    layers = [
        layer_of(activation, None, *none, dtype)
        for activation in (design.forward, design.output(count))
    ]
    work = network.make_workspace(sizes, loops.CHUNK, dtype)
    x = network.with_ones(inputs, dtype)
    return loops.layer_inputs(sizes, parameters, x, *layers, len(sizes) - 2, work)[1]
