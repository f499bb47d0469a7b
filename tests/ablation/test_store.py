"""Both writers keep one contract, seen through MLflow's own client."""

import math
import shutil
import sqlite3
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from study.ablation.store import client as store_client
from study.ablation.store import sqlite_uri
from study.ablation.store.bulk import BulkStore
from study.ablation.store.client import ClientStore
from study.ablation.store.database import Database
from study.errors import UsageError

WRITERS = ("bulk", "client")


def open_with(writer: str, root: Path, experiment: str = "small"):
    """Open the default store of `root` with one writer or the other."""
    uri = sqlite_uri(root / "mlflow.db")
    location = (root / "mlartifacts" / experiment).as_uri()
    if writer == "bulk":
        return BulkStore(Database(uri), experiment, location, root)
    return ClientStore(uri, experiment, location, root)


@pytest.fixture(params=WRITERS)
def store(request, mlflow_root):
    """An open store of one of the writers, which can open itself again."""
    opened = []

    def again(experiment: str = "small"):
        opened.append(open_with(request.param, mlflow_root, experiment))
        return opened[-1]

    store = again()
    store.again = again
    yield store
    for one in opened:
        one.close()


def client_of(root: Path):
    """MLflow's public client on the default store."""
    return store_client.connect(sqlite_uri(root / "mlflow.db"))


def all_runs(root: Path, experiment: str = "small", view: int = 1) -> list:
    """The runs of an experiment; `view` 1 is the active ones, 3 all."""
    client = client_of(root)
    found = client.get_experiment_by_name(experiment)
    return list(client.search_runs([found.experiment_id], run_view_type=view, max_results=1000))


def seen(root: Path, experiment: str = "small") -> list:
    """Everything the client says of active runs, ids replaced by names."""
    client = client_of(root)
    runs = all_runs(root, experiment)
    names = {run.info.run_id: run.info.run_name for run in runs}
    result = []
    for run in runs:
        info, data = run.info, run.data
        tags = dict(data.tags)
        if parent := tags.pop("mlflow.parentRunId", None):
            tags["parent"] = names[parent]
        history = {
            name: [
                (m.step, m.value, m.timestamp)
                for m in client.get_metric_history(info.run_id, name)
            ]
            for name in data.metrics
        }
        artifacts = [(a.path, a.is_dir) for a in client.list_artifacts(info.run_id)]
        place = info.artifact_uri.replace(info.run_id, "ID").replace(root.as_uri(), "ROOT")
        result.append(
            (
                info.run_name,
                info.status,
                info.lifecycle_stage,
                info.start_time,
                info.end_time,
                info.user_id,
                place,
                data.params,
                data.metrics,
                tags,
                history,
                artifacts,
            )
        )
    return sorted(result, key=str)


def test_client_reads_back_what_the_design_lists(store, mlflow_root, make_cell):
    cell = make_cell("a", **{"gradient.minimum": 0.1})
    store.record(cell)
    runs = all_runs(mlflow_root)
    [parent] = [run for run in runs if run.data.tags["role"] == "cell"]
    assert parent.info.run_name == "digits · tanh · floor · all · sgd"
    assert parent.info.status == "FINISHED"
    assert (parent.info.start_time, parent.info.end_time) == (1000000, 1001500)
    assert parent.data.params == cell.params
    assert parent.data.params["gradient.minimum"] == "0.1"
    assert parent.data.metrics == {"score": -0.75, "time.train": 2.5}  # not the infinite one
    assert parent.data.tags["cell"] == "a" * 40
    assert "mlflow.parentRunId" not in parent.data.tags

    children = {run.info.run_name: run for run in runs if run.data.tags["role"] == "training"}
    assert sorted(children) == [
        "evaluate · rate 0.1 · seed 3",
        "evaluate · rate 100 · seed 3",
        "tune · rate 0.1 · seed 0",
    ]
    child = children["evaluate · rate 0.1 · seed 3"]
    assert child.info.status == "FINISHED"
    assert child.data.params == cell.params | {
        "learning_rate": "0.1",
        "seed": "3",
        "stage": "evaluate",
    }
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert child.data.tags["mlflow.source.name"] == "study"
    assert child.data.tags["mlflow.source.type"] == "LOCAL"
    assert child.data.tags["mlflow.user"] == child.info.user_id != ""
    assert child.data.tags["outcome"] == "solved"
    assert child.data.tags["diverged_by"] == ""
    assert child.data.tags["cell"] == "a" * 40
    assert child.data.metrics == {
        "final_objective": 0.125,
        "initial_objective": 1.5,
        "test_score": 0.875,
        "updates_to_target": 100.5,
        "score": -1.0,
        "objective": 1.5 / 145,
        "descent_cosine": 0.5,
    }
    history = client_of(mlflow_root).get_metric_history(child.info.run_id, "objective")
    assert [m.step for m in history] == [0, 1, 3, 8, 13, 34, 89, 144]


