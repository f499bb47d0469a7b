"""Both writers keep one contract, seen through MLflow's own client."""

import contextlib
import json
import math
import pickle
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from mlflow.data import get_source

from study.ablation.store import bulk as bulk_store
from study.ablation.store import client as store_client
from study.ablation.store import tracking_uri
from study.ablation.store.bulk import BulkStore
from study.ablation.store.client import ClientStore
from study.ablation.store.database import Database
from study.ablation.store.layout import lay_out
from study.errors import UsageError

A, B, C = (digit * 40 for digit in "abc")
WRITERS = ("bulk", "client")
KEPT = "mlflow.log-model.history"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.long_faults)])
def opened(request, mlflow_root, monkeypatch):
    """Open the default store with one writer or the other; all are closed at the end."""
    if request.param == "postgres":
        monkeypatch.setenv("MLFLOW_TRACKING_URI", request.getfixturevalue("postgres").new())
    uri = tracking_uri(None, mlflow_root)
    with contextlib.ExitStack() as stack:

        def open_one(writer: str, experiment: str = "small"):
            given = experiment, (mlflow_root / "mlartifacts" / experiment).as_uri(), mlflow_root
            bulk = writer == "bulk"
            store = BulkStore(Database(uri), *given) if bulk else ClientStore(uri, *given)
            return stack.enter_context(closing(store))

        yield open_one


@pytest.fixture(params=WRITERS)
def again(request, opened):
    """Open a store of one of the writers, as often as it is called."""
    return lambda experiment="small": opened(request.param, experiment)


def client_of(root: Path):
    """MLflow's public client on the default store."""
    return store_client.connect(tracking_uri(None, root))


def all_runs(root: Path, experiment: str = "small", view: int = 1) -> list:
    """The runs of an experiment; `view` 1 is the active ones, 3 all."""
    client = client_of(root)
    found = client.get_experiment_by_name(experiment)
    return list(client.search_runs([found.experiment_id], run_view_type=view, max_results=1000))


def ids(root: Path, experiment: str = "small") -> set[str]:
    return {run.info.run_id for run in all_runs(root, experiment, 3)}


def seen(root: Path, experiment: str = "small") -> list:
    """Everything the client says of active runs, ids replaced by names."""
    client, runs = client_of(root), all_runs(root, experiment)
    names = {run.info.run_id: run.info.run_name for run in runs}
    result = []
    for run in runs:
        info, data, own = run.info, run.data, run.info.run_id
        tags = dict(data.tags)
        if parent := tags.pop("mlflow.parentRunId", None):
            tags["parent"] = names[parent]
        history = {
            name: [(m.step, m.value, m.timestamp) for m in client.get_metric_history(own, name)]
            for name in data.metrics
        }
        files = [(a.path, a.is_dir) for a in client.list_artifacts(info.run_id)]
        place = info.artifact_uri.replace(info.run_id, "ID").replace(f"/{experiment}/", "/NAME/")
        said = (info.run_name, info.status, info.lifecycle_stage, info.start_time, info.end_time)
        inputs = [
            (*vars(i.dataset).values(), *((tag.key, tag.value) for tag in i.tags))
            for i in run.inputs.dataset_inputs
        ]
        rest = (info.user_id, place, data.params, data.metrics, tags, history, files, inputs)
        result.append((*said, *rest))
    return sorted(result, key=str)


