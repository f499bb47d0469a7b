"""Verdicts on run tables whose truth is known, and on tables with which little can be done."""

import hashlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from claim_tables import (
    CASES,
    FLOOR,
    REMOVED,
    TASKS,
    arms,
    at_zero,
    deep,
    divergence,
    escapes,
    flips,
    optimizers,
    runs,
    settling,
    table,
    twins,
)
from scipy import stats

from study.conf import claims_digest, claims_path
from study.evidence.claims import decisions
from study.evidence.claims.decisions import VERDICTS
from study.evidence.claims.reading import read_claims
from study.evidence.claims.verdicts import judge, judge_part
from study.evidence.effects import Measured, Ranked
from study.evidence.runs import Runs

CLAIMS = read_claims()


def only(name):
    return replace(CLAIMS, claims=tuple(c for c in CLAIMS.claims if c.id == name))


def verdict(name, *cells, checks=None):
    """Judge one claim by cells."""
    (found,) = judge(Runs(table(*cells)), only(name), checks)
    return found


def part(name, *cells):
    """Judge a claim's first part."""
    return judge_part(Runs(table(*cells)), CLAIMS, only(name).claims[0].parts[0])


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_a_known_truth_gets_its_verdict(case):
    name, expected = case
    assert verdict(name, *CASES[case]()).verdict == expected


def test_there_are_twelve_claims_and_each_has_cases():
    names = [claim.id for claim in CLAIMS.claims]
    assert names == [f"C{k}" for k in range(1, 13)]
    assert set(CASES) == {(name, word) for name in names[1:] for word in VERDICTS}
    assert [claim.id for claim in CLAIMS.claims if claim.holm] == names[2:]
    assert claims_digest() == hashlib.sha256(claims_path().read_bytes()).hexdigest()


@pytest.mark.parametrize("claim", range(12))
def test_without_runs_nothing_is_decided_and_the_reason_says_so(claim):
    found = verdict(CLAIMS.claims[claim].id, runs(dataset="iris"))
    assert (found.verdict, found.runs) == ("not decided", 0)
    assert "no runs" in found.reason or "not made" in found.reason


def removed(effect, **how):
    return arms(TASKS, [(REMOVED, effect)], **how)


FLAT = dict.fromkeys(TASKS, 0.4) | {"under_capacity": 0.0, "diabetes": 0.0}
DOWN = dict.fromkeys(TASKS, 0.6) | {"under_capacity": -0.4, "diabetes": -0.4}
WIDER = FLOOR | {"gradient.minimum": 0.1}


@pytest.mark.parametrize(
    ("name", "make", "expected", "said"),
    [
        # what is missing is named
        ("C4", lambda: arms(TASKS, []), "not decided", "no runs of removed (digits · tanh)"),
        ("C4", lambda: removed(0.0, failing=1.0), "not decided", "tanh: all runs failed"),
        ("C4", lambda: removed(0.4, seeds=5), "not decided", "tanh: 5 seeds, 6 needed"),
        # other amounts are other arms
        ("C5", lambda: arms(TASKS, [(WIDER, 0.0)]), "not decided", "no runs of changed"),
        # a required part must hold
        ("C4", lambda: removed(0.4), "not decided", "supported, but not shown: 4 × the updates"),
        ("C4", lambda: settling(0.4, 0.0), "mixed", "but contradicted: 4 × the updates"),
        # a guard without a difference does not say the opposite
        ("C4", lambda: settling(FLAT, 0.4), "supported", ""),
        ("C4", lambda: settling(DOWN, 0.4), "mixed", "hidden: against it: under capacity"),
    ],
)
def test_verdicts_have_their_reasons(name, make, expected, said):
    found = verdict(name, *make())
    assert found.verdict == expected and said in found.reason


def at_floor(updates, **columns):
    return runs(-12.0, **columns).assign(updates_to_target=updates)


def test_at_the_floor_seeds_are_ties_and_updates_change_no_ratio():
    needed = {"sgd": 1000.0, "nesterov": 400.0, "adagrad": 400.0, "rmsprop": 400.0}
    arms = [(task, optimizer) for task in TASKS.values() for optimizer in needed]
    found = verdict("C8", *(at_floor(needed[o], optimizer=o, **task) for task, o in arms))
    assert found.verdict == "contradicted"
    effect = found.primary.effects["effect"]
    assert effect.tasks[0].ties == len(effect.tasks[0].seeds) == 40
    assert effect.estimate == 0.0


