"""From grids in a configuration to cells: products of axes, expanded, narrowed, made once."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from study.ablation.configuration.checks import refuse_twice
from study.ablation.configuration.protocol import Protocol
from study.ablation.configuration.schema import Grid
from study.ablation.planning.cells import AXES, DEFAULTS, REGISTRIES, Cell, Facts, cell_from
from study.errors import UsageError, unknown
from study.learning.variants import Variant, plain, resolve


@dataclass(frozen=True)
class Request:
    """A cell that grids ask for.

    Parameters
    ----------
    cell
        Canonical.
    protocol
        How it is trained.
    experiments
        Whose grids ask for it.
    """

    cell: Cell
    protocol: Protocol
    experiments: tuple[str, ...] = ()

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

    def united(self, other: Request) -> Request:
        """Return one request for two of one key."""
        together = dict.fromkeys([*self.experiments, *other.experiments])
        return Request(self.cell, self.protocol.united(other.protocol), tuple(together))


@dataclass
class Expansion:
    """What came of the grids.

    Parameters
    ----------
    asked
        Cells by key, each once, in the order of the grids.
    skipped
        (cell, reason) of the combinations that can't be trained.
    duplicates
        How many combinations equal a cell that was there already.
    optimizers
        Names of all optimizers in the grids, kept or not.
    """

    asked: dict[str, Request] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    duplicates: int = 0
    optimizers: set[str] = field(default_factory=set)

    @property
    def cells(self) -> list[Cell]:
        """The cells alone."""
        return [asked.cell for asked in self.asked.values()]


class Narrowing:
    """The values that ``only`` asks for, and whether the grids have them.

    Parameters
    ----------
    only
        Axis -> value or list of values.

    Raises
    ------
    UsageError
        For an unknown axis, a variant that does not exist, an empty list.
    """

    def __init__(self, only: Mapping[str, Any]) -> None:
        self.wanted = {axis: _wanted(axis, values) for axis, values in only.items()}
        self.matched: dict[str, set[str]] = {axis: set() for axis in self.wanted}
        self.offered: dict[str, dict[str, None]] = {axis: {} for axis in self.wanted}

    def keeps(self, labels: Mapping[str, str]) -> dict[str, bool]:
        """Return for each narrowed axis whether a combination's label is wanted."""
        kept = {}
        for axis, values in self.wanted.items():
            self.offered[axis][labels[axis]] = None
            hits = {v for v in values if self.wants(axis, labels[axis], v)}
            self.matched[axis] |= hits
            kept[axis] = bool(hits)
        return kept

    def wants(self, axis: str, label: str, value: str | None = None) -> bool:
        """Return whether any wanted value, or this one, stands for a label."""
        values = self.wanted[axis] if value is None else [value]
        return any(v in (label, _base(label)) for v in values)

    def check(self) -> None:
        """Raise `UsageError` for the first wanted value that no grid has."""
        for axis, values in self.wanted.items():
            for value in values:
                if value not in self.matched[axis]:
                    names = dict.fromkeys([*map(_base, self.offered[axis]), *self.offered[axis]])
                    raise UsageError(unknown(f"value of only.{axis}", value, names))

    def __str__(self) -> str:
        """Return what is asked for, in words."""
        return ", ".join(f"{axis} {' or '.join(values)}" for axis, values in self.wanted.items())


def expand(
    grids: Sequence[Grid],
    only: Mapping[str, Any],
    facts_of: Callable[[Variant[Any]], Facts],
) -> Expansion:
    """Make the cells of all grids.

    Parameters
    ----------
    grids
        Products: axis -> value or list of values. A variant is a name, or a name with
        parameters; a list in place of a parameter's value expands. Axes that are not named have
        one value, `cells.DEFAULTS`.
    only
        Axis -> values: keep the combinations with these alone. A name stands for all its
        parameters. Datasets that are not kept are not loaded.
    facts_of
        Looks at the data of a dataset.

    Raises
    ------
    UsageError
        For unknown axes and values, a value that yields no cell, an empty plan.
    """
    narrowing = Narrowing(only)
    found = Expansion()
    for grid in grids:
        _expand_one(grid, narrowing, facts_of, found)
    narrowing.check()
    if not found.asked:
        why = found.skipped[0][1] if found.skipped else f"no grid has {narrowing} together"
        raise UsageError(f"the plan is empty: {why}")
    return found


def _expand_one(
    grid: Grid,
    narrowing: Narrowing,
    facts_of: Callable[[Variant[Any]], Facts],
    found: Expansion,
) -> None:
    axes = _axes(grid)
    reasons: dict[tuple[str, str], str] = {}
    alive: set[tuple[str, str]] = set()
    for combination in itertools.product(*axes.values()):
        cell = cell_from(dict(zip(axes, combination, strict=True)))
        labels = {axis: _label(axis, getattr(cell, axis)) for axis in AXES}
        found.optimizers.add(cell.optimizer.name)
        kept = narrowing.keeps(labels)
        if not kept.get("dataset", True):
            alive.update(labels.items())  # without the data nobody can tell
            continue
        data = facts_of(cell.dataset)
        with _own_mistakes(cell):
            asked = Request(
                cell.canonical(data.outputs), _at(grid.protocol, cell.location), (grid.experiment,)
            )
            reason = _impossible(asked, data)
        if reason:
            for pair in labels.items():
                reasons.setdefault(pair, reason)
        else:
            alive.update(labels.items())
        if not all(kept.values()):
            continue
        if reason:
            found.skipped.append((cell.name, reason))
            continue
        before = found.asked.get(asked.key)
        found.asked[asked.key] = before.united(asked) if before else asked
        found.duplicates += before is not None
    for (axis, label), reason in reasons.items():
        if not alive:
            raise UsageError(f"{grid.key} yields no cell: {reason}")
        if (axis, label) not in alive:
            raise UsageError(f"{grid.key}.{axis}: {label} yields no cell: {reason}")


