"""The engines compute the same: what makes a comparison of their speed mean something."""

import numpy as np
import pytest

from benchmarks import agreement, engines, ours, peer_sklearn
from benchmarks.children import Child, ChildError, environment
from benchmarks.workloads import WORKLOADS, joined, make_job, split

PEERS = [e for e in engines.ENGINES.values() if e.name not in ("ours", "sklearn")]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("name", WORKLOADS)
def test_ours_equals_a_loop_over_scikit_learn(name, optimizer):
    job = agreement.check_job(WORKLOADS[name], optimizer, ours.orders)
    trainers = {"ours": ours.prepare(job).run, "sklearn": peer_sklearn.prepare_check(job).run}
    found = dict(agreement.differences(job, agreement.ROUNDS[name], trainers))
    assert found["sklearn"] < 1e-12


@pytest.mark.parametrize("engine", PEERS, ids=lambda e: e.name)
def test_peers_equal_ours(engine):
    if not engine.present():
        pytest.skip(f"{engine.needs} is not installed (make bench installs it)")
    job = agreement.check_job(WORKLOADS["W2"], "adam", ours.orders)
    with Child(engine.name) as child:
        theirs = child.call("benchmarks.engines:weights", engine.name, job, 2)
    assert np.abs(theirs - ours.prepare(job).run(2)).max() < agreement.TOLERANCE


def test_another_computation_is_noticed():
    job = agreement.check_job(WORKLOADS["W4"], "sgd", ours.orders)
    trainers = {"ours": ours.prepare(job).run, "wrong": lambda rounds: job.start}
    assert dict(agreement.differences(job, 1, trainers))["wrong"] > 1e-3
    with pytest.raises(AssertionError, match="nothing was learnt"):
        list(agreement.differences(job, 1, {"ours": lambda rounds: job.start}))


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=lambda w: w.name)
def test_patterns_fill_whole_batches(workload):
    inputs, targets = workload.load()
    assert len(inputs) == len(targets)
    assert len(inputs) % workload.batch == 0
    assert (inputs.shape[1], targets.shape[1]) == (workload.widths[0], workload.widths[-1])


def test_operations_are_those_of_the_products():
    # 10-5-10, batch 10: two products of 11 × 5 and 6 × 10 and one back through 5 × 10
    assert WORKLOADS["W4"].flops() == 2 * 10 * (2 * 11 * 5 + 2 * 6 * 10 + 5 * 10)


def test_layers_survive_the_way_into_a_row_and_back():
    job = make_job(WORKLOADS["W4"], "sgd", 4, rates=2)
    layers = split(job.start, job.widths)
    assert [layer.shape for layer in layers] == [(4, 11, 5), (4, 6, 10)]
    rows = joined([w[:, :-1] for w in layers], [w[:, -1] for w in layers])
    assert np.array_equal(rows, job.start)
    assert np.array_equal(job.start[0], job.start[1])  # rates of one seed begin alike
    assert not np.array_equal(job.start[0], job.start[2])


def test_children_have_one_thread_and_no_foreign_settings(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    given = environment()
    assert "OPENBLAS_CORETYPE" not in given
    assert given["OPENBLAS_NUM_THREADS"] == given["OMP_NUM_THREADS"] == "1"


def test_a_child_tells_what_went_wrong():
    with Child("child") as child:
        assert child.call("benchmarks.machine:processor")
        with pytest.raises(ChildError, match="no_such_function"):
            child.call("benchmarks.machine:no_such_function")
        assert child.call("benchmarks.machine:load_average") != ""  # and goes on
