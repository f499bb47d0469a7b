"""Generated datasets: fresh ones, other data for every seed, and two fixed ones.

Every loader of a fresh dataset makes the training part first and a test part of a quarter of its
size after it, from the same distribution and always without label noise, so that a test score
measures the rule behind the labels. Draws come from the stream (seed, name) alone: with another
noise or another share of flipped labels the points are the same.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.datasets.record import Array, Dataset, Raw, whole
from study.errors import UsageError
from study.learning.variants import Parameter

FEATURES, INFORMATIVE, SEPARATION = 20, 5, 2.0
MOON_NOISE = 0.1
TEACHER_INPUTS, TEACHER_UNITS, TEACHER_OUTPUTS, TEACHER_GAIN = 10, 16, 3, 1.5


def moons(seed: int, *, noise: float, patterns: float) -> Raw:
    """Two half circles that reach into each other, for two classes in equal number."""
    train, rows, draw = _begin("moons", seed, patterns)
    labels = np.arange(rows) % 2
    return _parts(_moons(draw, labels, noise), labels, train)


def circles(seed: int, *, noise: float, patterns: float) -> Raw:
    """Two circles around one centre, of radius 1 (class 0) and ½ (class 1)."""
    train, rows, draw = _begin("circles", seed, patterns)
    labels = np.arange(rows) % 2
    angle = 2.0 * np.pi * draw.random(rows)
    radius = np.where(labels == 0, 1.0, 0.5)
    points = np.column_stack([radius * _cos(angle), radius * _sin(angle)])
    return _parts(points + noise * _normals(draw, points.shape), labels, train)


def classification(seed: int, *, flip: float, classes: float, patterns: float) -> Raw:
    """Gaussian clusters at corners of a hypercube, two a class; a share of labels is wrong.

    Exactly round(flip · patterns) labels of the training part are replaced by another class.
    All inputs differ, so a large enough net can still reach zero residual.
    """
    train, rows, draw = _begin("classification", seed, patterns)
    kinds = whole("classification.classes", classes)
    corners = draw.permutation(2**INFORMATIVE)[: 2 * kinds]
    bits = (corners[:, None] >> np.arange(INFORMATIVE)) & 1
    centres = SEPARATION * (2.0 * bits - 1.0)  # (2 classes, informative)
    labels = np.arange(rows) % kinds
    inputs = _normals(draw, (rows, FEATURES))
    inputs[:, :INFORMATIVE] += centres[2 * labels + draw.integers(0, 2, rows)]
    order, shift = draw.permutation(train), draw.integers(1, kinds, train)
    wrong = order[: int(flip * train + 0.5)]
    labels[wrong] = (labels[wrong] + shift[wrong]) % kinds
    return _parts(inputs, labels, train)


def conflicts(seed: int, *, points: float, copies: float, flipped: float) -> Raw:
    """Points of two moons, each several times in the training part, some with the other class.

    With q = flipped / copies no net comes below the mean objective of predicting each point's
    own mean: for ½ squared error with targets 0 and 1, L* = ½ q (1 - q), while the best constant
    has 1/8 for an even number of points.
    """
    distinct, repeats = whole("conflicts.points", points), whole("conflicts.copies", copies)
    wrong = whole("conflicts.flipped", flipped)
    if 2 * wrong >= repeats:
        raise UsageError(
            f"conflicts.flipped = {wrong} leaves no majority among conflicts.copies = {repeats}: "
            f"at most {(repeats - 1) // 2}"
        )
    draw = _stream(seed, "conflicts")
    tests = max(2, distinct * repeats // 4)
    labels = np.arange(distinct + tests) % 2
    inputs = _moons(draw, labels, MOON_NOISE)
    row = np.tile(np.arange(distinct), repeats)  # copy c of point p is row c · points + p
    targets = labels[row] ^ (np.arange(len(row)) < wrong * distinct)
    order = draw.permutation(len(row))
    return Raw(inputs[row][order], targets[order], inputs[distinct:], labels[distinct:])


def friedman1(seed: int, *, noise: float, patterns: float) -> Raw:
    """Friedman's regression: five of ten uniform inputs matter, not linearly."""
    train, rows, draw = _begin("friedman1", seed, patterns)
    x = draw.random((rows, 10))
    y = 10.0 * _sin(np.pi * x[:, 0] * x[:, 1]) + 20.0 * (x[:, 2] - 0.5) ** 2
    y += 10.0 * x[:, 3] + 5.0 * x[:, 4] + noise * _normals(draw, rows)
    return _parts(x, y, train)


