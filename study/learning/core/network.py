"""The multi-layer perceptron: forward and backward for one replica of a stack, compiled.

All parameters of a replica lie in one row w (P,). Layer l's weights are a view (n_in + 1, n_out)
of it whose last row is the bias. Layers are feature-major: net inputs z and delta are (units,
patterns). Inputs x and outputs y have a last row of ones, so the bias, its gradient and its update
cost nothing extra.
"""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from study.learning import Array
from study.learning.core.borrowed import line, matrix, row
from study.learning.core.kernels import force_inlined
from study.learning.core.products import dot, product, transpose


class Units(NamedTuple):
    """An activation as the loops know it: kernels of f and f', and its constants."""

    value: Any
    slope: Any
    constants: Array


class Layer(NamedTuple):
    """The hidden layers, or the output, as the loops know them: units and gradient rule."""

    units: Units  # their activation
    factored: bool  # whether a factor φ stands in the delta
    factor: Any  # kernel of the rule
    constants: Array  # of the rule, (depth, R, N)
    keys: Array  # its random streams, (depth, R)
    replace: Any  # kernel of the rule that may overwrite deltas after the factor
    recomputes_slope: bool  # whether the rule is given g'(β z) instead of f'(z)
    source: Units  # g
    steepness: float  # β
    lowest: int  # number of the lowest layer where the rule stands; below it φ = f'
    changes_error: bool  # whether the objective changes the error y - t, at the output
    error: Any  # kernel that does
    error_constants: Array


class Workspace(NamedTuple):
    """Buffers for one replica: all its layers' net inputs, outputs (with ones) and deltas.

    ``slope`` and ``spare`` are scratch, reused by every layer. ``product`` is what multiplies.
    """

    net: Array
    out: Array
    delta: Array
    slope: Array
    spare: Array
    product: Any


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
    """Turn inputs (D, n, d) to (D, d + 1, n), with the row of ones that carries the bias."""
    found = np.ones((len(inputs), inputs.shape[2] + 1, inputs.shape[1]), dtype)
    found[:, :-1] = inputs.swapaxes(1, 2)
    return found


def make_workspace(sizes: Array, patterns: int, dtype: Any) -> Workspace:
    """Allocate a workspace for batches of up to so many patterns."""
    units, widest = int(sizes[1:].sum()), int(sizes[1:].max())
    lengths = (units, units + len(sizes) - 1, units, widest, 2 * widest)
    net, out, delta, slope, spare = (np.empty(length * patterns, dtype) for length in lengths)
    return Workspace(net, out, delta, slope, spare, product(np.dtype(dtype).name))


@force_inlined
def forward(sizes, w, x, hidden, output, work):
    """Compute all layers for inputs x (n_in + 1, patterns); return y (outputs, patterns)."""
    b = x.shape[1]
    at_w, at_z, at_y = 0, 0, 0
    y = matrix(work.out, 0, 0, b)  # no layer's yet: it gives y its type
    for layer in range(sizes.size - 1):
        n_in, n_out = sizes[layer], sizes[layer + 1]
        weights = matrix(w, at_w, n_in + 1, n_out)
        z = matrix(work.net, at_z, n_out, b)
        if layer == 0:
            dot(work.product, weights.T, x, z)
        else:
            dot(work.product, weights.T, y, z)
        y = matrix(work.out, at_y, n_out + 1, b)
        if layer + 2 < sizes.size:
            hidden.units.value(z, matrix(work.out, at_y, n_out, b), hidden.units.constants)
        else:
            output.units.value(z, matrix(work.out, at_y, n_out, b), output.units.constants)
        for n in range(b):
            y[n_out, n] = 1
        at_w += (n_in + 1) * n_out
        at_z += n_out * b
        at_y += (n_out + 1) * b
    return matrix(y, 0, y.shape[0] - 1, b)


@force_inlined
def multiply(delta, z, y, layer, at, replica, step, work):
    """Multiply the error that came down to layer number `at` by φ: the subject of the study."""
    if not layer.factored:
        return
    slope = matrix(work.slope, 0, z.shape[0], z.shape[1])
    ruled = at >= layer.lowest
    if ruled and layer.recomputes_slope:
        scaled = matrix(work.spare, 0, z.shape[0], z.shape[1])
        value = matrix(work.spare, z.size, z.shape[0], z.shape[1])
        scaled[:] = z * z.dtype.type(layer.steepness)
        layer.source.value(scaled, value, layer.source.constants)
        layer.source.slope(scaled, value, slope, layer.source.constants)
    else:
        layer.units.slope(z, y, slope, layer.units.constants)
    constants = row(row(layer.constants, at), replica)
    if ruled:
        layer.factor(z, y, slope, constants, layer.keys[at, replica], step)  # slope becomes φ
    errors, phi = line(delta), line(slope)
    for i in range(errors.size):
        errors[i] *= phi[i]  # chain rule: φ = f'
    if ruled:
        layer.replace(z, delta, constants)


@force_inlined
def backward(sizes, w, gradient, x, t, hidden, output, work, replica, step):
    """Propagate the error back into `gradient` (P,), after `forward` for the same patterns.

    It is y - t, or what the objective makes of it; t is (patterns, outputs). The objective is a
    mean over patterns.
    """
    b, top = x.shape[1], sizes.size - 2
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
        z = matrix(work.net, at_z, n_out, b)
        y = matrix(work.out, at_y, n_out, b)
        delta = matrix(work.delta, at_z, n_out, b)
        if layer == top:
            turned_t = matrix(work.spare, 0, n_out, b)
            transpose(t, turned_t)
            errors, flat_y, flat_t = line(delta), line(y), line(turned_t)
            if output.changes_error:
                for i in range(errors.size):
                    errors[i] = flat_y[i] - flat_t[i]
                output.error(z, delta, output.error_constants)
                for i in range(errors.size):
                    errors[i] *= share
            else:
                for i in range(errors.size):
                    errors[i] = (flat_y[i] - flat_t[i]) * share
            multiply(delta, z, y, output, layer, replica, step, work)
        else:
            multiply(delta, z, y, hidden, layer, replica, step, work)
        into = matrix(gradient, at_w, n_in + 1, n_out)
        turned = matrix(work.spare, 0, b, n_out)
        transpose(delta, turned)
        if layer == 0:
            dot(work.product, x, turned, into)
        else:
            weights = matrix(w, at_w, n_in, n_out)  # without the bias
            below = matrix(work.out, at_y - (n_in + 1) * b, n_in + 1, b)
            dot(work.product, below, turned, into)
            dot(work.product, weights, delta, matrix(work.delta, at_z - n_in * b, n_in, b))
