"""What the study's theory says for certain, held against the core by numbers."""

import itertools

import numpy as np
import pytest
from small_nets import Patterns, a_home_of, design, posed, refused, rule_of
from stacks import Network, objective_of, sites_of, workspace

from study.learning.activations import bound_activation
from study.learning.core.placement import factor_of
from study.learning.core.training import train
from study.learning.design import Budget
from study.learning.initialisations import INITIALISATIONS, initial_parameters
from study.learning.objectives import OBJECTIVES
from study.learning.rules import EXACT, GRADIENTS
from study.learning.rules.base import Pointwise
from study.learning.variants import resolve

POINTWISE = [name for name, rule in GRADIENTS.items() if isinstance(rule.matched, Pointwise)]
IDENTITY, TANH = bound_activation("identity"), bound_activation("tanh")


def backward(network, work, rules, replicas=(0,), step=1):
    """Return the gradient (R, P) that these rules give."""
    network.backward(work, sites_of(network, rules, list(replicas), work), step)
    return network.gradient.copy()


def net(sizes, activation, output, seed=0, scale=0.8, replicas=1):
    rng = np.random.default_rng(seed)
    parameters = rng.normal(scale=scale, size=(replicas, Network.count(sizes)))
    return Network(sizes, bound_activation(activation), output, parameters), rng


def numeric_gradient(network, inputs, targets, loss, h=1e-5):
    """Central differences of the mean over patterns of loss(z, t), coordinate by coordinate."""
    w, size = network.parameters, network.parameters.shape[1]
    moved = Network(
        network.sizes,
        network.activations[0],
        network.activations[-1],
        np.concatenate([w + h * np.eye(size), w - h * np.eye(size)]),
    )
    work = workspace(moved, inputs, targets)
    moved.forward(work)
    values = loss(work.net[-1], targets).sum(axis=(1, 2)) / work.patterns
    return (values[:size] - values[size:]) / (2.0 * h)


def cross_entropy(z, t):
    return np.logaddexp(0.0, z) - t * z


def squared_logistic(z, t):
    return 0.5 * (1.0 / (1.0 + np.exp(-z)) - t) ** 2


def log_cosh(z, t):
    return np.log(np.cosh(z)) - t * z + np.log(2.0)


OUTPUT_RULES = [
    ("logistic", "removed", cross_entropy),
    (
        "logistic",
        {"offset": {"amount": 0.1, "absolute": True}},
        lambda z, t: squared_logistic(z, t) + 0.1 * cross_entropy(z, t),
    ),
    ("tanh", "removed", log_cosh),
    ("tanh", {"constant": {"value": 0.5}}, lambda z, t: 0.5 * log_cosh(z, t)),
    (
        "tanh",
        {"blend": {"amount": 0.25}},
        lambda z, t: 0.75 * 0.5 * (np.tanh(z) - t) ** 2 + 0.25 * log_cosh(z, t),
    ),
    ("logistic", "exact", squared_logistic),
]


def test_a_rule_at_the_output_descends_another_objective():
    """Removed at the output is cross-entropy; an offset is squared error plus some of it."""
    for (activation, spec, loss), hidden in itertools.product(OUTPUT_RULES, ((), (4,), (4, 3))):
        network, rng = net((3, *hidden, 2), activation, bound_activation(activation), seed=1)
        inputs, targets = rng.normal(size=(1, 6, 3)), rng.uniform(0.1, 0.9, size=(1, 2, 6))
        rules = [EXACT] * len(hidden) + [rule_of(spec)]
        found = backward(network, workspace(network, inputs, targets), rules)[0]
        numeric = numeric_gradient(network, inputs, targets, loss)
        apart = np.linalg.norm(found - numeric)
        assert apart <= 1e-7 * np.linalg.norm(numeric), (activation, spec, hidden)


@pytest.mark.parametrize("name", POINTWISE)
def test_any_pointwise_rule_at_the_output_descends_its_integral(name):
    """L~ = ∫ (f - t) φ dz, integrated over a fine grid from the rule's own factor."""
    for activation in ("tanh", "logistic", "gudermannian"):
        output, rule = bound_activation(activation), rule_of(name)
        if not refused(rule, output):
            assert_descends_its_integral(output, rule)


