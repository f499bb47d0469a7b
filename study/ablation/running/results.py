"""What a cell's trainings come to: its tables, and the aggregate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from study.ablation.configuration.protocol import Protocol
from study.ablation.planning.cells import Cell
from study.ablation.store import tables
from study.learning.core.training import Outcome
from study.learning.diagnostics.probes import PROBES
from study.learning.variants import plain

if TYPE_CHECKING:
    import pyarrow as pa

Array = NDArray[Any]


@dataclass(frozen=True)
class Trained:
    """A stack of trainings, and the stage they belong to.

    ``negative_eigenvalues`` (R,) are NaN where the spectrum was not taken.
    """

    stage: str
    outcome: Outcome
    negative_eigenvalues: Array


def tables_of(
    cell: Cell, protocol: Protocol, done: Sequence[Trained], claims: str
) -> tuple[pa.Table, pa.Table]:
    """Return a cell's runs and curves.

    Parameters
    ----------
    cell, protocol
        What was trained, and how.
    done
        All its trainings.
    claims
        What the scored ones are marked with; "" for nothing.
    """
    return (
        tables.runs_table(_runs(cell, protocol, done, claims)),
        tables.curves_table(_curves(done)),
    )


def aggregate(scored: Sequence[Outcome]) -> dict[str, float]:
    """Return medians and rates over all that was scored."""

    def all_of(name: str) -> Array:
        return np.concatenate([getattr(outcome, name) for outcome in scored])

    with np.errstate(invalid="ignore"):
        finals = np.nan_to_num(all_of("final_objective"), nan=np.inf)
        return {
            "final_objective": float(np.median(finals)),
            "score": float(np.median(all_of("score"))),
            "test_score": float(np.median(all_of("test_score"))),
            "failed_rate": float(np.mean(all_of("failed"))),
            "diverged_rate": float(np.mean(all_of("diverged_by") != "")),
        }


def _replicas(stage: str, outcome: Outcome) -> list[str]:
    return [
        f"{stage}/{plain(rate)}/{seed}"
        for rate, seed in zip(outcome.rates.tolist(), outcome.seeds.tolist(), strict=True)
    ]


def _runs(cell: Cell, protocol: Protocol, done: Sequence[Trained], claims: str) -> dict[str, Any]:
    def joined(get: Any) -> Array:
        return np.concatenate([get(t.outcome) for t in done])

    count = sum(len(t.outcome.seeds) for t in done)
    structural: dict[str, Any] = {
        **cell.params(),
        "gain": cell.gain,
        **cell.variant_parameters(),
        **protocol.params(),
    }
    columns: dict[str, Any] = {name: [value] * count for name, value in structural.items()}
    columns |= {
        "replica": [name for t in done for name in _replicas(t.stage, t.outcome)],
        "stage": [t.stage for t in done for _ in t.outcome.seeds],
        "learning_rate": joined(lambda o: o.rates),
        "seed": joined(lambda o: o.seeds),
        "constant_objective": joined(lambda o: o.constant),
        "negative_eigenvalues": np.concatenate([t.negative_eigenvalues for t in done]),
        "runaway": joined(lambda o: o.diverged_by == "norm"),
        "claims": [
            (claims or None) if t.stage != "tune" else None for t in done for _ in t.outcome.seeds
        ],
    }
    for name in (
        "initial_objective",
        "final_objective",
        "optimum",
        "score",
        "test_score",
        "updates_to_target",
        "diverged_at",
        "outcome",
        "diverged_by",
        "failed",
        "path_length",
        "asymmetry",
    ):
        columns[name] = joined(lambda o, name=name: getattr(o, name))
    for name in ("weight_norm", *PROBES):
        columns[name] = joined(lambda o, name=name: _last(o.curves[name]))
    return columns


def _last(curve: Array) -> Array:
    """Return the last value of each row that was measured; NaN where none was."""
    measured = ~np.isnan(curve)
    at = curve.shape[1] - 1 - measured[:, ::-1].argmax(axis=1)
    return curve[np.arange(len(curve)), at]


def _curves(done: Sequence[Trained]) -> dict[str, Any]:
    columns: dict[str, Any] = {"replica": [], "update": []}
    for t in done:
        marks = len(t.outcome.updates)
        columns["replica"] += [n for n in _replicas(t.stage, t.outcome) for _ in range(marks)]
        columns["update"].append(np.tile(t.outcome.updates, len(t.outcome.seeds)))
    columns["update"] = np.concatenate(columns["update"])
    for name in ("objective", "weight_norm", *PROBES):
        columns[name] = np.concatenate([t.outcome.curves[name].ravel() for t in done])
    return columns
