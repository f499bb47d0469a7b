"""Synthetic tables with the schema of an export: realistic in shape, known in their message."""

import hashlib
from itertools import product

import numpy as np
import pandas as pd
from claim_tables import CELL

SMALL = {
    "datasets": ("digits", "diabetes"),
    "activations": ("tanh", "relu"),
    "gradients": ("exact", "removed", "floor:minimum=0.1"),
    "optimizers": ("sgd",),
}
TINY = SMALL | {"datasets": ("digits",)}
DEFAULT = {
    "datasets": ("digits", "breast_cancer", "diabetes"),
    "activations": ("tanh", "logistic", "relu"),
    "gradients": (
        *("exact", "removed", "mean_matched", "offset:amount=0.1", "floor:minimum=0.01"),
        *("floor:minimum=0.1", "shuffled_units", "frozen"),
    ),
    "optimizers": ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"),
}
MANY = {
    "datasets": ("digits", "diabetes"),
    "activations": ("tanh", "logistic"),
    "gradients": (
        *("exact", "removed", "constant:value=0.5", "mean_matched", "mean_tracked", "scaled"),
        *("pattern_mean", "unit_mean", "rank_one", "offset:amount=0.01", "offset:amount=0.1"),
        *("floor:minimum=0.01", "floor:minimum=0.1", "ceiling:maximum=0.5", "power:exponent=0.5"),
        *("blend:amount=0.25", "other_slope:factor=2.0", "substitute:activation=softsign"),
        *("bump", "window:threshold=0.42,outside=0.0", "shuffled_units", "shuffled_patterns"),
        *("random:low=0.0,high=1.0", "frozen", "random_sign"),
    ),
    "optimizers": ("sgd", "adam"),
}
# decades that a rule ends above exact, and that it takes from the largest stable rate
HARM = {"exact": 0.0, "removed": 0.45, "frozen": 0.9, "floor": 0.02, "offset": -0.03}
EDGE = {"exact": 1.2, "removed": 0.35, "frozen": 1.5, "floor": 1.1, "offset": 0.9}
BEST = {"sgd": -0.5, "momentum": -1.5, "nesterov": -1.5}
UPDATES = np.unique(np.geomspace(1, 1000, 20).astype(int))


def synthetic(*, datasets, activations, gradients, optimizers, locations=("all",), seeds=10):
    """Runs and curves, vectorised; the same numbers at every call."""
    cells = []
    axes = product(datasets, activations, gradients, optimizers, locations)
    for data, activation, gradient, optimizer, location in axes:
        name, _, text = gradient.partition(":")
        values = dict(pair.split("=") for pair in text.split(",") if pair)
        linear = data == "diabetes"
        cell = CELL | {
            **{"dataset": data, "activation": activation, "gradient": name, "updates": 1000},
            **{"optimizer": optimizer, "hidden": "32-32"},
            "objective": "linear_squared_error" if linear else "squared_error",
            "location": "none" if name == "exact" else "hidden" if linear else location,
            **{f"gradient.{k}": v if v.isalpha() else float(v) for k, v in values.items()},
        }
        if cell not in cells:
            cells.append(cell)
    cells = pd.DataFrame(cells)
    cells["cell"] = [hashlib.sha1(repr(row).encode()).hexdigest() for row in cells.values.tolist()]
    best = cells["optimizer"].map(BEST).fillna(-2.5)
    harm = cells["gradient"].map(HARM).fillna(0.2)
    edge = cells["gradient"].map(EDGE).fillna(0.7)
    grid = np.linspace(-2, 2, 10)
    own = grid[np.abs(grid[:, None] - 0).argmin(axis=0)][0]

    parts = []
    for stage in ("tune", "evaluate", "transfer"):
        for offset in grid if stage == "tune" else [own]:
            use = cells[cells["gradient"] != "exact"] if stage == "transfer" else cells
            for seed in range(3) if stage == "tune" else range(100, 100 + seeds):
                part = use.assign(stage=stage, seed=seed, relative=offset)
                parts.append(part.assign(shift=0.5 if stage == "transfer" else 0.0))
    runs = pd.concat(parts).sort_index(kind="stable")
    index = runs.index.to_numpy()
    random = np.random.default_rng(1)
    runs["learning_rate"] = np.round(10.0 ** (best.to_numpy()[index] + runs["relative"]), 12)
    runs["learning_rate"] *= np.where(runs["shift"] > 0, 10.0**0.5, 1.0)
    distance = runs["relative"] + runs["shift"]
    noise = random.normal(0, 0.12, len(runs))
    level = -1.5 + harm.to_numpy()[index] + 0.35 * distance**2 + noise
    beyond = distance - edge.to_numpy()[index] + random.normal(0, 0.25, len(runs))
    gone = (beyond > 0).to_numpy()
    by = np.where(gone, np.where(random.random(len(runs)) < 0.5, "nonfinite", "objective"), "")
    stuck = ~gone & (level > np.log10(0.98)).to_numpy()
    runs = runs.assign(constant_objective=0.45, optimum=0.0, initial_objective=0.6)
    runs["final_objective"] = runs["constant_objective"] * 10.0 ** np.clip(level, -4, 0.1)
    runs.loc[gone, "final_objective"] = np.where(by[gone] == "nonfinite", np.nan, 5e3)
    failed = gone | stuck
    runs["score"] = np.where(failed, 0.0, np.clip(level, -3, 0))
    runs["test_score"] = 0.95 - 0.2 * 10.0 ** np.clip(level, -4, 0)
    runs["outcome"] = np.select(
        [gone, stuck, level < -1.4], ["diverged", "stuck", "solved"], "plateau"
    )
    runs["diverged_by"], runs["failed"], runs["runaway"] = by, failed, False
    runs["run_id"] = [f"{i:032x}" for i in range(len(runs))]
    runs["parent_run_id"], runs["experiment"] = runs["cell"].str[:20], "synthetic"
    runs = runs.drop(columns=["relative", "shift"]).reset_index(drop=True)
    return runs, _curves(runs, level.to_numpy(), gone)


def _curves(runs, level, gone):
    share = np.log(UPDATES) / np.log(UPDATES[-1])
    logs = np.log10(1.3) + (level[:, None] - np.log10(1.3)) * share[None, :] ** 2
    values = runs["constant_objective"].to_numpy()[:, None] * 10.0**logs
    values[gone[:, None] & (share[None, :] > 0.6)] = np.nan
    ids = np.repeat(runs["run_id"].to_numpy(), len(UPDATES))
    columns = {"run_id": ids, "update": np.tile(UPDATES, len(runs))}
    return pd.DataFrame({**columns, "objective": values.ravel()})


def export(root, experiment, runs, curves):
    """Write the tables where the study's command puts them."""
    folder = root / "data" / "results" / experiment
    folder.mkdir(parents=True, exist_ok=True)
    runs.to_parquet(folder / "runs.parquet")
    curves.to_parquet(folder / "curves.parquet")
    return folder
