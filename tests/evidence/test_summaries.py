"""Pairs, rates, tuning and bands on small tables with answers by hand."""

import numpy as np
import pandas as pd
import pytest

from study.errors import UsageError
from study.evidence import statistics, summaries
from study.evidence.runs import NothingToShow

REMOVED = {"gradient": "removed", "location": "hidden"}
DIVERGED = {"outcome": "diverged", "diverged_by": "nonfinite", "failed": True}
DIVERGED |= {"final_objective": np.nan}


def seeds(change, finals):
    return [change | {"seed": s, "final_objective": f} for s, f in enumerate(finals)]


def test_pairs_take_the_common_seeds_whatever_the_order(prepared):
    exact, removed = seeds({}, [0.1, 0.01, 0.5]), seeds(REMOVED, [0.2, 0.1])
    changes = [*removed[::-1], *exact, REMOVED | {"seed": 7, "final_objective": 0.9}]
    paired = summaries.pairs(prepared(*changes)).sort_values("seed")
    assert list(paired["seed"]) == [0, 1]
    np.testing.assert_allclose(paired["difference"], [np.log10(2), 1.0], atol=1e-12)
    assert summaries.effects(paired)["pairs"].tolist() == [2]


EXACT, WITHOUT, GAIN = {"seed": 0}, REMOVED | {"seed": 0}, REMOVED | {"seed": 0, "gain": 2.0}
LATER = REMOVED | {"seed": 7}


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ([EXACT, LATER], UsageError, "no run with a seed of 'digits · tanh · removed"),
        ([EXACT, WITHOUT, GAIN], UsageError, "exact has no run with a seed"),
        ([EXACT, WITHOUT, WITHOUT], UsageError, "two runs of .*removed"),
        ([EXACT, EXACT, WITHOUT], UsageError, "two runs of .*exact"),
        ([EXACT], NothingToShow, "no evaluated rule but exact"),
        ([WITHOUT], NothingToShow, "no evaluated rule of exact to compare with"),
    ],
)
def test_what_can_not_be_paired_is_told_in_one_line(prepared, changes, error, said):
    changes = [change | {"final_objective": 0.1 + k / 100} for k, change in enumerate(changes)]
    with pytest.raises(UsageError, match=said) as told:
        summaries.pairs(prepared(*changes))
    assert type(told.value) is error and "\n" not in str(told.value)


def test_pools_of_many_rates_are_no_rules(prepared):
    pool = [{"learning_rate": r, "seed": s, "dtype": "float64"} for r in (0.1, 1) for s in (0, 1)]
    results = prepared(*seeds({}, [0.1, 0.1]), *seeds(REMOVED, [0.2, 0.2]), *pool)
    assert len(results.runs) == 4 and set(results.runs["dtype"]) == {"float32"}


@pytest.mark.parametrize(
    ("exact", "removed", "decades", "tied"), [(0.01, 0.1, 1.0, 0), (1e-11, 1e-12, 0.0, 6)]
)
def test_effects_of_a_cell(prepared, exact, removed, decades, tied):
    # the same difference in all six: estimate and limits are it; p = 2 / 2^6, 1 of zeros alone
    changes = [*seeds({}, [exact] * 6), *seeds(REMOVED, [removed] * 6)]
    row = summaries.effects(summaries.pairs(prepared(*changes))).iloc[0]
    np.testing.assert_allclose(row[["estimate", "low", "high"]].astype(float), decades)
    assert (row["pairs"], row["p"], row["tied_at_floor"]) == (6, 1.0 if tied else 2 / 64, tied)


def test_test_scores_are_compared_in_points_and_a_diverged_run_has_none(prepared):
    exact, removed = [0.90, 0.80, 0.70, 0.60, 0.50, 0.40], [0.88, 0.79, 0.71, 0.50, 0.45, None]
    changes = [
        rule | {"seed": seed, "test_score": score}
        for rule, scores in (({}, exact), (REMOVED, removed))
        for seed, score in enumerate(scores)
    ]
    row = summaries.effects(summaries.pairs(prepared(*changes))).iloc[0]
    wanted = statistics.hodges_lehmann([-2.0, -1.0, 1.0, -10.0, -5.0, -40.0])
    np.testing.assert_allclose(row[["test", "test_low", "test_high"]].astype(float), wanted)


# seed 0: (1 + 0) / 2 decades, seed 1: (1 + 1) / 2; Walsh averages 0.5, 0.75, 1
POOLS = [([0.01, 0.1], 0.75, (2, 2, 0)), ([0.1], 1.0, (2, 1, 1))]  # or seed 1 not in all strata


