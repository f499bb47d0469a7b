"""The engines compute the same: what makes a comparison of their speed mean something."""

import os

import numpy as np
import pytest

from benchmarks import engines, ours, peer_sklearn, speed, variants
from benchmarks.workloads import WORKLOADS, make_job
from study.learning.activations import ACTIVATIONS
from study.learning.optimizers import OPTIMIZERS
from study.learning.rules import GRADIENTS

PEERS = [e for e in engines.ENGINES.values() if e.prepare and e.name not in ("ours", "sklearn")]


PAIRS = [("W1", "sgd"), ("W2", "adam"), ("W3", "adam"), ("W4", "sgd")]


@pytest.mark.parametrize(("name", "optimizer"), PAIRS)
def test_ours_equals_a_loop_over_scikit_learn(name, optimizer):
    """And the patterns of each workload fill whole batches, or engines would disagree on them."""
    job = speed.check_job(WORKLOADS[name], optimizer)
    assert len(job.inputs) % job.work.batch == 0
    trainers = {"ours": ours.prepare(job), "sklearn": peer_sklearn.prepare_check(job)}
    assert speed.differences(job, trainers)["sklearn"] < 1e-12


@pytest.mark.parametrize("engine", PEERS, ids=lambda e: e.name)
def test_peers_equal_ours(engine):
    if not engine.present():
        pytest.skip(f"{engine.needs} is not installed (make bench installs it)")
    job = speed.check_job(WORKLOADS["W2"], "adam")
    with engines.process() as child:
        theirs = child.submit(engines.weights, engine.name, job, 2).result()
    assert np.abs(theirs - ours.prepare(job)(2)).max() < speed.TOLERANCE


def test_another_computation_is_noticed():
    job = speed.check_job(WORKLOADS["W4"], "sgd")
    trainers = {"ours": ours.prepare(job), "wrong": lambda rounds: job.start}
    assert speed.differences(job, trainers)["wrong"] > speed.MOVED
    with pytest.raises(AssertionError, match="nothing was learnt"):
        speed.differences(job, {"ours": lambda rounds: job.start})


def test_layout_and_operations_of_a_job():
    job = make_job(WORKLOADS["W4"], "sgd", 4, check=True)
    assert [w.shape for w, _ in job.layers()] == [(4, 10, 5), (4, 5, 10)]
    assert np.array_equal(job.start[0], job.start[1])  # rates of one seed begin alike
    assert not np.array_equal(job.start[0], job.start[2])
    # 10-5-10, batch 10: two products of 11 × 5 and 6 × 10 and one back through 5 × 10
    assert job.work.flops() == 2 * 10 * (2 * 11 * 5 + 2 * 6 * 10 + 5 * 10)


def test_processes_have_one_thread_and_say_what_went_wrong(monkeypatch):
    for name in (*engines.FOREIGN, "NPROC"):
        monkeypatch.setenv(name, "2")
    monkeypatch.setattr(os, "environ", os.environ.copy())
    engines.settle()
    assert os.environ["OMP_NUM_THREADS"] == os.environ["NPROC"] == "1"
    assert not set(engines.FOREIGN) & set(os.environ)
    with engines.process() as child:
        with pytest.raises(KeyError, match="no such engine"):
            child.submit(engines.product_rate, "no such engine").result()
        assert child.submit(os.getpid).result() != os.getpid()  # and it goes on
        if hasattr(os, "sched_getaffinity"):
            assert len(child.submit(os.sched_getaffinity, 0).result()) == 1


def test_every_record_has_a_design():
    found = [what for what, _ in variants.designs()]
    names = {" ".join(what.split(" ")[:2]) for what in found}
    assert found[0] == variants.BASE and len(names) == len(found)
    records = {"activation": ACTIVATIONS, "gradient": GRADIENTS, "optimizer": OPTIMIZERS}
    named = {f"{kind} {name}" for kind, registry in records.items() for name in registry}
    assert names == named - {"gradient exact", "optimizer sgd"}