def test_diverged_training_has_no_metric_that_is_not_finite(store, mlflow_root, make_cell):
    store.record(make_cell("a"))
    [run] = [r for r in all_runs(mlflow_root) if r.data.tags.get("outcome") == "diverged"]
    assert run.data.tags["diverged_by"] == "nonfinite"
    assert run.data.metrics == {
        "initial_objective": 1.5,
        "diverged_at": 13.0,
        "score": 0.0,
        "objective": 6.5,  # the last finite one, at update 5
        "descent_cosine": 0.5,
    }
    assert all(math.isfinite(m) for r in all_runs(mlflow_root) for m in r.data.metrics.values())


def test_both_writers_leave_the_same(mlflow_root, migrated, tmp_path, make_cell):
    views, tables = [], []
    for writer in WRITERS:
        root = tmp_path / writer
        root.mkdir()
        shutil.copy(migrated, root / "mlflow.db")
        store = open_with(writer, root)
        store.record(make_cell("a", **{"gradient.minimum": 0.1}))
        store.record(make_cell("b", "exact"))
        runs, curves, count = store.export(["b" * 40, "a" * 40], root / "out")
        store.close()
        assert count == 6
        views.append(seen(root))
        tables.append((pq.read_table(runs), pq.read_table(curves)))
    assert views[0] == views[1]
    for bulk, client in zip(*tables, strict=True):
        ids = [name for name in bulk.column_names if name.endswith("run_id")]
        assert bulk.schema == client.schema
        assert str(bulk.drop_columns(ids).to_pydict()) == str(client.drop_columns(ids).to_pydict())


def test_tables_name_the_runs(store, mlflow_root, make_cell):
    store.record(make_cell("a"))
    names = {run.info.run_id: run for run in all_runs(mlflow_root)}
    [(runs_path, curves_path)] = store.tables(["a" * 40])
    runs = pq.read_table(runs_path).to_pylist()
    for row in runs:
        run = names[row["run_id"]]
        assert run.data.tags["mlflow.parentRunId"] == row["parent_run_id"]
        assert run.data.params["stage"] == row["stage"]
        assert run.data.params["seed"] == str(row["seed"])
        assert float(run.data.params["learning_rate"]) == row["learning_rate"]
        assert (row["experiment"], row["cell"]) == ("small", "a" * 40)
    assert [row["final_objective"] for row in runs] == [0.25, 0.125, math.inf]
    curves = pq.read_table(curves_path)
    assert curves.num_rows == 36  # whole curves, where MLflow has 8 points
    assert curves["run_id"].unique().to_pylist() == [row["run_id"] for row in runs]


def test_recording_twice_changes_nothing(store, mlflow_root, make_cell):
    store.record(make_cell("a"))
    before = seen(mlflow_root), {run.info.run_id for run in all_runs(mlflow_root, view=3)}
    store.record(make_cell("a"))
    again = store.again()
    assert again.finished(["a" * 40, "b" * 40]) == {"a" * 40}
    again.record(make_cell("a"))
    assert before == (seen(mlflow_root), {r.info.run_id for r in all_runs(mlflow_root, view=3)})


