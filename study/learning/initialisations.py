"""Initial weights: how wide, and from which distribution. A gain multiplies them all.

Numbers are drawn in float64 from the stream "weights" of the seed, layer after layer, so the
same seed gives the same weights in every arm of a comparison.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.learning.records import Parameter, Record, Variant
from study.learning.seeds import generator

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Initialisation(Record):
    """A distribution of initial weights.

    Parameters
    ----------
    draw
        ``draw(rng, shape, fan_in, fan_out, values)`` gives an array of that shape.
    """

    draw: Callable[[np.random.Generator, tuple[int, int], int, int, Any], Array]


def initial_parameters(
    initialisation: Variant[Initialisation], gain: float, sizes: tuple[int, ...], seed: int
) -> Array:
    """Return the flat initial parameters (P,) of one network, float64.

    Layer l is (n_in + 1, n_out) in C order; its last row is the bias, zero unless the
    initialisation says ``biases = same``.
    """
    rng = generator(seed, "weights")
    same = initialisation.values["biases"] == "same"
    layers = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        layer = np.zeros((fan_in + 1, fan_out))
        drawn = initialisation.record.draw(
            rng, (fan_in + same, fan_out), fan_in, fan_out, initialisation.values
        )
        layer[: len(drawn)] = gain * drawn
        layers.append(layer.ravel())
    return np.concatenate(layers)


def _glorot(
    rng: np.random.Generator, shape: tuple[int, int], fan_in: int, fan_out: int, values: Any
) -> Array:
    limit = np.sqrt(6.0 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, shape)


def _he(
    rng: np.random.Generator, shape: tuple[int, int], fan_in: int, fan_out: int, values: Any
) -> Array:
    return rng.normal(0.0, np.sqrt(2.0 / fan_in), shape)


def _lecun(
    rng: np.random.Generator, shape: tuple[int, int], fan_in: int, fan_out: int, values: Any
) -> Array:
    return rng.normal(0.0, np.sqrt(1.0 / fan_in), shape)


def _uniform(
    rng: np.random.Generator, shape: tuple[int, int], fan_in: int, fan_out: int, values: Any
) -> Array:
    return rng.uniform(-values["r"], values["r"], shape)


BIASES = Parameter("zero", "biases: zero, or from the weights' own", choices=("zero", "same"))

_RECORDS = (
    Initialisation(
        name="glorot",
        formula="U(-a, a), a = √(6 / (n_in + n_out))",
        reference="Glorot & Bengio 2010",
        parameters={"biases": BIASES},
        draw=_glorot,
    ),
    Initialisation(
        name="he",
        formula="N(0, 2 / n_in)",
        reference="He, Zhang, Ren & Sun 2015",
        parameters={"biases": BIASES},
        draw=_he,
    ),
    Initialisation(
        name="lecun",
        formula="N(0, 1 / n_in)",
        reference='LeCun, Bottou, Orr & Müller 1998, "Efficient BackProp"',
        parameters={"biases": BIASES},
        draw=_lecun,
    ),
    Initialisation(
        name="uniform",
        formula="U(-r, r)",
        reference="Rumelhart, Hinton & Williams 1986; Fahlman 1988 (r = 1)",
        parameters={"r": Parameter(0.5, "half the width", low=0.0), "biases": BIASES},
        draw=_uniform,
    ),
)
INITIALISATIONS: dict[str, Initialisation] = {record.name: record for record in _RECORDS}
