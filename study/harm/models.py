"""What may predict an effect from what is known of a task, with intervals that are calibrated.

A model learns from tasks, and gives for others an interval and its middle: arrays (3, m).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import OneHotEncoder, StandardScaler

Array = NDArray[np.float64]
Predict = Callable[[Any], Array]

WORDS = ("kind", "objective", "activation")
PLAIN = ("depth", "noise")  # of other numbers the logarithm counts
FACTS = (
    *("patterns", "inputs", "outputs", "depth", "width", "weights", "noise", "gain"),
    *("batch_share", "updates", "epochs", *WORDS),
)
COVARIATES = {
    "facts": FACTS,
    "early": (*FACTS, "exact_early"),
    "measured": (*FACTS, "exact_early", "exact_share", "frozen_share"),
}
"""What one knows before training, a tenth into training exact, and once exact and frozen ran."""

LEVEL = 0.9  # of the intervals
ENDS = (0.05, 0.5, 0.95)  # quantiles
NEAREST = 30  # tasks
FOLDS = 10


def covariates(tasks: pd.DataFrame, which: str) -> pd.DataFrame:
    """Return a set of `COVARIATES` of tasks: words, and numbers or their log10."""
    names = list(COVARIATES[which])
    found = tasks.assign(batch_share=tasks["batch_size"] / tasks["patterns"])[names].copy()
    for name in (name for name in names if name not in WORDS):
        column: Any = found[name].astype(float)
        if name not in PLAIN:  # runs without a share failed; a net may have no hidden units
            least = 1.0 if name == "width" else 1e-9
            column = np.log10(column.fillna(1.0).clip(lower=least))
        found[name] = column
    return found


def standardised(x: pd.DataFrame) -> ColumnTransformer:
    """Return a fitted transformer: numbers in standard deviations, different words 1 apart."""
    words = [name for name in x if name in WORDS]
    numbers = [name for name in x if name not in WORDS]
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    parts = [("numbers", StandardScaler(), numbers), ("words", one_hot, words)]
    return ColumnTransformer(parts, transformer_weights={"words": 0.5**0.5}).fit(x)


def median(x: Array, y: Array) -> Predict:
    """Learn the quantiles of all tasks, whatever is known of them: the baseline."""
    return lambda new: np.tile(np.quantile(y, ENDS)[:, None], len(new))


def ridge(x: Array, y: Array) -> Predict:
    """Learn a line, with a penalty that suits tasks left out one by one."""
    line = RidgeCV(np.logspace(-1, 4, 11)).fit(x, y)
    return lambda new: np.tile(line.predict(new), (3, 1))


def neighbours(x: Array, y: Array) -> Predict:
    """Learn the quantiles of the nearest tasks."""
    near = NearestNeighbors(n_neighbors=min(NEAREST, len(y))).fit(x)
    return lambda new: np.quantile(y[near.kneighbors(new, return_distance=False)], ENDS, axis=1)


def forest(x: Array, y: Array) -> Predict:
    """Learn a random forest: its mean, and quantiles of the tasks that share its leaves.

    A task weighs, on average over trees, 1 / (tasks in the leaf), and 0 in other leaves.

    References
    ----------
    Meinshausen (2006), Quantile regression forests, JMLR 7, 983-999.
    """
    order = np.argsort(y, kind="stable")
    x, y = x[order], y[order]
    how = {"min_samples_leaf": 5, "max_features": 1 / 3, "random_state": 0}
    trees = RandomForestRegressor(100, **how).fit(x, y)
    leaves = trees.apply(x)

    def predict(new: Array) -> Array:
        weights = np.zeros((len(new), len(y)))
        for mine, theirs in zip(trees.apply(new).T, leaves.T, strict=True):
            same = mine[:, None] == theirs
            weights += same / same.sum(axis=1, keepdims=True)
        upto = np.cumsum(weights, axis=1) / len(trees.estimators_)
        low, high = (y[np.argmax(upto >= end - 1e-9, axis=1)] for end in (ENDS[0], ENDS[2]))
        return np.stack([low, trees.predict(new), high])

    return predict


MODELS = {"median": median, "ridge": ridge, "neighbours": neighbours, "forest": forest}


def learn(name: str, x: pd.DataFrame, y: Array) -> Predict:
    """Return the predictions, not calibrated, of a model that learnt from tasks."""
    scale = standardised(x)
    made = MODELS[name](scale.transform(x), y)
    return lambda new: made(scale.transform(new))


def left_out(name: str, x: pd.DataFrame, y: Array, split: Any, groups: Any) -> Array:
    """Return predictions (3, n) for each task by a model that saw no task of its group."""
    found = np.full((3, len(y)), np.nan)
    for seen, out in split.split(x, y, groups):
        found[:, out] = learn(name, x.iloc[seen], y[seen])(x.iloc[out])
    return found


def folds(draws: Any) -> GroupKFold:
    """Return the folds of a cross-validation; none splits a draw."""
    return GroupKFold(min(FOLDS, len(set(draws))))


@dataclass(frozen=True)
class Calibrated:
    """A model that learnt from tasks, with calibrated intervals."""

    model: Predict
    margin: float  # by which intervals are widened on either side
    left_out: Array  # (3, n) predictions for the same tasks when their draws were left out

    def predict(self, x: pd.DataFrame) -> Array:
        """Return low end, middle and high end (3, m); an end never passes the middle."""
        low, middle, high = self.model(x)
        low, high = np.minimum(low - self.margin, middle), np.maximum(high + self.margin, middle)
        return np.stack([low, middle, high])


def calibrated(name: str, x: pd.DataFrame, y: Array, draws: Any) -> Calibrated:
    """Learn from all tasks, and calibrate 90 % intervals on draws that were left out.

    A task's score is how far its effect y lies outside: max(low - y, y - high), as predicted from
    other draws. Intervals are widened by the 90 % quantile of the scores. Each of k draws weighs
    1 / (k + 1), shared by its tasks, and the rest is at infinity. The model is then learnt anew
    from all tasks, so that coverage is not guaranteed: it is measured on others.

    References
    ----------
    Romano, Patterson & Candès (2019), NeurIPS 32; Vovk (2015), Ann. Math. Artif. Intell. 74,
    9-28; Dunn, Wasserman & Ramdas (2023), JASA 118, 2491-2502 (pooling of groups).
    """
    out = left_out(name, x, y, folds(draws), draws)
    scores = np.maximum(out[0] - y, y - out[2])
    _, codes, sizes = np.unique(np.asarray(draws), return_inverse=True, return_counts=True)
    order = np.argsort(scores)
    weights = np.cumsum((1.0 / sizes[codes] / (len(sizes) + 1))[order])
    enough = scores[order][weights >= LEVEL - 1e-9]
    return Calibrated(learn(name, x, y), float(enough[0]) if len(enough) else np.inf, out)
