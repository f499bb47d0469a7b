"""Bad inputs in processes of their own: one line, exit 2, nothing left in the folder.

Only what a process adds: the installed script, the environment, a module in the folder.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

STUDY = Path(sys.executable).with_name("study")
CASES = {
    "experiment": (["experiment=smok"], {}, "unknown experiment 'smok'. Did you mean 'smoke'?"),
    "environment": (
        ["experiment=smoke"],
        {"MLFLOW_TRACKING_URI": "ftp://x"},
        "MLFLOW_TRACKING_URI 'ftp://x' is no address that MLflow takes",
    ),
    "cache": (
        ["grids=[{dataset: covtype}]"],
        {"STUDY_DATA": "/proc/nope"},
        "dataset 'covtype': the cache folder /proc/nope cannot be written",
    ),
    "record": (
        ["grids=[{dataset: iris, hidden: [4], gradient: {_target_: mine.own}}]"],
        {},
        "factor 'f' of gradient 'own' sets the name slope, which changes nothing",
    ),
}
MINE = """
from study.learning.rules.base import Gradient


def f(z, y, slope, numbers, key, step):
    slope = 0.5 * slope


own = Gradient(name="own", formula="?", reference="a test", factor=f)
"""


def run(words, folder, **environment):
    known = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    return subprocess.run(
        [STUDY, *words],
        cwd=folder,
        env={**known, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize(("words", "environment", "line"), CASES.values(), ids=CASES)
def test_one_line_and_nothing_left(tmp_path, words, environment, line):
    (tmp_path / "mine.py").write_text(MINE)
    places = [f"tracking.uri=sqlite:///{tmp_path}/new.db", f"tracking.tables={tmp_path}/tables"]
    own_address = "MLFLOW_TRACKING_URI" in environment
    done = run(words if own_address else [*words, *places], tmp_path, **environment)
    assert done.returncode == 2, done
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"study: {line}"), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]
