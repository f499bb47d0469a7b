"""What theory says of every rule's gradient, computed: rule × activation × objective × depth.

Small nets in float64, by the compiled loops that the trainings use; derivatives by central
differences. Nothing is trained. An activation that is a staircase, because it rounds its net
inputs, has no derivative to compare with and is left out.

- ``derivative``: exact is the derivative of the objective.
- ``another rule``: a rule whose φ clearly differs from f' on the visited net inputs gives another
  gradient.
- ``own objective``: a pointwise φ at the output is the gradient of L~ = ∫ (f - t) φ dz.
- ``symmetric block``: within a hidden layer ∂g/∂w is symmetric where φ is proportional to f'.
- ``asymmetric block``: it is not where φ_j f'_k and φ_k f'_j differ for two units of a pattern.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.learning.activations import ACTIVATIONS
from study.learning.activations.base import Activation
from study.learning.core.fixed import GAUSS, sums
from study.learning.core.network import count
from study.learning.core.placement import factor_of
from study.learning.core.stack import Stack
from study.learning.data import Data
from study.learning.design import Network
from study.learning.objectives import OBJECTIVES, Objective
from study.learning.problem import pose
from study.learning.rules import EXACT, GRADIENTS, canonical
from study.learning.rules.base import Gradient
from study.learning.seeds import normals
from study.learning.variants import Variant, resolve

Array = NDArray[np.float64]
Row = dict[str, Any]

EQUAL, APART = 1e-6, 1e-3
"""Relative errors up to which two gradients are equal, and above which they are not."""
CLEARLY = 0.03
"""How far a factor must be from the slope for its gradient to be asked to differ."""
STEP = 1e-5
INPUTS, PATTERNS, CLASSES, WIDTHS, SPREAD = 5, 6, 3, (4, 3, 4), 0.8
DEPTHS = (1, 2, 3)


class Net:
    """One small net at its weights `w` (1, P), and `moved` (2 P, P) along each parameter."""

    def __init__(
        self, activation: Activation, objective: Objective, depth: int, seed: int = 0
    ) -> None:
        self.network = Network(WIDTHS[:depth], activation, objective, EXACT, "hidden")
        self.output = self.network.output(CLASSES)
        for drawn in range(seed, seed + 200):  # the first draw that is clear of kinks
            self._draw(drawn)
            if self._clear():
                break

    def _draw(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        x = normals(random, (PATTERNS, INPUTS))
        t = np.eye(CLASSES)[np.arange(PATTERNS) % CLASSES]
        self.problem = pose([Data(x, t, x, t)], self.network.objective, self.output)
        sizes = (INPUTS, *self.network.hidden, CLASSES)
        self.w = SPREAD * normals(random, (1, count(sizes)))
        shifts = STEP * np.eye(self.w.size)
        self.moved = np.concatenate([self.w + shifts, self.w - shifts])

    def _clear(self) -> bool:
        stack, depth = self.at(self.w), len(self.network.hidden)
        layers = [(self.network.activation, k) for k in range(depth)] + [(self.output, depth)]
        gaps = [
            np.abs(stack.net_inputs(layer) - kink).min()
            for activation, layer in layers
            for kink, _ in activation.kinks
        ]
        return min(gaps, default=np.inf) > 1e3 * STEP

    def at(self, w: Array) -> Stack:
        """Return the net at weights w (R, P), under the exact gradient."""
        return Stack(self.problem, self.network, [0] * len(w), w)

    def gradients(self, rule: Variant[Gradient], location: str, w: Array) -> Array:
        """Return gradients (R, P) at w (R, P); the rule prepares at the net's own weights."""
        network = replace(self.network, gradient=rule, location=location)
        stack = Stack(self.problem, network, [0] * len(w), np.repeat(self.w, len(w), axis=0))
        return stack.gradient(stack.rules, PATTERNS, step=1, parameters=w)

    def blocks(self) -> list[slice]:
        """Where the parameters of each hidden layer stand."""
        sizes = [(a + 1) * b for a, b in pairwise((INPUTS, *self.network.hidden))]
        ends = np.cumsum([0, *sizes])
        return [slice(int(a), int(b)) for a, b in pairwise(ends)]


def gradient_checks(seed: int = 0) -> list[Row]:
    """Make all checks.

    Parameters
    ----------
    seed
        Of the first net that is drawn.

    Returns
    -------
    rows
        Each with ``check, rule, location, activation, objective, depth, error, tolerance``, and
        ``ratio``, of the error to what is tolerated, or of what is asked for to the difference
        found: the check holds up to 1. Rows of one kind of check follow each other.
    """
    rows = [
        row
        for activation in (record.bind() for record in ACTIVATIONS.values())
        if not activation.rounding
        for objective in OBJECTIVES.values()
        if objective.error is None  # else no update follows the objective's own gradient
        for depth in DEPTHS
        for row in _of_net(Net(activation, objective, depth, seed))
    ]
    order = list(dict.fromkeys(row["check"] for row in rows))
    return sorted(rows, key=lambda row: order.index(row["check"]))