def _at(protocol: Protocol, location: str) -> Protocol:
    """Put a branch's first rule where the grid puts the second."""
    if protocol.branch is None:
        return protocol
    return replace(protocol, branch=replace(protocol.branch, location=location))


def _impossible(asked: Request, data: Facts) -> str:
    """Return why a cell can't be trained, or ""."""
    full_batch = asked.protocol.batch_size is None
    reason = asked.cell.impossible(data, full_batch)
    trunk = asked.trunk(data.outputs)
    if reason or trunk is None:
        return reason
    if asked.cell.consistent != "false":
        return "a branch goes on with the same activation: consistent is not for it"
    return trunk.cell.impossible(data, full_batch)


@contextmanager
def _own_mistakes(cell: Cell) -> Iterator[None]:
    """Tell errors in the functions of users' own records (`refusal`, `output`, ...) in a line."""
    try:
        yield
    except UsageError:
        raise
    except Exception as error:
        targets = [v.target for axis in REGISTRIES if (v := getattr(cell, axis)).target]
        if not targets:
            raise
        said = " ".join(str(error).split())
        raise UsageError(f"{', '.join(targets)}: {type(error).__name__}: {said}") from error


def combinations(grid: Grid, only: Mapping[str, Any]) -> tuple[int, int]:
    """Count the combinations of a grid, and those that `only` keeps, without making them."""
    narrowing, axes = Narrowing(only), _axes(grid)
    wanted = math.prod(
        sum(narrowing.wants(axis, _label(axis, _named(axis, value))) for value in values)
        if axis in only
        else len(values)
        for axis, values in axes.items()
    )
    return math.prod(len(values) for values in axes.values()), wanted


def _named(axis: str, value: Any) -> Any:
    return resolve(axis, REGISTRIES[axis][0], value) if axis in REGISTRIES else value


def _axes(grid: Grid) -> dict[str, list[Any]]:
    given = grid.axes
    for axis in given:
        if axis not in AXES:
            raise UsageError(unknown(f"axis in {grid.key}", axis, [*AXES, "protocol"]))
    if "dataset" not in given:
        raise UsageError(f"{grid.key} names no dataset")
    return {
        axis: _values(f"{grid.key}.{axis}", axis, given.get(axis, DEFAULTS.get(axis)))
        for axis in AXES
    }


def _values(key: str, axis: str, given: Any) -> list[Any]:
    """Return the values of an axis, the lists within them expanded."""
    if axis == "hidden":
        single = not isinstance(given, list) or all(isinstance(w, int) for w in given)
        values = [given] if single else given
    else:
        values = given if isinstance(given, list) else [given]
    if axis in REGISTRIES:
        values = [variant for value in values for variant in _variants(key, value)]
    if not values:
        raise UsageError(f"{key} has no value")
    refuse_twice(key, values)
    return values


def _variants(key: str, spec: Any) -> Iterator[Any]:
    """Expand lists in place of parameters: {floor: {minimum: [0.01, 0.1]}} is two variants."""
    if not isinstance(spec, Mapping):
        yield spec
    elif "_target_" in spec:
        yield from _products(key, spec)
    elif len(spec) == 1:
        (name, given), *_ = spec.items()
        if isinstance(given, Mapping):
            yield from ({name: values} for values in _products(f"{key}.{name}", given))
        else:
            yield dict(spec)
    else:
        raise UsageError(f"{key} takes one name with its parameters, not {dict(spec)!r}")


def _products(key: str, values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, value in values.items():
        if isinstance(value, list) and not value:
            raise UsageError(f"{key}.{name} has no value")
    choices = [v if isinstance(v, list) else [v] for v in values.values()]
    for combination in itertools.product(*choices):
        yield dict(zip(values, combination, strict=True))


def _wanted(axis: str, given: Any) -> list[str]:
    if axis not in AXES:
        raise UsageError(unknown("axis in only", axis, AXES))
    wanted = []
    for value in _values(f"only.{axis}", axis, given):
        if isinstance(value, Mapping):
            registry, _ = REGISTRIES[axis]
            wanted.append(str(resolve(axis, registry, value)))
        else:
            wanted.append(_label(axis, value))
    return wanted


def _label(axis: str, value: Any) -> str:
    if axis == "hidden" and not isinstance(value, str):
        return "-".join(map(str, value if isinstance(value, list | tuple) else [value])) or "none"
    return plain(value) if isinstance(value, bool | int | float) else str(value)


def _base(label: str) -> str:
    """Return a label without parameters."""
    return label.partition("(")[0]
