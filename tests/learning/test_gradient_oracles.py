"""`exact` against central differences; every other rule against the slow, scalar twin."""

import numpy as np
import pytest
import reference
from small_nets import (
    ACTIVATION_SPECS,
    DIFFERENTIABLE,
    RULE_SPECS,
    label,
    random_targets,
    reference_curve,
    refused,
    rule_of,
)
from stacks import Network, objective_of, sites_of, workspace

from study.learning.activations import ACTIVATIONS, bound_activation
from study.learning.objectives import OBJECTIVES
from study.learning.rules import EXACT, GRADIENTS, canonical

STEP, DIRECTIONS, BATCH = 1e-5, 12, 6


def distance_to_kinks(network, work):
    """Least distance of a net input of any unit to a kink of its activation."""
    network.forward(work)
    gaps = [
        np.abs(net - z).min()
        for net, activation in zip(work.net, network.activations, strict=True)
        for z, _ in activation.kinks
    ]
    return min(gaps, default=np.inf)


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("activation", DIFFERENTIABLE, ids=label)
def test_exact_is_the_derivative_of_the_objective(activation, objective, outputs, depth):
    hidden, target = bound_activation(activation), OBJECTIVES[objective]
    output = target.output(hidden, outputs)
    sizes = (5, *(4, 3, 4)[:depth], outputs)
    for seed in range(100):  # the first draw that is clear of all kinks
        rng = np.random.default_rng(seed)
        parameters = rng.normal(scale=0.8, size=(1, Network.count(sizes)))
        inputs = rng.normal(size=(1, BATCH, 5))
        targets = random_targets(target, outputs, (1, outputs, BATCH), rng)
        network = Network(sizes, hidden, output, parameters)
        work = workspace(network, inputs, targets)
        if distance_to_kinks(network, work) > 1e3 * STEP:
            break
    else:
        pytest.fail("no draw is clear of the kinks")
    rules = [EXACT] * depth + [EXACT if target.output_factor else None]
    network.backward(work, sites_of(network, rules, [0]), step=1)

    ways = rng.normal(size=(DIRECTIONS, parameters.shape[1]))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    moved = Network(
        sizes, hidden, output, np.concatenate([parameters + STEP * ways, parameters - STEP * ways])
    )
    around = workspace(moved, inputs, targets)
    up, down = objective_of(moved, around, target).reshape(2, DIRECTIONS)
    numeric, analytic = (up - down) / (2.0 * STEP), ways @ network.gradient[0]
    assert np.linalg.norm(numeric - analytic) <= 1e-6 * np.linalg.norm(analytic)
    assert np.linalg.norm(analytic) > 1e-3


