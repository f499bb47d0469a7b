"""Where a store is, who writes it, and one clear line for every way in which it cannot serve."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest
from small_studies import python

from study.ablation.store import client as store_client
from study.ablation.store import masked, open_store, sqlite_path, sqlite_uri, tracking_uri
from study.ablation.store.bulk import BulkStore
from study.ablation.store.client import ClientStore
from study.ablation.store.database import Database, _locked
from study.ablation.store.remote import place
from study.errors import UsageError

A = "a" * 40
LIGHT = """
import sys
from pathlib import Path
from study.ablation.store import open_store
store = open_store(None, "small", Path(sys.argv[1]))
print(sorted(store.finished(["a" * 40, "b" * 40])))
store.close()
print([name for name in ("mlflow", "sqlalchemy", "pandas") if name in sys.modules])
"""


@pytest.fixture
def quickly(migrated, monkeypatch):
    """Make databases by a copy."""

    def copy(self, uri):
        shutil.copy(migrated, sqlite_path(uri))

    monkeypatch.setattr(Database, "_migrate", copy)


@pytest.fixture
def opened():
    """Open stores of the experiment `small`, which are closed at the end."""
    with contextlib.ExitStack() as stack:

        def open_one(root, uri=None, experiment="small"):
            return stack.enter_context(contextlib.closing(open_store(uri, experiment, root)))

        yield open_one


def test_address_is_argument_then_environment_then_default(tmp_path, monkeypatch):
    assert tracking_uri(None, tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert tracking_uri(None, tmp_path) == "http://127.0.0.1:5000"
    assert tracking_uri("postgresql+psycopg://h/d", tmp_path) == "postgresql+psycopg://h/d"
    monkeypatch.chdir(tmp_path)
    assert tracking_uri("sqlite:///own/x.db", tmp_path) == f"sqlite:///{tmp_path}/own/x.db"


def test_postgresql_gets_its_driver(tmp_path):
    for said in ("postgres://h/d", "postgresql://h/d", "postgresql+psycopg://h/d"):
        assert tracking_uri(said, tmp_path) == "postgresql+psycopg://h/d"
    assert tracking_uri("postgresql+psycopg2://h/d", tmp_path) == "postgresql+psycopg2://h/d"


@pytest.mark.parametrize(
    ("said", "location", "server"),
    [
        ("/mnt/a team", "file:///mnt/a%20team/small", None),
        ("file:///mnt/team", "file:///mnt/team/small", None),
        ("mlflow-artifacts://host:5000/", "mlflow-artifacts:/small", "http://host:5000"),
        ("mlflow-artifacts://host/a/b", "mlflow-artifacts:/a/b/small", "http://host"),
        ("https://host/mlflow/", "mlflow-artifacts:/small", "https://host/mlflow"),
        ("s3://bucket/folder/", "s3://bucket/folder/small", None),
    ],
)
def test_where_artifacts_go(said, location, server):
    assert place(said, "small") == (location, server)


def test_what_is_no_place_for_artifacts():
    for said in ("nowhere:x", "s3://"):
        with pytest.raises(UsageError, match=r"is no place for artifacts: a folder, mlflow-"):
            place(said, "small")


def test_passwords_are_masked():
    for uri in (
        *("postgresql://ann:geheim@h/d", "postgresql://h/d?user=ann&password=geheim&sslmode=x"),
        *("tracking.uri=https://ann:ge@heim@h/d", "postgresql://h/d?sslPassword=geheim"),
    ):
        assert "heim" not in masked(uri)


def test_an_experiment_stays_where_its_artifacts_are(mlflow_root, opened, make_cell, tmp_path):
    """A folder that the user names; without one it is found, another one is refused."""
    named = contextlib.closing(open_store(None, "small", mlflow_root, str(tmp_path / "own")))
    with named as store:
        store.record(make_cell("a"))
    [(runs, _)] = opened(mlflow_root).tables([A])
    assert tmp_path / "own" / "small" in runs.parents
    with contextlib.closing(open_store(None, "small", mlflow_root, "elsewhere")) as store:
        with pytest.raises(UsageError, match=r"keeps its artifacts in .*leave tracking.artifacts"):
            store.finished([A])


@pytest.mark.parametrize("name", ["plain.db", "a b.db", "50%25.db", "what?.db", "#1.db"])
def test_paths_survive_as_addresses(tmp_path, name):
    assert sqlite_path(sqlite_uri(tmp_path / name)) == tmp_path / name
    assert sqlite_path("http://host") is None


def test_asking_makes_nothing_and_imports_nothing_heavy(mlflow_root, opened, make_cell, tmp_path):
    store = opened(tmp_path / "none")
    assert isinstance(store, BulkStore)
    assert (store.finished([A]), store.experiment_id) == (set(), None)
    assert not (tmp_path / "none").exists()
    opened(mlflow_root).record(make_cell("a"))
    assert python(LIGHT, mlflow_root).stdout.splitlines() == [str([A]), "[]"]


def test_a_store_elsewhere_has_its_artifacts_beside_it(tmp_path, migrated, opened, make_cell):
    folder = tmp_path / "my # folder"
    folder.mkdir()
    shutil.copy(migrated, folder / "x.db")
    store = opened(tmp_path / "root", sqlite_uri(folder / "x.db"), "sub/small")
    store.record(make_cell("a"))
    [(runs, _)] = store.tables([A])
    assert folder / "mlartifacts" / "sub" / "small" in runs.parents
    client = store_client.connect(sqlite_uri(folder / "x.db"))
    [parent] = client.search_runs([store.experiment_id], "tags.role = 'cell'")
    fetched = client.download_artifacts(parent.info.run_id, "runs.parquet", str(tmp_path))
    assert Path(fetched).read_bytes() == runs.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [folder.name, "runs.parquet"]


def test_database_is_made_whole_or_not_at_all(tmp_path, quickly, opened, monkeypatch):
    path = tmp_path / "new" / "mlflow.db"
    path.parent.mkdir()
    path.touch()  # an empty file is no store yet
    store = opened(tmp_path, sqlite_uri(path))
    assert store.finished([A]) == set()

    def interrupted(self, uri):
        sqlite_path(uri).write_bytes(b"half a database")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Database, "_migrate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.prepare()
    assert list(path.parent.iterdir()) == [path] and not path.read_bytes()
    store.prepare()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()
    assert sorted(p.name for p in path.parent.iterdir()) == ["mlartifacts", "mlflow.db"]


@pytest.mark.parametrize("finished", [True, False])
def test_what_a_kill_left_beside_a_store_goes(tmp_path, migrated, quickly, opened, finished):
    """But not what another study is making, which has the folder locked."""
    leftover = tmp_path / "mlflow.db.new-x"
    leftover.mkdir()
    (leftover / "mlflow.db").touch()
    if finished:
        shutil.copy(migrated, tmp_path / "mlflow.db")
        with _locked(tmp_path, wait=True) as alone:
            assert alone
            opened(tmp_path).prepare()
            assert leftover.exists()
    opened(tmp_path).prepare()
    assert not list(tmp_path.glob("mlflow.db.*"))


def test_the_first_of_two_makers_wins(tmp_path, migrated, opened, monkeypatch, make_cell):
    def overtaken(self, uri):
        shutil.copy(migrated, sqlite_path(uri))
        shutil.copy(migrated, tmp_path / "mlflow.db")
        opened(tmp_path).record(make_cell("a"))

    monkeypatch.setattr(Database, "_migrate", overtaken)
    store = opened(tmp_path)
    store.prepare()
    assert store.finished([A]) == {A}


def test_two_processes_share_an_experiment(mlflow_root, opened, monkeypatch, make_cell):
    store, other = (opened(mlflow_root) for _ in range(2))
    make = store._make_experiment

    def late():
        other.prepare()
        make()

    monkeypatch.setattr(store, "_make_experiment", late)
    store.prepare()
    assert store.experiment_id == other.experiment_id == "1"
    other.record(make_cell("a"))
    [(runs, _)] = other.tables([A])
    written = runs.stat().st_mtime_ns
    store.record(make_cell("a"))  # has not seen it before the transaction
    assert runs.stat().st_mtime_ns == written


def test_what_is_no_store(tmp_path):
    """Beside the damaged files and other schemas of the fault tests."""
    with contextlib.closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        connection.execute("CREATE TABLE recipes (name)")
    (tmp_path / "folder").mkdir()
    for name, line in (
        ("mlflow.db", "a database, but not a whole one of MLflow's$"),
        ("folder", "cannot use the store .*: unable to open database file"),
        ("mlflow.db/mlflow.db", "mlflow.db/mlflow.db: Not a directory$"),
    ):
        with pytest.raises(UsageError, match=line):
            open_store(sqlite_uri(tmp_path / name), "small", tmp_path)


def test_a_store_or_folder_that_cannot_be_written_is_one_line(mlflow_root, opened, monkeypatch):
    monkeypatch.setattr("study.ablation.store.database.PATIENCE", 0.05)
    other = sqlite3.connect(mlflow_root / "mlflow.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store = opened(mlflow_root)
    line = r"mlflow.db: database is locked; another program has held it for 60 s$"
    with pytest.raises(UsageError, match=line):
        store.prepare()
    other.execute("ROLLBACK")
    other.close()
    (mlflow_root / "mlartifacts").touch()
    with pytest.raises(UsageError, match=r"cannot make .*mlartifacts/small: Not a directory$"):
        store.prepare()
    (mlflow_root / "mlartifacts").unlink()
    store.prepare()


def test_the_client_takes_over_at_a_schema_unknown_to_the_bulk_writer(
    mlflow_root, opened, make_cell, monkeypatch
):
    """Its newest schema is that of the installed MLflow."""
    assert Database(sqlite_uri(mlflow_root / "mlflow.db")).revision() == BulkStore.REVISIONS[-1]
    with monkeypatch.context() as patch:
        patch.setattr(BulkStore, "REVISIONS", ("of the past",))
        store = opened(mlflow_root)
    assert isinstance(store, ClientStore)
    store.record(make_cell("a"))
    store = opened(mlflow_root)
    assert isinstance(store, BulkStore)
    assert store.finished([A]) == {A}


def test_artifacts_kept_by_a_server_need_it(mlflow_root, opened):
    client = store_client.connect(sqlite_uri(mlflow_root / "mlflow.db"))
    client.create_experiment("small", "mlflow-artifacts:/1")
    with pytest.raises(UsageError, match=r"address as tracking\.artifacts, or as tracking\.uri"):
        opened(mlflow_root).prepare()
