"""What is laid out for MLflow: few points of a curve, few last values, ids from names."""

from dataclasses import replace

import numpy as np
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


def test_no_run_has_more_than_five_values_and_three_curves(make_cell):
    """Also a runaway that reached its target; curves come in any order."""
    cell = make_cell("a")
    at = cell.runs.column_names.index("diverged_at")
    runaway = cell.runs.set_column(at, "diverged_at", [[None, 55.0, 13.0]])
    shuffled = cell.curves.take(np.random.default_rng(0).permutation(len(cell.curves)))
    cell = replace(cell, runs=runaway)
    parent, *children = found = entries(cell, {})
    cell = replace(cell, curves=shuffled)
    assert entries(cell, {}) == found
    assert [key for key, _, _ in parent.metrics] == ["score", "time.train"]
    for child in children:
        keys = [key for key, _, _ in child.metrics]
        curves = {key: keys.count(key) for key in keys if keys.count(key) > 1}
        assert set(curves) <= {"objective", "descent_cosine", "saturated"}
        assert max(curves.values()) <= 8
        assert np.isfinite([value for _, value, _ in child.metrics]).all()
        if child is children[1]:
            assert [key for key in keys if key not in curves] == [
                *("final_objective", "initial_objective", "test_score"),
                *("updates_to_target", "diverged_at"),
            ]
        assert len(keys) - sum(curves.values()) <= 5


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
