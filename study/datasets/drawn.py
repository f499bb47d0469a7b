"""Datasets that are drawn: a pool of rows that stays, split anew for each seed.

The pool follows from the parameter ``draw`` and the others: one of scikit-learn's generators, a
teacher, or a part of a bundled dataset. Each seed shuffles it, splits off a test part, and spoils
a share of the training targets; test targets are never spoiled. Numbers of generators are rounded
to multiples of 2^-20, so that processors whose sums differ in the last bit make the same data.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.datasets.generated import teacher
from study.datasets.record import Array, Dataset, Raw, whole
from study.datasets.stored import WHOLE, bundled
from study.learning.variants import Parameter

GRID = 2.0**20
FEWEST_TESTS, MOST_TESTS = 200, 1000

Pool = tuple[Array, NDArray[Any]]


def split_anew(
    name: str,
    inputs: Array,
    targets: NDArray[Any],
    seed: int,
    kind: str,
    noise: float,
    draw: float = 0,
    patterns: float = np.inf,
    tests: int | None = None,
) -> Raw:
    """Split a pool (n, d) for a seed, and spoil training targets.

    Of more than `patterns` rows so many are kept, chosen by `draw`. The test part has a quarter,
    of each class where there are classes, and at most 1,000 rows; or it has `tests` rows. In a
    classification a share `noise` of the training labels becomes another class. In a regression
    `noise` is the share of the training targets' variance that is normal noise.
    """
    if len(inputs) > patterns:
        kept = np.sort(_order(int(draw), f"rows {name}", len(inputs))[: int(patterns)])
        inputs, targets = inputs[kept], targets[kept]
    rows = len(inputs)
    order = _order(seed, f"split {name}", rows)
    count = min(rows // 4, MOST_TESTS) if tests is None else tests
    test = np.zeros(rows, bool)
    classes = kind == "classification"
    groups = targets[order] if classes else np.zeros(rows)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        test[members[len(members) - round(len(members) * count / rows) :]] = True
    train, others = order[~test], order[test]
    spoil = _flipped if classes else _blurred
    spoiled = spoil(targets[train], noise, seed, name)
    return Raw(inputs[train], spoiled, inputs[others], targets[others], task=kind)


def _order(seed: int, name: str, rows: int) -> NDArray[np.intp]:
    from study.learning.seeds import generator  # brings numba: listing datasets does without

    return np.argsort(generator(seed, name).random(rows), kind="stable")


def _flipped(labels: NDArray[Any], noise: float, seed: int, name: str) -> NDArray[Any]:
    from study.learning.seeds import generator

    kinds, codes = np.unique(labels, return_inverse=True)
    wrong = _order(seed, f"flips {name}", len(labels))[: round(noise * len(labels))]
    shift = 1 + (generator(seed, f"labels {name}").random(len(wrong)) * (len(kinds) - 1)).astype(
        int
    )
    codes[wrong] = (codes[wrong] + shift) % len(kinds)
    return kinds[codes]


def _blurred(targets: NDArray[Any], noise: float, seed: int, name: str) -> NDArray[Any]:
    from study.learning.seeds import generator, normals

    deviation = np.sqrt(np.mean((targets - targets.mean(axis=0)) ** 2, axis=0))
    drawn = normals(generator(seed, f"noise {name}"), targets.shape)
    return targets + np.sqrt(noise / (1.0 - noise)) * deviation * drawn


# ---- pools


def _generated(name: str, draw: int, rows: int, own: Mapping[str, Any]) -> Pool:
    """Call a generator of scikit-learn; what it takes is in `own`."""
    import sklearn.datasets  # 2.5 seconds, hence here

    made = getattr(sklearn.datasets, name)(n_samples=rows, random_state=draw % 2**32, **own)
    return made[0], made[1]


def _classification(draw: int, rows: int, own: Mapping[str, Any]) -> Pool:
    classes, clusters = int(own["classes"]), int(own["clusters"])
    features = int(own["features"])
    # enough corners of a hypercube for all clusters
    least = int(np.ceil(np.log2(classes * clusters)))
    informative = max(least, round(own["informative"] * features))
    said = {
        **{"n_features": max(features, informative), "n_informative": informative},
        **{"n_redundant": 0, "n_classes": classes, "n_clusters_per_class": clusters},
        **{"class_sep": own["separation"], "flip_y": 0.0},
    }
    return _generated("make_classification", draw, rows, said)


def _regression(draw: int, rows: int, own: Mapping[str, Any]) -> Pool:
    features, rank = int(own["features"]), int(own["rank"])
    informative = max(1, round(own["informative"] * features))
    said = {"n_features": features, "n_informative": informative}
    return _generated("make_regression", draw, rows, said | {"effective_rank": rank or None})


def _teacher(draw: int, rows: int, own: Mapping[str, Any]) -> Pool:
    made = teacher(draw, depth=own["depth"], patterns=rows)
    return np.asarray(made.inputs), np.asarray(made.targets)


def _plainly(name: str, **renamed: str) -> Callable[[int, int, Mapping[str, Any]], Pool]:
    """Make a pool's function of a generator whose arguments are only named otherwise."""

    def pool(draw: int, rows: int, own: Mapping[str, Any]) -> Pool:
        said = {renamed[k]: int(v) if v == int(v) else v for k, v in own.items()}
        return _generated(name, draw, rows, said)

    return pool