def teacher(seed: int, *, depth: float, patterns: float) -> Raw:
    """Regression on the outputs of a random net, for a student of the same shape to find.

    Inputs and targets are standardised afterwards like those of any regression. That costs no
    realisability: the shifts and scales of the inputs go into the first layer's weights and
    biases, those of the targets into the linear last layer's, so L* = 0 for the same shape.
    """
    from study.learning.core import fixed

    train, rows, _ = _begin("teacher", seed, patterns)
    inputs = y = _normals(_stream(seed, "teacher inputs"), (rows, TEACHER_INPUTS))
    *hidden, last = teacher_weights(seed, whole("teacher.depth", depth))
    for weights in hidden:
        y = fixed.tanh(fixed.multiplied(y, weights[:-1]) + weights[-1])
    return _parts(inputs, fixed.multiplied(y, last[:-1]) + last[-1], train)


def teacher_weights(seed: int, depth: int = 1) -> list[Array]:
    """Weights of the teacher of `seed`: 10, then `depth` times 16 tanh units, then 3 linear ones.

    One array (n_in + 1, n_out) a layer, the last row the bias. Weights are N(0, gain²/n_in) with
    gain 1.5 in hidden layers, which bends tanh without saturating it, and 1 in the last; biases
    are N(0, ¼).
    """
    draw = _stream(seed, "teacher")
    widths = [TEACHER_INPUTS, *[TEACHER_UNITS] * depth, TEACHER_OUTPUTS]
    layers = []
    for layer, (n_in, n_out) in enumerate(pairwise(widths)):
        gain = TEACHER_GAIN if layer < depth else 1.0
        weights = _normals(draw, (n_in + 1, n_out))
        weights[:-1] *= gain / np.sqrt(n_in)
        weights[-1] *= 0.5
        layers.append(weights)
    return layers


def encoder(seed: None, *, size: float) -> Raw:
    """All patterns with one unit on, to be reproduced through a narrow hidden layer."""
    patterns = np.eye(whole("encoder.size", size))
    return Raw(patterns, patterns, patterns, patterns)


def local_minima(seed: None, *, inputs: float) -> Raw:
    """Patterns for which one logistic unit has 2^inputs local minima of the squared error.

    Input i has a pattern at 1, of class 1, and one at 4 + 2i (i from 0), of class 0; all others
    are 0 there. One weight serves one of the two and saturates on the other. Each pattern has a
    mirror image of the other class, so that the bias stays 0.
    """
    count = whole("local_minima.inputs", inputs)
    near, far = np.eye(count), np.diag(4.0 + 2.0 * np.arange(count))
    points = np.vstack([near, far, -near, -far])
    labels = np.repeat([1, 0, 0, 1], count)
    return Raw(points, labels, points, labels)


def complement_encoder(seed: None, *, size: float) -> Raw:
    """All patterns with one unit off, to be reproduced through a narrow hidden layer."""
    patterns = 1.0 - np.eye(whole("complement_encoder.size", size))
    return Raw(patterns, patterns, patterns, patterns)


def xor(seed: None) -> Raw:
    """Tell whether two inputs of ±½ differ."""
    inputs = np.array([[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]])
    targets = np.array([[0.0], [1.0], [1.0], [0.0]])
    return Raw(inputs, targets, inputs, targets)


def escape(seed: int, *, inputs: float, patterns: float) -> Raw:
    """One output that should be 1 whatever the inputs, which are normal."""
    train, rows, draw = _begin("escape", seed, patterns)
    x = _normals(draw, (rows, whole("escape.inputs", inputs)))
    return _parts(x, np.ones((rows, 1)), train)


def _stream(seed: int, name: str) -> np.random.Generator:
    # brings numba, as `teacher` and the next two do, which listing datasets can do without
    from study.learning.seeds import generator

    return generator(seed, f"dataset {name}")


def _normals(draw: np.random.Generator, shape: Any) -> Array:
    from study.learning.seeds import normals

    return normals(draw, shape)


def _sin(x: Array) -> Array:
    from study.learning.core.fixed import sin

    return sin(x)


def _cos(x: Array) -> Array:
    return _sin(x + 0.5 * np.pi)


def _begin(name: str, seed: int, patterns: float) -> tuple[int, int, np.random.Generator]:
    """Return how many rows the training part has, how many both have, and what draws them."""
    train = whole(f"{name}.patterns", patterns)
    return train, train + train // 4, _stream(seed, name)


def _parts(inputs: Array, targets: NDArray[Any], train: int) -> Raw:
    return Raw(inputs[:train], targets[:train], inputs[train:], targets[train:])


def _moons(draw: np.random.Generator, labels: NDArray[Any], noise: float) -> Array:
    angle = np.pi * draw.random(len(labels))
    upper = labels == 0
    x = np.where(upper, _cos(angle), 1.0 - _cos(angle))
    y = np.where(upper, _sin(angle), 0.5 - _sin(angle))
    return np.column_stack([x, y]) + noise * _normals(draw, (len(labels), 2))


def _patterns(default: int) -> Parameter:
    return Parameter(default, "training patterns; a quarter as many for the test", 32, 1_000_000)


