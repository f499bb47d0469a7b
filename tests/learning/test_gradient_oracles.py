"""`exact` against central differences; every other rule against its scalar oracle."""

import numpy as np
import pytest
from oracles import network as oracle
from oracles.activations import curve_of
from oracles.rules import FACTORS
from small_nets import (
    ACTIVATION_SPECS,
    DIFFERENTIABLE,
    RULE_SPECS,
    a_home_of,
    label,
    random_targets,
    refused,
    rule_of,
    with_oracle,
)
from stacks import Network, objective_of, sites_of, workspace

from study.learning.activations import bound_activation
from study.learning.objectives import OBJECTIVES
from study.learning.rules import EXACT, GRADIENTS, canonical

STEP, DIRECTIONS, BATCH = 1e-5, 12, 6
BOUND = {label(spec): bound_activation(spec) for spec in ACTIVATION_SPECS}


def distance_to_kinks(network, work):
    """Least distance of a net input of any unit to a kink of its activation."""
    network.forward(work)
    gaps = [
        np.abs(net - z).min()
        for net, activation in zip(work.net, network.activations, strict=True)
        for z, _ in activation.kinks
    ]
    return min(gaps, default=np.inf)


@pytest.mark.parametrize("activation", DIFFERENTIABLE, ids=label)
def test_exact_is_the_derivative_of_the_objective(activation):
    """With every objective, one output and three, none to three hidden layers."""
    for objective in OBJECTIVES.values():
        for outputs in (1, 3):
            for depth in range(4):
                assert_derivative(bound_activation(activation), objective, outputs, depth)


def assert_derivative(hidden, objective, outputs, depth):
    output = objective.output(hidden, outputs)
    sizes = (5, *(4, 3, 4)[:depth], outputs)
    for seed in range(100):  # the first draw that is clear of all kinks
        rng = np.random.default_rng(seed)
        parameters = rng.normal(scale=0.8, size=(1, Network.count(sizes)))
        inputs = rng.normal(size=(1, BATCH, 5))
        targets = random_targets(objective, outputs, (1, outputs, BATCH), rng)
        network = Network(sizes, hidden, output, parameters)
        work = workspace(network, inputs, targets)
        if distance_to_kinks(network, work) > 1e3 * STEP:
            break
    else:
        pytest.fail("no draw is clear of the kinks")
    rules = [EXACT] * depth + [EXACT if objective.output_factor else None]
    network.backward(work, sites_of(network, rules, [0]), step=1)

    ways = rng.normal(size=(DIRECTIONS, parameters.shape[1]))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    around = np.concatenate([parameters + STEP * ways, parameters - STEP * ways])
    moved = Network(sizes, hidden, output, around)
    found = objective_of(moved, workspace(moved, inputs, targets), objective)
    up, down = found.reshape(2, DIRECTIONS)
    numeric, analytic = (up - down) / (2.0 * STEP), ways @ network.gradient[0]
    case = objective.name, outputs, depth
    assert np.linalg.norm(numeric - analytic) <= 1e-6 * np.linalg.norm(analytic), case
    assert np.linalg.norm(analytic) > 1e-3, case


