"""What made the results: machine, libraries, code and configuration."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import platform
import resource
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import threadpoolctl

from study.ablation.plan import Plan
from study.learning import NUMERICS_VERSION

PACKAGES = ("numpy", "numba", "scikit-learn", "scipy", "mlflow", "hydra-core", "joblib", "pyarrow")


def study_record(
    plan: Plan, counts: Mapping[str, int], started: float, ended: float, root: Path
) -> tuple[dict[str, str], dict[str, str]]:
    """Return tags for the experiment, and files (name -> text) with the whole record."""
    commit, dirty = git_state(root)
    record = {
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        "wall seconds": round(ended - started, 3),
        "cpu seconds": round(_cpu_seconds(), 3),
        "trainings": counts["runs"],
        "cells": counts["cells"],
        "machine": machine(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES}
        | {"python": platform.python_version(), "numerics": str(NUMERICS_VERSION)},
        "lock sha256": _digest(root / "requirements.lock"),
        "commit": commit,
        "uncommitted changes": dirty,
        "configuration": _configuration(plan),
        "cells by identity": {p.identity: p.cell.name for p in plan.cells},
        "skipped": [list(pair) for pair in plan.skipped],
    }
    name = f"study-{datetime.fromtimestamp(started, UTC):%Y%m%dT%H%M%SZ}.json"
    tags = {
        "mlflow.note.content": plan.config.about,
        "mlflow.experimentKind": "custom_model_development",  # else its pages speak of agents
        "study.cells": str(len(plan.cells)),
        "study.trainings": str(plan.runs),
        "study.commit": commit,
        "study.machine": str(record["machine"]["processor"]),  # type: ignore[index]
        "study.wall_seconds": f"{ended - started:.1f}",
    }
    return tags, {name: json.dumps(record, indent=1, default=str)}


def machine() -> dict[str, Any]:
    """Return processor, cores, system, and the linear algebra in use with its kernel."""
    blas = [
        {key: pool.get(key) for key in ("internal_api", "version", "architecture", "num_threads")}
        for pool in threadpoolctl.threadpool_info()
        if pool.get("user_api") == "blas"
    ]
    return {
        "processor": _processor(),
        "cores": os_cores(),
        "system": platform.platform(),
        "blas": blas,
    }


def os_cores() -> int:
    """Return how many cores this process may use."""
    from study.ablation.schema import Execution

    return Execution().processes()


def git_state(root: Path) -> tuple[str, bool]:
    """Return the commit ("" outside git) and whether the tree has uncommitted changes."""

    def git(*words: str) -> str:
        try:
            done = subprocess.run(
                ["git", *words], cwd=root, capture_output=True, text=True, check=True
            )
        except (OSError, subprocess.CalledProcessError):
            return ""
        return done.stdout.strip()

    return git("rev-parse", "HEAD"), bool(git("status", "--porcelain"))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _cpu_seconds() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _configuration(plan: Plan) -> dict[str, Any]:
    config = plan.config
    return {
        "experiment": config.experiment,
        "about": config.about,
        "grids": [dict(grid) for grid in config.grids],
        "only": dict(config.only),
        "protocol": dataclasses.asdict(config.protocol),
        "execution": dataclasses.asdict(config.execution),
    }
