"""A dozen bad inputs in processes of their own: one line, exit 2, nothing left in the folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

STUDY = Path(sys.executable).with_name("study")
CASES = {
    "experiment": (["experiment=smok"], {}, "unknown experiment 'smok'. Did you mean 'smoke'?"),
    "path": (["experiment=../smoke"], {}, "unknown experiment '../smoke'."),
    "rates": (["protocol.learning_rates=[1]"], {}, "protocol.learning_rates takes values by name"),
    "grammar": (["grids=[{dataset: iris"], {}, "cannot read grids=[{dataset: iris: key=value"),
    "flag": (["--nope"], {}, "unrecognized arguments: --nope"),
    "size": (["protocol.evaluation_seeds=999999"], {}, "the plan has "),
    "number for a group": (["protocol=7"], {}, "unknown protocol '7'. Valid: quick, study"),
    "interpolation": (["about=${nope}"], {}, "about: Interpolation key 'nope' not found"),
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
    "ui": (["ui", "port=high"], {}, "port takes a number from 1 to 65535, not 'high'"),
    "verify": (["verify", "../x"], {}, "experiment '../x' cannot name a folder"),
}
MINE = """
from study.learning.rules.base import Gradient


def f(z, y, slope, numbers, key, step):
    slope = 0.5 * slope


own = Gradient(name="own", formula="?", reference="a test", factor=f)
"""


def run(words, folder, **environment):
    known = {k: v for k, v in os.environ.items() if k not in ("MLFLOW_TRACKING_URI",)}
    known["PYTHONDONTWRITEBYTECODE"] = "1"
    return subprocess.run(
        [STUDY, *words],
        cwd=folder,
        env={**known, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path


@pytest.mark.parametrize(("words", "environment", "line"), CASES.values(), ids=CASES)
def test_one_line_and_nothing_left(folder, words, environment, line):
    places = [f"tracking.uri=sqlite:///{folder}/new.db", f"tracking.tables={folder}/tables"]
    small = words[0] in ("ui", "verify") or "MLFLOW_TRACKING_URI" in environment
    done = run(words if small else [*words, *places], folder, **environment)
    assert done.returncode == 2, done
    assert done.stderr.startswith(f"study: {line}"), done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in folder.iterdir()] == ["mine.py"]


def test_a_traceback_for_who_asks(folder):
    done = run(["experiment=smok"], folder, STUDY_TRACEBACK="1")
    assert "Traceback (most recent call last)" in done.stderr
    assert "UsageError: unknown experiment 'smok'. Did you mean 'smoke'?" in done.stderr