def test_an_effect_has_its_range_over_tasks_and_an_interval_for_a_new_one():
    sizes = (-0.1, -0.2, -0.3, -0.4, -1.0)
    some = [
        runs(-1.0 + 0.001 * size, **task, **rule)
        for task, size in zip(TASKS.values(), sizes, strict=False)
        for rule, size in (({}, 1000 * size), (REMOVED, 0.0))
    ]
    effect = part("C4", *some).effects["effect"]
    each = np.array([task.interval.estimate for task in effect.tasks])
    assert effect.over_tasks == (effect.estimate, each.min(), each.max())
    # scipy's own: a prediction interval is one of the mean with variance s² (1 + 1/k)
    k = len(each)
    wanted = stats.t.interval(0.95, k - 1, each.mean(), each.std(ddof=1) * np.sqrt(1 + 1 / k))
    np.testing.assert_allclose(effect.of_a_new_task()[1:], wanted)


def test_effects_on_objectives_have_those_on_test_scores_beside_them():
    scores = {"exact": 0.9, "removed": 0.86}
    some = [
        runs(-1.0, **task, **rule).assign(test_score=scores[name])
        for task in TASKS.values()
        for name, rule in (("exact", {}), ("removed", REMOVED))
    ]
    tests = [task.test.estimate for task in part("C4", *some).effects["effect"].tasks]
    np.testing.assert_allclose(tests, -4.0)


def test_ties_that_nothing_breaks_are_equal():
    both = [at_floor(np.nan, **TASKS[task], **rule) for task in TASKS for rule in ({}, REMOVED)]
    found = part("C4", *both)
    assert found.verdict == "contradicted"
    assert found.effects["effect"].interval() == (0.0, 0.0, 0.0)


def test_pairs_are_formed_on_the_common_seeds():
    some = [runs(-1.1, **task, **REMOVED, seeds=30, first=2011) for task in TASKS.values()]
    found = part("C4", *arms(TASKS, [], seeds=60), *some)
    assert [len(t.seeds) for t in found.effects["effect"].tasks] == [30] * 5
    assert len(found.runs) == 300


def test_two_runs_of_a_seed_are_a_mistake():
    again = runs(**TASKS["digits"], **REMOVED, learning_rate=0.2).iloc[:1]
    cells = [*removed(0.4), again.assign(stage="evaluate", updates=2000)]
    # one seed at two rates makes a cell of the pools, which are no arms
    assert "no runs of removed (digits · tanh)" in part("C4", *cells).reason
    cells = [*removed(0.4), again.assign(seed=2041).iloc[[0, 0]]]
    assert part("C4", *cells).verdict == "supported"  # the very same run twice is one


RELU = {"activation": "relu", "initialisation": "he", "seeds": 12}


@pytest.mark.parametrize(
    ("name", "make", "other"),
    [
        # exact on relu, of few seeds beside gains and of many beside slopes at zero
        ("C7", lambda: at_zero(0.0, 0.0, seeds=40), RELU | {"learning_rate": 0.01}),
        ("C7", lambda: at_zero(0.0, 0.0, seeds=40), RELU | {"learning_rate": 0.5}),
        # gain and depth vary within an arm
        ("C10", lambda: deep(0.03, seeds=20), {"learning_rate": 0.5, "seeds": 40}),
    ],
)
def test_a_cell_that_two_grids_tuned_apart_is_taken_from_that_of_the_other_arms(name, make, other):
    cells = [runs(0.0, **other), *make()]
    numbered = [cell.assign(cell=str(k)) for k, cell in enumerate(cells)]
    plain, both = part(name, *make()), part(name, *numbered)
    assert both.verdict == plain.verdict == "supported"
    for effect, found in plain.effects.items():
        assert both.effects[effect].interval() == found.interval()


def test_other_batches_rates_gains_and_branches_and_tuning_are_no_part_of_the_core():
    cells = removed(0.4)
    others = [c.assign(stage="tune", final_objective=1e-9, seed=c["seed"] - 2000) for c in cells]
    others += [c.assign(**{"branch.gradient": "exact"}) for c in removed(-0.4)]
    for columns in ({"batch_size": "8"}, {"decay": False}, {"gain": 2.0}):
        others += arms(TASKS, [(REMOVED | columns, -0.4)], columns)
    assert part("C4", *cells, *others).finding == part("C4", *cells).finding
    assert part("C4", *cells).verdict == "supported"


def test_an_evaluation_whose_own_rate_is_exacts_is_no_run_at_exacts_rate():
    cells = [c for c in divergence(0.0, 0.0) if not (c["stage"] == "transfer").any()]
    found = verdict("C3", *[c.assign(learning_rate=0.1) for c in cells])
    assert "own" in found.primary.effects and "untuned" not in found.primary.effects
    assert found.verdict == "not decided"


def test_a_rate_at_which_nothing_escapes_is_left_out_and_a_censored_start_counts_against():
    cells = table(*escapes([({}, 1.6), (REMOVED, 0.4)]))
    cells.loc[cells["learning_rate"] == 0.1, "updates_to_target"] = np.nan
    assert verdict("C2", cells).verdict == "supported"
    far = (cells["initialisation.distance"] == 6.0) & (cells["gradient"] == "removed")
    cells.loc[far, "updates_to_target"] = np.nan
    assert verdict("C2", cells).verdict == "contradicted"


