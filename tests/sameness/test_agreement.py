"""Verdicts against synthetic perturbations, scipy's intervals and closed forms."""

import math

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from study.ablation.publishing import agreement
from study.ablation.publishing.agreement import BIT, DIFFERENT, MARGIN, WITHIN, judge

SEEDS = 12


def runs(scores, failed=None, seeds=None, rate=0.1):
    """A cell's trainings: three of tuning, and these evaluated."""
    scores = np.asarray(scores, dtype=float)
    seeds = list(range(2001, 2001 + len(scores))) if seeds is None else seeds
    failed = [False] * len(scores) if failed is None else list(failed)
    count = len(scores)
    return pa.table(
        {
            "replica": [f"tune/{rate}/{s}" for s in (1, 2, 3)]
            + [f"evaluate/{rate}/{s}" for s in seeds],
            "stage": ["tune"] * 3 + ["evaluate"] * count,
            "seed": [1, 2, 3, *seeds],
            "score": np.concatenate([[-0.1, -0.2, -0.3], scores]),
            "test_score": np.r_[np.full(3, np.nan), np.linspace(0.5, 1, count)],
            "failed": [False] * 3 + failed,
            "outcome": ["plateau"] * 3 + ["stuck" if f else "plateau" for f in failed],
        }
    )


@pytest.fixture
def scores():
    return np.random.default_rng(3).normal(-1.5, 0.3, SEEDS)


def test_the_same(scores):
    """Whatever the order of rows and columns, and with a column that no row fills."""
    table = runs(scores)
    turned = table.take(list(range(len(table)))[::-1]).select(table.column_names[::-1])
    empty = table.append_column("gradient.minimum", pa.nulls(len(table), pa.float64()))
    for other in (runs(scores.copy()), turned, empty):
        assert judge(table, other, 1) == judge(other, table, 1) == agreement.Verdict(BIT)


@pytest.mark.parametrize("where", [0, 4, -1])
def test_one_bit_of_one_number(scores, where):
    """In tuning too; it is seen, and is within the interval."""
    for column in ("score", "test_score"):
        table = runs(scores)
        values = table[column].to_numpy().copy()
        if math.isnan(values[where]):
            continue
        values[where] = np.nextafter(values[where], 9.0)
        at = table.column_names.index(column)
        verdict = judge(table, table.set_column(at, column, pa.array(values)), 1)
        assert verdict.word == WITHIN
        assert "scores differ by" in verdict.reason


def test_noise_of_rounding(scores):
    """Also a bias: all scores move by the same, which is significant and of no consequence."""
    noise = np.random.default_rng(5).normal(0, 1e-6, SEEDS)
    for moved in (scores + noise, scores - 1e-7):
        assert judge(runs(scores), runs(moved), 20).word == WITHIN
    scores[0] = 0.0
    minus = np.where(scores == 0.0, -0.0, scores)
    assert judge(runs(scores), runs(minus), 1).word == WITHIN, "-0 has other bits than 0"
    assert judge(runs(scores), runs(scores + 1e-9, rate=0.3), 1).word == WITHIN, "another rate"


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_shift_of_the_mean(scores, sign):
    noise = np.random.default_rng(5).normal(0, 0.05, SEEDS)
    verdict = judge(runs(scores), runs(scores + noise + sign * 0.3), 20)
    assert verdict.word == DIFFERENT
    assert verdict.reason.endswith(f"beyond ±{MARGIN:.3f}")
    small = judge(runs(scores), runs(scores + noise + sign * 0.01), 20)
    assert small.word == WITHIN


def test_other_seeds(scores):
    other = runs(scores, seeds=list(range(1, SEEDS + 1)))
    assert judge(runs(scores), other, 1) == agreement.Verdict(DIFFERENT, "other evaluation seeds")
    assert judge(runs(scores), runs(scores[:-1]), 1).word == DIFFERENT


def test_outcomes_that_change():
    """Scores at 0 all along, so that failures alone speak."""
    zeros, none = np.zeros(20), np.zeros(20, bool)
    assert judge(runs(zeros, none), runs(zeros, ~none), 1) == agreement.Verdict(
        DIFFERENT, "0 of 20 failed, now 20"
    )
    few = none.copy()
    few[:3] = True
    assert judge(runs(zeros, none), runs(zeros, few), 1).word == WITHIN


def test_the_interval_is_students():
    d = np.random.default_rng(8).normal(0.1, 1.0, 15)
    for level in (0.05, 1e-4):
        wanted = stats.ttest_1samp(d, 0.0).confidence_interval(1.0 - level)
        np.testing.assert_allclose(agreement.interval(d, level), tuple(wanted), rtol=1e-10)
    assert agreement.interval([0.4], 0.01) == (-math.inf, math.inf)
    assert agreement.interval([0.0], 0.01) == (0.0, 0.0)


def test_mcnemar_is_the_sign_test_of_those_that_changed():
    before, after = np.zeros(30, bool), np.zeros(30, bool)
    assert agreement.mcnemar(before, after) == 1.0
    for n in (1, 5, 9):
        after[:n] = True
        assert agreement.mcnemar(before, after) == pytest.approx(min(1.0, 2 * 0.5**n))
    both = np.array([True, False] * 15)
    assert agreement.mcnemar(both, ~both) == pytest.approx(1.0)
