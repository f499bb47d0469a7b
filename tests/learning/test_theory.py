"""Munro 1993 and Miller 1993: where a factor leaves a direction of descent, and where not."""

import numpy as np
import pytest
from small_nets import design, refused, rule_of

from study.learning.activations import bound_activation
from study.learning.core.network import count
from study.learning.core.placement import factor_of
from study.learning.core.stack import Stack
from study.learning.problem import unscored
from study.learning.rules import GRADIENTS

TANH = bound_activation("tanh")


def descents(gradient, location, hidden, outputs, n):
    """Return g · g~ of tanh nets with large random weights, one set of patterns for each."""
    plan, found = design(hidden, gradient=gradient, location=location), []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        problem = unscored(
            rng.normal(size=(n, 3)), rng.uniform(-1.0, 1.0, size=(n, outputs)), "regression"
        )
        w = rng.normal(scale=2.0, size=(5, count((3, *hidden, outputs))))
        stack = Stack(problem, plan, [0] * 5, w)
        exact, modified = (stack.gradient(rules, n, 1) for rules in (stack.exact, stack.rules))
        found.extend((exact * modified).sum(axis=1))
    return np.array(found)


@pytest.mark.parametrize("name", GRADIENTS)
def test_one_pattern_and_one_hidden_layer_always_descend(name):
    """Whatever φ > 0, hidden, or at a single output as well."""
    rule, points = rule_of(name), np.linspace(-3.0, 3.0, 24).reshape(4, 6)
    if refused(rule, TANH) or (factor_of(rule, TANH, points) < 0.0).any():
        return  # it may go uphill, as controls should
    for location, outputs in (("hidden", 3), ("all", 1)):
        if not (location == "all" and refused(rule, TANH, 1)):
            assert (descents(name, location, (5,), outputs, n=1) >= 0.0).all()


def test_elsewhere_a_rule_can_go_uphill():
    """Removal in deeper nets, or over several patterns, is no descent direction."""
    for hidden, n in (((5, 5, 5), 1), ((5,), 8)):
        uphill = descents("removed", "hidden", hidden, 2, n) < 0.0
        assert 0.0 < uphill.mean() < 0.5
