"""Parts of bundled datasets: fewer patterns to train on, the same ones to test on."""

from __future__ import annotations

import numpy as np

from study.datasets.bundled import UCI, from_store
from study.datasets.prepare import split
from study.datasets.record import Dataset, Raw, whole
from study.learning.variants import Parameter

MOST = 1438  # training patterns of digits


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


RECORDS = (
    Dataset(
        name="digits_part",
        family="bundled",
        formula="digits with only so many `patterns` to train on, and the same test part",
        reference="Alpaydin & Kaynak 1998, Kybernetika 34, 369-374",
        source="sklearn.datasets.load_digits (UCI 80, its test file)",
        licence=UCI,
        task="classification",
        load=digits_part,
        parameters={"patterns": Parameter(256, "in the training part", 32, MOST)},
    ),
)
