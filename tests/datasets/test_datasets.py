import hashlib
import itertools
import subprocess
import sys

import numpy as np
import pytest
from sklearn.preprocessing import LabelBinarizer, StandardScaler

from study.datasets import DATASETS, Dataset, Raw, load
from study.datasets.drawn import DRAWN
from study.datasets.prepare import split, standardise
from study.datasets.record import TASKS
from study.datasets.stored import WHOLE as BUNDLED
from study.datasets.stored import from_scikit_learn
from study.learning.variants import Record, resolve
from study.places import ROOT

POOLED = [record.name for record in DRAWN]
FRESH = [name for name, record in DATASETS.items() if record.fresh and name != "external"]
SAME = (
    "encoder",
    "complement_encoder",
    "local_minima",
    "xor",
)  # the test part is the training part
FIXED = [record.name for record in BUNDLED] + ["digits_part", *SAME]
# rows, inputs, and class counts (classification) or outputs, as the sources state them
LITERATURE = {
    "iris": (150, 4, [50, 50, 50]),
    "wine": (178, 13, [59, 71, 48]),
    "breast_cancer": (569, 30, [212, 357]),
    "digits": (1797, 64, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]),
    "diabetes": (442, 10, 1),
    "linnerud": (20, 3, 3),
}
SPLIT_10 = [8, 9, 4, 7, 2, 6, 0, 1, 3, 5]  # training rows, then test rows
SPLIT_DIGITS = "dd579a448a58039b70654bfc77d0b5c6a59a56bf8bda9a56f49b5d53dca94cb7"


# ---- records and the card


CARD = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
ROWS = [[c.strip() for c in line.strip("|").split("|")] for line in CARD.splitlines()]
CELLS = {cells[0]: cells for cells in ROWS if len(cells) > 5 and cells[0] in DATASETS}


def test_every_record_says_what_it_is():
    for name, record in DATASETS.items():
        assert record.name == name
        assert record.formula and record.reference and record.source and record.licence
        own = ("openml", "part_of", "external")  # as their data say
        assert record.task in TASKS or name in own
        assert 0 < record.solved_below < 1


@pytest.mark.parametrize("name", CELLS)
def test_the_card_says_what_the_record_and_the_data_say(name):
    record, cells = DATASETS[name], CELLS[name]
    assert cells[4] == f"{record.solved_below:g}"
    if record.family == "generated":
        assert record.source in CARD.replace("\n", " ") and record.licence in CARD
        for parameter, given in record.parameters.items():
            assert f"`{parameter}` {given.default:g}" in cells[5]
    else:
        assert cells[5:] == [record.source, record.licence]
    assert record.reference in CARD.partition("## References")[2] or name in ("moons", "circles")
    if record.family != "downloaded":
        data = load(name, seed=0)
        same = "the same " if name in SAME else ""
        assert cells[1] == f"{len(data.inputs)} + {same}{len(data.test_inputs)}"
        assert cells[2] == str(data.inputs.shape[1]) and data.task in cells[3]


# ---- what every dataset obeys


@pytest.mark.parametrize("name", FIXED + FRESH)
def test_arrays_are_plain_read_only_finite_and_standardised(name):
    data, record = load(name, seed=1), DATASETS[name]
    assert (data.name, data.solved_below) == (name, record.solved_below)
    assert data.task == record.task or not record.task
    x, t, other_x, other_t = data.inputs, data.targets, data.test_inputs, data.test_targets
    for array in (x, t, other_x, other_t):
        assert array.dtype == np.float64 and array.ndim == 2
        assert array.flags.c_contiguous and not array.flags.writeable
        assert np.isfinite(array).all()
    assert len(x) == len(t) and len(other_x) == len(other_t) > 0
    assert x.shape[1] == other_x.shape[1] and t.shape[1] == other_t.shape[1]
    for array in [x] * record.standardised + [t] * (data.task == "regression"):
        assert np.abs(array.mean(axis=0)).max() < 1e-12
        assert array.std(axis=0) == pytest.approx(np.where(np.ptp(array, axis=0) > 0, 1.0, 0.0))
    if name == "digits":
        constant = np.all(x == 0, axis=0)
        assert 1 <= constant.sum() <= 6 and not other_x[:, constant].any()


