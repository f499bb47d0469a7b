"""The multi-layer perceptron: forward and backward for one replica of a stack, compiled.

All parameters of a replica lie in one row w (P,). Layer l's weights are a view (n_in + 1, n_out)
of it whose last row is the bias. Patterns come as rows with a last column of ones, x (patterns,
n_in + 1); inside, layers are feature-major, z and delta (units, patterns), and outputs y have a
last row of ones, so the bias, its gradient and its update cost nothing extra.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.learning.core.borrowed import lent, line, matrix, row
from study.learning.core.kernels import force_inlined

Array = NDArray[Any]


class Layer(NamedTuple):
    """What the loops know of the hidden layers, or of the output: its units and its rule.

    Parameters
    ----------
    value, slope, numbers
        Kernels of the activation, and its parameters.
    factored
        Whether a factor stands in the delta.
    factor, rule_numbers, keys
        Kernel of the rule, its numbers (depth, R, N) and random streams (depth, R).
    replaces, replace
        Whether the rule puts a value in the signal's place, and its kernel for that.
    remade, source_value, source_slope, source_numbers, steepness
        Whether the rule is given another slope than the activation's own: g'(β z).
    """

    value: Any
    slope: Any
    numbers: Array
    factored: bool
    factor: Any
    rule_numbers: Array
    keys: Array
    replaces: bool
    replace: Any
    remade: bool
    source_value: Any
    source_slope: Any
    source_numbers: Array
    steepness: float


class Room(NamedTuple):
    """Buffers for one replica: all its layers' net inputs, outputs (with ones) and deltas.

    ``slope`` and ``spare`` hold what one layer needs in passing.
    """

    net: Array
    out: Array
    delta: Array
    slope: Array
    spare: Array


def count(sizes: Sequence[int]) -> int:
    """P, the number of parameters of a network with these widths, inputs first."""
    return sum((a + 1) * b for a, b in itertools.pairwise(sizes))


def layers_of(flat: Array, sizes: Sequence[int]) -> list[Array]:
    """Return views (R, n_in + 1, n_out) of each layer in an array (R, P)."""
    shapes = [(a + 1, b) for a, b in itertools.pairwise(sizes)]
    ends = np.cumsum([0] + [a * b for a, b in shapes])
    return [
        flat[:, i:j].reshape(len(flat), *shape)
        for i, j, shape in zip(ends, ends[1:], shapes, strict=False)
    ]


def with_ones(inputs: Array, dtype: Any) -> Array:
    """Append the column of ones that carries the bias: (..., n, d) to (..., n, d + 1)."""
    ones = np.ones((*inputs.shape[:-1], 1))
    return np.ascontiguousarray(np.concatenate([inputs, ones], axis=-1), dtype=dtype)


def make_room(sizes: Array, patterns: int, dtype: Any) -> Room:
    """Allocate room for batches of up to so many patterns."""
    units, widest = int(sizes[1:].sum()), int(sizes[1:].max())
    lengths = (units, units + len(sizes) - 1, units, widest, 2 * widest)
    return Room(*(np.empty(length * patterns, dtype) for length in lengths))


@force_inlined
def lent_layer(here):
    """Return the layer with references to its arrays uncounted."""
    return Layer(
        here.value,
        here.slope,
        lent(here.numbers),
        here.factored,
        here.factor,
        lent(here.rule_numbers),
        lent(here.keys),
        here.replaces,
        here.replace,
        here.remade,
        here.source_value,
        here.source_slope,
        lent(here.source_numbers),
        here.steepness,
    )


@force_inlined
def lent_room(room):
    """Return the room with references to its arrays uncounted."""
    return Room(
        lent(room.net), lent(room.out), lent(room.delta), lent(room.slope), lent(room.spare)
    )


@force_inlined
def forward(sizes, w, x, hidden, output, room):
    """Compute all layers for the patterns x; return the outputs y (outputs, patterns)."""
    b = x.shape[0]
    at_w, at_z, at_y = 0, 0, 0
    y = x
    for layer in range(sizes.size - 1):
        n_in, n_out = sizes[layer], sizes[layer + 1]
        weights = matrix(w, at_w, n_in + 1, n_out)
        z = matrix(room.net, at_z, n_out, b)
        if layer == 0:
            np.dot(weights.T, x.T, z)
        else:
            np.dot(weights.T, y, z)
        y = matrix(room.out, at_y, n_out + 1, b)
        if layer + 2 < sizes.size:
            hidden.value(z, matrix(room.out, at_y, n_out, b), hidden.numbers)
        else:
            output.value(z, matrix(room.out, at_y, n_out, b), output.numbers)
        for n in range(b):
            y[n_out, n] = 1
        at_w += (n_in + 1) * n_out
        at_z += n_out * b
        at_y += (n_out + 1) * b
    return matrix(y, 0, y.shape[0] - 1, b)


@force_inlined
def multiply(delta, z, y, here, layer, replica, step, room):
    """Multiply the signal that came down to a layer by φ: the subject of the study."""
    if not here.factored:
        return
    phi = matrix(room.slope, 0, z.shape[0], z.shape[1])
    if here.remade:
        scaled = matrix(room.spare, 0, z.shape[0], z.shape[1])
        value = matrix(room.spare, z.size, z.shape[0], z.shape[1])
        scaled[:] = z * z.dtype.type(here.steepness)
        here.source_value(scaled, value, here.source_numbers)
        here.source_slope(scaled, value, phi, here.source_numbers)
    else:
        here.slope(z, y, phi, here.numbers)
    numbers = row(row(here.rule_numbers, layer), replica)
    here.factor(z, y, phi, numbers, here.keys[layer, replica], step)
    signal, by = line(delta), line(phi)
    for i in range(signal.size):
        signal[i] *= by[i]  # the factor of the question
    if here.replaces:
        here.replace(z, delta, numbers)


@force_inlined
def backward(sizes, w, gradient, x, t, hidden, output, room, replica, step):
    """Propagate y - t back into `gradient` (P,), after `forward` for the same patterns.

    t is (patterns, outputs). The objective is a mean over patterns.
    """
    b, top = x.shape[0], sizes.size - 2
    units = 0
    for layer in range(1, sizes.size):
        units += sizes[layer]
    at_w, at_z, at_y = w.size, units * b, (units + sizes.size - 1) * b
    share = w.dtype.type(1) / w.dtype.type(b)
    for layer in range(top, -1, -1):
        n_in, n_out = sizes[layer], sizes[layer + 1]
        at_w -= (n_in + 1) * n_out
        at_z -= n_out * b
        at_y -= (n_out + 1) * b
        z = matrix(room.net, at_z, n_out, b)
        y = matrix(room.out, at_y, n_out, b)
        delta = matrix(room.delta, at_z, n_out, b)
        if layer == top:
            for j in range(n_out):
                for n in range(b):
                    delta[j, n] = (y[j, n] - t[n, j]) * share
            multiply(delta, z, y, output, layer, replica, step, room)
        else:
            multiply(delta, z, y, hidden, layer, replica, step, room)
        into = matrix(gradient, at_w, n_in + 1, n_out)
        if layer == 0:
            np.dot(x.T, delta.T, into)
        else:
            weights = matrix(w, at_w, n_in, n_out)  # without the bias
            below = matrix(room.out, at_y - (n_in + 1) * b, n_in + 1, b)
            np.dot(below, delta.T, into)
            np.dot(weights, delta, matrix(room.delta, at_z - n_in * b, n_in, b))
