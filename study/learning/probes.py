"""What is measured on a fixed batch of patterns while a stack learns. Nothing here steers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.learning.activations import SATURATED_SHARE
from study.learning.gradients.base import Site
from study.learning.network import Network, Workspace

Array = NDArray[Any]

PROBES = (
    "descent_cosine",
    "descent_cosine_first",
    "saturated",
    "gradient_norm",
    "exact_gradient_norm",
)


def norm(rows: Array) -> Array:
    """Euclidean norm of each row, in float64: squares of float32 overflow at 1e19."""
    wide = rows.astype(np.float64)
    return np.sqrt(_dot(wide, wide))


def _dot(a: Array, b: Array) -> Array:
    return (a * b).sum(axis=1)


def _cosine(a: Array, b: Array) -> Array:
    a, b = a.astype(np.float64), b.astype(np.float64)
    # one root, so that equal vectors give exactly 1; 0/0 = NaN: no direction
    return _dot(a, b) / np.sqrt(_dot(a, a) * _dot(b, b))


def probe(
    network: Network,
    work: Workspace,
    rules: Sequence[Site | None],
    exact: Sequence[Site | None],
    step: int,
) -> dict[str, Array]:
    """Measure each replica on the batch in `work`.

    Returns
    -------
    Arrays (R,): ``descent_cosine``, of the modified gradient with the exact one (above 0 the
    modified step goes downhill), ``descent_cosine_first``, the same of the first layer's weights,
    ``saturated``, the share of hidden (unit, pattern) pairs with |f'| <= 0.01 m, and the norms of
    both gradients.
    """
    network.forward(work)
    network.backward(work, exact, step)
    true = network.gradient.copy()
    network.backward(work, rules, step)
    used = network.gradient
    first = (network.sizes[0] + 1) * network.sizes[1]
    return {
        "descent_cosine": _cosine(used, true),
        "descent_cosine_first": _cosine(used[:, :first], true[:, :first]),
        "saturated": _saturated(network, work),
        "gradient_norm": norm(used),
        "exact_gradient_norm": norm(true),
    }


def _saturated(network: Network, work: Workspace) -> Array:
    count = np.zeros(len(network.parameters))
    hidden = range(network.depth - 1)
    for layer in hidden:
        activation, slope = network.activations[layer], work.slope[layer]
        activation.slope(work.net[layer], work.outputs[layer][:, :-1], slope)
        flat = np.abs(slope) <= SATURATED_SHARE * activation.largest_slope
        count += flat.sum(axis=(1, 2))
    pairs = sum(network.sizes[1:-1]) * work.patterns
    return count / pairs if pairs else np.full(len(count), np.nan)
