"""From grids in a configuration to cells: products of axes, narrowed, each cell made once."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from study.ablation.configuration.protocol import Protocol, rates
from study.ablation.configuration.schema import Grid
from study.ablation.planning.cells import AXES, DEFAULTS, REGISTRIES, Cell, Facts, axis_value
from study.checked import refuse_twice
from study.errors import UsageError, unknown
from study.learning.variants import Variant, plain, resolve


@dataclass
class Value:
    """A value of an axis: how tables name it, what cells have, and whether ``only`` keeps it."""

    label: str
    value: Any
    kept: bool = True


@dataclass(frozen=True)
class Product:
    """A grid as it was written, and the values of each of its axes."""

    grid: Grid
    axes: Mapping[str, Sequence[Value]]

    def size(self, kept: bool = False) -> int:
        """Return the number of combinations, all or those that ``only`` keeps."""
        return math.prod(
            sum(value.kept or not kept for value in values) for values in self.axes.values()
        )


@dataclass(frozen=True)
class Request:
    """A cell that grids ask for."""

    cell: Cell  # canonical
    protocol: Protocol  # how it is trained
    experiments: tuple[str, ...] = ()  # whose grids ask for it
    task: str = ""  # of a population

    @property
    def key(self) -> str:
        """What makes it another cell: all but the number of evaluation seeds, and transfer.

        Two requests that differ in these alone are one cell, which serves both (`united`).
        """
        seen = self.protocol.seen(self.cell.optimizer.name)
        del seen["evaluation_seeds"]
        # a user's own record is told from another by its target
        return json.dumps([self.cell.specification(), seen], sort_keys=True)

    def alone(self) -> Request:
        """Return the same cell without a branch: its rule, trained from the start."""
        return replace(self, protocol=replace(self.protocol, branch=None))

    def trunk(self, outputs: int) -> Request | None:
        """Return the cell of a branch's first rule, trained from the start; None without one."""
        branch = self.protocol.branch
        if branch is None:
            return None
        cell = replace(self.cell, gradient=branch.gradient, location=branch.location)
        return replace(self.alone(), cell=cell.canonical(outputs))

    def united(self, other: Request | None) -> Request:
        """Return one request for two of one key."""
        if other is None:
            return self
        together = dict.fromkeys([*other.experiments, *self.experiments])
        protocol = self.protocol.united(other.protocol)
        return replace(other, protocol=protocol, experiments=tuple(together))

    def impossible(self, data: Facts) -> str:
        """Return why the cell cannot be trained, or ""."""
        full_batch = self.protocol.batch_size is None
        reason = self.cell.impossible(data, full_batch)
        trunk = self.trunk(data.outputs)
        if reason or trunk is None:
            return reason
        if self.cell.consistent != "false":
            return "a branch goes on with the same activation: consistent is not for it"
        return trunk.cell.impossible(data, full_batch)


@dataclass
class Expansion:
    """What came of the grids."""

    asked: dict[str, Request] = field(default_factory=dict)  # each cell once, by its key
    skipped: list[tuple[str, str]] = field(default_factory=list)  # (cell, why it is impossible)
    duplicates: int = 0  # how many combinations equal a cell that was there already


def products(grids: Sequence[Grid], only: Mapping[str, Any]) -> list[Product]:
    """Read the axes of grids, without combining them.

    A variant is a name, or a name with parameters; a list in place of a parameter's value expands.
    An axis that a grid does not name has one value, that of `cells.DEFAULTS`. With `only` the
    combinations of these values alone are kept, where a name stands for all its parameters.
    """
    read = [Product(grid, _axes(grid)) for grid in grids]
    for axis, given in only.items():
        wanted = _wanted(axis, given)
        labels = [value.label for product in read for value in product.axes[axis]]
        names = dict.fromkeys([*map(_base, labels), *labels])
        for name in wanted:
            if name not in names:
                raise UsageError(unknown(f"value of only.{axis}", name, names))
        for product in read:
            for value in product.axes[axis]:
                value.kept = value.label in wanted or _base(value.label) in wanted
    return read


def expand(
    narrowed: Sequence[Product],
    only: Mapping[str, Any],
    facts_of: Callable[[Variant[Any]], Facts],
) -> Expansion:
    """Make the cells of all grids. The data of datasets that `only` leaves out are not loaded.

    A value of a grid that yields no cell, and an empty plan, raise `UsageError`.
    """
    found = Expansion()
    for product in narrowed:
        _expand(product, facts_of, found)
    if not found.asked:
        asked = ", ".join(f"{a} {' or '.join(_wanted(a, values))}" for a, values in only.items())
        why = found.skipped[0][1] if found.skipped else f"no grid has {asked} together"
        raise UsageError(f"the plan is empty: {why}")
    return found


