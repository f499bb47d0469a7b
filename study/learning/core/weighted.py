"""Updates in which patterns have weights, compiled: a batch's objective is Σ w L / Σ w."""

import numpy as np

from study.learning.core import loops
from study.learning.core.kernels import compiled


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
    weights,
):
    """Take updates as `loops.advance` does, of one replica in a given order; `weights` (n,).

    The error is y - t there, and here c (y - t), where c is the weight over the batch's mean
    weight: the target y - c (y - t) makes it so. The penalty is ½ α Σ w² over the sum of the
    batch's weights.
    """
    _, width, patterns = data.inputs.shape
    outputs, dtype = data.targets.shape[2], replicas.parameters.dtype
    size = min(batches.size, patterns)
    in_epoch = (patterns + size - 1) // size
    turned = loops.Patterns(data.inputs, data.targets.copy())
    z1, y1 = np.empty((outputs, 1), dtype), np.empty((outputs, 1), dtype)
    t1, account = np.empty((1, outputs), dtype), np.zeros((1, 2))
    for i in range(rates.shape[0]):
        begin = (first - batches.begun + i) % in_epoch * size
        chosen = batches.given[0, begin : begin + size]
        x = np.empty((1, width, chosen.size), dtype)
        for j in range(width):
            for n in range(chosen.size):
                x[0, j, n] = data.inputs[0, j, chosen[n]]
        top, mean = sizes.size - 2, weights[chosen].mean()
        z, y = loops.layer_inputs(sizes, replicas.parameters, x, hidden, output, top, scratch.work)
        for n in range(chosen.size):
            c = weights[chosen[n]] / mean
            for k in range(outputs):
                z1[k, 0], y1[k, 0] = z[0, k, n], y[0, k, n]
                t1[0, k] = data.targets[0, chosen[n], k]
                turned.targets[0, chosen[n], k] = y1[k, 0] - c * (y1[k, 0] - t1[0, k])
            loss.running[0, 0] += c * loss.terms(z1, y1, t1)
        loops.advance(
            sizes,
            replicas,
            turned,
            batches,
            hidden,
            output,
            loops.Loss(loss.terms, loss.alpha / mean, account, loss.within, loss.learnt),
            update,
            rates[i : i + 1],
            constants,
            first + i,
            scratch,
            curvature,
        )
    loss.running[0, 1] += account[0, 1]
