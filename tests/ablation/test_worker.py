"""What a worker hands back: tables in the schema, the same whatever the stacks were."""

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_studies import in_order, job_of, make_cell, python, tiny_protocol

from study.ablation.configuration.protocol import Branch
from study.ablation.publishing.provenance import machine
from study.ablation.running.tuning import Trials
from study.ablation.running.worker import _problem, attempt, blocks, train_cell
from study.ablation.store.rows import entries
from study.learning.core.training import initial, train
from study.learning.design import Budget
from study.learning.diagnostics.tangent import tangent_spectrum
from study.learning.rules import GRADIENTS
from study.learning.variants import resolve

PROTOCOL = tiny_protocol()
BUDGET = Budget(updates=6, batch_size=16, checkpoints=4, probes=2)
CELLS = {
    "plain": {},
    "a rule that draws": {"gradient": "random_sign", "location": "all"},
    "a rule that prepares": {"gradient": "mean_matched", "activation": "logistic"},
    "a rule that permutes": {"gradient": "shuffled_units", "activation": "relu"},
    "fresh data": {"dataset": {"moons": {"noise": 0.3}}, "gradient": "removed"},
    "regression": {"dataset": "diabetes", "objective": "linear_squared_error"},
    "adam": {"optimizer": "adam", "objective": "cross_entropy"},
}


def axes(name):
    return make_cell(**CELLS[name])


@pytest.fixture(scope="module")
def plain():
    """One cell, also at the rate 0.5 of another one, scored under claims."""
    return train_cell(job_of(axes("plain"), PROTOCOL, reference_rate=0.5, claims="d" * 64))


def rows(table, **where):
    """Rows as dicts, those that have these values."""
    return [row for row in table.to_pylist() if all(row[k] == v for k, v in where.items())]


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 40), st.integers(0, 1000))
def test_blocks_hold_every_training_once(count_of_seeds, count_of_rates, most, first):
    seeds = list(range(first, first + count_of_seeds))
    rates = [10.0**k for k in range(count_of_rates)]
    cut = blocks(seeds, rates, most)
    made = Counter((seed, rate) for some, rows in cut for seed in some for rate in rows)
    assert made == Counter((seed, rate) for seed in seeds for rate in rates)
    assert all(1 <= len(some) * len(others) <= most for some, others in cut)
    if count_of_rates <= most:
        assert all(len(others) == count_of_rates for _, others in cut), "rates share a minibatch"


def test_runs_are_all_stages_of_all_seeds(plain):
    chosen = plain.metrics["learning_rate"]
    tuned = {("tune", rate, seed, None) for seed in (1, 2) for rate in (0.1, 1.0)}
    others = (("evaluate", chosen), ("transfer", 0.5))
    scored = {(*other, seed, "d" * 64) for seed in (2001, 2002, 2003) for other in others}
    columns = ("stage", "learning_rate", "seed", "claims")
    found = Counter(tuple(row[name] for name in columns) for row in rows(plain.runs))
    assert found == Counter(tuned | scored)
    names = [f"{r['stage']}/{r['learning_rate']:g}/{r['seed']}" for r in rows(plain.runs)]
    assert plain.runs["replica"].to_pylist() == names
    tuned, trials = plain.runs.to_pandas().query("stage == 'tune'"), Trials()
    trials.add(tuned["learning_rate"], tuned["final_objective"], tuned["failed"])
    assert chosen == trials.best(), "what is scored never chooses a rate"
    assert plain.metrics["runs"] == len(plain.runs) == 4 + 3 + 3
    assert plain.outcomes == Counter(plain.runs["outcome"].to_pylist())
    assert plain.updates == sum(plain.runs["updates"].to_pylist())
    assert plain.metrics["reference_learning_rate"] == 0.5
    curves = Counter(plain.curves["replica"].to_pylist())
    assert set(curves) == set(plain.runs["replica"].to_pylist())
    assert set(curves.values()) == {len(Budget(updates=6, checkpoints=4).marks())}


def test_a_cell_says_which_processor_trained_it(plain):
    whole, *trainings = entries(plain, {})
    assert whole.tags["processor"] == machine()["processor"]
    assert not any("processor" in training.tags for training in trainings)


@pytest.mark.parametrize("name", CELLS)
def test_no_result_depends_on_the_stacks(name):
    """To the bit: alone, in odd numbers, all together."""
    whole, *cut = (train_cell(job_of(axes(name), PROTOCOL, 0.5, block=b)) for b in (32, 1, 7))
    for other in cut:
        assert in_order(whole.runs).equals(in_order(other.runs))
        assert in_order(whole.curves).equals(in_order(other.curves))
        changed = {k for k, v in whole.metrics.items() if other.metrics[k] != v}
        assert changed <= {"time.seconds", "time.processor_seconds"}


