"""Datasets that scikit-learn brings or downloads: raw arrays, then kept in a cache.

Bundled ones are checked against data/checksums.json at every load. Nothing is ever unpickled.
"""

import json
import os
import warnings
import zipfile
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from functools import partial
from http.client import HTTPException
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import numpy as np

from study.datasets.prepare import raw_digest, split
from study.datasets.record import Dataset, Raw, one_line, whole
from study.errors import UsageError
from study.learning.variants import Parameter
from study.places import CARRIED, ROOT

UCI = "CC BY 4.0 (UCI Machine Learning Repository)"
SILENT = "none stated; scikit-learn distributes it under BSD-3-Clause"


def cache_folder() -> Path:
    """Return the folder of cached arrays: ``$STUDY_DATA``, else ``data/cache`` in `ROOT`."""
    given = os.environ.get("STUDY_DATA")
    return Path(given).expanduser().resolve() if given else ROOT / "data" / "cache"


def read(key: str) -> Raw | None:
    """Return the arrays stored under `key`, or None; a damaged file is a `UsageError`."""
    path = cache_folder() / f"{key}.npz"
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return Raw(stored["inputs"], stored["targets"], task=str(stored["task"]))
    except (OSError, EOFError, KeyError, ValueError, TypeError, zipfile.BadZipFile):
        raise UsageError(
            f"the cached dataset {path} is damaged: delete it and load again"
        ) from None


