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
    count = len(scores)
    stages = ["tune"] * 3 + ["evaluate"] * count
    seeds = [1, 2, 3, *(seeds or range(2001, 2001 + count))]
    failed = [False] * 3 + ([False] * count if failed is None else list(failed))
    return pa.table(
        {
            "replica": [f"{s}/{rate}/{seed}" for s, seed in zip(stages, seeds, strict=True)],
            "stage": stages,
            "seed": seeds,
            "score": np.r_[-0.1, -0.2, -0.3, scores],
            "test_score": np.r_[np.full(3, np.nan), np.linspace(0.5, 1, count)],
            "failed": failed,
            "outcome": ["stuck" if f else "plateau" for f in failed],
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


def test_one_bit_of_one_number(scores):
    """In tuning too; it is seen, and is within the interval."""
    table = runs(scores)
    for column, where in (("score", 0), ("score", 4), ("score", -1), ("test_score", -1)):
        values = table[column].to_numpy().copy()
        values[where] = np.nextafter(values[where], 9.0)
        at = table.column_names.index(column)
        verdict = judge(table, table.set_column(at, column, pa.array(values)), 1)
        assert verdict.word == WITHIN and "scores differ by" in verdict.reason


FINE, COARSE = (np.random.default_rng(5).normal(0, size, SEEDS) for size in (1e-6, 0.05))
VERDICTS = {
    "noise of rounding": (lambda s: runs(s + FINE), WITHIN, "scores differ by"),
    "a bias, significant and of no consequence": (lambda s: runs(s - 1e-7), WITHIN, "in log10"),
    "another rate": (lambda s: runs(s + 1e-9, rate=0.3), WITHIN, "in log10"),
    "-0 has other bits than 0": (lambda s: runs(np.where(s == 0, -0.0, s)), WITHIN, "in log10"),
    "a small shift": (lambda s: runs(s + COARSE + 0.01), WITHIN, "in log10"),
    "worse": (lambda s: runs(s + COARSE + 0.3), DIFFERENT, f"beyond ±{MARGIN:.3f}"),
    "better": (lambda s: runs(s + COARSE - 0.3), DIFFERENT, f"beyond ±{MARGIN:.3f}"),
    "other seeds": (lambda s: runs(s, seeds=range(1, 13)), DIFFERENT, "other evaluation seeds"),
    "fewer seeds": (lambda s: runs(s[:-1]), DIFFERENT, "other evaluation seeds"),
}


@pytest.mark.parametrize(("change", "word", "reason"), VERDICTS.values(), ids=VERDICTS)
def test_verdicts(scores, change, word, reason):
    scores[0] = 0.0
    verdict = judge(runs(scores), change(scores), 20)
    assert verdict.word == word and reason in verdict.reason


def test_outcomes_that_change():
    """Scores at 0 all along, so that failures alone speak."""
    zeros = np.zeros(20)
    now = [runs(zeros, np.arange(20) < n) for n in (20, 3)]
    other, few = (judge(runs(zeros), one, 1) for one in now)
    assert other == agreement.Verdict(DIFFERENT, "0 of 20 failed, now 20")
    assert few.word == WITHIN


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
