"""A bar on a terminal, lines in a log: counts, and the time that is left."""

import pytest

from study.ablation.running import progress
from study.ablation.running.progress import EVERY


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_a_line_a_minute(clock, capsys):
    with progress.progress() as show:
        show(0, 4000, "compiling")
        clock[0] += EVERY / 2
        show(10, 4000, "too early")
        clock[0] += EVERY / 2
        show(1000, 4000, "7 stuck")  # in 60 s, so 3,000 more take 180 s
        clock[0] += EVERY / 2
        show(1001, 4000, "too early again")
    assert capsys.readouterr().err == "1,000 of 4,000 trainings, 03:00 left, 7 stuck\n"


def test_a_terminal_gets_a_bar(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress.progress() as show:
        show(0, 20, "compiling")
        show(20, 40, "1 solved")
        show(50, 50, "2 solved")  # more than was planned
    err = capsys.readouterr().err
    assert "0/20 |" in err and "compiling" in err
    assert err.rstrip().rpartition("\r")[2].startswith("50/50 |") and "00:00 left, 2 solved" in err
