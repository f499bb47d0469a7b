"""The configuration: which keys there are, of which type, in which range."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator

from study.ablation.configuration.protocol import Protocol, amended, read_protocol
from study.checked import NO_OTHER_KEYS, Flag, Text, Whole, between, checked
from study.errors import UsageError

Place = Annotated[Text | None, AfterValidator(lambda text: text or None)]


@dataclass(frozen=True)
class Part:
    """What an experiment file says that others may include."""

    __pydantic_config__ = NO_OTHER_KEYS

    about: Text = ""  # what it is for, in a sentence
    claims: tuple[Text, ...] = ()  # which claims of conf/claims.yaml its trainings serve
    grids: tuple[dict[str, Any], ...] = ()  # products of axes, as they are written
    # what of the protocol its grids have of their own
    protocol: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Grid:
    """A product of axes, and how its cells are trained."""

    key: str  # where it stands, for messages: ``grids[0]``, or ``core: grids[0]`` if included
    axes: Mapping[str, Any]  # axis -> value or list of values, as they were written
    # the experiment's, with the differences that the grid states. A grid that states a list of
    # differences becomes several grids
    protocol: Protocol
    experiment: str = ""  # whose file states it


@dataclass(frozen=True)
class Tracking:
    """Where results go."""

    __pydantic_config__ = NO_OTHER_KEYS

    # MLflow's tracking URI; None for MLFLOW_TRACKING_URI, else mlflow.db at the root
    uri: Place = None
    tables: Place = None  # folder of the exported tables; None for data/results


@dataclass(frozen=True)
class Execution:
    """How the work is done; no result depends on it."""

    __pydantic_config__ = NO_OTHER_KEYS

    workers: Annotated[Whole, between(1, 4096)] | None = None  # processes; None for one a core
    # the largest number of trainings that are stacked together
    block: Annotated[Whole, between(1, 10**6)] = 32
    max_runs: Annotated[Whole, between(1, 10**9)] = 1_000_000  # a larger plan is refused

    def processes(self) -> int:
        """Return the number of workers: all cores this process may use, unless told."""
        affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
        return self.workers or (len(affinity(0)) if affinity else os.cpu_count() or 1)


@dataclass(frozen=True)
class Composed(Part):
    """Everything that the configuration of an experiment may say; see conf/config.yaml."""

    include: tuple[Text, ...] = ()
    only: dict[str, Any] = field(default_factory=dict)
    tracking: Tracking = Tracking()
    execution: Execution = Execution()
    dry_run: Flag = False


@dataclass(frozen=True)
class Config:
    """The whole configuration; axes and `only` are read by `study.ablation.planning.grids`."""

    experiment: str  # its name
    grids: Sequence[Grid]  # of the experiment itself, after those of the experiments it includes
    protocol: Protocol  # the experiment's usual one: grids may state differences
    tracking: Tracking = Tracking()  # where results go, and how the work is done
    execution: Execution = Execution()
    only: Mapping[str, Any] = field(default_factory=dict)  # axis -> values the plan is narrowed to
    dry_run: bool = False  # show the plan alone
    about: str = ""  # what it is for, and which claims it and its parts serve
    claims: tuple[str, ...] = ()
    parts: Mapping[str, Part] = field(default_factory=dict)  # the experiments it includes, by name
    # the words of the command line that it was composed from, for the record
    overrides: tuple[str, ...] = ()


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
        The files of the experiments under ``include``, by name, in plain containers.
    commanded
        Dotted keys of the protocol that the command line set; they hold for all grids.

    Raises
    ------
    UsageError
        For the first key that is unknown, missing, of a wrong type or out of range.
    """
    said = checked(Composed, {key: v for key, v in container.items() if v is not None})
    usual = read_protocol(said.protocol)
    grids: list[Grid] = []
    files = {name: checked(Part, file, f"{name}: ") for name, file in (included or {}).items()}
    stated = [(name, file, f"{name}: ") for name, file in files.items()]
    if said.grids or not stated:
        stated.append((experiment, Part(grids=said.grids), ""))
    for name, file, where in stated:
        if not file.grids:
            raise UsageError(f"experiment {name!r}: grids takes a list of products of axes")
        grids += _grids(name, file, said.protocol, tuple(commanded), where)
    return Config(
        experiment=experiment,
        grids=grids,
        protocol=usual,
        tracking=said.tracking,
        execution=said.execution,
        only={axis: values for axis, values in said.only.items() if values is not None},
        dry_run=said.dry_run,
        about=said.about,
        claims=tuple(dict.fromkeys(c for p in (said, *files.values()) for c in p.claims)),
        parts=files,
    )


def _grids(
    experiment: str,
    file: Part,
    usual: Mapping[str, Any],
    commanded: tuple[str, ...],
    where: str,
) -> Iterator[Grid]:
    """Make the grids of a file; an included file's own protocol is a difference too."""
    usual = amended(usual, file.protocol, commanded)
    read_protocol(usual, f"{where}protocol.")
    for number, grid in enumerate(file.grids):
        key = f"{where}grids[{number}]"
        axes = {axis: value for axis, value in grid.items() if axis != "protocol"}
        given = grid.get("protocol") or {}
        several = isinstance(given, list)
        for n, one in enumerate(given if several else [given]):
            place = f"{key}.protocol[{n}]." if several else f"{key}.protocol."
            own = checked(dict[str, Any], one, place)
            protocol = read_protocol(amended(usual, own, commanded), place)
            yield Grid(key, axes, protocol, experiment)
