"""What a worker does: train one cell. A job in, tables out; data are read, nothing is written."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study import datasets
from study.ablation import tables
from study.ablation.cells import Cell, cell_from
from study.ablation.schema import Protocol
from study.ablation.spectra import SPECTRA, negative_eigenvalues
from study.ablation.store import FinishedCell
from study.ablation.tuning import choose_rate
from study.learning.activations.base import Activation
from study.learning.objectives import Objective
from study.learning.probes import PROBES
from study.learning.problem import Problem, pose
from study.learning.records import UsageError, Variant, plain
from study.learning.training import Budget, Outcome, train

Array = NDArray[Any]


@dataclass(frozen=True)
class Job:
    """A cell to train, in plain containers, so that any process can take it.

    Parameters
    ----------
    identity
        Of the cell.
    specification
        See `Cell.specification`.
    protocol
        Of the experiment.
    reference_rate
        The rate chosen for exact, at which the cell is evaluated too; None without.
    block
        Trainings in a stack, at the most.
    path
        Where modules are found, for users' own records.
    """

    identity: str
    specification: Mapping[str, Any]
    protocol: Protocol
    reference_rate: float | None
    block: int
    path: tuple[str, ...]


@dataclass(frozen=True)
class FailedCell:
    """A cell whose training raised an error, which a user's own record may do.

    Parameters
    ----------
    cell
        Its identity.
    error
        The error in one line.
    traceback
        The error in full.
    """

    cell: str
    error: str
    traceback: str


@dataclass(frozen=True)
class Trained:
    """A stage's trainings, in stacks.

    ``negative_eigenvalues`` (R,) are NaN where the spectrum was not taken.
    """

    stage: str
    outcome: Outcome
    negative_eigenvalues: Array


def attempt(job: Job) -> FinishedCell | FailedCell:
    """Train a cell; an error becomes a result, so that it stops no other cell."""
    try:
        return train_cell(job)
    except Exception as error:
        said = " ".join(str(error).split())
        kind = "" if isinstance(error, UsageError) else f"{type(error).__name__}: "
        return FailedCell(job.identity, kind + said, traceback.format_exc())


def train_cell(job: Job) -> FinishedCell:
    """Choose the cell's learning rate and train its replicas at it."""
    started, processor = time.time(), time.process_time()
    sys.path.extend(p for p in job.path if p not in sys.path)
    cell = cell_from(job.specification)
    protocol = job.protocol
    budget = Budget(
        updates=protocol.updates,
        batch_size=protocol.batch_size,
        decay=protocol.decay,
        checkpoints=protocol.checkpoints,
        probes=protocol.probes,
        dtype=protocol.dtype,
    )
    done: list[Trained] = []

    def run(stage: str, rates: Sequence[float], seeds: Sequence[int]) -> list[Outcome]:
        outcomes = []
        for s, r in blocks(seeds, rates, job.block):
            problem = _problem(cell, s)
            outcome = train(problem, cell.design(), budget, s, r)
            looked_at = protocol.evaluation()[:SPECTRA] if protocol.probes else []
            done.append(
                Trained(
                    stage,
                    outcome,
                    negative_eigenvalues(cell.design(), problem, outcome, looked_at),
                )
            )
            outcomes.append(outcome)
        return outcomes

    def tune(rates: Sequence[float], seeds: Sequence[int]) -> tuple[Array, Array, Array]:
        outcomes = run("tune", rates, seeds)
        return (
            np.concatenate([o.rates for o in outcomes]),
            np.concatenate([o.final_objective for o in outcomes]),
            np.concatenate([o.failed for o in outcomes]),
        )

    rate = choose_rate(protocol, protocol.learning_rates[cell.optimizer.name], tune)
    scored = run("evaluate", [rate], protocol.evaluation())
    if job.reference_rate == rate:
        same = [trained for trained in done if trained.stage == "evaluate"]
        done.extend(replace(trained, stage="transfer") for trained in same)
    elif job.reference_rate is not None:
        run("transfer", [job.reference_rate], protocol.evaluation())
    ended = time.time()
    metrics = _aggregate(scored) | {
        "learning_rate": rate,
        "runs": float(sum(len(t.outcome.seeds) for t in done)),
        "time.seconds": ended - started,
        "time.processor_seconds": time.process_time() - processor,
    }
    if job.reference_rate is not None:
        metrics["reference_learning_rate"] = job.reference_rate
    return FinishedCell(
        cell=job.identity,
        name=cell.name,
        params=cell.params() | _protocol_params(protocol),
        metrics=metrics,
        runs=tables.runs_table(_runs(cell, protocol, done)),
        curves=tables.curves_table(_curves(done)),
        started=started,
        ended=ended,
    )


