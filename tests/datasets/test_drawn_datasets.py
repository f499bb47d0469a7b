"""Drawn datasets: pools of scikit-learn's generators, split anew for each seed."""

import numpy as np
import pytest
import sklearn.datasets

from study.datasets import DATASETS, load
from study.datasets.drawn import DRAWN, GRID, split_anew

NAMES = [record.name for record in DRAWN]
CLASSES = [record.name for record in DRAWN if record.task == "classification"]


def rows(*arrays):
    return {row.tobytes() for array in arrays for row in np.ascontiguousarray(array)}


def raw(name, seed, **values):
    record = DATASETS[name]
    usual = {key: given.default for key, given in record.parameters.items()}
    return record.load(seed, **{**usual, **values})


@pytest.mark.parametrize("name", NAMES)
def test_the_pool_stays_and_its_split_follows_the_seed(name):
    one, same, other = (raw(name, seed, draw=5) for seed in (1, 1, 2))
    elsewhere = raw(name, 1, draw=6)
    assert np.array_equal(one.inputs, same.inputs) and np.array_equal(one.targets, same.targets)
    assert rows(one.inputs, one.test_inputs) == rows(other.inputs, other.test_inputs)
    assert not np.array_equal(one.inputs, other.inputs)
    assert not rows(one.inputs) & rows(one.test_inputs) or name == "part_of"  # digits may repeat
    assert elsewhere.inputs.shape[1] == one.inputs.shape[1]
    if name != "part_of":
        assert not rows(one.inputs) & rows(elsewhere.inputs)
        assert np.array_equal(np.rint(one.inputs * GRID), one.inputs * GRID)


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_is_in_both_parts_in_its_share(name):
    found = raw(name, 3, draw=2)
    kinds, train = np.unique(found.targets, return_counts=True)
    tested, test = np.unique(found.test_targets, return_counts=True)
    assert np.array_equal(kinds, tested)
    np.testing.assert_allclose(train / train.sum(), test / test.sum(), atol=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_noise_is_the_stated_share_of_the_training_part_alone(name):
    clean, noisy = (raw(name, 4, draw=9, noise=noise) for noise in (0.0, 0.2))
    assert np.array_equal(clean.inputs, noisy.inputs)
    assert np.array_equal(clean.test_targets, noisy.test_targets)
    if clean.task == "classification":
        wrong = np.mean(clean.targets != noisy.targets)
        assert wrong == pytest.approx(0.2, abs=0.5 / len(clean.targets))
    else:  # a fifth of the variance of what is learnt
        added = np.var(noisy.targets - clean.targets, axis=0)
        np.testing.assert_allclose(added / (added + np.var(clean.targets, axis=0)), 0.2, atol=0.05)


def test_pools_are_those_of_scikit_learn():
    found = raw("drawn_blobs", 0, draw=11, patterns=100, features=3, classes=4, spread=0.5)
    made, labels = sklearn.datasets.make_blobs(
        300, n_features=3, centers=4, cluster_std=0.5, random_state=11
    )
    wanted = {tuple(x): y for x, y in zip(np.rint(made * GRID) / GRID, labels, strict=True)}
    together = np.vstack([found.inputs, found.test_inputs])
    targets = np.concatenate([found.targets, found.test_targets])
    assert len(together) == 300
    assert all(wanted[tuple(x)] == y for x, y in zip(together, targets, strict=True))


@pytest.mark.parametrize(("of", "inputs"), [("iris", 4), ("digits", 64), ("diabetes", 10)])
def test_a_part_of_a_bundled_dataset_is_a_part_of_it(of, inputs):
    spec = {"of": of, "draw": 3, "rows": 0.5, "columns": 0.5, "classes": 0.5}
    whole = getattr(sklearn.datasets, f"load_{of}")()
    data = load({"part_of": spec}, seed=1)
    assert data.inputs.shape[1] == inputs // 2
    kinds = len(np.unique(whole.target)) if data.task == "classification" else 0
    if kinds > 2:
        assert len(data.labels) == max(2, round(kinds / 2))
    # scikit-learn's diabetes are scaled by default, which moves no row
    assert len(data.inputs) + len(data.test_inputs) <= 0.5 * len(whole.data) + 1


def test_more_rows_than_asked_for_are_left_out_by_the_draw():
    x = np.arange(1000.0)[:, None]
    kept = [
        split_anew("line", x, x[:, 0], seed, "regression", 0.0, draw, 100)
        for seed, draw in ((1, 1), (2, 1), (1, 2))
    ]
    found = [rows(raw.inputs, raw.test_inputs) for raw in kept]
    assert found[0] == found[1] != found[2] and len(found[0]) == 100
    assert len(kept[0].inputs) == 75
