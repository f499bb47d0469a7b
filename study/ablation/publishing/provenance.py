"""What made the results: machine, libraries, code and configuration."""

import hashlib
import importlib.metadata
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import llvmlite.binding

from study.ablation.configuration.protocol import Protocol
from study.ablation.configuration.schema import Execution
from study.ablation.planning.plan import Plan
from study.ablation.running.machine import DECIDING, processor
from study.ablation.running.progress import Tally
from study.ablation.store import artifacts, masked, views
from study.ablation.store.rows import git
from study.learning import NUMERICS_VERSION

RECORDS_FILE = "study.json"
PACKAGES = (
    *DECIDING,
    *("scipy", "pandas", "mlflow", "hydra-core", "joblib"),
)


def study_record(
    plan: Plan, tally: Tally, started: float, ended: float, root: Path
) -> tuple[dict[str, str], dict[str, str]]:
    """Return tags for the experiment, and files (name -> text) with the whole record."""
    commit = git(root, "rev-parse", "HEAD")
    code = ("*", ":!data/published", ":!reports")  # no training reads what is made of results
    changes = git(root, "status", "--porcelain", "--", *code)
    lock = root / "requirements.lock"
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
        "lock sha256": hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else "",
        "commit": commit,
        "uncommitted changes": bool(changes),
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
        **views.tags([planned.cell.params() for planned in plan.cells]),
    }
    return tags, {name: json.dumps(record, indent=1, default=str)}


def export(plan: Plan, records: Sequence[str], folder: Path) -> None:
    """Put the records of all studies that trained cells of a plan beside its exported tables."""
    mine = {planned.identity for planned in plan.cells}
    read = [json.loads(text) for text in records]
    took_part = [record for record in read if mine & record["cells by identity"].keys()]
    artifacts.write_text(folder / RECORDS_FILE, json.dumps(took_part, indent=1))


def machine() -> dict[str, Any]:
    """Return processor, cores, system, and what numba compiles for."""
    return {
        "processor": processor(),
        "cores": Execution().processes(),
        "system": platform.platform(),
        "compiled for": llvmlite.binding.get_host_cpu_name(),
    }


def configuration(plan: Plan) -> dict[str, Any]:
    """Return a plan's configuration, and the overrides that it was composed from."""
    config, usual = plan.config, _plain(plan.config.protocol)
    grids = []
    for grid in config.grids:  # as it was written, and what of the protocol is its own
        grids.append({"experiment": grid.experiment, **grid.axes})
        own = {key: v for key, v in _plain(grid.protocol).items() if usual[key] != v}
        grids[-1] |= {"protocol": own} if own else {}
    return {
        "experiment": config.experiment,
        "overrides": [masked(word) for word in config.overrides],
        "about": config.about,
        "claims": list(config.claims),
        "included": list(config.parts),
        "grids": grids,
        **({"population": asdict(config.population)} if config.population else {}),
        "only": dict(config.only),
        "protocol": usual,
        "execution": asdict(config.execution),
    }


def _plain(protocol: Protocol) -> dict[str, Any]:
    refine, branch = protocol.refine, protocol.branch
    parts = {"refine": refine and asdict(refine), "branch": branch and branch.params()}
    return vars(protocol) | parts
