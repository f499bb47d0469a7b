"""Whole trainings: against the oracle, and what becomes of those that diverge."""

import dataclasses

import numpy as np
import pytest
from oracles import training as oracle
from oracles.optimizers import STEPS
from oracles.rules import FACTORS
from sklearn.metrics import accuracy_score, r2_score
from small_nets import (
    RULE_SPECS,
    Patterns,
    design,
    home_of,
    label,
    patterns,
    posed,
    small,
    with_oracle,
)

from study.learning import outcomes
from study.learning.core.training import train
from study.learning.design import Budget
from study.learning.diagnostics.probes import PROBES
from study.learning.initialisations import initial_parameters
from study.learning.objectives import OBJECTIVES
from study.learning.optimizers import OPTIMIZERS

BUDGET = Budget(updates=9, batch_size=4, checkpoints=5, probes=2, dtype="float64")
OF_DECIDED = ("decided", "flips_decided", "flips_undecided")  # NaN where f is not bounded


def assert_equals_oracle(plan, problem, seed=3, rate=0.3, budget=BUDGET):
    sizes = (problem.widths[0], *plan.hidden, problem.widths[1])
    start = initial_parameters(plan.initialisation, plan.gain, sizes, seed)
    ours = train(problem, plan, budget, [seed], [rate]).parameters[0]
    batch = budget.batch_size or problem.inputs.shape[1]
    theirs = oracle.train(plan, problem, start, seed, rate, budget.updates, batch)
    assert np.abs(theirs - start).max() > 1e-3
    np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("spec", with_oracle(RULE_SPECS, FACTORS), ids=label)
def test_every_rule_trains_like_the_oracle(spec):
    """Chance at each step, means from the training set, two epochs with odd last batches."""
    plan = design((4, 3), home_of(spec), gradient=spec, location="all", gain=1.5)
    assert_equals_oracle(plan, posed(plan, patterns(n=10)))


@pytest.mark.parametrize("optimizer", with_oracle(OPTIMIZERS, STEPS))
def test_every_optimizer_trains_like_the_oracle(optimizer):
    plan = design((4, 3), "tanh", optimizer=optimizer)
    full = OPTIMIZERS[optimizer].full_batch
    budget = dataclasses.replace(BUDGET, batch_size=None) if full else BUDGET
    assert_equals_oracle(plan, posed(plan, patterns(n=10)), rate=0.05, budget=budget)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_trains_like_the_oracle(objective, outputs):
    plan = design((4, 3), "softplus", objective)
    assert_equals_oracle(plan, posed(plan, patterns(n=10, outputs=outputs)))


# ---- design and budget -------------------------------------------------------------------------


def test_where_rules_stand():
    for location, objective, names in [
        ("output", "squared_error", ["exact", "exact", "removed"]),
        ("all", "squared_error", ["removed", "removed", "removed"]),
        ("hidden", "cross_entropy", ["removed", "removed", None]),
        ("all", "linear_squared_error", ["removed", "removed", None]),
    ]:
        plan = design((5, 4), "tanh", objective, gradient="removed", location=location)
        assert [rule and rule.name for rule in plan.rules()] == names


def test_checkpoints():
    assert Budget(updates=0).marks() == [0]
    assert Budget(updates=1000, checkpoints=2).marks() == [0, 1000]
    assert Budget(updates=1000, checkpoints=4).marks() == [0, 1, 32, 1000]
    assert Budget(updates=100, checkpoints=3).marks() == [0, 1, 100]
    assert Budget(updates=5, checkpoints=20).marks() == [0, 1, 2, 3, 4, 5]
    for updates in (10, 1000, 32_000):
        marks = Budget(updates=updates).marks()
        assert marks[0] == 0 and marks[-1] == updates and marks == sorted(set(marks))
        assert len(marks) <= 20
        if updates > 100:
            ratio = np.diff(np.log(marks[-8:]))
            assert np.ptp(ratio) < 0.1 * ratio.mean()
    budget = Budget(updates=1000, checkpoints=20, probes=8)
    assert len(budget.probed()) == 8 and {0, 1000} <= budget.probed() <= set(budget.marks())
    assert Budget(updates=1000, probes=0).probed() == set()
    assert Budget(updates=1000, probes=1).probed() >= {1000}
    assert Budget(updates=3, probes=8).probed() == {0, 1, 2, 3}


