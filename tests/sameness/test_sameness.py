"""The same to the bit, whatever is around a cell. Floating-point exceptions are data."""

import json
import os

import pyarrow.parquet as pq
import pytest
from small_studies import TINY, in_order, python, tiny_config

from study.ablation.planning.plan import make_plan
from study.ablation.running.execution import training
from study.ablation.running.progress import Tally

TABLES = ("runs", "curves")
RATES = {"sgd": [0.1, 1.0, 1e6], "adam": [0.01, 0.1]}  # 10^6 diverges
GRID = {
    **{"dataset": "iris", "hidden": [[5, 4]], "activation": ["tanh", "relu"]},
    **{"gradient": ["exact", "random", "mean_matched"], "optimizer": ["sgd", "adam"]},
}
BIGGER = {  # in the opposite order
    "optimizer": ["adam", "sgd"],
    "gradient": ["shuffled_units", "mean_matched", "random", "exact"],
    **{"activation": ["relu", "tanh"], "hidden": [[5, 4]], "dataset": ["moons", "iris"]},
}
PROGRAM = """
import json, sys
import pyarrow.parquet as pq
from study.ablation.configuration.schema import read
from study.ablation.planning.plan import make_plan
from study.ablation.running.execution import training
from study.ablation.running.progress import Tally

content, folder = json.loads(sys.argv[1]), sys.argv[2]
with training(make_plan(read("elsewhere", content)), Tally()) as results:
    for found in results:
        pq.write_table(found.runs, f"{folder}/{found.cell}.runs.parquet")
        pq.write_table(found.curves, f"{folder}/{found.cell}.curves.parquet")
"""


def trained(config):
    """Train a configuration; return cell -> (runs, curves), rows in order."""
    with training(make_plan(config), Tally()) as results:
        return {c.cell: (in_order(c.runs), in_order(c.curves)) for c in results}


@pytest.fixture(scope="module")
def alone():
    """Some of it diverges."""
    found = trained(tiny_config(GRID, learning_rates=RATES, execution={"workers": 1}))
    outcomes = {name for runs, _ in found.values() for name in runs["outcome"]}
    assert "diverged" in outcomes and len(outcomes) > 1
    return found


def assert_same(found, alone):
    """All cells of `alone` are among those found, with the same bits; NaN equals NaN."""
    assert alone.keys() <= found.keys()
    for cell, (runs, curves) in alone.items():
        assert found[cell][0].equals(runs), cell
        assert found[cell][1].equals(curves), cell


def test_a_bigger_grid_around_it_in_another_order(alone):
    found = trained(tiny_config(BIGGER, learning_rates=RATES, execution={"workers": 1}))
    assert len(found) > 2 * len(alone)
    assert_same(found, alone)


def test_another_process_another_folder_and_workers(alone, tmp_path):
    """Identities and results: hashes of texts differ there, and warnings would be shown."""
    content = {
        "about": "the same in other words",
        "grids": [GRID],
        "protocol": {**TINY, "learning_rates": RATES},
        "tracking": {"uri": "sqlite:///elsewhere.db", "tables": "elsewhere"},
        "execution": {"workers": 2, "block": 3, "max_runs": 5000},
    }
    tables, folder = tmp_path / "tables", tmp_path / "another" / "folder"
    tables.mkdir()
    folder.mkdir(parents=True)
    other = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONWARNINGS": "always"}
    done = python(PROGRAM, json.dumps(content), tables, cwd=folder, env=other)
    names = {path.name.partition(".")[0] for path in tables.iterdir()}

    def read(cell):
        return [in_order(pq.read_table(tables / f"{cell}.{name}.parquet")) for name in TABLES]

    assert names == alone.keys()
    assert_same({cell: read(cell) for cell in names}, alone)
    assert [line for line in done.stderr.splitlines() if "resource_tracker" not in line] == []
    assert done.stdout == ""
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("objective", ["squared_error", "linear_squared_error", "cross_entropy"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floating_point_exceptions_are_no_warnings(capfd, objective, dtype):
    """Overflow, 0 / 0 and inf - inf on the way; pytest makes errors of warnings."""
    grid = {"dataset": "iris", "objective": objective, "hidden": [5], "gain": [1.0, 1e5]}
    grid["gradient"] = ["exact", "removed", {"power": {"exponent": 3}}]
    grid["activation"] = ["relu", "softplus"]
    rates, alone = {"sgd": [1e20, 1e30]}, {"workers": 1}
    found = trained(tiny_config(grid, learning_rates=rates, dtype=dtype, execution=alone))
    if objective == "linear_squared_error":
        assert all((runs["outcome"] == "diverged").any() for runs, _ in found.values())
    assert capfd.readouterr().err == ""