@pytest.mark.parametrize(("of_adam", "estimate", "counts"), POOLS)
def test_pools_average_strata_within_each_seed_that_all_have(prepared, of_adam, estimate, counts):
    adam = {"optimizer": "adam"}
    changes = [*seeds({}, [0.01, 0.01]), *seeds(REMOVED, [0.1, 0.1])]
    changes += [*seeds(adam, [0.01] * len(of_adam)), *seeds(REMOVED | adam, of_adam)]
    row = summaries.pooled(summaries.pairs(prepared(*changes))).iloc[0]
    assert row["estimate"] == pytest.approx(estimate)
    assert (row["strata"], row["seeds"], row["left_out"]) == counts


def test_failures_are_counted_by_cause(prepared):
    changes = seeds(REMOVED, [0.1, 0.99, 0.1, 0.1])
    changes[0] |= DIVERGED
    changes[1] |= {"outcome": "stuck", "failed": True}
    changes[2] |= {"outcome": "diverged", "diverged_by": "norm"}
    row = summaries.failures(prepared(*changes), "evaluate", ["rule"]).iloc[0]
    counts = ["runs", "failed", "diverged", "stuck", "runaway"]
    assert list(row[counts]) == [4, 2, 1, 1, 1]
    assert row["low"] < row["rate"] == 0.5 < row["high"]


def test_only_stored_runs_are_at_exacts_rate(prepared):
    """A rule whose own rate happens to be exact's was not run at exact's rate."""
    offset = {"gradient": "offset", "gradient.amount": 0.1, "location": "hidden"}
    changes = [{}, REMOVED | {"learning_rate": 0.01}, REMOVED | {"stage": "transfer"}]
    changes += [offset]  # at exact's rate by chance
    changes += [{"gain": 2.0}, offset | {"gain": 2.0}]  # exact where no rule has a transfer run
    rows = summaries.stage_runs(prepared(*changes), "transfer")
    found = rows[["rule", "stage", "gain"]].astype(str).agg(" ".join, axis=1).tolist()
    assert found == ["exact evaluate 1.0", "removed transfer 1.0"]


def tune(finals):
    """One run a rate from 1e-3 in decades; None is a diverged run."""
    return [
        {"stage": "tune", "learning_rate": 10.0 ** (i - 3), "seed": 7}
        | (DIVERGED if f is None else {"final_objective": f})
        for i, f in enumerate(finals)
    ]


def of_five(lost):
    """Five runs a rate, of which some are lost at the largest."""
    return [
        run | {"seed": s} | (DIVERGED if s < lost and run["learning_rate"] > 0.05 else {})
        for run in tune([0.5, 0.1, 0.2])
        for s in range(5)
    ]


@pytest.mark.parametrize(
    "changes, chosen, largest, open_",
    [
        (tune([0.5, 0.1, 0.2, None]), 1e-2, 1e-1, False),
        (tune([0.5, 0.1, 0.2, 0.9]), 1e-2, 1.0, True),
        (tune([0.5, 0.1, None, 0.2]), 1e-2, 1e-2, False),  # a gap ends the range
        (tune([None, 0.1, 0.2, None]), 1e-2, 1e-1, False),  # failures below do not count
        (tune([0.1, 0.1, 0.2, None]), 1e-3, 1e-1, False),  # a tie goes to the smaller rate
        (tune([None, None]), np.nan, np.nan, False),  # a cell that always fails has no rate
        ([*tune([0.5, 0.1, 0.2, None]), {"learning_rate": 0.1}], 0.1, 0.1, False),  # evaluated
        (of_five(1), 1e-2, 1e-1, True),  # one failure of five is tolerated, and two are not
        (of_five(2), 1e-2, 1e-2, False),
    ],
)
def test_stable_range_of_a_cell(prepared, changes, chosen, largest, open_):
    row = summaries.headroom(summaries.tuning(prepared(*changes))).iloc[0]
    found = [row["chosen"], row["largest_stable"], row["headroom"]]
    assert found == pytest.approx([chosen, largest, np.log10(largest / chosen)], nan_ok=True)
    assert row["open"] == open_


def test_quartiles_survive_runs_that_are_gone(prepared):
    changes = [*seeds({}, [0.1, 0.2, 0.3]), {"seed": 3} | DIVERGED]
    row = summaries.finals(prepared(*changes)).iloc[0]
    found = tuple(row[["median", "upper", "runs", "failed"]])
    assert found == (pytest.approx(0.25), np.inf, 4, 1)


def test_bands_keep_runs_that_are_gone_and_are_relative_to_the_constant_predictor(prepared):
    changes = seeds({"constant_objective": 2.0, "optimum": 1.0}, [1.1, 1.1, 1.1])
    changes[2] |= DIVERGED
    curves = pd.DataFrame({"run_id": list("00112"), "update": [1, 10, 1, 10, 1]})
    curves["objective"] = np.where(curves["update"] == 1, 2.0, 1.1)  # the diverged run ends early
    got = summaries.bands(prepared(*changes, curves=curves), quantiles=(0.0, 0.5, 1.0))
    assert list(got["update"]) == [1, 10]
    np.testing.assert_allclose(got["median"], [1.0, 0.1])
    np.testing.assert_allclose(got["upper"], [1.0, summaries.LOST])
