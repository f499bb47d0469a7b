"""Whether one unit has 2^d local minima of the squared error, by a search from many starts."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from study.datasets import load


def objective(w, points, targets, squared):
    """Return the loss of one unit with weights and bias w, and its derivative."""
    z = points @ w
    y = expit(z)
    if squared:
        return 0.5 * np.mean((y - targets) ** 2), points.T @ ((y - targets) * y * (1 - y)) / len(y)
    return np.mean(np.logaddexp(0, z) - targets * z), points.T @ (y - targets) / len(y)


@pytest.mark.parametrize("inputs", [1, 3])
def test_minima_of_squared_error_double_with_each_input_and_cross_entropy_has_one(inputs):
    data = load({"local_minima": {"inputs": inputs}})
    points = np.column_stack([data.inputs, np.ones(len(data.inputs))])
    targets = 0.1 + 0.8 * data.targets[:, 0]
    corners = [[*corner, 0.1] for corner in product((-0.5, 2.5), repeat=inputs)]
    chance = np.random.default_rng(0).uniform(-3, 3, (15, inputs + 1))
    found = {True: set(), False: set()}
    for start in [*corners, *chance]:
        for squared, met in found.items():
            rest = minimize(objective, start, (points, targets, squared), jac=True, tol=1e-12)
            h = 1e-5 * np.eye(inputs + 1)
            places = [rest.x + sign * step for step in h for sign in (1, -1)]
            around = [objective(w, points, targets, squared)[0] for w in places]
            if np.abs(rest.jac).max() < 1e-6 and min(around) > rest.fun:
                met.add(tuple(np.round(rest.x[:-1], 2)))
    assert len(found[True]) == 2**inputs and len(found[False]) == 1