def test_numbers_are_those_of_the_core(plain):
    """Each row is what `train` says of that seed and rate alone."""
    cell = axes("plain")
    for row in rows(plain.runs):
        seed = [row["seed"]]
        alone = train(_problem(cell, seed), cell.design(), BUDGET, seed, [row["learning_rate"]])
        for name in ("initial_objective", "final_objective", "score", "test_score", "outcome"):
            assert row[name] == getattr(alone, name)[0], name
        for name in ("path_length", "asymmetry"):
            assert row[name] == pytest.approx(getattr(alone, name)[0], nan_ok=True, rel=1e-12)
        assert row["constant_objective"] == alone.constant[0]
        assert row["weight_norm"] == alone.curves["weight_norm"][0, -1]
        curve = [r["objective"] for r in rows(plain.curves, replica=row["replica"])]
        assert [*curve, curve[-1]] == [*alone.curves["objective"][0], row["final_objective"]]


def test_params_stand_in_every_row():
    floor = {"floor": {"minimum": 0.05, "absolute": True}}
    cell = make_cell(gradient=floor, location="all", gain=2, hidden=[3])
    finished = train_cell(job_of(cell, replace(PROTOCOL, batch_size=None, dtype="float64")))
    expected = {
        **{"dataset": "iris", "gradient": "floor", "location": "all", "consistent": "false"},
        **{"gradient.minimum": 0.05, "gradient.absolute": True, "gain": 2.0, "hidden": "3"},
        **{"updates": 6, "batch_size": "full", "dtype": "float64", "decay": True, "claims": None},
    }
    assert all(expected.items() <= row.items() for row in rows(finished.runs))
    assert finished.name == cell.name
    assert set(finished.runs["stage"].to_pylist()) == {"tune", "evaluate"}, "no reference"


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_where_the_rates_agree_transfer_is_evaluation(rate, plain):
    """The very same trainings under another stage: nothing is trained twice."""
    protocol = replace(PROTOCOL, learning_rates={"sgd": (rate,)})
    finished = train_cell(job_of(axes("plain"), protocol, reference_rate=rate, claims="d" * 64))

    def of(cell, stage):
        found = cell.runs.filter(pc.equal(cell.runs["stage"], stage))
        return found.drop_columns(["replica", "stage"]).to_pandas()

    assert of(finished, "evaluate").equals(of(finished, "transfer"))
    assert len(of(finished, "transfer")) == 3
    if rate == 0.5:  # and they are what is trained where the rate is another's
        assert of(plain, "transfer").equals(of(finished, "transfer"))


def test_the_aggregate_is_that_of_the_evaluation(plain):
    scored = rows(plain.runs, stage="evaluate")
    for name in ("final_objective", "score", "test_score"):
        assert plain.metrics[name] == np.median([row[name] for row in scored])
    assert plain.metrics["failed_rate"] == np.mean([row["failed"] for row in scored])
    assert plain.ended >= plain.started and 0.0 < plain.metrics["time.seconds"]


def test_spectra_are_taken_of_the_first_evaluation_seeds():
    cell = make_cell(gradient="removed", location="all", dataset="moons", hidden=[4])
    protocol = replace(PROTOCOL, evaluation_seeds=5)
    finished = train_cell(job_of(cell, protocol, reference_rate=0.5))
    design, seen = cell.design(), protocol.evaluation()[:3]
    for row in rows(finished.runs):
        if row["seed"] not in seen:
            assert np.isnan(row["negative_eigenvalues"])
            continue
        seed = [row["seed"]]
        problem = _problem(cell, seed)
        alone = train(problem, design, BUDGET, seed, [row["learning_rate"]])
        start = initial(design, problem, seed)
        spectrum = tangent_spectrum(design, problem, alone.parameters, 32, seed, start)
        assert row["negative_eigenvalues"] == spectrum.negative[0]
    stages = {row["stage"] for row in rows(finished.runs) if row["seed"] in seen}
    assert stages == {"evaluate", "transfer"}
    unprobed = train_cell(job_of(cell, replace(protocol, probes=0)))
    assert np.isnan([row["negative_eigenvalues"] for row in rows(unprobed.runs)]).all()


def test_divergence_is_a_result():
    """Linear outputs at a rate of 1e4: not finite, failed, no score; the tables say where."""
    protocol = tiny_protocol(updates=60, learning_rates={"sgd": (1e4,)})
    finished = train_cell(job_of(axes("regression"), protocol))
    expected = {"outcome": "diverged", "failed": True, "runaway": False, "score": 0.0}
    for row in rows(finished.runs):
        assert expected.items() <= row.items()
        assert row["diverged_by"] in ("nonfinite", "objective")
        assert row["diverged_at"] > 0 and np.isnan(row["test_score"])
    rates = {"failed_rate": 1.0, "diverged_rate": 1.0, "score": 0.0}
    assert rates.items() <= finished.metrics.items()


