"""Outcomes that nobody trained, in the tables that a worker would have made of them.

The numbers are plausible (objectives fall, too large rates diverge, rules differ), the same at
every call, and mean nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.ablation.configuration.protocol import Protocol
from study.ablation.planning.plan import Plan, Planned
from study.ablation.store import FinishedCell
from study.ablation.store.tables import curves_table, replica, runs_table
from study.learning.core.training import Budget

Array = NDArray[Any]
CONSTANT = 0.5  # the objective of the best constant
STARTED = 1_700_000_000.0


def finished_cells(plan: Plan) -> Iterator[FinishedCell]:
    """Yield a finished cell for each cell of a plan, in its order."""
    best: dict[str, float] = {}
    for number, planned in enumerate(plan.cells):
        made = _finish(planned, best, number)
        best[planned.identity] = made.metrics["learning_rate"]
        yield made


def _finish(planned: Planned, best: dict[str, float], number: int) -> FinishedCell:
    cell, protocol = planned.cell, planned.protocol
    rng = np.random.default_rng(int(planned.identity[:15], 16))
    grid = np.asarray(protocol.learning_rates[cell.optimizer.name])
    chosen = float(grid[len(grid) // 2])
    tuned = [("tune", float(rate), seed) for rate in grid for seed in protocol.tuning()]
    scored = [("evaluate", chosen, seed) for seed in protocol.evaluation()]
    if planned.reference is not None:
        scored += [("transfer", best[planned.reference], seed) for seed in protocol.evaluation()]
    stages, rates, seeds = zip(*tuned, *scored, strict=True)
    columns, curves = _numbers(np.asarray(rates), chosen, _difficulty(planned), protocol, rng)
    shared = {
        **cell.params(),
        "gain": cell.gain,
        **cell.variant_parameters(),
        **protocol.params(),
        "constant_objective": CONSTANT,
        "optimum": 0.0,
    }
    replicas = [replica(*row) for row in zip(stages, rates, seeds, strict=True)]
    marks = len(curves["update"]) // len(replicas)
    metrics = {
        "learning_rate": chosen,
        "final_objective": float(np.median(columns["final_objective"])),
        "score": float(np.median(columns["score"])),
        "runs": float(len(replicas)),
        "time.seconds": 1.0,
    }
    return FinishedCell(
        cell=planned.identity,
        name=planned.name,
        metrics=metrics,
        runs=runs_table(
            {
                "replica": replicas,
                "stage": stages,
                "learning_rate": rates,
                "seed": seeds,
                **{name: [value] * len(replicas) for name, value in shared.items()},
                **columns,
            }
        ),
        curves=curves_table({"replica": np.repeat(replicas, marks), **curves}),
        started=STARTED + number,
        ended=STARTED + number + 1.0,
    )


def _difficulty(planned: Planned) -> float:
    """How many decades the objective falls less than with the exact gradient."""
    record = planned.cell.gradient.record
    return {"exact": 0.0, "frozen": 0.9}.get(record.name, 0.05 * (len(record.name) % 7))


def _numbers(
    rates: Array, chosen: float, harm: float, protocol: Protocol, rng: np.random.Generator
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return columns of runs (R,) and of curves (R marks,)."""
    marks = np.asarray(Budget(updates=protocol.updates, checkpoints=protocol.checkpoints).marks())
    replicas = len(rates)
    away = np.log10(rates / chosen)  # decades
    fall = np.clip(2.2 - harm - np.abs(away) + 0.1 * rng.standard_normal(replicas), 0.01, None)
    diverged = away > 1.4
    progress = np.log1p(marks) / np.log1p(protocol.updates)
    objective = 1.2 * CONSTANT * 10.0 ** (-fall[:, None] * progress)  # (R, marks)
    objective[:, 1:] *= np.exp(0.05 * rng.standard_normal((replicas, len(marks) - 1)))
    late = marks > protocol.updates // 10
    objective[np.ix_(diverged, late)] = np.nan
    final = np.where(diverged, np.nan, objective[:, -1])
    stuck = final >= 0.98 * CONSTANT
    solved = final < 0.02 * CONSTANT
    names = np.where(solved, "solved", np.where(stuck, "stuck", "plateau"))
    columns: dict[str, Any] = {
        "initial_objective": objective[:, 0],
        "final_objective": final,
        "score": np.where(diverged | stuck, 0.0, np.log10(np.clip(final / CONSTANT, 1e-3, 1.0))),
        "test_score": np.where(diverged, np.nan, 1.0 - 0.5 * np.nan_to_num(final)),
        "updates_to_target": np.where(solved, protocol.updates / 2.0, np.nan),
        "diverged_at": np.where(diverged, float(marks[late][0]), np.nan),
        "outcome": np.where(diverged, "diverged", names),
        "diverged_by": np.where(diverged, "nonfinite", ""),
        "failed": diverged | stuck,
        "runaway": np.zeros(replicas, dtype=bool),
    }
    curves: dict[str, Any] = {
        "update": np.tile(marks, replicas),
        "objective": objective.ravel(),
    }
    for name, low, high in (
        ("descent_cosine", 0.5, 1.0),
        ("descent_cosine_first", 0.3, 1.0),
        ("saturated", 0.0, 0.4),
        ("gradient_norm", 0.01, 1.0),
        ("exact_gradient_norm", 0.01, 1.0),
        ("weight_norm", 5.0, 50.0),
    ):
        values = np.where(np.isnan(objective), np.nan, rng.uniform(low, high, objective.shape))
        curves[name] = values.ravel()
        columns[name] = np.where(diverged, values[:, 0], values[:, -1])
    return columns, curves
