"""A design from names, as a grid has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from study.learning.activations import bound_activation
from study.learning.design import Design
from study.learning.initialisations import INITIALISATIONS
from study.learning.objectives import OBJECTIVES
from study.learning.optimizers import OPTIMIZERS
from study.learning.rules import GRADIENTS
from study.learning.variants import resolve


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
        objective=resolve("objective", OBJECTIVES, objective).record,
        gradient=resolve("gradient", GRADIENTS, gradient),
        location=location,
        initialisation=resolve("initialisation", INITIALISATIONS, initialisation),
        gain=gain,
        optimizer=resolve("optimizer", OPTIMIZERS, optimizer),
        consistent=consistent,
    )
