"""Lay out a cell's trainings as its tables, and aggregate them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from study.ablation.configuration.protocol import Protocol
from study.ablation.planning.cells import Cell
from study.ablation.store import tables
from study.learning import Array
from study.learning.core.training import Outcome
from study.learning.diagnostics.probes import PROBES

ATTRIBUTES = {"learning_rate": "rates", "seed": "seeds", "constant_objective": "constant"} | {
    name: name
    for name in (
        *("initial_objective", "final_objective", "optimum", "score", "test_score"),
        *("updates_to_target", "diverged_at", "outcome", "diverged_by", "failed"),
        *("path_length", "asymmetry", "stopped_test_score", "learnt_at"),
    )
}
"""Columns of the runs that are attributes of an `Outcome`."""


@dataclass(frozen=True)
class Trained:
    """A stack of trainings, and the stage they belong to."""

    stage: str
    outcome: Outcome
    negative_eigenvalues: Array  # (R,), NaN where the spectrum was not taken


def tables_of(
    cell: Cell, protocol: Protocol, done: Sequence[Trained], claims: str
) -> tuple[pa.Table, pa.Table]:
    """Return a cell's runs and curves from all its trainings; the scored ones carry `claims`."""
    stages = [t.stage for t in done for _ in t.outcome.seeds]
    outcomes = [t.outcome for t in done]
    keys = (joined(outcomes, name).tolist() for name in ("rates", "seeds"))
    replicas = [tables.replica(*key) for key in zip(stages, *keys, strict=True)]
    same = {**cell.params(), "gain": cell.gain, **cell.variant_parameters(), **protocol.params()}
    runs: dict[str, Any] = {name: [value] * len(stages) for name, value in same.items()}
    runs |= {name: joined(outcomes, attribute) for name, attribute in ATTRIBUTES.items()}
    runs |= {
        "replica": replicas,
        "stage": stages,
        "negative_eigenvalues": np.concatenate([t.negative_eigenvalues for t in done]),
        "runaway": joined(outcomes, "diverged_by") == "norm",
        "claims": [(claims or None) if stage != "tune" else None for stage in stages],
    }
    if not protocol.stopping:
        del runs["stopped_test_score"]
    if protocol.learnt_within is None:
        del runs["learnt_at"]
    else:
        del runs["path_length"]  # of trainings that end at different times
    for name in ("weight_norm", *PROBES) if protocol.learnt_within is None else PROBES:
        runs[name] = np.concatenate([_last(outcome.curves[name]) for outcome in outcomes])
    marks = [outcome.updates for outcome in outcomes for _ in outcome.seeds]
    curves = {
        "replica": [r for r, own in zip(replicas, marks, strict=True) for _ in own],
        "update": np.concatenate(marks),
    }
    for name in ("objective", "weight_norm", *PROBES):
        curves[name] = np.concatenate([outcome.curves[name].ravel() for outcome in outcomes])
    return tables.table(runs, tables.RUNS), tables.table(curves, tables.CURVES)


def aggregate(scored: Sequence[Outcome]) -> dict[str, float]:
    """Return medians and rates over all trainings that are scored."""
    with np.errstate(invalid="ignore"):
        finals = np.nan_to_num(joined(scored, "final_objective"), nan=np.inf)
        return {
            "final_objective": float(np.median(finals)),
            "score": float(np.median(joined(scored, "score"))),
            "test_score": float(np.median(joined(scored, "test_score"))),
            "failed_rate": float(np.mean(joined(scored, "failed"))),
            "diverged_rate": float(np.mean(joined(scored, "diverged_by") != "")),
        }


def joined(outcomes: Sequence[Outcome], name: str) -> Array:
    """Return an attribute of all trainings of several stacks."""
    return np.concatenate([getattr(outcome, name) for outcome in outcomes])


def _last(curve: Array) -> Array:
    """Return the last value of each row that was measured; NaN where none was."""
    measured = ~np.isnan(curve)
    at = curve.shape[1] - 1 - measured[:, ::-1].argmax(axis=1)
    return curve[np.arange(len(curve)), at]
