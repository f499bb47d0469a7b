"""Where tables are found, and that parts of one are read as one."""

import pandas as pd
import pytest

from study.analysis.sources import stored_runs
from study.learning.records import UsageError


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