@pytest.mark.parametrize("victims", ["parent", "family", "child", "tables"])
def test_what_the_user_deleted_is_recorded_again(store, mlflow_root, make_cell, victims):
    store.record(make_cell("a"))
    store.record(make_cell("b", "exact"))
    before = seen(mlflow_root)
    client = client_of(mlflow_root)
    family = [run for run in all_runs(mlflow_root) if run.data.tags["cell"] == "a" * 40]
    [parent] = [run for run in family if run.data.tags["role"] == "cell"]
    children = [run for run in family if run is not parent]
    chosen = {"parent": [parent], "family": family, "child": children[:1], "tables": []}
    for run in chosen[victims]:
        client.delete_run(run.info.run_id)
    if victims == "tables":
        [(path, _)] = store.tables(["a" * 40])
        path.unlink()

    again = store.again()
    assert again.finished(["a" * 40, "b" * 40]) == {"b" * 40}
    with pytest.raises(UsageError, match="not finished: aaa"):
        again.export(["a" * 40], mlflow_root / "out")
    again.record(make_cell("a"))
    assert again.finished(["a" * 40, "b" * 40]) == {"a" * 40, "b" * 40}
    assert store.again().finished(["a" * 40, "b" * 40]) == {"a" * 40, "b" * 40}
    assert seen(mlflow_root) == before


def test_bulk_writer_reuses_the_ids_of_what_was_deleted(mlflow_root, make_cell):
    store = open_with("bulk", mlflow_root)
    store.record(make_cell("a"))
    before = {run.info.run_id for run in all_runs(mlflow_root)}
    assert len({run[:20] for run in before}) == 1
    for run in before:
        client_of(mlflow_root).delete_run(run)
    store.close()
    store = open_with("bulk", mlflow_root)
    store.record(make_cell("a"))
    store.close()
    assert {run.info.run_id for run in all_runs(mlflow_root, view=3)} == before


