"""Cells, configurations and commands that the tests of the study's machinery share."""

import contextlib
import fcntl
import io
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from study.ablation import app
from study.ablation.configuration.composition import with_configuration
from study.ablation.configuration.protocol import TRANSFER, Protocol
from study.ablation.configuration.schema import read
from study.ablation.planning.cells import DEFAULTS, cell_from
from study.ablation.planning.plan import make_plan
from study.ablation.running.worker import Job
from study.ablation.store import sqlite_uri
from study.ablation.store.database import Database
from study.errors import UsageError

TINY = {
    **{"updates": 6, "batch_size": 16, "learning_rates": {"sgd": [0.1, 1.0], "adam": [0.01, 0.1]}},
    **{"tuning_seeds": 2, "evaluation_seeds": 3, "checkpoints": 4, "probes": 2},
}
TINY_WORDS = [  # the same, for the command line
    *("protocol.updates=6", "protocol.batch_size=16", "protocol.tuning_seeds=2"),
    *("protocol.evaluation_seeds=3", "protocol.checkpoints=4", "protocol.probes=2"),
    *("protocol.learning_rates.sgd=[0.1,1.0]", "protocol.learning_rates.adam=[0.01,0.1]"),
]


def grid_of(datasets, gradients):
    """Return the words of a tiny study."""
    return [f"grids=[{{dataset: {datasets}, hidden: [4], gradient: {gradients}}}]", *TINY_WORDS]


def tiny_protocol(**changes):
    known = {"transfer": True, "decay": True, "dtype": "float32", "refine": None}
    return Protocol(**{**TINY, **known, **changes})


def tiny_config(*grids, only=None, execution=None, **protocol):
    content = {"grids": list(grids), "protocol": {**TINY, **protocol}}
    return read("tiny", {**content, "only": only or {}, "execution": execution or {}})


def tiny_plan(*grids, **keys):
    return make_plan(tiny_config(*grids, **keys))


def make_cell(**axes):
    """A cell on iris with small hidden layers, as a grid would say it."""
    return cell_from({**DEFAULTS, "dataset": "iris", "hidden": [5, 4], **axes})


def cases(text):
    """Read a table of cases: YAML, =>, and the line that is expected; a long one stands below."""
    pairs = [line.split(" => ") for line in text.strip().replace("\n    ", " => ").splitlines()]
    return [pytest.param(yaml.safe_load(given), said, id=given) for given, said in pairs]


def well(said):
    """Return what a command said that ended well."""
    assert (said.code, said.err) == (0, ""), said
    return said.out


def refused(call, *given, **named):
    """Return the one line of a call that is refused."""
    with pytest.raises(UsageError) as caught:
        call(*given, **named)
    assert "\n" not in str(caught.value)
    return str(caught.value)


GRID = {"dataset": "iris", "hidden": [5], "gradient": ["exact", "removed"]}


def own(**protocol):
    """GRID with a protocol of its own."""
    return {**GRID, "protocol": protocol}


def job_of(cell, protocol, reference_rate=None, block=32, claims="", **rates):
    rates |= {} if reference_rate is None else {TRANSFER: reference_rate}
    return Job("0" * 40, cell.name, cell.specification(), protocol, rates, claims, block, ())


def in_order(table):
    """Return a table as a frame whose rows are in one order; there NaN equals NaN."""
    frame = table.to_pandas()
    keys = [key for key in ("run_id", "replica", "update") if key in frame]
    return frame.sort_values(keys).reset_index(drop=True)


def composed(*words):
    """Return the configuration that a command line gives."""
    found = []

    def keep(config):
        found.append(config)
        return 0

    assert with_configuration(words, keep) == 0
    return found[-1]


@cache
def plan_of(experiment):
    """Return the plan of one of the study's own experiments, made once in a process."""
    return make_plan(composed(f"experiment={experiment}"))


def template(base: Path) -> Path:
    """An empty database of MLflow's, made once for all test processes (it takes 5 s)."""
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    path = folder / "migrated.db"
    with open(folder / "migrated.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        Database(sqlite_uri(path)).create()
    return path


@dataclass(frozen=True)
class Said:
    """What a command gave back."""

    code: int
    out: str
    err: str


def run(*words: str) -> Said:
    """Run the command in this process with these words alone."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = app.main(words)
    return Said(code, out.getvalue(), err.getvalue())


class Command:
    """The command `study` with a store and tables of its own in `folder`."""

    def __init__(self, folder: Path, migrated: Path | None) -> None:
        self.folder = folder
        self.database = folder / "store" / "mlflow.db"
        self.tables = folder / "tables"
        self.database.parent.mkdir(parents=True)
        if migrated is not None:
            shutil.copy(migrated, self.database)

    def places(self) -> list[str]:
        return [f"tracking.uri={sqlite_uri(self.database)}", f"tracking.tables={self.tables}"]

    def __call__(self, *words: str) -> Said:
        """Run in this process: no start-up, and one worker unless told."""
        return run(*words, *self.places())

    def start(self, *words: str, **options) -> subprocess.Popen[str]:
        """Begin in a process of its own, with a process group of its own."""
        return start([*words, *self.places()], **options)

    def runs(self, experiment: str, name: str = "runs"):
        return pq.read_table(self.tables / experiment / f"{name}.parquet")

    def curves(self, experiment: str):
        return self.runs(experiment, "curves")


def start(words: Sequence[str], **options) -> subprocess.Popen[str]:
    environment = {**os.environ, "COLUMNS": "100", **options.pop("env", {})}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    return subprocess.Popen(
        [Path(sys.executable).with_name("study"), *words],
        text=True,
        env=environment,
        start_new_session=True,
        **{**pipes, **options},
    )


def python(program: str, *words: object, **options) -> subprocess.CompletedProcess[str]:
    """Run a program's text in another process, which must end well."""
    command = [sys.executable, "-c", program, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=True, **options)


def finish(process: subprocess.Popen[str], seconds: float = 120.0) -> Said:
    out, err = process.communicate(timeout=seconds)
    return Said(process.returncode, out or "", err or "")


def recorded(database: Path) -> int:
    """How many cells are in a store, which need not be there yet."""
    try:
        uri = f"file:{database}?mode=ro"
        with sqlite3.connect(uri, uri=True, timeout=20) as connection:
            found = "SELECT count(*) FROM tags WHERE key = 'role' AND value = 'cell'"
            return connection.execute(found).fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def wait_for(condition, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.01)


def workers_of(parent: int) -> list[int]:
    """The worker processes of a study, read from /proc."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            ppid = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            words = (path / "cmdline").read_text()
        except OSError:
            continue
        if ppid == parent and "spawn_main" in words:
            found.append(int(path.name))
    return sorted(found)
