"""A cell: everything about a training but its learning rate and its seed."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from pydantic import BeforeValidator, PlainValidator

from study.checked import Whole, between, checked, one_of
from study.datasets import DATASETS, Dataset
from study.learning import NUMERICS_VERSION
from study.learning.activations import ACTIVATIONS
from study.learning.activations.base import Activation
from study.learning.activations.matched import not_matched
from study.learning.design import LAST, Design, hidden_layers
from study.learning.initialisations import INITIALISATIONS, Initialisation
from study.learning.objectives import OBJECTIVES, Objective
from study.learning.optimizers import OPTIMIZERS, Optimizer
from study.learning.rules import EXACT, GRADIENTS, canonical
from study.learning.rules.base import Gradient
from study.learning.variants import Variant, plain, resolve

REGISTRIES: dict[str, Mapping[str, Any]] = {
    "dataset": DATASETS,
    "objective": OBJECTIVES,
    "initialisation": INITIALISATIONS,
    "activation": ACTIVATIONS,
    "gradient": GRADIENTS,
    "optimizer": OPTIMIZERS,
}
"""The axes whose values are records, with where the records are."""

MATCHED = {"true": "twin", "forward": "twin forward"}
"""What names of cells say of a matched activation; they are stored, so the words stay."""

DEFAULTS: dict[str, Any] = {
    "objective": "squared_error",
    "hidden": [32, 32],
    "initialisation": "glorot",
    "gain": 1.0,
    "activation": "tanh",
    "gradient": "exact",
    "location": "hidden",
    "consistent": "false",
    "optimizer": "sgd",
}


def _variant(axis: str) -> PlainValidator:
    """Make a reader of an axis whose values are records, the study's or a user's own."""

    def read(spec: Any) -> Variant[Any]:
        registry = REGISTRIES[axis]
        variant = resolve(axis, registry, spec)
        if variant.target and variant.name in registry:
            raise ValueError(
                f"_target_ {variant.target!r} has the name of one of the study's own, "
                f"{variant.name!r}: give it another, or runs could not be told apart"
            )
        return variant

    return PlainValidator(read)


def _gain(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0.0 < given < 1e6:
        raise ValueError(f"takes a number above 0, not {given!r}")
    return float(given)


# one width is a list of it; YAML reads true, not "true"
_widths = BeforeValidator(lambda given: [given] if isinstance(given, int) else given)
_word = BeforeValidator(lambda given: plain(given) if isinstance(given, bool) else given)


@dataclass(frozen=True)
class Facts:
    """What a plan must know of a dataset: its sizes, its task, its digest."""

    patterns: int
    inputs: int
    outputs: int
    task: str
    digest: str


@dataclass(frozen=True)
class Cell:
    """One combination of the axes; the README says what the axes are."""

    dataset: Annotated[Variant[Dataset], _variant("dataset")]
    objective: Annotated[Variant[Objective], _variant("objective")]
    hidden: Annotated[tuple[Annotated[Whole, between(1, 100_000)], ...], _widths]
    initialisation: Annotated[Variant[Initialisation], _variant("initialisation")]
    gain: Annotated[float, PlainValidator(_gain)]
    activation: Annotated[Variant[Activation], _variant("activation")]
    gradient: Annotated[Variant[Gradient], _variant("gradient")]
    location: Annotated[str, one_of("hidden", "output", "all", "none", *LAST)]
    consistent: Annotated[str, one_of("false", "true", "forward"), _word]
    optimizer: Annotated[Variant[Optimizer], _variant("optimizer")]

    @property
    def name(self) -> str:
        """For people: ``digits · tanh · floor(minimum=0.1) · all · sgd``, and what is unusual."""
        parts = [self.dataset.short, self.activation.short, str(self.gradient), self.location]
        if self.consistent in MATCHED:
            parts.append(MATCHED[self.consistent])
        parts.append(self.optimizer.short)
        for axis in ("objective", "initialisation"):
            if (short := getattr(self, axis).short) != DEFAULTS[axis]:
                parts.append(short)
        if list(self.hidden) != DEFAULTS["hidden"]:
            parts.append(self.widths)
        if self.gain != DEFAULTS["gain"]:
            parts.append(f"gain {plain(self.gain)}")
        return " · ".join(parts)

    @property
    def widths(self) -> str:
        """Widths of the hidden layers: ``32-32``; ``none`` without any."""
        return "-".join(map(str, self.hidden)) or "none"

    def specification(self) -> dict[str, Any]:
        """Return plain containers from which `cell_from` makes the cell again."""
        spec: dict[str, Any] = {axis: getattr(self, axis) for axis in AXES}
        spec |= {axis: spec[axis].specification() for axis in REGISTRIES}
        return spec | {"hidden": list(self.hidden)}

    def params(self) -> dict[str, str]:
        """Return the structural parameters, by their names in the store."""
        params = {axis: getattr(self, axis) for axis in AXES} | self.variant_parameters()
        params |= {axis: params[axis].name for axis in REGISTRIES}
        return {name: plain(v) for name, v in (params | {"hidden": self.widths}).items()}

    def variant_parameters(self) -> dict[str, float | str | bool]:
        """Return ``gradient.minimum`` and the like; flags only where they are set."""
        return {
            f"{axis}.{name}": value
            for axis in REGISTRIES
            for name, value in getattr(self, axis).values.items()
            if value is not False
        }

    def design(self) -> Design:
        """Return what the learning core trains."""
        values = {axis: getattr(self, axis) for axis in AXES if axis != "dataset"}
        values["activation"] = self.activation.record.bind(**self.activation.values)
        return Design(
            **values | {"objective": self.objective.record.bind(**self.objective.values)}
        )

    def reference(self) -> Cell:
        """Return the cell with the exact gradient that this one is compared with."""
        return replace(self, gradient=EXACT, location="none", consistent="false")

    def canonical(self, outputs: int) -> Cell:
        """Return the cell that stands for all identical ones, given the number of output units.

        The location is ``hidden`` or ``output`` for ``all`` where the rule changes nothing
        elsewhere, and ``hidden`` for the last layers where these are all. The gradient is the
        simplest that equals this one on every activation it stands at, and exact has the location
        ``none`` and matches itself. Impossible cells stay what they are.
        """
        rule, location, design = self.gradient.record, self.location, self.design()
        output, depth = design.output(outputs), len(self.hidden)
        if location in LAST and 0 < depth == hidden_layers(location, depth):
            location = "hidden"
        if location == "all" and (rule.hidden_only or set(output.slopes) == {1.0}):
            location = "hidden"
        places = {
            place: activation
            for place, activation in (("hidden", design.activation), ("output", output))
            if (
                hidden_layers(location, depth)
                if place == "hidden"
                else location in ("output", "all")
            )
        }
        rules = {place: canonical(self.gradient, a) for place, a in places.items()}
        changed = {place: rule for place, rule in rules.items() if rule != EXACT}
        if self.gradient == EXACT or (places and not changed):
            return self.reference()
        no_output = rule.hidden_only or not self.objective.record.output_factor
        if location in ("output", "all") and no_output:
            return self
        if location == "all" and len(changed) == 1:
            (location,) = changed
        simplest = set(changed.values())
        gradient = self.gradient
        if len(simplest) == 1:
            (simple,) = simplest
            if location in ("hidden", *LAST) or not simple.record.hidden_only:
                gradient = simple
        return replace(self, gradient=gradient, location=location)

    def impossible(self, data: Facts, full_batch: bool) -> str:
        """Return the reason why the (canonical) cell can't be trained on these data, or ""."""
        objective, rule, design = self.objective.record, self.gradient.record, self.design()
        f = design.activation
        if data.task not in objective.tasks:
            return f"objective {objective.name} is not for {data.task}"
        if self.optimizer.record.full_batch and not full_batch:
            return f"optimizer {self.optimizer.name} needs protocol.batch_size=full"
        if self.location == "none" and self.gradient != EXACT:
            return f"location none is for exact alone, not for {rule.name}"
        if reason := design.misplaced(data.outputs):
            return reason
        if self.consistent != "false" and self.location != "hidden":
            return "a matched activation replaces hidden units' alone: its location is hidden"
        if self.consistent != "false" and (reason := not_matched(self.gradient, f)):
            return f"gradient {self.gradient} with {f.name} has no matched activation: {reason}"
        beginning = self.initialisation.record.refusal
        if beginning and (reason := beginning(self.initialisation.values, len(self.hidden))):
            return f"initialisation {self.initialisation}: {reason}"
        return ""


