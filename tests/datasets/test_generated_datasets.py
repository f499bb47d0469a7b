from functools import partial

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsClassifier

from study.datasets import DATASETS, load
from study.datasets.generated import teacher_weights

# sums of the sixth input row and of the first 50 targets, for seed 7
DRAWN = {
    "moons": (0.8771130246299882, 25.0),
    "circles": (-0.33509897833463365, 25.0),
    "classification": (10.84012819433951, 23.0),
    "conflicts": (1.4197417198275728, 19.0),
    "friedman1": (3.4851031270784034, 721.4384810845407),
    "escape": (2.2953970796118357, 32.0),
    "teacher": (-3.0969318068749114, -55.25535279616693),
}


def arrays(name, seed=0, **values):
    """All inputs and targets that the generator draws."""
    raw = DATASETS[name].load(seed, **values)
    return np.asarray(raw.inputs), np.asarray(raw.targets)


@pytest.mark.parametrize("name", DRAWN)
def test_draws_change_with_the_version_only(name):
    """If this fails on purpose, raise the record's version and renew the numbers."""
    record = DATASETS[name]
    assert record.version == 1
    x, t = arrays(name, 7, **{key: given.default for key, given in record.parameters.items()})
    assert (x[5].sum(), t[:50].sum()) == pytest.approx(DRAWN[name], rel=1e-9)


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("seed", [0, 11])
def test_a_student_of_the_teachers_shape_reaches_zero(seed, depth):
    data = load({"teacher": {"depth": depth}}, seed=seed)
    x, t = arrays("teacher", seed, depth=depth, patterns=800)
    assert x.shape == (800, 10) and t.shape == (800, 3)
    student = [w.copy() for w in teacher_weights(seed, depth)]
    assert [w.shape for w in student] == [(11, 16), *[(17, 16)] * (depth - 1), (17, 3)]
    # x = mean + deviation · x', so the first layer takes W' = deviation · W, b' = b + mean · W
    student[0][-1] += x.mean(0) @ student[0][:-1]
    student[0][:-1] *= x.std(0)[:, None]
    student[-1][-1] -= t.mean(0)
    student[-1] /= t.std(0)
    y, targets = np.vstack([data.inputs, data.test_inputs]), [data.targets, data.test_targets]
    for layer, w in enumerate(student):
        y = y @ w[:-1] + w[-1]
        y = np.tanh(y) if layer < depth else y
    assert np.mean((y - np.vstack(targets)) ** 2) < 1e-20
    # not a linear task in disguise
    training = data.inputs, data.targets
    assert LinearRegression().fit(*training).score(*training) < 0.95


@pytest.mark.parametrize(
    ("points", "copies", "flipped"), [(100, 5, 1), (40, 2, 0), (9, 7, 3), (64, 3, 1)]
)
def test_conflicts_have_their_analytic_floor(points, copies, flipped):
    spec = {"conflicts": {"points": points, "copies": copies, "flipped": flipped}}
    data = load(spec, seed=2)
    assert data.inputs.shape == (points * copies, 2)
    groups = {}
    for x, t in zip(data.inputs, data.targets[:, 0], strict=True):
        groups.setdefault(x.tobytes(), []).append(t)
    assert len(groups) == points and {len(g) for g in groups.values()} == {copies}
    least = np.mean([0.5 * np.var(targets) for targets in groups.values()])
    q = flipped / copies
    assert least == pytest.approx(0.5 * q * (1 - q), abs=1e-12)
    assert not {x.tobytes() for x in data.test_inputs} & set(groups)
    # the majority is the moons' own class: nearest training point tells it for almost all others
    places = np.array([np.frombuffer(key) for key in groups])
    majority = [round(np.mean(targets)) for targets in groups.values()]
    nearest = KNeighborsClassifier(1).fit(places, majority)
    hits = nearest.score(data.test_inputs, data.test_targets[:, 0])
    assert hits > (0.9 if points >= 40 else 0.5)


@pytest.mark.parametrize("flip", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_label_noise_is_the_stated_share_of_the_training_part(flip, classes):
    make = partial(DATASETS["classification"].load, 6, classes=classes, patterns=500)
    clean, noisy = make(flip=0.0), make(flip=flip)
    assert np.array_equal(clean.inputs, noisy.inputs)
    assert np.sum(np.asarray(clean.targets) != np.asarray(noisy.targets)) == round(flip * 500)
    assert np.array_equal(clean.test_targets, noisy.test_targets)
    assert set(np.asarray(noisy.targets)) == set(range(classes))
    # the rule behind the labels: most test points lie in a training cluster of their class
    nearest = KNeighborsClassifier(1).fit(np.asarray(clean.inputs)[:, :5], clean.targets)
    assert nearest.score(np.asarray(clean.test_inputs)[:, :5], clean.test_targets) > 0.75


def test_shapes_of_moons_circles_friedman_and_the_encoder():
    (x, y), targets = (a.T for a in arrays("moons", noise=0.0, patterns=100))
    upper = targets == 0
    np.testing.assert_allclose(np.hypot(x[upper], y[upper]), 1)
    np.testing.assert_allclose(np.hypot(x[~upper] - 1, y[~upper] - 0.5), 1)
    assert (y[upper] >= 0).all() and (y[~upper] <= 0.5).all()
    x, targets = arrays("circles", noise=0.0, patterns=100)
    np.testing.assert_allclose(np.hypot(*x.T), np.where(targets == 0, 1.0, 0.5))
    for name in ("moons", "circles"):
        assert load(name, seed=0).targets.sum() == 200
        one, zero = (arrays(name, noise=noise, patterns=4000)[0] for noise in (0.1, 0.0))
        assert np.std(one - zero) == pytest.approx(0.1, rel=0.05)
    x, targets = (a.T for a in arrays("friedman1", noise=0.0, patterns=50))
    wanted = 10 * np.sin(np.pi * x[0] * x[1]) + 20 * (x[2] - 0.5) ** 2 + 10 * x[3] + 5 * x[4]
    np.testing.assert_allclose(targets, wanted, rtol=1e-12)
    assert x.shape == (10, 50)
    data = load({"encoder": {"size": 8}})
    for array in (data.inputs, data.targets, data.test_inputs, data.test_targets):
        assert np.array_equal(array, np.eye(8))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"encoder": {"size": 2.5}}, ["encoder.size", "whole number"]),
        ({"moons": {"patterns": 100.5}}, ["moons.patterns", "whole number"]),
        ({"moons": {"noise": -1}}, ["moons.noise", "out of range"]),
        ("digit", ["digit", "Did you mean 'digits'"]),
        ({"conflicts": {"copies": 4, "flipped": 2}}, ["majority", "at most 1"]),
        ({"conflicts": {"copies": 1, "flipped": 1}}, ["majority", "at most 0"]),
    ],
)
def test_wrong_specifications(spec, words, refusal):
    text = refusal(load, spec, seed=0)
    assert all(word in text for word in words)
