"""The paper's numbers of the population, its replications, and figures without their titles."""

import pandas as pd
import pytest
from matplotlib.figure import Figure

from reports import style
from reports.command import ROOT
from reports.paper import document, numbers, population
from reports.wording import signed

TABLES = ROOT / "reports" / "tables"


@pytest.fixture(scope="module")
def told():
    tables = {name: pd.read_csv(TABLES / f"{name}.csv") for name in population.NEEDED}
    return dict(numbers._of_tasks(ROOT, tables)), tables


def test_shares_scores_and_the_map_are_the_tables(told):
    found, tables = told
    shares = tables["shares"].set_index(["claim", "condition", "split"]).sort_index()
    for key, where in (
        ("S1", ("S1", "all", "confirm")),
        ("S2b.with relu", ("S2b", "with relu", "confirm")),
        ("S10.external", ("S10", "all", "external")),
    ):
        row = shares.loc[where]
        assert found[f"{key}.true"]["text"] == f"{row['true']:.0f}"
        assert found[f"{key}.median"]["text"] == signed(row["median"])
        assert found[f"{key}.tasks"]["value"] == row["tasks"]
    scores = tables["test_scores"].set_index(["arm", "condition", "kind"])
    end = scores.loc[("removed", "on real data", "regression"), "end"]
    assert found["removed.test.on real data.regression.end"]["value"] == pytest.approx(end)
    best = tables["map"].query("outcome == 'removed' and covariates == 'measured'")
    r2 = best.query("split == 'confirm' and model == 'ridge'")["r2"].iloc[0]
    assert found["map.removed.measured.confirm"]["value"] == pytest.approx(100 * r2)
    assert (
        found["population.drawn"]["value"] == 600 and found["population.datasets"]["value"] == 38
    )


def test_the_reversals_are_counted_as_their_figures_say(told):
    found = {key: entry["value"] for key, entry in told[0].items()}
    assert (found["x6.separable, lower"], found["x6.separable"]) == (4, 5)
    assert (found["x6.others, higher"], found["x6.others"]) == (6, 7)
    assert found["x7.exact, lowest objective.least"] == pytest.approx(8.9, abs=0.05)
    assert found["x7.exact, stopped.most"] < 0


def test_every_claim_has_its_statement_and_verdict(told):
    rows = population.statements(ROOT, told[1]["shares"])
    verdicts = {row["claim"]: row["verdict"] for row in rows}
    assert len(rows) == 20 and verdicts["S3"] == "general" and verdicts["S8"] == "not so"


def test_a_figure_says_how_high_its_title_is(tmp_path):
    with style.theme():
        page, _ = style.sheet("A message", "A note.", 1, 1, height=1.0)
        style.save([page], tmp_path / "one")
    other = Figure(figsize=(3.4, 1.5))
    other.savefig(tmp_path / "two.pdf")
    one, two = (document._size(tmp_path / f"{name}.pdf") for name in ("one", "two"))
    assert 0.3 < one["head"] < one["height"] - 1.0 and two["head"] == 0.0
