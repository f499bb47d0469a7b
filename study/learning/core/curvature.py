"""Samples of the Gauss-Newton diagonal, one number for each parameter.

For a pattern, J is the Jacobian of the output's net inputs z, and S the objective's Hessian in z.
Where a factor stands at the output, J is that of the outputs and S = 1. The diagonal is the mean
over patterns of (Jᵀ S J)_ii. A random error e with E[e eᵀ] = S is propagated as y - t is, which
gives Σ Jᵀ e / b over a batch of b patterns. Errors of patterns are independent, so b times its
square has the diagonal as its expectation (Liu et al. 2023). Signs u of ±1 make e:
u √s for units with S = diag(s), and √y u - y (√y·u) for softmax. The rule's φ stands in J.
"""

from typing import Any, NamedTuple

import numpy as np

from study.learning.core.borrowed import matrix
from study.learning.core.kernels import compiled
from study.learning.core.network import backward
from study.learning.seeds import hashed, stream

STREAM = "curvature"


class Curvature(NamedTuple):
    """Whether samples are wanted, of which output, and the signs' random streams (S,)."""

    wanted: bool
    softmax: bool
    keys: Any


@compiled
def sample(sizes, w, into, x, sampled, hidden, output, work, curvature, seed, replica, step):
    """Write a sample of the diagonal at the batch x into `into` (P,), after `forward` for it.

    `sampled` (patterns, outputs) is scratch. The replicas of a seed get the same signs.
    """
    outputs, b = sizes[-1], x.shape[1]
    units = sizes[1:].sum()
    z = matrix(work.net, (units - outputs) * b, outputs, b)
    y = matrix(work.out, (units - outputs + sizes.size - 2) * b, outputs, b)
    slope = matrix(work.slope, 0, outputs, b)
    if not output.factored and not curvature.softmax:
        output.units.slope(z, y, slope, output.units.constants)
    base, one = stream(curvature.keys[seed], step), w.dtype.type(1)
    for n in range(b):
        along = w.dtype.type(0)
        for k in range(outputs):
            u = one if hashed(base, k, n) >> np.uint64(63) else -one
            if curvature.softmax:
                u *= np.sqrt(y[k, n])
                along += u
            elif not output.factored:
                u *= np.sqrt(slope[k, n])
            sampled[n, k] = u
        for k in range(outputs):
            sampled[n, k] = y[k, n] - (sampled[n, k] - y[k, n] * along)
    backward(sizes, w, into, x, sampled, hidden, output, work, replica, step)
    for i in range(into.size):
        into[i] *= into[i] * w.dtype.type(b)
