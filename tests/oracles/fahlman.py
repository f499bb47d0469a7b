"""Oracle of Fahlman's trainings (1988): one hidden layer, gradients summed over all patterns."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def error(d: float, dead_zone: float, log: bool) -> float:
    """Return the error that goes backwards, for d = y - t in an output range of width 1."""
    if abs(d) < dead_zone:
        return 0.0
    if not log:
        return d
    if abs(d) > 0.9999999:
        return math.copysign(17.0, d)
    return math.log(1.0 + d) - math.log(1.0 - d)


def epochs(
    x: Array,
    t: Array,
    layers: list[Array],
    epsilon: float,
    alpha: float,
    phi: Callable[[Array], Array],
    dead_zone: float = 0.0,
    log: bool = False,
    limit: int = 2000,
    clip: float = math.inf,
) -> int:
    """Return the updates made before all outputs were within 0.4 of their targets, or -1.

    `layers` are two arrays (n_in + 1, n_out) whose last rows are biases. Momentum is alpha, and
    net inputs are clipped at ±`clip`.
    """
    first, second = (layer.copy() for layer in layers)
    moved = [np.zeros_like(first), np.zeros_like(second)]
    ones = np.ones((len(x), 1))
    for epoch in range(limit):
        below = np.hstack([x, ones])
        hidden = 1.0 / (1.0 + np.exp(-np.clip(below @ first, -clip, clip)))
        above = np.hstack([hidden, ones])
        y = 1.0 / (1.0 + np.exp(-np.clip(above @ second, -clip, clip)))
        if np.abs(y - t).max() < 0.4:
            return epoch
        wrong = np.vectorize(error)(y - t, dead_zone, log)
        delta = wrong * phi(y)
        back = (delta @ second[:-1].T) * phi(hidden)
        for at, gradient in enumerate((below.T @ back, above.T @ delta)):
            moved[at] = alpha * moved[at] - epsilon * gradient
        first, second = first + moved[0], second + moved[1]
    return -1
