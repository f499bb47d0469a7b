"""Studies that are trained into memory, here or in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "ablation"))  # small_studies

PROGRAM = """
import json, sys
import pyarrow.parquet as pq
from study.ablation.configuration.schema import read
from study.ablation.planning.plan import make_plan
from study.ablation.running.execution import training
from study.ablation.running.tally import Tally

content, folder = json.loads(sys.argv[1]), sys.argv[2]
with training(make_plan(read("elsewhere", content)), Tally()) as results:
    for found in results:
        pq.write_table(found.runs, f"{folder}/{found.cell}.runs.parquet")
        pq.write_table(found.curves, f"{folder}/{found.cell}.curves.parquet")
"""


@pytest.fixture(scope="session")
def trained():
    """Train a configuration in this process; return cell -> (runs, curves), rows in order."""
    from small_studies import in_order

    from study.ablation.planning.plan import make_plan
    from study.ablation.running.execution import training
    from study.ablation.running.tally import Tally

    def train(config):
        with training(make_plan(config), Tally()) as results:
            return {c.cell: (in_order(c.runs), in_order(c.curves)) for c in results}

    return train


@pytest.fixture
def trained_elsewhere(tmp_path):
    """Train a configuration in a new process in a new folder; what it said, and its tables."""
    import pyarrow.parquet as pq
    from small_studies import in_order

    def train(content, flags=(), **environment):
        import os

        tables, folder = tmp_path / "tables", tmp_path / "another" / "folder"
        tables.mkdir()
        folder.mkdir(parents=True)
        done = subprocess.run(
            [sys.executable, *flags, "-c", PROGRAM, json.dumps(content), tables],
            cwd=folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        assert list(folder.iterdir()) == []
        cells = sorted({path.name.partition(".")[0] for path in tables.iterdir()})

        def table(cell, name):
            return in_order(pq.read_table(tables / f"{cell}.{name}.parquet"))

        return done, {cell: (table(cell, "runs"), table(cell, "curves")) for cell in cells}

    return train
