"""Pairs, rates, tuning and bands on small tables with answers by hand."""

import numpy as np
import pandas as pd
import pytest

from study.errors import UsageError
from study.evidence import summaries
from study.evidence.runs import NothingToShow

REMOVED = {"gradient": "removed", "location": "hidden"}
DIVERGED = {
    "outcome": "diverged",
    "diverged_by": "nonfinite",
    "failed": True,
    "final_objective": np.nan,
}


def seeds(change, finals):
    return [change | {"seed": s, "final_objective": f} for s, f in enumerate(finals)]


def test_pairs_take_the_same_seed_whatever_the_order(prepared):
    exact, removed = seeds({}, [0.1, 0.01, 0.5]), seeds(REMOVED, [0.2, 0.1, 0.5])
    got = summaries.pairs(prepared(*removed[::-1], *exact)).sort_values("seed")
    np.testing.assert_allclose(got["difference"], [np.log10(2), 1.0, 0.0], atol=1e-12)


def test_pairs_are_formed_on_the_common_seeds(prepared):
    changes = [*seeds({}, [0.1, 0.1, 0.1]), *seeds(REMOVED, [0.2, 0.2])]
    changes += [REMOVED | {"seed": 7, "final_objective": 0.9}]
    paired = summaries.pairs(prepared(*changes))
    assert sorted(paired["seed"]) == [0, 1]
    assert summaries.effects(paired)["pairs"].tolist() == [2]


def test_a_cell_without_a_common_seed_is_an_error_in_one_line(prepared):
    changes = [*seeds({}, [0.1, 0.1]), REMOVED | {"seed": 7}]
    with pytest.raises(UsageError, match="no run with a seed of 'digits · tanh · removed") as told:
        summaries.pairs(prepared(*changes))
    assert "\n" not in str(told.value)


def test_pools_of_many_rates_are_no_rules(prepared):
    pool = [{"learning_rate": r, "seed": s, "dtype": "float64"} for r in (0.1, 1) for s in (0, 1)]
    changes = [*seeds({}, [0.1, 0.1]), *seeds(REMOVED, [0.2, 0.2]), *pool]
    results = prepared(*changes)
    assert len(results.runs) == 4 and set(results.runs["dtype"]) == {"float32"}


def test_constant_rates_and_branches_are_strata_of_their_own(prepared):
    changes = [{"decay": True}, {"decay": False}, {"decay": True, "branch.gradient": "removed"}]
    assert prepared(*changes).runs["stratum"].tolist() == [0, 1, 2]


def test_two_runs_of_one_seed_are_an_error(prepared):
    changes = [*seeds({}, [0.1]), *seeds(REMOVED, [0.2]), *seeds(REMOVED, [0.3])]
    with pytest.raises(UsageError, match="two runs"):
        summaries.pairs(prepared(*changes))


def test_a_stratum_without_exact_is_an_error(prepared):
    changes = [*seeds({}, [0.1]), *seeds(REMOVED, [0.2]), *seeds(REMOVED | {"gain": 2.0}, [0.2])]
    with pytest.raises(UsageError, match="exact has no run with a seed"):
        summaries.pairs(prepared(*changes))


@pytest.mark.parametrize("change", [{}, REMOVED])
def test_nothing_to_compare_is_not_an_error_of_the_data(prepared, change):
    with pytest.raises(NothingToShow):
        summaries.pairs(prepared(change))


def test_failed_runs_stay_in_as_the_constant_predictor(prepared):
    changes = [*seeds({}, [0.1, 0.1]), *seeds(REMOVED, [0.1, 0.1])]
    changes[2] |= DIVERGED
    got = summaries.pairs(prepared(*changes))
    np.testing.assert_allclose(got["difference"], [1.0, 0.0], atol=1e-12)


def test_effects_of_a_cell(prepared):
    # differences of one decade in all six: estimate and limits are one decade; p = 2 / 2^6
    changes = [*seeds({}, [0.01] * 6), *seeds(REMOVED, [0.1] * 6)]
    row = summaries.effects(summaries.pairs(prepared(*changes))).iloc[0]
    np.testing.assert_allclose(row[["estimate", "low", "high"]].astype(float), 1.0)
    assert (row["pairs"], row["p"], row["tied_at_floor"]) == (6, 2 / 64, 0)


def test_pairs_at_the_floor_are_counted(prepared):
    changes = [*seeds({}, [1e-5] * 3), *seeds(REMOVED, [1e-6] * 3)]
    row = summaries.effects(summaries.pairs(prepared(*changes))).iloc[0]
    assert (row["estimate"], row["tied_at_floor"]) == (0.0, 3)


def test_pools_average_strata_within_each_seed(prepared):
    # seed 0: (1 + 0) / 2 decades, seed 1: (1 + 1) / 2; Walsh averages 0.5, 0.75, 1
    adam = {"optimizer": "adam"}
    changes = [
        *seeds({}, [0.01, 0.01]),
        *seeds(REMOVED, [0.1, 0.1]),
        *seeds(adam, [0.01, 0.01]),
        *seeds(REMOVED | adam, [0.01, 0.1]),
    ]
    row = summaries.pooled(summaries.pairs(prepared(*changes))).iloc[0]
    assert row["estimate"] == pytest.approx(0.75)
    assert (row["strata"], row["seeds"], row["left_out"]) == (2, 2, 0)


