"""Views of arrays in compiled loops: the same memory, the right shape, whatever lies around."""

import numpy as np
import pytest
from small_nets import design, patterns, posed, same_bits
from stacks import Network, objective_of, sites_of, workspace

from study.learning.activations import bound_activation
from study.learning.core import loops
from study.learning.core.borrowed import borrowed, line, matrix, row
from study.learning.core.kernels import compiled
from study.learning.core.network import count, layers_of, with_ones
from study.learning.core.training import outputs, train
from study.learning.design import Budget
from study.learning.objectives import OBJECTIVES
from study.learning.rules import EXACT

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint64"])


@compiled
def part(array, start, rows, columns, out):
    view = matrix(array, start, rows, columns)
    out[0], out[1], out[2] = view.size, view.shape[0], view.shape[1]
    total = view.dtype.type(0)
    for i in range(view.shape[0]):
        for j in range(view.shape[1]):
            total += view[i, j] * view.dtype.type(i + 2 * j)
    view[rows - 1, columns - 1] = 77
    return total


@compiled
def as_line(array, out):
    view = line(array)
    out[0] = view.size
    for i in range(view.size):
        view[i] += view.dtype.type(i)


@compiled
def as_row(array, index):
    view = row(array, index)
    view[0] += view.dtype.type(1)
    return view.copy()


@compiled
def as_it_is(array):
    view = borrowed(array)
    view[0] += view.dtype.type(1)
    return view.copy()


@compiled
def nested(array, r, layer):
    """Rows of rows, and a matrix in a row, as the loops take them."""
    inner = row(row(array, r), layer)
    return matrix(inner, 1, 2, 2).copy(), matrix(row(array, r), 0, 2, array.shape[2]).copy()


@DTYPES
def test_a_matrix_is_a_part_of_an_array(dtype):
    array = np.arange(30).astype(dtype)
    shape = np.zeros(3, np.int64)
    for start, rows, columns in ((0, 5, 6), (7, 3, 4), (29, 1, 1), (2, 1, 9), (3, 9, 1)):
        expected = array[start : start + rows * columns].reshape(rows, columns).copy()
        weights = np.arange(rows)[:, None] + 2 * np.arange(columns)
        kept = array.copy()
        total = part(array, start, rows, columns, shape)
        assert total == (expected * weights.astype(dtype)).sum()
        assert shape.tolist() == [rows * columns, rows, columns]
        last = start + rows * columns - 1
        assert array[last] == 77, "it is the array's own memory"
        others = np.arange(30) != last
        assert np.array_equal(array[others], kept[others])
        array[:] = kept
    block = np.arange(24).astype(dtype).reshape(2, 3, 4)  # of more axes, counted through
    flat = block.flatten()
    assert part(block, 6, 2, 3, shape) == part(flat, 6, 2, 3, shape)
    assert np.array_equal(block.ravel(), flat)


@DTYPES
@pytest.mark.parametrize("shape", [(6,), (2, 3), (3, 1, 2), (1, 6), (0, 3)])
def test_a_line_goes_through_all_entries_in_order(shape, dtype):
    array = np.zeros(shape, dtype)
    size = np.zeros(1, np.int64)
    as_line(array, size)
    assert size[0] == array.size
    assert array.ravel().tolist() == list(range(array.size))


@DTYPES
@pytest.mark.parametrize("index_type", [int, np.int32, np.int64, np.uint64])
def test_a_row_is_an_entry_of_the_first_axis(index_type, dtype):
    array = np.arange(24).astype(dtype).reshape(4, 6)
    for r in range(4):
        expected = array[r].copy()
        expected[0] += np.array(1, dtype)
        assert np.array_equal(as_row(array, index_type(r)), expected)
    cube = np.arange(24).astype(dtype).reshape(2, 3, 4)
    expected = cube[1].copy()
    expected[0] += np.array(1, dtype)
    assert np.array_equal(as_row(cube, index_type(1)), expected)
    assert np.array_equal(cube[1], expected), "it is the array's own memory"


@DTYPES
@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 4)])
def test_an_array_is_borrowed_as_it_is(shape, dtype):
    array = np.arange(np.prod(shape)).astype(dtype).reshape(shape)
    expected = array.copy()
    expected[0] += np.array(1, dtype)
    found = as_it_is(array)
    assert found.shape == shape and found.dtype == dtype
    assert np.array_equal(found, expected) and np.array_equal(array, expected)


def test_views_of_views():
    array = np.arange(60.0).reshape(3, 4, 5)
    for r, layer in np.ndindex(3, 4):
        inner, whole = nested(array, r, layer)
        assert np.array_equal(inner, array[r, layer, 1:5].reshape(2, 2))
        assert np.array_equal(whole, array[r, :2])


# ---- through the engine -------------------------------------------------------------------------


SIZES = [(1, 1), (1, 1, 1), (3, 1, 2), (1, 7, 1), (5, 4, 3, 2), (2, 9, 2, 9, 2), (17, 33, 1, 8)]