def write(key: str, raw: Raw) -> None:
    """Store arrays under `key`, all or nothing, whoever else writes at the same time."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{key}.{uuid4().hex}.part"
    inputs, targets, task = map(np.asarray, (raw.inputs, raw.targets, raw.task))
    try:
        with part.open("xb") as file:
            np.savez_compressed(file, inputs=inputs, targets=targets, task=task)
        part.replace(folder / f"{key}.npz")
    finally:
        part.unlink(missing_ok=True)


# ---- bundled with scikit-learn


def from_scikit_learn(name: str) -> Raw:
    """Return a bundled dataset as scikit-learn delivers it, in float64."""
    import sklearn.datasets  # 2.5 seconds, hence here

    # scikit-learn scales diabetes by default, over all rows: that would let the test part leak
    options: dict[str, Any] = {"scaled": False} if name == "diabetes" else {}
    bunch = getattr(sklearn.datasets, f"load_{name}")(**options)
    inputs, targets = (np.ascontiguousarray(a, float) for a in (bunch.data, bunch.target))
    return Raw(inputs, targets)


def remake_checksums() -> dict[str, str]:
    """Write data/checksums.json from the scikit-learn at hand and return name -> digest."""
    import sklearn

    digests = {record.name: _digest(from_scikit_learn(record.name)) for record in WHOLE}
    content = {"scikit-learn": sklearn.__version__, "sha256": digests}
    path = CARRIED / "data" / "checksums.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return digests


def bundled(name: str, seed: int | None) -> Raw:
    """Return a bundled dataset from the cache, else from scikit-learn; its digest is checked."""
    path = CARRIED / "data" / "checksums.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        made_with, expected = str(content["scikit-learn"]), str(content["sha256"][name])
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"dataset {name!r} has no digest in {path}: restore that file, or make it anew with "
            "`python -m study.datasets`"
        ) from None
    # a copy in the cache spares every process the import; its digest is checked just the same
    with suppress(UsageError):
        stored = read(name)
        if stored is not None and _digest(stored) == expected:
            return stored
    raw = from_scikit_learn(name)
    if _digest(raw) != expected:
        import sklearn

        raise UsageError(
            f"dataset {name!r} is not the one of data/checksums.json (made with scikit-learn "
            f"{made_with}, this is {sklearn.__version__}): scikit-learn may have changed it; "
            "install the version of requirements.lock, or accept the new data with "
            "`python -m study.datasets`"
        )
    with suppress(OSError):
        write(name, raw)
    return raw


def _digest(raw: Raw) -> str:
    return raw_digest(np.asarray(raw.inputs), np.asarray(raw.targets))


def digits_part(seed: int | None, *, patterns: float) -> Raw:
    """Return some rows of the training part of digits, and its test part.

    The classes take turns, so that all are equally many; smaller parts are within larger ones.
    """
    raw = bundled("digits", seed)
    inputs, labels = np.asarray(raw.inputs), np.asarray(raw.targets)
    train, test = split(len(inputs), labels)
    turn = np.empty(len(train), dtype=np.intp)
    for label in np.unique(labels):
        members = np.flatnonzero(labels[train] == label)
        turn[members] = np.arange(len(members))
    kept = train[np.argsort(turn, kind="stable")][: whole("digits_part.patterns", patterns)]
    return Raw(inputs[kept], labels[kept], inputs[test], labels[test])


# ---- downloaded by scikit-learn


def cached(name: str, key: str, fetch: Callable[[Any, str], Raw]) -> Raw:
    """Return the arrays stored under `key`, after fetching them if need be.

    ``fetch(sklearn.datasets, folder)`` downloads into a folder that is removed again: scikit-learn
    leaves pickles there, and none of them should ever be loaded from a cache. Without network, for
    a dataset that is not what it should be, and for a folder that cannot be written, it raises
    `UsageError` that has the dataset's `name`.
    """
    stored = read(key)
    if stored is not None:
        return stored
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=f"{key}.") as place:
            raw = _fetched(name, key, fetch, place)
            write(key, raw)
    except OSError as error:
        raise UsageError(
            f"dataset {name!r}: the cache folder {folder} cannot be written: {one_line(error)}"
        ) from None
    return raw


def _fetched(name: str, key: str, fetch: Callable[[Any, str], Raw], place: str) -> Raw:
    # the one line below replaces their output
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.filterwarnings("ignore", "Retry downloading")
        warnings.filterwarnings("ignore", "A network error occurred")
        try:
            import sklearn.datasets

            return fetch(sklearn.datasets, place)
        except (OSError, HTTPException) as error:
            raise UsageError(
                f"dataset {name!r} is not in the cache {cache_folder()} and cannot be downloaded "
                f"({one_line(error)}): load it once with a network, or copy {key}.npz there"
            ) from None
        except (ValueError, TypeError, ImportError) as error:
            raise UsageError(f"dataset {name!r} cannot be used: {one_line(error)}") from None


def downloaded(name: str, seed: int | None) -> Raw:
    """Return a dataset that scikit-learn has a function for."""

    def fetch(sklearn_datasets: Any, place: str) -> Raw:
        bunch = getattr(sklearn_datasets, f"fetch_{name}")(data_home=place, n_retries=1)
        return Raw(np.asarray(bunch.data), np.asarray(bunch.target))

    return cached(name, name, fetch)


def openml(seed: int | None, *, name: str, id: float) -> Raw:
    """Any dataset of openml.org with numbers as inputs.

    The target decides the task: labels (nominal values) make a classification, with classes in
    ascending order of their labels; numbers make a regression. Missing values are refused.
    """
    number = whole("openml.id", id)
    if bool(name) == bool(number):
        raise UsageError(
            "dataset 'openml' takes either a name or an id, as in {openml: {name: mnist_784}}"
        )

    def fetch(sklearn_datasets: Any, place: str) -> Raw:
        which: dict[str, Any] = {"data_id": number} if number else {"name": name}
        bunch = sklearn_datasets.fetch_openml(
            **which, data_home=place, as_frame=False, parser="auto", n_retries=1
        )
        if bunch.target is None:
            raise ValueError("it has no target column")
        data = bunch.data.toarray() if hasattr(bunch.data, "toarray") else np.asarray(bunch.data)
        target = np.asarray(bunch.target)
        if target.dtype.kind in "biuf":
            return Raw(data.astype(np.float64), target.astype(np.float64), task="regression")
        if target.ndim != 1:
            raise ValueError("it has several columns of labels")
        labels, codes = np.unique(target.astype(str), return_inverse=True)
        if len(labels) > 2 and len(labels) > len(target) // 2:
            raise ValueError(f"its {len(labels)} labels for {len(target)} rows are no classes")
        return Raw(data.astype(np.float64), codes, task="classification")

    key = f"openml-id-{number}" if number else f"openml-name-{quote(name.lower(), safe='')}"
    return cached(f"openml {number or name}", key, fetch)


# ---- records


def _known(
    name: str,
    origin: str,
    formula: str,
    reference: str,
    task: str = "classification",
    licence: str = UCI,
    **said: Any,
) -> Dataset:
    """Make the record of a dataset that a function of scikit-learn returns."""
    family, load = (
        ("bundled", bundled) if origin.startswith("load") else ("downloaded", downloaded)
    )
    own = {"name": name, "family": family, "formula": formula, "reference": reference}
    own |= {"task": task, "licence": licence, "source": f"sklearn.datasets.{origin}"}
    return Dataset(**{**own, "load": partial(load, name), **said})


WHOLE = (
    _known(
        *("iris", "load_iris (UCI 53)"),
        "150 flowers, 4 lengths in cm -> 3 species, 50 each",
        "Fisher 1936, Annals of Eugenics 7, 179-188",
    ),
    _known(
        *("wine", "load_wine (UCI 109)"),
        "178 wines, 13 chemical measurements -> 3 growers (59, 71, 48)",
        "Aeberhard, Coomans & de Vel 1992, James Cook University, TR 92-02",
    ),
    _known(
        *("breast_cancer", "load_breast_cancer (UCI 17)"),
        "569 tumours, 30 features of cell nuclei -> 212 malignant (0), 357 benign (1)",
        "Street, Wolberg & Mangasarian 1993, SPIE 1905, 861-870",
    ),
    _known(
        *("digits", "load_digits (UCI 80, its test file)"),
        "1797 handwritten digits, 8 x 8 pixels of 0 to 16 -> 10 classes",
        "Alpaydin & Kaynak 1998, Kybernetika 34, 369-374",
    ),
    _known(
        *("diabetes", "load_diabetes(scaled=False)"),
        "442 patients, 10 measurements -> disease progression after a year",
        "Efron, Hastie, Johnstone & Tibshirani 2004, Annals of Statistics 32, 407-499",
        *("regression", SILENT),
        solved_below=0.5,  # a linear fit leaves 0.48; the rest is mostly noise
    ),
    _known(
        *("linnerud", "load_linnerud"),
        "20 men, 3 exercises -> weight, waist, pulse",
        "Tenenhaus 1998, La regression PLS, Editions Technip",
        *("regression", SILENT),
        solved_below=0.5,  # 16 training rows: a linear fit leaves about 0.7
    ),
)
"""Datasets as scikit-learn delivers them; those that data/checksums.json has."""

BUNDLED = (
    *WHOLE,
    _known(
        *("digits_part", "load_digits (UCI 80, its test file)"),
        "digits with only so many `patterns` to train on, and the same test part",
        "Alpaydin & Kaynak 1998, Kybernetika 34, 369-374",
        load=digits_part,
        # at most all training patterns of digits
        parameters={"patterns": Parameter(256, "in the training part", 32, 1438)},
    ),
)

DOWNLOADED = (
    _known(
        *("california_housing", "fetch_california_housing (StatLib)"),
        "20640 districts, 8 features -> median house value",
        "Pace & Barry 1997, Statistics & Probability Letters 33, 291-297",
        *("regression", "none stated; from the 1990 census of the United States"),
        solved_below=0.4,  # a linear fit leaves 0.39
    ),
    _known(
        *("covtype", "fetch_covtype (UCI 31)"),
        "581012 patches of forest, 54 features -> 7 kinds of cover",
        "Blackard & Dean 1999, Computers and Electronics in Agriculture 24, 131-151",
        solved_below=0.5,  # classes overlap in these features
    ),
    _known(
        *("olivetti_faces", "fetch_olivetti_faces (AT&T Laboratories Cambridge)"),
        "400 faces, 64 x 64 pixels of 0 to 1 -> 40 persons, 10 faces each",
        "Samaria & Harter 1994, IEEE Workshop on Applications of Computer Vision",
        licence="none stated; credit to AT&T Laboratories Cambridge is asked for",
    ),
    _known(
        *("openml", "fetch_openml (openml.org)"),
        "the dataset of that name or id; labels -> classification, numbers -> regression",
        "Vanschoren, van Rijn, Bischl & Torgo 2014, SIGKDD Explorations 15, 49-60",
        *("", "each dataset's own, on its page at openml.org"),
        load=openml,
        solved_below=0.1,
        parameters={
            "name": Parameter("", "its name at openml.org, such as mnist_784"),
            "id": Parameter(0, "its number there; 0 to go by the name", 0, 10_000_000),
        },
    ),
)
