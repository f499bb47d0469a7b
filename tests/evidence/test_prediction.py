"""What predicts the outcome: correlations and predictions, against scipy and scikit-learn."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

from study.evidence.prediction import out_of_sample, rank_correlation

RANDOM = np.random.default_rng(5)
TASKS = np.repeat(["a", "b", "c", "d"], 15)
X = RANDOM.normal(size=60)
Y = 0.8 * X + RANDOM.normal(size=60)


def test_one_stratum_is_spearmans_correlation():
    one = np.full(60, "s")
    found = rank_correlation(X, Y, one, one)
    assert found.estimate == pytest.approx(spearmanr(X, Y).statistic)
    assert np.isnan(found.low) and np.isnan(found.high)  # one task alone can't be drawn anew


def test_ranks_are_within_strata():
    """A level that differs between strata alone is no correlation, nor does it hide one."""
    shift = np.repeat([0.0, 100.0, -50.0, 7.0], 15)
    plain = rank_correlation(X, Y, TASKS, TASKS)
    assert rank_correlation(X + shift, Y - shift, TASKS, TASKS) == plain
    assert plain.low < plain.estimate < plain.high and plain.low > 0
    each = [spearmanr(X[TASKS == t], Y[TASKS == t]).statistic for t in np.unique(TASKS)]
    assert plain.estimate == pytest.approx(np.mean(each))
    assert np.isnan(rank_correlation(np.ones(60), Y, TASKS, TASKS).estimate)


def test_tasks_left_out_are_predicted_as_scikit_learn_does():
    how = {"groups": TASKS, "cv": LeaveOneGroupOut()}
    predicted, means = (
        cross_val_predict(LinearRegression(), x[:, None], Y, **how) for x in (X, np.zeros(60))
    )
    expected = 1 - np.sum((Y - predicted) ** 2) / np.sum((Y - means) ** 2)
    assert out_of_sample(X, Y, TASKS) == pytest.approx(expected)
    assert out_of_sample(X, Y, TASKS) == pytest.approx(r2_score(Y, predicted), abs=0.1)
    assert out_of_sample(RANDOM.normal(size=60), Y, TASKS) < 0.1
    assert np.isnan(out_of_sample(X, Y, np.full(60, "one")))
