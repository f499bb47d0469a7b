"""Data are never unpickled, names never become paths unchecked, telemetry is off."""

import ast
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.ablation.planning.cells import REGISTRIES
from study.ablation.store import check_name, client
from study.datasets import load, stored
from study.errors import UsageError
from study.learning.variants import NAME

STUDY = Path(stored.ROOT) / "study"


class Mine:
    """Raises an alarm where it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("something was unpickled",))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    import study.datasets

    monkeypatch.setenv("STUDY_DATA", str(tmp_path))
    study.datasets._fixed.cache_clear()
    yield tmp_path
    study.datasets._fixed.cache_clear()


@pytest.mark.parametrize("name", ["covtype", "olivetti_faces", "california_housing"])
@pytest.mark.parametrize("how", ["pickle", "objects", "text", "nothing"])
def test_a_cache_that_someone_else_wrote(folder, name, how):
    path = folder / f"{name}.npz"
    if how == "pickle":
        path.write_bytes(pickle.dumps(Mine()))
    elif how == "objects":
        objects = np.array([Mine()], dtype=object)
        with path.open("wb") as file:
            np.savez(file, inputs=objects, targets=objects, task=objects)
    else:
        path.write_text("no archive" if how == "text" else "")
    with pytest.raises(UsageError, match="is damaged: delete it and load again"):
        load(name)


def test_a_cache_that_cannot_be_written(folder, monkeypatch):
    monkeypatch.setenv("STUDY_DATA", "/proc/nope")
    with pytest.raises(UsageError, match=r"^dataset 'covtype': the cache folder /proc/nope can"):
        load("covtype")


def test_a_bundled_set_is_checked_not_trusted(folder):
    """A copy in the cache with other numbers is not used."""
    raw = stored.from_scikit_learn("iris")
    stored.write("iris", type(raw)(np.asarray(raw.inputs) + 1.0, raw.targets))
    assert np.abs(load("iris").inputs.mean(axis=0)).max() < 1e-12
    again = stored.read("iris")
    assert stored._digest(again) == stored._digest(raw), "and is replaced"


def test_scikit_learn_changed_a_dataset(folder, monkeypatch):
    """The digest says so, and the message says what to do."""
    raw = stored.from_scikit_learn("iris")
    changed = type(raw)(np.where(np.asarray(raw.inputs) == 5.1, 5.2, raw.inputs), raw.targets)
    monkeypatch.setattr(stored, "from_scikit_learn", lambda name: changed)
    with pytest.raises(UsageError) as caught:
        load("iris")
    said = str(caught.value)
    assert said.startswith("dataset 'iris' is not the one of data/checksums.json (made with sci")
    assert "requirements.lock, or accept the new data with `python -m " in said
    assert not (folder / "iris.npz").exists()


def test_no_digest_on_record(folder, monkeypatch, tmp_path):
    monkeypatch.setattr(stored, "ROOT", tmp_path)
    with pytest.raises(
        UsageError, match=r"has no digest in .*: restore that file, or make it anew"
    ):
        load("iris")


def calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_nothing_in_the_package_unpickles():
    """No pickle, joblib.load, eval or exec; np.load says allow_pickle=False."""
    files = [path for path in STUDY.rglob("*.py") if "__pycache__" not in path.parts]
    assert len(files) > 50
    loads = 0
    for path in files:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert not {"pickle", "cloudpickle", "dill", "marshal", "shelve"} & set(names), path
        for name, call in calls(tree):
            if name == "exec" and path.name == "kernels.py":
                continue  # it makes the loop around a scalar function, from the function's names
            assert name not in ("eval", "exec", "joblib.load", "pd.read_pickle", "yaml.load"), path
            if name in ("np.load", "numpy.load"):
                loads += 1
                said = {k.arg: ast.unparse(k.value) for k in call.keywords}
                assert said.get("allow_pickle") == "False", path
    assert loads


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=20))
def test_a_name_that_is_let_through_stays_in_its_folder(name):
    home = Path("/home/of/results")
    try:
        check_name(name)
    except UsageError:
        return
    place = Path(home, name)
    assert place.is_relative_to(home)
    assert ".." not in place.parts


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.from_regex(NAME, fullmatch=True))
def test_names_of_records_are_names_of_files(name):
    assert Path("/home", f"{name}.npz").parent == Path("/home")
    assert not set("/\\\n\0") & set(name)


def test_all_the_studys_own_names_are_such_names():
    names = [name for registry in REGISTRIES.values() for name in registry]
    assert len(names) > 50 and all(map(NAME.fullmatch, names))


def test_telemetry_is_off():
    """For the client; the server's environment is that of study ui."""
    assert client.QUIET["MLFLOW_DISABLE_TELEMETRY"] == "true"
    text = (STUDY / "ablation" / "commands.py").read_text(encoding="utf-8")
    assert '"MLFLOW_DISABLE_TELEMETRY": "true"' in text
    assert '"host": "127.0.0.1"' in text
