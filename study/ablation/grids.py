"""From grids in a configuration to cells: products of axes, expanded, narrowed, made once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from study.ablation.cells import AXES, DEFAULTS, REGISTRIES, Cell, cell_from
from study.learning.records import UsageError, resolve, unknown


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
    """

    cells: list[Cell] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    duplicates: int = 0


def expand(
    grids: Sequence[Mapping[str, Any]],
    only: Mapping[str, Any],
    outputs_of: Any,
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
        Axis -> values: keep the combinations with these alone.
    outputs_of
        ``outputs_of(dataset variant)``, the number of output units.
    full_batch
        Whether the protocol trains on full batches.

    Raises
    ------
    UsageError
        For unknown axes and values, a value that yields no cell, an empty plan.
    """
    wanted = {axis: _wanted(axis, values) for axis, values in only.items()}
    found = Expansion()
    seen: set[Cell] = set()
    matched: dict[str, set[str]] = {axis: set() for axis in wanted}
    offered: dict[str, dict[str, None]] = {axis: {} for axis in wanted}
    for number, grid in enumerate(grids):
        axes = _axes(number, grid)
        reasons: dict[tuple[str, str], str] = {}
        alive: set[tuple[str, str]] = set()
        for combination in itertools.product(*axes.values()):
            cell = cell_from(dict(zip(axes, combination, strict=True)))
            labels = {axis: _label(axis, getattr(cell, axis)) for axis in AXES}
            for axis in wanted:
                offered[axis][labels[axis]] = None
            hits = {axis: _hits(labels[axis], wanted[axis]) for axis in wanted}
            for axis, hit in hits.items():
                matched[axis] |= hit
            kept = all(hits.values())
            outputs = outputs_of(cell.dataset)
            canonical = cell.canonical(outputs)
            reason = canonical.impossible(outputs, full_batch)
            for axis in AXES:
                key = (axis, labels[axis])
                if reason:
                    reasons.setdefault(key, reason)
                else:
                    alive.add(key)
            if not kept:
                continue
            if reason:
                found.skipped.append((cell.name, reason))
            elif canonical in seen:
                found.duplicates += 1
            else:
                seen.add(canonical)
                found.cells.append(canonical)
        for (axis, label), reason in reasons.items():
            if (axis, label) not in alive:
                raise UsageError(f"grids[{number}].{axis}: {label} yields no cell: {reason}")
    for axis, values in wanted.items():
        for value in values:
            if value not in matched[axis]:
                raise UsageError(
                    f"only.{axis}: "
                    + unknown("value", value, list(offered[axis]))
                    + " in this experiment's grids"
                )
    if not found.cells:
        why = f": {found.skipped[0][1]}" if found.skipped else ""
        raise UsageError(f"the plan is empty{why}")
    return found


def _axes(number: int, grid: Mapping[str, Any]) -> dict[str, list[Any]]:
    for axis in grid:
        if axis not in AXES:
            raise UsageError(unknown(f"axis in grids[{number}]", axis, AXES))
    if "dataset" not in grid:
        raise UsageError(f"grids[{number}] names no dataset")
    axes = {}
    for axis in AXES:
        given = grid.get(axis, DEFAULTS.get(axis))
        values = list(_values(axis, given))
        if not values:
            raise UsageError(f"grids[{number}].{axis} has no value")
        axes[axis] = values
    return axes


def _values(axis: str, given: Any) -> Iterator[Any]:
    if axis == "hidden":
        single = not isinstance(given, list) or all(isinstance(w, int) for w in given)
        yield from [given] if single else given
        return
    for value in given if isinstance(given, list) else [given]:
        if axis in REGISTRIES and isinstance(value, Mapping):
            yield from _variants(axis, value)
        else:
            yield value


def _variants(axis: str, spec: Mapping[str, Any]) -> Iterator[Any]:
    """Expand lists in place of parameters: {floor: {minimum: [0.01, 0.1]}} is two variants."""
    if "_target_" in spec:
        for values in _products(spec):
            yield values
    elif len(spec) == 1:
        (name, given), *_ = spec.items()
        if isinstance(given, Mapping):
            for values in _products(given):
                yield {name: values}
        else:
            yield dict(spec)
    else:
        raise UsageError(f"{axis} takes one name with its parameters, not {dict(spec)!r}")


def _products(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    choices = [v if isinstance(v, list) else [v] for v in values.values()]
    for combination in itertools.product(*choices):
        yield dict(zip(values, combination, strict=True))


def _wanted(axis: str, values: Any) -> list[str]:
    if axis not in AXES:
        raise UsageError(unknown("axis in only", axis, AXES))
    wanted = []
    for value in _values(axis, values):
        if isinstance(value, Mapping):
            registry, _ = REGISTRIES[axis]
            wanted.append(str(resolve(axis, registry, value)))
        else:
            wanted.append(_label(axis, value))
    return wanted


def _label(axis: str, value: Any) -> str:
    if axis == "hidden":
        return value if isinstance(value, str) else "-".join(map(str, _listed(value))) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _hits(label: str, wanted: Sequence[str]) -> set[str]:
    """Which wanted values the label matches: all of it, or its name without parameters."""
    return {w for w in wanted if w in (label, label.partition("(")[0])}
