"""Where tables are found, and that parts of one are read as one."""

import hashlib
import json

import pandas as pd
import pytest

from study.errors import UsageError
from study.evidence.sources import folder_of, place_of, stored_runs


def test_published_parts_are_one_table_and_tuning_stays_out(tmp_path):
    folder = tmp_path / "data" / "published" / "some"
    folder.mkdir(parents=True)
    for name, seeds in (("runs", [1, 2]), ("runs-01", [3]), ("tuning-00", [9])):
        pd.DataFrame({"seed": seeds}).to_parquet(folder / f"{name}.parquet")
    assert stored_runs(tmp_path, "some")["seed"].tolist() == [1, 2, 3]


def test_a_part_that_is_broken_is_named(tmp_path):
    folder = tmp_path / "data" / "published" / "some"
    folder.mkdir(parents=True)
    pd.DataFrame({"seed": [1]}).to_parquet(folder / "runs.parquet")
    (folder / "runs-01.parquet").write_bytes(b"PAR1")
    with pytest.raises(UsageError, match=r"runs-01\.parquet cannot be read"):
        stored_runs(tmp_path, "some")


@pytest.fixture
def published(tmp_path):
    """A published folder of three files with their manifest."""
    folder = tmp_path / "data" / "published" / "some"
    folder.mkdir(parents=True)
    digests = {}
    for name, seeds in (("runs", [1]), ("runs-01", [2]), ("curves", [3])):
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


def test_whole_published_results_are_read(published, tmp_path):
    assert stored_runs(tmp_path, "some")["seed"].tolist() == [1, 2]


@pytest.mark.parametrize("name", ["runs", "runs-01", "curves"])
def test_a_published_file_that_is_missing_is_named(name, published, tmp_path):
    (published / f"{name}.parquet").unlink()
    assert place_of(tmp_path, "some") == published
    assert told(tmp_path) == f"data/published/some/{name}.parquet is missing{RESTORE}"


@pytest.mark.parametrize("name", ["runs", "runs-01", "curves"])
def test_a_published_file_that_reads_well_but_is_another_is_named(name, published, tmp_path):
    pd.DataFrame({"seed": [7]}).to_parquet(published / f"{name}.parquet")
    assert (
        told(tmp_path) == f"data/published/some/{name}.parquet is not the published file{RESTORE}"
    )


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