def _record(
    load: Callable[..., Raw], task: str, formula: str, reference: str, **said: Any
) -> Dataset:
    """Make the record of a fresh dataset, named like its loader."""
    own = {"name": load.__name__, "family": "generated", "licence": "MIT, as this project"}
    own |= {"source": "generated by study/datasets/generated.py", "task": task}
    own |= {"formula": formula, "reference": reference}
    return Dataset(load=load, **{"fresh": True, **own, **said})


_POINTS = {
    "noise": Parameter(0.1, "standard deviation of the points", 0.0, 10.0),
    "patterns": _patterns(400),
}

GENERATED = (
    _record(
        *(moons, "classification"),
        "(cos a, sin a) or (1 - cos a, ½ - sin a), a ~ U(0, π), plus noise · N(0, 1)",
        "the shape of scikit-learn's make_moons",
        parameters=_POINTS,
    ),
    _record(
        *(circles, "classification"),
        "r (cos a, sin a), r = 1 or ½, a ~ U(0, 2π), plus noise · N(0, 1)",
        "the shape of scikit-learn's make_circles",
        parameters=_POINTS,
    ),
    _record(
        *(classification, "classification"),
        "N(c, I) in 20 dimensions, c at two corners of {-2, 2}^5 a class, labels flipped",
        "after Guyon 2003, the NIPS 2003 variable selection benchmark",
        # knowing the classes but not the flips leaves 4 · 0.1 · 0.9 = 0.36 for two classes
        solved_below=0.4,
        parameters={
            "flip": Parameter(0.1, "share of training labels that are wrong", 0.0, 0.5),
            "classes": Parameter(2, "how many classes", 2, 10),
            "patterns": _patterns(800),
        },
    ),
    _record(
        *(conflicts, "classification"),
        "moons, each point `copies` times, `flipped` of them with the other class: "
        "L* = ½ q (1 - q), q = flipped / copies",
        "this study",
        parameters={
            "points": Parameter(100, "distinct training inputs", 8, 100_000),
            "copies": Parameter(5, "how often each of them stands in the training part", 1, 1000),
            "flipped": Parameter(1, "copies of each that have the other class", 0, 499),
        },
    ),
    _record(
        *(friedman1, "regression"),
        "10 sin(π x1 x2) + 20 (x3 - ½)² + 10 x4 + 5 x5 + noise · N(0, 1), x ~ U(0, 1)^10",
        "Friedman 1991, Annals of Statistics 19, 1-67",
        solved_below=0.1,  # the noise alone is 0.04, a linear fit leaves about 0.25
        parameters={
            "noise": Parameter(1.0, "standard deviation of the target", 0.0, 100.0),
            "patterns": _patterns(800),
        },
    ),
    _record(
        *(teacher, "regression"),
        "t = W' tanh(W x + b) + b', 10-16-3 (depth 1), x ~ N(0, I): L* = 0",
        "Saad & Solla 1995, Physical Review E 52, 4225-4243",
        solved_below=0.01,
        parameters={
            "depth": Parameter(1, "hidden layers of 16 units in the teacher", 1, 8),
            "patterns": _patterns(800),
        },
    ),
    _record(
        *(encoder, "multilabel"),
        "t = x, x = each of the `size` unit vectors; the test part is the training part",
        "Ackley, Hinton & Sejnowski 1985, Cognitive Science 9, 147-169",
        fresh=False,
        standardised=False,
        parameters={"size": Parameter(10, "patterns, inputs and outputs", 2, 4096)},
    ),
    _record(
        *(local_minima, "classification"),
        "±e_i of class 1 and 0, ±(4 + 2i) e_i of class 0 and 1, i from 0; the test part is the "
        "training part",
        "after Auer, Herbster & Warmuth 1995, NIPS 8, 316-322",
        fresh=False,
        standardised=False,
        parameters={"inputs": Parameter(2, "inputs, with 2 minima each", 1, 16)},
    ),
    _record(
        *(complement_encoder, "multilabel"),
        "t = x, x = 1 less each of the `size` unit vectors; the test part is the training part",
        "Fahlman 1988, CMU-CS-88-162",
        fresh=False,
        standardised=False,
        parameters={"size": Parameter(10, "patterns, inputs and outputs", 2, 4096)},
    ),
    _record(
        *(xor, "multilabel"),
        "x in {-½, ½}², t = 1 where the two differ; the test part is the training part",
        "Rumelhart, Hinton & Williams 1986",
        fresh=False,
        standardised=False,
    ),
    _record(
        *(escape, "multilabel"),
        "t = 1 for every x ~ N(0, I): how long until an output that begins at 0 passes ½",
        "this study",
        # a quarter of the squared error of the wrong target value is left in the middle
        solved_below=0.25,
        one_sided=True,
        parameters={
            "inputs": Parameter(4, "how many", 1, 10_000),
            "patterns": _patterns(32),
        },
    ),
)
