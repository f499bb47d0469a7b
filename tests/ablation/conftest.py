"""A store that is ready at once, and small finished cells with numbers one can check by eye."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from small_studies import Command

from study.ablation.store import DataUsed, FinishedCell, Tables
from study.ablation.store.tables import CURVES, RUNS, table

UPDATES = np.array([0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144])


@pytest.fixture
def command(tmp_path, migrated, monkeypatch):
    """The command in an empty folder."""
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    return Command(tmp_path, migrated)


@pytest.fixture
def mlflow_root(migrated, tmp_path) -> Path:
    """A project folder that has an empty store in its default place."""
    shutil.copy(migrated, tmp_path / "mlflow.db")
    return tmp_path


@pytest.fixture
def make_cell():
    """Return a maker of cells of three trainings (the last one diverges)."""

    def make(digit: str, gradient: str = "floor", **parameters) -> FinishedCell:
        replicas = ["tune/0.1/0", "evaluate/0.1/3", "evaluate/100/3"]
        same = {
            **{"dataset": "digits", "objective": "squared_error", "hidden": "32-32"},
            **{"initialisation": "glorot", "gain": 1.0, "activation": "tanh"},
            **{"gradient": gradient, "location": "all", "consistent": "false"},
            **{"optimizer": "sgd", "updates": 144, "batch_size": "full", "dtype": "float32"},
            **{"optimum": 0.0, "constant_objective": 0.5},
            **parameters,
        }
        runs = {
            "replica": replicas,
            "stage": ["tune", "evaluate", "evaluate"],
            "learning_rate": [0.1, 0.1, 100.0],
            **{"seed": [0, 3, 3], "initial_objective": [1.0, 1.5, 1.5], "runaway": [False] * 3},
            **{"final_objective": [0.25, 0.125, np.inf], "score": [-0.5, -1.0, 0.0]},
            **{"test_score": [0.75, 0.875, np.nan], "weight_norm": [1.0, 2.0, np.nan]},
            **{"updates_to_target": [None, 100.5, None], "diverged_at": [None, None, 13]},
            **{"outcome": ["plateau", "solved", "diverged"], "failed": [False, False, True]},
            "diverged_by": ["", "", "nonfinite"],
        }
        objective = np.stack([1 / (1 + UPDATES), 1.5 / (1 + UPDATES), 1.5 + UPDATES])  # (3, 12)
        objective[2, UPDATES >= 8] = [np.inf] + [np.nan] * 6
        updates = np.tile(UPDATES, 3)
        curves = {
            "replica": np.repeat(replicas, len(UPDATES)),
            "update": updates,
            "objective": objective.ravel(),
            "descent_cosine": np.where(updates % 2, np.nan, 0.5),
            "gradient_norm": np.ones(36),
        }
        return FinishedCell(
            cell=digit * 40,
            name=f"digits · tanh · {gradient} · all · sgd",
            metrics={"score": -0.75, "time.train": 2.5, "worst": float("inf")},
            outcomes={"plateau": 1, "solved": 1, "diverged": 1},
            updates=3 * 144,
            tables=Tables(
                table(runs | {name: [value] * 3 for name, value in same.items()}, RUNS),
                table(curves, CURVES),
            ),
            started=1000.0,
            ended=1001.5,
            dataset=DataUsed("digits", "d1" * 32, "scikit-learn"),
        )

    return make
