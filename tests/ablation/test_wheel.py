"""The package without a checkout: as it is built, in a process that sees no file of this one."""

import os
import shutil
import subprocess
import sys

import pytest

from study.places import ROOT

COMMAND = "import sys; from study.ablation.app import main; sys.exit(main(sys.argv[1:]))"
LOADS = (
    "from study.datasets import load; import study; print(load('digits').digest, study.__file__)"
)


def called(program, *words, cwd, **environment):
    done = subprocess.run(
        [program, *words], cwd=cwd, env=os.environ | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The files of the wheel, built from a copy of the sources."""
    pytest.importorskip("setuptools")
    base = tmp_path_factory.mktemp("built")
    tree = base / "tree"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("study", "conf"):
        shutil.copytree(ROOT / name, tree / name, ignore=ignored)
    lists = "data/checksums.json", "data/external.csv"
    for name in (*lists, "setup.py", "pyproject.toml", "README.md", "LICENSE"):
        (tree / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    called(sys.executable, "setup.py", "-q", "build_py", "--build-lib", base / "lib", cwd=tree)
    shutil.rmtree(tree)
    return base / "lib"


def test_lists_plans_and_loads(built, tmp_path):
    def said(*words):
        return called(sys.executable, "-c", *words, cwd=tmp_path, PYTHONPATH=str(built))

    assert "smoke " in said(COMMAND, "list", "experiments")
    plan = said(COMMAND, "experiment=smoke", "dry_run=true")
    assert "12 cells, 320 trainings; 0 cells finished" in plan
    mine = tmp_path / "mine" / "experiment"
    mine.mkdir(parents=True)
    (mine / "own.yaml").write_text("# @package _global_\ngrids: [{dataset: iris}]\n")
    own = said(COMMAND, "--config-dir", "mine", "experiment=own", "dry_run=true")
    assert own.startswith("own\n")
    shutil.rmtree(mine.parent)
    digest, place = said(LOADS).split()
    assert place.startswith(str(built))
    assert digest == called(sys.executable, "-c", LOADS, cwd=ROOT).split()[0]
    assert {path.suffix for path in tmp_path.rglob("*.*")} == {".npz"}, "only a cache"


@pytest.mark.long_faults
def test_a_wheel_in_an_empty_environment_trains(tmp_path):
    """Installed by uv with the extra `study`; store and tables go to the current folder."""
    uv = shutil.which("uv", path=os.path.dirname(sys.executable))
    here = tmp_path / "here"
    here.mkdir()
    called(uv, "build", "--wheel", "-o", tmp_path, ROOT, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    called(uv, "venv", "v", "--python", sys.executable, cwd=tmp_path)
    python = tmp_path / "v" / "bin" / "python"
    wanted = f"delta-rule-study[study] @ {wheel.as_uri()}"
    called(uv, "pip", "install", "--python", python, wanted, cwd=tmp_path)
    said = called(python.with_name("study"), "experiment=smoke", cwd=here)
    assert said.endswith("320 runs in data/results/smoke\nnext: study ui experiment=smoke\n")
    assert {path.name for path in here.iterdir()} == {"data", "mlflow.db", "mlartifacts"}
