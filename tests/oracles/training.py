"""Oracle of a training: batches, schedule, rule and optimizer of one replica, in float64."""

from functools import partial
from typing import Any

import numpy as np

from oracles import chance, curvature, network, optimizers
from oracles.activations import curve_of
from oracles.minimiser import minimised


def net_of(plan: Any, problem: Any, flat: Any) -> network.Net:
    """Build the oracle of a design at these parameters."""
    sizes = (problem.widths[0], *plan.hidden, problem.widths[1])
    output = plan.output(problem.widths[1])
    return network.Net(
        network.Net.unflatten(flat, sizes),
        curve_of(plan.activation),
        "softmax" if output.name == "softmax" else curve_of(output),
        plan.objective.output_factor,
    )


def rule_of(plan: Any) -> network.Rule:
    return network.Rule(plan.gradient.name, dict(plan.gradient.values), plan.location)


def sign_of(seed: int, step: int, output: int, pattern: int) -> float:
    """Return the sign with which an output of a pattern of the batch is sampled."""
    bits = chance.bits(chance.key_of(seed, "curvature"), step, output, pattern)
    return 1.0 if bits >> 63 else -1.0


def train(
    plan: Any, problem: Any, start: np.ndarray, seed: int, rate: float, updates: int, batch: int
) -> np.ndarray:
    """Train one replica on data set 0 and return its parameters.

    The rate falls linearly to 0 over the second half; each epoch has an order of its own.
    """
    if plan.optimizer.record.scipy:
        net_at = partial(net_of, plan, problem)
        return minimised(plan, net_at, problem, start, rate, updates, rule_of(plan))[0]
    inputs, targets = problem.inputs[0].tolist(), problem.targets[0].tolist()
    n, flat = len(inputs), [float(x) for x in start]
    means = net_of(plan, problem, flat).mean_slopes(inputs)
    key, waiting, epoch = chance.key_of(seed, "batches"), [], 0
    states: list[dict[str, float]] = [{} for _ in flat]
    step_of = optimizers.STEPS[plan.optimizer.name]
    for step in range(1, updates + 1):
        if not waiting:
            waiting = chance.permutation(key, epoch, n, 0) if batch < n else range(n)
            epoch += 1
        chosen, waiting = waiting[:batch], waiting[batch:]
        net = net_of(plan, problem, flat)
        net.means = means
        batches = [inputs[i] for i in chosen], [targets[i] for i in chosen]
        gradient = network.flat(net.gradient(*batches, rule_of(plan), seed, step))
        if plan.optimizer.record.curved:
            places = [range(len(batches[0])), range(problem.widths[1])]
            signs = [[sign_of(seed, step, k, n) for k in places[1]] for n in places[0]]
            drawn = curvature.sample(net, batches[0], signs, rule_of(plan), seed, step)
            for state, d in zip(states, drawn, strict=True):
                state["d"] = d
        progress = (step - 1) / updates
        at = rate * (1.0 if progress <= 0.5 else 2.0 * (1.0 - progress))
        flat = [
            step_of(w, g, state, at, step, dict(plan.optimizer.values))
            for w, g, state in zip(flat, gradient, states, strict=True)
        ]
    return np.array(flat)
