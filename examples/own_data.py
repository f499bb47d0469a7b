"""A study of your own data: a CSV file whose last column is the target.

Run it with ``python own_data.py``, beside ``pendulum.csv``: length in m, amplitude in radians,
and the period in s of a pendulum in vacuum, by the formula with the arithmetic-geometric mean.
"""

from pathlib import Path
from typing import Any

import numpy as np

from study import Budget, Dataset, Raw, named_design, pose, train
from study.datasets import load


def read(seed: int | None) -> Raw:
    """Return the table's columns; a fixed dataset is always read with seed None."""
    rows = np.loadtxt(Path(__file__).with_name("pendulum.csv"), delimiter=",", skiprows=1)
    return Raw(inputs=rows[:, :-1], targets=rows[:, -1])  # a fifth of the rows is for testing


pendulum = Dataset(  # in a grid: {_target_: own_data.pendulum}
    name="pendulum",
    formula="length, amplitude -> period of a pendulum",
    reference="Gauss 1799, the arithmetic-geometric mean",
    source="computed",
    licence="MIT",
    task="regression",
    load=read,
)

RATES = (0.1, 0.3, 1.0, 3.0, 10.0)
TUNING, SCORED = (1, 2, 3), (101, 102, 103, 104, 105)  # no seed is both


def compare(updates: int = 1000) -> dict[str, Any]:
    """Return the final objectives of the scored seeds by rule, each at its best rate."""
    data, found = load(pendulum), {}
    for rule in ("exact", "removed", {"floor": {"minimum": 0.01}}):
        design = named_design((16,), objective="linear_squared_error", gradient=rule)
        problem = pose([data], design.objective, design.output(data.targets.shape[1]))
        tuned = train(
            problem, design, Budget(updates), TUNING, RATES
        )  # every rate with every seed
        ended = np.where(tuned.failed, np.inf, tuned.final_objective)
        medians = np.median(ended.reshape(len(TUNING), len(RATES)), axis=0)
        best = RATES[int(np.argmin(medians))]
        scored = train(problem, design, Budget(updates), SCORED, [best])
        found[f"{rule} at rate {best}"] = scored.final_objective
    return found


if __name__ == "__main__":
    for name, objectives in compare().items():
        print(f"{name}: {np.median(objectives):.2g} ({min(objectives):.2g}-{max(objectives):.2g})")
