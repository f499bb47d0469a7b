"""The tables and figures of a population: made where it has results, and they say its numbers."""

import shutil

import numpy as np
import pandas as pd
import population_tables as made
import pytest
from pages import fits

from reports import build, style
from reports.command import ROOT
from study.evidence.shares.population import read_population


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A checkout with a population of twelve tasks, in which removal harms more than a floor."""
    base, rng = tmp_path_factory.mktemp("root"), np.random.default_rng(2)
    shutil.copytree(ROOT / "conf", base / "conf")
    table = made.tasks(
        12,
        split=["confirm"] * 8 + ["fit", "fit", "external", "external"],
        family=["moons"] * 6 + ["iris"] * 6,
    )
    logs = {"removed": np.full(12, 0.5), "floor": np.zeros(12), "rmsprop": np.full(12, -0.3)}
    trainings = made.runs(table, logs, seeds=4, noise=0.02, rng=rng)
    removed = trainings["gradient"] == "removed"
    trainings.loc[removed, "test_score"] = 0.85
    made.write(base, table, trainings)
    return base


def test_the_build_makes_all_tables(base, monkeypatch):
    monkeypatch.setattr(build, "POPULATION", {})
    lines = [*build.build("population", base=base)]
    assert lines[0] == "reports/tables/shares.csv  confirm: 7 usual" or "confirm: " in lines[0]
    folder = base / "reports" / "tables"
    shares = pd.read_csv(folder / "shares.csv")
    contract = (
        "claim condition tasks true true_low true_high within opposite median low_90 high_90"
    )
    assert list(shares.columns[:12]) == [*contract.split(), "verdict"]
    s1 = shares[(shares["claim"] == "S1") & (shares["condition"] == "all")].set_index("split")
    assert s1["tasks"].to_dict() == {"confirm": 8, "fit": 2, "drawn": 10, "external": 2}
    assert (s1["true"] == 100).all() and s1["median"].to_numpy() == pytest.approx(
        10**0.5, rel=0.05
    )
    scores = pd.read_csv(folder / "test_scores.csv").set_index(["arm", "condition", "kind"])
    row = scores.loc["removed", "all", "classification"]
    assert row["tasks"] == 10 and row["end"] == pytest.approx(-5) and row["end_worse"] == 100
    assert row["stopped"] == 0 and row["stopped_worse"] == 0
    others = pd.read_csv(folder / "shares_sensitivity.csv")
    assert {"all", "without moons", "without iris"} == set(others["population"])
    assert "| S1 | Without the factor in hidden layers" in (folder / "shares.md").read_text(
        "utf-8"
    )


@pytest.mark.parametrize("name", ["p01_shares", "p02_effects"])
def test_figures_fit_the_paper(name, base):
    figure = next(build.POPULATION[name](read_population(base)))
    figure.draw_without_rendering()
    assert figure.get_figwidth() == style.WIDTH
    fits(figure)
    told = {"p01_shares": "(confirm, 8)", "p02_effects": "at 3.2 times exact's"}
    assert told[name] in style.message_of(figure)


def test_without_results_nothing_is_made(tmp_path):
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    assert build._population(tmp_path) == ""
