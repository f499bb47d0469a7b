"""What is measured on a fixed batch of patterns while a stack learns. Nothing here steers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.learning.activations.base import SATURATED_SHARE
from study.learning.stack import Stack

Array = NDArray[Any]
PATTERNS = 256  # the first ones of the training part, which is shuffled

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


def probe(stack: Stack) -> dict[str, Array]:
    """Measure each replica of a stack.

    Returns
    -------
    Arrays (R,): ``descent_cosine``, of the modified gradient with the exact one (above 0 the
    modified step goes downhill), ``descent_cosine_first``, the same of the first layer's weights,
    ``saturated``, the share of hidden (unit, pattern) pairs with |f'| <= 0.01 m, and the norms of
    both gradients.
    """
    true = stack.gradient(stack.exact, PATTERNS)
    used = stack.gradient(stack.rules, PATTERNS)
    first = (stack.widths[0] + 1) * stack.widths[1]
    return {
        "descent_cosine": _cosine(used, true),
        "descent_cosine_first": _cosine(used[:, :first], true[:, :first]),
        "saturated": _saturated(stack),
        "gradient_norm": norm(used),
        "exact_gradient_norm": norm(true),
    }


def _saturated(stack: Stack) -> Array:
    hidden = range(len(stack.widths) - 2)
    if not hidden:
        return np.full(len(stack.parameters), np.nan)
    bound = SATURATED_SHARE * stack.activations[0].largest_slope
    flat = [np.abs(stack.layer_slopes(layer, PATTERNS)) <= bound for layer in hidden]
    pairs = sum(f[0].size for f in flat)
    return sum(f.sum(axis=(1, 2)) for f in flat) / pairs
