"""The installed script in a process of its own: bad input, and a reader that goes away."""

import os
import subprocess
import sys
from pathlib import Path

STUDY = Path(sys.executable).with_name("study")
MINE = """
from study.learning.rules.base import Gradient


def f(z, y, slope, constants, key, step):
    slope = 0.5 * slope


own = Gradient(name="own", formula="?", reference="a test", factor=f)
"""


def test_one_line_and_nothing_left(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    (tmp_path / "mine.py").write_text(MINE)
    words = [
        "grids=[{dataset: iris, hidden: [4], gradient: {_target_: mine.own}}]",
        f"tracking.uri=sqlite:///{tmp_path}/new.db",
        f"tracking.tables={tmp_path}/tables",
    ]
    done = subprocess.run([STUDY, *words], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2, done
    line = "study: factor 'f' of gradient 'own' sets the name slope, which changes nothing"
    assert done.stderr.startswith(line) and done.stderr.count("\n") == 1, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


def test_a_reader_that_has_seen_enough():
    ours, theirs = os.pipe()
    process = subprocess.Popen([STUDY, "list"], stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    os.close(ours)
    assert (process.communicate()[1], process.returncode) == (b"", 0)
