import hashlib
import json
import pickle
import runpy
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
import sklearn.datasets
from scipy.sparse import csr_matrix

import study.datasets
from study.datasets import load, stored
from study.datasets.stored import WHOLE as BUNDLED
from study.places import ROOT

# ---- checksums, and caches that others wrote


def test_checksums_cover_the_bundled_datasets():
    content = json.loads((ROOT / "data" / "checksums.json").read_text(encoding="utf-8"))
    assert set(content["sha256"]) == {record.name for record in BUNDLED}
    raw = sklearn.datasets.load_iris()
    inputs, targets = (array.astype("<f8").tobytes() for array in (raw.data, raw.target))
    digest = hashlib.sha256(b"<f8(150, 4)" + inputs + b"<f8(150,)" + targets).hexdigest()
    assert content["sha256"]["iris"] == digest


def test_the_checksums_can_be_remade(tmp_path, monkeypatch, capsys, refusal):
    monkeypatch.setattr(stored, "CARRIED", tmp_path)
    path = tmp_path / "data" / "checksums.json"
    path.parent.mkdir()
    path.write_text("not json", encoding="utf-8")
    assert "'iris'" in refusal(load, "iris")
    runpy.run_module("study.datasets", run_name="__main__")
    assert path.read_bytes() == (ROOT / "data" / "checksums.json").read_bytes()
    assert len(capsys.readouterr().out.splitlines()) == len(BUNDLED)
    load("iris")


def test_bundled_ones_do_without_a_cache(empty_cache, monkeypatch, tmp_path):
    wanted = load("wine")
    path = empty_cache / "wine.npz"
    path.write_bytes(path.read_bytes()[:100])  # damaged
    (tmp_path / "file").touch()
    for folder in (empty_cache, tmp_path / "file"):  # nothing can be written there
        monkeypatch.setenv("STUDY_DATA", str(folder))
        study.datasets._fixed.cache_clear()
        assert load("wine").inputs.tobytes() == wanted.inputs.tobytes()
    assert [p.name for p in empty_cache.iterdir()] == ["wine.npz"]


class Mine:
    """Raises an alarm where it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("something was unpickled",))


@pytest.mark.parametrize("name", ["covtype", "olivetti_faces", "california_housing"])
def test_a_cache_that_someone_else_wrote(empty_cache, name, refusal):
    empty_cache.mkdir()
    path = empty_cache / f"{name}.npz"
    objects = np.array([Mine()], dtype=object)
    np.savez(path, inputs=objects, targets=objects, task=objects)
    for content in (path.read_bytes(), pickle.dumps(Mine()), b"no archive", b""):
        path.write_bytes(content)
        assert "is damaged: delete it and load again" in refusal(load, name)


def test_a_bundled_set_is_checked_not_trusted(empty_cache):
    """A copy in the cache with other numbers is not used."""
    raw = stored.from_scikit_learn("iris")
    stored.write("iris", type(raw)(np.asarray(raw.inputs) + 1.0, raw.targets))
    assert np.abs(load("iris").inputs.mean(axis=0)).max() < 1e-12
    again = stored.read("iris")
    assert stored._digest(again) == stored._digest(raw), "and is replaced"


def test_other_data_than_the_digest_s_or_no_digest(empty_cache, monkeypatch, tmp_path, refusal):
    """The digest says so, and the message says what to do."""
    raw = stored.from_scikit_learn("iris")
    changed = type(raw)(np.where(np.asarray(raw.inputs) == 5.1, 5.2, raw.inputs), raw.targets)
    monkeypatch.setattr(stored, "from_scikit_learn", lambda name: changed)
    said = refusal(load, "iris")
    assert said.startswith("dataset 'iris' is not the one of data/checksums.json (made with sci")
    assert "requirements.lock, or accept the new data with `python -m " in said
    assert not (empty_cache / "iris.npz").exists()
    monkeypatch.setattr(stored, "CARRIED", tmp_path)
    said = refusal(load, "iris")
    assert "has no digest in " in said and ": restore that file, or make it anew" in said


def test_a_cache_that_cannot_be_written(monkeypatch, refusal):
    monkeypatch.setenv("STUDY_DATA", "/proc/nope")
    said = refusal(load, "covtype")
    assert said.startswith("dataset 'covtype': the cache folder /proc/nope can")


# ---- downloads


def offline(*_, **__):
    raise URLError("Name or service\nnot known")


@pytest.fixture
def served(monkeypatch):
    """Let scikit-learn's downloads of a name give these arrays; return the options of each."""

    def serve(name, data, target):
        def fetch(*, data_home, **options):
            (Path(data_home) / "something.pkz").touch()
            calls.append(options)
            return SimpleNamespace(data=data, target=target)

        calls = []
        monkeypatch.setattr(sklearn.datasets, f"fetch_{name}", fetch)
        return calls

    for name in ("california_housing", "covtype", "olivetti_faces", "openml"):
        monkeypatch.setattr(sklearn.datasets, f"fetch_{name}", offline)
    return serve


