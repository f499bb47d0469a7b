"""What MLflow holds of a cell (names, params, metrics, tags), whichever store writes it."""

from __future__ import annotations

import functools
import getpass
import hashlib
import json
import math
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from study.ablation.store.tables import CURVES, FINALS, REPLICA, RUNS, is_variant_parameter
from study.learning.core.fixed import log
from study.learning.variants import plain

if TYPE_CHECKING:
    from study.ablation.store import DataUsed, FinishedCell

# most points in MLflow of the objective's curve, and of a probe's; the tables have all. A point
# costs 0.3 kB, as it stands in three indexes, too
STEPS, PROBED = 8, 4
LONGEST_NAME = 250  # characters of a run's name, in MLflow's tables on a server
LAST_VALUES = 5  # most metrics in MLflow that are no curve
# tags that the cell has for its trainings: they are the same in all runs, and two rows a training
UNREPEATED = ("mlflow.source.name", "mlflow.source.type")
OF_A_TRAINING = ("stage", "learning_rate", "seed")  # params in which trainings of a cell differ
PARENT = "mlflow.parentRunId"


DATA_TAG = ("mlflow.data.context", "training")


def data_columns(data: DataUsed) -> dict[str, str]:
    """Return the columns of MLflow's table ``datasets``; its type of source is ``code``."""
    source = json.dumps({"tags": {"mlflow.source.name": "study", "source": data.source}})
    own = {"name": data.name[:500], "digest": data.digest[:36]}
    return {**own, "dataset_source_type": "code", "dataset_source": source}


@dataclass(frozen=True)
class Entry:
    """A run as MLflow has it."""

    replica: str  # key of the training within its cell, empty for the cell itself
    name: str  # for people
    params: Mapping[str, str]  # texts by name
    metrics: Sequence[tuple[str, float, int]]  # finite values as (name, value, step)
    tags: Mapping[str, str]

    def tags_below(self, parent: str) -> dict[str, str]:
        """Return its tags, with the id of the parent's run if it is a training."""
        return {**self.tags, PARENT: parent} if self.replica else {**self.tags}


def run_prefix(experiment: str, cell: str, salt: str = "") -> str:
    """Return the first 20 hex digits that the ids of a cell's runs share."""
    return hashlib.sha256(f"{experiment}\n{cell}\n{salt}".encode()).hexdigest()[:20]


def run_id(prefix: str, replica: str) -> str:
    """Return the id of a run: the cell's prefix and 12 hex digits, zeros for the cell itself."""
    rest = hashlib.sha256(replica.encode()).hexdigest()[:12] if replica else "0" * 12
    return prefix + rest


def git(root: Path, *words: str) -> str:
    """Return what git says about a folder; "" without git, or outside a repository."""
    command = ["git", "-C", str(root), *words]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def source_tags(root: Path) -> dict[str, str]:
    """Return the tags that MLflow's fluent interface would set: who, and from which commit."""
    try:
        user = getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container's user id without a name
        user = "unknown"
    tags = {"mlflow.user": user, "mlflow.source.name": "study", "mlflow.source.type": "LOCAL"}
    commit = git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    return tags | ({"mlflow.source.git.commit": commit} if commit else {})


def entries(cell: FinishedCell, source: Mapping[str, str]) -> list[Entry]:
    """Return a cell's parent run, with the tags `source`, and a child for each training.

    Children have these tags but for `UNREPEATED`. They lack the tag with their parent's id; see
    `Entry.tags_below`.
    """
    common = {**source, "cell": cell.cell}
    inherited = {name: text for name, text in common.items() if name not in UNREPEATED}
    columns: dict[str, list[Any]] = cell.runs.to_pydict()
    params = {
        name: [None if v is None else plain(v) for v in values]
        for name, values in columns.items()
        if is_variant_parameter(name) or (name in RUNS and RUNS[name].kind == "param")
    }
    tags = {n: columns[n] for n, c in RUNS.items() if c.kind == "tag" and c.indexed}
    points = _curve_points(cell.curves)
    children = []
    for row, replica in enumerate(columns[REPLICA.name]):
        own = {name: text for name, texts in params.items() if (text := texts[row]) is not None}
        name = f"{own['stage']} · rate {own['learning_rate']} · seed {own['seed']}"
        last = [(n, columns[n][row], 0) for n in FINALS if _finite(columns[n][row])]
        said = {tag: v[row] for tag, v in tags.items() if v[row] is not None}
        children.append(
            Entry(
                replica=replica,
                name=name,
                params=own,
                metrics=last[:LAST_VALUES] + points[replica],
                tags={**inherited, **said, "mlflow.runName": name, "role": "training"},
            )
        )
    shared, name = children[0].params.items(), cell.name[:LONGEST_NAME]
    made_by = {"processor": cell.processor} if cell.processor else {}
    if cell.model:  # by this MLflow's page knows of it
        made_by["mlflow.log-model.history"] = json.dumps(
            [{"artifact_path": "model", "flavors": {"python_function": {}}}]
        )
    parent = Entry(
        replica="",
        name=name,
        params={name: text for name, text in shared if name not in OF_A_TRAINING},
        metrics=[(k, float(v), 0) for k, v in cell.metrics.items() if math.isfinite(v)],
        tags={**common, **made_by, "mlflow.runName": name, "role": "cell"},
    )
    return [parent, *children]


@functools.lru_cache(maxsize=4096)
def thin(updates: tuple[int, ...], most: int) -> tuple[int, ...]:
    """Choose at most `most` positions in `updates`, which are where a curve has finite values.

    They are even on the scale log(1 + update), the first and the last among them.
    """
    if len(updates) <= most:
        return tuple(range(len(updates)))
    scale = log(1.0 + np.asarray(updates, dtype=np.float64))
    wanted = np.linspace(scale[0], scale[-1], most)
    nearest = np.abs(scale[:, None] - wanted).argmin(axis=0)  # (points,)
    return tuple(int(i) for i in np.unique(nearest))


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _curve_points(curves: pa.Table) -> dict[str, list[tuple[str, float, int]]]:
    """Thin the indexed curves of each training; values that are not finite are left out."""
    columns = curves.sort_by("update").to_pydict()
    found: dict[tuple[str, str], list[tuple[str, float, int]]] = defaultdict(list)
    for name in (c.name for c in CURVES.values() if c.kind == "metric" and c.indexed):
        three = (columns[column] for column in (REPLICA.name, name, "update"))
        for replica, value, update in zip(*three, strict=True):
            if _finite(value):
                found[replica, name].append((name, value, update))
    points: dict[str, list[tuple[str, float, int]]] = defaultdict(list)
    for (replica, name), curve in found.items():
        most = STEPS if name == "objective" else PROBED
        points[replica] += [curve[i] for i in thin(tuple(update for *_, update in curve), most)]
    return points
