"""One schema for whoever makes, keeps and reads the tables."""

import pyarrow as pa
import pytest

from study.ablation.store.tables import (
    CURVES,
    FINALS,
    RUNS,
    concatenate,
    conform,
    curves_table,
    identify,
    is_variant_parameter,
    runs_table,
)


def test_every_column_has_a_type_and_a_meaning():
    for column in (*RUNS.values(), *CURVES.values()):
        assert pa.type_for_alias(column.type) is not None
        assert column.meaning and column.kind in ("identity", "param", "metric", "tag")
    assert {RUNS[name].kind for name in FINALS} == {"metric"}
    assert {name for name, c in RUNS.items() if c.kind == "metric" and c.indexed} == set(FINALS)
    curves = [name for name, column in CURVES.items() if column.kind == "metric"]
    assert set(curves) - {"objective"} <= set(RUNS)  # every probe has its last value


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("gradient.minimum", True),
        ("initialisation.radius", True),
        ("dataset.noise", True),
        ("gradient", False),
        ("gradient.", False),
        (".minimum", False),
        ("objective.scale", False),
        ("time.train", False),
    ],
)
def test_parameters_of_variants_are_known_by_their_prefix(name, is_one):
    assert is_variant_parameter(name) is is_one


def test_columns_come_out_in_order_and_type(make_cell):
    runs = make_cell("a", **{"gradient.minimum": 1, "activation.slope": 0.5}).runs
    names = runs.column_names
    assert names[0] == "replica"
    assert names[names.index("dtype") + 1 :][:3] == [
        "activation.slope",
        "gradient.minimum",
        "initial_objective",
    ]
    assert runs.schema.field("gradient.minimum").type == pa.float64()  # 1 and 0.5 are one column
    assert runs.schema.field("diverged_at").type == pa.float64()
    assert runs.schema.field("failed").type == pa.bool_()
    assert runs["saturated"].null_count == 3  # a metric nobody gave
    assert str(conform(runs, RUNS).to_pydict()) == str(runs.to_pydict())


def test_unknown_and_missing_columns_are_named(make_cell):
    columns = make_cell("a").runs.to_pydict()
    with pytest.raises(ValueError, match=r"unknown: \['objective.scale'\], missing: \[\]"):
        runs_table(columns | {"objective.scale": [1, 2, 3]})
    del columns["seed"]
    with pytest.raises(ValueError, match=r"unknown: \[\], missing: \['seed'\]"):
        runs_table(columns)
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
    parts = [
        identify(c.runs, RUNS, experiment="e", cell=c.cell, run_id=ids, parent_run_id="p")
        for c, ids in zip(cells, pa.array([["1", "2", "3"]] * 3), strict=True)
        for ids in [pa.array(ids.as_py())]
    ]
    numbers = concatenate(parts[:2], RUNS)
    assert numbers.column_names[:5] == ["experiment", "cell", "run_id", "parent_run_id", "dataset"]
    assert numbers["gradient.minimum"].to_pylist() == [0.1] * 3 + [None] * 3
    words = concatenate(parts, RUNS)
    assert words["gradient.minimum"].to_pylist() == ["0.1"] * 3 + [None] * 3 + ["low"] * 3
    assert words["gradient.absolute"].to_pylist() == [None] * 6 + [True] * 3
    assert words["cell"].to_pylist() == [c.cell for c in cells for _ in range(3)]