_POOLS: dict[str, Callable[[int, int, Mapping[str, Any]], Pool]] = {
    "drawn_classification": _classification,
    "drawn_blobs": _plainly(
        "make_blobs", features="n_features", classes="centers", spread="cluster_std"
    ),
    "drawn_quantiles": _plainly(
        "make_gaussian_quantiles", features="n_features", classes="n_classes"
    ),
    "drawn_moons": _plainly("make_moons", spread="noise"),
    "drawn_circles": _plainly("make_circles", spread="noise", factor="factor"),
    "drawn_hastie": _plainly("make_hastie_10_2"),
    "drawn_regression": _regression,
    "drawn_sparse": _plainly("make_sparse_uncorrelated", features="n_features"),
    "drawn_friedman1": _plainly("make_friedman1", features="n_features"),
    "drawn_friedman2": _plainly("make_friedman2"),
    "drawn_friedman3": _plainly("make_friedman3"),
    "drawn_s_curve": _plainly("make_s_curve", spread="noise"),
    "drawn_swiss_roll": _plainly("make_swiss_roll", spread="noise"),
    "drawn_teacher": _teacher,
}


@lru_cache(maxsize=64)
def _pool(name: str, draw: int, rows: int, own: tuple[tuple[str, Any], ...]) -> Pool:
    inputs, targets = _POOLS[name](draw, rows, dict(own))
    inputs, targets = (np.rint(np.asarray(a, float) * GRID) / GRID for a in (inputs, targets))
    return inputs, targets