def assert_descends_its_integral(output, rule):
    network, rng = net((3, 4, 2), output.name, output, seed=2)
    inputs, targets = rng.normal(size=(1, 5, 3)), rng.uniform(0.1, 0.9, size=(1, 2, 5))
    found = backward(network, workspace(network, inputs, targets), [EXACT, rule])[0]

    grid = np.linspace(-6.0, 6.0, 240_001)
    phi, y = factor_of(rule, output, grid[None])[0], output.apply(grid)

    def potential(values):  # trapezoids, from 0
        area = np.concatenate([[0.0], np.cumsum(0.5 * (values[1:] + values[:-1]))])
        return area * (grid[1] - grid[0])

    with_f, alone = potential(y * phi), potential(phi)

    def loss(z, t):
        return np.interp(z, grid, with_f) - t * np.interp(z, grid, alone)

    numeric = numeric_gradient(network, inputs, targets, loss, h=1e-4)
    assert np.linalg.norm(found - numeric) <= 3e-4 * np.linalg.norm(numeric)


def test_one_layer_with_the_factor_removed_is_convex():
    """Every start ends in one place; with the factor kept, saturated starts stay apart."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(20, 2))
    t = (x[:, :1] + 0.8 * rng.normal(size=(20, 1)) > 0.0).astype(float)
    start = np.concatenate([rng.normal(scale=0.1, size=(2, 3)), 40.0 * rng.normal(size=(2, 3))])
    ends = {}
    for gradient in ("removed", "exact"):
        plan = design((), "logistic", gradient=gradient, location="output")
        problem = posed(plan, Patterns(x, t, x, t))
        budget = Budget(updates=6000, batch_size=None, dtype="float64", probes=0)
        outcome = train(problem, plan, budget, [0], [1.0] * 4, start=start)
        ends[gradient] = outcome.parameters
    assert np.ptp(ends["removed"], axis=0).max() < 1e-6
    assert np.ptp(ends["exact"], axis=0).max() > 1.0


@pytest.mark.parametrize("name", ["exact", "removed", "offset", "floor", "power", "bump"])
def test_blocks_of_the_jacobian_are_asymmetric_as_predicted(name):
    """Block (w_j, w_k) misses its mirror by v_j v_k (f'_k φ_j - f'_j φ_k) x xᵀ; exact by 0."""
    rule, tanh = rule_of(name), bound_activation("tanh")
    network, rng = net((2, 3, 1), "tanh", IDENTITY, seed=4)
    x, t = rng.normal(size=(1, 1, 2)), rng.normal(size=(1, 1, 1))
    size, h = network.parameters.shape[1], 1e-5
    moved = np.concatenate([network.parameters + s * h * np.eye(size) for s in (1, -1)])
    around = Network(network.sizes, tanh, IDENTITY, moved)
    g = backward(around, workspace(around, x, t), [rule, None], replicas=[0] * 2 * size)
    jacobian = (g[:size] - g[size:]).T / (2.0 * h)  # [i, k] = ∂g_i / ∂w_k
    blocks = jacobian[:9, :9].reshape(3, 3, 3, 3)  # input i, unit j, input, unit
    work = workspace(network, x, t)
    network.forward(work)
    z = work.net[0]
    phi = factor_of(rule, tanh, z[0]).ravel()
    slope, v = 1.0 - np.tanh(z.ravel()) ** 2, network.weights[1][0, :-1, 0]
    inputs = np.append(x, 1.0)
    worst = 0.0
    for j in range(3):
        for k in range(3):
            found = blocks[:, j, :, k] - blocks[:, k, :, j].T
            size_of = v[j] * v[k] * (slope[k] * phi[j] - slope[j] * phi[k])
            np.testing.assert_allclose(found, size_of * np.outer(inputs, inputs), atol=1e-8)
            worst = max(worst, np.abs(found).max())
    assert worst < 1e-8 if name == "exact" else worst > 1e-3


@pytest.mark.parametrize("name", GRADIENTS)
def test_one_pattern_and_one_hidden_layer_always_descend(name):
    """Munro 1993: whatever φ > 0, hidden, or at a single output as well."""
    rule = rule_of(name)
    points = np.linspace(-3.0, 3.0, 24).reshape(4, 6)
    if refused(rule, TANH) or (factor_of(rule, TANH, points) < 0.0).any():
        return  # it may go uphill, as controls should
    for location, outputs in (("hidden", 3), ("all", 1)):
        network, rng = net(
            (3, 5, outputs), "tanh", bound_activation("tanh"), seed=5, scale=2.0, replicas=200
        )
        x, t = rng.normal(size=(200, 1, 3)), rng.uniform(-1.0, 1.0, size=(200, outputs, 1))
        work, replicas = workspace(network, x, t), range(200)
        exact = backward(network, work, [EXACT, EXACT], replicas)
        top = rule if location == "all" else EXACT
        modified = backward(network, work, [rule, top], replicas)
        assert ((exact * modified).sum(axis=1) >= 0.0).all()


def test_elsewhere_a_rule_can_go_uphill():
    """Miller 1993: removal in deeper nets, or over several patterns, is no descent direction."""
    for sizes, batch in (((3, 5, 5, 5, 2), 1), ((3, 5, 2), 8)):
        network, rng = net(
            sizes, "tanh", bound_activation("tanh"), seed=6, scale=2.0, replicas=300
        )
        x, t = rng.normal(size=(300, batch, 3)), rng.uniform(-1.0, 1.0, size=(300, 2, batch))
        work, depth = workspace(network, x, t), len(sizes) - 2
        exact = backward(network, work, [EXACT] * (depth + 1), range(300))
        removed = backward(network, work, [rule_of("removed")] * depth + [EXACT], range(300))
        uphill = (exact * removed).sum(axis=1) < 0.0
        assert 0.0 < uphill.mean() < 0.5


@pytest.mark.parametrize("name", GRADIENTS)
def test_a_solution_without_error_is_a_fixed_point_of_every_factor(name):
    rule = rule_of(name)
    network, rng = net((3, 4, 4, 2), a_home_of(rule).name, IDENTITY, seed=7)
    x = rng.normal(size=(1, 5, 3))
    work = workspace(network, x, np.zeros((1, 2, 5)))
    work.targets[:] = network.forward(work)
    assert objective_of(network, work, OBJECTIVES["linear_squared_error"]) == 0.0
    assert not backward(network, work, [rule, rule, None]).any()


def test_negated_top_reverses_every_hidden_gradient_and_no_other():
    network, rng = net((3, 4, 4, 2), "tanh", IDENTITY, seed=8)
    work = workspace(network, rng.normal(size=(1, 5, 3)), rng.normal(size=(1, 2, 5)))
    exact = backward(network, work, [EXACT, EXACT, None])[0]
    negated = backward(network, work, [rule_of("negated_top")] * 2 + [None])[0]
    hidden = 4 * 4 + 5 * 4
    assert np.array_equal(negated[:hidden], -exact[:hidden])
    assert np.array_equal(negated[hidden:], exact[hidden:])


def test_signals_grow_by_the_root_of_two_a_layer_without_relus_mask():
    """He's variance 2 / n makes up for a mask that lets half through; with none it is too much."""
    width, depth, nets = 150, 12, 6
    sizes = (width,) * (depth + 1)
    he = resolve("initialisation", INITIALISATIONS, "he")
    rng = np.random.default_rng(9)
    alone = []
    for seed in range(nets):
        parameters = initial_parameters(he, 1.0, sizes, seed)[None]
        network = Network(sizes, bound_activation("relu"), IDENTITY, parameters)
        far = 1e3 * rng.normal(size=(1, width, 20))  # y - t hardly depends on the weights
        alone.append((network, workspace(network, rng.normal(size=(1, 20, width)), far)))
    growth = {}
    for name in ("exact", "removed"):
        rules = [rule_of(name)] * (depth - 1) + [None]
        squares = np.zeros(depth)
        for network, work in alone:
            deltas = network.deltas(work, sites_of(network, rules, [0]), step=1)
            squares += [(delta**2).sum() for delta in deltas]
        norms = np.sqrt(squares)
        growth[name] = (norms[0] / norms[-2]) ** (1.0 / (depth - 2))
    assert growth["removed"] == pytest.approx(np.sqrt(2.0), rel=0.03)
    assert growth["exact"] == pytest.approx(1.0, rel=0.06)
