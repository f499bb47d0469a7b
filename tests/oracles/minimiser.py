"""Oracle of L-BFGS: scipy's, on the oracle's network in plain floats."""

from typing import Any

import numpy as np
from scipy.optimize import fmin_l_bfgs_b

from oracles import network
from oracles.objectives import TERMS


def minimised(
    plan: Any, net_at: Any, problem: Any, start: Any, rate: float, iterations: int, rule: Any
) -> tuple[np.ndarray, Any]:
    """Return the parameters after so many iterations, and what scipy says of them."""
    inputs, targets = problem.inputs[0].tolist(), problem.targets[0].tolist()
    term = TERMS[plan.objective.name]

    def loss(v: Any) -> tuple[float, np.ndarray]:
        net = net_at(rate * v)
        outs = net.forward(inputs)[1][-1]
        mean = sum(term(y, t) for y, t in zip(outs, targets, strict=True)) / len(inputs)
        return mean, rate * np.array(network.flat(net.gradient(inputs, targets, rule)))

    values = plan.optimizer.values
    v, _, told = fmin_l_bfgs_b(
        *(loss, np.asarray(start) / rate),
        m=int(values["maxcor"]),
        maxls=int(values["maxls"]),
        maxiter=iterations,
        factr=0.0,
        pgtol=0.0,
    )
    return rate * v, told
