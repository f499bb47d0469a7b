"""The command: a line for each file, the same bytes at every build, mistakes told in one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from synthetic_tables import TINY, export, synthetic

from reports import build, tables
from study.learning.records import UsageError

ROOT = Path(build.__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A small experiment, and the lines that its build printed."""
    from reports import style

    base = tmp_path_factory.mktemp("root")
    export(base, "small", *synthetic(**TINY))
    with style.theme():
        return base, list(build.build("small", base=base))


def test_every_file_has_its_line_with_its_message(built):
    base, lines = built
    files = {line.split("  ", 1)[0] for line in lines}
    made = {
        str(path.relative_to(base)) for path in (base / "reports").rglob("*") if path.is_file()
    }
    assert files == made
    assert len(made) == 2 * len(build.FIGURES) + 2 * len(tables.TABLES)
    assert all(line.split("  ", 1)[1] for line in lines)


def test_the_same_results_give_the_same_bytes(built, tmp_path):
    here, lines = built
    export(tmp_path, "small", *synthetic(**TINY))
    script = (
        "import sys; from pathlib import Path; from reports.build import build; "
        "list(build('small', base=Path(sys.argv[1])))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    subprocess.run([sys.executable, "-c", script, tmp_path], cwd=ROOT, env=environment, check=True)
    paths = [Path(line.split("  ", 1)[0]) for line in lines]
    assert len(paths) == 20
    for path in paths:
        assert (here / path).read_bytes() == (tmp_path / path).read_bytes(), path.name


def test_no_results_exit_with_two_and_say_what_to_do(capsys):
    assert build.main(["never_run"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert "make ablation EXPERIMENT=never_run" in err


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_the_command_says_how_it_is_used(arguments, capsys):
    assert build.main(arguments) == 2
    assert capsys.readouterr().err == f"{build.USAGE}\n"


def test_paths_and_unknown_figures_are_refused(tmp_path):
    with pytest.raises(UsageError, match="not a path"):
        list(build.build("../elsewhere", base=tmp_path))
    with pytest.raises(UsageError, match="Did you mean 'curves'"):
        list(build.build("small", ["curve"], base=tmp_path))


def test_one_figure_can_be_made_alone(tmp_path):
    export(tmp_path, "small", *synthetic(**TINY))
    lines = list(build.build("small", ["failures"], base=tmp_path))
    assert [line.split("  ")[0] for line in lines] == [
        f"reports/figures/small/failures{suffix}" for suffix in (".pdf", ".png")
    ]


def test_what_cannot_be_made_is_told_and_old_files_go(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "FIGURES", {"rates": build.FIGURES["rates"]})
    runs, curves = synthetic(**TINY)
    runs = runs[runs["stage"] != "tune"]
    export(tmp_path, "small", runs, curves[curves["run_id"].isin(runs["run_id"])])
    folder = tmp_path / "reports" / "figures" / "small"
    folder.mkdir(parents=True)
    (folder / "rates.png").write_bytes(b"old")
    lines = list(build.build("small", base=tmp_path))
    reason = "experiment 'small' has no runs of stage 'tune'"
    assert f"rates  not drawn: {reason}" in lines and f"rates  not made: {reason}" in lines
    assert not (folder / "rates.png").exists()


def test_broken_pairs_exit_with_two(tmp_path, monkeypatch, capsys):
    runs, curves = synthetic(**TINY)
    lost = (runs["gradient"] == "removed") & (runs["stage"] == "evaluate")
    runs.loc[lost, "seed"] += 10_000
    export(tmp_path, "small", runs, curves)
    monkeypatch.setattr(build, "root", lambda: tmp_path)
    assert build.main(["small", "relative"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("broken pairs: ") and err.count("\n") == 1


def test_reports_know_their_root():
    assert (build.root() / "pyproject.toml").is_file()


def csv(built, name):
    base, _ = built
    return pd.read_csv(base / "reports" / "tables" / "small" / f"{name}.csv")


def markdown(built, name):
    base, _ = built
    return (base / "reports" / "tables" / "small" / f"{name}.md").read_text(encoding="utf-8")


def test_failure_table(built):
    table = csv(built, "failures")
    assert len(table) == 12 and (table["runs"] == 10).all()
    assert list(table.columns[:6]) == [
        *("task", "setting", "activation", "optimizer", "rule", "stage")
    ]
    assert set(table["rule"]) == {"exact", "removed", "floor(minimum=0.1)"}
    assert ((table["low"] <= table["rate"]) & (table["rate"] <= table["high"])).all()
    text = markdown(built, "failures")
    assert "## Each rule at its own best learning rate, tanh" in text
    assert "| exact     | 0/10 (0–28 %) |" in text


def test_objective_table(built):
    table = csv(built, "objective")
    assert ((table["lower"] <= table["median"]) & (table["median"] <= table["upper"])).all()
    assert "## digits, tanh" in markdown(built, "objective")


def test_relative_table(built):
    table = csv(built, "relative")
    assert len(table) == 8 and (table["pairs"] == 10).all()
    assert ((table["low"] <= table["estimate"]) & (table["estimate"] <= table["high"])).all()
    assert table["p"].between(0, 1).all()
    text = markdown(built, "relative")
    assert "|           | digits" in text and "## digits, tanh" in text


def test_rate_table(built):
    table = csv(built, "rates")
    exact = table[table["rule"] == "exact"]
    assert (exact["chosen"] == exact["exact_chosen"]).all() and (exact["above_exact"] == 0).all()
    assert (table["headroom"].dropna() >= 0).all()


def test_tables_are_plain_numbers(built):
    for name in tables.TABLES:
        numbers = csv(built, name).select_dtypes("number")
        assert not numbers.empty
        assert json.loads(numbers.to_json())  # reads back as numbers, whatever tool is used
