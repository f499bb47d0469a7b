"""What is laid out for MLflow: few points of a curve, few last values, ids from names."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.ablation.store.rows import entries, run_id, run_prefix, source_tags, thin


@given(st.sets(st.integers(0, 10**6), min_size=1, max_size=60), st.integers(2, 9))
def test_thinning_keeps_both_ends_and_few(updates, most):
    updates = tuple(sorted(updates))
    kept = thin(updates, most)
    assert list(kept) == sorted(set(kept))
    assert len(kept) <= most
    assert len(kept) == len(updates) or len(updates) > most
    assert (kept[0], kept[-1]) == (0, len(updates) - 1)


def test_thinning_is_even_on_a_logarithmic_scale():
    powers = tuple(2**k - 1 for k in range(15))  # log2(1 + update) = 0, 1, ..., 14
    assert thin(powers, 8) == (0, 2, 4, 6, 8, 10, 12, 14)
    assert thin((), 8) == ()
    assert thin((5,), 8) == (0,)


def test_no_run_has_more_than_five_values_and_three_curves(make_cell):
    cell = make_cell("a")
    parent, children = entries(cell, cell.runs, cell.curves, {})
    assert [key for key, _, _ in parent.metrics] == ["score", "time.train"]
    for child in children:
        keys = [key for key, _, _ in child.metrics]
        curves = {key: keys.count(key) for key in keys if keys.count(key) > 1}
        assert set(curves) <= {"objective", "descent_cosine", "saturated"}
        assert max(curves.values()) <= 8
        assert len(keys) - sum(curves.values()) <= 5
        assert np.isfinite([value for _, value, _ in child.metrics]).all()


def test_a_runaway_that_reached_its_target_still_has_five_values(make_cell):
    cell = make_cell("a")
    at = cell.runs.column_names.index("diverged_at")
    runs = cell.runs.set_column(at, "diverged_at", [[None, 55.0, 13.0]])
    _, children = entries(cell, runs, cell.curves, {})
    last = [key for key, _, step in children[1].metrics if key not in ("objective",)]
    assert [key for key in last if key != "descent_cosine"] == [
        "final_objective",
        "initial_objective",
        "test_score",
        "updates_to_target",
        "diverged_at",
    ]


def test_curves_come_in_any_order(make_cell):
    cell = make_cell("a")
    shuffled = cell.curves.take(np.random.default_rng(0).permutation(len(cell.curves)))
    assert entries(cell, cell.runs, cell.curves, {}) == entries(cell, cell.runs, shuffled, {})


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


@pytest.mark.parametrize("missing", ["updates", "outcome"])
def test_a_cell_without_a_column_is_refused(make_cell, missing, mlflow_root):
    from dataclasses import replace

    from study.ablation.store import open_store

    cell = make_cell("a")
    store = open_store(None, "small", mlflow_root)
    with pytest.raises(ValueError, match=missing):
        store.record(replace(cell, runs=cell.runs.drop_columns([missing])))
    store.close()
