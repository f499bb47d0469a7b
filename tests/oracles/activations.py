"""Oracles of the activations: f, f', the largest |f'| and the bounds, from their formulas."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


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


def _peaked(value: Any, slope: Callable[[float], float], low: float, high: float) -> Curve:
    """Find the maximum of a slope with one peak between low and high."""
    for _ in range(200):
        a, b = low + (high - low) / 3.0, high - (high - low) / 3.0
        low, high = (a, high) if slope(a) < slope(b) else (low, b)
    return Curve(value, slope, slope(0.5 * (low + high)))


CURVES: dict[str, Callable[..., Curve]] = {
    "identity": lambda: Curve(lambda z: z, lambda z: 1.0),
    "logistic": lambda: Curve(logistic, lambda z: logistic(z) * logistic(-z), 0.25, 0.0, 1.0),
    "symmetric_logistic": lambda: Curve(
        lambda z: logistic(z) - 0.5, lambda z: logistic(z) * logistic(-z), 0.25, -0.5, 0.5
    ),
    "tanh": lambda: Curve(math.tanh, lambda z: sech(z) ** 2, 1.0, -1.0, 1.0),
    "scaled_tanh": _scaled_tanh,
    "relu": lambda: Curve(lambda z: max(z, 0.0), lambda z: 1.0 if z > 0.0 else 0.0),
    "relu_rounded": lambda: Curve(
        lambda z: max(round(8.0 * z) / 8.0, 0.0),
        lambda z: 1.0 if round(8.0 * z) > 0 else 0.0,
        rounding=0.125,
    ),
    "leaky_relu": lambda slope=0.01: Curve(
        lambda z: z if z > 0.0 else slope * z, lambda z: 1.0 if z > 0.0 else slope, max(1.0, slope)
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
    "gelu": lambda: _peaked(lambda z: z * normal(z), lambda z: normal(z) + z * bell(z), 0.5, 3.0),
    "silu": lambda: _peaked(
        lambda z: z * logistic(z), lambda z: logistic(z) * (1.0 + z * logistic(-z)), 1.0, 5.0
    ),
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


def curve_of(activation: Any) -> Curve:
    """Return the oracle of a bound activation."""
    return curve(activation.name, **activation.values)
