"""The command: a line for each file, the same bytes at every build, mistakes told in one line."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from synthetic_tables import TINY, export, synthetic

from reports import build, command, questions, style
from reports.command import ROOT
from reports.generic import tables
from study.errors import UsageError

pytestmark = pytest.mark.xdist_group("build")  # built once, by one worker


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


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """A checkout with an experiment that was not run."""
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "planned.yaml").touch()
    monkeypatch.setattr(command, "ROOT", tmp_path)
    return tmp_path


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
    assert sorted(folders) == sorted(build.QUESTIONS)
    assert set(build.GENERIC) == {
        *("activations", "curves", "factors", "failures", "rates", "relative")
    }


def test_a_question_has_one_name():
    """Its folder, its grid, and the number of its claim agree, as the package's table says."""
    table = questions.__doc__.partition("===\nquestion")[2]
    named = {line.split()[0] for line in table.splitlines() if line[:1] in "cxv" and line.strip()}
    grids = {path.stem for path in (ROOT / "conf/experiment").glob("[cx][01-9]*.yaml")}
    assert {*build.QUESTIONS, *grids} - {"verdicts"} == named - {"c09"}


def test_other_processes_and_published_results_give_the_same_bytes(built, made, tmp_path):
    here, lines = built
    export(tmp_path / "own", "small", *made)
    publish(tmp_path / "published", *made)
    script = (
        "import sys; from pathlib import Path; from reports.build import build; "
        "base = Path(sys.argv[1]); "
        "print(*build('small', 'curves', base=base / 'own'), sep='\\n'); "
        "print(*build('small', base=base / 'published'), sep='\\n')"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8"}
    words = [sys.executable, "-c", script, tmp_path]
    done = subprocess.run(
        words, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, encoding="utf-8"
    )
    found = done.stdout.splitlines()
    lacking = (
        "curves  not drawn: published results keep quantiles of curves; "
        "make your own with: make ablation EXPERIMENT=small"
    )
    assert sorted(found) == sorted([*lines, lacking])
    assert len(lines) == 20
    for line in lines:
        path = Path(line.split("  ", 1)[0])
        other = tmp_path / ("own" if path.stem == "curves" else "published")
        assert (here / path).read_bytes() == (other / path).read_bytes(), path.name


def publish(base, runs, curves):
    """Write the tables in parts, as ``study publish`` does: without run ids, tuning apart."""
    replicas = runs["stage"] + "/" + runs["learning_rate"].map(str) + "/" + runs["seed"].map(str)
    runs = runs.assign(replica=replicas).drop(columns=["run_id", "parent_run_id"])
    tuned = runs["stage"] == "tune"
    half = runs.index < len(runs) * 0.8
    quantiles = runs.loc[~tuned, ["cell", "stage"]].drop_duplicates().assign(update=1)
    frames = {
        "runs": runs[~tuned & half],
        "runs-01": runs[~tuned & ~half],
        "tuning-00": runs[tuned],
        "curves": quantiles.assign(objective_50=0.5),
    }
    assert not any(frame.empty for frame in frames.values())
    folder = base / "data" / "published" / "small"
    folder.mkdir(parents=True)
    digests = {}
    for name, frame in frames.items():
        path = folder / f"{name}.parquet"
        frame.to_parquet(path)
        digests[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps({"sha256": digests}), encoding="utf-8")
    return folder


def test_own_results_come_before_published_ones_that_are_not_whole(
    made, tmp_path, monkeypatch, capsys
):
    folder = publish(tmp_path, *made)
    monkeypatch.setattr(command, "ROOT", tmp_path)
    (folder / "runs-01.parquet").unlink()
    assert refused(capsys, "small") == (
        "data/published/small/runs-01.parquet is missing; "
        "restore it with: git checkout -- data/published/small\n"
    )
    export(tmp_path, "small", *made)
    lines = list(build.build("small", "curves", base=tmp_path))
    assert [line.split("  ")[0] for line in lines] == [
        f"reports/figures/small/curves{suffix}" for suffix in (".pdf", ".png")
    ]


def test_no_results_exit_with_two_and_say_what_to_do(planned, capsys):
    assert "make ablation EXPERIMENT=planned" in refused(capsys, "planned")


def test_unknown_experiments_are_told_with_those_there_are(planned, made, capsys):
    export(planned, "own", *made)  # a user's, without a file in conf/experiment
    told = refused(capsys, "planed")
    assert "Did you mean 'planned'? Valid: own, planned" in told
    assert "no conf/experiment/planed.yaml" in told and "make ablation" not in told


@pytest.mark.parametrize("words", [[], ["--help"]])
def test_the_command_says_how_it_is_used(words, capsys):
    assert refused(capsys, *words) == f"{build.USAGE}\n"


def test_paths_and_unknown_figures_are_refused(tmp_path):
    with pytest.raises(UsageError, match="not a path"):
        list(build.build("../elsewhere", base=tmp_path))
    with pytest.raises(UsageError, match="Did you mean 'curves'"):
        list(build.build("small", "curve", base=tmp_path))


def test_what_cannot_be_made_is_told_and_old_files_go(made, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "GENERIC", {"rates": build.GENERIC["rates"]})
    runs, curves = made
    runs = runs[runs["stage"] != "tune"]
    export(tmp_path, "small", runs, curves[curves["run_id"].isin(runs["run_id"])])
    folder = tmp_path / "reports" / "figures" / "small"
    folder.mkdir(parents=True)
    (folder / "rates.png").write_bytes(b"old")
    lines = list(build.build("small", base=tmp_path))
    reason = "experiment 'small' has no runs of stage 'tune'"
    assert f"rates  not drawn: {reason}" in lines and f"rates  not made: {reason}" in lines
    assert not (folder / "rates.png").exists()


def test_broken_pairs_exit_with_two(made, tmp_path, monkeypatch, capsys):
    runs, curves = made[0].copy(), made[1]
    lost = (runs["gradient"] == "removed") & (runs["stage"] == "evaluate")
    runs.loc[lost, "seed"] += 10_000
    export(tmp_path, "small", runs, curves)
    monkeypatch.setattr(command, "ROOT", tmp_path)
    assert refused(capsys, "small", "relative").startswith("broken pairs: ")


def test_the_tables_hold_what_was_run(built):
    """Every rule and pair, with limits around the estimate, in numbers that any tool reads."""
    folder = built[0] / "reports" / "tables" / "small"
    found = {name: pd.read_csv(folder / f"{name}.csv") for name in tables.TABLES}
    failures, objective, relative, rates = (
        found[name] for name in ("failures", "objective", "relative", "rates")
    )
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
