"""The law: a replica trained in a stack equals the same replica trained alone, to the bit."""

import dataclasses

import numpy as np
import pytest
from small_nets import (
    ACTIVATION_SPECS,
    RULE_SPECS,
    design,
    home_of,
    label,
    patterns,
    posed,
    same_bits,
    small,
)

from study.learning.core import trainer
from study.learning.core.training import train
from study.learning.design import Budget
from study.learning.objectives import OBJECTIVES
from study.learning.optimizers import OPTIMIZERS

SEEDS = [5, 3, 8]
RATES = [0.03, 0.3, 1e38, 1.0]  # the third overflows at once: its column leaves the stack
BUDGET = Budget(updates=9, batch_size=4, checkpoints=6, probes=3)


def fields_of(outcome):
    """Return what an outcome holds of each replica, as {field or curve: array}."""
    found = dict(vars(outcome))
    del found["updates"]
    return found | found.pop("curves")


def assert_same(stacked, rows, other):
    ours, theirs = fields_of(stacked), fields_of(other)
    assert same_bits(stacked.updates, other.updates) and ours.keys() == theirs.keys()
    for name in ours:
        assert same_bits(ours[name][rows], theirs[name]), name


def assert_law(plan, budget, data, seeds=SEEDS, rates=RATES, numbers=None):
    """Compare a stack with every second replica alone, and with blocks of other shapes."""
    numbers = numbers or {}

    def rows(s_rows, k_rows):
        return np.array([s * len(rates) + k for s in s_rows for k in k_rows])

    def run(s_rows, k_rows):
        own = {name: value[rows(s_rows, k_rows)] for name, value in numbers.items()}
        sets = data if len(data) == 1 else [data[s] for s in s_rows]
        stack = [seeds[s] for s in s_rows], [rates[k] for k in k_rows], own or None
        return train(posed(plan, *sets), plan, budget, *stack)

    everyone, all_rates = list(range(len(seeds))), list(range(len(rates)))
    stacked = run(everyone, all_rates)
    blocks = [([s], [k]) for s in everyone for k in all_rates if (s + k) % 2 == 0]
    blocks += [(everyone[::-1], all_rates[::-1]), (everyone[1:], all_rates[::2])]
    for block in [*blocks, (everyone, all_rates[1:2])]:
        assert_same(stacked, rows(*block), run(*block))
    return stacked


