"""The loops over a stack's replicas, compiled: updates, objectives, gradients, outputs.

They work replica by replica, so that a replica's weights and layers stay in the processor's first
caches, and its numbers cannot depend on what it is stacked with. Replicas are S seeds × K learning
rates, r = seed K + rate. The K replicas of a seed share its patterns and their order; all seeds
share one data set (D = 1), or have one each (D = S).
"""

from typing import Any, NamedTuple

import numpy as np

from study.learning import Array
from study.learning.core.borrowed import borrowed, matrix, row
from study.learning.core.curvature import sample
from study.learning.core.kernels import compiled
from study.learning.core.network import Workspace, backward, forward, make_workspace
from study.learning.seeds import shuffled

CHUNK = 256  # patterns that are evaluated together


class Replicas(NamedTuple):
    """What changes in training: parameters (R, P), optimizer state (R, n, P), who is in (R,)."""

    parameters: Array
    state: Array
    alive: Array


class Patterns(NamedTuple):
    """Inputs with their ones (D, d + 1, n), and targets (D, n, outputs)."""

    inputs: Array
    targets: Array


class Scratch(NamedTuple):
    """Buffers for one replica's update.

    They are for layers, gradient (P,), a batch, an epoch's order (n,) and sampled aims.
    """

    work: Workspace
    gradient: Array
    x: Array
    t: Array
    order: Array
    sampled: Array


class Batches(NamedTuple):
    """How patterns are batched: the last batch of an epoch is what is left over.

    An epoch's order is a function of (key, epoch). With n or more patterns in a batch they keep
    the data's order.
    """

    size: int  # patterns in a batch
    keys: Array  # (S,) random streams
    given: Array  # (S, n) an order that stands for all epochs instead; (0, n) for none
    begun: int  # number of the update with which the first epoch begins


class Loss(NamedTuple):
    """What updates minimise beside the objective, the account of both, and who has learnt.

    The penalty is ½ α Σ w² / b on the weights, without biases, b patterns in the batch, as in
    scikit-learn. The account has sums over batches, each before its update: of the objective's
    terms, and of ½ α Σ w². A replica has learnt when every output of a batch is nearer than
    `within` to its target; it takes no more updates.
    """

    terms: Any  # kernel of the objective
    alpha: float  # 0 for no penalty
    running: Array  # (R, 2), the account; (0, 2) where none is kept
    within: float
    learnt: Array  # (R,) updates made before it had, -1 for not yet; (0,) where nobody asks


def make_scratch(sizes: Array, parameters: Array, data: Patterns, batch: int) -> Scratch:
    """Allocate what `advance` needs."""
    _, width, patterns = data.inputs.shape
    size, dtype = min(batch, patterns), parameters.dtype
    return Scratch(
        make_workspace(sizes, size, dtype),
        np.empty(parameters.shape[1], dtype),
        np.empty((width, size), dtype),
        np.empty((size, data.targets.shape[2]), dtype),
        np.empty(patterns, np.int64),
        np.empty((size, data.targets.shape[2]), dtype),
    )


@compiled
def advance(
    sizes,
    replicas,
    data,
    batches,
    hidden,
    output,
    loss,
    update,
    rates,
    constants,
    first,
    scratch,
    curvature,
):
    """Take ``len(rates)`` updates, the first of them number `first` (from 0).

    ``rates`` (updates, R), and the optimizer's ``constants`` (R, k).
    """
    seeds, patterns = batches.keys.size, data.inputs.shape[2]
    per_seed = replicas.alive.size // seeds
    size = min(batches.size, patterns)
    in_epoch = (patterns + size - 1) // size
    # the same arrays, no reference counting
    work, gradient, x, t, order, sampled = borrowed(scratch)
    inputs, aims = borrowed(data)
    parameters, state, alive = borrowed(replicas)
    hidden, output, constants = borrowed(hidden), borrowed(output), borrowed(constants)
    sizes, rates = borrowed(sizes), borrowed(rates)
    batches, loss = borrowed(batches), borrowed(loss)
    for s in range(seeds):
        if not alive[s * per_seed : (s + 1) * per_seed].any():
            continue
        which = s if data.inputs.shape[0] > 1 else 0
        if batches.given.shape[0] > 0:
            order[:] = batches.given[s]
        else:
            order[:] = np.arange(patterns)
        for i in range(rates.shape[0]):
            epoch, batch = divmod(first - batches.begun + i, in_epoch)
            reordered = (i == 0 or batch == 0) and batches.given.shape[0] == 0
            if reordered and size < patterns:
                shuffled(order, batches.keys[s], epoch)
            b = min(size, patterns - batch * size)
            batch_x, batch_t = matrix(x, 0, x.shape[0], b), matrix(t, 0, b, t.shape[1])
            if size < patterns or i == 0:
                chosen = order[batch * size : batch * size + b]
                for j in range(x.shape[0]):  # the outer loop: an input's values lie together
                    for n in range(b):
                        batch_x[j, n] = inputs[which, j, chosen[n]]
                for n in range(b):
                    for j in range(t.shape[1]):
                        batch_t[n, j] = aims[which, chosen[n], j]
            for r in range(s * per_seed, (s + 1) * per_seed):
                if alive[r] and not (loss.learnt.size > 0 and loss.learnt[r] >= 0):
                    w = row(parameters, r)
                    y = forward(sizes, w, batch_x, hidden, output, work)
                    if loss.learnt.size > 0 and all_within(y, batch_t, loss.within):
                        loss.learnt[r] = first + i
                        continue
                    if loss.running.shape[0] > 0:
                        z = matrix(work.net, sizes[1:-1].sum() * b, y.shape[0], b)
                        loss.running[r, 0] += loss.terms(z, y, batch_t)
                    backward(
                        *(sizes, w, gradient, batch_x, batch_t, hidden, output, work),
                        *(r, first + i + 1),
                    )
                    if loss.alpha != 0:
                        squares = penalise(sizes, w, gradient, loss.alpha / b)
                        if loss.running.shape[0] > 0:
                            loss.running[r, 1] += 0.5 * loss.alpha * squares
                    if curvature.wanted:
                        sample(
                            *(sizes, w, row(row(state, r), 0), batch_x),
                            *(matrix(sampled, 0, b, t.shape[1]), hidden, output, work),
                            *(curvature, s, r, first + i + 1),
                        )
                    update(w, gradient, row(state, r), rates[i, r], row(constants, r))