def test_schedule():
    """1 over the first half, then linearly down; the update after the last would have 0."""
    budget = Budget(updates=10)
    factors = [budget.schedule(step) for step in range(1, 12)]
    np.testing.assert_allclose(factors, [1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2, 0.0], atol=1e-12)
    assert {Budget(updates=10, decay=False).schedule(step) for step in range(1, 11)} == {1.0}


# ---- divergence --------------------------------------------------------------------------------


def exploding(rates, updates=60, activation="relu", optimizer="sgd", decay=True):
    parts = {"initialisation": "he", "optimizer": optimizer}
    plan = design((5, 4), activation, "linear_squared_error", **parts)
    problem = posed(plan, patterns("regression", outputs=2, n=13))
    budget = Budget(updates, batch_size=4, checkpoints=14, probes=14, decay=decay)
    return train(problem, plan, budget, [1], rates), problem


def test_a_non_finite_objective():
    """In a run, or from the start."""
    outcome, _ = exploding([1e-3, 1e38], activation="leaky_relu")
    plan, start = design((5, 4)), np.full((1, 64), np.nan)
    at_once = train(posed(plan, patterns()), plan, Budget(updates=3), [1], [0.1], start=start)
    assert np.isnan(outcome.diverged_at[0]) and outcome.diverged_at[1] >= 1
    assert at_once.diverged_at.tolist() == [0]
    for found in (outcome, at_once):
        assert found.diverged_by[-1] == "nonfinite" and found.outcome[-1] == "diverged"
        assert found.failed[-1] and not np.isfinite(found.final_objective[-1])
        assert np.isnan(found.test_score[-1]) and found.score[-1] == 0.0


def test_squares_of_float32_outputs_are_summed_in_float64():
    """With dead units under outputs of 1e38 the objective is a number: 1e75, and exploded."""
    outcome, _ = exploding([1e-3, 1e38])
    assert outcome.diverged_by.tolist() == ["", "objective"]
    assert 1e70 < outcome.final_objective[1] < np.inf


def test_an_exploding_objective_is_told_where_it_was_seen():
    outcome, problem = exploding([1e-3, 5.0, 20.0, 100.0])
    at = np.flatnonzero(outcome.diverged_by == "objective")
    assert at.tolist() == [1, 2, 3] and outcome.failed[at].all()
    assert len(set(outcome.diverged_at[at])) == 3
    limit = 1e3 * np.maximum(outcome.initial_objective, problem.constant[0])
    for r in at:
        column = outcome.updates.tolist().index(outcome.diverged_at[r])
        objective = outcome.curves["objective"][r]
        assert limit[r] < objective[column] == outcome.final_objective[r] < np.inf
        assert (objective[:column] <= limit[r]).all()
        for curve in outcome.curves.values():
            assert np.isnan(curve[r, column + 1 :]).all()
            assert column + 1 < len(objective)


def test_a_diverged_replica_is_left_as_it_was_found():
    """From the checkpoint on where it was seen; the others go on learning."""

    def trained(updates=60):
        return exploding([1e-3, 5.0, 20.0], updates, optimizer="momentum", decay=False)[0]

    outcome = trained()
    assert outcome.diverged_by.tolist() == ["", "objective", "objective"]
    for r in (1, 2):
        found = trained(int(outcome.diverged_at[r])).parameters
        assert np.array_equal(outcome.parameters[r], found[r])
        assert not np.array_equal(outcome.parameters[0], found[0])
    # curves of what stays are whole
    assert set(outcome.curves) == {"objective", "weight_norm", *PROBES}
    for name, curve in outcome.curves.items():
        assert np.isfinite(curve[0]).all() != (name in OF_DECIDED), name  # relu is not bounded
    assert outcome.final_objective[0] == outcome.curves["objective"][0, -1]
    assert outcome.initial_objective[0] == outcome.curves["objective"][0, 0]


