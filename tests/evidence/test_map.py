"""The map finds what is there, says so where nothing is, and its intervals hold."""

import numpy as np
import pandas as pd
import pytest
from made_up_population import chance, runs, signal, tasks
from sklearn.linear_model import LinearRegression

from study.evidence import map as maps
from study.evidence.runs import NothingToShow
from study.harm import models
from study.harm.effects import effects
from study.harm.forecast import COUNTS

TASKS = tasks()
KNOWN = effects(runs(TASKS, removed=signal(TASKS), floor=chance(TASKS), points=3.0), TASKS)


@pytest.fixture(scope="module")
def found():
    """The tables of a signal and of nothing, from what is known before training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(maps, "COVARIATES", {"facts": models.FACTS})
        patch.setattr(maps, "OUTCOMES", {"removed": None, "floor": None})
        return maps.table(KNOWN).set_index(["outcome", "split", "model"]).sort_index()


def test_effects_are_ratios_and_differences_of_medians():
    assert KNOWN["removed"].to_numpy() == pytest.approx(signal(TASKS).to_numpy())
    assert KNOWN["offset"].to_numpy() == pytest.approx(np.zeros(len(TASKS)))
    classes = TASKS["kind"] == "classification"
    assert KNOWN.loc[classes, "accuracy"].to_numpy() == pytest.approx(3.0)
    assert KNOWN.loc[~classes, "accuracy"].isna().all() and KNOWN.loc[~classes, "r2"].notna().all()


def test_runs_that_fail_tie_or_are_of_other_cells():
    one = TASKS[TASKS["kind"] == "classification"].head(1).assign(exact_share=0.5)
    table = runs(one).set_index(["gradient", "seed"])
    table.loc[("removed", 0), ["failed", "test_score"]] = [True, np.nan]
    table.loc[("removed", 1), ["final_objective", "test_score"]] = [np.inf, np.nan]
    table.loc["floor", "final_objective"] = 0.0
    others = table.reset_index().assign(final_objective=1e-5)
    others = [others.assign(**c) for c in ({"consistent": "true"}, {"optimizer": "rmsprop"})]
    others.append(others[0].assign(consistent="false", location="all"))
    (row,) = effects(pd.concat([table.reset_index(), *others]), one).to_dict("records")
    assert row["removed"] == pytest.approx(np.log10(1.0 / 0.5))
    assert row["accuracy"] == pytest.approx(100 * (1 / 3 - 0.9))
    assert row["floor"] == pytest.approx(np.log10(1e-9 / 0.5))
    relu = table.reset_index().replace({"gradient": {"floor": "leaky_backward"}})
    relu = relu.rename(columns={"gradient.minimum": "gradient.slope"})
    assert effects(relu, one)["floor"].tolist() == [row["floor"]]
    assert effects(relu, one.assign(eligible=False)).empty


def test_a_signal_is_found_and_nothing_is_called_nothing(found):
    best = found.loc[("removed", "external")].dropna(subset=["verdict"]).iloc[0]
    assert best["r2"] > 0.9 and best["verdict"] == COUNTS and best["tasks"] == 80
    assert found.loc[("removed", "family")]["r2"].iloc[0] > 0.9
    none = found.loc[("floor", "external")].dropna(subset=["verdict"]).iloc[0]
    assert none["r2"] < 0.2 and none["verdict"].startswith("cannot be predicted: R² ")
    assert found.loc[("floor", "fit")].index.tolist() == sorted(models.MODELS)


def test_r2_is_that_of_a_fit_by_hand(found):
    """Ridge with hardly a penalty is a line, fitted to the tasks of the split fit alone."""
    x = np.stack([TASKS["depth"], np.log10(TASKS["gain"]), np.log10(TASKS["width"])], axis=1)
    y, fit, out = KNOWN["removed"], TASKS["split"] == "fit", TASKS["split"] == "external"
    wrong = y[out] - LinearRegression().fit(x[fit], y[fit]).predict(x[out])
    by_hand = 1 - (wrong**2).sum() / ((y[out] - y[fit].mean()) ** 2).sum()
    assert found.loc[("removed", "external", "ridge"), "r2"] == pytest.approx(by_hand, abs=0.02)


@pytest.mark.parametrize(
    ("r2", "coverage", "said"),
    [
        *((0.2, 0.85, COUNTS), (0.9, 0.95, COUNTS), (0.19, 0.9, "cannot be predicted: R² 0.19")),
        *((-1.0, 0.9, "cannot be predicted: R² −1.00"), (0.9, 0.96, "no sound intervals: they")),
        *((0.9, 0.84, "no sound intervals: they hold 84 %"), (np.nan, 1.0, "cannot")),
    ],
)
def test_verdicts(r2, coverage, said):
    assert maps.verdict(r2, coverage).startswith(said)


@pytest.mark.parametrize("name", models.MODELS)
def test_intervals_hold_nine_of_ten_new_tasks(name):
    """Though tasks of a draw are alike; with 80 draws to learn from, over four populations."""
    held = []
    for seed in range(4):
        many = tasks(240, 200, seed)
        x, y = models.covariates(many, "facts"), (signal(many) + chance(many)).to_numpy()
        old = (many["split"] == "fit").to_numpy()
        new = (many["split"] == "external").to_numpy()
        made = models.calibrated(name, x[old], y[old], many["draw"][old])
        low, middle, high = made.predict(x[new])
        assert (low <= middle).all() and (middle <= high).all()
        held.append(np.mean((low <= y[new]) & (y[new] <= high)))
    assert 0.86 < np.mean(held) < 0.95


def test_folds_never_split_a_draw():
    draws = TASKS["draw"].to_numpy()
    for seen, out in models.folds(draws).split(draws, groups=draws):
        assert not set(draws[seen]) & set(draws[out])
    # what only a task of the same draw could tell is not told
    x, y = models.covariates(TASKS, "facts"), chance(TASKS)
    left = models.left_out("forest", x, y, models.folds(draws), draws)
    assert maps.explained(y, left[1], y.mean()) < 0.1


def test_few_draws_have_no_finite_interval_and_no_map():
    few = KNOWN.head(16)
    made = models.calibrated(
        "median", models.covariates(few, "facts"), few["removed"].to_numpy(), few["draw"]
    )
    assert np.isinf(made.margin)
    with pytest.raises(NothingToShow, match="fewer than 10 draws"):
        maps.mapped(few, "removed", "facts")


def test_what_matters_is_what_the_effect_was_made_of(monkeypatch):
    monkeypatch.setattr(maps, "MODELS", {"ridge": models.ridge})
    falls = maps.importance(maps.mapped(KNOWN, "removed", "facts"), repeats=2)
    assert set(falls.index[:3]) == {"depth", "gain", "width"}
    assert falls.iloc[2] > 0.05 > 0.01 > falls.iloc[3:].abs().max()


def test_a_forests_quantiles_are_those_of_the_tasks_in_its_leaves():
    x, y = np.repeat(np.arange(4.0), 50)[:, None], np.tile(np.arange(50.0), 4)
    low, middle, high = models.forest(x, y + 100 * x[:, 0])(np.array([[2.0]]))[:, 0]
    assert (low, high) == pytest.approx((202, 247), abs=2) and middle == pytest.approx(
        224.5, abs=2
    )
