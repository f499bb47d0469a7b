import numpy as np
import pytest

from study.datasets import Dataset, Raw, load
from study.learning.variants import Record

XOR = Dataset(
    name="xor",
    formula="x1 != x2",
    reference="Rumelhart, Hinton & Williams 1986",
    source="four rows",
    licence="MIT",
    task="classification",
    load=lambda seed: Raw(*[[[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]] * 2),
)
NOT_A_DATASET = Record(name="floor", formula="max(f', c)", reference="this study")


def test_a_users_record():
    data = load({"_target_": f"{__name__}.XOR"})
    assert data.name == "xor"
    assert np.array_equal(data.inputs, [[-1, -1], [-1, 1], [1, -1], [1, 1]])
    assert np.array_equal(data.targets, [[0], [1], [1], [0]])
    assert np.array_equal(data.test_inputs, data.inputs)


def test_a_record_of_another_kind(refusal):
    text = refusal(load, {"_target_": f"{__name__}.NOT_A_DATASET"})
    assert text == "dataset takes a record of class Dataset: 'floor' is of class Record"


def test_a_users_arrays_stay_writeable(user):
    inputs, targets = np.eye(4), np.eye(4)
    load(user(Raw(inputs, targets, inputs, targets), "multilabel", standardised=False))
    inputs[0] = targets[0] = 9.0


X, Y = np.arange(24.0).reshape(12, 2), np.arange(12.0)
HOLE = np.where(X == 7, np.nan, X)
WRONG = {
    "nan": (Raw(HOLE, Y), "regression", "inputs hold NaN or infinity (1, first in row 3)"),
    "infinite": (Raw(X, np.where(Y == 2, np.inf, Y)), "regression", "targets hold NaN"),
    "test nan": (Raw(X, Y, HOLE, Y), "regression", "test inputs hold NaN"),
    "text": (Raw(X.astype(str), Y), "regression", "inputs hold text, not numbers"),
    "labels": (Raw(X, np.array(["a", "b"] * 6)), "classification", "targets hold text"),
    "objects": (Raw(X.astype(object), Y), "regression", "inputs hold object values"),
    "complex": (Raw(X + 1j, Y), "regression", "inputs hold complex128 values"),
    "ragged": (Raw([[1.0], [1.0, 2.0]], [1, 2]), "regression", "different lengths"),
    "flat": (Raw(Y, Y), "regression", "inputs have shape (12,), not (rows, columns)"),
    "no columns": (Raw(X[:, :0], Y), "regression", "inputs have shape (12, 0)"),
    "rows": (Raw(X, Y[:-1]), "regression", "12 rows of inputs but 11 of targets"),
    "cube": (Raw(X, np.ones((12, 1, 1))), "regression", "targets have shape (12, 1, 1)"),
    "indicators": (Raw(X, np.eye(12)), "classification", "targets have shape (12, 12)"),
    "multilabel flat": (Raw(X, Y), "multilabel", "targets have shape (12,)"),
    "one row": (Raw(X[:1], Y[:1]), "regression", "1 rows are too few: at least 2"),
    "none": (Raw(X[:0], Y[:0]), "regression", "0 rows are too few"),
    "empty test": (Raw(X, Y, X[:0], Y[:0]), "regression", "0 test rows are too few"),
    "two rows": (Raw(X[:2], Y[:2]), "regression", "too few rows to split off a fifth"),
    "one class": (Raw(X, np.full(12, 3)), "classification", "only one class (3)"),
    "new class": (Raw(X, Y % 2, X, Y % 3), "classification", "class 2 is in the test part but"),
    "fractions": (Raw(X, Y / 2), "classification", "whole numbers"),
    "halves": (Raw(X, np.full((12, 2), 0.5)), "multilabel", "0 or 1"),
    "constant": (Raw(X, X * [0, 1] + 0.1), "regression", "target column 0 is constant"),
    "constant label": (Raw(X, np.ones((12, 2))), "multilabel", "target column 0 is constant"),
    "half a test": (Raw(X, Y, test_inputs=X), "regression", "both test_inputs and test_targets"),
    "test columns": (Raw(X, Y, X[:, :1], Y), "regression", "different columns"),
    "huge": (Raw(X * 1e300, Y), "regression", "rescale"),
    "tiny": (Raw(X * 1e-300, Y), "regression", "rescale"),
    "task": (Raw(X, Y), "ranking", "task is 'ranking'"),
    "no task": (Raw(X, Y), "", "task is ''"),
    "not raw": ((X, Y), "regression", "load returned a tuple, not a Raw"),
}


@pytest.mark.parametrize("case", WRONG)
def test_data_that_cannot_be_learnt(case, refusal, user):
    raw, task, words = WRONG[case]
    text = refusal(load, user(raw, task))
    assert text.startswith("dataset 'mine': ") and words in text