def test_pools_count_the_seeds_that_not_all_strata_have(prepared):
    adam = {"optimizer": "adam"}
    changes = [
        *seeds({}, [0.01, 0.01]),
        *seeds(REMOVED, [0.1, 0.1]),
        *seeds(adam, [0.01]),
        *seeds(REMOVED | adam, [0.1]),
    ]
    row = summaries.pooled(summaries.pairs(prepared(*changes))).iloc[0]
    assert (row["seeds"], row["left_out"]) == (1, 1)


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
    changes = [
        {},
        REMOVED | {"learning_rate": 0.01},
        REMOVED | {"stage": "transfer"},
        offset,  # at exact's rate by chance
        {"gain": 2.0},  # exact where no rule has a transfer run
        offset | {"gain": 2.0},
    ]
    rows = summaries.stage_runs(prepared(*changes), "transfer")
    assert list(zip(rows["rule"].astype(str), rows["stage"], rows["gain"], strict=True)) == [
        ("exact", "evaluate", 1.0),
        ("removed", "transfer", 1.0),
    ]


def tune(finals):
    """One run a rate from 1e-3 in decades; None is a diverged run."""
    return [
        {"stage": "tune", "learning_rate": 10.0 ** (i - 3), "seed": 7}
        | (DIVERGED if f is None else {"final_objective": f})
        for i, f in enumerate(finals)
    ]


@pytest.mark.parametrize(
    "finals, chosen, largest, open_",
    [
        ([0.5, 0.1, 0.2, None], 1e-2, 1e-1, False),
        ([0.5, 0.1, 0.2, 0.9], 1e-2, 1.0, True),
        ([0.5, 0.1, None, 0.2], 1e-2, 1e-2, False),  # a gap ends the range
        ([None, 0.1, 0.2, None], 1e-2, 1e-1, False),  # failures below do not count
        ([0.1, 0.1, 0.2, None], 1e-3, 1e-1, False),  # a tie goes to the smaller rate
    ],
)
def test_stable_range_of_a_cell_without_evaluation(prepared, finals, chosen, largest, open_):
    row = summaries.headroom(summaries.tuning(prepared(*tune(finals)))).iloc[0]
    assert row["chosen"] == pytest.approx(chosen)
    assert row["largest_stable"] == pytest.approx(largest)
    assert row["headroom"] == pytest.approx(np.log10(largest / chosen))
    assert row["open"] == open_


def test_the_evaluated_rate_is_the_chosen_one(prepared):
    changes = [*tune([0.5, 0.1, 0.2, None]), {"learning_rate": 0.1}]
    row = summaries.headroom(summaries.tuning(prepared(*changes))).iloc[0]
    assert (row["chosen"], row["headroom"]) == (0.1, 0.0)


def test_a_cell_that_always_fails_has_no_rate(prepared):
    row = summaries.headroom(summaries.tuning(prepared(*tune([None, None])))).iloc[0]
    assert np.isnan(row["chosen"]) and np.isnan(row["headroom"]) and not row["open"]


def test_one_failure_of_five_is_tolerated_and_two_are_not(prepared):
    runs = [
        run | {"seed": s} | (DIVERGED if s < lost and run["learning_rate"] > 0.05 else {})
        for lost in (1,)
        for run in tune([0.5, 0.1, 0.2])
        for s in range(5)
    ]
    assert summaries.headroom(summaries.tuning(prepared(*runs)))["headroom"].iloc[0] == 1.0
    worse = [
        run | (DIVERGED if run["seed"] == 4 and run["learning_rate"] > 0.05 else {})
        for run in runs
    ]
    assert summaries.headroom(summaries.tuning(prepared(*worse)))["headroom"].iloc[0] == 0.0


def test_quartiles_survive_runs_that_are_gone(prepared):
    changes = seeds({}, [0.1, 0.2, 0.3, 0.4])
    changes[3] |= DIVERGED
    row = summaries.finals(prepared(*changes)).iloc[0]
    assert (row["median"], row["upper"]) == (pytest.approx(0.25), np.inf)
    assert (row["runs"], row["failed"]) == (4, 1)


def test_bands_keep_runs_that_are_gone(prepared):
    changes = seeds({}, [0.1, 0.1, 0.1])
    changes[2] |= DIVERGED
    curves = pd.DataFrame(
        {
            "run_id": ["0", "0", "1", "1", "2"],  # the diverged run ends early
            "update": [1, 10, 1, 10, 1],
            "objective": [1.0, 0.1, 1.0, 0.1, 1.0],
        }
    )
    got = summaries.bands(prepared(*changes, curves=curves), quantiles=(0.0, 0.5, 1.0))
    assert list(got["update"]) == [1, 10]
    np.testing.assert_allclose(got["median"], [1.0, 0.1])
    np.testing.assert_allclose(got["upper"], [1.0, summaries.LOST])


def test_bands_are_relative_to_the_constant_predictor(prepared):
    changes = [{"constant_objective": 2.0, "optimum": 1.0}]
    curves = pd.DataFrame({"run_id": ["0"], "update": [5], "objective": [1.5]})
    assert summaries.bands(prepared(*changes, curves=curves))["median"].iloc[0] == pytest.approx(
        0.5
    )
