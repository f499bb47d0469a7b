"""A population of tasks, drawn: the same tasks for the same seed, however many are asked for.

Task number k depends on the seed and on k alone, and its data on the number of their draw. So a
larger population begins with the tasks of a smaller one.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from study.ablation.configuration.population import Population
from study.ablation.configuration.protocol import Protocol, changed
from study.ablation.configuration.schema import Grid
from study.ablation.planning.cells import AXES, Facts, axis_value
from study.errors import UsageError, unknown
from study.learning.core.network import count
from study.learning.seeds import generator
from study.learning.variants import Variant

MOST_TRIES = 1000  # nets that are drawn for one task, until one is cheap enough
TOO_COSTLY, AGAIN = "too costly: more than {:g} GFLOP a training", "drawn before"


@dataclass(frozen=True)
class Task:
    """A task of a population: everything about its cells but the rule and the optimizer."""

    name: str  # ``t0017``
    split: str  # the part of the population: fit, confirm, external
    draw: str  # of its data, which other tasks may share
    axes: Mapping[str, Any]  # as they stand in a grid
    own: Mapping[str, Any]  # what of the protocol is its own
    protocol: Protocol  # the experiment's usual one with these
    facts: Facts  # of its data
    gflop: float  # of a training

    def grids(self, arms: Sequence[Grid]) -> Iterator[Grid]:
        """Return the grids of its cells: those of the arms, with its own axes and protocol."""
        for arm in arms:
            protocol = changed(arm.protocol, self.own, f"task {self.name}: protocol.")
            key = f"{self.name}: {arm.key}"
            axes = {**self.axes, **arm.axes}
            yield replace(arm, key=key, axes=axes, protocol=protocol, task=self.name)


@dataclass(frozen=True)
class Drawn:
    """The tasks of a population, and what was drawn and not taken."""

    tasks: tuple[Task, ...]
    rejected: Counter[str]  # reason -> how many nets


def draw(
    population: Population,
    protocol: Protocol,
    facts_of: Callable[[Variant[Any]], Facts],
    most: int | None = None,
) -> Drawn:
    """Draw the first `most` tasks of a population, all of its parts' without it.

    `facts_of` tells the sizes of a dataset. What can't be drawn raises `UsageError`.
    """
    whole = sum(part.tasks for part in population.parts.values())
    if most is not None and most > whole:
        raise UsageError(f"protocol.tasks = {most:,}, and population.parts have {whole:,} tasks")
    sampler = _Sampler(population, protocol, facts_of)
    places = [(name, place) for name, p in population.parts.items() for place in range(p.tasks)]
    tasks = [sampler.task(k, *place) for k, place in enumerate(places[:most])]
    return Drawn(tuple(tasks), sampler.rejected)


class _Sampler:
    """Draws tasks one after the other; no two have the same cells."""

    def __init__(
        self,
        population: Population,
        protocol: Protocol,
        facts_of: Callable[[Variant[Any]], Facts],
    ) -> None:
        self._population, self._protocol, self._facts_of = population, protocol, facts_of
        data = {part.data for part in population.parts.values()}
        for name in sorted(data - population.draw.keys()):
            raise UsageError(unknown("list of population.draw", name, population.draw))
        self._others = [several for name, several in population.draw.items() if name not in data]
        self._known: set[str] = set()
        self.rejected: Counter[str] = Counter()

    def task(self, k: int, split: str, place: int) -> Task:
        """Draw task number `k`, at a place in a part, until it is new and cheap enough."""
        population, part = self._population, self._population.parts[split]
        number = k // population.tasks_a_draw
        own = generator(population.seed, f"population data {number}")
        stream = generator(population.seed, f"population task {k}")
        sources = population.draw[part.data]
        turn = place // population.tasks_a_draw % len(sources)
        source = sources[turn] if part.in_turn else _one(own, sources)
        dataset = _numbered(_value(own, source.get("dataset")), population.seed * 10**6 + number)
        facts = self._facts_of(axis_value("dataset", dataset))
        names = f"t{k:04}", split, f"d{number:04}"
        rest = {key: value for key, value in source.items() if key != "dataset"}
        for _ in range(MOST_TRIES):
            parts = [rest, *(_one(stream, several) for several in self._others)]
            axes = {"dataset": dataset}
            axes |= {key: _value(stream, v) for part in parts for key, v in part.items()}
            task = self._described(names, axes, facts)
            key = json.dumps([task.axes, task.own], sort_keys=True)
            if task.gflop > population.most_gflop:
                self.rejected[TOO_COSTLY.format(population.most_gflop)] += 1
            elif key in self._known:
                self.rejected[AGAIN] += 1
            else:
                self._known.add(key)
                return task
        raise UsageError(
            f"population: none of {MOST_TRIES:,} nets for {dataset} is new and costs at most "
            f"{population.most_gflop:g} GFLOP a training: raise population.most_gflop"
        )

    def _described(self, names: tuple[str, str, str], axes: dict[str, Any], facts: Facts) -> Task:
        axes |= _hidden(axes.get("hidden"))
        own = dict(axes.pop("protocol", {}))
        batch = own.get("batch_size")
        if isinstance(batch, int) and batch >= facts.patterns:
            own["batch_size"] = "full"
        for axis in axes:
            if axis not in AXES:
                raise UsageError(unknown("axis in population.draw", axis, [*AXES, "protocol"]))
        protocol = changed(self._protocol, own, "population.draw: protocol.")
        return Task(*names, axes, own, protocol, facts, _gflop(axes, protocol, facts))


def _hidden(given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        return {}
    if set(given) != {"layers", "units"}:
        raise UsageError(f"population: hidden takes layers and units, not {given!r}")
    return {"hidden": [given["units"]] * given["layers"]}


def _one(stream: np.random.Generator, several: Sequence[Any]) -> Any:
    return several[min(int(stream.random() * len(several)), len(several) - 1)]


def _value(stream: np.random.Generator, given: Any) -> Any:
    if isinstance(given, list):
        return _value(stream, _one(stream, given))
    if not isinstance(given, Mapping):
        return given
    if set(given) == {"from", "to"}:
        return _between(stream, given["from"], given["to"])
    return {key: _value(stream, value) for key, value in given.items()}


def _between(stream: np.random.Generator, low: Any, high: Any) -> float:
    """Draw a number, uniform in its logarithm."""
    if not all(isinstance(x, int | float) and x > 0 for x in (low, high)) or low >= high:
        raise UsageError(f"population: from {low!r} to {high!r} is no range of positive numbers")
    share = stream.random()
    if isinstance(low, int) and isinstance(high, int):  # each whole number has its own stretch
        return min(math.floor(low * ((high + 1) / low) ** share), high)
    return float(f"{low * (high / low) ** share:.3g}")


def _numbered(dataset: Any, number: int) -> Any:
    """Give a dataset that takes one the number of its draw."""
    if isinstance(dataset, str):
        dataset = {dataset: {}}
    if not isinstance(dataset, Mapping):
        raise UsageError(f"population: each of its data names a dataset, not {dataset!r}")
    found = axis_value("dataset", dataset)
    if "draw" not in found.record.parameters:
        return dataset
    if "_target_" in dataset:
        return {**dataset, "draw": number}
    ((name, values),) = dataset.items()
    return {name: {**(values or {}), "draw": number}}


def _gflop(axes: Mapping[str, Any], protocol: Protocol, facts: Facts) -> float:
    """Return the multiplications and additions of a training's updates, forward and back."""
    hidden = axis_value("hidden", axes.get("hidden", [32, 32]))
    weights = count((facts.inputs, *hidden, facts.outputs))
    batch = min(protocol.batch_size or facts.patterns, facts.patterns)
    return 6e-9 * weights * batch * protocol.updates


