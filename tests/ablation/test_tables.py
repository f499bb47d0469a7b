"""One schema for training, stores and publishing."""

import pyarrow as pa
import pytest

from study.ablation.store.tables import (
    CURVES,
    FINALS,
    RUNS,
    concatenate,
    curves_table,
    identify,
    is_variant_parameter,
    runs_table,
)


def test_every_column_has_a_type_and_a_meaning():
    for column in (*RUNS.values(), *CURVES.values()):
        assert pa.type_for_alias(column.type) is not None
        assert column.meaning and column.kind in ("identity", "param", "metric", "tag")
    assert {name for name, c in RUNS.items() if c.kind == "metric" and c.indexed} == set(FINALS)
    curves = [name for name, column in CURVES.items() if column.kind == "metric"]
    assert set(curves) - {"objective"} <= set(RUNS)  # every probe has its last value


def test_parameters_of_variants_are_known_by_their_prefix():
    for name in ("gradient.minimum", "initialisation.radius", "dataset.noise"):
        assert is_variant_parameter(name)
    for name in ("gradient", "gradient.", ".minimum", "objective.scale", "time.train"):
        assert not is_variant_parameter(name)


def test_columns_come_out_in_order_and_type(make_cell):
    runs = make_cell("a", **{"gradient.minimum": 1, "activation.slope": 0.5}).runs
    names = runs.column_names
    assert names[0] == "replica"
    assert names[names.index("dtype") + 1 :][:3] == [
        *("activation.slope", "gradient.minimum", "initial_objective"),
    ]
    assert runs.schema.field("gradient.minimum").type == pa.float64()  # 1 and 0.5 are one column
    assert runs.schema.field("diverged_at").type == pa.float64()
    assert runs.schema.field("failed").type == pa.bool_()
    assert runs["saturated"].null_count == 3  # a metric nobody gave
    again = runs_table(runs.to_pydict())
    assert (again.schema, str(again.to_pydict())) == (runs.schema, str(runs.to_pydict()))


def test_unknown_and_missing_columns_are_named(make_cell):
    columns = make_cell("a").runs.to_pydict()
    for strange in ("objective.scale", "run_id"):
        with pytest.raises(ValueError, match=rf"unknown: \['{strange}'\], missing: \[\]"):
            runs_table(columns | {strange: [1, 2, 3]})
    for name in ("seed", "updates", "outcome"):
        rest = {key: value for key, value in columns.items() if key != name}
        with pytest.raises(ValueError, match=rf"unknown: \[\], missing: \['{name}'\]"):
            runs_table(rest)
    with pytest.raises(ValueError, match=r"missing: \['update'\]"):
        curves_table({"replica": ["a"], "objective": [1.0]})


def test_a_parameter_without_any_value_is_no_column(make_cell):
    columns = make_cell("a").runs.to_pydict() | {"gradient.minimum": [None, None, None]}
    assert "gradient.minimum" not in runs_table(columns).column_names


def test_tables_of_cells_are_stacked(make_cell):
    cells = [
        make_cell("a", **{"gradient.minimum": 0.1}),
        make_cell("b", "exact"),
        make_cell("c", **{"gradient.minimum": "low", "gradient.absolute": True}),
    ]
    ids = {"tune/0.1/0": "1", "evaluate/0.1/3": "2", "evaluate/100/3": "3"}
    texts = {"experiment": "e", "parent_run_id": "p"}
    parts = [identify(c.runs, RUNS, ids, cell=c.cell, **texts) for c in cells]
    numbers = concatenate(parts[:2], RUNS)
    assert numbers.column_names[:5] == ["experiment", "cell", "run_id", "parent_run_id", "dataset"]
    assert numbers["run_id"].to_pylist() == ["1", "2", "3"] * 2
    assert numbers["gradient.minimum"].to_pylist() == [0.1] * 3 + [None] * 3
    words = concatenate(parts, RUNS)
    assert words["gradient.minimum"].to_pylist() == ["0.1"] * 3 + [None] * 3 + ["low"] * 3
    assert words["gradient.absolute"].to_pylist() == [None] * 6 + [True] * 3
    assert words["cell"].to_pylist() == [c.cell for c in cells for _ in range(3)]
