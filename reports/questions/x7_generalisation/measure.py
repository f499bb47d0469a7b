"""X7: how many parameters a rule uses, as the sensitivity of its fit to the targets.

``python -m reports.questions.x7_generalisation.measure`` trains nets on diabetes again, with
targets that were moved a little, and writes ``effective.csv`` beside this file.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t

from study.datasets import load
from study.learning import Array
from study.learning.core.training import outputs, train
from study.learning.data import Data
from study.learning.design import Budget, Design, named_design
from study.learning.problem import pose

FILE = Path(__file__).with_name("effective.csv")
SEEDS = range(2001, 2006)
DRAWS = 30  # of the movement of the targets
MOVED = 0.3  # standard deviations of the target


@dataclass(frozen=True)
class Fit:
    """A rule with the setting that the experiment chooses for it on diabetes."""

    name: str
    updates: int
    rate: float
    gradient: str = "exact"
    optimizer: Any = "sgd"
    hidden: tuple[int, ...] = (16, 16)


FITS = (
    Fit("exact", 2000, 0.316228),
    Fit("exact, stopped", 250, 0.1),
    Fit("weight decay", 2000, 0.0316228, optimizer={"weight_decay": {"strength": 0.01}}),
    Fit("removed", 2000, 0.01, gradient="removed"),
    Fit("linear", 2000, 0.0316228, hidden=()),
)


def effective(fit: Fit, data: Data, seeds: range = SEEDS, draws: int = DRAWS) -> Array:
    """Estimate Σ_n ∂ŷ_n/∂t_n, the generalised degrees of freedom, (draws, seeds).

    As Σ_n ξ_n (ŷ_n(t + τ ξ) - ŷ_n(t - τ ξ)) / 2 τ with normal ξ and τ = `MOVED`. For least squares
    on p independent columns it is p; for a net that learns every target by heart it is n.

    References
    ----------
    Ye (1998), On measuring and correcting the effects of data mining and model selection,
    JASA 93, 120-131.
    """
    design = named_design(
        fit.hidden, "tanh", gradient=fit.gradient, objective="linear_squared_error",
        optimizer=fit.optimizer, location="hidden" if fit.hidden else "all",
    )  # fmt: skip
    found = []
    for draw in range(draws):
        move = np.random.default_rng(draw).standard_normal(data.targets.shape)
        above, below = (
            _fitted(design, replace(data, targets=data.targets + sign * MOVED * move), fit, seeds)
            for sign in (1.0, -1.0)
        )
        found.append((above - below) @ move[:, 0] / (2.0 * MOVED))
    return np.array(found)


def _fitted(design: Design, data: Data, fit: Fit, seeds: range) -> Array:
    """Return what the nets say of the training patterns, (seeds, n)."""
    problem = pose([data], design.objective, design.output(1))
    budget = Budget(updates=fit.updates, probes=0, checkpoints=2)
    done = train(problem, design, budget, seeds, [fit.rate])
    return np.asarray(outputs(design, done.parameters, problem.inputs)[:, 0], float)


def main() -> None:
    """Write the table: mean over seeds and draws, with limits of 95 % over draws."""
    data, rows = load("diabetes"), []
    for fit in FITS:
        of_draws = effective(fit, data).mean(axis=1)
        half = t.ppf(0.975, DRAWS - 1) * of_draws.std(ddof=1) / np.sqrt(DRAWS)
        rows.append((fit.name, of_draws.mean(), of_draws.mean() - half, of_draws.mean() + half))
    table = pd.DataFrame(rows, columns=["rule", "parameters", "low", "high"])
    table.to_csv(FILE, index=False, float_format="%.4g", lineterminator="\n")


if __name__ == "__main__":
    main()
