"""Where tables are found, and that parts of one are read as one."""

import hashlib
import json

import pandas as pd
import pytest

from study.errors import UsageError
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


def told(base):
    """Return the one line that reading the experiment ends with."""
    with pytest.raises(UsageError) as mistake:
        stored_runs(base, "some")
    assert "\n" not in str(mistake.value)
    return str(mistake.value)


def test_published_parts_are_one_table_and_tuning_stays_out(published, tmp_path):
    assert stored_runs(tmp_path, "some")["seed"].tolist() == [1, 2]
    assert stored_runs(tmp_path, "some", tuning=True)["seed"].tolist() == [1, 2, 9]


def test_without_a_manifest_a_part_that_is_broken_is_named(published, tmp_path):
    (published / "manifest.json").unlink()
    (published / "runs-01.parquet").write_bytes(b"PAR1")
    assert "runs-01.parquet cannot be read" in told(tmp_path)


@pytest.mark.parametrize("name", ["runs", "runs-01", "curves"])
def test_a_published_file_that_is_missing_or_another_is_named(name, published, tmp_path):
    path = published / f"{name}.parquet"
    pd.DataFrame({"seed": [7]}).to_parquet(path)  # reads well
    file = f"data/published/some/{name}.parquet"
    assert told(tmp_path) == f"{file} is not the published file{RESTORE}"
    path.unlink()
    assert place_of(tmp_path, "some") == published
    assert told(tmp_path) == f"{file} is missing{RESTORE}"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"sha256": null}', '{"sha256": "ab"}'])
def test_a_broken_manifest_is_told(text, published, tmp_path):
    (published / "manifest.json").write_text(text, encoding="utf-8")
    assert told(tmp_path) == f"data/published/some/manifest.json is damaged{RESTORE}"


def test_a_part_that_the_manifest_does_not_name_is_refused(published, tmp_path):
    pd.DataFrame({"seed": [7]}).to_parquet(published / "runs-02.parquet")
    assert "runs-02.parquet is not in its manifest.json" in told(tmp_path)


def test_own_results_come_first_and_have_no_digests(published, tmp_path):
    own = tmp_path / "data" / "results" / "some"
    own.mkdir(parents=True)
    (published / "runs-01.parquet").unlink()
    pd.DataFrame({"seed": [5]}).to_parquet(own / "runs.parquet")
    assert folder_of(tmp_path, "some") == own
    assert stored_runs(tmp_path, "some")["seed"].tolist() == [5]
