"""Initial weights: the distribution they are drawn from, and a gain that multiplies them.

Weights are drawn in float64 from the stream "weights" of the seed, layer after layer, so the
same seed gives the same weights in every arm of a comparison.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from study.learning import Array
from study.learning.seeds import generator, normals, uniforms
from study.learning.variants import Parameter, Record, Variant


@dataclass(frozen=True, kw_only=True)
class Initialisation(Record):
    """A distribution of initial weights.

    Parameters
    ----------
    draw
        ``draw(rng, shape, fan_in, fan_out, values)`` gives an array of that shape.
    change
        ``change(layers, values)`` changes the drawn layers, each (n_in + 1, n_out), in place.
    refusal
        ``refusal(values, depth)`` gives the reason why a net with `depth` hidden layers can't have
        these initial weights, or "".
    """

    registry = ("study.learning.initialisations", "INITIALISATIONS")

    draw: Callable[[np.random.Generator, tuple[int, int], int, int, Any], Array]
    change: Callable[[list[Array], Any], None] | None = None
    refusal: Callable[[Any, int], str] | None = None


def initial_parameters(
    initialisation: Variant[Initialisation], gain: float, sizes: tuple[int, ...], seed: int
) -> Array:
    """Return the flat initial parameters (P,) of one network, float64.

    Layer l is (n_in + 1, n_out) in C order; its last row is the bias, zero unless the
    initialisation says ``biases = same``.
    """
    rng = generator(seed, "weights")
    same = initialisation.values.get("biases") == "same"
    layers = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        layer = np.zeros((fan_in + 1, fan_out))
        drawn = initialisation.record.draw(
            rng, (fan_in + same, fan_out), fan_in, fan_out, initialisation.values
        )
        layer[: len(drawn)] = gain * drawn
        layers.append(layer)
    if initialisation.record.change is not None:
        initialisation.record.change(layers, initialisation.values)
    return np.concatenate([layer.ravel() for layer in layers])


def _glorot(rng: Any, shape: Any, fan_in: int, fan_out: int, values: Any) -> Array:
    limit = np.sqrt(6.0 / (fan_in + fan_out))
    return uniforms(rng, -limit, limit, shape)


def _as_base(rng: Any, shape: Any, fan_in: int, fan_out: int, values: Any) -> Array:
    return INITIALISATIONS[values["base"]].draw(rng, shape, fan_in, fan_out, values)


def _zero_a_layer(layers: list[Array], values: Any) -> None:
    layers[int(values["layer"]) - 1][:] = 0.0


def _no_such_layer(values: Any, depth: int) -> str:
    layer = values["layer"]
    if layer <= depth and layer == int(layer):
        return ""
    return f"there is no hidden layer {layer:g}: the net has {depth}"


def _saturate_the_output(layers: list[Array], values: Any) -> None:
    layers[-1][-1] = -values["distance"]


_BASES = ("glorot", "he", "lecun")
BIASES = Parameter("zero", "biases are zero, or drawn like the weights", choices=("zero", "same"))

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
        draw=lambda rng, shape, n_in, n_out, _: np.sqrt(2.0 / n_in) * normals(rng, shape),
    ),
    Initialisation(
        name="lecun",
        formula="N(0, 1 / n_in)",
        reference='LeCun, Bottou, Orr & Müller 1998, "Efficient BackProp"',
        parameters={"biases": BIASES},
        draw=lambda rng, shape, n_in, n_out, _: np.sqrt(1.0 / n_in) * normals(rng, shape),
    ),
    Initialisation(
        name="uniform",
        formula="U(-r, r)",
        reference="Rumelhart, Hinton & Williams 1986; Fahlman 1988 (r = 1)",
        parameters={"r": Parameter(0.5, "half the width", low=0.0), "biases": BIASES},
        draw=lambda rng, shape, n_in, n_out, own: uniforms(rng, -own["r"], own["r"], shape),
    ),
    Initialisation(
        name="zeroed_layer",
        formula="like the base, but all weights and biases of one hidden layer are 0",
        reference="this study, for relu's slope at 0",
        parameters={
            "layer": Parameter(1, "which hidden layer, from 1", low=1.0),
            "base": Parameter("he", "the other layers", choices=_BASES),
            "biases": BIASES,
        },
        draw=_as_base,
        change=_zero_a_layer,
        refusal=_no_such_layer,
    ),
    Initialisation(
        name="wrongly_saturated",
        formula="like the base, but the biases of the output are -z0 at any gain",
        reference="this study, for the escape of a wrongly saturated unit",
        parameters={
            "distance": Parameter(4.0, "z0"),
            "base": Parameter("glorot", "the weights", choices=_BASES),
            "biases": BIASES,
        },
        draw=_as_base,
        change=_saturate_the_output,
    ),
)
INITIALISATIONS: dict[str, Initialisation] = {record.name: record for record in _RECORDS}
