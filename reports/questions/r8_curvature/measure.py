"""R8: what the line search of L-BFGS does under each rule.

``python -m reports.questions.r8_curvature.measure`` makes its table. Tables of runs hold
objectives, not why a run stands still. So the same trainings are made once more, and what scipy
says of them is written beside this file: the share of runs whose line search gave up, the median
iteration at which it did, and evaluations for each iteration.
"""

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd

from study import datasets
from study.learning.core.minimising import Minimiser
from study.learning.core.stack import Stack
from study.learning.core.training import initial
from study.learning.design import named_design
from study.learning.optimizers import Updater
from study.learning.problem import pose

FILE = Path(__file__).with_name("searches.csv")


class Task(NamedTuple):
    """Widths, objective, budget, and parameters of a dataset, as in the experiment's file."""

    hidden: tuple[int, ...] = (16, 16)
    objective: str = "linear_squared_error"
    updates: int = 400
    parameters: Mapping[str, int] = MappingProxyType({})


TASKS = {
    "digits": Task((32, 32), "squared_error", 80),
    "breast_cancer": Task(objective="squared_error"),
    "diabetes": Task(),
    "teacher": Task(parameters={"depth": 2}),
}
RULES = {"exact": {}, "removed": {}, "offset": {"amount": 0.1}, "frozen": {}}
ACTIVATIONS = ("tanh", "logistic")
SEEDS = range(2001, 2011)  # the evaluation seeds of the experiment


def measure(name: str, activation: str, rule: str, seeds: range = SEEDS) -> dict[str, object]:
    """Return a row of the table."""
    task = TASKS[name]
    design = named_design(
        task.hidden,
        activation,
        gradient={rule: RULES[rule]},
        objective=task.objective,
        optimizer="lbfgs",
    )
    found = []
    for seed in seeds:
        data = datasets.load({name: dict(task.parameters)}, seed=seed)
        problem = pose([data], design.objective, design.output(data.targets.shape[1]))
        w = initial(design, problem, [seed])
        numbers = {key: np.array([value]) for key, value in design.optimizer.values.items()}
        updater = Updater(design.optimizer.record, numbers, np.ones(1), w)
        stack = Stack(problem, design, [seed], w)
        minimiser = Minimiser(stack, updater, len(data.inputs), marks=[0, task.updates])
        with np.errstate(all="ignore"):
            minimiser.advance([1.0] * task.updates)
        found += minimiser.results
    gave_up = np.array(["ABNORMAL" in one.message for one in found])
    iterations = np.array([one.nit for one in found])
    return {
        "task": name,
        "activation": activation,
        "optimizer": "lbfgs",
        "rule": rule,
        "gave_up": gave_up.mean(),
        "at": np.median(iterations[gave_up]) if gave_up.any() else np.nan,
        "evaluations": sum(one.nfev for one in found) / max(iterations.sum(), 1),
    }


def main() -> None:
    """Measure everything, in about a minute."""
    rows = [measure(*place) for place in product(TASKS, ACTIVATIONS, RULES)]
    pd.DataFrame(rows).to_csv(FILE, index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
