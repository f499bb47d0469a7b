"""Plans of the size that a measurement needs, their cells, and a store that is ready for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from study.ablation.configuration.composition import with_configuration
from study.ablation.configuration.schema import Config
from study.ablation.planning.plan import Plan
from study.ablation.running.engines import local_engine
from study.ablation.running.execution import train
from study.ablation.running.signals import Stop
from study.ablation.store import FinishedCell, sqlite_uri
from study.ablation.store.database import Database

# further axes of every grid, twelve combinations
LARGER = {"hidden": [[32, 32], [16], [64, 64], [8, 8, 8]], "gain": [0.5, 1.0, 2.0]}
NARROW = ("only.dataset=[digits]", "only.optimizer=[sgd,adam]")
SHORT = "protocol.updates=50"  # as many checkpoints as trainings of 1,000 updates have


def configuration(overrides: Sequence[str]) -> Config:
    """Compose the study's configuration, as the command does."""
    found: list[Config] = []

    def keep(config: Config) -> int:
        found.append(config)
        return 0

    with_configuration(overrides, keep)
    return found[0]


def sized(runs: int) -> Config:
    """Return a configuration with at least so many short trainings, or nearly.

    The default experiment narrowed to one dataset and two optimizers (some 2,000), as it is
    (20,000), or over four shapes and three gains (220,000).
    """
    narrow = NARROW if runs <= 2_000 else ()
    config = configuration(["experiment=default", SHORT, *narrow])
    axes = LARGER if runs > 20_000 else {}
    grids = [replace(grid, axes={**grid.axes, **axes}) for grid in config.grids]
    return replace(config, grids=grids, experiment="large")


def cut(plan: Plan, runs: int) -> Plan:
    """Return the plan's first cells, so many that they have `runs` trainings.

    References come first, so none is missing.
    """
    total, cells = 0, 0
    while cells < len(plan.cells) and total < runs:
        total += plan.cells[cells].runs
        cells += 1
    return replace(plan, cells=plan.cells[:cells])


def finished_cells(plan: Plan) -> Iterator[FinishedCell]:
    """Train the cells of a plan in this process."""
    with closing(local_engine(1, Stop())) as engine:
        for result in train(plan, engine):
            assert isinstance(result, FinishedCell), result
            yield result


def new_store(folder: Path) -> str:
    """Make an empty store in a folder and return its address; MLflow takes seconds for that."""
    uri = sqlite_uri(folder / "mlflow.db")
    Database(uri).create()
    return uri
