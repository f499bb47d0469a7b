"""Oracles of the initialisations: the law of a weight, or what is changed in drawn layers."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats


def _uniform(half: float) -> Any:
    return stats.uniform(-half, 2.0 * half)


def _zeroed(layers: list[np.ndarray], values: dict[str, Any]) -> list[np.ndarray]:
    return [0.0 * w if i == values["layer"] else w for i, w in enumerate(layers, start=1)]


def _saturated(layers: list[np.ndarray], values: dict[str, Any]) -> list[np.ndarray]:
    last = layers[-1].copy()
    last[-1] = [-values["distance"]] * last.shape[1]
    return [*layers[:-1], last]


LAWS: dict[str, Callable[[int, int, dict[str, Any]], Any]] = {
    "glorot": lambda n_in, n_out, values: _uniform(math.sqrt(6.0 / (n_in + n_out))),
    "he": lambda n_in, n_out, values: stats.norm(0.0, math.sqrt(2.0 / n_in)),
    "lecun": lambda n_in, n_out, values: stats.norm(0.0, math.sqrt(1.0 / n_in)),
    "uniform": lambda n_in, n_out, values: _uniform(values["r"]),
}
"""Initialisation -> distribution of a weight at gain 1, for widths (n_in, n_out)."""

CHANGES: dict[str, Callable[[list[np.ndarray], dict[str, Any]], list[np.ndarray]]] = {
    "zeroed_layer": _zeroed,
    "wrongly_saturated": _saturated,
}
"""Initialisation -> its layers, given those of its base."""
