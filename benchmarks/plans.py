"""Plans of the size that a measurement needs, and a store that is ready for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from study.ablation.configuration.composition import with_configuration
from study.ablation.configuration.schema import Config
from study.ablation.planning.plan import Plan
from study.ablation.store import sqlite_uri
from study.ablation.store.database import Database

HIDDEN = ([32, 32], [16], [64, 64], [8, 8, 8])
GAINS = (0.5, 1.0, 2.0)


def configuration(overrides: Sequence[str]) -> Config:
    """Compose the study's configuration, as the command does."""
    found: list[Config] = []

    def keep(config: Config) -> int:
        found.append(config)
        return 0

    with_configuration(overrides, keep)
    return found[0]


def widened(config: Config, axes: Mapping[str, Sequence[Any]], experiment: str) -> Config:
    """Return the configuration with further axes in each of its grids."""
    grids = [replace(grid, axes={**grid.axes, **axes}) for grid in config.grids]
    return replace(config, grids=grids, experiment=experiment)


NARROW = ("only.dataset=[digits]", "only.optimizer=[sgd,adam]")


def sized(runs: int) -> Config:
    """Return a configuration with at least so many trainings, or nearly.

    The default experiment narrowed to one dataset and two optimizers (some 2,000), as it is
    (20,000), or over four shapes and three gains (220,000).
    """
    if runs <= 2_000:
        return replace(configuration(["experiment=default", *NARROW]), experiment="large")
    axes = {} if runs <= 20_000 else {"hidden": [list(h) for h in HIDDEN], "gain": list(GAINS)}
    return widened(configuration(["experiment=default"]), axes, "large")


def cut(plan: Plan, cells: int | None = None, runs: int | None = None) -> Plan:
    """Return the plan's first cells: so many, or so many that they have `runs` trainings.

    References come first, so none is missing.
    """
    if runs is not None:
        total, cells = 0, 0
        while cells < len(plan.cells) and total < runs:
            total += plan.cells[cells].runs
            cells += 1
    return replace(plan, cells=plan.cells[:cells])


def new_store(folder: Path) -> str:
    """Make an empty store in a folder and return its address; MLflow takes seconds for that."""
    uri = sqlite_uri(folder / "mlflow.db")
    Database(uri).create()
    return uri
