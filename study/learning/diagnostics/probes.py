"""What is measured on a fixed batch of patterns while a stack learns. Nothing here steers."""

import numpy as np

from study.learning import Array
from study.learning.activations.base import SATURATED_SHARE
from study.learning.core.fixed import sums
from study.learning.core.stack import Stack

PATTERNS = 256  # the first ones of the training part, which is shuffled
DECIDED_ABOVE = 0.9  # of half the range, on either side of its middle

PROBES = (
    "descent_cosine",
    "descent_cosine_first",
    "saturated",
    "decided",
    "flips_decided",
    "flips_undecided",
    "gradient_norm",
    "exact_gradient_norm",
)


def norm(rows: Array) -> Array:
    """Euclidean norm of each row, in float64: squares of float32 overflow at 1e19."""
    wide = rows.astype(np.float64)
    return np.sqrt(_dot(wide, wide))


def _dot(a: Array, b: Array) -> Array:
    return sums(a * b)


def _cosine(a: Array, b: Array) -> Array:
    a, b = a.astype(np.float64), b.astype(np.float64)
    # one root, so that equal vectors give exactly 1; 0/0 = NaN: no direction
    return _dot(a, b) / np.sqrt(_dot(a, a) * _dot(b, b))


class Observer:
    """Measures a stack, and remembers which units had decided.

    If `moving`, flips count since the probe before; else since the stack was as it is now.
    """

    def __init__(self, stack: Stack, moving: bool) -> None:
        self.stack, self.moving = stack, moving
        self._before: tuple[list[Array], list[Array]] | None = None

    def probe(self, step: int) -> dict[str, Array]:
        """Measure each replica; `step` is that of random rules.

        Returns
        -------
        Arrays (R,): ``descent_cosine``, of the modified gradient with the exact one (above 0 the
        modified step goes downhill), ``descent_cosine_first``, the same of the first layer's
        weights, and the norms of both gradients. Of the hidden (unit, pattern) pairs:
        ``saturated``, the share with |f'| <= 0.01 m; where f is bounded ``decided``, the share
        with |2 (y - low) / (high - low) - 1| > 0.9, and ``flips_decided`` and ``flips_undecided``,
        the shares of the pairs that were decided, or not, whose output has since changed sides of
        the middle (NaN where there was none).
        """
        stack = self.stack
        true = stack.gradient(stack.exact, PATTERNS, step)
        used = stack.gradient(stack.rules, PATTERNS, step)
        first = (stack.widths[0] + 1) * stack.widths[1]
        return {
            "descent_cosine": _cosine(used, true),
            "descent_cosine_first": _cosine(used[:, :first], true[:, :first]),
            **self._units(),
            "gradient_norm": norm(used),
            "exact_gradient_norm": norm(true),
        }

    def _units(self) -> dict[str, Array]:
        names = ("saturated", "decided", "flips_decided", "flips_undecided")
        found = {name: np.full(len(self.stack.parameters), np.nan) for name in names}
        depth, activation = len(self.stack.widths) - 2, self.stack.activations[0]
        if not depth:
            return found
        layers = [self.stack.hidden_layer(layer, PATTERNS) for layer in range(depth)]
        least = SATURATED_SHARE * activation.largest_slope
        found["saturated"] = _share([(s <= least) & (s >= -least) for _, s in layers])
        if not activation.bounded:
            return found
        low, high = activation.bounds
        middle, far = 0.5 * (low + high), 0.5 * DECIDED_ABOVE * (high - low)
        above = [y > middle for y, _ in layers]
        decided = [(y > middle + far) | (y < middle - far) for y, _ in layers]
        found["decided"] = _share(decided)
        if self._before is not None:
            sides, was = self._before
            flipped = [now != then for now, then in zip(above, sides, strict=True)]
            of_decided = _share([f & w for f, w in zip(flipped, was, strict=True)])
            share = _share(was)
            found["flips_decided"] = of_decided / share
            found["flips_undecided"] = (_share(flipped) - of_decided) / (1.0 - share)
        if self.moving or self._before is None:
            self._before = above, decided
        return found


def _share(layers: list[Array]) -> Array:
    """Share of the (unit, pattern) pairs of each replica, over layers (R, units, patterns)."""
    counts = sum(np.array([np.count_nonzero(own) for own in pairs]) for pairs in layers)
    return counts / sum(pairs[0].size for pairs in layers)
