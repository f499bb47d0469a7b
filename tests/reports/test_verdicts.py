"""The tables of verdicts, from own and from published results."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from claim_tables import optimizers, settling, table

from reports import rechecks, verdicts
from reports.command import ROOT
from study.errors import UsageError


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A checkout with published results of the experiment that decides."""
    base = tmp_path_factory.mktemp("root")
    (base / "conf").mkdir()
    shutil.copy(ROOT / "conf" / "claims.yaml", base / "conf")
    folder = base / "data" / "published" / "paper"
    folder.mkdir(parents=True)
    table(*settling(0.4, 0.3), *optimizers(0.3, 0.3, 0.3)).to_parquet(folder / "runs.parquet")
    return base


@pytest.fixture(scope="module")
def written(base):
    """The tables, by name."""
    lines = dict(verdicts.write("paper", base))
    folder = base / "reports" / "tables"
    return lines, {path.stem: pd.read_csv(path) for path in folder.glob("*.csv")}


def test_the_table_of_verdicts(written, base):
    lines, tables = written
    columns = ["claim", "statement", "verdict", "effect", "low", "high", "least_task"]
    columns += ["largest_task", "new_task_low", "new_task_high", "runs", "unit", "reason"]
    assert list(tables["verdicts"].columns) == columns
    found = tables["verdicts"].set_index("claim")
    assert list(found.index) == [f"C{k}" for k in range(1, 13)]
    assert set(found["verdict"][["C1", "C4", "C8"]]) == {"supported"}
    assert found.loc["C12", "verdict"] == "not decided"
    assert found.loc["C4", "low"] < found.loc["C4", "effect"] < found.loc["C4", "high"]
    assert found.loc["C4", "effect"] == pytest.approx(10**0.4, rel=0.05)
    assert found.loc["C4", "runs"] == 800 and found.loc["C12", "runs"] == 0
    assert "no runs" in found.loc["C12", "reason"]
    assert lines[Path("calibration")].startswith("not made: no pool")
    text = (base / "reports" / "tables" / "verdicts.md").read_text(encoding="utf-8")
    said = "| C4 | Without the factor training settles at a larger objective | **supported** |"
    assert said in text and "| C12 |" in text and "– | – | 0 |" in text


def test_every_task_and_part_is_shown(written):
    tasks, parts = (written[1][f"verdicts_by_{what}"] for what in ("task", "part"))
    settled = tasks[(tasks["claim"] == "C4") & (tasks["part"] == "hidden")]
    assert len(settled) == 5 and (settled["seeds"] == 40).all()
    assert settled["estimate"].between(settled["low"], settled["high"]).all()
    later = parts[(parts["claim"] == "C4") & (parts["part"] == "4 × the updates")]
    assert later["verdict"].tolist() == ["supported"] and later["tasks"].tolist() == [5.0]
    assert (parts["low_90"].dropna() >= parts["low"].dropna()).all()


def test_rechecks_stand_beside_the_verdict_that_they_doubt(base, one_check, tmp_path, monkeypatch):
    shutil.copytree(base, tmp_path, dirs_exist_ok=True)
    entries = yaml.safe_load((ROOT / "conf" / "rechecks.yaml").read_text(encoding="utf-8"))
    few = [e for e in entries["rechecks"] if "seed" in e or e["change"] == "batches of 8"]
    elsewhere = next(e for e in entries["rechecks"] if e.get("experiment") == "replication")
    entries["rechecks"] = [*few, elsewhere]
    (tmp_path / "conf" / "rechecks.yaml").write_text(yaml.safe_dump(entries), encoding="utf-8")
    monkeypatch.setattr(rechecks, "gradient_checks", lambda seed: one_check.assign(ratio=0.5))
    lines = [line for _, line in rechecks.write("paper", tmp_path)]
    assert any("make ablation EXPERIMENT=replication" in line for line in lines)
    found = pd.read_csv(tmp_path / "reports" / "tables" / "rechecks.csv")
    nets = found[found["claim"] == "C1"].iloc[0]
    said = nets["before"], nets["verdict"], nets["estimate"]
    assert said == ("supported", "supported", 0.5)
    eight = found[found["change"] == "batches of 8"].iloc[0]
    assert (eight["before"], eight["verdict"]) == ("supported", "no runs")
    text = (tmp_path / "reports" / "tables" / "rechecks.md").read_text(encoding="utf-8")
    assert "| batches of 8 | supported | no runs | – | – | 0 |" in text
    lost = tmp_path / "data" / "published" / "replication"
    lost.mkdir(parents=True)
    (lost / "manifest.json").write_text('{"sha256": {"runs.parquet": ""}}', encoding="utf-8")
    with pytest.raises(UsageError, match=r"replication/runs\.parquet is missing"):
        list(rechecks.write("paper", tmp_path))
