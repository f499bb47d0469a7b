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

from reports import build, command
from reports.generic import tables
from study.errors import UsageError

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
    assert len(made) == 2 * len(build.GENERIC) + 2 * len(tables.TABLES)
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


def test_no_results_exit_with_two_and_say_what_to_do(tmp_path, monkeypatch, capsys):
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "planned.yaml").touch()
    monkeypatch.setattr(command, "ROOT", tmp_path)
    assert build.main(["planned"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert "make ablation EXPERIMENT=planned" in err


def test_unknown_experiments_are_told_with_those_there_are(tmp_path, monkeypatch, capsys):
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "planned.yaml").touch()
    export(tmp_path, "own", *synthetic(**TINY))  # a user's, without a file in conf/experiment
    monkeypatch.setattr(command, "ROOT", tmp_path)
    assert build.main(["planed"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "make ablation" not in err
    assert "Did you mean 'planned'? Valid: own, planned" in err
    assert "no conf/experiment/planed.yaml" in err
    assert build.main(["own", "failures"]) == 0


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


def test_published_results_give_the_same_bytes_as_own_ones(built, tmp_path):
    here, lines = built
    publish(tmp_path, *synthetic(**TINY))
    found = list(build.build("small", base=tmp_path))
    lacking = (
        "curves  not drawn: published results keep quantiles of curves; "
        "make your own with: make ablation EXPERIMENT=small"
    )
    assert [line for line in lines if "/curves." not in line] == [
        line for line in found if line != lacking
    ]
    assert lacking in found
    for line in found:
        if line != lacking:
            path = line.split("  ", 1)[0]
            assert (here / path).read_bytes() == (tmp_path / path).read_bytes(), path


def test_own_results_come_before_published_ones(tmp_path):
    runs, curves = synthetic(**TINY)
    publish(tmp_path, runs, curves)
    (tmp_path / "data" / "published" / "small" / "runs-01.parquet").unlink()  # nobody reads it
    export(tmp_path, "small", runs, curves)
    assert len(list(build.build("small", "curves", base=tmp_path))) == 2


def test_published_results_that_are_not_whole_exit_with_two(tmp_path, monkeypatch, capsys):
    folder = publish(tmp_path, *synthetic(**TINY))
    monkeypatch.setattr(command, "ROOT", tmp_path)
    (folder / "runs-01.parquet").unlink()
    assert build.main(["small"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err == (
        "data/published/small/runs-01.parquet is missing; "
        "restore it with: git checkout -- data/published/small\n"
    )


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_the_command_says_how_it_is_used(arguments, capsys):
    assert build.main(arguments) == 2
    assert capsys.readouterr().err == f"{build.USAGE}\n"


def test_paths_and_unknown_figures_are_refused(tmp_path):
    with pytest.raises(UsageError, match="not a path"):
        list(build.build("../elsewhere", base=tmp_path))
    with pytest.raises(UsageError, match="Did you mean 'curves'"):
        list(build.build("small", "curve", base=tmp_path))


def test_one_figure_can_be_made_alone(tmp_path):
    export(tmp_path, "small", *synthetic(**TINY))
    lines = list(build.build("small", "failures", base=tmp_path))
    assert [line.split("  ")[0] for line in lines] == [
        f"reports/figures/small/failures{suffix}" for suffix in (".pdf", ".png")
    ]


def test_what_cannot_be_made_is_told_and_old_files_go(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "GENERIC", {"rates": build.GENERIC["rates"]})
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
    monkeypatch.setattr(command, "ROOT", tmp_path)
    assert build.main(["small", "relative"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("broken pairs: ") and err.count("\n") == 1


def test_reports_know_their_root():
    assert (command.ROOT / "pyproject.toml").is_file()


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
