"""The configuration: which keys there are, of which type, in which range.

Hydra composes plain containers; here they become dataclasses, and every mistake becomes one line
that names the key and what is valid.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from study.ablation.configuration.checks import flag, known, mapping, names, text, whole
from study.ablation.configuration.protocol import Protocol, amended, read_protocol
from study.errors import UsageError


@dataclass(frozen=True)
class Part:
    """An experiment file: what it is for.

    Parameters
    ----------
    experiment
        Its name.
    about
        In a sentence.
    claims
        Which claims of conf/claims.yaml its trainings serve.
    """

    experiment: str
    about: str = ""
    claims: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grid:
    """A product of axes, and how its cells are trained.

    Parameters
    ----------
    key
        Where it stands, for messages: ``grids[0]``, or ``e01_core: grids[0]`` if included.
    axes
        Axis -> value or list of values, as they were written.
    protocol
        Its own: the experiment's, with the differences that the grid states. One that states a
        list of differences is several grids.
    experiment
        Whose file states it.
    """

    key: str
    axes: Mapping[str, Any]
    protocol: Protocol
    experiment: str = ""


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
    """The whole configuration; axes and `only` are read by `study.ablation.planning.grids`.

    Parameters
    ----------
    experiment
        Its name.
    grids
        Of the experiment itself, after those of the experiments it includes.
    protocol
        What is usual: grids may state differences.
    tracking, execution
        Where results go, and how the work is done.
    only
        Axis -> values the plan is narrowed to.
    dry_run
        Show the plan alone.
    about, claims
        What it is for, and which claims it serves.
    parts
        The experiments it includes.
    overrides
        The words of the command line that it was composed from, for the record.
    """

    experiment: str
    grids: Sequence[Grid]
    protocol: Protocol
    tracking: Tracking = field(default_factory=Tracking)
    execution: Execution = field(default_factory=Execution)
    only: Mapping[str, Any] = field(default_factory=dict)
    dry_run: bool = False
    about: str = ""
    claims: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    overrides: tuple[str, ...] = ()


NO_KEYS = ("experiment", "parts", "overrides")
KEYS = [f.name for f in fields(Config) if f.name not in NO_KEYS] + ["include"]


def read(
    experiment: str,
    container: Mapping[str, Any],
    included: Mapping[str, Mapping[str, Any]] | None = None,
    commanded: Iterable[str] = (),
) -> Config:
    """Check a composed configuration.

    Parameters
    ----------
    experiment
        Its name.
    container
        What was composed, in plain containers.
    included
        What stands in the files of the experiments under ``include``, by name.
    commanded
        Dotted keys of the protocol that the command line set; they hold for all grids.

    Raises
    ------
    UsageError
        For the first key that is unknown, missing, of a wrong type or out of range.
    """
    known("", container, KEYS)
    usual = mapping("protocol", container.get("protocol"))
    protocol = read_protocol(usual)
    commanded = tuple(commanded)
    files = included or {}
    grids = [
        grid
        for name in names("include", container.get("include") or [])
        for grid in _grids(name, files[name], usual, commanded, f"{name}: ")
    ]
    if container.get("grids") or not grids:
        grids += _grids(experiment, {"grids": container.get("grids")}, usual, commanded, "")
    parts = tuple(_part(name, file) for name, file in files.items())
    own = _part(experiment, container)
    only = mapping("only", container.get("only") or {})
    return Config(
        experiment=experiment,
        grids=grids,
        protocol=protocol,
        tracking=_tracking(mapping("tracking", container.get("tracking") or {})),
        execution=_execution(mapping("execution", container.get("execution") or {})),
        only={axis: v for axis, v in only.items() if v is not None},
        dry_run=flag("dry_run", container.get("dry_run", False)),
        about=own.about,
        claims=tuple(dict.fromkeys([*own.claims, *(c for p in parts for c in p.claims)])),
        parts=parts,
    )


def _part(experiment: str, file: Mapping[str, Any]) -> Part:
    claims = names("claims", file.get("claims") or [])
    return Part(experiment, text("about", file.get("about") or ""), claims)


def _grids(
    experiment: str,
    file: Mapping[str, Any],
    usual: Mapping[str, Any],
    commanded: tuple[str, ...],
    before: str,
) -> list[Grid]:
    """Return the grids of a file, whose own protocol, if it is included, is a difference too."""
    grids = file.get("grids")
    if not isinstance(grids, list) or not grids or not all(isinstance(g, dict) for g in grids):
        raise UsageError(f"experiment {experiment!r}: grids takes a list of products of axes")
    key = f"{before}protocol"
    usual = amended(usual, mapping(key, file.get("protocol") or {}), commanded)
    read_protocol(usual, key)
    found = []
    for number, grid in enumerate(grids):
        here = f"{before}grids[{number}]"
        axes = {axis: value for axis, value in grid.items() if axis != "protocol"}
        for where, own in _differences(f"{here}.protocol", grid.get("protocol")):
            protocol = read_protocol(amended(usual, own, commanded), where)
            found.append(Grid(here, axes, protocol, experiment))
    return found


def _differences(key: str, given: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """Return what a grid states of its protocol, and where: nothing, one, or a list of them."""
    if isinstance(given, list) and given:
        return [(f"{key}[{n}]", mapping(f"{key}[{n}]", own)) for n, own in enumerate(given)]
    return [(key, mapping(key, given or {}))]


def _tracking(given: Mapping[str, Any]) -> Tracking:
    known("tracking.", given, [f.name for f in fields(Tracking)])
    for name, meaning in (("uri", "an MLflow tracking URI"), ("tables", "a folder")):
        if not isinstance(given.get(name), str | None):
            raise UsageError(f"tracking.{name} takes {meaning}, not {given[name]!r}")
    return Tracking(uri=given.get("uri") or None, tables=given.get("tables") or None)


def _execution(given: Mapping[str, Any]) -> Execution:
    known("execution.", given, [f.name for f in fields(Execution)])
    workers = given.get("workers")
    return Execution(
        workers=None if workers is None else whole("execution.workers", workers, 1, 4096),
        block=whole("execution.block", given.get("block", Execution.block), 1, 10**6),
        max_runs=whole("execution.max_runs", given.get("max_runs", Execution.max_runs), 1, 10**9),
    )
