"""Where layers lie in a replica's arrays: against numpy, in nets narrow, wide and deep."""

import numpy as np
import pytest
from small_nets import design, patterns, posed, same_bits, small

from study.learning.core.borrowed import borrowed, line, matrix, row
from study.learning.core.kernels import compiled
from study.learning.core.network import count, layers_of, make_workspace
from study.learning.core.stack import Stack
from study.learning.core.training import train
from study.learning.design import Budget
from study.learning.problem import unscored


@compiled
def shift(array, r, layer, start):
    """Add 1 through each kind of view, of views of rows of three axes."""
    inner = row(row(borrowed(array), r), layer)
    found = matrix(inner, start, 2, 2).copy(), matrix(row(array, r), 0, 2, array.shape[2]).copy()
    entries = line(row(array, r))
    for i in range(entries.size):
        entries[i] += entries.dtype.type(1)
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint64"])
def test_views_are_of_the_arrays_own_memory(dtype):
    for r, layer, start in np.ndindex(3, 4, 2):
        array = np.arange(60).astype(dtype).reshape(3, 4, 5)
        expected = array.copy()
        expected[r] += np.array(1, dtype)
        inner, whole = shift(array, r, layer, start)
        assert np.array_equal(array, expected)
        expected[r] -= np.array(1, dtype)
        assert np.array_equal(inner, expected[r, layer, start : start + 4].reshape(2, 2))
        assert np.array_equal(whole, expected[r, :2])


SIZES = [(1, 1), (1, 1, 1), (3, 1, 2), (1, 7, 1), (5, 4, 3, 2), (2, 9, 2, 9, 2), (17, 33, 1, 8)]


def with_ones(patterns):
    """Append a column of ones."""
    return np.concatenate([patterns, np.ones((*patterns.shape[:-1], 1))], axis=-1)


def by_numpy(weights, inputs, targets):
    """Return z and y of every layer, and the exact gradient, of a stack of tanh nets."""
    nets, outs = [], [with_ones(inputs)]
    for layer in weights:
        nets.append(np.matmul(outs[-1], layer))
        outs.append(with_ones(np.tanh(nets[-1])))
    parts, delta = [], (outs[-1][..., :-1] - targets) / inputs.shape[0]
    for layer in range(len(weights) - 1, -1, -1):
        delta = delta * (1.0 - np.tanh(nets[layer]) ** 2)
        parts.insert(0, np.matmul(outs[layer].swapaxes(-1, -2), delta).reshape(len(delta), -1))
        delta = np.matmul(delta, weights[layer][:, :-1].swapaxes(1, 2))
    return nets, outs[1:], np.concatenate(parts, axis=1)


@pytest.mark.parametrize("n", [1, 2, 13, 255, 256, 257, 700])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_layers_lie_where_they_should(sizes, n):
    """Net inputs, outputs, objectives in chunks, and gradients, of all layers."""
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(n, sizes[0])), rng.normal(size=(n, sizes[-1]))
    w = rng.normal(size=(3, count(sizes)))
    stack = Stack(unscored(x, t, "regression"), design(sizes[1:-1]), [0] * 3, w)
    nets, outs, gradient = by_numpy(layers_of(w, sizes), x, t)
    for layer, z in enumerate(nets):
        np.testing.assert_allclose(stack.net_inputs(layer).swapaxes(1, 2), z, atol=1e-12)
    for layer, y in enumerate(outs[:-1]):
        found, slope = stack.hidden_layer(layer, min(n, 256))
        np.testing.assert_allclose(found.swapaxes(1, 2), y[:, :256, :-1], atol=1e-12)
        np.testing.assert_allclose(slope, 1.0 - found**2, atol=1e-12)
    y = outs[-1][..., :-1]
    np.testing.assert_allclose(stack.outputs(x[None]).swapaxes(1, 2), y, atol=1e-12)
    expected = 0.5 * ((y - t) ** 2).sum(axis=2).mean(axis=1)
    np.testing.assert_allclose(stack.objective(), expected, rtol=1e-12)
    if n <= 256:
        np.testing.assert_allclose(stack.gradient(stack.exact, n), gradient, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 5])
def test_room_for_more_patterns_gives_the_same_bits(n, dtype):
    """What is left in the buffers from a larger batch, NaN here, must not show."""
    plan = design((5, 3))
    w = np.random.default_rng(1).normal(size=(2, count((4, 5, 3, 3)))).astype(dtype)
    stack = Stack(posed(plan, patterns(n=20)), plan, [0, 0], w)
    found = []
    for room in (n, 64):
        stack.work = make_workspace(stack.sizes, room, dtype)
        for buffer in stack.work[:-1]:
            buffer[:] = np.nan
        found.append(stack.gradient(stack.rules, n))
    assert np.isfinite(found[0]).all() and same_bits(*found)


def test_the_data_and_the_start_are_not_changed():
    """Loops write into arrays that they borrow; none of these is the caller's."""
    problem, plan = small((5, 4), optimizer="adam")
    start = np.random.default_rng(4).normal(size=(2, count((4, 5, 4, 3))))
    for dtype in ("float32", "float64"):
        kept = [a.copy() for a in (problem.inputs, problem.targets, start)]
        budget = Budget(updates=9, batch_size=4, dtype=dtype)
        train(problem, plan, budget, [1], [0.1, 0.3], start=start)
        for array, before in zip((problem.inputs, problem.targets, start), kept, strict=True):
            assert same_bits(array, before)
