"""What made the results: machine, libraries, code and configuration."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import llvmlite.binding
import threadpoolctl

from study.ablation.configuration.protocol import Protocol
from study.ablation.configuration.schema import Execution, Grid
from study.ablation.planning.plan import Plan
from study.ablation.running.tally import Tally
from study.ablation.store import artifacts
from study.ablation.store.rows import git
from study.learning import NUMERICS_VERSION

RECORDS_FILE = "study.json"
PACKAGES = (
    *("numpy", "numba", "llvmlite", "scikit-learn", "scipy", "pandas"),
    *("mlflow", "hydra-core", "joblib", "pyarrow"),
)


def study_record(
    plan: Plan, tally: Tally, started: float, ended: float, root: Path
) -> tuple[dict[str, str], dict[str, str]]:
    """Return tags for the experiment, and files (name -> text) with the whole record."""
    commit, dirty = git_state(root)
    wall, workers = ended - started, plan.config.execution.processes()
    record: dict[str, Any] = {
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        "wall seconds": round(wall, 3),
        "workers": workers,
        "worker seconds in cells": round(tally.seconds, 3),
        "processor seconds in cells": round(tally.processor_seconds, 3),
        "share of worker time outside cells": round(1.0 - tally.seconds / (wall * workers), 4),
        "trainings": tally.runs,
        "outcomes": dict(tally.outcomes),
        "updates": tally.updates,
        "microseconds a training and update": round(
            1e6 * tally.seconds / max(tally.updates, 1), 3
        ),
        "cells": tally.cells,
        "cells failed": {failed.cell: failed.error for failed in tally.failed},
        "machine": machine(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES}
        | {"python": platform.python_version(), "numerics": str(NUMERICS_VERSION)},
        "lock sha256": _digest(root / "requirements.lock"),
        "commit": commit,
        "uncommitted changes": dirty,
        "configuration": configuration(plan),
        "claims sha256": plan.claims,
        "cells by identity": {p.identity: p.name for p in plan.cells},
        "skipped": [list(pair) for pair in plan.skipped],
    }
    name = f"study-{datetime.fromtimestamp(started, UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.json"
    tags = {
        "mlflow.note.content": plan.config.about,
        "mlflow.experimentKind": "custom_model_development",  # else its pages speak of agents
        "study.cells": str(len(plan.cells)),
        "study.trainings": str(plan.runs),
        "study.commit": commit,
        **({"study.claims": plan.claims} if plan.claims else {}),
        "study.machine": str(record["machine"]["processor"]),
        "study.wall_seconds": f"{ended - started:.1f}",
    }
    return tags, {name: json.dumps(record, indent=1, default=str)}


def export(plan: Plan, records: Sequence[str], folder: Path) -> None:
    """Put the records of all studies that trained cells of a plan beside its exported tables.

    Parameters
    ----------
    plan
        Whose tables are exported.
    records
        Texts as `study_record` makes them, in the order of their dates.
    folder
        Where the tables are.
    """
    mine = {planned.identity for planned in plan.cells}
    read = [json.loads(text) for text in records]
    took_part = [record for record in read if mine & record["cells by identity"].keys()]
    artifacts.write_text(folder / RECORDS_FILE, json.dumps(took_part, indent=1))


def machine() -> dict[str, Any]:
    """Return processor, cores, system, what numba compiles for, and the linear algebra in use.

    Workers give it one thread each.
    """
    blas = [
        {key: pool.get(key) for key in ("internal_api", "version", "architecture")}
        for pool in threadpoolctl.threadpool_info()
        if pool.get("user_api") == "blas"
    ]
    return {
        "processor": _processor(),
        "cores": Execution().processes(),
        "system": platform.platform(),
        "compiled for": llvmlite.binding.get_host_cpu_name(),
        "blas": blas,
        "blas threads a worker": 1,
    }


def git_state(root: Path) -> tuple[str, bool]:
    """Return the commit ("" outside git) and whether the tree has uncommitted changes."""
    return git(root, "rev-parse", "HEAD"), bool(git(root, "status", "--porcelain"))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _grid(plan: Plan, grid: Grid) -> dict[str, Any]:
    """Return a grid as it was written, and what of the protocol is its own."""
    usual, own = _plain(plan.config.protocol), _plain(grid.protocol)
    differences = {key: value for key, value in own.items() if usual[key] != value}
    return {"experiment": grid.experiment, **grid.axes} | (
        {"protocol": differences} if differences else {}
    )


def _plain(protocol: Protocol) -> dict[str, Any]:
    content = dict(vars(protocol))
    if protocol.refine:
        content["refine"] = dict(vars(protocol.refine))
    if protocol.branch:
        content["branch"] = protocol.branch.params()
    return content


def configuration(plan: Plan) -> dict[str, Any]:
    """Return a plan's configuration, and the overrides that it was composed from."""
    config = plan.config
    return {
        "experiment": config.experiment,
        "overrides": list(config.overrides),
        "about": config.about,
        "claims": list(config.claims),
        "included": list(config.parts),
        "grids": [_grid(plan, grid) for grid in config.grids],
        "only": dict(config.only),
        "protocol": _plain(config.protocol),
        "execution": dataclasses.asdict(config.execution),
    }