@compiled
def all_within(y, t, within):
    """Tell whether all y (outputs, n) are nearer than `within` to their targets t (n, outputs)."""
    for k in range(y.shape[0]):
        for n in range(y.shape[1]):
            if not abs(y[k, n] - t[n, k]) < within:
                return False
    return True


@compiled
def penalise(sizes, w, gradient, strength):
    """Add `strength` times the weights, without biases, to the gradient; return their squares."""
    at, factor, squares = 0, w.dtype.type(strength), 0.0
    for layer in range(sizes.size - 1):
        for i in range(at, at + sizes[layer] * sizes[layer + 1]):
            gradient[i] += factor * w[i]
            squares += np.float64(w[i]) * w[i]
        at += (sizes[layer] + 1) * sizes[layer + 1]
    return squares


@compiled
def objectives(sizes, parameters, alive, data, hidden, output, terms, work):
    """Return the objective of each replica on all patterns, (R,) float64; NaN where not alive."""
    patterns = data.inputs.shape[2]
    per_set = alive.size // data.inputs.shape[0]
    found = np.full(alive.size, np.nan)
    for r in range(alive.size):
        if not alive[r]:
            continue
        x, t = data.inputs[r // per_set], data.targets[r // per_set]
        total = 0.0
        for i in range(0, patterns, CHUNK):
            part = x[:, i : i + CHUNK]
            y = forward(sizes, row(parameters, r), part, hidden, output, work)
            at = sizes[1:-1].sum() * part.shape[1]
            z = work.net[at : at + y.size].reshape(y.shape)
            total += terms(z, y, t[i : i + CHUNK])
        found[r] = total / patterns
    return found


@compiled
def gradients(sizes, parameters, data, hidden, output, step, work):
    """Return the gradient of each replica on all patterns at once, (R, P)."""
    per_set = parameters.shape[0] // data.inputs.shape[0]
    found = np.empty_like(parameters)
    for r in range(parameters.shape[0]):
        x, t = data.inputs[r // per_set], data.targets[r // per_set]
        forward(sizes, parameters[r], x, hidden, output, work)
        backward(sizes, parameters[r], found[r], x, t, hidden, output, work, r, step)
    return found


@compiled
def layer_inputs(sizes, parameters, inputs, hidden, output, layer, work):
    """Return the net inputs of a layer, (R, units, n), and its outputs; layer from 0."""
    replicas, patterns = parameters.shape[0], inputs.shape[2]
    per_set = replicas // inputs.shape[0]
    z = np.empty((replicas, sizes[layer + 1], patterns), parameters.dtype)
    y = np.empty((replicas, sizes[layer + 1], patterns), parameters.dtype)
    for r in range(replicas):
        for i in range(0, patterns, CHUNK):
            x = inputs[r // per_set, :, i : i + CHUNK]
            forward(sizes, parameters[r], x, hidden, output, work)
            b, units = x.shape[1], sizes[layer + 1]
            at = sizes[1 : layer + 1].sum() * b
            z[r, :, i : i + b] = work.net[at : at + units * b].reshape(units, b)
            at += layer * b
            y[r, :, i : i + b] = work.out[at : at + units * b].reshape(units, b)
    return z, y


@compiled
def slopes(z, y, slope, constants):
    """Return f'(z) for a stack of layers (R, units, n), by the activation's slope kernel."""
    found = np.empty_like(z)
    for r in range(z.shape[0]):
        slope(z[r], y[r], found[r], constants)
    return found
