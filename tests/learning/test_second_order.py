"""Curvature: samples against the exact diagonal; L-BFGS against scipy on another network."""

import dataclasses

import numpy as np
import pytest
from oracles import curvature
from oracles.minimiser import minimised
from oracles.network import Rule
from oracles.training import net_of, rule_of
from oracles.training import train as trained_by_oracle
from small_nets import design, patterns, posed

from study.learning.core.minimising import Minimiser
from study.learning.core.stack import Stack
from study.learning.core.training import initial, train
from study.learning.design import Budget
from study.learning.objectives import OBJECTIVES
from study.learning.optimizers import Updater

BUDGET = Budget(updates=8, batch_size=4, checkpoints=4, probes=0, dtype="float64")
FULL = dataclasses.replace(BUDGET, batch_size=None)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_samples_have_the_diagonal_as_their_mean(objective):
    """Over all signs exactly, with two hidden layers, and one output or two."""
    for outputs in (1, 2):
        plan = design((2, 2), "tanh", objective, gain=2.0)
        problem = posed(plan, patterns(n=3, d=2, outputs=outputs))
        start = initial(plan, problem, [4])[0]
        net, inputs = net_of(plan, problem, start), problem.inputs[0].tolist()
        signs = list(curvature.all_signs(3, outputs))
        drawn = [curvature.sample(net, inputs, one, Rule(), 0, 1) for one in signs]
        expected = curvature.exact(net, inputs)
        np.testing.assert_allclose(np.mean(drawn, axis=0), expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_gauss_newton_trains_like_the_oracle(objective, outputs):
    """The sample has the rule's factor, and that of chance which the gradient has."""
    for rule in ({"offset": {"amount": 0.1}}, "random"):
        named = {"gradient": rule, "optimizer": {"gauss_newton": {"decay": 0.5}}}
        plan = design((4, 3), "tanh", objective, **named)
        problem = posed(plan, patterns(n=10, outputs=outputs))
        ours = train(problem, plan, BUDGET, [3], [0.1]).parameters[0]
        start = initial(plan, problem, [3])[0]
        theirs = trained_by_oracle(plan, problem, start, 3, 0.1, 8, 4)
        assert np.abs(theirs - start).max() > 1e-2
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("rule", ["exact", {"offset": {"amount": 0.1}}])
def test_lbfgs_is_scipys_at_every_checkpoint(objective, rule):
    """Also with another first step and memory, and for each replica of a stack."""
    options = {"maxcor": 3, "maxls": 5}
    plan = design((4, 3), "tanh", objective, gradient=rule, optimizer={"lbfgs": options})
    problem = posed(plan, patterns(n=10))
    found = train(problem, plan, FULL, [3, 4], [1.0, 0.2])
    for r, seed, rate in ((1, 3, 0.2), (2, 4, 1.0)):
        start = initial(plan, problem, [seed])[0]
        for column, mark in enumerate(found.updates):
            if mark:
                theirs = trained_by_oracle(plan, problem, start, seed, rate, int(mark), 10)
                weights = np.linalg.norm(theirs)
                assert found.curves["weight_norm"][r, column] == pytest.approx(weights, rel=1e-6)
        np.testing.assert_allclose(found.parameters[r], theirs, rtol=1e-5, atol=1e-7)


def _minimiser(rule, iterations):
    plan = design((4, 3), "tanh", gradient=rule, optimizer="lbfgs")
    problem = posed(plan, patterns(n=10))
    w = initial(plan, problem, [3])
    numbers = {name: np.array([value]) for name, value in plan.optimizer.values.items()}
    stack = Stack(problem, plan, [3], w)
    updater = Updater(plan.optimizer.record, numbers, np.ones(1), w)
    minimiser = Minimiser(stack, updater, 10, marks=[0, iterations])
    minimiser.advance([1.0] * iterations)
    return plan, problem, minimiser


def test_a_line_search_may_give_up():
    """Where the rule points uphill nothing lower is found, and the weights stay."""
    plan, problem, minimiser = _minimiser({"constant": {"value": -1.0}}, 40)
    (found,) = minimiser.results
    assert found.nit < 40 and "ABNORMAL" in found.message
    start = initial(plan, problem, [3])[0]
    _, told = minimised(plan, lambda v: net_of(plan, problem, v), problem, start, 1.0, 40,
                        rule_of(plan))  # fmt: skip
    assert "ABNORMAL" in told["task"]
    _, _, true = _minimiser("exact", 40)
    assert true.results[0].nit == 40 and true.results[0].fun < found.fun
    _, _, same = _minimiser({"constant": {"value": -1.0}}, 60)
    assert np.array_equal(same.stack.parameters, minimiser.stack.parameters)
