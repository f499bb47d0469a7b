"""Stacks of networks laid open: net inputs, outputs, objectives and gradients of every layer.

The training loop keeps none of these. Here the same compiled loops are run over patterns that a
test lays out, with rules that it places, and what they return is held where the test can look.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numba
import numpy as np

from study.learning.activations.base import Activation
from study.learning.core import loops
from study.learning.core.kernels import as_kernel
from study.learning.core.network import Layer, count, layers_of, make_workspace, with_ones
from study.learning.core.placement import constants_of, keys_of, layer_of
from study.learning.objectives import Objective
from study.learning.rules import EXACT
from study.learning.rules.base import Gradient, LayerContext
from study.learning.variants import Variant

Rules = Sequence[Variant[Gradient] | None]


@dataclass
class Workspace:
    """Patterns, and what the last forward pass over them found.

    Parameters
    ----------
    data
        Inputs with their ones (S, B, d + 1), and targets (S, B, outputs).
    net, outputs
        z and y of each layer, (R, units, B).
    """

    data: loops.Patterns
    net: list[np.ndarray] = field(default_factory=list)
    outputs: list[np.ndarray] = field(default_factory=list)

    @property
    def patterns(self) -> int:
        return self.data.inputs.shape[1]

    @property
    def targets(self) -> np.ndarray:
        """(S, outputs, B), a view."""
        return self.data.targets.swapaxes(1, 2)


class Network:
    """A stack of networks of one shape.

    Parameters
    ----------
    sizes
        Widths, inputs first, outputs last.
    hidden, output
        Activations of the hidden and the output units, bound.
    parameters
        (R, P).
    """

    count = staticmethod(count)

    def __init__(
        self, sizes: Sequence[int], hidden: Activation, output: Activation, parameters: np.ndarray
    ) -> None:
        self.sizes = tuple(sizes)
        self.depth = len(sizes) - 1
        self.activations = [hidden] * (self.depth - 1) + [output]
        self.parameters = parameters
        self.weights = layers_of(parameters, sizes)
        self.gradient = np.full_like(parameters, np.nan)
        self.plain = sites_of(self, [None] * self.depth, [0] * len(parameters))

    def room(self, work: Workspace) -> Any:
        """Allocate what a pass over the patterns of `work` needs, with no number in it."""
        room = make_workspace(np.array(self.sizes), work.patterns, self.parameters.dtype)
        for buffer in room:
            buffer[:] = np.nan
        return room

    def forward(self, work: Workspace) -> np.ndarray:
        """Compute net inputs and outputs for the patterns in `work`; return y (R, outputs, B)."""
        found = [
            loops.layer_inputs(
                np.array(self.sizes),
                self.parameters,
                work.data.inputs,
                *self.plain,
                layer,
                self.room(work),
            )
            for layer in range(self.depth)
        ]
        work.net, work.outputs = [z for z, _ in found], [y for _, y in found]
        return work.outputs[-1]

    def backward(self, work: Workspace, sites: tuple[Layer, Layer], step: int) -> None:
        """Propagate y - t back into `gradient`, as the rules at the `sites` say."""
        self.gradient = loops.gradients(
            np.array(self.sizes), self.parameters, work.data, *sites, step, self.room(work)
        )

    def deltas(self, work: Workspace, sites: tuple[Layer, Layer], step: int) -> list[np.ndarray]:
        """Return delta of each layer, (units, B), of a stack of one."""
        assert len(self.parameters) == 1
        room = self.room(work)
        loops.gradients(np.array(self.sizes), self.parameters, work.data, *sites, step, room)
        ends = np.cumsum([0, *self.sizes[1:]]) * work.patterns
        return [room.delta[i:j].reshape(-1, work.patterns) for i, j in itertools.pairwise(ends)]


def workspace(network: Network, inputs: np.ndarray, targets: np.ndarray) -> Workspace:
    """Lay out inputs (S, B, d) and targets (S, outputs, B); S goes into the network's R."""
    dtype = network.parameters.dtype
    assert len(network.parameters) % len(inputs) == 0
    turned = np.ascontiguousarray(np.swapaxes(targets, 1, 2), dtype=dtype)
    return Workspace(loops.Patterns(with_ones(inputs, dtype), turned))


