"""The configuration: which keys there are, of which type, in which range."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from study.ablation.configuration.population import Population
from study.ablation.configuration.protocol import Protocol, amended, read_protocol
from study.checked import NO_OTHER_KEYS, Flag, Text, Whole, between, checked
from study.errors import UsageError
from study.places import ROOT

Place = Annotated[Text | None, AfterValidator(lambda text: text or None)]


@dataclass(frozen=True)
class Part:
    """What an experiment file says that others may include."""

    __pydantic_config__ = NO_OTHER_KEYS

    about: Text = ""  # what it is for, in a sentence
    claims: tuple[Text, ...] = ()  # which claims of conf/claims.yaml its trainings serve
    grids: tuple[dict[str, Any], ...] = ()  # products of axes, as they are written
    protocol: dict[str, Any] = field(default_factory=dict)  # what its grids have of their own


@dataclass(frozen=True)
class Grid:
    """A product of axes, and how its cells are trained."""

    key: str  # where it stands, for messages: ``grids[0]``, or ``core: grids[0]`` if included
    axes: Mapping[str, Any]  # axis -> value or list of values, as they were written
    protocol: Protocol  # with the grid's differences; a list of these makes several grids
    experiment: str = ""  # whose file states it
    task: str = ""  # of a population, that it is a part of


@dataclass(frozen=True)
class Tracking:
    """Where results go."""

    __pydantic_config__ = NO_OTHER_KEYS

    # MLflow's tracking URI; null: that of MLFLOW_TRACKING_URI, else mlflow.db at the root
    uri: Place = None
    # a folder, an MLflow server or another artifact URI; null: mlartifacts/, or the server's own
    artifacts: Place = None
    tables: Place = None  # folder of the exported tables; null: data/results
    models: Flag = False  # true: keep the network of each new cell's median seed

    def folder(self, experiment: str) -> Path:
        """Return the folder of an experiment's tables."""
        tables = Path(self.tables).absolute() if self.tables else ROOT / "data" / "results"
        return tables / experiment


@dataclass(frozen=True)
class Execution:
    """How the work is done; no result depends on it."""

    __pydantic_config__ = NO_OTHER_KEYS

    workers: Annotated[Whole, between(1, 4096)] | None = None  # processes; null: one a core
    block: Annotated[Whole, between(1, 10**6)] = 32  # the most trainings that a stack holds
    max_runs: Annotated[Whole, between(1, 10**9)] = 1_000_000  # a larger plan is refused
    cluster: dict[str, Any] | None = None  # Dask's class, as _target_, and its arguments
    jobs: Annotated[Whole, between(1, 10**5)] | None = None  # how many jobs of the batch system
    partition: Text | None = None  # the batch system's partition, or queue
    memory: Text | None = None  # of a job, such as 2GiB
    walltime: Text | None = None  # of a job, such as 02:00:00
    scheduler: Text | None = None  # address of one that is there already, or the file it wrote
    unencrypted: Flag = False  # true: a scheduler without TLS will do

    def processes(self) -> int:
        """Return the number of workers: all cores this process may use, unless told."""
        if self.jobs:
            return self.jobs * int((self.cluster or {}).get("processes", 1))
        affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
        return self.workers or (len(affinity(0)) if affinity else os.cpu_count() or 1)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is said once for all grids."""

    __pydantic_config__ = NO_OTHER_KEYS

    about: Text = ""  # what it is for, in a sentence
    claims: tuple[Text, ...] = ()  # which of conf/claims.yaml its trainings, or its parts', serve
    population: Population | None = None  # tasks that are drawn; the grids are each one's arms
    tracking: Tracking = Tracking()  # where results go
    execution: Execution = Execution()  # how the work is done
    only: dict[str, Any] = field(default_factory=dict)  # axis -> values that the plan keeps
    dry_run: Flag = False  # true: show the plan, train nothing


@dataclass(frozen=True, kw_only=True)
class Composed(Settings):
    """Everything that the configuration of an experiment may say; see conf/config.yaml."""

    include: tuple[Text, ...] = ()  # experiments whose grids come before its own
    grids: tuple[dict[str, Any], ...] = ()  # products of axes, as they are written
    protocol: dict[str, Any] = field(default_factory=dict)  # how cells are trained


@dataclass(frozen=True, kw_only=True)
class Config(Settings):
    """The whole configuration; axes and `only` are read by `study.ablation.planning.grids`."""

    experiment: str
    grids: Sequence[Grid]  # of the experiment itself, after those of the experiments it includes
    protocol: Protocol  # the experiment's usual one: grids may state differences
    parts: Mapping[str, Part]  # the experiments it includes, by name
    overrides: tuple[str, ...] = ()  # the words of the command line that it was composed from


def read(
    experiment: str,
    container: Mapping[str, Any],
    included: Mapping[str, Mapping[str, Any]] | None = None,
    commanded: Iterable[str] = (),
) -> Config:
    """Check a composed configuration; refuse the first key that is unknown, missing or wrong.

    With it come the files of the experiments under ``include``, by name, and the dotted keys of
    the protocol that the command line set: these hold for all grids.
    """
    said = checked(Composed, {key: v for key, v in container.items() if v is not None})
    settings = {f.name: getattr(said, f.name) for f in fields(Settings)}
    usual = read_protocol(said.protocol)
    parts = {name: checked(Part, file, f"{name}: ") for name, file in (included or {}).items()}
    stated = [(name, part, f"{name}: ") for name, part in parts.items()]
    if said.grids or not stated:
        stated.append((experiment, Part(grids=said.grids), ""))
    grids: list[Grid] = []
    for name, part, where in stated:
        if not part.grids:
            raise UsageError(f"experiment {name!r}: grids takes a list of products of axes")
        grids += _grids(name, part, said.protocol, tuple(commanded), where)
    settings["claims"] = tuple(dict.fromkeys(c for p in (said, *parts.values()) for c in p.claims))
    settings["only"] = {axis: values for axis, values in said.only.items() if values is not None}
    return Config(experiment=experiment, grids=grids, protocol=usual, parts=parts, **settings)


def _grids(
    experiment: str, part: Part, usual: Mapping[str, Any], commanded: Iterable[str], where: str
) -> Iterator[Grid]:
    """Make the grids of a file; an included file's own protocol is a difference too."""
    usual = amended(usual, part.protocol, commanded)
    read_protocol(usual, f"{where}protocol.")
    for number, grid in enumerate(part.grids):
        key = f"{where}grids[{number}]"
        axes = {axis: value for axis, value in grid.items() if axis != "protocol"}
        given = grid.get("protocol") or {}
        several = isinstance(given, list)
        for n, one in enumerate(given if several else [given]):
            place = f"{key}.protocol[{n}]." if several else f"{key}.protocol."
            own = checked(dict[str, Any], one, place)
            yield Grid(key, axes, read_protocol(amended(usual, own, commanded), place), experiment)
