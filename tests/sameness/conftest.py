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
from study.ablation.running.execution import carry_out
from study.ablation.planning.plan import make_plan
from study.ablation.configuration.schema import read
from study.ablation.store.tables import concatenate, CURVES, RUNS
from study.ablation.publishing.verify import Kept

experiment, content, folder = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
store = Kept(experiment)
carry_out(make_plan(read(experiment, content)), store, set())
for cell, found in store.cells.items():
    pq.write_table(found.runs, f"{folder}/{cell}.runs.parquet")
    pq.write_table(found.curves, f"{folder}/{cell}.curves.parquet")
"""


@pytest.fixture(scope="session")
def trained():
    """Train a configuration in this process; return cell -> (runs, curves), rows in order."""
    from small_studies import in_order

    from study.ablation.planning.plan import make_plan
    from study.ablation.publishing.verify import Kept
    from study.ablation.running.execution import carry_out

    def train(config):
        store = Kept("memory")
        tally = carry_out(make_plan(config), store, set())
        assert not tally.failed
        return {cell: (in_order(c.runs), in_order(c.curves)) for cell, c in store.cells.items()}

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
            [sys.executable, *flags, "-c", PROGRAM, "elsewhere", json.dumps(content), tables],
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
