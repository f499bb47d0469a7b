"""Small tables, a change at a time."""

import pandas as pd
import pytest

BASE = {
    "run_id": "",
    "dataset": "digits",
    "objective": "squared_error",
    "hidden": "32-32",
    "initialisation": "glorot",
    "gain": 1.0,
    "activation": "tanh",
    "gradient": "exact",
    "location": "none",
    "consistent": "false",
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "seed": 0,
    "stage": "evaluate",
    "updates": 100,
    "batch_size": "32",
    "dtype": "float32",
    "final_objective": 0.1,
    "constant_objective": 1.0,
    "optimum": 0.0,
    "outcome": "plateau",
    "diverged_by": "",
    "failed": False,
}


@pytest.fixture
def prepared():
    """Results of runs that differ from one evaluated run of exact by the changes given."""
    from study.evidence import naming

    def make(*changes, curves=None):
        runs = pd.DataFrame(
            [BASE | change | {"run_id": str(i)} for i, change in enumerate(changes)]
        )
        if curves is None:
            curves = pd.DataFrame({"run_id": runs["run_id"], "update": 1, "objective": 0.5})
        return naming.prepare("trial", runs, curves)

    return make
