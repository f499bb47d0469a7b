"""How the bulk writer's statements end in SQLite."""

from contextlib import closing
from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from study.ablation.store import rows, tracking_uri
from study.ablation.store.bulk import BulkStore
from study.ablation.store.database import Database
from study.ablation.store.layout import lay_out

A, B, C = (digit * 40 for digit in "abc")


def test_a_row_that_cannot_be_written_undoes_its_cell_alone(mlflow_root, make_cell):
    """In SQLite, where a cell's statements can't be undone one by one."""
    uri = tracking_uri(None, mlflow_root)
    given = "small", (mlflow_root / "mlartifacts/small").as_uri(), mlflow_root
    with closing(BulkStore(Database(uri), *given)) as store:
        store.record(make_cell("b", "exact"))
        cell = make_cell("a")
        layout = lay_out(cell, store.place())
        taken = rows.run_id(layout.prefix, "tune/0.1/0")
        with closing(Database(uri)) as database, database.writing("small") as connection:
            values = f"('{taken}', 'seed', '7')"  # a row of no run
            connection.exec_driver_sql(
                f"INSERT INTO params (run_uuid, key, value) VALUES {values}"
            )
        with pytest.raises(IntegrityError):
            store.record(replace(cell, layout=layout))
        store.record(make_cell("c", "exact"))
    with closing(BulkStore(Database(uri), *given)) as store:
        assert store.finished([A, B, C]) == {B, C}
    with closing(Database(uri)) as database:
        runs = database.read(
            "SELECT count(*) FROM runs WHERE run_uuid LIKE :p", p=f"{layout.prefix}%"
        )
        assert runs == [(0,)]