def _drawn(name: str, kind: str, seed: int, **values: float) -> Raw:
    """Return a generated pool of so many training patterns, split for a seed."""
    own = dict(values)
    noise, draw = own.pop("noise"), whole(f"{name}.draw", own.pop("draw"))
    train = whole(f"{name}.patterns", own.pop("patterns"))
    tests = min(max(FEWEST_TESTS, train // 3), MOST_TESTS)
    inputs, targets = _pool(name, draw, train + tests, tuple(sorted(own.items())))
    return split_anew(name, inputs, targets, seed, kind, noise, tests=tests)


def _part_of(
    seed: int, *, of: str, draw: float, rows: float, columns: float, classes: float, noise: float
) -> Raw:
    """Return a random part of a bundled dataset, split for a seed; shares are at most 1."""
    number, kind = whole("part_of.draw", draw), _KINDS[of]
    raw = bundled(of, None)
    inputs, targets = np.asarray(raw.inputs), np.asarray(raw.targets)
    if kind == "classification":
        labels = np.unique(targets)
        kept = max(2, round(classes * len(labels)))
        chosen = labels[np.sort(_order(number, f"classes {of}", len(labels))[:kept])]
        inside = np.isin(targets, chosen)
        inputs, targets = inputs[inside], targets[inside]
    width = max(2, round(columns * inputs.shape[1]))
    inputs = inputs[:, np.sort(_order(number, f"columns {of}", inputs.shape[1])[:width])]
    most = max(60, round(rows * len(inputs)))
    return split_anew(of, inputs, targets, seed, kind, noise, number, most)


# ---- records

_KINDS = {r.name: r.task for r in WHOLE if r.name != "linnerud"}  # of 20 rows no part is left
_COMMON = {
    "draw": Parameter(0, "number of the draw", 0, 2**53),
    "patterns": Parameter(400, "training patterns", 32, 1_000_000),
    "noise": Parameter(0.0, "share of labels that are wrong, or of variance", 0.0, 0.5),
}
_FEATURES = Parameter(10, "inputs", 2, 1000)
_CLASSES = Parameter(3, "how many classes", 2, 32)
_SPREAD = Parameter(0.1, "deviation of the points", 0.0, 10.0)
_INFORMATIVE = Parameter(0.5, "share of the inputs that matter", 0.0, 1.0)


def _record(name: str, kind: str, formula: str, **parameters: Parameter) -> Dataset:
    family = name.removeprefix("drawn_")
    made = "study/datasets/generated.py" if family == "teacher" else f"scikit-learn, {formula}"
    return Dataset(
        name=name,
        family=family,
        formula=f"{formula}; its random state is `draw`",
        reference="this study" if family == "teacher" else "Pedregosa et al. 2011, JMLR 12",
        source=made,
        licence="MIT, as this project" if family == "teacher" else "BSD-3-Clause",
        task=kind,
        load=partial(_drawn, name, kind),
        fresh=True,
        solved_below=0.05 if kind == "classification" else 0.1,
        parameters={**_COMMON, **parameters},
    )


DRAWN = (
    _record(
        *("drawn_classification", "classification", "make_classification"),
        features=_FEATURES,
        informative=_INFORMATIVE,
        classes=_CLASSES,
        clusters=Parameter(2, "clusters a class", 1, 8),
        separation=Parameter(1.0, "of the clusters", 0.0, 10.0),
    ),
    _record(
        *("drawn_blobs", "classification", "make_blobs"),
        features=_FEATURES,
        classes=_CLASSES,
        spread=Parameter(1.0, "deviation of the points", 0.0, 20.0),
    ),
    _record(
        *("drawn_quantiles", "classification", "make_gaussian_quantiles"),
        features=_FEATURES,
        classes=_CLASSES,
    ),
    _record("drawn_moons", "classification", "make_moons", spread=_SPREAD),
    _record(
        *("drawn_circles", "classification", "make_circles"),
        spread=_SPREAD,
        factor=Parameter(0.5, "radius of the inner circle", 0.0, 0.99),
    ),
    _record("drawn_hastie", "classification", "make_hastie_10_2"),
    _record(
        *("drawn_regression", "regression", "make_regression"),
        features=_FEATURES,
        informative=_INFORMATIVE,
        rank=Parameter(0, "effective rank of the inputs; 0 for full", 0, 1000),
    ),
    _record("drawn_sparse", "regression", "make_sparse_uncorrelated", features=_FEATURES),
    _record(
        *("drawn_friedman1", "regression", "make_friedman1"),
        features=Parameter(10, "inputs, of which five matter", 5, 1000),
    ),
    _record("drawn_friedman2", "regression", "make_friedman2"),
    _record("drawn_friedman3", "regression", "make_friedman3"),
    _record("drawn_s_curve", "regression", "make_s_curve, the place along it", spread=_SPREAD),
    _record(
        "drawn_swiss_roll", "regression", "make_swiss_roll, the place along it", spread=_SPREAD
    ),
    _record(
        *("drawn_teacher", "regression", "a random tanh net of 10 inputs and 3 outputs"),
        depth=Parameter(1, "hidden layers of 16 units in the teacher", 1, 8),
    ),
    Dataset(
        name="part_of",
        family="bundled",
        formula="a random part of a bundled dataset: rows, columns, classes",
        reference="each dataset's own: study explain digits",
        source="scikit-learn's bundled datasets",
        licence="each dataset's own",
        task="",
        load=_part_of,
        fresh=True,
        parameters={
            "of": Parameter("digits", "which dataset", choices=tuple(_KINDS)),
            "draw": _COMMON["draw"],
            "rows": Parameter(1.0, "share of the rows, training and test", 0.0, 1.0),
            "columns": Parameter(1.0, "share of the inputs", 0.0, 1.0),
            "classes": Parameter(1.0, "share of the classes", 0.0, 1.0),
            "noise": _COMMON["noise"],
        },
    ),
)