class Pair:
    """The same small nets in the core and in the oracle: 2 seeds × 2 rates, unlike weights.

    The first pattern is all zeros and one unit of each hidden layer has no weights and no bias,
    so net inputs of exactly 0 occur in every layer; targets are random numbers, so the errors
    that reach a layer are too.
    """

    sizes = (5, 4, 3, 2)
    seeds = (11, 12)
    step = 7

    def __init__(self, activation, output=None, output_factor=True, spread=1.5, dtype="float64"):
        self.activation, self.output = activation, output or activation
        self.output_factor = output_factor
        rng = np.random.default_rng(5)
        parameters = rng.normal(scale=spread, size=(4, Network.count(self.sizes)))
        self.network = Network(self.sizes, activation, self.output, parameters.astype(dtype))
        for weights in self.network.weights[:-1]:
            weights[:, :, 1] = 0.0
        self.network.weights[0][:, -1] = 0.0
        self.inputs = rng.normal(size=(2, BATCH, 5))
        self.inputs[:, 0] = 0.0
        self.targets = rng.normal(size=(2, 2, BATCH))
        self.first = rng.normal(size=(2, 9, 5))
        self.replicas = [s for s in self.seeds for _ in range(2)]

    def gradient(self, rule, location, row=None):
        """Return the core's gradient (R, P), or (1, P) of replica `row` trained alone."""
        hidden = rule if location in ("hidden", "all") else EXACT
        output = rule if location in ("output", "all") else EXACT
        output = EXACT if rule.record.hidden_only else output
        rules = [hidden, hidden, output if self.output_factor else None]
        network, sets, rows = self.network, slice(None), slice(None)
        if row is not None:
            sets, rows = slice(row // 2, row // 2 + 1), slice(row, row + 1)
            parameters = self.network.parameters[rows]
            network = Network(self.sizes, self.activation, self.output, parameters)
        work = workspace(network, self.inputs[sets], self.targets[sets])
        first = workspace(network, self.first[sets], np.zeros((2, 2, 9))[sets])
        network.backward(work, sites_of(network, rules, self.replicas[rows], first), self.step)
        return network.gradient.copy()

    def expected(self, rule, location):
        """Return the oracle's gradient (R, P)."""
        rows = []
        for r, seed in enumerate(self.replicas):
            net = oracle.Net(
                oracle.Net.unflatten(self.network.parameters[r], self.sizes),
                curve_of(self.activation),
                curve_of(self.output),
                self.output_factor,
            )
            net.means = net.mean_slopes(self.first[r // 2].tolist())
            gradient = net.gradient(
                self.inputs[r // 2].tolist(),
                self.targets[r // 2].T.tolist(),
                oracle.Rule(rule.name, dict(rule.values), location),
                seed,
                self.step,
            )
            rows.append(oracle.flat(gradient))
        return np.array(rows)


@pytest.mark.parametrize("spec", with_oracle(RULE_SPECS, FACTORS), ids=label)
def test_rule_equals_its_oracle(spec):
    """On every activation and at every location, and below outputs that have no factor."""
    rule = rule_of(spec)
    cases = [
        (Pair(f), ("hidden", "output", "all")) for f in BOUND.values() if not refused(rule, f)
    ]
    cases.append((Pair(a_home_of(rule), BOUND["logistic"], output_factor=False), ("hidden",)))
    for pair, locations in cases:
        for location in locations:
            ours, expected = pair.gradient(rule, location), pair.expected(rule, location)
            scale = np.linalg.norm(expected, axis=1, keepdims=True)
            case = pair.activation.name, location
            assert np.all(np.abs(ours - expected) <= 1e-8 * scale + 1e-300), case


@pytest.mark.parametrize("spec", RULE_SPECS, ids=label)
def test_rules_in_float32_are_those_in_float64(spec):
    """On every activation; draws and permutations are the same ones.

    With net inputs of a few units: far out to the left the slopes of gelu and silu are negative
    and then, where exp underflows, 0, whose sign is +1.
    """
    rule = rule_of(spec)
    for activation in BOUND.values():
        if refused(rule, activation):
            continue
        wide = Pair(activation, spread=0.8).gradient(rule, "all")
        narrow = Pair(activation, spread=0.8, dtype="float32").gradient(rule, "all")
        assert narrow.dtype == np.float32
        apart = np.linalg.norm(narrow - wide, axis=1)
        assert np.all(apart <= 5e-6 * np.linalg.norm(wide, axis=1) + 1e-30), activation.name


@pytest.mark.parametrize("name", GRADIENTS)
def test_every_rule_is_really_another_one_and_a_stack_equals_each_alone(name):
    """At its defaults and in hidden layers it differs from exact by more than 1e-3."""
    rule = rule_of(name)
    for activation in ("tanh", "logistic", "softsign", "gelu", "silu", "relu"):
        pair = Pair(BOUND[activation])
        if refused(rule, pair.activation):
            continue
        exact = pair.gradient(EXACT, "hidden")
        apart = np.linalg.norm(pair.gradient(rule, "hidden") - exact, axis=1)
        apart /= np.linalg.norm(exact, axis=1)
        same = canonical(rule, pair.activation).name == "exact"
        same |= (activation, name) == ("relu", "window")  # 1 where f' >= 0.42, else 0: relu's own
        assert np.all(apart <= 1e-12) if same else np.all(apart > 1e-3), activation
        together = pair.gradient(rule, "all")
        for r in range(4):
            assert np.array_equal(pair.gradient(rule, "all", row=r)[0], together[r]), activation


def test_zero_net_inputs_do_occur():
    pair = Pair(BOUND["relu"])
    work = workspace(pair.network, pair.inputs, pair.targets)
    pair.network.forward(work)
    assert all((net == 0.0).sum() >= BATCH for net in work.net[:-1])


def test_overwrite_puts_its_value_in_place_of_the_error():
    """One unit at z = 0 gets α itself as delta, whatever comes down to it."""
    weights = np.array([[0.0, 0.0, 3.0, 0.25]])  # w, b | v, c
    network = Network((1, 1, 1), BOUND["relu"], BOUND["identity"], weights)
    work = workspace(network, np.array([[[2.0]]]), np.array([[[1.25]]]))
    for arm, delta in (("scale", 0.5 * 3.0 * (0.25 - 1.25)), ("overwrite", 0.5)):
        rule = rule_of({"relu_at_zero": {"value": 0.5, "arm": arm}})
        network.backward(work, sites_of(network, [rule, None], [0]), step=1)
        # input 2 and bias 1 times delta; then output weight: y = 0, and output bias: z - t = -1
        assert network.gradient[0].tolist() == [2.0 * delta, delta, 0.0, -1.0]