AXES = tuple(field.name for field in fields(Cell))
_TYPES = get_type_hints(Cell, include_extras=True)


def axis_value(axis: str, given: Any) -> Any:
    """Return a value of an axis as cells have it, or refuse it."""
    return checked(_TYPES[axis], given, axis)


def cell_from(values: Mapping[str, Any]) -> Cell:
    """Make a cell from one value for each axis; see `axis_value`."""
    return Cell(*(axis_value(axis, values[axis]) for axis in AXES))


def identity(
    cell: Cell,
    digest: str,
    protocol: Mapping[str, Any],
    reference: str | Mapping[str, str] | None,
) -> str:
    """Return the identity of a canonical cell: 40 hex digits of what decides its results.

    Beside the digest of its data and what it sees of the protocol that is the reference: the
    identity of the cell at whose rate it is also evaluated. A branched cell has the identities,
    by use, of those whose rates it takes.
    """
    content = {
        "cell": cell.specification(),
        "data": digest,
        "protocol": protocol,
        "reference": reference,
        "numerics": NUMERICS_VERSION,
        "own records": {axis: own_digest(getattr(cell, axis)) for axis in REGISTRIES},
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def own_digest(variant: Variant[Any]) -> str:
    """Digest of the file of a user's own record, "" for the study's."""
    module = sys.modules.get(variant.target.rpartition(".")[0])
    path = getattr(module, "__file__", None)
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path else ""