def _of_net(net: Net) -> Iterator[Row]:
    exact = net.gradients(EXACT, "hidden", net.w)[0]
    up, down = net.at(net.moved).objective().reshape(2, -1)
    yield _row(net, EXACT, "hidden", "derivative", _apart((up - down) / (2 * STEP), exact), EQUAL)
    stack = net.at(net.w)
    visited = [stack.net_inputs(layer)[0] for layer in range(len(net.network.hidden))]
    for name in GRADIENTS:
        rule = resolve("gradient", GRADIENTS, name)
        refusal = rule.record.refusal
        if refusal and refusal(rule.values, net.network.activation, min(WIDTHS)):
            continue
        yield from _of_hidden_rule(net, rule, exact, visited)
        if net.network.objective.output_factor and not rule.record.hidden_only:
            yield from _of_output_rule(net, rule)


def _of_hidden_rule(
    net: Net, rule: Variant[Gradient], exact: Array, visited: list[Array]
) -> Iterator[Row]:
    apart, proportional, crossing = _against_slope(rule, net.network.activation, visited)
    if canonical(rule, net.network.activation) != EXACT and apart:
        found = net.gradients(rule, "hidden", net.w)[0]
        yield _row(net, rule, "hidden", "another rule", _apart(found, exact), APART)
    jacobian = net.gradients(rule, "hidden", net.moved)
    jacobian = ((jacobian[: net.w.size] - jacobian[net.w.size :]) / (2 * STEP)).T
    parts = [jacobian[block, block] for block in net.blocks()]
    if not all(np.any(part) for part in parts):
        return  # frozen: nothing moves
    worst = max(_apart(part, part.T) for part in parts)
    if proportional:
        yield _row(net, rule, "hidden", "symmetric block", worst, EQUAL)
    elif crossing:
        yield _row(net, rule, "hidden", "asymmetric block", worst, APART)


def _against_slope(
    rule: Variant[Gradient], activation: Activation, visited: list[Array]
) -> tuple[bool, bool, bool]:
    """Whether φ clearly differs from f' in the first layer, and is proportional to it in all.

    And whether in the first, for two units of one pattern, φ_j f'_k and φ_k f'_j clearly differ.
    """
    apart, proportional, crossing = False, True, False
    for layer, z in enumerate(visited):
        phi, slope = factor_of(rule, activation, z), activation.apply_slope(z)
        scale = sums((phi * slope).ravel()) / sums((slope * slope).ravel())
        proportional &= bool(np.allclose(phi, scale * slope, rtol=1e-9, atol=1e-12))
        if layer == 0:
            apart = _apart(phi, slope) > CLEARLY
            cross = phi[:, None] * slope[None] - phi[None] * slope[:, None]
            size = np.abs(phi).max() * np.abs(slope).max()
            crossing = bool(np.abs(cross).max() > CLEARLY * size)
    return apart, proportional, crossing


def _of_output_rule(net: Net, rule: Variant[Gradient]) -> Iterator[Row]:
    z = net.at(net.moved).net_inputs(len(net.network.hidden))
    up, down = np.split(z, 2)
    if not _pointwise(rule, net.output, up.reshape(-1)[:96]):
        return
    nodes, weights = GAUSS
    half = (up - down) / 2
    points = (up + down)[..., None] / 2 + half[..., None] * nodes
    phi = factor_of(rule, net.output, points.reshape(1, -1)).reshape(points.shape)
    targets = net.problem.targets[0].T[None, :, :, None]
    slope = sums((net.output.apply(points) - targets) * phi * weights) * half
    numeric = sums(slope.reshape(len(slope), -1)) / PATTERNS / (2 * STEP)
    found = net.gradients(rule, "output", net.w)[0]
    yield _row(net, rule, "output", "own objective", _apart(found, numeric), EQUAL)


def _pointwise(rule: Variant[Gradient], activation: Activation, z: Array) -> bool:
    """Whether φ depends on its own net input alone: not on the place, the others or the step."""
    alone = factor_of(rule, activation, z.reshape(6, -1)).reshape(-1)
    turned = factor_of(rule, activation, z[::-1].reshape(8, -1).copy(), seed=1, step=2)
    fewer = factor_of(rule, activation, z[:48].reshape(4, -1).copy(), seed=2, step=3)
    return bool(
        np.array_equal(alone[::-1], turned.reshape(-1))
        and np.array_equal(alone[:48], fewer.reshape(-1))
    )


def _apart(found: Array, expected: Array) -> float:
    """Relative error; 0 for nothing where nothing is expected."""
    gap, size = (np.sqrt(sums(a.ravel() * a.ravel())) for a in (found - expected, expected))
    return float(gap / size) if gap > 0 else 0.0


def _row(
    net: Net, rule: Variant[Gradient], location: str, check: str, error: float, bound: float
) -> Row:
    ratio = error / bound if bound == EQUAL else bound / max(error, 1e-300)
    return {
        "check": check,
        "rule": str(rule),
        "location": location,
        "activation": net.network.activation.name,
        "objective": net.network.objective.name,
        "depth": len(net.network.hidden),
        "error": error,
        "tolerance": bound,
        "ratio": np.inf if np.isnan(ratio) else ratio,
    }