CASES = {  # what a layer, a batch or a sum may be made of: (design, budget, data)
    **{
        f"batches of {size}": (
            {"activation": "gelu", "objective": "cross_entropy", "optimizer": "adam"},
            {"batch_size": size},
            [patterns(n=13)],
        )
        for size in (None, 1, 2, 5, 13, 100)
    },
    **{
        f"fresh data, {gradient}, {dtype}": (
            {"activation": "logistic", "gradient": gradient, "initialisation": "uniform"},
            {"dtype": dtype},
            [patterns(n=13, seed=s) for s in SEEDS],
        )
        for gradient in ("exact", "mean_matched", "random", "shuffled_units")
        for dtype in ("float32", "float64")
    },
    **{
        f"matched {activation}, {consistent}": (
            {"activation": activation, "gradient": gradient, "consistent": consistent},
            {},
            [patterns(n=13)],
        )
        for activation, gradient in (("tanh", "floor"), ("softsign", "offset"))
        for consistent in ("true", "forward")
    },
    **{
        # sums over more numbers than one of numpy's buffers holds, and a second, odd chunk
        f"many patterns, {objective}": (
            {"hidden": (32, 32), "objective": objective},
            {"updates": 6, "batch_size": 32, "checkpoints": 3},
            [patterns(outputs=10, n=300, d=64)],
        )
        for objective in ("squared_error", "cross_entropy", "linear_squared_error")
    },
    # 256 patterns × 40 outputs: sums of float32 in float64 are taken piece by piece
    "many outputs": (
        {"hidden": (6,)},
        {"updates": 2, "batch_size": 32, "checkpoints": 3},
        [patterns(outputs=40, n=256)],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_every_size(case):
    changes, budget, data = CASES[case]
    assert_law(design(**changes), dataclasses.replace(BUDGET, **budget), data)


@pytest.mark.parametrize("activation", ACTIVATION_SPECS, ids=label)
def test_every_activation(activation):
    """The last batch of an epoch is a single pattern; one replica in four overflows."""
    plan = design((5, 4), activation)
    outcome = assert_law(plan, BUDGET, [patterns(n=13)])
    assert (outcome.diverged_by[RATES.index(1e38) :: 4] != "").all()


@pytest.mark.parametrize("spec", RULE_SPECS, ids=label)
def test_every_rule(spec):
    plan = design((5, 4), home_of(spec), gradient=spec, location="all")
    assert_law(plan, BUDGET, [patterns(n=13)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer(optimizer, dtype):
    """With numbers of its own in every replica."""
    record, spread = OPTIMIZERS[optimizer], np.linspace(1.0, 0.8, 12)
    numbers = {name: number.default * spread for name, number in record.parameters.items()}
    batch = None if record.full_batch else 4
    budget = dataclasses.replace(BUDGET, batch_size=batch, dtype=dtype)
    assert_law(design(optimizer=optimizer), budget, [patterns(n=13)], numbers=numbers)


@pytest.mark.parametrize("outputs", [1, 3, 10])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective(objective, outputs):
    """One output takes the paths of matrix times vector; one unit below it as well."""
    for hidden in ((5, 4), (5, 1), ()):
        plan = design(hidden, "tanh", objective)
        assert_law(plan, BUDGET, [patterns(outputs=outputs, n=13)])


def test_regression_that_explodes():
    """Objectives that grow beyond all bounds at different checkpoints; whole seeds leave too."""
    plan = design((5, 4), "relu", "linear_squared_error", initialisation="he")
    budget = Budget(updates=40, batch_size=4, checkpoints=12, probes=4)
    data = [patterns("regression", outputs=1, n=13, seed=s) for s in SEEDS]
    data[1] = dataclasses.replace(data[1], inputs=data[1].inputs * 1e3)  # always explodes
    outcome = assert_law(plan, budget, data, rates=[1e-3, 0.05, 0.5, 5.0])
    left = np.isin(outcome.diverged_by, ("objective", "nonfinite")).reshape(3, 4)
    assert left[1].all() and left[:, -1].all() and not left[[0, 2], 0].any()
    assert len(np.unique(outcome.diverged_at[~np.isnan(outcome.diverged_at)])) > 1


def test_given_starts_and_rates_may_differ_from_replica_to_replica():
    """As a swap of rules, and branches of equal path, need."""
    problem, plan = small((5, 4), "tanh", gradient="mean_matched")
    start = np.random.default_rng(0).normal(scale=2.0, size=(4, 64))
    stacked = train(problem, plan, BUDGET, [1, 2], np.array([[0.1, 0.2], [0.3, 0.4]]), start=start)
    assert stacked.rates.tolist() == [0.1, 0.2, 0.3, 0.4]
    for r, rate in enumerate(stacked.rates):
        alone = train(problem, plan, BUDGET, [1 + r // 2], [rate], start=start[r : r + 1])
        assert_same(stacked, np.array([r]), alone)


@pytest.mark.parametrize("batch", [None, 4])
@pytest.mark.parametrize("length", [1, 3, 8])
def test_updates_in_calls_of_any_length(length, batch, monkeypatch):
    """How many updates one call of the compiled loop takes: epochs go on across calls."""
    problem, plan = small(gradient="random", optimizer="adam", location="all")
    budget = dataclasses.replace(BUDGET, updates=30, checkpoints=3, batch_size=batch)
    whole = train(problem, plan, budget, SEEDS, RATES)
    monkeypatch.setattr(trainer, "UPDATES_A_CALL", length)
    assert_same(train(problem, plan, budget, SEEDS, RATES), np.arange(12), whole)