@pytest.mark.parametrize("name", LITERATURE)
def test_bundled_sizes_and_rows_that_keep_their_targets(name):
    """All rows are there, a fifth of them (of each class) in the test part, each with its own."""
    raw, data = from_scikit_learn(name), load(name)
    inputs, targets = np.asarray(raw.inputs), np.asarray(raw.targets)
    classified = data.task == "classification"
    rows, columns, outputs = LITERATURE[name]
    assert inputs.shape == (rows, columns)
    train, test = split(rows, targets if classified else None)
    assert sorted([*train, *test]) == list(range(rows))
    varies = inputs[train].std(0) > 0
    scale = StandardScaler().fit(inputs[train]).transform
    if classified:
        assert np.unique(targets, return_counts=True)[1].tolist() == outputs
        fifth = np.unique(targets[test], return_counts=True)[1].tolist()
        assert fifth == [int(n / 5 + 0.5) for n in outputs]
        encode = LabelBinarizer().fit(targets).transform
    else:
        assert data.targets.shape[1] == outputs and len(test) == round(rows / 5)
        targets = targets.reshape(rows, -1)
        encode = StandardScaler().fit(targets[train]).transform
    for chosen, got, wanted in (
        (train, data.inputs, data.targets),
        (test, data.test_inputs, data.test_targets),
    ):
        expected = scale(inputs[chosen])[:, varies]
        np.testing.assert_allclose(got[:, varies], expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(wanted, encode(targets[chosen]), rtol=1e-9, atol=1e-9)


def test_the_split_never_changes():
    train, test = split(10, None)
    assert train.tolist() == SPLIT_10[:8] and test.tolist() == SPLIT_10[8:]
    train, test = split(1797, np.asarray(from_scikit_learn("digits").targets))
    order = np.concatenate([train, test]).astype("<i8").tobytes()
    assert hashlib.sha256(order).hexdigest() == SPLIT_DIGITS


@pytest.mark.parametrize("patterns", [32, 512, 1438])
def test_a_part_of_digits_is_within_the_whole(patterns):
    """Rows of digits' own training part, all classes among them; the same test part."""
    raw = from_scikit_learn("digits")
    inputs, labels = np.asarray(raw.inputs), np.asarray(raw.targets)
    part = DATASETS["digits_part"].load(None, patterns=patterns)
    train, test = split(1797, labels)
    assert np.array_equal(part.test_inputs, inputs[test])
    assert np.array_equal(part.test_targets, labels[test])
    rows = [row.tobytes() for row in inputs]
    found = [rows.index(row.tobytes()) for row in np.asarray(part.inputs)]
    assert len(set(found)) == patterns and set(found) <= set(train)
    assert np.array_equal(part.targets, labels[found])
    shares = np.bincount(part.targets.astype(int), minlength=10) / patterns
    assert shares.max() - shares.min() <= (1 / patterns if patterns <= 1024 else 0.02)
    larger = DATASETS["digits_part"].load(None, patterns=min(2 * patterns, 1438))
    assert np.array_equal(larger.inputs[:patterns], part.inputs)
    data = load({"digits_part": {"patterns": patterns}})
    assert data.targets.shape == (patterns, 10) and data.test_targets.shape == (359, 10)


def test_standardise_survives_constant_columns():
    train = np.array([[0.1, 1.0, 5.0]] * 3)
    train[:, 1] = [1.0, 2.0, 3.0]
    got, test = standardise(train, np.array([[7.0, 4.0, -5.0]]))
    np.testing.assert_allclose(got, [[0, -(1.5**0.5), 0], [0, 0, 0], [0, 1.5**0.5, 0]], atol=1e-15)
    np.testing.assert_allclose(test, [[0, 2 / (2 / 3) ** 0.5, 0]])


# ---- seeds, digests, memory


@pytest.mark.parametrize("name", FRESH)
def test_a_seed_gives_the_same_data_and_another_one_other_data(name):
    one, again, other = load(name, seed=3), load(name, seed=3), load(name, seed=4)
    for part in ("inputs", "targets", "test_inputs"):
        assert getattr(one, part).tobytes() == getattr(again, part).tobytes()
    assert one.inputs.shape == other.inputs.shape
    assert not np.array_equal(one.inputs, other.inputs)
    if name not in POOLED:  # of a pool another seed has another part
        assert not np.isin(other.inputs[:, 0], one.inputs[:, 0]).any()
        assert not np.isin(one.test_inputs[:, 0], one.inputs[:, 0]).any()
    assert one.digest == again.digest == other.digest


def test_fresh_data_want_a_seed(refusal):
    for name, seed in itertools.product(FRESH, (None, -1, 1.5, "1", True)):
        text = refusal(load, name, seed=seed)
        assert repr(name) in text and "seed" in text


def test_digests_name_the_content(user):
    digests = [load(name, seed=0).digest for name in FIXED + FRESH]
    assert len(set(digests)) == len(digests)
    assert all(len(d) == 64 and set(d) <= set("0123456789abcdef") for d in digests)
    assert load({"moons": {"noise": 0.2}}, 0).digest != load("moons", 0).digest
    assert load({"encoder": {"size": 8}}).digest != load("encoder").digest
    raw = Raw(X, Y)
    base = load(user(raw)).digest
    assert load(user(raw)).digest == base
    nearly = Raw(np.where(X == 7, np.nextafter(X, 99), X), Y)
    for other in (user(nearly), user(raw, version=2), user(raw, solved_below=0.3)):
        assert load(other).digest != base


def test_fixed_data_stay_in_memory():
    digits = load("digits", seed=0)
    assert load("digits", seed=1) is digits
    assert load(resolve("dataset", DATASETS, "digits")) is digits


def test_listing_datasets_brings_no_heavy_import():
    heavy = "['numba', 'pandas', 'scipy', 'sklearn']"
    code = f"import sys, study.datasets; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


# ---- a user's own

XOR = Dataset(
    **{"name": "xor", "formula": "x1 != x2", "source": "four rows", "licence": "MIT"},
    **{"reference": "Rumelhart, Hinton & Williams 1986", "task": "classification"},
    load=lambda seed: Raw(*[[[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]] * 2),
)
NOT_A_DATASET = Record(name="floor", formula="max(f', c)", reference="this study")


def test_a_users_record_and_one_of_another_kind(refusal):
    text = refusal(load, {"_target_": f"{__name__}.NOT_A_DATASET"})
    assert text == "dataset takes a record of class Dataset: 'floor' is of class Record"
    data = load({"_target_": f"{__name__}.XOR"})
    assert data.name == "xor"
    assert np.array_equal(data.inputs, [[-1, -1], [-1, 1], [1, -1], [1, 1]])
    assert np.array_equal(data.targets, [[0], [1], [1], [0]])
    assert np.array_equal(data.test_inputs, data.inputs)


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
