"""Every rule against its scalar oracle: on every activation, at every location."""

import numpy as np
import pytest
from oracles import network as oracle
from oracles.activations import curve_of
from oracles.rules import FACTORS
from small_nets import (
    ACTIVATION_SPECS,
    RULE_SPECS,
    design,
    home_of,
    label,
    refused,
    rule_of,
    with_oracle,
)

from study.learning.activations import bound_activation
from study.learning.core.network import count, layers_of
from study.learning.core.stack import Stack
from study.learning.objectives import OBJECTIVES, Objective
from study.learning.problem import Problem, unscored

BOUND = [bound_activation(spec) for spec in ACTIVATION_SPECS]
SIZES, BATCH, STEP = (5, 4, 3, 2), 6, 7
REPLICAS = [11, 11, 12, 12]
OWN_OUTPUT = Objective(
    **{**vars(OBJECTIVES["squared_error"]), "output": lambda hidden, outputs: hidden}
)


def both_seeds(inputs, targets):
    """Pose data of the two seeds, (2, n, inputs) and (2, n, outputs)."""
    parts = [vars(unscored(x, t, "regression")) for x, t in zip(inputs, targets, strict=True)]
    arrays = [name for name, value in parts[0].items() if isinstance(value, np.ndarray)]
    stacked = {name: np.concatenate([part[name] for part in parts]) for name in arrays}
    return Problem(**{**parts[0], **stacked})


class Pair:
    """The same small nets in the core and in the oracle: 2 seeds × 2 rates, unlike weights.

    The first pattern is all zeros and one unit of each hidden layer has no weights and no bias,
    so net inputs of exactly 0 occur in every layer; targets are random numbers, so the errors
    that reach a layer are too. Rules prepare on other patterns than they are used on.
    """

    def __init__(self, activation, objective=OWN_OUTPUT, spread=1.5, dtype="float64"):
        self.activation, self.objective = activation, objective
        rng = np.random.default_rng(5)
        self.w = rng.normal(scale=spread, size=(4, count(SIZES))).astype(dtype)
        weights = layers_of(self.w, SIZES)
        for layer in weights[:-1]:
            layer[:, :, 1] = 0.0
        weights[0][:, -1] = 0.0
        inputs = rng.normal(size=(2, BATCH, 5))
        inputs[:, 0] = 0.0
        self.problem = both_seeds(inputs, rng.normal(size=(2, BATCH, 2)))
        self.first = both_seeds(rng.normal(size=(2, 9, 5)), np.zeros((2, 9, 2)))

    def gradient(self, spec, location):
        """Return the core's gradient (R, P)."""
        plan = design(SIZES[1:-1], self.activation, self.objective, spec, location)
        hidden, output = Stack(self.first, plan, REPLICAS, self.w).rules
        prepared = hidden.constants, output.constants
        stack = Stack(self.problem, plan, REPLICAS, self.w, prepared)
        assert (stack.net_inputs(1) == 0.0).sum() >= BATCH
        return stack.gradient(stack.rules, BATCH, STEP)

    def expected(self, rule, location):
        """Return the oracle's gradient (R, P)."""
        rows, output = [], self.objective.output(self.activation, 2)
        for r, seed in enumerate(REPLICAS):
            weights, curves = oracle.Net.unflatten(self.w[r], SIZES), (self.activation, output)
            net = oracle.Net(weights, *map(curve_of, curves), self.objective.output_factor)
            net.means = net.mean_slopes(self.first.inputs[r // 2].tolist())
            data = (part[r // 2].tolist() for part in (self.problem.inputs, self.problem.targets))
            placed = oracle.Rule(rule.name, dict(rule.values), location)
            rows.append(oracle.flat(net.gradient(*data, placed, seed, STEP)))
        return np.array(rows)


@pytest.mark.parametrize("spec", with_oracle(RULE_SPECS, FACTORS), ids=label)
def test_rule_equals_its_oracle(spec):
    """Also below outputs that have no factor."""
    rule = rule_of(spec)
    cases = [(Pair(f), ("hidden", "output", "all")) for f in BOUND if not refused(rule, f)]
    last = ("hidden", "last_1", "last_2")  # of two hidden layers
    cases.append((Pair(home_of(spec), OBJECTIVES["unit_cross_entropy"]), last))
    for pair, locations in cases:
        for location in locations:
            ours, expected = pair.gradient(spec, location), pair.expected(rule, location)
            scale = np.linalg.norm(expected, axis=1, keepdims=True)
            case = pair.activation.name, location
            assert np.all(np.abs(ours - expected) <= 1e-8 * scale + 1e-300), case


@pytest.mark.parametrize("spec", RULE_SPECS, ids=label)
def test_rules_in_float32_are_those_in_float64(spec):
    """On every activation; draws and permutations are the same ones.

    With net inputs of a few units: far out to the left the slopes of gelu and silu are negative
    and then, where exp underflows, 0, whose sign is +1.
    """
    for activation in BOUND:
        if refused(rule_of(spec), activation):
            continue
        wide = Pair(activation, spread=0.8).gradient(spec, "all")
        narrow = Pair(activation, spread=0.8, dtype="float32").gradient(spec, "all")
        assert narrow.dtype == np.float32
        apart = np.linalg.norm(narrow - wide, axis=1)
        assert np.all(apart <= 5e-6 * np.linalg.norm(wide, axis=1) + 1e-30), activation.name
