"""From raw arrays to data: checked, split, standardised on the training part alone, digested."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.datasets.record import TASKS, Array, Dataset, Raw
from study.errors import UsageError
from study.learning.data import Data

PREPARATION = 2  # raise it when this file makes other arrays of the same raw ones
SPLIT_SEED = 80_20


def prepare(record: Dataset, values: Mapping[str, Any], raw: Raw) -> Data:
    """Make the data of a record from its raw arrays; its parameters' values enter the digest.

    Inputs (and the targets of a regression) become (x - mean) / deviation, column by column,
    with mean and deviation (divisor n) of the training part; columns which are constant there
    become 0 in both parts. Equal rows stay equal to the bit, since each number is treated alone.

    Raises
    ------
    UsageError
        For data that cannot be learnt: not numbers, NaN or infinite, shapes that do not fit,
        fewer than 2 rows, a single class, a constant target.
    """
    name, task = record.name, raw.task or record.task
    if task not in TASKS:
        raise _error(name, f"task is {task!r}, not one of {', '.join(TASKS)}")
    inputs, targets = _checked(name, task, "", raw.inputs, raw.targets)
    parts = [inputs, targets]
    if (raw.test_inputs is None) != (raw.test_targets is None):
        raise _error(name, "a test part needs both test_inputs and test_targets")
    if raw.test_inputs is not None:
        test_inputs, test_targets = _checked(
            name, task, "test ", raw.test_inputs, raw.test_targets
        )
        parts += [test_inputs, test_targets]
        if inputs.shape[1] != test_inputs.shape[1] or targets.shape[1:] != test_targets.shape[1:]:
            raise _error(name, "training and test part have different columns")
    else:
        rows, others = split(len(inputs), targets if task == "classification" else None)
        if not len(others):
            raise _error(name, "too few rows to split off a fifth; give it a test part of its own")
        inputs, test_inputs = inputs[rows], inputs[others]
        targets, test_targets = targets[rows], targets[others]
    digest = _digest(record, task, values, None if record.fresh else raw_digest(*parts))

    if (inputs.min(axis=0) == inputs.max(axis=0)).all():
        raise _error(name, "every input column is constant in the training part: nothing to learn")
    labels: tuple[float, ...] = ()
    raw_inputs: tuple[Array, ...] = ()
    raw_targets: tuple[Array, ...] = ()
    if record.standardised:
        raw_inputs = scale = scale_of(inputs)
        inputs, test_inputs = _finite(name, "inputs", *standardise(inputs, test_inputs, scale))
    if task == "classification":
        labels = tuple(np.unique(targets).tolist())
        targets, test_targets = _indicators(name, targets, test_targets)
    else:
        targets, test_targets = _columns(targets), _columns(test_targets)
        constant = targets.min(axis=0) == targets.max(axis=0)
        nothing = constant.all() and not record.one_sided
        if nothing or (task == "regression" and constant.any()):
            where = f"target column {int(np.argmax(constant))}"
            raise _error(name, f"{where} is constant in the training part: nothing to learn")
        if task == "regression":
            raw_targets = scale = scale_of(targets)
            both = standardise(targets, test_targets, scale)
            targets, test_targets = _finite(name, "targets", *both)
    arrays = (inputs, targets, test_inputs, test_targets)
    for array in (*arrays, *raw_inputs, *raw_targets):
        array.flags.writeable = False
    said = name, task, record.solved_below, digest
    return Data(*arrays, *said, labels, raw_inputs, raw_targets)


def split(rows: int, labels: Array | None) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row numbers of the training part and of the test part, 80 to 20, the same for ever.

    With `labels` (rows,) it is a fifth of each class, else of all. Both parts are in shuffled
    order; the first training rows are a fair sample of all classes.
    """
    # raw words of a bit generator: numpy guarantees this stream, unlike that of permutation()
    order = np.argsort(np.random.PCG64(SPLIT_SEED).random_raw(rows), kind="stable")
    groups = np.zeros(rows) if labels is None else labels[order]
    test = np.zeros(rows, dtype=bool)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        # a fifth, rounded to the nearest; of the last, or the first training rows would be those
        # of the classes whose test part was full first
        test[members[len(members) - (2 * len(members) + 5) // 10 :]] = True
    return order[~test], order[test]


def scale_of(train: Array) -> tuple[Array, Array]:
    """Mean and deviation (divisor n) of columns, (d,); that of a constant one is infinite."""
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        mean = train.mean(axis=0)
        deviation = np.sqrt(np.mean((train - mean) ** 2, axis=0))
    deviation[np.isinf(deviation)] = np.nan  # the squares overflowed: x / inf would pass for 0
    deviation[train.min(axis=0) == train.max(axis=0)] = np.inf
    return mean, deviation


def standardise(
    train: Array, test: Array, scale: tuple[Array, Array] | None = None
) -> tuple[Array, Array]:
    """Both parts with mean 0 and deviation 1 of the training part; constant columns are 0."""
    mean, deviation = scale or scale_of(train)
    constant = np.isinf(deviation)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        train, test = (train - mean) / deviation, (test - mean) / deviation
    train[:, constant] = 0.0
    test[:, constant] = 0.0
    return train, test


def raw_digest(*arrays: Array) -> str:
    """SHA-256 over shapes and bytes of arrays (as little-endian float64, in C order)."""
    digest = hashlib.sha256()
    for array in arrays:
        portable = np.ascontiguousarray(array, dtype="<f8")
        digest.update(f"{portable.dtype.str}{portable.shape}".encode())
        digest.update(portable.data)
    return digest.hexdigest()


def _digest(record: Dataset, task: str, values: Mapping[str, Any], raw: str | None) -> str:
    # of the raw arrays: what is made of them is told by `preparation` and `split`
    content = {
        "name": record.name,
        "parameters": dict(values),
        "version": record.version,
        "preparation": PREPARATION,
        "split": SPLIT_SEED,
        "task": task,
        "standardised": record.standardised,
        "solved_below": record.solved_below,
        "raw": raw,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _checked(name: str, task: str, part: str, inputs: Any, targets: Any) -> tuple[Array, Array]:
    x = _numbers(name, f"{part}inputs", inputs)
    t = _numbers(name, f"{part}targets", targets)
    if x.ndim != 2 or not x.shape[1]:
        raise _error(name, f"{part}inputs have shape {x.shape}, not (rows, columns)")
    shape, valid = {
        "classification": ("(rows,), a number for each class", t.ndim == 1),
        "multilabel": ("(rows, columns)", t.ndim == 2 and t.shape[1] > 0),
        "regression": ("(rows,) or (rows, columns)", t.ndim == 1 or (t.ndim == 2 and t.size > 0)),
    }[task]
    if not valid:
        raise _error(name, f"{part}targets have shape {t.shape}; {task} takes {shape}")
    if len(x) != len(t):
        raise _error(name, f"{len(x)} rows of {part}inputs but {len(t)} of {part}targets")
    if len(x) < (1 if part else 2):
        raise _error(name, f"{len(x)} {part}rows are too few: at least {1 if part else 2}")
    for what, array in (("inputs", x), ("targets", t)):
        wrong = np.argwhere(~np.isfinite(array))
        if len(wrong):
            found = f"({len(wrong)}, first in row {wrong[0][0]})"
            raise _error(name, f"{part}{what} hold NaN or infinity {found}")
    if task == "multilabel" and not np.isin(t, (0.0, 1.0)).all():
        raise _error(name, f"{part}targets of a multilabel task are 0 or 1")
    if task == "classification" and not np.array_equal(t, np.floor(t)):
        raise _error(name, f"{part}targets of a classification are whole numbers, one a class")
    return x, t


def _numbers(name: str, what: str, value: Any) -> Array:
    try:
        array = np.asarray(value)
    except ValueError:
        raise _error(name, f"{what} have rows of different lengths") from None
    if array.dtype.kind not in "biuf":
        kind = "text" if array.dtype.kind in "US" else f"{array.dtype} values"
        raise _error(name, f"{what} hold {kind}, not numbers")
    return array.astype(np.float64, order="C")  # a copy, so that nothing of the loader's is frozen


def _columns(targets: Array) -> Array:
    return targets[:, None] if targets.ndim == 1 else targets


def _indicators(name: str, train: Array, test: Array) -> tuple[Array, Array]:
    classes = np.unique(train)
    if len(classes) < 2:
        raise _error(name, f"only one class ({classes[0]:g}) in the training part")
    for new in np.setdiff1d(test, classes):
        raise _error(name, f"class {new:g} is in the test part but not in the training part")
    shown = classes[1:] if len(classes) == 2 else classes
    one, other = ((labels[:, None] == shown).astype(np.float64) for labels in (train, test))
    return one, other


def _finite(name: str, what: str, *arrays: Array) -> tuple[Array, ...]:
    if not all(np.isfinite(array).all() for array in arrays):
        text = "are too large or too close together to standardise: rescale them"
        raise _error(name, f"{what} {text}")
    return arrays


def _error(name: str, text: str) -> UsageError:
    return UsageError(f"dataset {name!r}: {text}")
