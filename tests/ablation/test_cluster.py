"""Training on Dask: the same cells as here, and what a cluster refuses; see tests/faults too."""

import sys

import dask
import pytest
from small_studies import in_order, tiny_config

from study.ablation.planning.plan import make_plan
from study.ablation.running import cluster
from study.ablation.running.engines import EngineFailed, ThisProcess
from study.ablation.running.execution import training
from study.ablation.running.jobs import Jobs
from study.ablation.running.progress import Tally
from study.ablation.running.worker import FailedCell
from study.errors import UsageError

LOCAL = {"_target_": "distributed.LocalCluster", "n_workers": 0, "threads_per_worker": 1}
LOCAL |= {"security": True, "dashboard_address": None, "silence_logs": 60}
LOCAL |= {"scheduler_kwargs": {"dashboard_address": "127.0.0.1:0"}}
GRID = {"dataset": "iris", "hidden": [5]}
RULES = '''
"""Rules of a user's own; the second stands in a module beside this one."""

from study import Gradient, elementwise
from PACKAGE.amounts import HALF


@elementwise
def half(slope):
    return HALF * slope


said = {"formula": "φ = f'/2", "reference": "a test"}
halved = Gradient(name="halved", factor=half, **said)
'''


def planned(*gradients, workers=2, **changes):
    execution = {"workers": workers, "cluster": {**LOCAL, **changes}}
    grid = {**GRID, "gradient": ["exact", *gradients]}
    return make_plan(tiny_config(grid, execution=execution))


def trained(plan):
    with training(plan, Tally()) as results:
        return {result.cell: result for result in results}


def test_a_cluster_without_a_shared_disk_trains_the_same_cells(tmp_path, monkeypatch):
    """A module and a package of a user's own are sent, and the rows are equal to the bit."""
    package = tmp_path / "package_of_a_user"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "amounts.py").write_text("HALF = 0.5\n")
    text = RULES.replace("PACKAGE", package.name)
    (tmp_path / "rules_of_a_user.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    plan = planned("removed", "random_sign", {"_target_": "rules_of_a_user.halved"})
    here = {r.cell: r for r in ThisProcess().train(Jobs(plan, frozenset()))}
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(tmp_path)])
    there = trained(plan)
    assert there.keys() == here.keys() and len(here) == 4
    for cell, result in there.items():
        assert not isinstance(result, FailedCell), result.error
        for table in ("runs", "curves"):
            one, other = (in_order(getattr(r, table)) for r in (result, here[cell]))
            assert one.equals(other), (result.name, table)


def test_a_worker_with_other_software_refuses_in_a_line_that_names_both(monkeypatch):
    mine = cluster.software()
    other = {**mine, "sources": "0123456789ab", "numba": "0.1"}
    monkeypatch.setattr(cluster, "software", lambda: other)
    with pytest.raises(EngineFailed) as error:
        trained(planned("removed"))
    said = str(error.value)
    assert f"has sources {mine['sources']}, numba {mine['numba']}; this process has " in said
    assert said.endswith("sources 0123456789ab, numba 0.1: install the same")


def test_workers_have_one_thread():
    with pytest.raises(EngineFailed, match="has 2 threads: cells need workers of one"):
        trained(planned(threads_per_worker=2))


def test_a_scheduler_without_tls_is_refused_before_anything_is_trained():
    with pytest.raises(UsageError, match=r"^the scheduler at tcp://127.* has no TLS: whoever "):
        trained(planned(security=None))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"_target_": "distributed.LocalClutser"}, "cannot start the cluster: .*LocalClutser"),
        ({"colour": "red"}, "cannot start workers: .*unexpected keyword argument 'colour'"),
    ],
)
def test_what_a_cluster_cannot_be_made_of_is_one_line(changes, said):
    with pytest.raises(UsageError, match=said) as error:
        trained(planned(**changes))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "^the scheduler at tls://127.0.0.1:1 wants certificates: name them in Dask's conf"),
        ('{"address": "tls://127.0.0.1:1"}', "^the scheduler at tls://127.0.0.1:1 wants certif"),
        ("no JSON", "is no file of a scheduler: "),
        ('{"address": "tcp://127.0.0.1:1"}', "^cannot reach the scheduler "),
    ],
)
def test_a_scheduler_that_cannot_be_asked_is_one_line(tmp_path, content, said):
    where = tmp_path / "scheduler.json"
    if content:
        where.write_text(content)
    execution = {"scheduler": str(where) if content else "tls://127.0.0.1:1", "workers": 2}
    plan = make_plan(tiny_config({**GRID, "gradient": "exact"}, execution=execution))
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        with pytest.raises(UsageError, match=said) as error:
            trained(plan)
    assert "\n" not in str(error.value)
