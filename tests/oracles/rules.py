"""Oracles of the gradient rules: φ of pattern n and unit j of a layer, from the formulas."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from oracles.activations import Curve, curve
from oracles.chance import key_of, permutation, uniform

Matrix = list[list[float]]


@dataclass
class Layer:
    """A layer of one network, as a rule sees it: net[n][j] for pattern n and unit j."""

    curve: Curve
    net: Matrix
    number: int = 1  # of the layer, from 1
    topmost: bool = True
    seed: int = 0
    step: int = 1
    mean: float = math.nan  # of f' over the training set and the units, at the initial weights
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def units(self) -> range:
        return range(len(self.net[0]))

    @property
    def patterns(self) -> range:
        return range(len(self.net))

    def slope(self, n: int, j: int) -> float:
        return self.curve.slope(self.net[n][j])

    def pattern_mean(self, n: int, j: int) -> float:
        return fmean(self.slope(n, j) for j in self.units)

    def unit_mean(self, n: int, j: int) -> float:
        return fmean(self.slope(n, j) for n in self.patterns)

    def amount(self, name: str) -> float:
        return self.values[name] * (1.0 if self.values["absolute"] else self.curve.largest)

    def key(self, rule: str) -> int:
        return key_of(self.seed, f"{rule}/{self.number}")


def sign(x: float) -> float:
    return -1.0 if x < 0.0 else 1.0


def mean_slope(curve: Curve, net: Matrix) -> float:
    return fmean(curve.slope(z) for row in net for z in row)


def _rank_one(layer: Layer, n: int, j: int) -> float:
    mean = mean_slope(layer.curve, layer.net)
    return layer.unit_mean(n, j) * layer.pattern_mean(n, j) / mean if mean else 0.0


def _shuffled_units(layer: Layer, n: int, j: int) -> float:
    order = permutation(layer.key("shuffled_units"), layer.step, len(layer.units), n)
    return layer.slope(n, order[j])


def _shuffled_patterns(layer: Layer, n: int, j: int) -> float:
    order = permutation(layer.key("shuffled_patterns"), layer.step, len(layer.patterns), j)
    return layer.slope(order[n], j)


def _floor(layer: Layer, n: int, j: int) -> float:
    s = layer.slope(n, j)
    return sign(s) * max(abs(s), layer.amount("minimum"))


def _ceiling(layer: Layer, n: int, j: int) -> float:
    s = layer.slope(n, j)
    return sign(s) * min(abs(s), layer.amount("maximum"))


def _power(layer: Layer, n: int, j: int) -> float:
    s, m = layer.slope(n, j), layer.curve.largest
    return sign(s) * (abs(s) / m) ** layer.values["exponent"] * m  # 0.0 ** 0.0 is 1.0


def _bump(layer: Layer, n: int, j: int) -> float:
    c = layer.curve
    u = (c.value(layer.net[n][j]) - c.low) / (c.high - c.low)
    return c.largest * (1.0 - abs(2.0 * u - 1.0))


def _window(layer: Layer, n: int, j: int) -> float:
    inside = layer.slope(n, j) >= layer.amount("threshold")
    return layer.curve.largest if inside else layer.amount("outside")


def _random(layer: Layer, n: int, j: int) -> float:
    low, high = layer.values["low"], layer.values["high"]
    draw = low + (high - low) * uniform(layer.key("random"), layer.step, j, n)
    return draw * layer.mean / (0.5 * (low + high)) if layer.values["matched"] else draw


def _random_sign(layer: Layer, n: int, j: int) -> float:
    heads = uniform(layer.key("random_sign"), layer.step, j, n) >= 0.5
    return layer.slope(n, j) if heads else -layer.slope(n, j)


def _relu_at_zero(layer: Layer, n: int, j: int) -> float:
    at_zero = layer.curve.at_zero(layer.net[n][j])
    scale = layer.values["arm"] == "scale"
    return layer.values["value"] if at_zero and scale else layer.slope(n, j)


_LONGER = (
    _rank_one,
    _shuffled_units,
    _shuffled_patterns,
    _floor,
    _ceiling,
    _power,
    _bump,
    _window,
)
_LONGER += (_random, _random_sign, _relu_at_zero)
FACTORS: dict[str, Callable[[Layer, int, int], float]] = {
    **{factor.__name__[1:]: factor for factor in _LONGER},
    "exact": Layer.slope,
    "removed": lambda layer, n, j: 1.0,
    "frozen": lambda layer, n, j: 0.0,
    "constant": lambda layer, n, j: layer.values["value"],
    "mean_matched": lambda layer, n, j: layer.mean,
    "mean_tracked": lambda layer, n, j: mean_slope(layer.curve, layer.net),
    "scaled": lambda layer, n, j: layer.slope(n, j) / layer.mean,
    "pattern_mean": Layer.pattern_mean,
    "unit_mean": Layer.unit_mean,
    "offset": lambda layer, n, j: layer.slope(n, j) + layer.amount("amount"),
    "blend": lambda layer, n, j: (
        (1.0 - layer.values["amount"]) * layer.slope(n, j) + layer.values["amount"]
    ),
    "other_slope": lambda layer, n, j: layer.curve.slope(layer.values["factor"] * layer.net[n][j]),
    "substitute": lambda layer, n, j: curve(layer.values["activation"]).slope(layer.net[n][j]),
    "leaky_backward": lambda layer, n, j: (
        1.0 if layer.slope(n, j) > 0.0 else layer.values["slope"]
    ),
    "negated_top": lambda layer, n, j: -layer.slope(n, j) if layer.topmost else layer.slope(n, j),
}
"""Rule -> its factor."""
HIDDEN_ONLY = ("frozen", "leaky_backward", "relu_at_zero", "negated_top")
