"""Shares of a population: known shares are found, words are said when they may be."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import population_tables as made
import pytest

from study.conf import claims_digest, read_yaml, shares_path
from study.evidence.shares import estimates
from study.evidence.shares.estimates import COUNTED, DECONVOLVED, Sample
from study.evidence.shares.judging import judged_population, meets, sensitivity
from study.evidence.shares.outcomes import effects_of
from study.evidence.shares.population import has_population, population_from, read_population
from study.evidence.shares.reading import Contrast, Range, Words, read_shares, shares_from

SHARES = read_shares()
WORDS = Words(90, 50)
REMOVED = {"removed": 1, "exact": -1}
FLAT = {"removed": np.full(4, np.log10(3.0))}


def population(table, trainings):
    return population_from(table, trainings, SHARES)


def effects(table, trainings, outcome, rate="tuned", arms=REMOVED, margin=1.1):
    contrast = Contrast(outcome, arms, margin, "above")
    return effects_of(population(table, trainings), contrast, rate)


# ---- the referee: populations with known shares


def referee(true, studies, tasks=200, noise=0.0, spread=0.3, margin=1.1):
    """Judge S1 in made-up studies from runs to words; its true share is `true`."""
    claim = [replace(c, margin=margin) for c in SHARES.claims if c.id == "S1"]
    rows = []
    for study in range(studies):
        rng = np.random.default_rng([7, study])
        table = made.tasks(tasks)
        logs = {"removed": made.effects(tasks, true, spread, np.log10(margin), rng)}
        trainings = made.runs(table, logs, noise=noise, rng=rng, seeds=12 if noise else 2)
        one = population_from(table, trainings, replace(SHARES, claims=tuple(claim)))
        rows.append(judged_population(one, conditions=False).query("split == 'confirm'"))
    return pd.concat(rows)


def test_intervals_cover_and_general_is_not_said_of_85_percent():
    found = referee(0.85, 200)
    assert set(found["method"]) == {COUNTED}
    assert (found["true_low"].le(85) & found["true_high"].ge(85)).mean() >= 0.9
    assert (found["verdict"] == "general").mean() < 0.05
    assert (found["verdict"] == "usual").mean() > 0.9
    assert found["true"].mean() == pytest.approx(85, abs=1)


def test_general_is_said_of_what_is_general():
    found = referee(0.98, 25)
    assert (found["verdict"] == "general").mean() > 0.8


def test_noise_of_seeds_is_taken_out():
    """Where seeds blur what tasks differ by, counting is wrong and deconvolution is not."""
    found = referee(0.85, 12, noise=0.15, spread=0.05)
    assert set(found["method"]) == {DECONVOLVED}
    assert found["counted"].mean() < 80
    assert found["true"].mean() == pytest.approx(85, abs=5)
    assert (found["true_low"].le(85) & found["true_high"].ge(85)).mean() >= 0.8
    assert (found["verdict"] == "general").sum() <= 1


def test_ten_lines_of_pandas_come_to_the_same_shares():
    rng, number = np.random.default_rng(3), 40
    table = made.tasks(number, objective=rng.choice(["squared_error", "cross_entropy"], number))
    logs = {"removed": rng.normal(0.3, 0.5, number), "frozen": rng.normal(0.6, 0.2, number)}
    trainings = made.runs(table, logs, noise=0.01, rng=rng)
    trainings["test_score"] = 0.9 - 0.04 * np.log10(trainings["final_objective"] / 0.2)
    found = judged_population(population(table, trainings)).query("split == 'confirm'")

    runs = trainings.assign(
        left=trainings["final_objective"] / 2, points=100 * trainings.test_score
    )
    wide = runs.pivot_table(index=["task", "seed"], columns="gradient", values=["left", "points"])
    ratio = np.log10(wide["left"]["removed"] / wide["left"]["exact"]).groupby("task").mean()
    worse = np.log10(wide["left"]["removed"] / wide["left"]["frozen"]).groupby("task").mean()
    points = (wide["points"]["removed"] - wide["points"]["exact"]).groupby("task").mean()
    entropy = table.set_index("task")["objective"] == "cross_entropy"
    expected = {
        ("S1", "all"): 100 * (10**ratio > 1.1).mean(),
        ("S1", "under cross-entropy"): 100 * (10 ** ratio[entropy] > 1.1).mean(),
        ("S9b", "all"): 100 * (10**worse > 1.1).mean(),
        ("S10", "all"): 100 * (points < -1).mean(),
    }
    shares = found.set_index(["claim", "condition"])["true"]
    assert {key: shares[key] for key in expected} == pytest.approx(expected)
    s1 = found.set_index(["claim", "condition"]).loc["S1", "all"]
    assert s1["median"] == pytest.approx(10 ** ratio.median())
    assert s1["low_90"] == pytest.approx(10 ** ratio.quantile(0.05))
    assert s1["true"] + s1["within"] + s1["opposite"] == pytest.approx(100)


def test_nothing_that_is_given_is_changed():
    table, rng = made.tasks(8), np.random.default_rng(0)
    trainings = made.runs(table, {"removed": np.full(8, 0.2)}, noise=0.2, rng=rng)
    before = table.copy(), trainings.copy()
    one = population(table, trainings)
    kept = one.tasks.copy(), one.runs.copy()
    judged_population(one)
    sensitivity(one)
    for frame, old in zip((table, trainings, one.tasks, one.runs), (*before, *kept), strict=True):
        pd.testing.assert_frame_equal(frame, old)


# ---- words, intervals, distributions


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        *[(90, 99, "general"), (89.9, 99, "usual"), (50, 80, "usual"), (49.9, 99, "open")],
        *[(10, 50, "open"), (10, 49.9, "not so")],
    ],
)
def test_words(low, high, word):
    assert estimates.verdict(low, high, WORDS) == word


def test_a_condition_stands_in_its_verdict():
    table = made.tasks(40)
    found = judged_population(population(table, made.runs(table, {"removed": np.ones(40)})))
    found = found[(found["claim"] == "S1") & (found["split"] == "confirm")].set_index("condition")
    assert found.loc["all", "verdict"] == "usual"  # twenty draws are too few for "general"
    assert found.loc["under squared error", "verdict"] == "usual under squared error"
    assert "under cross-entropy" not in found.index  # it has no tasks


def test_tasks_of_one_draw_are_not_independent():
    """Whole draws agree: the interval is that of the draws, half as many."""
    agree = np.repeat(np.arange(50) % 4 > 0, 2).astype(float)[None]
    by_draw = estimates.share(agree, estimates.resamples(np.arange(100) // 2), 50, 0.05)
    alone = estimates.share(agree, estimates.resamples(np.arange(100)), 100, 0.05)
    widths = [limits[2] - limits[1] for limits in (by_draw, alone)]
    assert by_draw[0] == alone[0] == 74
    assert widths[0] / widths[1] == pytest.approx(np.sqrt(2), rel=0.1)
    assert estimates.share(agree, estimates.resamples(["one"] * 100), 1, 0.05)[1:] == (0, 100)


def test_a_mixture_of_two_effects_is_found():
    rng = np.random.default_rng(1)
    true = np.where(np.arange(300) < 90, 0.5, -0.5)
    sample = Sample(true + 0.15 * rng.normal(size=300), np.full(300, 0.15), np.full(300, 12.0))
    weights = estimates.resamples(np.arange(300), 2)
    sides, points, masses = estimates.chances(sample, (-0.1, 0.1), weights, DECONVOLVED)
    assert [side[0].mean() for side in sides] == pytest.approx([0.7, 0.0, 0.3], abs=0.02)
    assert estimates.quantiles(points, masses, [0.3])[0] == pytest.approx(-0.5, abs=0.1)


def test_a_new_task_lies_in_the_prediction_interval():
    rng = np.random.default_rng(5)
    inside = []
    for _ in range(200):
        values = rng.normal(size=80)
        low, high = estimates.prediction(values[1:], np.full(79, 1 / 79), 0.05)
        inside.append(low <= values[0] <= high)
    assert np.mean(inside) == pytest.approx(0.95, abs=0.04)
    assert estimates.prediction(np.arange(5.0), np.ones(5), 0.05) == (-np.inf, np.inf)


LIMITS = [
    ("ratio", 1.1, "above", (-np.log10(1.1), np.log10(1.1))),
    ("ratio", 1.05, "below", (np.log10(1.05), np.log10(1.05))),  # not worse
    ("ratio", 1 / 1.05, "below", (-np.log10(1.05), np.log10(1.05))),
    ("ratio", 1.05, "equal", (-np.log10(1.05), np.log10(1.05))),
    *[("test", -1, "below", (-1, 1)), ("failures", 10, "above", (-10, 10))],
    ("h", 0.5, "above", (0, 0.5)),
]


@pytest.mark.parametrize(("outcome", "margin", "direction", "limits"), LIMITS)
def test_limits(outcome, margin, direction, limits):
    assert Contrast(outcome, REMOVED, margin, direction).limits == pytest.approx(limits)


# ---- outcomes, from tables with few runs


def test_a_failed_run_counts_as_what_a_constant_leaves_and_ties_are_counted():
    table = made.tasks(4)
    trainings = made.runs(table, {"removed": np.zeros(4)}, seeds=2)
    lost = (trainings["gradient"] == "removed") & (trainings["task"] == "t0001")
    trainings.loc[lost, ["failed", "final_objective"]] = [True, np.inf]
    trainings.loc[trainings["task"] == "t0002", "final_objective"] = 1e-12
    found = effects(table, trainings, "ratio")
    assert found["effect"].tolist() == pytest.approx([0, 1, 0, 0])  # of 0.1, a share of 1
    assert found["tied"].tolist() == [0, 0, 2, 0]


def test_tasks_that_are_not_eligible_are_left_out():
    table = made.tasks(4, eligible=[True, False, True, True])
    assert [*effects(table, made.runs(table, FLAT), "ratio").index] == ["t0000", "t0002", "t0003"]


def test_failures_are_counted_over_the_rates_that_both_arms_tried():
    table = made.tasks(1)
    coarse = [
        made.runs(table, {"removed": [0.0]}, 2, stage="tune", learning_rate=rate)
        for rate in (0.1, 1.0)
    ]
    trainings = pd.concat(coarse, ignore_index=True)
    trainings["seed"] -= 2000  # stage A's
    removed = trainings["gradient"] == "removed"
    trainings["failed"] = removed & (trainings["learning_rate"] == 1.0)
    only = trainings[removed].assign(learning_rate=10.0, failed=True)  # where one arm looked on
    fine = trainings.assign(seed=trainings["seed"] + 1000, failed=removed)  # stage B
    found = effects(table, pd.concat([trainings, only, fine]), "failures", margin=10)
    assert found["effect"].tolist() == [50.0] and found["pairs"].tolist() == [4]


def test_a_kept_rate_means_transfer():
    table = made.tasks(2)
    own = made.runs(table, {"removed": np.zeros(2)})
    kept = own[own["gradient"] == "removed"].assign(stage="transfer", failed=True)
    trainings = pd.concat([own, kept], ignore_index=True)
    assert effects(table, trainings, "failures_kept")["effect"].tolist() == [100, 100]
    assert effects(table, trainings, "ratio", "kept")["effect"].tolist() == pytest.approx([1, 1])
    assert effects(table, trainings, "ratio")["effect"].tolist() == pytest.approx([0, 0])


def test_h_is_the_share_of_what_hidden_learning_is_worth():
    table = made.tasks(2)
    logs = {"removed": np.array([0.3, 0.3]), "frozen": np.array([0.6, 0.01])}
    found = effects(table, made.runs(table, logs), "h", margin=0.5)
    assert found["effect"].to_dict() == {
        "t0000": pytest.approx(0.5)
    }  # the other one learns little


def test_updates_that_are_never_enough_count_as_the_budget():
    table = made.tasks(2)
    trainings = made.runs(table, {"removed": np.zeros(2)})
    never = trainings["gradient"] == "removed"
    never |= trainings["task"] == "t0001"  # exact neither: such a task tells nothing
    trainings.loc[never, "updates_to_target"] = np.nan
    assert effects(table, trainings, "updates")["effect"].to_dict() == {"t0000": pytest.approx(1)}


def test_points_of_the_test_score():
    table = made.tasks(2, kind=["classification", "regression"], classes=[4, 0])
    trainings = made.runs(table, {"removed": np.zeros(2)})
    removed = trainings["gradient"] == "removed"
    trainings.loc[removed & (trainings["task"] == "t0001"), "test_score"] = -50.0
    lost = removed & (trainings["task"] == "t0000")
    trainings.loc[lost, "test_score"] = np.nan
    trainings.loc[lost, "failed"] = True
    trainings.loc[removed, "stopped_test_score"] = 0.85
    found = effects(table, trainings, "test", margin=1)["effect"]
    assert found.tolist() == pytest.approx([25 - 90, -100 - 90])  # chance; R2 below -1 is -1
    stopped = effects(table, trainings, "stopped_test", margin=1)["effect"]
    assert stopped.tolist() == pytest.approx([-5, -5])


# ---- the files


def test_own_results_are_read_with_the_file_of_claims(tmp_path, refusal):
    shutil.copytree(shares_path().parent, tmp_path / "conf")
    (tmp_path / "conf" / "experiment" / "population.yaml").touch()
    assert not has_population(tmp_path, "population")
    assert "make ablation EXPERIMENT=population" in refusal(read_population, tmp_path)
    table = made.tasks(4)
    trainings = made.runs(table, {n: np.zeros(4) for n in ("removed", "other", "leaky")})
    made.write(tmp_path, table, trainings)
    assert has_population(tmp_path, "population")
    found = read_population(tmp_path)
    assert found.runs.groupby("arm").size().to_dict() == {"exact": 48, "floor": 48, "removed": 48}
    assert len(claims_digest(tmp_path / "conf" / "shares.yaml")) == 64


@pytest.mark.parametrize("table", ["tasks", "runs"])
def test_a_table_that_lacks_a_column_is_told(table, refusal):
    given = {"tasks": made.tasks(2), "runs": made.runs(made.tasks(2), {})}
    column = {"tasks": "eligible", "runs": "final_objective"}[table]
    given[table] = given[table].drop(columns=column)
    said = refusal(population_from, *given.values(), SHARES)
    assert said == f"{table}.parquet of a population lacks the column {column!r}"


def test_conditions():
    table = made.tasks(3, depth=[1, 3, 5], activation=["tanh", "relu", "gelu"])
    assert meets(table, {"depth": Range(2, 3)}).tolist() == [False, True, False]
    assert meets(table, {"depth": Range(4), "activation": ["gelu"]}).tolist() == [False] * 2 + [
        True
    ]
    assert meets(table, {"real": False, "kind": "regression"}).tolist() == [False] * 3


def changed(path, value):
    given = read_yaml(shares_path())
    *parents, last = path.split("/")
    at = given
    for key in parents:
        at = at[int(key) if key.isdigit() else key]
    at[last] = value
    return given


MISTAKES = [
    ("claims/0/outcome", "ratios", "S1: outcome 'ratios'. Did you mean 'ratio'"),
    ("claims/0/direction", "up", "S1: direction 'up'"),
    ("claims/0/arms", {"removd": 1, "exact": -1}, "unknown arm 'removd'. Did you mean 'removed'"),
    (
        "claims/0/arms",
        {"removed": 1, "exact": 1},
        "S1: arms takes two or more weights that add up",
    ),
    ("claims/0/margin", -1, "S1: margin = -1 is no ratio"),
    ("claims/2/arms", {"removed": 2, "exact": -2}, "S2: failures takes the weights 1 and -1"),
    ("claims/1/id", "S1", "shares.yaml: id has 'S1' twice"),
    ("conditions/deep", {"dept": 1}, "unknown column 'dept'. Did you mean 'depth'"),
    ("conditions/deep", {"depth": {"form": 1}}, "depth: form"),
    ("conditions/deep", {"rate": "own"}, "unknown rate 'own'. Valid: tuned, kept"),
    ("words", {"general": 90}, "shares.yaml: words.usual is missing"),
    ("level", 5, "shares.yaml: level = 5 is out of range"),
    ("splits", {}, "shares.yaml: splits takes at least one name"),
    ("arms/removed", {"gradeint": "removed"}, "unknown column 'gradeint'"),
]


@pytest.mark.parametrize(("path", "value", "said"), MISTAKES)
def test_mistakes_in_the_file_are_one_line(path, value, said, refusal):
    assert said in refusal(shares_from, changed(path, value))


def test_the_claims_are_those_of_the_population():
    assert Path(shares_path()).name == "shares.yaml" and SHARES.experiment == "population"
    assert [claim.id for claim in SHARES.claims if not claim.id[-1].isalpha()] == [
        f"S{k}" for k in range(1, 12)
    ]
