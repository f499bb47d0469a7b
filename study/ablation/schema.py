"""The configuration: which keys there are, of which type, in which range.

Hydra composes plain containers; here they become dataclasses, and every mistake becomes one line
that names the key and what is valid.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from study.learning.records import UsageError, unknown

RANGE = re.compile(r"(\d+) a decade from (\S+) to (\S+)")

TUNING_SEEDS_FROM = 1
REFINING_SEEDS_FROM = 1001
EVALUATION_SEEDS_FROM = 2001


@dataclass(frozen=True)
class Refine:
    """Stage B of tuning: a finer grid of learning rates around the best of stage A.

    Parameters
    ----------
    per_decade
        Rates in a decade.
    rates
        How many, around the best.
    seeds
        How many others than those of stage A.
    recentre_decades
        How far stage A may be extended until its best rate is an interior one.
    """

    per_decade: int = 8
    rates: int = 9
    seeds: int = 5
    recentre_decades: int = 3


@dataclass(frozen=True)
class Protocol:
    """What is the same for all cells of an experiment.

    Parameters
    ----------
    updates
        Budget of a training.
    batch_size
        Patterns in a batch, or None for ``full``.
    learning_rates
        Stage A of tuning: optimizer -> rates.
    tuning_seeds, evaluation_seeds
        How many; no seed is both.
    refine
        Stage B, or None.
    transfer
        Also evaluate at the rate that was chosen for exact.
    decay
        Let the rate fall linearly to 0 over the second half.
    checkpoints, probes
        How often the objective, and the probes, are measured.
    dtype
        float32 or float64.
    """

    updates: int
    batch_size: int | None
    learning_rates: Mapping[str, tuple[float, ...]]
    tuning_seeds: int
    evaluation_seeds: int
    refine: Refine | None = None
    transfer: bool = True
    decay: bool = True
    checkpoints: int = 20
    probes: int = 8
    dtype: str = "float32"

    def tuning(self) -> list[int]:
        """Return the seeds of stage A."""
        return list(range(TUNING_SEEDS_FROM, TUNING_SEEDS_FROM + self.tuning_seeds))

    def refining(self) -> list[int]:
        """Return the seeds of stage B."""
        count = self.refine.seeds if self.refine else 0
        return list(range(REFINING_SEEDS_FROM, REFINING_SEEDS_FROM + count))

    def evaluation(self) -> list[int]:
        """Return the seeds that are scored."""
        return list(range(EVALUATION_SEEDS_FROM, EVALUATION_SEEDS_FROM + self.evaluation_seeds))


@dataclass(frozen=True)
class Tracking:
    """Where results go.

    Parameters
    ----------
    uri
        MLflow's tracking URI; None for MLFLOW_TRACKING_URI, else mlflow.db at the root.
    tables
        Folder of the exported tables; None for data/results.
    """

    uri: str | None = None
    tables: str | None = None


@dataclass(frozen=True)
class Execution:
    """How the work is done; no result depends on it.

    Parameters
    ----------
    workers
        Processes; None for one a core.
    block
        Trainings that are stacked together at the most.
    max_runs
        A larger plan is refused.
    """

    workers: int | None = None
    block: int = 32
    max_runs: int = 1_000_000

    def processes(self) -> int:
        """Return the number of workers: all cores this process may use, unless told."""
        if self.workers:
            return self.workers
        return (
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1
        )


@dataclass(frozen=True)
class Config:
    """The whole configuration; `grids` and `only` are read by `study.ablation.grids`."""

    experiment: str
    grids: Sequence[Mapping[str, Any]]
    protocol: Protocol
    tracking: Tracking = field(default_factory=Tracking)
    execution: Execution = field(default_factory=Execution)
    only: Mapping[str, Any] = field(default_factory=dict)
    dry_run: bool = False
    about: str = ""


def read(experiment: str, container: Mapping[str, Any]) -> Config:
    """Check a composed configuration.

    Raises
    ------
    UsageError
        For the first key that is unknown, missing, of a wrong type or out of range.
    """
    _known("", container, [f.name for f in fields(Config) if f.name != "experiment"])
    grids = container.get("grids")
    if not isinstance(grids, list) or not grids or not all(isinstance(g, dict) for g in grids):
        raise UsageError(f"experiment {experiment!r}: grids takes a list of products of axes")
    only = _mapping("only", container.get("only") or {})
    return Config(
        experiment=experiment,
        grids=grids,
        protocol=_protocol(_mapping("protocol", container.get("protocol"))),
        tracking=_tracking(_mapping("tracking", container.get("tracking") or {})),
        execution=_execution(_mapping("execution", container.get("execution") or {})),
        only={axis: v for axis, v in only.items() if v is not None},
        dry_run=_flag("dry_run", container.get("dry_run", False)),
        about=str(container.get("about") or ""),
    )


def _protocol(given: Mapping[str, Any]) -> Protocol:
    _known("protocol.", given, [f.name for f in fields(Protocol)])
    for name in ("updates", "batch_size", "learning_rates", "tuning_seeds", "evaluation_seeds"):
        if given.get(name) is None:
            raise UsageError(f"protocol.{name} is missing")
    most_seeds = REFINING_SEEDS_FROM - TUNING_SEEDS_FROM
    batch = given["batch_size"]
    if batch != "full":
        if not isinstance(batch, int):
            raise UsageError(f"protocol.batch_size takes a whole number or full, not {batch!r}")
        batch = _whole("protocol.batch_size", batch, 1, 10**7)
    refine = given.get("refine")
    dtype = given.get("dtype", "float32")
    if dtype not in ("float32", "float64"):
        raise UsageError(unknown("protocol.dtype", dtype, ("float32", "float64")))
    return Protocol(
        updates=_whole("protocol.updates", given["updates"], 1, 10**8),
        batch_size=None if batch == "full" else batch,
        learning_rates=_rates(_mapping("protocol.learning_rates", given["learning_rates"])),
        tuning_seeds=_whole("protocol.tuning_seeds", given["tuning_seeds"], 1, most_seeds),
        evaluation_seeds=_whole("protocol.evaluation_seeds", given["evaluation_seeds"], 1, 10**6),
        refine=None if refine is None else _refine(_mapping("protocol.refine", refine)),
        transfer=_flag("protocol.transfer", given.get("transfer", True)),
        decay=_flag("protocol.decay", given.get("decay", True)),
        checkpoints=_whole("protocol.checkpoints", given.get("checkpoints", 20), 2, 10**4),
        probes=_whole("protocol.probes", given.get("probes", 8), 0, 10**4),
        dtype=dtype,
    )


def _refine(given: Mapping[str, Any]) -> Refine:
    _known("protocol.refine.", given, [f.name for f in fields(Refine)])
    most = EVALUATION_SEEDS_FROM - REFINING_SEEDS_FROM
    return Refine(
        per_decade=_whole("protocol.refine.per_decade", given.get("per_decade", 8), 1, 100),
        rates=_whole("protocol.refine.rates", given.get("rates", 9), 1, 1000),
        seeds=_whole("protocol.refine.seeds", given.get("seeds", 5), 1, most),
        recentre_decades=_whole(
            "protocol.refine.recentre_decades", given.get("recentre_decades", 3), 0, 20
        ),
    )


def _rates(given: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    # whether these are names of optimizers, users' own among them, the plan will see
    return {name: _rate_list(f"protocol.learning_rates.{name}", v) for name, v in given.items()}


def _rate_list(key: str, given: Any) -> tuple[float, ...]:
    if isinstance(given, str) and (found := RANGE.fullmatch(given.strip())):
        per = _whole(f"{key}, rates a decade", int(found[1]), 1, 100)
        low, high = (_rate(key, _float(text)) for text in found.groups()[1:])
        if low > high:
            raise UsageError(f"{key} takes a range upwards, not from {low:g} to {high:g}")
        count = round(float(np.log10(high / low)) * per) + 1
        return tuple(round_rate(high * 10.0 ** ((i - count + 1) / per)) for i in range(count))
    if not isinstance(given, list) or not given:
        raise UsageError(
            f"{key} takes a list of rates, or a range such as '2 a decade from 1e-3 to 10', "
            f"not {given!r}"
        )
    return tuple(sorted({round_rate(_rate(key, rate)) for rate in given}))


def _rate(key: str, value: Any) -> float:
    rate = _number(key, value, 0.0)
    if not 1e-30 <= rate <= 1e30:  # what float32 can hold
        raise UsageError(f"{key}: a learning rate is above 0 (1e-30 to 1e+30), not {rate:g}")
    return rate


def _float(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def round_rate(rate: float) -> float:
    """Round to six digits, so that equal rates have equal names."""
    return float(f"{rate:.6g}")


def _tracking(given: Mapping[str, Any]) -> Tracking:
    _known("tracking.", given, [f.name for f in fields(Tracking)])
    for name, meaning in (("uri", "an MLflow tracking URI"), ("tables", "a folder")):
        if not isinstance(given.get(name), str | None):
            raise UsageError(f"tracking.{name} takes {meaning}, not {given[name]!r}")
    return Tracking(uri=given.get("uri") or None, tables=given.get("tables") or None)


def _execution(given: Mapping[str, Any]) -> Execution:
    _known("execution.", given, [f.name for f in fields(Execution)])
    workers = given.get("workers")
    return Execution(
        workers=None if workers is None else _whole("execution.workers", workers, 1, 4096),
        block=_whole("execution.block", given.get("block", Execution.block), 1, 10**6),
        max_runs=_whole("execution.max_runs", given.get("max_runs", Execution.max_runs), 1, 10**9),
    )


def _known(prefix: str, given: Mapping[str, Any], valid: Sequence[str]) -> None:
    for key in given:
        if key not in valid:
            raise UsageError(
                unknown("configuration key", f"{prefix}{key}", [prefix + v for v in valid])
            )


def _mapping(key: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{key} takes keys with values, not {value!r}")
    return value


def _whole(key: str, value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"{key} takes a whole number, not {value!r}")
    if not low <= value <= high:
        raise UsageError(f"{key} = {value} is out of range: {low} to {high}")
    return value


def _number(key: str, value: Any, low: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise UsageError(f"{key} takes a number, not {value!r}")
    if value < low:
        raise UsageError(f"{key} = {value:g} is out of range: {low:g} or more")
    return float(value)


def _flag(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{key} takes true or false, not {value!r}")
    return value
