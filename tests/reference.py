"""A slow twin of the learning core: one network, plain floats, one number at a time.

Written from the formulas of the study's protocol, not from the code under test, so that a
mistake must be made twice to stay hidden. Matrices are lists: net[n][j] for pattern n and unit j,
weights[l][i][j] for input i (the last one is the bias) and unit j of layer l.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reference_chance import key_of, permutation, uniform

Matrix = list[list[float]]


# ---- activations -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Curve:
    """f, f', the largest |f'| and the bounds of f."""

    value: Callable[[float], float]
    slope: Callable[[float], float]
    largest: float = 1.0
    low: float = -math.inf
    high: float = math.inf
    rounding: float = 0.0  # of net inputs, before anything else

    def at_zero(self, z: float) -> bool:
        return (round(z / self.rounding) if self.rounding else z) == 0


def logistic(z: float) -> float:
    return 1.0 / (1.0 + math.exp(-z)) if z >= 0.0 else 1.0 - 1.0 / (1.0 + math.exp(z))


def sech(z: float) -> float:
    return 1.0 / math.cosh(z) if abs(z) < 700.0 else 0.0


def normal(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def bell(z: float) -> float:
    return math.exp(-z * z / 2.0) / math.sqrt(2.0 * math.pi)


def _scaled_tanh() -> Curve:
    a, b = 1.7159, 2.0 / 3.0
    return Curve(lambda z: a * math.tanh(b * z), lambda z: a * b * sech(b * z) ** 2, a * b, -a, a)


def _largest(slope: Callable[[float], float], low: float, high: float) -> float:
    """Find the maximum of a slope with one peak between low and high."""
    for _ in range(200):
        a, b = low + (high - low) / 3.0, high - (high - low) / 3.0
        low, high = (a, high) if slope(a) < slope(b) else (low, b)
    return slope(0.5 * (low + high))


def _silu_slope(z: float) -> float:
    return logistic(z) + z * logistic(z) * logistic(-z)


def _gelu_slope(z: float) -> float:
    return normal(z) + z * bell(z)


CURVES: dict[str, Callable[..., Curve]] = {
    "identity": lambda: Curve(lambda z: z, lambda z: 1.0),
    "logistic": lambda: Curve(logistic, lambda z: logistic(z) * logistic(-z), 0.25, 0.0, 1.0),
    "tanh": lambda: Curve(math.tanh, lambda z: sech(z) ** 2, 1.0, -1.0, 1.0),
    "scaled_tanh": _scaled_tanh,
    "relu": lambda: Curve(lambda z: max(z, 0.0), lambda z: 1.0 if z > 0.0 else 0.0),
    "relu_rounded": lambda: Curve(
        lambda z: max(round(8.0 * z) / 8.0, 0.0),
        lambda z: 1.0 if round(8.0 * z) > 0 else 0.0,
        rounding=0.125,
    ),
    "leaky_relu": lambda slope=0.01: Curve(
        lambda z: z if z > 0.0 else slope * z,
        lambda z: 1.0 if z > 0.0 else slope,
        max(1.0, slope),
    ),
    "elu": lambda alpha=1.0: Curve(
        lambda z: z if z > 0.0 else alpha * math.expm1(z),
        lambda z: 1.0 if z > 0.0 else alpha * math.exp(z),
        max(1.0, alpha),
        -alpha,
    ),
    "softplus": lambda: Curve(
        lambda z: max(z, 0.0) + math.log1p(math.exp(-abs(z))), logistic, 1.0, 0.0
    ),
    "softsign": lambda: Curve(
        lambda z: z / (1.0 + abs(z)), lambda z: 1.0 / (1.0 + abs(z)) ** 2, 1.0, -1.0, 1.0
    ),
    "gelu": lambda: Curve(lambda z: z * normal(z), _gelu_slope, _largest(_gelu_slope, 0.5, 3.0)),
    "silu": lambda: Curve(lambda z: z * logistic(z), _silu_slope, _largest(_silu_slope, 1.0, 5.0)),
    "hard_tanh": lambda: Curve(
        lambda z: min(max(z, -1.0), 1.0), lambda z: 1.0 if abs(z) < 1.0 else 0.0, 1.0, -1.0, 1.0
    ),
    "gudermannian": lambda: Curve(
        lambda z: 2.0 * math.atan(math.tanh(z / 2.0)), sech, 1.0, -math.pi / 2.0, math.pi / 2.0
    ),
    "tanh_linear": lambda c=0.1: Curve(
        lambda z: math.tanh(z) + c * z, lambda z: sech(z) ** 2 + c, 1.0 + c
    ),
}


def curve(name: str, **values: float) -> Curve:
    """Return an activation by name, with its parameters."""
    return CURVES[name](**values)


# ---- gradient modifications --------------------------------------------------------------------


@dataclass
class Layer:
    """A layer of one network, as a rule sees it."""

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

    def amount(self, name: str) -> float:
        return self.values[name] * (1.0 if self.values["absolute"] else self.curve.largest)

    def key(self, rule: str) -> int:
        return key_of(self.seed, f"{rule}/{self.number}")


def average(numbers: Any) -> float:
    listed = list(numbers)
    return math.fsum(listed) / len(listed)


def sign(x: float) -> float:
    return -1.0 if x < 0.0 else 1.0


def mean_slope(curve: Curve, net: Matrix) -> float:
    return average(curve.slope(z) for row in net for z in row)


def _pattern_mean(layer: Layer, n: int) -> float:
    return average(layer.slope(n, j) for j in layer.units)


def _unit_mean(layer: Layer, j: int) -> float:
    return average(layer.slope(n, j) for n in layer.patterns)


def _rank_one(layer: Layer, n: int, j: int) -> float:
    mean = mean_slope(layer.curve, layer.net)
    return _unit_mean(layer, j) * _pattern_mean(layer, n) / mean if mean else 0.0


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


def _blend(layer: Layer, n: int, j: int) -> float:
    return (1.0 - layer.values["amount"]) * layer.slope(n, j) + layer.values["amount"]


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


FACTORS: dict[str, Callable[[Layer, int, int], float]] = {
    "exact": Layer.slope,
    "removed": lambda layer, n, j: 1.0,
    "frozen": lambda layer, n, j: 0.0,
    "constant": lambda layer, n, j: layer.values["value"],
    "mean_matched": lambda layer, n, j: layer.mean,
    "mean_tracked": lambda layer, n, j: mean_slope(layer.curve, layer.net),
    "scaled": lambda layer, n, j: layer.slope(n, j) / layer.mean,
    "pattern_mean": lambda layer, n, j: _pattern_mean(layer, n),
    "unit_mean": lambda layer, n, j: _unit_mean(layer, j),
    "rank_one": _rank_one,
    "shuffled_units": _shuffled_units,
    "shuffled_patterns": _shuffled_patterns,
    "offset": lambda layer, n, j: layer.slope(n, j) + layer.amount("amount"),
    "floor": _floor,
    "ceiling": _ceiling,
    "power": _power,
    "blend": _blend,
    "other_slope": lambda layer, n, j: layer.curve.slope(layer.values["factor"] * layer.net[n][j]),
    "substitute": lambda layer, n, j: curve(layer.values["activation"]).slope(layer.net[n][j]),
    "bump": _bump,
    "window": _window,
    "random": _random,
    "leaky_backward": lambda layer, n, j: (
        1.0 if layer.slope(n, j) > 0.0 else layer.values["slope"]
    ),
    "relu_at_zero": _relu_at_zero,
    "negated_top": lambda layer, n, j: -layer.slope(n, j) if layer.topmost else layer.slope(n, j),
    "random_sign": _random_sign,
}
HIDDEN_ONLY = ("frozen", "leaky_backward", "relu_at_zero", "negated_top")


# ---- the network -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """A modification, its parameters, and where it stands."""

    name: str = "exact"
    values: dict[str, Any] = field(default_factory=dict)
    location: str = "hidden"

    def at(self, is_output: bool) -> Rule:
        """Return the rule that stands at a hidden layer, or at the output."""
        places = ("output", "all") if is_output else ("hidden", "all")
        refused = is_output and self.name in HIDDEN_ONLY
        return self if self.location in places and not refused else Rule()


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
            net = [
                [
                    math.fsum([x * w[j] for x, w in zip([*pattern, 1.0], layer, strict=True)])
                    for j in range(len(layer[0]))
                ]
                for pattern in outs[-1]
            ]
            f = self.curve_of(number)
            nets.append(net)
            if isinstance(f, Curve):
                outs.append([[f.value(z) for z in row] for row in net])
            else:
                outs.append([softmax(row) for row in net])
        return nets, outs

    def mean_slopes(self, inputs: Matrix) -> list[float]:
        """Return c_l of every layer on these patterns (NaN at a softmax)."""
        nets, _ = self.forward(inputs)
        curves = [self.curve_of(number) for number in range(len(nets))]
        return [
            mean_slope(f, net) if isinstance(f, Curve) else math.nan
            for f, net in zip(curves, nets, strict=True)
        ]

    def gradient(
        self, inputs: Matrix, targets: Matrix, rule: Rule, seed: int = 0, step: int = 1
    ) -> list[Matrix]:
        """Return the modified gradient of the mean objective, shaped like the weights."""
        nets, outs = self.forward(inputs)
        patterns, top = len(inputs), len(self.weights) - 1
        gradient = [[[0.0] * len(row) for row in layer] for layer in self.weights]
        signal = [
            [(y - t) / patterns for y, t in zip(ys, ts, strict=True)]
            for ys, ts in zip(outs[-1], targets, strict=True)
        ]
        for number in range(top, -1, -1):
            f = self.curve_of(number)
            if number < top or self.output_factor:
                assert isinstance(f, Curve)
                here = rule.at(is_output=number == top)
                layer = Layer(
                    curve=f,
                    net=nets[number],
                    number=number + 1,
                    topmost=number == top - 1,
                    seed=seed,
                    step=step,
                    mean=self.means[number] if self.means else math.nan,
                    values=here.values,
                )
                for n in layer.patterns:
                    for j in layer.units:
                        signal[n][j] *= FACTORS[here.name](layer, n, j)
                        overwrite = here.values.get("arm") == "overwrite"
                        if overwrite and f.at_zero(nets[number][n][j]):
                            signal[n][j] = here.values["value"]
            below = [[*row, 1.0] for row in outs[number]]
            for i in range(len(self.weights[number])):
                for j in range(len(self.weights[number][0])):
                    gradient[number][i][j] = math.fsum(
                        [x[i] * d[j] for x, d in zip(below, signal, strict=True)]
                    )
            signal = [
                [
                    math.fsum([w * d for w, d in zip(row, delta, strict=True)])
                    for row in self.weights[number][:-1]
                ]
                for delta in signal
            ]
        return gradient


def softmax(row: list[float]) -> list[float]:
    powers = [math.exp(z - max(row)) for z in row]
    return [p / sum(powers) for p in powers]


def flat(layers: list[Matrix]) -> list[float]:
    """Return the numbers of all layers in one row."""
    return [x for layer in layers for row in layer for x in row]
