"""The multi-layer perceptron, as a stack of R replicas that differ only in numbers.

Layout: the replica axis leads. All parameters of a replica lie in one row of ``parameters``
(R, P); layer l's weights are a view (R, n_in + 1, n_out) of it whose last row is the bias. Layers
are feature-major, z and delta (R, units, patterns), and outputs y have a last row of ones
(R, units + 1, patterns), so the bias, its gradient and its update cost nothing extra.

Replicas are S seeds × K learning rates, r = seed * K + rate. The K replicas of a seed share their
input batch, which is pattern-major, (S, 1, patterns, n_in + 1), with a last column of ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.learning.activations import Activation
from study.learning.gradients.base import Site

Array = NDArray[Any]


def transposed(stack: Array) -> Array:
    """Return the stack of transposed matrices, as a view."""
    return stack.swapaxes(-1, -2)


class Workspace:
    """Buffers of a stack for a number of patterns, allocated once.

    Parameters
    ----------
    sizes
        Widths of the network, inputs first.
    seeds, rates
        S and K.
    patterns
        Patterns in a batch.
    dtype
        float32 or float64.
    """

    def __init__(
        self, sizes: Sequence[int], seeds: int, rates: int, patterns: int, dtype: Any
    ) -> None:
        replicas = seeds * rates
        self.patterns = patterns
        self.grouped = (seeds, rates)  # axes of the replicas where a seed's data is broadcast
        self.inputs = np.ones((seeds, 1, patterns, sizes[0] + 1), dtype)
        self.targets = np.empty((seeds, 1, sizes[-1], patterns), dtype)
        self.net = [np.empty((replicas, width, patterns), dtype) for width in sizes[1:]]
        self.outputs = [np.ones((replicas, width + 1, patterns), dtype) for width in sizes[1:]]
        self.delta = [np.empty((replicas, width, patterns), dtype) for width in sizes[1:]]
        self.slope = [np.empty((replicas, width, patterns), dtype) for width in sizes[1:]]

    def by_seed(self, array: Array) -> Array:
        """View (R, ...) as (S, K, ...)."""
        return array.reshape(*self.grouped, *array.shape[1:])


class Network:
    """A stack of networks of one shape.

    Parameters
    ----------
    sizes
        Widths, inputs first, outputs last.
    hidden, output
        Activations of the hidden and the output units, bound.
    parameters
        (R, P), changed in place by whoever trains.
    """

    def __init__(
        self, sizes: Sequence[int], hidden: Activation, output: Activation, parameters: Array
    ) -> None:
        self.sizes = tuple(sizes)
        self.depth = len(sizes) - 1
        self.activations = [hidden] * (self.depth - 1) + [output]
        self.parameters = parameters
        self.gradient = np.zeros_like(parameters)
        self.weights = self.layers_of(self.parameters)
        self.gradients = self.layers_of(self.gradient)

    @staticmethod
    def count(sizes: Sequence[int]) -> int:
        """P, the number of parameters of one network."""
        return sum((a + 1) * b for a, b in itertools.pairwise(sizes))

    def layers_of(self, flat: Array) -> list[Array]:
        """Return views (R, n_in + 1, n_out) of each layer in an array (R, P)."""
        shapes = [(a + 1, b) for a, b in zip(self.sizes, self.sizes[1:], strict=False)]
        ends = np.cumsum([0] + [a * b for a, b in shapes])
        return [
            flat[:, i:j].reshape(len(flat), *shape)
            for i, j, shape in zip(ends, ends[1:], shapes, strict=False)
        ]

    def forward(self, work: Workspace) -> Array:
        """Compute net inputs and outputs for the batch in `work`; return y (R, outputs, B)."""
        for layer, (weights, activation) in enumerate(
            zip(self.weights, self.activations, strict=True)
        ):
            net, out = work.net[layer], work.outputs[layer]
            if layer == 0:  # the K replicas of a seed read one batch
                np.matmul(
                    transposed(work.by_seed(weights)),
                    transposed(work.inputs),
                    out=work.by_seed(net),
                )
            else:
                np.matmul(transposed(weights), work.outputs[layer - 1], out=net)
            activation.value(net, out[:, :-1])
        return work.outputs[-1][:, :-1]

    def backward(self, work: Workspace, sites: Sequence[Site | None], step: int) -> None:
        """Propagate y - t back into `gradient`, as the rules at the `sites` say.

        A layer's site is None where no factor stands in its delta: at linear outputs and with
        the cross-entropies. The mean is over the patterns of the batch.
        """
        top = self.depth - 1
        np.subtract(
            work.by_seed(work.outputs[top][:, :-1]),
            work.targets,
            out=work.by_seed(work.delta[top]),
        )
        work.delta[top] *= 1.0 / work.patterns
        for layer in range(top, -1, -1):
            delta, site = work.delta[layer], sites[layer]
            if site is not None:
                delta *= self.factor(work, layer, site, step)
                if site.rule.replace is not None:
                    mask, value = site.rule.replace(work.net[layer], site)
                    np.copyto(delta, value, where=mask)
            if layer == 0:
                np.matmul(
                    transposed(work.inputs),
                    transposed(work.by_seed(delta)),
                    out=work.by_seed(self.gradients[0]),
                )
            else:
                np.matmul(work.outputs[layer - 1], transposed(delta), out=self.gradients[layer])
                np.matmul(self.weights[layer][:, :-1], delta, out=work.delta[layer - 1])

    def factor(self, work: Workspace, layer: int, site: Site, step: int) -> Array | float:
        """Return φ of a layer for the batch in `work`."""
        z, y, slope = work.net[layer], work.outputs[layer][:, :-1], work.slope[layer]
        if site.rule.needs_slope:
            self.activations[layer].slope(z, y, slope)
        return site.rule.factor(z, y, slope, site, step)
