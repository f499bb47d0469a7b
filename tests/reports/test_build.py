"""The command: a line for each file, the same bytes at every build, mistakes told in one line."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from paper_base import publish
from synthetic_tables import TINY, export, synthetic

from reports import build, style
from reports.command import ROOT
from reports.generic import tables


@pytest.fixture(scope="module")
def made():
    """The tables of a tiny experiment."""
    return synthetic(**TINY)


@pytest.fixture(scope="module")
def built(made, tmp_path_factory):
    """The tiny experiment built, and the lines that its build printed."""
    base = tmp_path_factory.mktemp("root")
    export(base, "small", *made)
    with style.theme():
        return base, list(build.build("small", base=base))


def refused(capsys, *words):
    """The one line with which the command refuses."""
    assert build.main(words) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    return err


def test_every_file_has_its_line_with_its_message(built):
    base, lines = built
    files = {line.split("  ", 1)[0] for line in lines}
    found = {str(path.relative_to(base)) for path in (base / "reports").rglob("*.*")}
    assert files == found and len(found) == 2 * len(build.GENERIC) + 2 * len(tables.TABLES)
    assert all(line.split("  ", 1)[1] for line in lines)


def test_a_figure_is_one_file():
    """No list names them: a question's folder and a generic module are found."""
    folders = [path.parent.name for path in (ROOT / "reports/questions").glob("*/figure.py")]
    assert sorted(folders) == sorted([*build.QUESTIONS, *build.POPULATION])
    assert {"activations", "curves", "failures", "relative"} <= set(build.GENERIC)


def test_a_question_has_one_name():
    """Its folder, its grid, and the number of its claim agree, as the folder's table says."""
    table = (ROOT / "reports/questions/README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| ([cprx]\w+) \|", table, re.MULTILINE))
    grids = {path.stem for path in (ROOT / "conf/experiment").glob("[crx][01-9]*.yaml")}
    assert {*build.QUESTIONS, *build.POPULATION, *grids} - {"verdicts"} == named - {"c09"}


def test_other_processes_and_published_results_give_the_same_bytes(built, made, tmp_path):
    """But for the two galleries, which are drawn from the registries alone."""
    here, lines = built
    export(tmp_path / "own", "small", *made)
    publish(tmp_path / "published" / "data" / "published" / "small", *made, parts=2)
    script = (
        "import sys; from pathlib import Path; from reports import build; "
        "del build.GENERIC['activations'], build.GENERIC['factors']; base = Path(sys.argv[1]); "
        "print(*build.build('small', 'curves', base=base / 'own'), sep='\\n'); "
        "print(*build.build('small', base=base / 'published'), sep='\\n')"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8"}
    words = [sys.executable, "-c", script, tmp_path]
    printed = subprocess.check_output(words, cwd=ROOT, env=environment, encoding="utf-8")
    lacking = (
        "curves  not drawn: published results keep quantiles of curves; "
        "make your own with: make ablation EXPERIMENT=small"
    )
    lines = [line for line in lines if "/activations." not in line and "/factors." not in line]
    assert sorted(printed.splitlines()) == sorted([*lines, lacking])
    for line in lines:
        path = Path(line.split("  ", 1)[0])
        other = tmp_path / ("own" if path.stem == "curves" else "published")
        assert (here / path).read_bytes() == (other / path).read_bytes(), path.name


def test_own_results_come_before_published_ones_that_are_not_whole(made, checkout, capsys):
    folder = checkout / "data" / "published" / "small"
    publish(folder, *made, parts=2)
    (folder / "runs-01.parquet").unlink()
    assert refused(capsys, "small") == (
        "data/published/small/runs-01.parquet is missing; "
        "restore it with: git checkout -- data/published/small\n"
    )
    export(checkout, "small", *made)
    files = [line.split("  ")[0] for line in build.build("small", "curves", base=checkout)]
    assert files == [f"reports/figures/small/curves{suffix}" for suffix in (".pdf", ".png")]


REFUSED = {
    (): build.USAGE,
    ("--help",): build.USAGE,
    ("planned",): "make ablation EXPERIMENT=planned",
    ("planed",): "Did you mean 'planned'? Valid: own, planned (there is no conf/experiment/planed",
    ("../elsewhere",): "not a path",
    ("own", "curve"): "Did you mean 'curves'",
    ("own", "relative"): "broken pairs: ",
}


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_mistakes_are_told_in_one_line(words, checkout, made, capsys):
    runs = made[0].copy()
    lost = (runs["gradient"] == "removed") & (runs["stage"] == "evaluate")
    runs.loc[lost, "seed"] += 10_000
    export(checkout, "own", runs, made[1])  # a user's, without a file in conf/experiment
    told = refused(capsys, *words)
    assert REFUSED[words] in told
    assert ("make ablation" in told) == (words == ("planned",))
    (checkout / "pyproject.toml").unlink()
    assert "inside a checkout of the repository: no pyproject.toml" in refused(capsys, "planned")


def test_what_cannot_be_made_is_told_and_old_files_go(made, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "GENERIC", {"rates": build.GENERIC["rates"]})
    runs, curves = made
    runs = runs[runs["stage"] != "tune"]
    export(tmp_path, "small", runs, curves[curves["run_id"].isin(runs["run_id"])])
    old = tmp_path / "reports" / "figures" / "small" / "rates.png"
    old.parent.mkdir(parents=True)
    old.touch()
    lines = list(build.build("small", base=tmp_path))
    reason = "experiment 'small' has no runs of stage 'tune'"
    assert {f"rates  not {what}: {reason}" for what in ("drawn", "made")} <= set(lines)
    assert not old.exists()


def test_the_tables_hold_what_was_run(built):
    """Every rule and pair, with limits around the estimate, in numbers that any tool reads."""
    folder = built[0] / "reports" / "tables" / "small"
    found = {name: pd.read_csv(folder / f"{name}.csv") for name in tables.TABLES}
    names = ("failures", "objective", "relative", "rates")
    failures, objective, relative, rates = (found[name] for name in names)
    assert len(failures) == 12 and (failures["runs"] == 10).all()
    columns = ["task", "setting", "activation", "optimizer", "rule", "stage"]
    assert list(failures.columns[:6]) == columns
    assert set(failures["rule"]) == {"exact", "removed", "floor(minimum=0.1)"}
    assert len(relative) == 8 and (relative["pairs"] == 10).all()
    assert relative["p"].between(0, 1).all()
    for table, middle in ((failures, "rate"), (relative, "estimate")):
        assert table[middle].between(table["low"], table["high"]).all()
    assert objective["median"].between(objective["lower"], objective["upper"]).all()
    exact = rates[rates["rule"] == "exact"]
    assert (exact["chosen"] == exact["exact_chosen"]).all() and (exact["above_exact"] == 0).all()
    assert (rates["headroom"].dropna() >= 0).all()
    assert not any(table.select_dtypes("number").empty for table in found.values())
    said = {name: (folder / f"{name}.md").read_text(encoding="utf-8") for name in tables.TABLES}
    assert "## Each rule at its own best learning rate, tanh" in said["failures"]
    assert "| exact     | 0/10 (0–28 %) |" in said["failures"]
    assert "## digits, tanh" in said["objective"] and "## digits, tanh" in said["relative"]
    assert "|           | digits" in said["relative"]