def test_interrupted_before_the_commit_nothing_is_visible(mlflow_root, make_cell, monkeypatch):
    store = open_with("bulk", mlflow_root)
    store.prepare()
    insert = BulkStore._insert

    def interrupted(self, connection, cell, runs, parent_id=""):
        insert(self, connection, cell, runs, parent_id)
        if parent_id:
            raise KeyboardInterrupt

    monkeypatch.setattr(BulkStore, "_insert", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.record(make_cell("a"))
    assert list((mlflow_root / "mlartifacts").rglob("runs.parquet"))  # written, and harmless
    assert all_runs(mlflow_root, view=3) == []
    assert store.finished(["a" * 40]) == set()
    monkeypatch.undo()
    store.record(make_cell("a"))
    assert store.finished(["a" * 40]) == {"a" * 40}
    store.close()


@pytest.mark.parametrize("after", [0, 2, 3])
def test_client_deletes_what_was_left_unfinished(mlflow_root, make_cell, monkeypatch, after):
    store = open_with("client", mlflow_root)
    end, calls = ClientStore._end, []

    def interrupted(self, run, cell):
        if len(calls) == after:
            raise KeyboardInterrupt
        calls.append(run)
        end(self, run, cell)

    monkeypatch.setattr(ClientStore, "_end", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.record(make_cell("a"))
    monkeypatch.undo()
    again = open_with("client", mlflow_root)
    assert again.finished(["a" * 40]) == set()
    again.prepare()
    assert all_runs(mlflow_root) == []
    again.record(make_cell("a"))
    assert len(all_runs(mlflow_root)) == 4
    again.close()
    store.close()


def test_two_experiments_in_one_store(store, mlflow_root, make_cell):
    other = store.again("other")
    store.record(make_cell("a"))
    assert other.finished(["a" * 40]) == set()
    other.record(make_cell("a"))
    other.record(make_cell("b"))
    assert store.finished(["a" * 40, "b" * 40]) == {"a" * 40}
    assert seen(mlflow_root) != seen(mlflow_root, "other")
    ids = [{run.info.run_id for run in all_runs(mlflow_root, e)} for e in ("small", "other")]
    assert [len(i) for i in ids] == [4, 8] and not ids[0] & ids[1]
    assert store.experiment_id != other.experiment_id


def test_each_writer_knows_the_other_ones_cells(mlflow_root, make_cell):
    client, bulk = open_with("client", mlflow_root), open_with("bulk", mlflow_root)
    client.record(make_cell("a"))
    assert bulk.finished(["a" * 40]) == {"a" * 40}
    bulk.record(make_cell("a"))
    bulk.record(make_cell("b"))
    assert client.finished(["a" * 40, "b" * 40]) == {"a" * 40, "b" * 40}
    assert len(all_runs(mlflow_root, view=3)) == 8
    [(path, _)] = bulk.tables(["a" * 40])
    path.unlink()
    bulk.record(make_cell("a"))  # takes the place of the client's runs
    assert len(all_runs(mlflow_root, view=3)) == 8
    client.close()
    bulk.close()


def test_ids_held_by_a_renamed_experiment_are_left_alone(mlflow_root, make_cell):
    store = open_with("bulk", mlflow_root)
    store.record(make_cell("a"))
    client_of(mlflow_root).rename_experiment(store.experiment_id, "kept")
    store.close()
    kept = seen(mlflow_root, "kept")
    for _ in range(2):
        store = open_with("bulk", mlflow_root)
        store.record(make_cell("a"))
        assert store.finished(["a" * 40]) == {"a" * 40}
        store.close()
    assert seen(mlflow_root, "kept") == kept
    assert len(all_runs(mlflow_root)) == 4


def test_the_record_of_the_study_is_no_run(store, mlflow_root, make_cell):
    store.describe({"machine": "2 cores", "gone": "x"}, {"config.yaml": "a: 1\n"})
    store.describe({"machine": "4 cores"}, {"config.yaml": "a: 2\n"})
    found = client_of(mlflow_root).get_experiment_by_name("small")
    assert found.tags == {"machine": "4 cores", "gone": "x"}
    assert (mlflow_root / "mlartifacts/small/study/config.yaml").read_text() == "a: 2\n"
    assert all_runs(mlflow_root, view=3) == []
    assert store.finished(["a" * 40]) == set()


def test_a_deleted_experiment_is_one_clear_line(store, mlflow_root, make_cell):
    store.record(make_cell("a"))
    client_of(mlflow_root).delete_experiment(store.experiment_id)
    again = store.again()
    for use in (lambda: again.finished([]), again.prepare):
        with pytest.raises(UsageError, match=r"was deleted in MLflow.*restore --experiment-id 1"):
            use()


def test_export_takes_these_cells_in_this_order(store, mlflow_root, make_cell):
    store.record(make_cell("a", **{"gradient.minimum": 0.1}))
    store.record(make_cell("b", "exact"))
    store.record(make_cell("c", "own", **{"gradient.minimum": "low", "activation.slope": 0.5}))
    folder = mlflow_root / "data" / "results"
    runs, curves, count = store.export(["b" * 40, "a" * 40], folder)
    assert (runs, curves, count) == (folder / "runs.parquet", folder / "curves.parquet", 6)
    table = pq.read_table(runs)
    assert table["cell"].to_pylist() == ["b" * 40] * 3 + ["a" * 40] * 3
    assert table["gradient.minimum"].to_pylist() == [None] * 3 + [0.1] * 3
    assert pq.read_table(curves)["run_id"].unique().to_pylist() == table["run_id"].to_pylist()
    assert "replica" not in table.column_names

    runs, _, count = store.export(["c" * 40, "a" * 40], folder)  # over what was there
    table = pq.read_table(runs)
    assert table["gradient.minimum"].to_pylist() == ["low"] * 3 + ["0.1"] * 3
    assert table["activation.slope"].to_pylist() == [0.5] * 3 + [None] * 3
    assert sorted(path.name for path in folder.iterdir()) == ["curves.parquet", "runs.parquet"]


def test_bulk_rows_are_those_of_the_client(mlflow_root, make_cell):
    """Also in the columns that the client does not show."""
    for writer in WRITERS:
        store = open_with(writer, mlflow_root, writer)
        store.record(make_cell("a"))
        store.close()
    with sqlite3.connect(mlflow_root / "mlflow.db") as connection:
        for table, hidden in (
            ("runs", "name, source_type, source_name, entry_point_name, source_version, status"),
            ("metrics", 'run_name, "key", value, timestamp, step, is_nan'),
            ("latest_metrics", 'run_name, "key", value, timestamp, step, is_nan'),
        ):
            own = {"bulk": [], "client": []}
            sql = f"""
                SELECT e.name, {hidden.replace("run_name", "r.name")} FROM runs AS r
                JOIN experiments AS e USING (experiment_id)
                {f"JOIN {table} AS t USING (run_uuid)" if table != "runs" else ""}
            """
            sql = sql.replace("SELECT e.name, name", "SELECT e.name, r.name")
            for experiment, *row in connection.execute(sql):
                own[experiment].append(row)
            assert len(own["bulk"]) > 3
            assert sorted(own["bulk"], key=str) == sorted(own["client"], key=str)
    connection.close()