def objective_of(network: Network, work: Workspace, objective: Objective) -> np.ndarray:
    """Return the mean objective of each replica on the patterns in `work`."""
    dtype = network.parameters.dtype
    terms = as_kernel("terms", objective.terms).at(dtype)
    return loops.objectives(
        *(np.array(network.sizes), network.parameters, np.ones(len(network.parameters), bool)),
        *(work.data, *network.plain, terms, network.room(work)),
    )


def sites_of(
    network: Network, rules: Rules, replicas: Sequence[int], first: Workspace | None = None
) -> tuple[Layer, Layer]:
    """Place rules at the layers; those that prepare see the net inputs in `first`.

    All hidden layers have one rule.
    """
    hidden, output = rules[:-1], rules[-1]
    assert all(rule is hidden[0] for rule in hidden)
    if first is not None:
        network.forward(first)
    return (
        _placed(network, network.activations[0], hidden, 0, replicas, first),
        _placed(network, network.activations[-1], [output], len(hidden), replicas, first),
    )


def _placed(
    network: Network,
    activation: Activation,
    rules: Rules,
    begin: int,
    replicas: Sequence[int],
    first: Workspace | None,
) -> Layer:
    numbers, keys = [], np.zeros((network.depth, len(replicas)), np.uint64)
    for layer, rule in enumerate(rules, start=begin):
        stands = rule or EXACT
        context = LayerContext(activation, layer == network.depth - 2, stands.values)
        z = first.net[layer] if first is not None else None
        numbers.append(constants_of(stands, context, z))
        keys[layer] = keys_of(stands, list(replicas), layer)
    laid_out = np.full(
        (network.depth, len(replicas), numbers[0].shape[1] if numbers else 0), np.nan
    )
    for layer, row in enumerate(numbers, start=begin):
        laid_out[layer] = row
    dtype = network.parameters.dtype
    return layer_of(activation, rules[0] if rules else None, laid_out, keys, dtype)


# ---- kernels, called as they are ---------------------------------------------------------------


@numba.njit(cache=True)
def _call_value(kernel, z, out, numbers):
    kernel(z, out, numbers)


@numba.njit(cache=True)
def _call_slope(kernel, z, y, out, numbers):
    kernel(z, y, out, numbers)


@numba.njit(cache=True)
def _call_factor(kernel, z, y, slope, numbers, key, step):
    kernel(z, y, slope, numbers, key, step)


@numba.njit(cache=True)
def _call_terms(kernel, z, y, t):
    return kernel(z, y, t)


def values(activation: Activation, z: np.ndarray) -> np.ndarray:
    """Return f(z) of a layer (units, patterns), by the kernel."""
    out, kept = np.full_like(z, np.nan), z.copy()
    _call_value(
        as_kernel("value", activation.value).at(z.dtype), z, out, activation.constants(z.dtype)
    )
    assert np.array_equal(z, kept, equal_nan=True), "z was changed"
    return out


def slopes(activation: Activation, z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return f'(z) of a layer with outputs y, by the kernel."""
    out, kept = np.full_like(z, np.nan), (z.copy(), y.copy())
    _call_slope(
        as_kernel("slope", activation.slope).at(z.dtype), z, y, out, activation.constants(z.dtype)
    )
    assert np.array_equal(z, kept[0], equal_nan=True), "z was changed"
    assert np.array_equal(y, kept[1], equal_nan=True), "y was changed"
    return out


def factor(
    rule: Variant[Gradient] | Gradient,
    z: np.ndarray,
    y: np.ndarray,
    slope: np.ndarray,
    numbers: Any = (),
    key: Any = 0,
    step: int = 1,
) -> np.ndarray:
    """Return φ of a layer, by the kernel alone."""
    record = rule.record if isinstance(rule, Variant) else rule
    phi, kept = slope.copy(), (z.copy(), y.copy())
    _call_factor(
        as_kernel("factor", record.factor).at(z.dtype),
        *(z, y, phi, np.array(numbers, z.dtype), np.uint64(key), step),
    )
    assert np.array_equal(z, kept[0], equal_nan=True), "z was changed"
    assert np.array_equal(y, kept[1], equal_nan=True), "y was changed"
    return phi


def terms(objective: Objective, z: np.ndarray, y: np.ndarray, t: np.ndarray) -> float:
    """Return an objective's sum over outputs and patterns; t (patterns, outputs)."""
    return _call_terms(as_kernel("terms", objective.terms).at(z.dtype), z, y, t)
