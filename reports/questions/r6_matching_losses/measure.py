"""R6: whether removal at the output takes the very steps of the loss that matches the unit.

``python -m reports.questions.r6_matching_losses.measure`` trains small nets both ways and writes
``trajectories.csv`` beside this file.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.datasets import load
from study.learning import Array
from study.learning.activations import bound_activation
from study.learning.core.kernels import kernel
from study.learning.core.training import initial, train
from study.learning.design import Budget, Design, named_design
from study.learning.objectives import OBJECTIVES, Objective
from study.learning.problem import Problem, pose

FILE = Path(__file__).with_name("trajectories.csv")
SEEDS = (2001, 2002, 2003)
RATES = {"sgd": 0.5, "momentum": 0.05, "adam": 0.01}
NETS: tuple[tuple[int, ...], ...] = ((), (8,), (8, 8))
MARKS = (1, 10, 100, 1000)
"""Updates after which weights are compared."""
STEPPED = 100  # updates along the loss's own derivative, by complex steps
TINY = 1e-30  # a complex step: its square is lost against 1


@kernel("terms")
def _log_cosh_terms(z: Any, y: Any, t: Any) -> float:
    """ln(2 cosh z) - t z, summed, without overflow."""
    total = 0.0
    for k in range(z.shape[0]):
        for n in range(z.shape[1]):
            x = z[k, n]
            total += (abs(x) - t[n, k] * x) + np.log1p(np.exp(-2 * abs(x)))
    return total


LOG_COSH = Objective(
    name="log_cosh",
    formula="Σ_k (ln(2 cosh z_k) - t_k z_k), y tanh; delta = y - t",
    reference="Auer, Herbster & Warmuth 1995, the matching loss of tanh",
    terms=_log_cosh_terms,
    output=lambda hidden, outputs: bound_activation("tanh"),
    tasks=("classification", "multilabel", "regression"),
    constant_terms=lambda t, mean: (
        -0.5 * ((1.0 + t) * np.log(0.5 * (1.0 + mean)) + (1.0 - t) * np.log(0.5 * (1.0 - mean)))
    ),
)
MATCHING: dict[str, Objective] = {
    "logistic": OBJECTIVES["unit_cross_entropy"],
    "tanh": LOG_COSH,
}
"""Unit -> the loss L with ∂L/∂z = y - t."""


def both(hidden: tuple[int, ...], unit: str, optimizer: str) -> tuple[Design, Design]:
    """Return the net without the output's slope, and the same under the matching loss."""
    return (
        named_design(hidden, unit, gradient="removed", location="output", optimizer=optimizer),
        named_design(hidden, unit, objective=MATCHING[unit], optimizer=optimizer),
    )


def posed(design: Design) -> Problem:
    """Return iris with the targets of squared error: 0.1 and 0.9, or ±0.8."""
    data = load("iris")
    return pose([data], design.objective, design.output(data.targets.shape[1]))


def weights(design: Design, optimizer: str, updates: int, batch: int | None = 32) -> Array:
    """Train in float64 and return the parameters of each seed, (seeds, P)."""
    budget = Budget(updates, batch, decay=False, checkpoints=2, probes=0, dtype="float64")
    problem = posed(both(design.hidden, design.activation.name, optimizer)[0])
    return train(problem, design, budget, SEEDS, [RATES[optimizer]]).parameters


def trajectories() -> Iterator[dict[str, Any]]:
    """Yield the largest difference of a weight, by unit, net and optimizer.

    ``program`` is that between the study's two trainings; ``complex_step`` that between removal
    and steps along the loss's own derivative, full batches of sgd, 100 updates.
    """
    for unit in MATCHING:
        for hidden in NETS:
            for optimizer in RATES:
                removed, matching = both(hidden, unit, optimizer)
                pairs = [
                    (weights(removed, optimizer, n), weights(matching, optimizer, n))
                    for n in MARKS
                ]
                apart = max(float(np.abs(one - other).max()) for one, other in pairs)
                row = {"unit": unit, "hidden": "-".join(map(str, hidden)) or "none"}
                yield {
                    **row, "optimizer": optimizer, "updates": MARKS[-1], "seeds": len(SEEDS),
                    "largest_weight": float(np.abs(pairs[-1][0]).max()), "program": apart,
                    "complex_step": _stepped(removed) if optimizer == "sgd" else np.nan,
                }  # fmt: skip


def _stepped(removed: Design) -> float:
    problem = posed(removed)
    x, t = problem.inputs[0], problem.targets[0]
    own = initial(removed, problem, SEEDS[:1])[0]
    sizes = (x.shape[1], *removed.hidden, t.shape[1])
    for _ in range(STEPPED):
        own = own - RATES["sgd"] * derivative(removed.activation.name, sizes, own, x, t)
    return float(np.abs(weights(removed, "sgd", STEPPED, None)[0] - own).max())


def derivative(unit: str, sizes: tuple[int, ...], w: Array, x: Array, t: Array) -> Array:
    """Return the derivative of the matching loss in all weights (P,), by complex steps.

    It is Im L(w + i h) / h with h = 1e-30: exact but for rounding, and without any backward pass.
    """
    moved = w + 1j * TINY * np.eye(len(w))
    return np.array([loss(unit, sizes, one, x, t).imag / TINY for one in moved])


def loss(unit: str, sizes: tuple[int, ...], w: Array, x: Array, t: Array) -> Any:
    """Return the matching loss ∫ (f(z) - t) dz, summed over outputs, mean over patterns."""
    y, at, z = x, 0, x
    for n_in, n_out in pairwise(sizes):
        layer = w[at : at + (n_in + 1) * n_out].reshape(n_in + 1, n_out)
        at += layer.size
        z = y @ layer[:-1] + layer[-1]
        y = np.tanh(z) if unit == "tanh" else 1.0 / (1.0 + np.exp(-z))
    area = np.log(2.0 * np.cosh(z)) if unit == "tanh" else np.log(1.0 + np.exp(z))
    return (area - t * z).sum() / len(x)


def main() -> None:
    """Write the table."""
    table = pd.DataFrame(trajectories())
    table.to_csv(FILE, index=False, float_format="%.3g", lineterminator="\n")


if __name__ == "__main__":
    main()
