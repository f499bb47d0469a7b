"""The datasets that come with scikit-learn, checked against data/checksums.json at every load."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from study.datasets import cache
from study.datasets.prepare import raw_digest, split
from study.datasets.record import Dataset, Raw, whole
from study.errors import UsageError
from study.learning.variants import Parameter

UCI = "CC BY 4.0 (UCI Machine Learning Repository)"
SILENT = "none stated; scikit-learn distributes it under BSD-3-Clause"


def from_scikit_learn(name: str) -> Raw:
    """Return a bundled dataset as scikit-learn delivers it, in float64."""
    import sklearn.datasets  # 2.5 seconds, hence here

    # scikit-learn scales diabetes by default, over all rows: that would let the test part leak
    options: dict[str, Any] = {"scaled": False} if name == "diabetes" else {}
    bunch = getattr(sklearn.datasets, f"load_{name}")(**options)
    return Raw(
        np.ascontiguousarray(bunch.data, dtype=np.float64),
        np.ascontiguousarray(bunch.target, dtype=np.float64),
    )


def remake_checksums() -> dict[str, str]:
    """Write data/checksums.json from the scikit-learn at hand and return name -> digest."""
    import sklearn

    digests = {record.name: _digest(from_scikit_learn(record.name)) for record in WHOLE}
    content = {"scikit-learn": sklearn.__version__, "sha256": digests}
    path = cache.ROOT / "data" / "checksums.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return digests


def from_store(name: str, seed: int | None) -> Raw:
    """Return a bundled dataset from the cache, else from scikit-learn; its digest is checked.

    Raises
    ------
    UsageError
        Where the digest is not that of data/checksums.json.
    """
    made_with, expected = _expected(name)
    # a copy in the cache spares every process the import; its digest is checked just the same
    with suppress(UsageError):
        stored = cache.read(name)
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
        cache.write(name, raw)
    return raw


def _expected(name: str) -> tuple[str, str]:
    path = cache.ROOT / "data" / "checksums.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return str(content["scikit-learn"]), str(content["sha256"][name])
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"dataset {name!r} has no digest in {path}: restore that file, or make it anew with "
            "`python -m study.datasets`"
        ) from None


def _digest(raw: Raw) -> str:
    return raw_digest(np.asarray(raw.inputs), np.asarray(raw.targets))


def digits_part(seed: int | None, *, patterns: float) -> Raw:
    """Return some rows of the training part of digits, and its test part.

    The classes take turns, so that all are equally many; smaller parts are within larger ones.
    """
    raw = from_store("digits", seed)
    inputs, labels = np.asarray(raw.inputs), np.asarray(raw.targets)
    train, test = split(len(inputs), labels)
    turn = np.empty(len(train), dtype=np.intp)
    for label in np.unique(labels):
        members = np.flatnonzero(labels[train] == label)
        turn[members] = np.arange(len(members))
    kept = train[np.argsort(turn, kind="stable")][: whole("digits_part.patterns", patterns)]
    return Raw(inputs[kept], labels[kept], inputs[test], labels[test])


def _bundled(name: str, task: str, licence: str, **said: Any) -> Dataset:
    loader = partial(from_store, name)
    return Dataset(
        name=name, family="bundled", task=task, licence=licence, **{"load": loader, **said}
    )


WHOLE = (
    _bundled(
        *("iris", "classification", UCI),
        formula="150 flowers, 4 lengths in cm -> 3 species, 50 each",
        reference="Fisher 1936, Annals of Eugenics 7, 179-188",
        source="sklearn.datasets.load_iris (UCI 53)",
    ),
    _bundled(
        *("wine", "classification", UCI),
        formula="178 wines, 13 chemical measurements -> 3 growers (59, 71, 48)",
        reference="Aeberhard, Coomans & de Vel 1992, James Cook University, TR 92-02",
        source="sklearn.datasets.load_wine (UCI 109)",
    ),
    _bundled(
        *("breast_cancer", "classification", UCI),
        formula="569 tumours, 30 features of cell nuclei -> 212 malignant (0), 357 benign (1)",
        reference="Street, Wolberg & Mangasarian 1993, SPIE 1905, 861-870",
        source="sklearn.datasets.load_breast_cancer (UCI 17)",
    ),
    _bundled(
        *("digits", "classification", UCI),
        formula="1797 handwritten digits, 8 x 8 pixels of 0 to 16 -> 10 classes",
        reference="Alpaydin & Kaynak 1998, Kybernetika 34, 369-374",
        source="sklearn.datasets.load_digits (UCI 80, its test file)",
    ),
    _bundled(
        *("diabetes", "regression", SILENT),
        formula="442 patients, 10 measurements -> disease progression after a year",
        reference="Efron, Hastie, Johnstone & Tibshirani 2004, Annals of Statistics 32, 407-499",
        source="sklearn.datasets.load_diabetes(scaled=False)",
        solved_below=0.5,  # a linear fit leaves 0.48; the rest is mostly noise
    ),
    _bundled(
        *("linnerud", "regression", SILENT),
        formula="20 men, 3 exercises -> weight, waist, pulse",
        reference="Tenenhaus 1998, La regression PLS, Editions Technip",
        source="sklearn.datasets.load_linnerud",
        solved_below=0.5,  # 16 training rows: a linear fit leaves about 0.7
    ),
)
"""Datasets as scikit-learn delivers them; those that data/checksums.json has."""

RECORDS = (
    *WHOLE,
    _bundled(
        *("digits_part", "classification", UCI),
        formula="digits with only so many `patterns` to train on, and the same test part",
        reference="Alpaydin & Kaynak 1998, Kybernetika 34, 369-374",
        source="sklearn.datasets.load_digits (UCI 80, its test file)",
        load=digits_part,
        # at most all training patterns of digits
        parameters={"patterns": Parameter(256, "in the training part", 32, 1438)},
    ),
)
