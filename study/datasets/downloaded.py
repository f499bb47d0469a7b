"""Datasets that are downloaded once, by scikit-learn, and then read from the cache."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from http.client import HTTPException
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import numpy as np

from study.datasets import cache
from study.datasets.bundled import UCI
from study.datasets.record import Dataset, Raw, one_line, whole
from study.errors import UsageError
from study.learning.variants import Parameter


def cached(name: str, key: str, fetch: Callable[[str], Raw]) -> Raw:
    """Return the arrays stored under `key`, after fetching them if need be.

    Parameters
    ----------
    name
        How messages name the dataset.
    key
        Name of the file in the cache, without its suffix.
    fetch
        Downloads into the folder it is given, which is removed again: scikit-learn leaves
        pickles there, and none of them should ever be loaded from a cache.

    Raises
    ------
    UsageError
        Without network, for a dataset that is not what it should be, for a folder that cannot
        be written.
    """
    stored = cache.read(key)
    if stored is not None:
        return stored
    folder = cache.cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch = TemporaryDirectory(dir=folder, prefix=f"{key}.")
    except OSError as error:
        raise _unwritable(name, folder, error) from None
    # the one line below replaces their output
    with scratch as place, warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.filterwarnings("ignore", "Retry downloading")
        warnings.filterwarnings("ignore", "A network error occurred")
        try:
            raw = fetch(place)
        except (OSError, HTTPException) as error:
            raise UsageError(
                f"dataset {name!r} is not in the cache {folder} and cannot be downloaded "
                f"({one_line(error)}): load it once with a network, or copy {key}.npz there"
            ) from None
        except (ValueError, TypeError, ImportError) as error:
            raise UsageError(f"dataset {name!r} cannot be used: {one_line(error)}") from None
        try:
            cache.write(key, raw)
        except OSError as error:
            raise _unwritable(name, folder, error) from None
    return raw


def _unwritable(name: str, folder: Path, error: OSError) -> UsageError:
    return UsageError(
        f"dataset {name!r}: the cache folder {folder} cannot be written: {one_line(error)}"
    )


def _load(name: str, seed: int | None) -> Raw:
    def fetch(place: str) -> Raw:
        import sklearn.datasets

        bunch = getattr(sklearn.datasets, f"fetch_{name}")(data_home=place, n_retries=1)
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

    def fetch(place: str) -> Raw:
        import sklearn.datasets

        which: dict[str, Any] = {"data_id": number} if number else {"name": name}
        bunch = sklearn.datasets.fetch_openml(
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


def _fetched(name: str, **said: Any) -> Dataset:
    return Dataset(name=name, family="downloaded", load=partial(_load, name), **said)


RECORDS = (
    _fetched(
        "california_housing",
        formula="20640 districts, 8 features -> median house value",
        reference="Pace & Barry 1997, Statistics & Probability Letters 33, 291-297",
        source="sklearn.datasets.fetch_california_housing (StatLib)",
        licence="none stated; from the 1990 census of the United States",
        task="regression",
        solved_below=0.4,  # a linear fit leaves 0.39
    ),
    _fetched(
        "covtype",
        formula="581012 patches of forest, 54 features -> 7 kinds of cover",
        reference="Blackard & Dean 1999, Computers and Electronics in Agriculture 24, 131-151",
        source="sklearn.datasets.fetch_covtype (UCI 31)",
        licence=UCI,
        task="classification",
        solved_below=0.5,  # classes overlap in these features
    ),
    _fetched(
        "olivetti_faces",
        formula="400 faces, 64 x 64 pixels of 0 to 1 -> 40 persons, 10 faces each",
        reference="Samaria & Harter 1994, IEEE Workshop on Applications of Computer Vision",
        source="sklearn.datasets.fetch_olivetti_faces (AT&T Laboratories Cambridge)",
        licence="none stated; credit to AT&T Laboratories Cambridge is asked for",
        task="classification",
    ),
    Dataset(
        name="openml",
        family="downloaded",
        formula="the dataset of that name or id; labels -> classification, numbers -> regression",
        reference="Vanschoren, van Rijn, Bischl & Torgo 2014, SIGKDD Explorations 15, 49-60",
        source="sklearn.datasets.fetch_openml (openml.org)",
        licence="each dataset's own, on its page at openml.org",
        task="",
        load=openml,
        solved_below=0.1,
        parameters={
            "name": Parameter("", "its name at openml.org, such as mnist_784"),
            "id": Parameter(0, "its number there; 0 to go by the name", 0, 10_000_000),
        },
    ),
)
