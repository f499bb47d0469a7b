"""Datasets for the learning core: float64 arrays, split, standardised, read-only.

``load("digits")`` gives a fixed dataset, ``load({"moons": {"noise": 0.2}}, seed=3)`` a fresh one.
Your own dataset is a record; a grid names it by ``{_target_: module.record}``::

    from study.datasets import Dataset, Raw

    xor = Dataset(
        name="xor",
        formula="exclusive or",
        reference="Rumelhart, Hinton & Williams 1986",
        source="four rows",
        licence="MIT",
        task="classification",
        load=lambda seed: Raw(X, y, X, y),  # without the last two, a fifth is split off
    )
"""

from functools import lru_cache
from numbers import Integral
from typing import Any

import numpy as np

from study.datasets.drawn import DRAWN
from study.datasets.external import EXTERNAL
from study.datasets.generated import GENERATED
from study.datasets.prepare import prepare
from study.datasets.record import Dataset as Dataset
from study.datasets.record import Raw as Raw
from study.datasets.record import one_line
from study.datasets.stored import BUNDLED, DOWNLOADED
from study.datasets.stored import cache_folder as cache_folder
from study.errors import UsageError
from study.learning.data import Data as Data
from study.learning.variants import resolve

RAW = ("inputs", "targets", "test_inputs", "test_targets")
DATASETS = {
    record.name: record for record in (*BUNDLED, *GENERATED, *DRAWN, *DOWNLOADED, EXTERNAL)
}


def load(spec: Any, seed: int | None = None) -> Data:
    """Load a dataset.

    Parameters
    ----------
    spec
        A name, a name with parameters, ``{"_target_": "module.record"}``, a record or a variant.
    seed
        What a fresh dataset is generated from; fixed ones ignore it, and stay in memory.

    Raises
    ------
    UsageError
        For an unknown name or parameter, a fresh dataset without a seed, data that cannot be
        learnt, a download without network, a digest that is not the one on record.
    """
    variant = resolve("dataset", DATASETS, spec)
    record = variant.record
    values = tuple(sorted(variant.values.items()))
    if not record.fresh:
        return _fixed(record, values)
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise UsageError(
            f"dataset {record.name!r} is generated for a seed: give a whole number from 0 on, "
            f"not {seed!r}"
        )
    return _prepared(record, values, int(seed))


def _prepared(record: Dataset, values: tuple[tuple[str, Any], ...], seed: Any = None) -> Data:
    raw, name = _call_loader(record, dict(values), seed), record.name
    if not isinstance(raw, Raw):
        raise UsageError(f"dataset {name!r}: its load returned a {type(raw).__name__}, not a Raw")
    return prepare(record, dict(values), raw)


_fixed = lru_cache(maxsize=32)(_prepared)


def _call_loader(record: Dataset, values: dict[str, Any], seed: int | None) -> Any:
    """Call a loader.

    A user's own is called twice with seed 0, the seed at which a plan looks at the data. Every
    worker loads for itself, so data that differ from call to call would go unnoticed.
    """
    if DATASETS.get(record.name) is record:
        return record.load(seed, **values)
    found, mine = [], f"dataset {record.name!r}: its load"
    for _ in range(1 if seed else 2):
        try:
            with np.errstate(all="ignore"):  # `prepare` reports numbers that are not finite
                found.append(record.load(seed, **values))
        except UsageError:
            raise
        except (Exception, SystemExit) as error:  # whatever a user's function does
            text = f"{type(error).__name__}: {one_line(error)}"
            raise UsageError(f"{mine} fails: {text}") from error
    if any(isinstance(raw, Raw) and not _same(raw, found[0]) for raw in found):
        raise UsageError(
            f"{mine} gives other numbers each time: draw them from a generator of a fixed seed, "
            "or (fresh=True) of the seed it is given"
        )
    return found[0]


def _same(raw: Raw, other: Any) -> bool:
    pairs = [(getattr(raw, n), getattr(other, n)) for n in RAW if getattr(raw, n) is not None]
    try:
        return all(np.array_equal(np.asarray(a), np.asarray(b), True) for a, b in pairs)
    except (TypeError, ValueError):  # not numbers: `prepare` reports it
        return True
