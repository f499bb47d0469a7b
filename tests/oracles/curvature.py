"""Oracle of the Gauss-Newton diagonal, in plain floats: exact, and sampled by signs.

The Jacobian is that of the outputs where the objective is a squared error, else that of the
output's net inputs. It is taken by central differences, so for the exact rule alone.
"""

import itertools
import math
from collections.abc import Iterator

from oracles.activations import Curve
from oracles.network import Matrix, Net, Rule, flat

Signs = list[list[float]]


def all_signs(patterns: int, outputs: int) -> Iterator[Signs]:
    """Yield every way to give each output of each pattern a sign."""
    for row in itertools.product((-1.0, 1.0), repeat=patterns * outputs):
        yield [list(row[n * outputs : (n + 1) * outputs]) for n in range(patterns)]


def _roots(net: Net, z: list[float], y: list[float]) -> Matrix:
    """Return B with B Bᵀ = S, the Hessian in the net inputs; 1 where a factor stands."""
    own = range(len(y))
    if net.output_factor:
        return [[float(i == j) for j in own] for i in own]
    if isinstance(net.output, Curve):
        return [[math.sqrt(net.output.slope(z[i])) * (i == j) for j in own] for i in own]
    return [[math.sqrt(y[j]) * ((i == j) - y[i]) for j in own] for i in own]


def sample(
    net: Net, inputs: Matrix, signs: Signs, rule: Rule, seed: int, step: int
) -> list[float]:
    """Return b times the square of the propagated errors e = B u."""
    nets, outs = net.forward(inputs)
    aims = []
    for z, y, u in zip(nets[-1], outs[-1], signs, strict=True):
        root = _roots(net, z, y)
        errors = [math.fsum(a * b for a, b in zip(row, u, strict=True)) for row in root]
        aims.append([a - e for a, e in zip(y, errors, strict=True)])
    found = flat(net.gradient(inputs, aims, rule, seed, step))
    return [len(inputs) * g * g for g in found]


def exact(net: Net, inputs: Matrix, h: float = 1e-5) -> list[float]:
    """Return the mean over patterns of the diagonal of Jᵀ S J."""
    found = []
    for layer, i, j in _places(net):
        total, before = 0.0, net.weights[layer][i][j]
        for pattern in inputs:
            ends = []
            for moved in (before + h, before - h):
                net.weights[layer][i][j] = moved
                nets, outs = net.forward([pattern])
                ends.append(outs[-1][0] if net.output_factor else nets[-1][0])
            net.weights[layer][i][j] = before
            along = [(a - b) / (2.0 * h) for a, b in zip(*ends, strict=True)]
            nets, outs = net.forward([pattern])
            root = _roots(net, nets[-1][0], outs[-1][0])
            for column in zip(*root, strict=True):
                total += math.fsum(a * b for a, b in zip(along, column, strict=True)) ** 2
        found.append(total / len(inputs))
    return found


def _places(net: Net) -> Iterator[tuple[int, int, int]]:
    for layer, rows in enumerate(net.weights):
        for i, row in enumerate(rows):
            for j in range(len(row)):
                yield layer, i, j
