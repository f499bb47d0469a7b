"""Where a store is, who writes it, and one clear line for every way in which it cannot serve."""

import pickle
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from study.ablation.store import client as store_client
from study.ablation.store import open_store, sqlite_path, sqlite_uri, tracking_uri
from study.ablation.store.bulk import BulkStore
from study.ablation.store.client import ClientStore
from study.ablation.store.database import Database
from study.errors import UsageError

LIGHT = """
import sys
from pathlib import Path
from study.ablation.store import open_store
store = open_store(None, "small", Path(sys.argv[1]))
print(sorted(store.finished(["a" * 40, "b" * 40])))
store.close()
print([name for name in ("mlflow", "sqlalchemy", "pyarrow") if name in sys.modules])
"""

RECORD_ON = """
import pickle, sys
from dataclasses import replace
from pathlib import Path
from study.ablation.store import open_store
cell = pickle.loads(Path(sys.argv[2]).read_bytes())
store = open_store(None, "small", Path(sys.argv[1]))
for number in range(100_000):
    store.record(replace(cell, cell=f"{number:040x}"))
    print(number, flush=True)
"""


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A project folder without a store."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def run(script, *arguments):
    """Run a script in a process of its own and return what it prints."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_address_is_argument_then_environment_then_default(elsewhere, monkeypatch):
    assert tracking_uri(None, elsewhere) == f"sqlite:///{elsewhere}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert tracking_uri(None, elsewhere) == "http://127.0.0.1:5000"
    assert tracking_uri("postgresql+psycopg://h/d", elsewhere) == "postgresql+psycopg://h/d"
    monkeypatch.chdir(elsewhere)
    assert tracking_uri("sqlite:///own/x.db", elsewhere) == f"sqlite:///{elsewhere}/own/x.db"


@pytest.mark.parametrize("name", ["plain.db", "a b.db", "50%25.db", "what?.db", "#1.db"])
def test_paths_survive_as_addresses(elsewhere, name):
    assert sqlite_path(sqlite_uri(elsewhere / name)) == elsewhere / name
    assert sqlite_path("http://host") is None


@pytest.mark.parametrize(
    ("uri", "line"),
    [
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("mlruns", "is no address"),
        ("postgresql+nothing://me:secret@host/db", r"cannot use postgresql.nothing://...@host/db"),
        (
            "postgresql+psycopg:/host/db",
            r"tracking.uri 'postgresql.psycopg:/host/db' is no address that MLflow takes",
        ),
        ("http://me:secret@127.0.0.1:9", r"no MLflow server answers at http://.*@127.0.0.1:9: "),
        ("http://127.0.0.1:port", "no MLflow server answers at"),
    ],
)
def test_addresses_that_cannot_serve(elsewhere, uri, line):
    with pytest.raises(UsageError, match=line) as error:
        open_store(uri, "small", elsewhere)
    assert "\n" not in str(error.value) and "secret" not in str(error.value)
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("name", ["", "../up", "a//b", "what?", ".hidden", "/root"])
def test_experiments_name_folders(elsewhere, name):
    with pytest.raises(UsageError, match="cannot name a folder"):
        open_store(None, name, elsewhere)


def test_asking_makes_nothing(elsewhere):
    store = open_store(None, "small", elsewhere)
    assert isinstance(store, BulkStore)
    assert store.finished(["a" * 40]) == set()
    assert store.experiment_id is None
    store.close()
    assert list(elsewhere.iterdir()) == []


def test_asking_imports_nothing_heavy(mlflow_root, make_cell):
    store = open_store(None, "small", mlflow_root)
    store.record(make_cell("a"))
    store.close()
    assert run(LIGHT, mlflow_root).splitlines() == [str(["a" * 40]), "[]"]


def test_a_store_elsewhere_has_its_artifacts_beside_it(elsewhere, migrated, make_cell):
    folder = elsewhere / "my # folder"
    folder.mkdir()
    shutil.copy(migrated, folder / "x.db")
    store = open_store(sqlite_uri(folder / "x.db"), "sub/small", elsewhere / "root")
    store.record(make_cell("a"))
    [(runs, _)] = store.tables(["a" * 40])
    assert folder / "mlartifacts" / "sub" / "small" in runs.parents
    client = store_client.connect(sqlite_uri(folder / "x.db"))
    [parent] = client.search_runs([store.experiment_id], "tags.role = 'cell'")
    fetched = client.download_artifacts(parent.info.run_id, "runs.parquet", str(elsewhere))
    assert Path(fetched).read_bytes() == runs.read_bytes()
    store.close()
    assert sorted(path.name for path in elsewhere.iterdir()) == [folder.name, "runs.parquet"]


def test_database_is_made_whole_or_not_at_all(elsewhere, migrated, monkeypatch):
    path = elsewhere / "new" / "mlflow.db"
    store = open_store(sqlite_uri(path), "small", elsewhere)

    def interrupted(self, uri):
        sqlite_path(uri).write_bytes(b"half a database")
        raise KeyboardInterrupt

    monkeypatch.setattr(Database, "_migrate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.prepare()
    assert list(path.parent.iterdir()) == []

    monkeypatch.setattr(
        Database, "_migrate", lambda _, uri: shutil.copy(migrated, sqlite_path(uri))
    )
    store.prepare()
    store.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    assert sorted(p.name for p in path.parent.iterdir()) == ["mlartifacts", "mlflow.db"]


def test_what_a_kill_left_beside_a_finished_store_goes(elsewhere, migrated):
    shutil.copy(migrated, elsewhere / "mlflow.db")
    leftover = elsewhere / "mlflow.db.new-x"
    leftover.mkdir()
    (leftover / "mlflow.db").touch()
    store = open_store(None, "small", elsewhere)
    store.prepare()
    store.close()
    assert not leftover.exists()
    assert not (elsewhere / "mlflow.db.lock").exists()


def test_the_first_of_two_makers_wins(elsewhere, migrated, monkeypatch, make_cell):
    path = elsewhere / "mlflow.db"

    def overtaken(self, uri):
        shutil.copy(migrated, sqlite_path(uri))
        shutil.copy(migrated, path)
        winner = open_store(None, "small", elsewhere)
        winner.record(make_cell("a"))
        winner.close()

    monkeypatch.setattr(Database, "_migrate", overtaken)
    store = open_store(None, "small", elsewhere)
    store.prepare()
    assert store.finished(["a" * 40]) == {"a" * 40}
    store.close()


def test_two_processes_share_an_experiment(mlflow_root, monkeypatch, make_cell):
    store, other = (open_store(None, "small", mlflow_root) for _ in range(2))
    make = BulkStore._make_experiment

    def late(self):
        if self is store:
            other.prepare()
        make(self)

    monkeypatch.setattr(BulkStore, "_make_experiment", late)
    store.prepare()
    assert store.experiment_id == other.experiment_id == "1"
    other.record(make_cell("a"))
    [(runs, _)] = other.tables(["a" * 40])
    written = runs.stat().st_mtime_ns
    store.record(make_cell("a"))  # has not seen it before the transaction
    assert runs.stat().st_mtime_ns == written
    store.close()
    other.close()


def test_an_empty_file_is_no_store_yet(elsewhere, migrated, monkeypatch, make_cell):
    (elsewhere / "mlflow.db").touch()
    monkeypatch.setattr(
        Database, "_migrate", lambda _, uri: shutil.copy(migrated, sqlite_path(uri))
    )
    store = open_store(None, "small", elsewhere)
    assert store.finished(["a" * 40]) == set()
    store.record(make_cell("a"))
    assert store.finished(["a" * 40]) == {"a" * 40}
    store.close()


def test_files_that_are_no_store(elsewhere):
    path = elsewhere / "mlflow.db"
    path.write_text("notes " * 1000)
    with pytest.raises(
        UsageError, match=r"mlflow.db: file is not a database; put a copy of it back"
    ):
        open_store(None, "small", elsewhere)
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (name)")
    connection.close()
    with pytest.raises(UsageError, match=r"a database, but not a whole one of MLflow's$"):
        open_store(None, "small", elsewhere)
    path.unlink()
    path.mkdir()
    with pytest.raises(UsageError, match=r"cannot use the store .*: unable to open database file"):
        open_store(None, "small", elsewhere)


def test_a_folder_that_cannot_be_made(elsewhere):
    (elsewhere / "file").touch()
    with pytest.raises(UsageError, match=r"file/mlflow.db: Not a directory$"):
        open_store(sqlite_uri(elsewhere / "file" / "mlflow.db"), "small", elsewhere)


def test_artifacts_that_cannot_be_written(mlflow_root, make_cell):
    (mlflow_root / "mlartifacts").touch()
    store = open_store(None, "small", mlflow_root)
    with pytest.raises(UsageError, match=r"cannot make .*mlartifacts/small: Not a directory$"):
        store.prepare()
    store.close()


def test_a_locked_store_is_one_line(mlflow_root, monkeypatch):
    monkeypatch.setattr("study.ablation.store.database.PATIENCE", 0.05)
    other = sqlite3.connect(mlflow_root / "mlflow.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store = open_store(None, "small", mlflow_root)
    with pytest.raises(
        UsageError, match=r"mlflow.db: database is locked; another program has held it for 60 s$"
    ):
        store.prepare()
    other.execute("ROLLBACK")
    other.close()
    store.prepare()
    store.close()


def revise(root, revision):
    with sqlite3.connect(root / "mlflow.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
    connection.close()


def test_schemas_of_other_versions(mlflow_root):
    revise(mlflow_root, "f00dfeed0000")
    with pytest.raises(UsageError, match=r"made by a newer MLflow \(schema f00dfeed0000\)$"):
        open_store(None, "small", mlflow_root)
    revise(mlflow_root, "bd07f7e963c5")  # of MLflow 1.22
    with pytest.raises(
        UsageError, match=r"by an older MLflow \(schema bd07f7e963c5\).*db upgrade"
    ):
        open_store(None, "small", mlflow_root)


def test_the_client_takes_over_at_a_schema_unknown_to_the_bulk_writer(
    mlflow_root, make_cell, monkeypatch
):
    monkeypatch.setattr(BulkStore, "REVISIONS", ("of the past",))
    store = open_store(None, "small", mlflow_root)
    assert isinstance(store, ClientStore)
    store.record(make_cell("a"))
    store.close()
    monkeypatch.undo()
    store = open_store(None, "small", mlflow_root)
    assert isinstance(store, BulkStore)
    assert store.finished(["a" * 40]) == {"a" * 40}
    store.close()


def test_the_installed_mlflow_has_a_schema_that_the_bulk_writer_knows(migrated):
    assert Database(sqlite_uri(migrated)).revision() == BulkStore.REVISIONS[-1]


def test_artifacts_kept_by_a_server_need_it(mlflow_root):
    client = store_client.connect(sqlite_uri(mlflow_root / "mlflow.db"))
    client.create_experiment("small", "mlflow-artifacts:/1")
    store = open_store(None, "small", mlflow_root)
    assert isinstance(store, ClientStore)
    with pytest.raises(UsageError, match="keeps its artifacts with a server"):
        store.prepare()
    store.close()


def test_a_killed_study_leaves_whole_cells(mlflow_root, make_cell, tmp_path):
    (tmp_path / "cell").write_bytes(pickle.dumps(make_cell("a")))
    command = [sys.executable, "-c", RECORD_ON, str(mlflow_root), str(tmp_path / "cell")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        last = [int(process.stdout.readline()) for _ in range(5)][-1]
        time.sleep(0.013)  # somewhere within a cell
        process.send_signal(signal.SIGKILL)
        last = max([last, *map(int, process.stdout.read().split())])
    cells = [f"{number:040x}" for number in range(last + 2)]
    store = open_store(None, "small", mlflow_root)
    finished = store.finished(cells)
    assert finished >= set(cells[: last + 1])
    _, _, count = store.export(sorted(finished), tmp_path / "out")
    assert count == 3 * len(finished)
    store.close()
    client = store_client.connect(sqlite_uri(mlflow_root / "mlflow.db"))
    runs = client.search_runs([store.experiment_id], max_results=50_000)
    assert len(runs) == 4 * len(finished)
