"""Where tables are found, and that parts of one are read as one."""

import hashlib
import json

import pandas as pd
import pytest

from study.evidence.sources import folder_of, place_of, stored_runs


@pytest.fixture
def published(tmp_path):
    """A published folder of four files with their manifest."""
    folder = tmp_path / "data" / "published" / "some"
    folder.mkdir(parents=True)
    digests = {}
    for name, seeds in (("runs", [1]), ("runs-01", [2]), ("curves", [3]), ("tuning-00", [9])):
        path = folder / f"{name}.parquet"
        pd.DataFrame({"seed": seeds}).to_parquet(path)
        digests[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps({"sha256": digests}), encoding="utf-8")
    return folder


RESTORE = "; restore it with: git checkout -- data/published/some"


def test_published_parts_are_one_table_and_tuning_stays_out(published, tmp_path):
    assert stored_runs(tmp_path, "some")["seed"].tolist() == [1, 2]
    assert stored_runs(tmp_path, "some", tuning=True)["seed"].tolist() == [1, 2, 9]


@pytest.mark.parametrize("name", ["runs", "runs-01", "curves"])
def test_a_published_file_that_is_missing_or_another_is_named(name, published, tmp_path, refusal):
    path = published / f"{name}.parquet"
    pd.DataFrame({"seed": [7]}).to_parquet(path)  # reads well
    file = f"data/published/some/{name}.parquet"
    told = refusal(stored_runs, tmp_path, "some")
    assert told == f"{file} is not the published file{RESTORE}"
    path.unlink()
    assert place_of(tmp_path, "some") == published
    assert refusal(stored_runs, tmp_path, "some") == f"{file} is missing{RESTORE}"


def test_a_broken_manifest_or_part_and_one_not_in_it_are_told(published, tmp_path, refusal):
    pd.DataFrame({"seed": [7]}).to_parquet(published / "runs-02.parquet")
    told = refusal(stored_runs, tmp_path, "some")
    assert "runs-02.parquet is not in its manifest.json" in told
    manifest = published / "manifest.json"
    for text in ("", "{", "[]", "{}", '{"sha256": null}', '{"sha256": "ab"}'):
        manifest.write_text(text, encoding="utf-8")
        told = refusal(stored_runs, tmp_path, "some")
        assert told == f"data/published/some/manifest.json is damaged{RESTORE}"
    manifest.unlink()
    (published / "runs-01.parquet").write_bytes(b"PAR1")
    assert "runs-01.parquet cannot be read" in refusal(stored_runs, tmp_path, "some")


def test_own_results_come_first_and_have_no_digests(published, tmp_path):
    own = tmp_path / "data" / "results" / "some"
    own.mkdir(parents=True)
    (published / "runs-01.parquet").unlink()
    pd.DataFrame({"seed": [5]}).to_parquet(own / "runs.parquet")
    assert folder_of(tmp_path, "some") == own
    assert stored_runs(tmp_path, "some")["seed"].tolist() == [5]
