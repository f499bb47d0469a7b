"""Branches: a common state, batches that go on, the same decided units, equal path lengths."""

import dataclasses

import numpy as np
import pytest
from small_nets import design, rule_of, same_bits, small

from study.learning.core.training import train
from study.learning.design import Budget
from study.learning.diagnostics.branching import (
    AGREEMENT,
    Trunk,
    branch,
    branch_on_equal_path,
    rates_for_path,
)

BUDGET = Budget(updates=30, batch_size=4, checkpoints=5, probes=3)
TRUNK = Trunk(rule_of("exact"), 17, 0.4)


@pytest.mark.parametrize("gradient", ["exact", "random"])
@pytest.mark.parametrize("batch", [None, 4])
def test_a_branch_under_the_same_rule_is_one_long_training(gradient, batch):
    """At a constant rate, to the bit: so batches and draws go on where they stopped."""
    problem, plan = small(gradient=gradient)
    budget = dataclasses.replace(BUDGET, decay=False, batch_size=batch)
    trunk = Trunk(rule_of(gradient), 17, 0.4)
    found = branch(problem, plan, budget, [3, 4], [0.4], trunk)
    whole = train(problem, plan, dataclasses.replace(budget, updates=47), [3, 4], [0.4])
    assert same_bits(found.parameters, whole.parameters)
    trunk = train(problem, plan, dataclasses.replace(budget, updates=17), [3, 4], [0.4])
    again = train(problem, plan, budget, [3, 4], [0.4], start=trunk.parameters)
    assert gradient == "random" or not same_bits(again.parameters, whole.parameters) or not batch


def test_all_rules_branch_from_one_state():
    found = {}
    for gradient in ("exact", "removed", "mean_matched"):
        problem, plan = small(gradient=gradient, gain=3.0)
        found[gradient] = branch(problem, plan, BUDGET, [3, 4], [0.4, 0.04], TRUNK)
    exact = found["exact"]
    assert exact.rates.tolist() == [0.4, 0.04] * 2 and exact.seeds.tolist() == [3, 3, 4, 4]
    assert exact.initial_objective[0] == exact.initial_objective[1]
    for other in (found["removed"], found["mean_matched"]):
        assert same_bits(other.initial_objective, exact.initial_objective)
        assert same_bits(other.curves["decided"][:, 0], exact.curves["decided"][:, 0])
        assert not np.array_equal(other.final_objective, exact.final_objective)
    problem, plan = small(gain=3.0)
    fresh = train(problem, plan, BUDGET, [3], [0.4])
    assert fresh.initial_objective[0] != exact.initial_objective[0]


def test_stacked_equals_alone():
    problem, plan = small(gradient="mean_matched")
    for run in (
        lambda seeds: branch(problem, plan, BUDGET, seeds, [0.2], TRUNK),
        lambda seeds: branch_on_equal_path(problem, plan, BUDGET, seeds, 0.2, TRUNK),
    ):
        stacked = run([3, 4, 5])
        for r, seed in enumerate((3, 4, 5)):
            alone = run([seed])
            assert same_bits(stacked.parameters[r], alone.parameters[0])
            assert same_bits(stacked.asymmetry[r : r + 1], alone.asymmetry)


@pytest.mark.parametrize("gradient", ["removed", "mean_matched", "floor", "frozen"])
@pytest.mark.parametrize("rate", [0.4, 0.001, 20.0])
def test_paths_are_equally_long(gradient, rate):
    """As long as the trunk's own rule would make them, whatever the rate to begin with."""
    (problem, plan), seeds = small(gradient=gradient, gain=2.0), [3, 4, 5]
    target = branch(problem, design((5, 4), gain=2.0), BUDGET, seeds, [0.4], TRUNK).path_length
    found = branch_on_equal_path(problem, plan, BUDGET, seeds, rate, TRUNK)
    off = np.abs(np.log(found.path_length / target)).max()
    assert off <= (AGREEMENT if rate == 0.4 else 0.1)
    assert len(set(found.rates.tolist())) == 3


def test_the_trunks_own_rule_goes_on_as_it_is():
    problem, plan = small()
    found = branch_on_equal_path(problem, plan, BUDGET, [3, 4], 7.0, TRUNK)
    assert found.rates.tolist() == [0.4, 0.4]


def test_rates_for_paths_of_power_laws():
    target, powers = np.array([1.0, 2.0, 50.0, 1e-3]), np.array([1.0, 0.5, 0.2, 1.7])

    def path(rates):
        return np.where(rates < 1e3, rates**powers, np.inf)

    found = rates_for_path(path, target, np.array([0.01, 100.0, 1.0, 1e-2]))
    reachable = [0, 1, 3]
    assert np.abs(np.log(path(found) / target))[reachable].max() <= AGREEMENT
    assert path(found)[2] < 4.0 and np.isfinite(path(found)).all()  # the nearest it can be
    assert rates_for_path(lambda rates: rates * np.nan, target, np.ones(4)).tolist() == [1.0] * 4
