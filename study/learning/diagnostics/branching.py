"""Two rules, one after the other: a common first phase, then a branch under the design's own rule.

What branches from one state can be compared on the same decided units, and at equal path lengths.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from study.learning import Array
from study.learning.core.fixed import exp, log
from study.learning.core.training import Outcome, train
from study.learning.design import Budget, Design
from study.learning.problem import Problem
from study.learning.rules.base import Gradient
from study.learning.variants import Variant

AGREEMENT = 0.05  # of the path length that is aimed at
ROUNDS = 10  # of trainings that look for it
WIDEST = 1e4  # how far from its start a rate is looked for, as a factor


@dataclass(frozen=True)
class Trunk:
    """The phase before: so many updates under this rule, at the same location as afterwards."""

    gradient: Variant[Gradient]
    updates: int
    rate: float


def branch(
    problem: Problem,
    design: Design,
    budget: Budget,
    seeds: Sequence[int],
    rates: Sequence[float],
    trunk: Trunk,
) -> Outcome:
    """Train each seed along the trunk, then branch at each of K learning rates.

    `design`, `budget` and `rates` are those of the second phase; the first, the trunk, has the
    same batches, decay and dtype. Returned is the outcome of the second phase, which begins at its
    update 0. Batches and random rules go on where the first phase stopped; the optimizer's state
    starts anew, and rules that prepare do so at the branching state. Flips count from there, for
    units that were decided there.
    """
    state = _trunk(problem, design, budget, seeds, trunk)
    start = np.repeat(state, len(rates), axis=0)
    return train(problem, design, budget, seeds, rates, start=start, done=trunk.updates)


def branch_on_equal_path(
    problem: Problem,
    design: Design,
    budget: Budget,
    seeds: Sequence[int],
    rate: float,
    trunk: Trunk,
) -> Outcome:
    """Branch at the rates, one a seed, that move the weights as far as the trunk would go on.

    That is ``path_length``, the distance between the parameters before and after the second phase,
    of the trunk's rule at the trunk's rate. The search begins at `rate`; where 10 rounds do not
    bring the path within 5 % (it need not be a continuous function of the rate), a seed keeps the
    nearest it met. The rates that were found are ``Outcome.rates``.
    """
    state = _trunk(problem, design, budget, seeds, trunk)

    def go_on(rule: Variant[Gradient], rates: Array) -> Outcome:
        follows = replace(design, gradient=rule, consistent=_arm(design, rule))
        return train(
            *(problem, follows, budget, seeds, rates[:, None]), start=state, done=trunk.updates
        )

    at = np.full(len(seeds), trunk.rate)
    target = go_on(trunk.gradient, at).path_length
    if trunk.gradient == design.gradient:
        return go_on(design.gradient, at)
    found = rates_for_path(
        lambda rates: go_on(design.gradient, rates).path_length, target, np.full(len(seeds), rate)
    )
    return go_on(design.gradient, found)


def rates_for_path(path: Callable[[Array], Array], target: Array, start: Array) -> Array:
    """Find learning rates with paths of given lengths, all at once.

    ``path(rates)`` gives the lengths (R,) of the paths at these rates (R,); not finite counts as
    too long. `target` (R,) are lengths, `start` (R,) the rates to begin with. Returned are (R,) of
    the rates that were tried, those whose paths come nearest to the target in ratio.

    Each round tries the rate at which a power law through the two nearest paths, one on either
    side, has the target; before there are two, the length is taken as proportional to the rate.
    """
    rates = np.asarray(start, dtype=np.float64).copy()
    least, most = rates / WIDEST, rates * WIDEST
    low, high = np.full((2, len(rates)), np.nan), np.full((2, len(rates)), np.nan)  # rate, length
    best, miss = rates.copy(), np.full(len(rates), np.inf)
    for turn in range(ROUNDS):
        lengths = np.asarray(path(rates), dtype=np.float64)
        lengths = np.where(np.isfinite(lengths), lengths, np.inf)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            off = np.abs(log(lengths / target))
            nearer = off < miss
            best, miss = np.where(nearer, rates, best), np.where(nearer, off, miss)
            if (miss <= AGREEMENT).all():
                break
            short = lengths < target
            low = np.where(short, [rates, lengths], low)
            high = np.where(short, high, [rates, lengths])
            both = np.isfinite(low[0]) & np.isfinite(high[0])
            middle = np.sqrt(low[0] * high[0])
            share = log(target / low[1]) / log(high[1] / low[1])
            # every other time by halves, so that a bracket with one far end shrinks too
            secant = low[0] * exp(share * log(high[0] / low[0])) if turn % 2 == 0 else middle
            inside = np.where((secant > low[0]) & (secant < high[0]), secant, middle)
            scaled = rates * np.clip(target / lengths, 0.1, 10.0)
        scaled = np.where(np.isfinite(scaled), np.clip(scaled, least, most), rates)
        step = np.where(both, inside, scaled)
        rates = np.where(miss <= AGREEMENT, best, step)
    return best


def _arm(design: Design, rule: Variant[Gradient]) -> str:
    return design.consistent if rule == design.gradient else "false"


def _trunk(
    problem: Problem, design: Design, budget: Budget, seeds: Sequence[int], trunk: Trunk
) -> Array:
    """Return the parameters of each seed after the first phase, (S, P)."""
    first = replace(design, gradient=trunk.gradient, consistent=_arm(design, trunk.gradient))
    short = replace(budget, updates=trunk.updates, checkpoints=2, probes=0)
    return train(problem, first, short, seeds, [trunk.rate]).parameters
