"""Oracle of the core: one network, plain floats, one number at a time.

Matrices are lists: net[n][j] for pattern n and unit j, weights[l][i][j] for input i (the last one
is the bias) and unit j of layer l.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import Any

from oracles.activations import Curve
from oracles.rules import FACTORS, HIDDEN_ONLY, Layer, Matrix, mean_slope


@dataclass(frozen=True)
class Rule:
    """A gradient rule, its parameters, and where it stands."""

    name: str = "exact"
    values: dict[str, Any] = field(default_factory=dict)
    location: str = "hidden"

    def at(self, number: int, top: int) -> Rule:
        """Return the rule that stands at a layer; `top` is the number of the output, from 0."""
        places = ("output", "all") if number == top else ("hidden", "all")
        refused = number == top and self.name in HIDDEN_ONLY
        if self.location.startswith("last_"):  # the k layers below the output
            stands = top - int(self.location[5:]) <= number < top
        else:
            stands = self.location in places
        return self if stands and not refused else Rule()


@dataclass
class Net:
    """One network: weights, the curve of the hidden units, the output and the objective."""

    weights: list[Matrix]
    hidden: Curve
    output: Curve | str  # a curve, or "softmax"
    output_factor: bool  # the output delta holds f'
    means: list[float] = field(default_factory=list)

    @staticmethod
    def unflatten(flat: Any, sizes: tuple[int, ...]) -> list[Matrix]:
        """Cut a flat row into layers of n_in + 1 rows (the last is the bias) of n_out numbers."""
        numbers, layers = [float(x) for x in flat], []
        for n_in, n_out in itertools.pairwise(sizes):
            layers.append([[numbers.pop(0) for _ in range(n_out)] for _ in range(n_in + 1)])
        return layers

    def curve_of(self, layer: int) -> Curve | str:
        return self.output if layer == len(self.weights) - 1 else self.hidden

    def forward(self, inputs: Matrix) -> tuple[list[Matrix], list[Matrix]]:
        """Return net inputs and outputs of each layer; outputs begin with the inputs."""
        nets: list[Matrix] = []
        outs = [[list(x) for x in inputs]]
        for number, layer in enumerate(self.weights):
            net = product([[*pattern, 1.0] for pattern in outs[-1]], layer)
            f = self.curve_of(number)
            nets.append(net)
            outs.append(
                [
                    [f.value(z) for z in row] if isinstance(f, Curve) else softmax(row)
                    for row in net
                ]
            )
        return nets, outs

    def mean_slopes(self, inputs: Matrix) -> list[float]:
        """Return c_l of every layer on these patterns (NaN at a softmax)."""
        curves = [(self.curve_of(at), net) for at, net in enumerate(self.forward(inputs)[0])]
        return [mean_slope(f, net) if isinstance(f, Curve) else math.nan for f, net in curves]

    def gradient(
        self, inputs: Matrix, targets: Matrix, rule: Rule, seed: int = 0, step: int = 1
    ) -> list[Matrix]:
        """Return the gradient that the rule gives, shaped like the weights."""
        nets, outs = self.forward(inputs)
        patterns, top = len(inputs), len(self.weights) - 1
        gradient: list[Matrix] = []
        delta = [
            [(y - t) / patterns for y, t in zip(ys, ts, strict=True)]
            for ys, ts in zip(outs[-1], targets, strict=True)
        ]
        for number in range(top, -1, -1):
            f = self.curve_of(number)
            if number < top or self.output_factor:
                assert isinstance(f, Curve)
                placed = rule.at(number, top)
                mean = self.means[number] if self.means else math.nan
                place = number + 1, number == top - 1, seed, step
                layer = Layer(f, nets[number], *place, mean, placed.values)
                for n in layer.patterns:
                    for j in layer.units:
                        delta[n][j] *= FACTORS[placed.name](layer, n, j)
                        overwrite = placed.values.get("arm") == "overwrite"
                        if overwrite and f.at_zero(nets[number][n][j]):
                            delta[n][j] = placed.values["value"]
            gradient.insert(0, product(transposed([[*row, 1.0] for row in outs[number]]), delta))
            delta = product(delta, transposed(self.weights[number][:-1]))
        return gradient


def transposed(matrix: Matrix) -> Matrix:
    return [list(column) for column in zip(*matrix, strict=True)]


def product(a: Matrix, b: Matrix) -> Matrix:
    columns = transposed(b)
    return [
        [math.fsum([x * y for x, y in zip(row, column, strict=True)]) for column in columns]
        for row in a
    ]


def softmax(row: list[float]) -> list[float]:
    powers = [math.exp(z - max(row)) for z in row]
    return [p / sum(powers) for p in powers]


def flat(layers: list[Matrix]) -> list[float]:
    """Return the numbers of all layers in one row."""
    return [x for layer in layers for row in layer for x in row]
