"""Made-up tables of a population: effects of tasks are known, seeds add noise."""

import numpy as np
import pandas as pd

TASK = {
    **{"split": "confirm", "family": "moons", "real": False, "dataset": "moons", "patterns": 200},
    **{"kind": "classification", "inputs": 2, "outputs": 2, "classes": 2, "noise": 0.0},
    **{
        "objective": "squared_error",
        "activation": "tanh",
        "initialisation": "glorot",
        "gain": 1.0,
    },
    **{"hidden": "8-8", "depth": 2, "width": 8.0, "weights": 100, "batch_size": 32},
    **{"full_batch": False, "updates": 1000, "epochs": 160.0, "gflop": 0.1, "exact_share": 0.1},
    **{"exact_early": 0.3, "frozen_share": 0.4, "exact_failed": 0.0, "eligible": True},
}
ARMS = {
    "exact": {"gradient": "exact", "location": "none"},
    "removed": {"gradient": "removed"},
    "frozen": {"gradient": "frozen"},
    "floor": {"gradient": "floor", "gradient.minimum": 0.01},
    "offset": {"gradient": "offset", "gradient.amount": 0.1},
    "twin": {"gradient": "offset", "gradient.amount": 0.1, "consistent": "true"},
    "rmsprop": {"gradient": "exact", "location": "none", "optimizer": "rmsprop"},
    "leaky": {"gradient": "leaky_backward", "gradient.slope": 0.01},  # a floor under relu
    "other": {"gradient": "floor", "gradient.minimum": 0.5},
}
RUN = {
    **{"location": "hidden", "consistent": "false", "optimizer": "sgd", "learning_rate": 0.1},
    **{"gradient.minimum": np.nan, "gradient.amount": np.nan, "failed": False, "optimum": 0.0},
    **{
        "constant_objective": 2.0,
        "test_score": 0.9,
        "stopped_test_score": 0.9,
        "stage": "evaluate",
    },
    **{"updates": 1000, "updates_to_target": 100.0},
}


def tasks(number, **columns):
    """A table of tasks, two a draw."""
    named = {"task": [f"t{k:04d}" for k in range(number)], "draw": [k // 2 for k in range(number)]}
    return pd.DataFrame(named).assign(**{**TASK, **columns})


def effects(number, true, spread, margin, rng, rho=0.5):
    """Normal effects of tasks, a share `true` above the margin; tasks of a draw correlate."""
    from scipy.stats import norm

    together = rng.normal(size=(number + 1) // 2).repeat(2)[:number]
    z = np.sqrt(rho) * together + np.sqrt(1 - rho) * rng.normal(size=number)
    return margin + spread * (norm.ppf(true) + z)


def runs(table, logs, seeds=12, noise=0.0, rng=None, **columns):
    """Scored runs: `logs` has, for an arm, the log10 of each task's ratio to exact's 0.1.

    `columns` are of all runs, or an array with a value each; arm, then task, then seed.
    """
    parts = []
    for arm, effect in {"exact": np.zeros(len(table)), **logs}.items():
        rows = table[["task"]].loc[table.index.repeat(seeds)].reset_index(drop=True)
        drawn = 0.0 if rng is None else noise * rng.normal(size=len(rows))
        share = 0.1 * 10.0 ** (np.repeat(effect, seeds) + drawn)
        seed = np.tile(np.arange(2001, 2001 + seeds), len(table))
        own = {**RUN, **ARMS[arm], "seed": seed, "final_objective": 2.0 * share}
        parts.append(rows.assign(**own))
    return pd.concat(parts, ignore_index=True).assign(**columns)


def write(base, table, trainings):
    """Write the tables where a study's own results lie."""
    folder = base / "data" / "results" / "population"
    folder.mkdir(parents=True)
    table.to_parquet(folder / "tasks.parquet")
    trainings.to_parquet(folder / "runs.parquet")
