"""Small studies to disturb, and what must hold of their stores whatever was done to them."""

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlparse

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from postgres import free_port
from small_studies import Command, grid_of, in_order, wait_for

from study.ablation.store.client import connect
from study.ablation.store.database import Database
from study.estimator import load_model

long = pytest.mark.long_faults
MLFLOW = str(Path(sys.executable).with_name("mlflow"))
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")

MANY = grid_of("[iris, moons]", "[exact, removed, offset, random, random_sign]")  # 10 cells
FEW = grid_of("iris", "[exact, removed, offset]")  # 3 cells
PART = [*FEW, "only.gradient=[removed]"]  # 2 of them, with exact
GO_ON = (
    "\nstopped; finished cells are recorded. Go on with the same command, or with: make ablation\n"
)


def query(database: Path | str, sql: str) -> list[tuple]:
    """Ask a store, which is an SQLite file or has an address."""
    if isinstance(database, str):
        with contextlib.closing(Database(database)) as server:
            return server.read(sql)
    with contextlib.closing(sqlite3.connect(database, timeout=60)) as connection:
        return connection.execute(sql).fetchall()


def check_whole(database: Path | str, artifacts: Path | None = None) -> int:
    """Fail unless the store is sound and each cell in it whole and there once; count them.

    A server keeps its artifacts in `artifacts`.
    """
    if isinstance(database, Path):
        assert query(database, "PRAGMA integrity_check") == [("ok",)]
        assert query(database, "PRAGMA foreign_key_check") == []
    for table in ("params", "tags", "metrics", "latest_metrics"):
        lost = f"SELECT count(*) FROM {table} WHERE run_uuid NOT IN (SELECT run_uuid FROM runs)"
        assert query(database, lost) == [(0,)], table
    runs = query(
        database,
        "SELECT runs.run_uuid, role.value, cell.value, parent.value, status, artifact_uri "
        "FROM runs JOIN experiments USING (experiment_id) "
        "LEFT JOIN tags role ON role.run_uuid = runs.run_uuid AND role.key = 'role' "
        "LEFT JOIN tags cell ON cell.run_uuid = runs.run_uuid AND cell.key = 'cell' "
        "LEFT JOIN tags parent ON parent.run_uuid = runs.run_uuid "
        "AND parent.key = 'mlflow.parentRunId' "
        "WHERE experiments.name = 'default' AND runs.lifecycle_stage = 'active'",
    )
    assert {status for *_, status, _ in runs} <= {"FINISHED"}
    parents = {run: (cell, uri) for run, role, cell, _, _, uri in runs if role == "cell"}
    assert len({cell for cell, _ in parents.values()}) == len(parents), "a cell is there twice"
    data = query(database, "SELECT destination_id FROM inputs JOIN input_tags USING (input_uuid)")
    assert {run for (run,) in data} >= parents.keys(), "a cell does not name its dataset"
    children: dict[str, set[str]] = {parent: set() for parent in parents}
    for run, role, cell, parent, _, _ in runs:
        if role != "cell":
            assert role == "training"
            assert parents[parent][0] == cell
            children[parent].add(run)
    for parent, (_, uri) in parents.items():
        folder = Path(unquote(urlparse(uri).path))
        if artifacts is not None:
            folder = artifacts / str(folder).lstrip("/")
        table = pq.read_table(folder / "runs.parquet")
        assert set(table["run_id"].to_pylist()) == children[parent], "half a cell"
        assert len(table) == len(children[parent])
        curves = pq.read_table(folder / "curves.parquet")
        assert set(curves["run_id"].to_pylist()) == children[parent]
    return len(parents)


def check_same(command: Command, undisturbed: Command, ids: bool = True) -> None:
    """Fail unless the exported tables are those of an undisturbed study, to the bit.

    A server chooses ids by itself; without `ids` they are replaced by what they stand for.
    """
    for table in ("runs", "curves"):
        one, other = (_table(c, table, ids) for c in (command, undisturbed))
        assert one.equals(other), table


def _table(command: Command, name: str, ids: bool):
    table, runs = getattr(command, name)("default"), command.runs("default")
    if not ids:
        columns = [runs[c].to_pylist() for c in ("cell", "stage", "learning_rate", "seed")]
        names = dict(zip(runs["run_id"].to_pylist(), zip(*columns, strict=True), strict=True))
        said = pa.array([str(names[run]) for run in table["run_id"].to_pylist()])
        table = table.set_column(table.column_names.index("run_id"), "run_id", said)
        if "parent_run_id" in table.column_names:
            table = table.drop_columns(["parent_run_id"])
    return in_order(table)


def check_networks(server: str, number: int, folder: Path) -> None:
    """Fail unless so many cells have a network at a server, and each has its cell's design."""
    client = connect(server)
    (experiment,) = client.search_experiments(filter_string="name = 'default'")
    found = client.search_runs([experiment.experiment_id], "tags.`mlflow.log-model.history` != ''")
    for run in found:
        home = folder / run.info.run_id
        home.mkdir()
        net = load_model(client.download_artifacts(run.info.run_id, "model", str(home)))
        assert (net.hidden_layer_sizes, net.n_features_in_) == ((4,), 4)
        assert list(net.gradient) == [run.data.params["gradient"]]
    assert len(found) == number


def check_clean(command: Command) -> None:
    """Fail if anything lies beside the store that is not of it."""
    names = {path.name for path in command.database.parent.iterdir()}
    assert names - {"mlflow.db-wal", "mlflow.db-shm"} == {"mlflow.db", "mlartifacts"}


def handles(process: int, number: signal.Signals, how: str = "SigCgt") -> bool:
    """Whether a process catches a signal by now, or blocks it ("SigBlk")."""
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{process}/status").read_text().splitlines()
        mask = next(line for line in status if line.startswith(how))
        return bool(int(mask.split()[1], 16) >> (number - 1) & 1)
    return False


def hook(folder: Path, code: str) -> dict[str, str]:
    """An environment in which every Python process runs `code` first."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": str(folder)}


class Server:
    """`mlflow server` on a port of 127.0.0.1, with a store, and artifacts in `folder`."""

    def __init__(self, folder: Path, store: str) -> None:
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self._words = [
            *(MLFLOW, "server", "--backend-store-uri", store),
            *("--artifacts-destination", str(folder / "artifacts")),
            *("--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"),
        ]
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        alone = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        options = {"env": {**os.environ, **alone}, "start_new_session": True}
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(self._words, **options, **silent)
        wait_for(self._answers, 180)

    def kill(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        return False


def fill(folder, leave: int):
    """Fill a file system but for some bytes; return the file that does it."""
    ballast, state = folder.parent / "ballast", os.statvfs(folder)
    size = max(0, state.f_bavail * state.f_bsize - leave)
    with open(ballast, "wb") as file:
        file.write(b"\0" * size)
    return ballast