def test_client_reads_back_what_the_design_lists(again, mlflow_root, make_cell):
    store = again()
    store.record(make_cell("a", **{"gradient.minimum": 0.1}))
    runs = all_runs(mlflow_root)
    [parent] = [run for run in runs if run.data.tags["role"] == "cell"]
    assert parent.info.run_name == "digits · tanh · floor · all · sgd"
    assert (parent.info.start_time, parent.info.end_time) == (1000000, 1001500)
    assert parent.data.params == {
        **{"dataset": "digits", "objective": "squared_error", "hidden": "32-32", "gain": "1"},
        **{"initialisation": "glorot", "activation": "tanh", "gradient": "floor"},
        **{"gradient.minimum": "0.1", "location": "all", "consistent": "false"},
        **{"optimizer": "sgd", "updates": "144", "batch_size": "full", "dtype": "float32"},
    }
    assert parent.data.metrics == {"score": -0.75, "time.train": 2.5}  # not the infinite one
    assert parent.data.tags["cell"] == A
    assert "mlflow.parentRunId" not in parent.data.tags
    assert {run.info.status for run in runs} == {"FINISHED"}
    [used] = parent.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("digits", "d1" * 18)
    assert [(tag.key, tag.value) for tag in used.tags] == [("mlflow.data.context", "training")]
    source = get_source(used.dataset)
    assert source.to_dict()["tags"]["source"] == "scikit-learn"

    children = {run.info.run_name: run for run in runs if run.data.tags["role"] == "training"}
    solved, lost = "evaluate · rate 0.1 · seed 3", "evaluate · rate 100 · seed 3"
    assert sorted(children) == [solved, lost, "tune · rate 0.1 · seed 0"]
    child = children[solved]
    own = {"learning_rate": "0.1", "seed": "3", "stage": "evaluate"}
    assert child.data.params == parent.data.params | own
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert child.data.tags["mlflow.user"] == child.info.user_id != ""
    source = {"mlflow.source.name": "study", "mlflow.source.type": "LOCAL"}
    assert source.items() <= parent.data.tags.items()
    tags = {"cell": A, "outcome": "solved", "diverged_by": ""}
    assert tags.items() <= child.data.tags.items() and not source.keys() & child.data.tags.keys()
    assert child.data.metrics == {
        **{"final_objective": 0.125, "initial_objective": 1.5, "test_score": 0.875},
        **{"updates_to_target": 100.5, "score": -1.0},
        **{"objective": 1.5 / 145, "descent_cosine": 0.5},
    }
    history = client_of(mlflow_root).get_metric_history(child.info.run_id, "objective")
    assert [m.step for m in history] == [0, 1, 3, 8, 13, 34, 89, 144]
    history = client_of(mlflow_root).get_metric_history(child.info.run_id, "descent_cosine")
    assert len(history) == 4 and (history[0].step, history[-1].step) == (0, 144)

    diverged = children[lost].data
    assert diverged.tags["diverged_by"] == "nonfinite"
    assert diverged.metrics == {
        **{"initial_objective": 1.5, "diverged_at": 13.0, "score": 0.0},
        **{"objective": 6.5, "descent_cosine": 0.5},  # the last finite ones, at update 5
    }
    assert all(math.isfinite(m) for run in runs for m in run.data.metrics.values())

    rows, curves = (pq.read_table(path).to_pylist() for path in store.tables([A])[0])
    params = {run.info.run_id: run.data.params for run in runs}
    named = {"experiment": "small", "cell": A, "parent_run_id": parent.info.run_id}
    for row in rows:
        assert named.items() <= row.items()
        own = {"stage": row["stage"], "seed": str(row["seed"])}
        own["learning_rate"] = f"{row['learning_rate']:g}"
        assert own.items() <= params[row["run_id"]].items()
    assert [row["final_objective"] for row in rows] == [0.25, 0.125, math.inf]
    assert len(curves) == 36  # whole curves, where MLflow has 8 points


def test_the_writer_never_opens_the_tables_of_a_cell_that_is_laid_out(opened, make_cell, tmp_path):
    """From a worker it gets rows and files; the tables stay packed, and are whole if asked for."""
    store, cell = opened("bulk"), make_cell("a")
    sent = pickle.dumps(replace(cell, layout=lay_out(cell, store.place())))
    received = pickle.loads(sent)
    store.record(received)
    assert vars(received.tables)["_both"] is None
    for name in ("runs", "curves"):
        assert str(getattr(received, name).to_pydict()) == str(getattr(cell, name).to_pydict())
    runs, _, count = store.export([A], tmp_path)
    assert count == 3 and pq.read_table(runs)["seed"].to_pylist() == [0, 3, 3]


def test_a_network_is_kept_with_its_cell(again, mlflow_root, make_cell, tmp_path):
    """MLflow fetches its files and names it; a cell without one is as it was."""
    files = {"model/weights.npz": bytes(range(256)), "model/MLmodel": b"{}"}
    store, client = again(), client_of(mlflow_root)
    for cell in (replace(make_cell("a"), model=files), make_cell("b")):
        store.record(cell)
    assert again().finished([A, B]) == {A, B}
    parents = {
        r.data.tags["cell"]: r for r in all_runs(mlflow_root) if r.data.tags["role"] == "cell"
    }
    fetched = Path(client.download_artifacts(parents[A].info.run_id, "model", str(tmp_path)))
    assert {f"model/{path.name}": path.read_bytes() for path in fetched.iterdir()} == files
    ((model,), none) = (json.loads(parents[c].data.tags.get(KEPT, "[]")) for c in (A, B))
    assert model["artifact_path"] == "model" and none == []
    assert not client.list_artifacts(parents[B].info.run_id, "model")