def blocks(
    seeds: Sequence[int], rates: Sequence[float], most: int
) -> list[tuple[Sequence[int], Sequence[float]]]:
    """Cut seeds × rates into stacks of at most `most`; rates of a seed stay together if they fit.

    They share its minibatches.
    """
    across = min(len(rates), most)
    down = max(1, most // across)
    return [
        (seeds[i : i + down], rates[k : k + across])
        for i in range(0, len(seeds), down)
        for k in range(0, len(rates), across)
    ]


def _problem(cell: Cell, seeds: Sequence[int]) -> Problem:
    if cell.dataset.record.fresh:
        return _pose(cell.dataset, cell.objective, cell.activation, seeds)
    return _pose_fixed(cell.dataset, cell.objective, cell.activation)


def _pose(
    dataset: Variant[Any],
    objective: Variant[Objective],
    activation: Variant[Activation],
    seeds: Sequence[int],
) -> Problem:
    data = [datasets.load(dataset, seed) for seed in seeds]
    hidden = activation.record.bind(**activation.values)
    output = objective.record.output(hidden, data[0].targets.shape[1])
    return pose(data, objective.record, output)


@lru_cache(maxsize=16)
def _pose_fixed(
    dataset: Variant[Any], objective: Variant[Objective], activation: Variant[Activation]
) -> Problem:
    return _pose(dataset, objective, activation, [0])


def _aggregate(scored: Sequence[Outcome]) -> dict[str, float]:
    """Medians and rates over the evaluation seeds."""

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


def _protocol_params(protocol: Protocol) -> dict[str, str]:
    return {
        "updates": str(protocol.updates),
        "batch_size": _batch(protocol),
        "dtype": protocol.dtype,
    }


def _batch(protocol: Protocol) -> str:
    return "full" if protocol.batch_size is None else str(protocol.batch_size)


def _replicas(stage: str, outcome: Outcome) -> list[str]:
    return [
        f"{stage}/{plain(rate)}/{seed}"
        for rate, seed in zip(outcome.rates.tolist(), outcome.seeds.tolist(), strict=True)
    ]


def _runs(cell: Cell, protocol: Protocol, done: Sequence[Trained]) -> dict[str, Any]:
    def joined(get: Any) -> Array:
        return np.concatenate([get(t.outcome) for t in done])

    count = sum(len(t.outcome.seeds) for t in done)
    structural: dict[str, Any] = {
        **cell.params(),
        "gain": cell.gain,
        **cell.variant_parameters(),
        "updates": protocol.updates,
        "batch_size": _batch(protocol),
        "dtype": protocol.dtype,
    }
    columns: dict[str, Any] = {name: [value] * count for name, value in structural.items()}
    columns |= {
        "replica": [name for t in done for name in _replicas(t.stage, t.outcome)],
        "stage": [t.stage for t in done for _ in t.outcome.seeds],
        "learning_rate": joined(lambda o: o.rates),
        "seed": joined(lambda o: o.seeds),
        "constant_objective": joined(lambda o: o.constant),
        "runaway": joined(lambda o: o.diverged_by == "norm"),
        "negative_eigenvalues": np.concatenate([t.negative_eigenvalues for t in done]),
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
