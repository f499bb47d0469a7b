"""The scripts of examples/, as a user runs a copy of them."""

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
TINY = ["protocol.updates=20", "protocol.evaluation_seeds=2", "execution.workers=1"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_they_are_short_and_named_by_the_page(script):
    assert len(script.read_text("utf-8").splitlines()) < 60
    page = (EXAMPLES.parent / "docs" / "examples.md").read_text("utf-8")
    assert f"(../examples/{script.name})" in page


def test_own_rule(tmp_path, migrated):
    shutil.copy(EXAMPLES / "own_rule.py", tmp_path)
    shutil.copy(migrated, tmp_path / "own_rule.db")
    done = subprocess.run(
        [sys.executable, "own_rule.py", *TINY], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    rows = re.findall(r"^(exact|removed|softened)? +(NaN|0\.\d) ", done.stdout, re.MULTILINE)
    assert rows == [("exact", "NaN"), ("removed", "NaN"), ("softened", "0.1"), ("", "0.5")]


def test_own_data():
    found = runpy.run_path(str(EXAMPLES / "own_data.py"))["compare"](updates=100)
    best = {name.partition(" at")[0]: min(values) for name, values in found.items()}
    assert set(best) == {"exact", "removed", "{'floor': {'minimum': 0.01}}"}
    assert max(best.values()) < 0.4  # a constant leaves 0.5: targets are standardised
    assert {len(values) for values in found.values()} == {5}, "one number a scored seed"


def test_pipeline():
    found = runpy.run_path(str(EXAMPLES / "pipeline.py"))["compare"](folds=2)
    assert set(found) == {"exact", "removed", "{'floor': {'minimum': 0.01}}", "rooted"}
    assert all(min(scores) > 0.8 for scores in found.values())