@pytest.mark.parametrize(("rows", "length", "kept"), [(9, 1.5, [20, 20]), (4, np.nan, [25, 25])])
def test_paths_of_other_lengths_and_those_not_finite_are_left_out(rows, length, kept):
    cells = table(*flips(0.8, 0.7))
    first = (cells["gradient"] == "removed") & (cells["seed"] <= 2001 + rows)
    cells.loc[first, "path_length"] = length
    assert [len(t.seeds) for t in part("C11", cells).effects["effect"].tasks] == kept


def test_a_pair_more_that_flips_is_worth_no_ratio_of_its_own():
    """None of exact's flips, and one seed in ten with one of 16,384 pairs: nothing is shown."""
    cells = table(*flips(0.0, 0.0)).assign(hidden="32-32", flips_decided=0.0)
    removed = cells["gradient"] == "removed"
    cells.loc[removed & (cells["seed"] % 10 == 1), "flips_decided"] = 1 / (64 * 256)
    found = part("C11", cells).effects["effect"].estimate
    assert found == pytest.approx(0.0, abs=0.02)
    cells.loc[removed, "flips_decided"] = 0.01
    grown = part("C11", cells).effects["effect"].estimate
    assert grown == pytest.approx(np.log10(0.01 * 2 * 64 * 256 + 1), rel=1e-6)


@pytest.mark.parametrize("of_excess", [0.03, -0.03])
def test_a_slope_with_another_sign_in_scores_is_mixed(of_excess):
    def resolved(of_score):
        values = [slope + 0.001 * np.sin(np.arange(20.0)) for slope in (of_excess, of_score)]
        place = ("digits", "digits", np.arange(20), np.array([], dtype=np.intp))
        effect, also = (Ranked((Measured(*place, value),)) for value in values)
        asked = (decisions.Asked(found, 0.0, 0.05) for found in (effect, also))
        return decisions.resolved(decisions.positive(*asked), 0.05)

    assert resolved(-of_excess) == "mixed"
    assert resolved(of_excess) == ("supported" if of_excess > 0 else "contradicted")


def test_cells_in_which_exact_fails_are_left_out_of_the_slope():
    cells = deep(0.03)
    for exact, removed in zip(cells[::2], cells[1::2], strict=True):
        if exact["gain"].iloc[0] == 8.0 and exact["hidden"].iloc[0].count("-") == 3:
            exact["failed"] = True  # and there removal would do no harm at all
            removed["final_objective"] = 1e-3
    assert part("C10", *cells).effects["effect"].estimate == pytest.approx(0.03, abs=0.004)


def test_exact_numbers_of_an_interaction():
    # (F, φ) - (f, φ) - (F, f') + (f, f') = 0.1 - 0.4 - 0.25 + 0 in decades
    found = part("C6", *twins(0.4, 0.1, 0.25, noise=0.0))
    assert found.effects["interaction"].estimate == pytest.approx(-0.55, abs=1e-9)
    assert found.effects["twin"].estimate == pytest.approx(-0.3, abs=1e-9)


def test_holm_over_the_claims_can_take_a_verdict_back():
    # C8 alone is supported by a hair; among ten claims its p-value counts tenfold
    cells = optimizers(0.064, 0.4, 0.4, noise=0.1, seeds=12)
    alone = verdict("C8", *cells)
    together = next(v for v in judge(Runs(table(*cells)), CLAIMS) if v.claim.id == "C8")
    assert alone.supported <= 0.05 < together.supported == pytest.approx(10 * alone.supported)
    assert (alone.verdict, together.verdict) == ("supported", "not decided")
    assert "not after Holm" in together.reason


def test_a_published_table_without_ids_and_with_absent_columns_is_read():
    frame = table(*settling(0.4, 0.3)).drop(columns=["decay", "updates_to_target", "optimum"])
    frame["consistent"] = False  # as older tables have it
    assert judge(Runs(frame), only("C4"))[0].verdict == "supported"


def test_the_order_of_rows_and_the_experiment_do_not_matter():
    frame = table(*at_zero(0.0, 0.0, seeds=12))
    mixed = frame.sample(frac=1.0, random_state=1).assign(experiment="elsewhere")
    one, two = (judge(Runs(f), only("C7"))[0].primary.finding for f in (frame, mixed))
    assert one == two


def test_checks_decide_the_first_claim():
    checks = pd.DataFrame({"check": ["derivative", "another rule"], "ratio": [1e-3, 0.5]})
    assert verdict("C1", runs(), checks=checks).verdict == "supported"
    found = verdict("C1", runs(), checks=checks.assign(ratio=[1e-3, np.inf]))
    assert (found.verdict, found.reason) == ("contradicted", "does not hold for another rule")