def by_numpy(network, inputs, targets):
    """Return z and y of every layer, and the exact gradient, of a stack of tanh nets."""
    nets, outs = [], [np.concatenate([inputs, np.ones((*inputs.shape[:2], 1))], axis=2)]
    for weights in network.weights:
        z = np.matmul(outs[-1], weights)
        nets.append(z)
        outs.append(np.concatenate([np.tanh(z), np.ones((*z.shape[:2], 1))], axis=2))
    parts, signal = [], (outs[-1][..., :-1] - targets) / inputs.shape[1]
    for layer in range(network.depth - 1, -1, -1):
        signal = signal * (1.0 - np.tanh(nets[layer]) ** 2)
        parts.insert(0, np.matmul(outs[layer].swapaxes(1, 2), signal).reshape(len(signal), -1))
        signal = np.matmul(signal, network.weights[layer][:, :-1].swapaxes(1, 2))
    return nets, [y[..., :-1] for y in outs[1:]], np.concatenate(parts, axis=1)


@pytest.mark.parametrize("batch", [1, 2, 13])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_layers_lie_where_they_should(sizes, batch):
    """Net inputs, outputs and gradients of all layers, against numpy; narrow layers and deep."""
    rng = np.random.default_rng(0)
    tanh = bound_activation("tanh")
    network = Network(sizes, tanh, tanh, rng.normal(size=(3, count(sizes))))
    inputs = rng.normal(size=(3, batch, sizes[0]))
    targets = rng.normal(size=(3, batch, sizes[-1]))
    work = workspace(network, inputs, targets.swapaxes(1, 2))
    nets, outs, gradient = by_numpy(network, inputs, targets)
    network.forward(work)
    for layer in range(network.depth):
        np.testing.assert_allclose(work.net[layer].swapaxes(1, 2), nets[layer], atol=1e-12)
        np.testing.assert_allclose(work.outputs[layer].swapaxes(1, 2), outs[layer], atol=1e-12)
    network.backward(work, sites_of(network, [EXACT] * network.depth, [0] * 3), 1)
    np.testing.assert_allclose(network.gradient, gradient, atol=1e-12)
    found = objective_of(network, work, OBJECTIVES["squared_error"])
    expected = 0.5 * ((outs[-1] - targets) ** 2).sum(axis=2).mean(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [1, 5])
def test_room_for_more_patterns_gives_the_same_bits(batch, dtype):
    """What is left in the buffers from a larger batch, NaN here, must not show."""
    rng = np.random.default_rng(1)
    tanh, sizes = bound_activation("tanh"), (4, 5, 3, 2)
    network = Network(sizes, tanh, tanh, rng.normal(size=(2, count(sizes))).astype(dtype))
    work = workspace(network, rng.normal(size=(1, batch, 4)), rng.normal(size=(1, 2, batch)))
    sites = sites_of(network, [EXACT] * 3, [0, 0])
    network.backward(work, sites, 1)
    wide = workspace(network, np.full((1, 64, 4), np.nan), np.zeros((1, 2, 64)))
    room = network.room(wide)
    arguments = np.array(sizes), network.parameters
    loops.gradients(*arguments, wide.data, *sites, 1, room)
    assert same_bits(loops.gradients(*arguments, work.data, *sites, 1, room), network.gradient)


@pytest.mark.parametrize("patterns_", [1, 255, 256, 257, 700])
def test_evaluation_in_chunks_is_that_of_each_pattern(patterns_):
    rng = np.random.default_rng(2)
    tanh, sizes = bound_activation("tanh"), (4, 5, 3, 2)
    network = Network(sizes, tanh, tanh, rng.normal(size=(2, count(sizes))))
    inputs = rng.normal(size=(1, patterns_, 4))
    work = workspace(network, inputs, np.zeros((1, 2, patterns_)))
    network.forward(work)
    nets, outs, _ = by_numpy(network, inputs, np.zeros((1, patterns_, 2)))
    for layer in range(3):
        np.testing.assert_allclose(work.net[layer].swapaxes(1, 2), nets[layer], atol=1e-12)
        np.testing.assert_allclose(work.outputs[layer].swapaxes(1, 2), outs[layer], atol=1e-12)


def test_outputs_of_trained_networks():
    """From a design and parameters alone, for data of all or of each seed."""
    plan = design((5, 4), "tanh", "cross_entropy")
    problem = posed(plan, patterns(n=13))
    outcome = train(problem, plan, Budget(updates=9, batch_size=4, dtype="float64"), [1, 2], [0.3])
    inputs = np.random.default_rng(3).normal(size=(2, 300, 4))
    for x in (inputs[:1], inputs):
        found = outputs(plan, outcome.parameters, x)
        assert found.shape == (2, 3, 300)
        for r in range(2):
            y = with_ones(x[min(r, len(x) - 1)], float)
            for layer, weights in enumerate(layers_of(outcome.parameters, (4, 5, 4, 3))):
                z = y @ weights[r]
                y = with_ones(np.tanh(z), float) if layer < 2 else np.exp(z)
            expected = y / y.sum(axis=1, keepdims=True)
            np.testing.assert_allclose(found[r].T, expected, rtol=1e-12)


def test_the_data_and_the_start_are_not_changed():
    """Loops write into arrays that they borrow; none of these is the caller's."""
    plan = design((5, 4), optimizer="adam")
    problem = posed(plan, patterns(n=13))
    start = np.random.default_rng(4).normal(size=(2, count((4, 5, 4, 3))))
    for dtype in ("float32", "float64"):
        kept = [a.copy() for a in (problem.inputs, problem.targets, start)]
        train(
            problem,
            plan,
            Budget(updates=9, batch_size=4, dtype=dtype),
            [1],
            [0.1, 0.3],
            None,
            start,
        )
        for array, before in zip((problem.inputs, problem.targets, start), kept, strict=True):
            assert same_bits(array, before)
