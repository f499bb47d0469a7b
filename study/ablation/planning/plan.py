"""The plan: which cells there are, who they are, what they are compared with, what they cost.

Pure: nothing is trained or written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from study import datasets
from study.ablation.configuration.protocol import OWN, TRANSFER, TRUNK, Protocol
from study.ablation.configuration.schema import Config
from study.ablation.planning.cells import Cell, Facts, identity
from study.ablation.planning.cost import seconds_a_run
from study.ablation.planning.grids import Expansion, Request, expand
from study.ablation.planning.limits import check_cell, check_grids, check_runs
from study.errors import UsageError, unknown
from study.learning.core.training import Design
from study.learning.optimizers import OPTIMIZERS
from study.learning.variants import Variant


@dataclass(frozen=True)
class Planned:
    """A cell of the plan.

    Parameters
    ----------
    cell
        Canonical.
    protocol
        How it is trained.
    identity
        Its 40 hex digits.
    name
        For people: the cell's, and what of its protocol is not the experiment's usual one.
    needs
        Whose chosen rates it is trained at: use -> identity of that cell.
    wave
        0 without needs, else one more than the latest of the cells it needs.
    tuning, scoring
        Trainings that choose the rate (the least number: recentring may add some), and others.
    seconds
        Estimate, on one core.
    experiments
        Whose grids ask for it, or for a cell that needs it; the first one makes it.
    trunk
        The cell of a branch's first phase, or None.
    """

    cell: Cell
    protocol: Protocol
    identity: str
    name: str
    needs: Mapping[str, str]
    wave: int
    tuning: int
    scoring: int
    seconds: float
    experiments: tuple[str, ...]
    trunk: Cell | None = None

    @property
    def reference(self) -> str | None:
        """Identity of the exact cell at whose rate it is also evaluated, or None."""
        return self.needs.get(TRANSFER)

    @property
    def runs(self) -> int:
        """All its trainings."""
        return self.tuning + self.scoring

    def designs(self) -> list[Design]:
        """Return what is compiled for it."""
        return [self.cell.design()] + ([self.trunk.design()] if self.trunk else [])


@dataclass(frozen=True)
class Plan:
    """All cells of an experiment: those that others need first, else in the order of the grids.

    Parameters
    ----------
    config
        Where it comes from.
    cells
        Each once.
    skipped
        (cell, reason) of combinations that can't be trained.
    duplicates
        How many combinations repeat a cell.
    claims
        Digest of conf/claims.yaml, if the experiment serves claims.
    """

    config: Config
    cells: tuple[Planned, ...]
    skipped: tuple[tuple[str, str], ...]
    duplicates: int
    claims: str = ""

    @property
    def runs(self) -> int:
        """All trainings."""
        return sum(planned.runs for planned in self.cells)

    def made_by(self, experiment: str) -> list[Planned]:
        """Return the cells that an experiment is the first to ask for."""
        return [p for p in self.cells if p.experiments[0] == experiment]

    def shared_with(self, experiment: str) -> list[Planned]:
        """Return the cells that an experiment asks for, but another before it."""
        return [p for p in self.cells if experiment in p.experiments[1:]]

    def waves(self, finished: Iterable[str]) -> list[list[Planned]]:
        """Return the unfinished cells: those without needs, then those that need their rates, ...

        Dear ones first within a wave, so that the workers end together.
        """
        done = set(finished)
        waves: dict[int, list[Planned]] = {}
        for planned in self.cells:
            if planned.identity not in done:
                waves.setdefault(planned.wave, []).append(planned)
        return [sorted(waves[n], key=lambda p: -p.seconds) for n in sorted(waves)]


def make_plan(config: Config, claims: str = "") -> Plan:
    """Expand a configuration into its plan.

    Parameters
    ----------
    config
        Checked.
    claims
        Digest of conf/claims.yaml, which marks every scored training; no part of an identity.

    Two grids may ask for one cell with different numbers of evaluation seeds: it is made once,
    with the larger number. The exact cell that others are compared with has their protocol, and
    their seeds. A cell with a branch takes the rates of the cells of both its rules without one.

    Raises
    ------
    UsageError
        For anything in the grids that can't be, an optimizer without learning rates, data that
        can't be loaded, batches larger than the data, networks larger than the memory, a plan
        over ``execution.max_runs``.
    """
    check_grids(config)
    found = expand(config.grids, config.only, _facts)
    _check_rates(config, found)
    for asked in found.asked.values():
        facts = _facts(asked.cell.dataset)
        check_cell(asked.cell, facts, asked.protocol, config.execution)
    wanted: dict[str, Request] = {}
    for asked in found.asked.values():
        _want_needs(wanted, asked)
    for asked in found.asked.values():
        _want(wanted, asked)
    maker = _Maker(config, wanted)
    planned = sorted((maker.planned(asked) for asked in wanted.values()), key=lambda p: p.wave)
    plan = Plan(config, tuple(planned), tuple(found.skipped), found.duplicates, claims)
    check_runs(plan)
    return plan


def _want_needs(wanted: dict[str, Request], asked: Request) -> None:
    for needed in _needs(asked).values():
        _want_needs(wanted, needed)
        _want(wanted, needed)


def _want(wanted: dict[str, Request], asked: Request) -> None:
    before = wanted.get(asked.key)
    wanted[asked.key] = before.united(asked) if before else asked


def _needs(asked: Request) -> dict[str, Request]:
    """Return the cells whose chosen rates a cell is trained at, by use."""
    cell, protocol = asked.cell, asked.protocol
    trunk = asked.trunk(_facts(cell.dataset).outputs)
    if trunk is not None:
        return {TRUNK: trunk, OWN: asked.alone()}
    if not protocol.transfer or not protocol.tune or cell == cell.reference():
        return {}
    return {TRANSFER: replace(asked, cell=cell.reference())}


class _Maker:
    """Gives each cell its identity, those it needs before it."""

    def __init__(self, config: Config, wanted: Mapping[str, Request]) -> None:
        self._usual = config.protocol
        self._order = list(dict.fromkeys(grid.experiment for grid in config.grids))
        self._wanted = wanted
        self._made: dict[str, Planned] = {}

    def planned(self, asked: Request) -> Planned:
        if asked.key not in self._made:
            self._made[asked.key] = self._make(asked)
        return self._made[asked.key]

    def _make(self, asked: Request) -> Planned:
        cell, protocol, optimizer = asked.cell, asked.protocol, asked.cell.optimizer.name
        others = {
            use: self.planned(self._wanted[needed.key]) for use, needed in _needs(asked).items()
        }
        needs = {use: other.identity for use, other in others.items()}
        data = _facts(cell.dataset)
        trunk = asked.trunk(data.outputs)
        tuning = protocol.tuning_runs(optimizer)
        rates = 1 if protocol.tune else len(protocol.learning_rates[optimizer])
        together = rates * protocol.evaluation_seeds
        scoring = together + (protocol.evaluation_seeds if TRANSFER in needs else 0)
        return Planned(
            cell=cell,
            protocol=protocol,
            identity=identity(
                cell,
                data.digest,
                protocol.seen(optimizer),
                needs if trunk else needs.get(TRANSFER),
            ),
            name=" · ".join([cell.name, *protocol.differences(self._usual, optimizer)]),
            needs=needs,
            wave=1 + max((other.wave for other in others.values()), default=-1),
            tuning=tuning,
            scoring=scoring,
            seconds=tuning * seconds_a_run(cell, protocol, data, max(tuning, 1))
            + scoring * seconds_a_run(cell, protocol, data, together),
            experiments=tuple(sorted(asked.experiments, key=self._order.index)),
            trunk=trunk.cell if trunk else None,
        )


def _check_rates(config: Config, found: Expansion) -> None:
    valid = [*OPTIMIZERS, *sorted(found.optimizers - set(OPTIMIZERS))]
    protocols = {"protocol": config.protocol}
    protocols |= {f"{grid.key}.protocol": grid.protocol for grid in config.grids}
    for where, protocol in protocols.items():
        for name in protocol.learning_rates:
            if name not in valid:
                key = f"{where}.learning_rates."
                raise UsageError(
                    unknown("configuration key", key + name, [key + v for v in valid])
                )
    for asked in found.asked.values():
        name = asked.cell.optimizer.name
        if name not in asked.protocol.learning_rates:
            raise UsageError(f"protocol.learning_rates.{name} is missing")


@lru_cache(maxsize=1024)
def _facts(dataset: Variant[Any]) -> Facts:
    data = datasets.load(dataset, seed=0)
    return Facts(
        len(data.inputs), data.inputs.shape[1], data.targets.shape[1], data.task, data.digest
    )
