"""One schema for training, stores and publishing; what of it is laid out for MLflow."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.ablation.store import Tables
from study.ablation.store.rows import entries, run_id, run_prefix, source_tags, thin
from study.ablation.store.tables import CURVES, FINALS, RUNS, is_variant_parameter, table


def test_every_column_has_a_type_and_a_meaning():
    for column in (*RUNS.values(), *CURVES.values()):
        assert pa.type_for_alias(column.type) is not None
        assert column.meaning and column.kind in ("identity", "param", "metric", "tag")
    assert {name for name, c in RUNS.items() if c.kind == "metric" and c.indexed} == set(FINALS)
    curves = [name for name, column in CURVES.items() if column.kind == "metric"]
    assert set(curves) - {"objective"} <= set(RUNS)  # every probe has its last value
    for name in ("gradient.minimum", "initialisation.radius", "dataset.noise"):
        assert is_variant_parameter(name)
    for name in ("gradient", "gradient.", ".minimum", "location.scale", "time.train"):
        assert not is_variant_parameter(name)


def test_columns_come_out_in_order_and_type(make_cell):
    runs = make_cell("a", **{"gradient.minimum": 1, "activation.slope": 0.5}).runs
    names = runs.column_names
    assert names[0] == "replica"
    after = names[names.index("dtype") + 1 :]
    assert after[:3] == ["activation.slope", "gradient.minimum", "initial_objective"]
    types = {"gradient.minimum": "double", "diverged_at": "double", "failed": "bool"}
    assert {name: str(runs.schema.field(name).type) for name in types} == types
    assert runs["saturated"].null_count == 3  # a metric nobody gave
    again = table(runs.to_pydict(), RUNS)
    assert (again.schema, str(again.to_pydict())) == (runs.schema, str(runs.to_pydict()))


def test_every_nan_has_the_same_bits(make_cell):
    columns = make_cell("a").curves.to_pydict()
    given = np.array([-np.nan] + [1.0] * (len(columns["update"]) - 1))
    found = table(columns | {"objective": given}, CURVES)["objective"].to_numpy()
    assert np.signbit(given[0]) and not np.signbit(found[0]) and np.isnan(found[0])


def test_unknown_and_missing_columns_are_named(make_cell):
    columns = make_cell("a").runs.to_pydict()
    for strange in ("location.scale", "run_id"):
        with pytest.raises(ValueError, match=rf"unknown: \['{strange}'\], missing: \[\]"):
            table(columns | {strange: [1, 2, 3]}, RUNS)
    for name in ("seed", "updates", "outcome"):
        rest = {key: value for key, value in columns.items() if key != name}
        with pytest.raises(ValueError, match=rf"unknown: \[\], missing: \['{name}'\]"):
            table(rest, RUNS)
    without = columns | {"gradient.minimum": [None] * 3}
    assert "gradient.minimum" not in table(without, RUNS).column_names
    with pytest.raises(ValueError, match=r"missing: \['update'\]"):
        table({"replica": ["a"], "objective": [1.0]}, CURVES)


@given(st.sets(st.integers(0, 10**6), min_size=1, max_size=60), st.integers(2, 9))
def test_thinning_keeps_both_ends_and_few(updates, most):
    updates = tuple(sorted(updates))
    kept = thin(updates, most)
    assert list(kept) == sorted(set(kept)) and len(kept) <= most
    assert len(kept) == len(updates) or len(updates) > most
    assert (kept[0], kept[-1]) == (0, len(updates) - 1)
    powers = tuple(2**k - 1 for k in range(15))  # log2(1 + update) = 0, 1, ..., 14
    assert (thin(powers, 8), thin((), 8)) == ((0, 2, 4, 6, 8, 10, 12, 14), ())


def test_no_run_has_more_than_five_values_and_three_curves(make_cell):
    """Also a runaway that reached its target; curves come in any order."""
    cell = make_cell("a")
    at = cell.runs.column_names.index("diverged_at")
    runaway = cell.runs.set_column(at, "diverged_at", [[None, 55.0, 13.0]])
    shuffled = cell.curves.take(np.random.default_rng(0).permutation(len(cell.curves)))
    cell = replace(cell, tables=Tables(runaway, cell.curves))
    parent, *children = found = entries(cell, {})
    cell = replace(cell, tables=Tables(runaway, shuffled))
    assert entries(cell, {}) == found
    assert [key for key, _, _ in parent.metrics] == ["score", "time.train"]
    for child in children:
        keys = [key for key, _, _ in child.metrics]
        curves = {key: keys.count(key) for key in keys if keys.count(key) > 1}
        assert set(curves) <= {"objective", "descent_cosine", "saturated"}
        assert max(curves.values()) == curves["objective"] <= 8
        assert curves["descent_cosine"] == 4 and curves.get("saturated", 0) <= 4
        assert np.isfinite([value for _, value, _ in child.metrics]).all()
        assert len(keys) - sum(curves.values()) <= 5
    values = {key for key, _, _ in children[1].metrics} - {"objective", "descent_cosine"}
    finals = {"final_objective", "initial_objective", "test_score"}
    assert values == {*finals, "updates_to_target", "diverged_at"}


def test_ids_follow_from_names():
    prefix = run_prefix("default", "a" * 40)
    assert len(prefix) == 20
    assert run_id(prefix, "") == prefix + "0" * 12
    ids = {run_id(prefix, f"tune/0.1/{seed}") for seed in range(100)}
    assert len(ids) == 100 and {len(i) for i in ids} == {32} and {i[:20] for i in ids} == {prefix}
    assert prefix not in (run_prefix("default", "b" * 40), run_prefix("other", "a" * 40))


def test_source_is_named_with_and_without_a_repository(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    tags = source_tags(tmp_path)
    assert tags["mlflow.source.name"] == "study"
    assert "mlflow.source.git.commit" not in tags
    monkeypatch.setenv("PATH", str(tmp_path))  # no git at all
    assert source_tags(tmp_path) == tags