HIDDEN = {
    "runs": "r.name, source_type, source_name, entry_point_name, source_version, status",
    "metrics": 'r.name, "key", value, timestamp, step, is_nan',
    "latest_metrics": 'r.name, "key", value, timestamp, step, is_nan',
}


def test_both_writers_leave_the_same(mlflow_root, opened, make_cell):
    """To the client, in the tables, and in the columns that the client does not show."""
    views, tables = [], []
    for writer in WRITERS:
        store = opened(writer, writer)
        store.record(make_cell("a", **{"gradient.minimum": 0.1}))
        store.record(make_cell("b", "exact"))
        *paths, count = store.export([B, A], mlflow_root / writer)
        assert count == 6
        views.append(seen(mlflow_root, writer))
        tables.append([pq.read_table(path) for path in paths])
    assert views[0] == views[1]
    for bulk, client in zip(*tables, strict=True):
        own = {"experiment", "run_id", "parent_run_id"}.intersection(bulk.column_names)
        assert bulk.schema == client.schema
        assert str(bulk.drop_columns(own).to_pydict()) == str(client.drop_columns(own).to_pydict())
    with closing(Database(tracking_uri(None, mlflow_root))) as database:
        for table, hidden in HIDDEN.items():
            of = "runs AS r JOIN experiments AS e USING (experiment_id)"
            of += "" if table == "runs" else f" JOIN {table} USING (run_uuid)"
            sql = f"SELECT {hidden} FROM {of} WHERE e.name = :w"
            one, other = (sorted(database.read(sql, w=w), key=str) for w in WRITERS)
            assert len(one) > 3 and one == other


@pytest.mark.parametrize("victims", ["parent", "family", "child", "tables"])
def test_what_the_user_deleted_is_recorded_again(again, mlflow_root, make_cell, victims):
    """By the bulk writer with the ids that it had."""
    store = again()
    store.record(make_cell("a"))
    store.record(make_cell("b", "exact"))
    before, names = seen(mlflow_root), ids(mlflow_root)
    family = [run for run in all_runs(mlflow_root) if run.data.tags["cell"] == A]
    parent, *children = sorted(family, key=lambda run: run.data.tags["role"])
    chosen = {"parent": [parent], "family": family, "child": children[:1], "tables": []}
    for run in chosen[victims]:
        client_of(mlflow_root).delete_run(run.info.run_id)
    if victims == "tables":
        [(path, _)] = store.tables([A])
        path.unlink()

    store = again()
    assert store.finished([A, B]) == {B}
    assert store.damaged == (victims == "tables")
    with pytest.raises(UsageError, match="not finished: aaa"):
        store.export([A], mlflow_root / "out")
    store.record(make_cell("a"))
    assert store.finished([A, B]) == again().finished([A, B]) == {A, B}
    assert seen(mlflow_root) == before
    assert ids(mlflow_root) == names or isinstance(store, ClientStore)