def summary(drawn: Drawn) -> list[tuple[str, str]]:
    """Say what is in a population: name of a quantity, and its values with their shares."""
    tasks = drawn.tasks
    datasets = [axis_value("dataset", task.axes["dataset"]) for task in tasks]
    protocols = [task.own for task in tasks]
    words: dict[str, list[Any]] = {
        "part": [task.split for task in tasks],
        "family": [str(d.values.get("of") or d.record.family) for d in datasets],
        "kind": [task.facts.task for task in tasks],
        "noise": [d.values.get("noise", 0.0) for d in datasets],
        "objective": [task.axes.get("objective", "") for task in tasks],
        "activation": [task.axes.get("activation", "") for task in tasks],
        "layers": [len(task.axes.get("hidden", [0])) for task in tasks],
        "batch": [own.get("batch_size", "") for own in protocols],
        "gain": [task.axes.get("gain", 1.0) for task in tasks],
    }
    numbers: dict[str, list[float]] = {
        "patterns": [task.facts.patterns for task in tasks],
        "inputs": [task.facts.inputs for task in tasks],
        "units": [task.axes["hidden"][0] for task in tasks if task.axes.get("hidden")],
        "updates": [own["updates"] for own in protocols if "updates" in own],
        "GFLOP": [task.gflop for task in tasks],
    }
    rows = [(name, _shares(values)) for name, values in words.items()]
    for name, values in numbers.items():
        low, first, middle, third, high = np.quantile(values or [0], [0, 0.25, 0.5, 0.75, 1])
        text = f"{low:.3g} to {high:.3g}, half of them {first:.3g} to {third:.3g}"
        rows.append((name, f"{text}, median {middle:.3g}"))
    nets = len(tasks) + sum(drawn.rejected.values())
    rows += [
        ("rejected", f"{100 * number / nets:.0f} % of {nets:,} nets, {reason}")
        for reason, number in drawn.rejected.items()
    ]
    return rows


def _shares(values: Sequence[Any]) -> str:
    counts = Counter(values)
    order = (
        counts.most_common()
        if any(isinstance(value, str) and value for value in counts)
        else sorted(counts.items())
    )
    return ", ".join(f"{value} {100 * n / len(values):.0f} %" for value, n in order)
