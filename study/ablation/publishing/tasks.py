"""tasks.parquet: what is known of each task of a population, a row a task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from study.ablation.planning.cells import DEFAULTS, axis_value
from study.ablation.planning.plan import Plan
from study.ablation.planning.population import Task
from study.ablation.store import artifacts
from study.learning.core.network import count
from study.learning.outcomes import excess_share
from study.learning.rules import EXACT

if TYPE_CHECKING:
    import pandas as pd

TASKS_FILE = "tasks.parquet"
MOST_FAILED, MOST_LEFT = 0.2, 0.7  # of the exact gradient, in an eligible task
MEASURED = ("bundled", "downloaded", "external")  # families of datasets from the world
ARMS = (EXACT.name, "frozen")  # what a task is described by
EARLY = 0.1  # share of the updates after which exact's early progress is measured
MEANINGS = {
    "task": "name of the task, as in runs.parquet",
    "split": "what it is for: fit, confirm, external",
    "draw": "the draw of its data; tasks of one draw belong together",
    "family": "kind of data",
    "real": "whether the data were measured, not generated",
    "dataset": "the dataset with its parameters",
    "kind": "classification or regression",
    "patterns": "training patterns",
    "inputs": "inputs",
    "outputs": "outputs",
    "classes": "classes, 0 for a regression",
    "noise": "share of wrong training labels, or of the targets' variance that is noise",
    "objective": "name of the objective",
    "activation": "name of the hidden activation",
    "initialisation": "name of the initial weights' rule",
    "gain": "factor on the initial weights",
    "hidden": "widths of the hidden layers",
    "depth": "number of hidden layers",
    "width": "units of a hidden layer, their geometric mean",
    "weights": "number of weights, biases included",
    "batch_size": "patterns in a batch",
    "full_batch": "whether a batch has all patterns",
    "updates": "budget in updates",
    "epochs": "passes over the training patterns",
    "gflop": "multiplications and additions of a training's updates, in 10^9",
    "exact_share": "median share of the objective that exact leaves",
    "exact_early": "the same after a tenth of the updates",
    "exact_failed": "share of exact's trainings that failed",
    "frozen_share": "median share that is left where hidden layers don't learn",
    "eligible": "exact fails in at most 20 % and leaves less than 70 %",
}
"""The columns, and what they contain."""


def export(plan: Plan, folder: Path) -> None:
    """Write the table of a population's tasks beside its runs and curves."""
    if plan.drawn is not None:
        runs, curves = (artifacts.read(folder / name) for name in artifacts.FILES)
        found = table(plan, runs, curves)
        artifacts.write_whole(folder / TASKS_FILE, lambda path: pq.write_table(found, path))


def table(plan: Plan, runs: pa.Table, curves: pa.Table) -> pa.Table:
    """Return a row for each task of a plan's population, from its exported tables."""
    assert plan.drawn is not None
    scored = _scored(plan, runs)
    left, early = _left(scored), _early(plan, scored, curves)
    rows = [_facts(task) | _measured(task.name, left, early) for task in plan.drawn.tasks]
    return pa.Table.from_pylist([{name: row[name] for name in MEANINGS} for row in rows])


def _facts(task: Task) -> dict[str, Any]:
    data = axis_value("dataset", task.axes["dataset"])
    hidden = list(axis_value("hidden", task.axes.get("hidden", DEFAULTS["hidden"])))
    facts, axes = task.facts, {**DEFAULTS, **task.axes}
    batch = min(task.protocol.batch_size or facts.patterns, facts.patterns)
    classes = max(2, facts.outputs) if facts.task == "classification" else 0
    return {
        **{"task": task.name, "split": task.split, "draw": task.draw},
        "family": str(data.values.get("of") or data.values.get("name") or data.record.family),
        "real": data.record.family in MEASURED,
        **{"dataset": str(data), "kind": facts.task, "patterns": facts.patterns},
        **{"inputs": facts.inputs, "outputs": facts.outputs, "classes": classes},
        "noise": float(data.values.get("noise", 0.0)),
        **{name: str(axes[name]) for name in ("objective", "activation", "initialisation")},
        "gain": float(axes["gain"]),
        "hidden": "-".join(map(str, hidden)) or "none",
        "depth": len(hidden),
        "width": float(np.exp(np.mean(np.log(hidden)))) if hidden else 0.0,
        "weights": count((facts.inputs, *hidden, facts.outputs)),
        "batch_size": batch,
        "full_batch": batch == facts.patterns,
        "updates": task.protocol.updates,
        "epochs": task.protocol.updates * batch / facts.patterns,
        "gflop": task.gflop,
    }


def _measured(task: str, left: pd.DataFrame, early: pd.Series[float]) -> dict[str, Any]:
    def of(arm: str, what: str) -> float:
        return float(left[what].get((task, arm), np.nan))

    share, failed = of("exact", "share"), of("exact", "failed")
    return {
        "exact_share": share,
        "exact_early": float(early.get(task, np.nan)),
        "exact_failed": failed,
        "frozen_share": of("frozen", "share"),
        "eligible": bool(failed <= MOST_FAILED and share < MOST_LEFT),
    }


def _arms(plan: Plan) -> dict[str, tuple[str, str]]:
    """Return task and arm of the cells of exact and frozen, by identity."""
    found = {}
    for planned in plan.cells:
        if planned.cell.optimizer.name == DEFAULTS["optimizer"]:
            if planned.cell.gradient.name in ARMS:
                found[planned.identity] = (planned.task, planned.cell.gradient.name)
    return found


def _scored(plan: Plan, runs: pa.Table) -> pd.DataFrame:
    import pandas as pd

    names = ["cell", "stage", "run_id", "final_objective", "constant_objective", "optimum"]
    frame = runs.select([*names, "failed"]).to_pandas()
    arms = _arms(plan)
    frame = frame[(frame["stage"] == "evaluate") & frame["cell"].isin(list(arms))]
    named = pd.DataFrame(
        [arms[cell] for cell in frame["cell"]], columns=["task", "arm"], index=frame.index
    )
    return frame.join(named)


def _left(scored: pd.DataFrame) -> pd.DataFrame:
    share = np.where(scored["failed"], 1.0, _share(scored, scored["final_objective"]))
    groups = scored.assign(share=share).groupby(["task", "arm"])
    return groups.agg({"share": "median", "failed": "mean"})


def _early(plan: Plan, scored: pd.DataFrame, curves: pa.Table) -> pd.Series[float]:
    assert plan.drawn is not None
    frame = scored[scored["arm"] == "exact"]
    points = curves.select(["run_id", "update", "objective"]).to_pandas()
    points = points[points["run_id"].isin(frame["run_id"])].merge(frame, on="run_id")
    from_here = {t.name: EARLY * t.protocol.updates for t in plan.drawn.tasks}
    points = points[points["update"] >= points["task"].map(from_here)]
    first = points.sort_values("update").groupby(["task", "run_id"], as_index=False).first()
    first["share"] = np.minimum(_share(first, first["objective"].fillna(np.inf)), 1.0)
    shares: pd.Series[float] = first.groupby("task")["share"].median()
    return shares


def _share(frame: pd.DataFrame, objective: pd.Series[float]) -> np.ndarray[Any, Any]:
    columns = (frame[name].to_numpy(float) for name in ("constant_objective", "optimum"))
    return excess_share(objective.to_numpy(float), *columns)