def test_interrupted_before_the_commit_nothing_is_visible(
    mlflow_root, opened, make_cell, monkeypatch
):
    store = opened("bulk")
    copy = bulk_store._copy

    def interrupted(connection, table, *given):
        copy(connection, table, *given)
        if table == "latest_metrics":  # the last of them
            raise KeyboardInterrupt

    monkeypatch.setattr(bulk_store, "_copy", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.record(make_cell("a"))
    assert list((mlflow_root / "mlartifacts").rglob("runs.parquet"))  # written, and harmless
    assert ids(mlflow_root) == store.finished([A]) == set()
    monkeypatch.undo()
    store.record(make_cell("a"))
    assert store.finished([A]) == {A}


@pytest.mark.parametrize("after", [0, 2, 3])
def test_client_deletes_what_was_left_unfinished(
    mlflow_root, opened, make_cell, monkeypatch, after
):
    store = opened("client")
    end, calls = store._end, []

    def interrupted(*arguments):
        if len(calls) == after:
            raise KeyboardInterrupt
        calls.append(end(*arguments))

    monkeypatch.setattr(store, "_end", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.record(make_cell("a"))
    other = opened("client")
    assert other.finished([A]) == set()
    other.prepare()
    assert all_runs(mlflow_root) == []
    other.record(make_cell("a"))
    assert len(all_runs(mlflow_root)) == 4


def test_two_experiments_in_one_store(again, mlflow_root, make_cell):
    """Recording twice changes nothing."""
    store, same, other = again(), again(), again("other")
    store.record(make_cell("a"))
    before = seen(mlflow_root), ids(mlflow_root)
    assert (same.finished([A, B]), other.finished([A])) == ({A}, set())
    for digit, one in (("a", store), ("a", same), ("a", other), ("b", other)):
        one.record(make_cell(digit))
    assert store.finished([A, B]) == {A}
    assert before == (seen(mlflow_root), ids(mlflow_root))
    own, others = ids(mlflow_root), ids(mlflow_root, "other")
    assert (len(own), len(others)) == (4, 8) and not own & others
    assert store.experiment_id != other.experiment_id


def test_each_writer_knows_the_other_ones_cells(mlflow_root, opened, make_cell):
    client, bulk = opened("client"), opened("bulk")
    client.record(make_cell("a"))
    assert bulk.finished([A]) == {A}
    bulk.record(make_cell("a"))
    bulk.record(make_cell("b"))
    assert client.finished([A, B]) == {A, B}
    assert len(ids(mlflow_root)) == 8
    [(path, _)] = bulk.tables([A])
    path.unlink()
    bulk.record(make_cell("a"))  # takes the place of the client's runs
    assert len(ids(mlflow_root)) == 8


def test_ids_held_by_a_renamed_experiment_are_left_alone(mlflow_root, opened, make_cell):
    store = opened("bulk")
    store.record(make_cell("a"))
    client_of(mlflow_root).rename_experiment(store.experiment_id, "kept")
    kept = seen(mlflow_root, "kept")
    for store in (opened("bulk"), opened("bulk")):
        store.record(make_cell("a"))
        assert store.finished([A]) == {A}
    assert seen(mlflow_root, "kept") == kept
    assert len(all_runs(mlflow_root)) == 4


def test_the_record_of_the_study_is_no_run(again, mlflow_root):
    store = again()
    store.describe({"machine": "2 cores", "gone": "x"}, {"study-1.json": "{}"})
    store.describe({"machine": "4 cores"}, {"study-1.json": '{"a": 2}', "study-0.json": "[]"})
    found = client_of(mlflow_root).get_experiment_by_name("small")
    assert found.tags == {"machine": "4 cores", "gone": "x"}
    assert store.descriptions() == again().descriptions() == ["[]", '{"a": 2}']
    assert (mlflow_root / "mlartifacts/small/study/study-0.json").read_text() == "[]"
    assert ids(mlflow_root) == store.finished([A]) == set()


def test_a_deleted_experiment_is_one_clear_line(again, mlflow_root):
    store = again()
    store.prepare()
    client_of(mlflow_root).delete_experiment(store.experiment_id)
    for use in (lambda: again().finished([]), again().prepare):
        with pytest.raises(UsageError, match=r"was deleted in MLflow.*restore --experiment-id 1"):
            use()


def test_a_name_longer_than_mlflows_tables_hold_is_cut(again, mlflow_root, make_cell):
    again().record(make_cell("a", "long" * 100))
    [parent] = [run for run in all_runs(mlflow_root) if run.data.tags["role"] == "cell"]
    assert len(parent.info.run_name) == 250
    assert parent.data.params["gradient"] == "long" * 100


def test_export_takes_these_cells_in_this_order(again, mlflow_root, make_cell):
    store = again()
    store.record(make_cell("a", **{"gradient.minimum": 0.1}))
    store.record(make_cell("b", "exact"))
    own = {"gradient.minimum": "low", "gradient.absolute": True, "activation.slope": 0.5}
    store.record(make_cell("c", "own", **own))
    folder = mlflow_root / "data" / "results"
    runs, curves, count = store.export([B, A], folder)
    assert (runs, curves, count) == (folder / "runs.parquet", folder / "curves.parquet", 6)
    table = pq.read_table(runs)
    assert table["cell"].to_pylist() == [B] * 3 + [A] * 3
    assert table["gradient.minimum"].to_pylist() == [None] * 3 + [0.1] * 3
    assert pq.read_table(curves)["run_id"].unique().to_pylist() == table["run_id"].to_pylist()
    assert "replica" not in table.column_names

    runs, _, count = store.export([C, A], folder)  # over what was there
    table = pq.read_table(runs)
    assert table["gradient.minimum"].to_pylist() == ["low"] * 3 + ["0.1"] * 3
    assert table["activation.slope"].to_pylist() == [0.5] * 3 + [None] * 3
    assert table["gradient.absolute"].to_pylist() == [True] * 3 + [None] * 3
    assert table.column_names[:4] == ["experiment", "cell", "run_id", "parent_run_id"]
    assert sorted(path.name for path in folder.iterdir()) == ["curves.parquet", "runs.parquet"]
