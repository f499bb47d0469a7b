"""From grids in a configuration to cells: products of axes, expanded, narrowed, made once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from study.ablation.cells import AXES, DEFAULTS, REGISTRIES, Cell, Facts, cell_from
from study.learning.records import UsageError, Variant, plain, resolve, unknown


@dataclass
class Expansion:
    """What came of the grids.

    Parameters
    ----------
    cells
        Canonical, each once, in the order of the grids.
    skipped
        (cell, reason) of the combinations that can't be trained.
    duplicates
        How many combinations equal a cell that was there already.
    optimizers
        Names of all optimizers in the grids, kept or not.
    """

    cells: list[Cell] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    duplicates: int = 0
    optimizers: set[str] = field(default_factory=set)


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
            hits = {v for v in values if v in (labels[axis], _base(labels[axis]))}
            self.matched[axis] |= hits
            kept[axis] = bool(hits)
        return kept

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
    grids: Sequence[Mapping[str, Any]],
    only: Mapping[str, Any],
    facts_of: Callable[[Variant[Any]], Facts],
    full_batch: bool,
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
    full_batch
        Whether the protocol trains on full batches.

    Raises
    ------
    UsageError
        For unknown axes and values, a value that yields no cell, an empty plan.
    """
    narrowing = Narrowing(only)
    found = Expansion()
    seen: set[Cell] = set()
    for number, grid in enumerate(grids):
        axes = _axes(number, grid)
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
            canonical = cell.canonical(data.outputs)
            reason = canonical.impossible(data, full_batch)
            if reason:
                for pair in labels.items():
                    reasons.setdefault(pair, reason)
            else:
                alive.update(labels.items())
            if not all(kept.values()):
                continue
            if reason:
                found.skipped.append((cell.name, reason))
            elif canonical in seen:
                found.duplicates += 1
            else:
                seen.add(canonical)
                found.cells.append(canonical)
        for (axis, label), reason in reasons.items():
            if not alive:
                raise UsageError(f"grids[{number}] yields no cell: {reason}")
            if (axis, label) not in alive:
                raise UsageError(f"grids[{number}].{axis}: {label} yields no cell: {reason}")
    narrowing.check()
    if not found.cells:
        why = found.skipped[0][1] if found.skipped else f"no grid has {narrowing} together"
        raise UsageError(f"the plan is empty: {why}")
    return found


def _axes(number: int, grid: Mapping[str, Any]) -> dict[str, list[Any]]:
    for axis in grid:
        if axis not in AXES:
            raise UsageError(unknown(f"axis in grids[{number}]", axis, AXES))
    if "dataset" not in grid:
        raise UsageError(f"grids[{number}] names no dataset")
    return {
        axis: _values(f"grids[{number}].{axis}", axis, grid.get(axis, DEFAULTS.get(axis)))
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