X, Y = np.arange(24.0).reshape(12, 2), np.arange(12.0)
HOLE = np.where(X == 7, np.nan, X)
RNG = np.random.default_rng(0)
LABELS = np.array(["7", "3", "5"] * 10, dtype=object)
SOME = {"openml": {"name": "some"}}
DOWNLOADS = {  # arrays, and the shapes of the training part
    "california_housing": (RNG.normal(size=(40, 8)), RNG.normal(size=40), (32, 8), 1),
    "covtype": (RNG.normal(size=(70, 54)), np.arange(70) % 7 + 1, (56, 54), 7),
    "olivetti_faces": (RNG.random((20, 16), np.float32), np.arange(20) // 10, (16, 16), 1),
    "openml": (RNG.normal(size=(30, 4)), LABELS, (24, 4), 3),
}


@pytest.mark.parametrize("name", DOWNLOADS)
def test_downloaded_once_and_then_read_from_the_cache(name, served, monkeypatch, empty_cache):
    data, target, shape, outputs = DOWNLOADS[name]
    calls = served(name, data, target)
    spec, key = (SOME, "openml-name-some") if name == "openml" else (name, name)
    first = load(spec)
    assert first.inputs.shape == shape and first.targets.shape == (shape[0], outputs)
    assert first.inputs.dtype == np.float64
    assert [p.name for p in empty_cache.iterdir()] == [f"{key}.npz"]
    monkeypatch.setattr(sklearn.datasets, f"fetch_{name}", offline)
    study.datasets._fixed.cache_clear()
    second = load(spec)
    assert len(calls) == 1 and first.digest == second.digest
    assert first.inputs.tobytes() == second.inputs.tobytes()
    assert first.targets.tobytes() == second.targets.tobytes()


def test_without_network_one_line(served, empty_cache, capfd, refusal):
    for spec, name, key in (
        *((name, name, name) for name in DOWNLOADS if name != "openml"),
        ({"openml": {"name": "mnist_784"}}, "openml mnist_784", "openml-name-mnist_784"),
        ({"openml": {"name": "../../up"}}, "openml ../../up", "openml-name-..%2F..%2Fup"),
        ({"openml": {"id": 61}}, "openml 61", "openml-id-61"),
    ):
        text = refusal(load, spec)
        assert f"dataset {name!r}" in text and str(empty_cache) in text and f"{key}.npz" in text
        assert "Name or service not known" in text
    assert list(empty_cache.iterdir()) == []
    assert capfd.readouterr() == ("", "")
    load("iris")  # and nothing else breaks


def test_the_cache_folder(monkeypatch, tmp_path):
    assert study.datasets.cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("STUDY_DATA")
    assert study.datasets.cache_folder() == ROOT / "data" / "cache"
    assert (ROOT / "pyproject.toml").is_file()


def test_the_target_decides_the_task_of_openml(served):
    by_name = served("openml", DOWNLOADS["openml"][0], LABELS)
    labels = load(SOME)
    assert labels.task == "classification"
    assert by_name[0]["name"] == "some" and "data_id" not in by_name[0]
    assert load({"openml": {"name": "Some"}}).digest != labels.digest  # one file, two names
    by_id = served("openml", csr_matrix(np.eye(30)), RNG.normal(size=30))
    numbers = load({"openml": {"id": 61}})
    assert numbers.task == "regression" and numbers.targets.shape == (24, 1)
    assert numbers.inputs.shape == (24, 30)  # sparse ones, too
    assert by_id[0]["data_id"] == 61 and "name" not in by_id[0]


UNUSABLE = {
    "'openml some' cannot be used: it has no target": (X, None),
    "several columns": (X, np.array([["a", "b"]] * 12, dtype=object)),
    "12 labels for 12 rows": (X, np.array(list("abcdefghijkl"), dtype=object)),
    "could not convert": (np.array([["u", "v"]] * 12, dtype=object), Y),
    "NaN": (HOLE, Y),
}


@pytest.mark.parametrize("words", UNUSABLE)
def test_openml_that_cannot_be_used(words, served, refusal):
    served("openml", *UNUSABLE[words])
    assert words in refusal(load, SOME)
    for spec in ({}, {"name": "a", "id": 3}):
        assert "either a name or an id" in refusal(load, {"openml": spec})
