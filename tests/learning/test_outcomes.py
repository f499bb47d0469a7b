"""Outcome classes, score and updates-to-target, on small tables with answers by hand."""

import numpy as np
import pytest

from study.learning import outcomes

INF, NAN = np.inf, np.nan


def test_excess_share():
    """(L - L*) / (L_const - L*)."""
    objective = np.array([2.0, 1.1, 0.2, 0.1, NAN, INF])
    share = outcomes.excess_share(objective, np.full(6, 1.1), np.full(6, 0.1))
    np.testing.assert_allclose(share, [1.9, 1.0, 0.1, 0.0, NAN, INF], atol=1e-12)

    # where a constant is the best there is
    share = outcomes.excess_share(np.array([0.5, 0.6]), np.full(2, 0.5), np.full(2, 0.5))
    assert share[0] == 0.0 and share[1] > 1e6


def test_exploded():
    """Beyond 1000 times the larger of the start and L_const, or not within bounds at all."""
    cases = [
        (1000.0, 1.0, 0.5, False),
        (1000.1, 1.0, 0.5, True),
        (1000.1, 0.5, 2.0, False),
        (2000.1, 0.5, 2.0, True),
        (INF, 1.0, 1.0, True),
        (INF, INF, 1.0, True),  # even if it began so
        (NAN, 1.0, 1.0, True),
        (1.0, NAN, 1.0, True),  # nothing is known to be within bounds of NaN
    ]
    *given, expected = np.array(cases).T
    assert outcomes.exploded(*given).tolist() == expected.tolist()


# share, diverged_by, outcome where solved is a share of 0.05, failed, score
TABLE = [
    (0.01, "", "solved", False, -2.0),
    (0.05, "", "solved", False, np.log10(0.05)),
    (0.0501, "", "plateau", False, np.log10(0.0501)),
    (0.5, "", "plateau", False, np.log10(0.5)),
    (0.9799, "", "plateau", False, np.log10(0.9799)),
    (0.98, "", "stuck", True, 0.0),
    (1.7, "", "stuck", True, 0.0),
    (1e-5, "", "solved", False, -3.0),
    (0.0, "", "solved", False, -3.0),
    (-1e-9, "", "solved", False, -3.0),
    (NAN, "nonfinite", "diverged", True, 0.0),
    (INF, "nonfinite", "diverged", True, 0.0),
    (2e3, "objective", "diverged", True, 0.0),
    (0.2, "norm", "diverged", False, np.log10(0.2)),  # a runaway may still be learning
    (0.99, "norm", "diverged", True, 0.0),  # or be stuck as well
    (NAN, "norm", "diverged", True, 0.0),  # nothing is known of it
]


def test_outcome_and_score():
    shares, reasons = np.array([row[0] for row in TABLE]), np.array([row[1] for row in TABLE])
    assert outcomes.outcome_of(shares, reasons, 0.05).tolist() == [row[2] for row in TABLE]
    failed = outcomes.failed(shares, reasons)
    assert failed.tolist() == [row[3] for row in TABLE]
    assert outcomes.score(shares, failed) == pytest.approx([row[4] for row in TABLE])


def test_updates_to():
    """Straight lines in log share against log updates."""
    updates = np.array([0, 1, 10, 100, 1000])
    shares = np.array(
        [
            [1.0, 1.0, 0.1, 0.01, 0.001],  # 1 at 1, 0.1 at 10: 0.05 after 10 * 2 = 20
            [1.0, 1.0, 1.0, 0.0025, 0.001],  # 1 to 1/400 over a decade: half way at 1/20
            [1.0, 0.05, 0.05, 0.05, 0.05],  # exactly at the target: at the first update
            [0.01, 0.9, 0.9, 0.9, 0.9],  # at the start
            [1.0, 0.9, 0.8, 0.7, 0.6],  # never
            [1.0, 0.9, 0.01, 0.9, 0.9],  # the first time counts
            [1.0, 0.9, NAN, NAN, NAN],  # it diverged
            [1.0, 0.9, 0.5, 0.05, 0.02],  # exactly at a checkpoint
        ]
    )
    found = outcomes.updates_to(0.05, updates, shares)
    first = np.exp(np.log(10.0) * np.log(0.9 / 0.05) / np.log(0.9 / 0.01))
    expected = [20.0, 10.0**1.5, 1.0, 0.0, NAN, first, NAN, 100.0]
    np.testing.assert_allclose(found, expected, rtol=1e-9)

    updates = np.array([0, 10, 100])  # 0, or below it by rounding, has no logarithm
    found = outcomes.updates_to(0.05, updates, np.array([[1.0, 0.5, 0.0], [1.0, 0.5, -1e-12]]))
    assert ((found > 10.0) & (found <= 100.0)).all()


def test_early_stopping_never_looks_at_the_half_that_it_scores():
    rng = np.random.default_rng(0)
    scores = rng.random((40, 9, 2)).round(1)  # ties: the first checkpoint counts
    scores[5, 4:] = np.nan  # diverged
    wanted = []
    for first, second in zip(scores[..., 0], scores[..., 1], strict=True):
        a, b = (int(np.nanargmax(half)) for half in (first, second))
        wanted.append((second[a] + first[b]) / 2)
    np.testing.assert_allclose(outcomes.stopped(scores), wanted)
    assert np.isnan(outcomes.stopped(np.full((2, 3, 2), np.nan))).all()
