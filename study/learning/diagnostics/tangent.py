"""Whether a rule's field is a gradient, and whether errors decay under it.

With g~ the modified gradient, w' = -g~(w) descends some objective only where J = ∂g~/∂w is
symmetric, up to one scale a layer. Near a solution errors obey e' = -K~ e, K~ = J_true J_mod^T,
where row (n, k) of J_true is the derivative of output k for pattern n, and that of J_mod what the
rule propagates back from it: they decay if and only if all eigenvalues that are not 0 have a
positive real part. With φ = f' both matrices are symmetric, and K~ has no negative eigenvalue.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from study.learning import Array
from study.learning.core import fixed, loops
from study.learning.core.network import Layer, make_workspace
from study.learning.core.stack import Stack
from study.learning.design import Design
from study.learning.problem import Problem
from study.learning.seeds import generator

PATTERNS = 32  # for the asymmetry
DIRECTIONS = 5  # a layer: 10 pairs
STEPS = {"float32": 2e-3, "float64": 1e-5}  # where rounding and the next term are about equal
NEGATIVE = 1e-4  # of the largest eigenvalue's modulus: nearer to 0 is rounding, in float32


def asymmetry(stack: Stack, step: int = 0) -> Array:
    """Estimate the asymmetry of the field within layers, ‖(J - J^T) / 2‖ / ‖J‖, (R,).

    Of the diagonal block of J of each hidden layer, in Frobenius norms, then the mean over the
    layers: 0 if and only if φ is proportional to f' on the net inputs visited, at most 1. From
    u^T J v and v^T J u for the 10 pairs out of 5 random directions, by central differences on the
    first 32 patterns: one network's estimate is right within a factor of about two, and for a
    symmetric J it is 0 but for about 1e-4 in float32. NaN without hidden layers, and where
    nothing comes down to one. Random rules are those of update number `step`.
    """
    depth, dtype = len(stack.widths) - 2, stack.parameters.dtype
    if not depth:
        return np.full(len(stack.parameters), np.nan)
    length = STEPS[dtype.name]
    rng = generator(0, "asymmetry")
    found, begin = [], 0
    for n_in, n_out in zip(stack.widths[:depth], stack.widths[1:], strict=False):
        inside = slice(begin, begin + (n_in + 1) * n_out)
        begin = inside.stop
        # uniform, of variance 1: exact on every processor
        ways = math.sqrt(3.0) * (2.0 * rng.random((DIRECTIONS, (n_in + 1) * n_out)) - 1.0)
        products = np.empty((len(stack.parameters), DIRECTIONS, DIRECTIONS))
        for i, way in enumerate(ways):
            ends = []
            for signed in (length, -length):
                moved = stack.parameters.copy()
                moved[:, inside] += (signed * way).astype(dtype)
                ends.append(stack.gradient(stack.rules, PATTERNS, step, moved)[:, inside])
            change = ends[0].astype(np.float64) - ends[1]
            for k in range(DIRECTIONS):
                products[:, i, k] = fixed.sums(change * ways[k])
        odd, whole = np.zeros((2, len(stack.parameters)))
        for i in range(DIRECTIONS):
            for k in range(i):
                one, other = products[:, i, k], products[:, k, i]
                odd, whole = odd + (one - other) ** 2, whole + 2.0 * (one**2 + other**2)
        with np.errstate(invalid="ignore"):
            found.append(np.sqrt(odd / whole))
    return fixed.sums(np.transpose(found)) / depth


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues of K~ for each of R networks."""

    eigenvalues: Array  # (R, n k), complex, of all outputs k on n patterns
    negative: Array  # (R,) the share with a real part below -1e-4 times the largest modulus
    smallest: Array  # (R,) the smallest real part, over the largest modulus


def tangent_spectrum(
    design: Design,
    problem: Problem,
    parameters: Array,
    patterns: int,
    seeds: Sequence[int],
    start: Array | None = None,
) -> Spectrum:
    """Return the eigenvalues of K~ = J_true J_mod^T on the first patterns.

    Where no factor stands at the output (linear, and the cross-entropies), rows are derivatives of
    the output's net inputs; else of the outputs. The rule sees all these patterns as one batch.
    The matrix has n k rows, and takes n (n k) backward passes.

    `problem` has one data set for all, or one a seed; `parameters` (R, P) are those of one network
    a seed. Rules such as ``mean_matched`` prepare at `start` (R, P), else at `parameters`.
    """
    patterns = min(patterns, problem.inputs.shape[1])
    found = []
    for r, seed in enumerate(seeds):
        true, modified = jacobians(design, problem, parameters[r], patterns, seed, r, start)
        found.append(fixed.eigenvalues(fixed.multiplied(true, modified.T)))
    eigenvalues = np.array(found)
    size = np.sqrt(eigenvalues.real**2 + eigenvalues.imag**2).max(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        negative = (eigenvalues.real < -NEGATIVE * size[:, None]).mean(axis=1)
        smallest = eigenvalues.real.min(axis=1) / size
    return Spectrum(eigenvalues, np.where(np.isfinite(size), negative, np.nan), smallest)


def jacobians(
    design: Design,
    problem: Problem,
    parameters: Array,
    patterns: int,
    seed: int,
    which: int = 0,
    start: Array | None = None,
) -> tuple[Array, Array]:
    """Return J_true and J_mod of network number `which`, (n k, P), rows (pattern, output)."""
    own = which if len(problem.inputs) > 1 else 0
    x, t = problem.inputs[own : own + 1], problem.targets[own : own + 1]
    begin = parameters if start is None else start[which].astype(parameters.dtype)
    rows = min(patterns, x.shape[1]) * problem.widths[1]
    begin = np.repeat(begin[None], rows, axis=0)
    stack = Stack(replace(problem, inputs=x, targets=t), design, [seed] * rows, begin)
    w = np.repeat(parameters[None], rows, axis=0)
    return _rows(stack, stack.exact, w, patterns), _rows(stack, stack.rules, w, patterns)


def _rows(stack: Stack, layers: tuple[Layer, Layer], parameters: Array, patterns: int) -> Array:
    """Propagate an error of 1 at each output for each pattern back, one a replica, (n k, P)."""
    rows, outputs = len(parameters), stack.widths[-1]
    x = np.ascontiguousarray(stack.data.inputs[:, :, :patterns])
    top = len(stack.widths) - 2
    y = loops.layer_inputs(stack.sizes, parameters[:1], x, *layers, top, stack.work)[1]
    aims = np.repeat(y.swapaxes(1, 2), rows, axis=0)
    pattern, output = np.divmod(np.arange(rows), outputs)
    aims[np.arange(rows), pattern, output] -= 1
    data = loops.Patterns(np.repeat(x, rows, axis=0), np.ascontiguousarray(aims))
    work = make_workspace(stack.sizes, patterns, parameters.dtype)
    found = loops.gradients(stack.sizes, parameters, data, *layers, 1, work)
    return found * patterns  # the objective is a mean over patterns
