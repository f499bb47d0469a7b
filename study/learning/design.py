"""What is trained, and how long: a design, and the budget it gets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from study.learning.activations import bound_activation
from study.learning.activations.base import Activation
from study.learning.activations.matched import matched_activation, original_slope
from study.learning.core.fixed import exp, log
from study.learning.initialisations import INITIALISATIONS, Initialisation
from study.learning.objectives import OBJECTIVES, Objective
from study.learning.optimizers import OPTIMIZERS, Optimizer
from study.learning.rules import EXACT, GRADIENTS
from study.learning.rules.base import Gradient
from study.learning.variants import Variant, resolve

LAST = {f"last_{k}": k for k in range(1, 10)}
"""Locations in the last k hidden layers, those next to the output -> k."""


def hidden_layers(location: str, depth: int) -> int:
    """Return in how many of `depth` hidden layers, from the last one down, a rule stands."""
    return min(LAST.get(location, depth if location in ("hidden", "all") else 0), depth)


@dataclass(frozen=True)
class Network:
    """What outputs, loss and gradient depend on, but for the weights and the data.

    Parameters
    ----------
    hidden
        Widths of the hidden layers.
    activation
        Of the hidden units, bound.
    objective
        What is minimised and scored.
    gradient
        The gradient rule: what stands in the slope's place.
    location
        Where: "hidden", "output", "all", or "last_1" and on: the last k hidden layers.
    consistent
        "false", "true" or "forward": what the hidden layers compute forward and propagate back,
        see `study.learning.activations.matched`. The output units are the same in all three.
    """

    hidden: tuple[int, ...]
    activation: Activation
    objective: Objective
    gradient: Variant[Gradient]
    location: str
    consistent: str = field(default="false", kw_only=True)

    @property
    def forward(self) -> Activation:
        """Activation of the hidden units: f, or the matched F."""
        if self.consistent == "false":
            return self.activation
        return matched_activation(self.gradient, self.activation)

    def output(self, outputs: int) -> Activation:
        """Activation of the output units."""
        return self.objective.output(self.activation, outputs)

    def rules(self) -> list[Variant[Gradient] | None]:
        """Return the rule of each layer, None where no factor stands (see `network.multiply`)."""
        depth = len(self.hidden)
        count = hidden_layers(self.location, depth)
        hidden = self.gradient
        if self.consistent != "false":
            hidden = original_slope(self.activation) if self.consistent == "forward" else EXACT
        output = self.gradient if self.location in ("output", "all") else EXACT
        if self.gradient.record.hidden_only:
            output = EXACT
        top = output if self.objective.output_factor else None
        return [EXACT] * (depth - count) + [hidden] * count + [top]

    def misplaced(self, outputs: int) -> str:
        """Return the reason why the gradient can't stand at its location, or ""."""
        objective, rule = self.objective, self.gradient.record
        if self.location in ("output", "all") and not objective.output_factor:
            return f"with {objective.name} no factor stands at the output, only in hidden layers"
        if self.location == "output" and rule.hidden_only:
            return f"gradient {rule.name} is defined for hidden layers alone"
        if self.location in ("hidden", *LAST) and not self.hidden:
            return "there is no hidden layer"
        layers = [(width, self.activation) for width in self.hidden]
        layers.append((outputs, self.output(outputs)))
        for (units, activation), placed in zip(layers, self.rules(), strict=True):
            if placed is None or placed.record is not rule or rule.refusal is None:
                continue
            reason = rule.refusal(self.gradient.values, activation, units)
            if reason:
                return f"gradient {self.gradient} with {activation.name}: {reason}"
        return ""


@dataclass(frozen=True)
class Design(Network):
    """What is trained: all that the replicas of a stack have in common.

    Parameters
    ----------
    initialisation, gain
        Initial weights.
    optimizer
        With its parameters.
    """

    initialisation: Variant[Initialisation]
    gain: float
    optimizer: Variant[Optimizer]


@dataclass(frozen=True)
class Budget:
    """How long and how closely.

    Parameters
    ----------
    updates
        Number of updates.
    batch_size
        Patterns in a batch; None for full batches.
    decay
        Let the learning rate fall linearly to 0 over the second half.
    checkpoints
        How many, from update 0 to the last, log-spaced.
    probes
        At how many of them the probes are taken.
    dtype
        "float32" or "float64".
    stopping
        Whether test scores are taken at the checkpoints, for early stopping.
    learnt_within
        A training ends when each output is nearer than this to its target on all patterns, as a
        share of the distance of the two target values. Full batches alone; None to go on.
    """

    updates: int = 1000
    batch_size: int | None = 32
    decay: bool = True
    checkpoints: int = 20
    probes: int = 8
    dtype: str = "float32"
    stopping: bool = False
    learnt_within: float | None = None

    def schedule(self, step: int) -> float:
        """Factor on the learning rate at `step`, from 1."""
        return min(1.0, 2.0 * (1.0 - (step - 1) / self.updates)) if self.decay else 1.0

    def marks(self) -> list[int]:
        """Return the updates after which the stack is measured."""
        parts = np.linspace(0.0, 1.0, max(self.checkpoints - 1, 1))[:-1]
        between = exp(parts * log(max(self.updates, 1)))
        return sorted(
            {0, self.updates, *(int(u) for u in np.round(between[between <= self.updates]))}
        )

    def probed(self) -> set[int]:
        """Return the marks at which the probes are taken; the last is one."""
        marks = self.marks()
        at = np.round(np.linspace(0, len(marks) - 1, min(self.probes, len(marks))))
        return {marks[int(i)] for i in at} | ({marks[-1]} if self.probes else set())


def bound_objective(spec: Any) -> Objective:
    """Return the objective of a specification, with its parameters' values."""
    found = resolve("objective", OBJECTIVES, spec)
    return found.record.bind(**found.values)


def named_design(
    hidden: Sequence[int],
    activation: Any = "tanh",
    *,
    gradient: Any = "exact",
    location: str = "hidden",
    objective: Any = "squared_error",
    optimizer: Any = "sgd",
    initialisation: Any = "glorot",
    gain: float = 1.0,
    consistent: str = "false",
) -> Design:
    """Return a design.

    Parameters
    ----------
    hidden
        Widths of the hidden layers.
    activation, gradient, objective, optimizer, initialisation
        Specifications as `study.learning.variants.resolve` takes them: a name, a name with
        parameters, a record, or a variant.
    location, gain, consistent
        As in `Design`.

    Raises
    ------
    UsageError
        For an unknown name or parameter.
    """
    return Design(
        hidden=tuple(hidden),
        activation=bound_activation(activation),
        objective=bound_objective(objective),
        gradient=resolve("gradient", GRADIENTS, gradient),
        location=location,
        initialisation=resolve("initialisation", INITIALISATIONS, initialisation),
        gain=gain,
        optimizer=resolve("optimizer", OPTIMIZERS, optimizer),
        consistent=consistent,
    )