def test_a_runaway_norm_goes_on_training():
    """Squared error on squashed outputs is bounded: the run is told apart, not failed for it."""
    problem, plan = small((5, 4), "tanh", "squared_error")
    budget = Budget(updates=40, batch_size=4, checkpoints=8)
    outcome = train(problem, plan, budget, [1, 2], [1e-2, 1e9])
    runaway = outcome.diverged_by == "norm"
    assert runaway.reshape(2, 2).tolist() == [[False, True], [False, True]]
    assert (outcome.outcome[runaway] == "diverged").all()
    for r in np.flatnonzero(runaway):
        assert np.isfinite(outcome.curves["objective"][r]).all()
        assert np.isfinite(outcome.test_score[r])
        assert outcome.diverged_at[r] > 0
        assert outcome.curves["weight_norm"][r, -1] > 1e6
        final = outcome.final_objective[r], problem.constant[0], problem.optimum[0]
        share = outcomes.excess_share(*final)
        assert outcome.failed[r] == (share >= 0.98)


def test_probes_are_taken_where_the_budget_says():
    plan = design((5, 4), gain=5.0)
    budget = Budget(updates=50, batch_size=4, checkpoints=10, probes=3)
    outcome = train(posed(plan, patterns()), plan, budget, [1], [0.1])
    for name in PROBES:
        taken = outcome.updates[np.isfinite(outcome.curves[name][0])]
        since = {0} if name.startswith("flips") else set()  # at first there was none before
        assert set(taken.tolist()) == budget.probed() - since
    assert np.isfinite(outcome.curves["objective"]).all()


def test_probing_changes_nothing():
    problem, plan = small(gradient="random", n=14)
    often, never = (
        train(problem, plan, Budget(updates=20, batch_size=4, **marks), [1], [0.3])
        for marks in ({"probes": 20}, {"checkpoints": 3, "probes": 0})
    )
    assert np.array_equal(often.parameters, never.parameters)
    assert often.final_objective == never.final_objective


# ---- what is scored ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "objective", "outputs"),
    [
        ("classification", "squared_error", 3),
        ("classification", "cross_entropy", 1),
        ("multilabel", "unit_cross_entropy", 3),
        ("regression", "squared_error", 2),
    ],
)
def test_test_score(task, objective, outputs):
    """Accuracy (of all labels together), or the mean R² of the outputs, as scikit-learn counts."""
    plan = design((5,), "tanh", objective)
    data = patterns(task, outputs=outputs, tests=300)
    problem = posed(plan, data)
    budget = Budget(updates=30, batch_size=4, dtype="float64")
    outcome = train(problem, plan, budget, [1, 2], [0.1, 0.3])
    for r in range(4):
        net = oracle.net_of(plan, problem, outcome.parameters[r])
        y = np.array(net.forward(data.test_inputs.tolist())[1][-1])
        if task == "regression":
            expected = r2_score(problem.test_targets[0], y)
        elif task == "classification" and outputs > 1:
            expected = accuracy_score(data.test_targets.argmax(axis=1), y.argmax(axis=1))
        else:
            middle = 0.5 * (problem.targets.min() + problem.targets.max())
            expected = accuracy_score(data.test_targets, (y > middle).astype(float))
        assert outcome.test_score[r] == pytest.approx(expected, rel=1e-9)


def test_a_solved_training():
    """A problem that one layer solves: outcome, score and the time it took."""
    x = np.random.default_rng(0).normal(size=(46, 2))
    x[:, 0] += np.sign(x[:, 0])
    t = (x[:, :1] > 0.0).astype(float)
    data = Patterns(x[:40], t[:40], x[40:], t[40:])
    plan = design((5,), "tanh", "squared_error")
    problem = posed(plan, data)
    outcome = train(problem, plan, Budget(updates=2000, batch_size=8), [1], [0.3])
    assert outcome.outcome[0] == "solved" and not outcome.failed[0]
    assert outcome.test_score[0] == 1.0
    share = outcome.curves["objective"][0] / problem.constant[0]
    first = int((share <= 0.05).argmax())
    assert outcome.updates[first - 1] <= outcome.updates_to_target[0] <= outcome.updates[first]
    assert outcome.score[0] == pytest.approx(np.log10(max(share[-1], 1e-3)))
    stuck = train(problem, plan, Budget(updates=20, batch_size=8), [1], [1e-9])
    assert stuck.outcome[0] in ("stuck", "plateau") and np.isnan(stuck.updates_to_target[0])