class Pair:
    """The same small nets in the core and in the twin: 2 seeds × 2 rates, unlike weights.

    The first pattern is all zeros and one unit of each hidden layer has no weights and no bias,
    so net inputs of exactly 0 occur in every layer; targets are random numbers, so the signals
    that reach a layer are too.
    """

    sizes = (5, 4, 3, 2)
    seeds = (11, 12)
    step = 7

    def __init__(self, activation, output=None, output_factor=True, spread=1.5, dtype="float64"):
        self.activation = bound_activation(activation)
        self.output = bound_activation(output) if output else self.activation
        self.output_factor = output_factor
        rng = np.random.default_rng(5)
        parameters = rng.normal(scale=spread, size=(4, Network.count(self.sizes)))
        self.network = Network(self.sizes, self.activation, self.output, parameters.astype(dtype))
        for weights in self.network.weights[:-1]:
            weights[:, :, 1] = 0.0
        self.network.weights[0][:, -1] = 0.0
        self.inputs = rng.normal(size=(2, BATCH, 5))
        self.inputs[:, 0] = 0.0
        self.targets = rng.normal(size=(2, 2, BATCH))
        self.first = rng.normal(size=(2, 9, 5))
        self.replicas = [s for s in self.seeds for _ in range(2)]

    def gradient(self, rule, location):
        """Return the core's gradient (R, P)."""
        hidden = rule if location in ("hidden", "all") else EXACT
        output = rule if location in ("output", "all") else EXACT
        output = EXACT if rule.record.hidden_only else output
        rules = [hidden, hidden, output if self.output_factor else None]
        work = workspace(self.network, self.inputs, self.targets)
        first = workspace(self.network, self.first, np.zeros((2, 2, 9)))
        sites = sites_of(self.network, rules, self.replicas, first)
        self.network.backward(work, sites, self.step)
        return self.network.gradient.copy()

    def twin(self, rule, location):
        """Return the twin's gradient (R, P)."""
        rows = []
        for r, seed in enumerate(self.replicas):
            net = reference.Net(
                reference.Net.unflatten(self.network.parameters[r], self.sizes),
                reference_curve(self.activation),
                reference_curve(self.output),
                self.output_factor,
            )
            net.means = net.mean_slopes(self.first[r // 2].tolist())
            gradient = net.gradient(
                self.inputs[r // 2].tolist(),
                self.targets[r // 2].T.tolist(),
                reference.Rule(rule.name, dict(rule.values), location),
                seed,
                self.step,
            )
            rows.append(reference.flat(gradient))
        return np.array(rows)


def compatible():
    for activation in ACTIVATION_SPECS:
        for spec in RULE_SPECS:
            if not refused(rule_of(spec), bound_activation(activation)):
                yield pytest.param(activation, spec, id=f"{label(activation)}-{label(spec)}")


def test_every_rule_has_a_twin():
    assert set(GRADIENTS) == set(reference.FACTORS)
    assert {name for name, rule in GRADIENTS.items() if rule.hidden_only} == set(
        reference.HIDDEN_ONLY
    )


def test_every_activation_is_tested_and_has_a_twin():
    assert {label(spec).split("(")[0] for spec in ACTIVATION_SPECS} == set(ACTIVATIONS)
    assert set(reference.CURVES) == set(ACTIVATIONS)


@pytest.mark.parametrize(("activation", "spec"), list(compatible()))
def test_rule_equals_the_twin(activation, spec):
    rule, pair = rule_of(spec), Pair(activation)
    for location in ("hidden", "output", "all"):
        ours, twin = pair.gradient(rule, location), pair.twin(rule, location)
        scale = np.linalg.norm(twin, axis=1, keepdims=True)
        assert np.all(np.abs(ours - twin) <= 1e-8 * scale + 1e-300), location


@pytest.mark.parametrize("spec", RULE_SPECS, ids=label)
def test_hidden_rule_equals_the_twin_below_outputs_without_a_factor(spec):
    activation = "relu" if refused(rule_of(spec), bound_activation("tanh")) else "tanh"
    rule, pair = rule_of(spec), Pair(activation, "logistic", output_factor=False)
    np.testing.assert_allclose(
        pair.gradient(rule, "hidden"), pair.twin(rule, "hidden"), rtol=1e-8, atol=1e-12
    )


@pytest.mark.parametrize("spec", RULE_SPECS, ids=label)
def test_rules_in_float32_are_those_in_float64(spec):
    """On every activation; draws and permutations are the same ones.

    With net inputs of a few units: far out to the left the slopes of gelu and silu are negative
    and then, where exp underflows, 0, whose sign is +1.
    """
    rule = rule_of(spec)
    for activation in ACTIVATION_SPECS:
        if refused(rule, bound_activation(activation)):
            continue
        wide = Pair(activation, spread=0.8).gradient(rule, "all")
        narrow = Pair(activation, spread=0.8, dtype="float32").gradient(rule, "all")
        assert narrow.dtype == np.float32
        apart = np.linalg.norm(narrow - wide, axis=1)
        assert np.all(apart <= 5e-6 * np.linalg.norm(wide, axis=1) + 1e-30), label(activation)


SMOOTH = ("tanh", "logistic", "softsign", "gelu", "silu")


@pytest.mark.parametrize(
    ("activation", "name"),
    [
        (activation, name)
        for activation in (*SMOOTH, "relu")
        for name in GRADIENTS
        if not refused(rule_of(name), bound_activation(activation))
    ],
)
def test_every_rule_is_really_another_one(activation, name):
    """At its defaults and in hidden layers it differs from exact by more than 1e-3."""
    rule, pair = rule_of(name), Pair(activation)
    exact = pair.gradient(EXACT, "hidden")
    apart = np.linalg.norm(pair.gradient(rule, "hidden") - exact, axis=1)
    apart /= np.linalg.norm(exact, axis=1)
    same = canonical(rule, pair.activation).name == "exact"
    same |= (activation, name) == ("relu", "window")  # 1 where f' >= 0.42, else 0: relu's own
    assert np.all(apart <= 1e-12) if same else np.all(apart > 1e-3)


@pytest.mark.parametrize("name", GRADIENTS)
def test_stacked_backward_equals_each_alone(name):
    rule = rule_of(name)
    pair = Pair("relu" if refused(rule, bound_activation("tanh")) else "tanh")
    together = pair.gradient(rule, "all")
    for s, seed in enumerate(pair.seeds):
        for k in range(2):
            alone = Pair(pair.activation.name)
            r = 2 * s + k
            alone.network = Network(
                pair.sizes, pair.activation, pair.activation, pair.network.parameters[r : r + 1]
            )
            output = EXACT if rule.record.hidden_only else rule
            first = workspace(alone.network, pair.first[s : s + 1], np.zeros((1, 2, 9)))
            sites = sites_of(alone.network, [rule, rule, output], [seed], first)
            work = workspace(alone.network, pair.inputs[s : s + 1], pair.targets[s : s + 1])
            alone.network.backward(work, sites, pair.step)
            assert np.array_equal(alone.network.gradient[0], together[r])


def test_zero_net_inputs_do_occur():
    pair = Pair("relu")
    work = workspace(pair.network, pair.inputs, pair.targets)
    pair.network.forward(work)
    assert all((net == 0.0).sum() >= BATCH for net in work.net[:-1])


def test_overwrite_puts_its_value_in_place_of_the_signal():
    """One unit at z = 0 gets α itself as delta, whatever comes down to it."""
    network = Network(
        (1, 1, 1),
        bound_activation("relu"),
        bound_activation("identity"),
        np.array([[0.0, 0.0, 3.0, 0.25]]),
    )  # w, b | v, c
    work = workspace(network, np.array([[[2.0]]]), np.array([[[1.25]]]))
    for arm, delta in (("scale", 0.5 * 3.0 * (0.25 - 1.25)), ("overwrite", 0.5)):
        rule = rule_of({"relu_at_zero": {"value": 0.5, "arm": arm}})
        network.backward(work, sites_of(network, [rule, None], [0]), step=1)
        # input 2 and bias 1 times delta; then output weight: y = 0, and output bias: z - t = -1
        assert network.gradient[0].tolist() == [2.0 * delta, delta, 0.0, -1.0]