def test_an_error_becomes_a_result():
    job = job_of(axes("plain"), PROTOCOL)
    failed = attempt(replace(job, specification={**job.specification, "gradient": "flor"}))
    assert failed.cell == job.identity
    assert failed.error.startswith("unknown gradient 'flor'. Did you mean 'floor'?")
    assert "Traceback" in failed.traceback
    without_rates = replace(job, protocol=tiny_protocol(learning_rates={}))
    assert attempt(without_rates).error == "KeyError: 'sgd'"


def test_fixed_rates_are_all_evaluated_and_none_is_chosen():
    protocol = tiny_protocol(tune=False, learning_rates={"sgd": (0.1, 0.3, 1.0)})
    finished = train_cell(job_of(axes("plain"), protocol))
    found = {(row["stage"], row["learning_rate"], row["seed"]) for row in rows(finished.runs)}
    seeds = protocol.evaluation()
    assert found == {("evaluate", rate, seed) for rate in (0.1, 0.3, 1.0) for seed in seeds}
    assert len(finished.runs) == 9
    assert "learning_rate" not in finished.metrics
    # the very trainings of a cell that has that rate alone
    alone = train_cell(job_of(axes("plain"), tiny_protocol(learning_rates={"sgd": (0.3,)})))
    keys = {"stage": "evaluate", "learning_rate": 0.3}
    assert str(rows(finished.runs, **keys)) == str(rows(alone.runs, **keys))


def branched(gradient, location, first, rate, trunk, own):
    """A cell on iris that branches after 4 updates under another rule."""
    first = resolve("gradient", GRADIENTS, first)
    protocol = tiny_protocol(branch=Branch(first, 4, rate, location))
    cell = make_cell(gradient=gradient, location="none" if gradient == "exact" else location)
    return train_cell(job_of(cell, protocol, trunk=trunk, own=own))


@pytest.mark.parametrize("location", ["hidden", "all"])
@pytest.mark.parametrize(("rate", "factor"), [("own", 1.0), ("tenth", 0.1)])
@pytest.mark.parametrize(("first", "second"), [("exact", "removed"), ("removed", "exact")])
def test_a_branch_goes_on_from_another_rules_weights(first, second, rate, factor, location):
    """Two trainings by hand: the first rule at its rate, then the own one from those weights."""
    finished = branched(second, location, first, rate, trunk=0.5, own=2.0)
    for row in rows(finished.runs):
        seed = [row["seed"]]
        one, two = (make_cell(gradient=g, location=location) for g in (first, second))
        problem = _problem(one, seed)
        trunk = train(problem, one.design(), Budget(4, 16), seed, [0.5])
        last = (problem, two.design(), BUDGET, seed, [2.0 * factor])
        by_hand = train(*last, start=trunk.parameters, done=4)
        assert row["initial_objective"] == trunk.final_objective[0] == by_hand.initial_objective[0]
        assert row["final_objective"] == by_hand.final_objective[0]
        assert row["path_length"] == by_hand.path_length[0] > 0.0
        said = {"stage": "evaluate", "learning_rate": 2.0 * factor, "gradient": second}
        said |= {"branch.gradient": first, "branch.updates": 4, "branch.rate": rate, "updates": 6}
        assert said.items() <= row.items()
    assert finished.metrics["learning_rate"] == 2.0 * factor


def test_on_an_equal_path_the_rates_are_found_for_each_seed():
    finished = branched("removed", "hidden", "exact", "equal_path", trunk=0.5, own=2.0)
    going_on = branched("exact", "hidden", "exact", "own", trunk=0.5, own=0.5)
    target = {row["seed"]: row["path_length"] for row in rows(going_on.runs)}
    found = {row["seed"]: row["path_length"] for row in rows(finished.runs)}
    assert found == pytest.approx(target, rel=0.05)
    chosen = [row["learning_rate"] for row in rows(finished.runs)]
    assert len(set(chosen)) == 3
    assert finished.metrics["learning_rate"] == np.median(chosen)


LATE = """
import threadpoolctl
from small_studies import job_of, make_cell, tiny_protocol
from study.ablation.running.worker import one_thread, train_cell
with one_thread():
    train_cell(job_of(make_cell(), tiny_protocol()))
    print({(p["user_api"], p["num_threads"]) for p in threadpoolctl.threadpool_info()})
"""


def test_linear_algebra_has_one_thread_also_where_it_is_loaded_late():
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    done = python(LATE, env=environment | {"PYTHONPATH": str(Path(__file__).parent)})
    assert done.stdout == "{('blas', 1)}\n"
