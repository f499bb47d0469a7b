"""Each study records what made it."""

import hashlib
import json
import os
import platform
import subprocess

import llvmlite.binding
import numba
import numpy as np
import pytest
from small_studies import composed

from study.ablation.planning.plan import make_plan
from study.ablation.publishing import provenance
from study.ablation.running.progress import Tally
from study.learning import NUMERICS_VERSION
from study.places import ROOT


@pytest.fixture(scope="module")
def plan():
    return make_plan(composed("experiment=smoke", "protocol.updates=7", "execution.workers=2"))


@pytest.fixture(scope="module")
def record(plan):
    tally = Tally(cells=12, updates=1000, seconds=3.0, processor_seconds=2.5)
    _, files = provenance.study_record(plan, tally, 1000.0, 1004.0, ROOT)
    ((name, text),) = files.items()
    assert name == f"study-19700101T001640Z-{os.getpid()}.json"
    return json.loads(text)


def test_what_made_the_results(record):
    machine, versions = record["machine"], record["versions"]
    assert machine["processor"] and machine["system"] == platform.platform()
    assert machine["compiled for"] == llvmlite.binding.get_host_cpu_name()
    assert record["workers"] == 2 and machine["cores"] >= 1
    assert (versions["numpy"], versions["numba"]) == (np.__version__, numba.__version__)
    assert versions["python"] == platform.python_version()
    assert versions["numerics"] == str(NUMERICS_VERSION)
    lock = (ROOT / "requirements.lock").read_bytes()
    assert record["lock sha256"] == hashlib.sha256(lock).hexdigest()
    seconds = "wall seconds", "processor seconds in cells", "worker seconds in cells"
    assert [record[name] for name in seconds] == [4.0, 2.5, 3.0]


def test_configuration_makes_the_same_plan_again(plan, record):
    configuration = record["configuration"]
    words = configuration["overrides"]
    assert words == ["experiment=smoke", "protocol.updates=7", "execution.workers=2"]
    again = make_plan(composed(*words))
    assert [p.identity for p in again.cells] == list(record["cells by identity"])
    assert configuration["protocol"]["updates"] == 7


def test_commit_and_changes(plan, tmp_path):
    """Against git itself, in a repository of its own."""

    def said():
        _, files = provenance.study_record(plan, Tally(), 1000.0, 1004.0, tmp_path)
        record = json.loads(*files.values())
        return record["commit"], record["uncommitted changes"]

    def git(*words):
        command = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", *words]
        return subprocess.check_output(command, cwd=tmp_path, text=True).strip()

    assert said() == ("", False)
    git("init", "-q")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-qm", "one")
    commit = git("rev-parse", "HEAD")
    assert said() == (commit, False)
    (tmp_path / "data" / "published").mkdir(parents=True)
    (tmp_path / "data" / "published" / "results").write_text("of an earlier study")
    assert said() == (commit, False)
    (tmp_path / "a").write_text("2")
    assert said() == (commit, True)


def test_the_records_of_a_plan_are_put_beside_its_tables(plan, tmp_path):
    mine, other = {plan.cells[0].identity: "mine"}, {"0" * 40: "another"}
    texts = [json.dumps({"cells by identity": cells}) for cells in (other, mine)]
    provenance.export(plan, texts, tmp_path)
    kept = json.loads((tmp_path / provenance.RECORDS_FILE).read_text())
    assert kept == [{"cells by identity": mine}]
