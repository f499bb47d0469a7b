"""The plan: which cells there are, who they are, what they are compared with, what they cost.

Pure: nothing is trained or written here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from study import datasets
from study.ablation.configuration.protocol import OWN, TRANSFER, TRUNK, Protocol
from study.ablation.configuration.schema import Config
from study.ablation.planning.cells import Cell, Facts, identity
from study.ablation.planning.cost import check_cell, check_runs, check_size, seconds_a_run
from study.ablation.planning.grids import Expansion, Product, Request, expand, products
from study.ablation.planning.population import Drawn, draw
from study.errors import UsageError, unknown
from study.learning.design import Design
from study.learning.optimizers import OPTIMIZERS
from study.learning.variants import Variant


@dataclass(frozen=True)
class Planned:
    """A cell of the plan."""

    cell: Cell  # canonical
    protocol: Protocol  # how it is trained
    identity: str  # its 40 hex digits
    name: str  # for people: the cell's, and what of its protocol is not the experiment's usual one
    needs: Mapping[str, str]  # whose chosen rates it is trained at: use -> identity of that cell
    wave: int  # 0 without needs, else one more than the latest of the cells it needs
    tuning: int  # trainings that choose the rate, at the least: recentring may add some
    scoring: int  # other trainings
    seconds: float  # estimate, on one core
    experiments: tuple[str, ...]  # that ask for it, or for what needs it; the first one makes it
    trunk: Cell | None = None  # the cell of a branch's first phase, or None
    task: str = ""  # of a population, that it is an arm of

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
    """All cells of an experiment: those that others need first, else in the order of the grids."""

    config: Config  # where it comes from
    cells: tuple[Planned, ...]  # each once
    skipped: tuple[tuple[str, str], ...]  # (cell, reason) of combinations that can't be trained
    duplicates: int  # how many combinations repeat a cell
    claims: str = ""  # digest of conf/claims.yaml, if the experiment serves claims
    drawn: Drawn | None = None  # the population's tasks

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


def make_plan(config: Config, claims: str = "") -> Plan:
    """Expand a checked configuration into its plan; whatever in it can't be raises `UsageError`.

    Two grids may ask for one cell with different numbers of evaluation seeds: it is made once,
    with the larger number. The exact cell that others are compared with has their protocol, and
    their seeds. A cell with a branch takes the rates of the cells of both its rules without one.
    """
    drawn = None
    written = config.grids
    if config.population:
        drawn = draw(config.population, config.protocol, _facts, config.protocol.tasks)
        written = [grid for task in drawn.tasks for grid in task.grids(config.grids)]
    elif config.protocol.tasks:
        raise UsageError(f"protocol.tasks: experiment {config.experiment} has no population")
    grids = products(written, config.only)
    check_size(grids, config.execution)
    found = expand(grids, config.only, _facts)
    _check_rates(config, grids, found)
    wanted: dict[str, Request] = {}
    for asked in found.asked.values():
        check_cell(asked.cell, _facts(asked.cell.dataset), asked.protocol, config.execution)
        for needed in _needs(asked).values():
            _want(wanted, needed)
    for asked in found.asked.values():
        _want(wanted, asked)
    order = list(dict.fromkeys(grid.experiment for grid in config.grids))
    made: dict[str, Planned] = {}
    for key, asked in wanted.items():  # what a cell needs stands before it
        needs = {use: made[needed.key] for use, needed in _needs(asked).items()}
        made[key] = _planned(asked, needs, config.protocol, order)
    cells = tuple(sorted(made.values(), key=lambda planned: planned.wave))
    plan = Plan(config, cells, tuple(found.skipped), found.duplicates, claims, drawn)
    check_runs(plan.runs, sum(planned.seconds for planned in cells), config.execution)
    return plan


def _want(wanted: dict[str, Request], asked: Request) -> None:
    for needed in _needs(asked).values():
        _want(wanted, needed)
    wanted[asked.key] = asked.united(wanted.get(asked.key))


def _needs(asked: Request) -> dict[str, Request]:
    """Return the cells whose chosen rates a cell is trained at, by use."""
    cell, protocol = asked.cell, asked.protocol
    trunk = asked.trunk(_facts(cell.dataset).outputs)
    if trunk is not None:
        return {TRUNK: trunk, OWN: asked.alone()}
    if not protocol.transfer or not protocol.tune or cell == cell.reference():
        return {}
    return {TRANSFER: replace(asked, cell=cell.reference())}


def _planned(
    asked: Request, others: Mapping[str, Planned], usual: Protocol, order: list[str]
) -> Planned:
    cell, protocol, optimizer = asked.cell, asked.protocol, asked.cell.optimizer.name
    needs, data = {use: other.identity for use, other in others.items()}, _facts(cell.dataset)
    tuning = protocol.tuning_runs(optimizer)
    rates = 1 if protocol.tune else len(protocol.learning_rates[optimizer])
    together = rates * protocol.evaluation_seeds
    scoring = together + (protocol.evaluation_seeds if TRANSFER in needs else 0)
    reference = needs if protocol.branch else needs.get(TRANSFER)
    return Planned(
        cell=cell,
        protocol=protocol,
        identity=identity(cell, data.digest, protocol.seen(optimizer), reference),
        name=" · ".join(
            filter(None, [asked.task, cell.name, *protocol.differences(usual, optimizer)])
        ),
        needs=needs,
        wave=1 + max((other.wave for other in others.values()), default=-1),
        tuning=tuning,
        scoring=scoring,
        seconds=tuning * seconds_a_run(cell, protocol, data, max(tuning, 1))
        + scoring * seconds_a_run(cell, protocol, data, together),
        experiments=tuple(sorted(asked.experiments, key=order.index)),
        trunk=others[TRUNK].cell if TRUNK in others else None,
        task=asked.task,
    )


def _check_rates(config: Config, grids: Sequence[Product], found: Expansion) -> None:
    own = {given.value.name for product in grids for given in product.axes["optimizer"]}
    valid = [*OPTIMIZERS, *sorted(own - set(OPTIMIZERS))]
    protocols = {"": config.protocol} | {f"{grid.key}.": grid.protocol for grid in config.grids}
    for where, protocol in protocols.items():
        key = f"{where}protocol.learning_rates."
        for name in (name for name in protocol.learning_rates if name not in valid):
            raise UsageError(unknown("configuration key", key + name, [key + v for v in valid]))
    for asked in found.asked.values():
        name = asked.cell.optimizer.name
        if name not in asked.protocol.learning_rates:
            raise UsageError(f"protocol.learning_rates.{name} is missing")


@lru_cache(maxsize=1024)
def _facts(dataset: Variant[Any]) -> Facts:
    data = datasets.load(dataset, seed=0)
    patterns, inputs = data.inputs.shape
    return Facts(patterns, inputs, data.targets.shape[1], data.task, data.digest)