def _expand(product: Product, facts_of: Callable[[Variant[Any]], Facts], found: Expansion) -> None:
    reasons: dict[tuple[str, str], str] = {}
    alive: set[tuple[str, str]] = set()
    wanted = False
    for values in itertools.product(*product.axes.values()):
        cell = Cell(*(value.value for value in values))
        labels = [(axis, value.label) for axis, value in zip(AXES, values, strict=True)]
        if not values[0].kept:  # its dataset
            alive.update(labels)  # without the data nobody can tell
            continue
        asked, reason = _request(product.grid, cell, facts_of(cell.dataset))
        if reason:
            for pair in labels:
                reasons.setdefault(pair, reason)
        else:
            alive.update(labels)
        if not all(value.kept for value in values):
            continue
        wanted = True
        if reason:
            found.skipped.append((cell.name, reason))
            continue
        found.duplicates += asked.key in found.asked
        found.asked[asked.key] = asked.united(found.asked.get(asked.key))
    # arms that are not for every task, and a grid of which nothing is asked for
    if product.grid.task or not wanted:
        return
    for (axis, label), reason in reasons.items():
        if not alive:
            raise UsageError(f"{product.grid.key} yields no cell: {reason}")
        if (axis, label) not in alive:
            raise UsageError(f"{product.grid.key}.{axis}: {label} yields no cell: {reason}")


def _request(grid: Grid, cell: Cell, data: Facts) -> tuple[Request, str]:
    """Return the request for a combination, and why it cannot be trained, or ""."""
    protocol = grid.protocol
    if protocol.branch:  # its first rule stands where the grid puts the second
        branch = replace(protocol.branch, location=cell.location)
        protocol = replace(protocol, branch=branch)
    optimizer = cell.optimizer.record
    if optimizer.name not in protocol.learning_rates and optimizer.learning_rates:  # a user's own
        own = {optimizer.name: rates(optimizer.learning_rates)}
        protocol = replace(protocol, learning_rates={**protocol.learning_rates, **own})
    try:
        asked = Request(cell.canonical(data.outputs), protocol, (grid.experiment,), grid.task)
        return asked, asked.impossible(data)
    except UsageError:
        raise
    except Exception as error:  # in functions of users' own records: refusal, output, ...
        targets = [v.target for axis in REGISTRIES if (v := getattr(cell, axis)).target]
        if not targets:
            raise
        said = " ".join(str(error).split())
        raise UsageError(f"{', '.join(targets)}: {type(error).__name__}: {said}") from error


def _axes(grid: Grid) -> dict[str, list[Value]]:
    given = grid.axes
    for axis in given:
        if axis not in AXES:
            raise UsageError(unknown(f"axis in {grid.key}", axis, [*AXES, "protocol"]))
    if "dataset" not in given:
        raise UsageError(f"{grid.key} names no dataset")
    read = {}
    for axis in AXES:
        written = _values(f"{grid.key}.{axis}", axis, given.get(axis, DEFAULTS.get(axis)))
        values = [axis_value(axis, value) for value in written]
        read[axis] = [Value(_label(axis, value), value) for value in values]
    return read


def _values(key: str, axis: str, given: Any) -> list[Any]:
    """Return the values of an axis, the lists within them expanded."""
    several = isinstance(given, list)
    if axis == "hidden" and several:  # a list of numbers is one network
        several = not all(isinstance(width, int) for width in given)
    values = given if several else [given]
    if axis in REGISTRIES:
        values = [variant for value in values for variant in _variants(key, value)]
    if not values:
        raise UsageError(f"{key} has no value")
    refuse_twice(key, values)
    return values


def _variants(key: str, spec: Any) -> list[Any]:
    """Expand lists in place of parameters: {floor: {minimum: [0.01, 0.1]}} is two variants."""
    if not isinstance(spec, Mapping):
        return [spec]
    if "_target_" in spec:
        return _combinations(key, spec)
    if len(spec) != 1:
        raise UsageError(f"{key} takes one name with its parameters, not {dict(spec)!r}")
    ((name, given),) = spec.items()
    if not isinstance(given, Mapping):
        return [dict(spec)]
    return [{name: values} for values in _combinations(f"{key}.{name}", given)]


def _combinations(key: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    for name, value in values.items():
        if isinstance(value, list) and not value:
            raise UsageError(f"{key}.{name} has no value")
    choices = [v if isinstance(v, list) else [v] for v in values.values()]
    return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*choices)]


def _wanted(axis: str, given: Any) -> list[str]:
    if axis not in AXES:
        raise UsageError(unknown("configuration key", f"only.{axis}", [f"only.{a}" for a in AXES]))
    return [
        str(resolve(axis, REGISTRIES[axis], value))
        if isinstance(value, Mapping)
        else _label(axis, value)
        for value in _values(f"only.{axis}", axis, given)
    ]


def _label(axis: str, value: Any) -> str:
    if axis == "hidden" and not isinstance(value, str):
        return "-".join(map(str, value if isinstance(value, list | tuple) else [value])) or "none"
    return plain(value) if isinstance(value, bool | int | float) else str(value)


def _base(label: str) -> str:
    """Return a label without parameters."""
    return label.partition("(")[0]
