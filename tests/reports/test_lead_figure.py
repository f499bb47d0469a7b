"""The lead figure: it says what its networks did, and shows the failures of the tables."""

import numpy as np
import pandas as pd
import pytest
from pages import fits

from reports import style
from reports.command import ROOT
from reports.questions.p00_lead import figure as lead
from study.evidence.runs import NothingToShow
from study.learning.design import Budget


@pytest.fixture(scope="module")
def nets():
    """Both arms, with few seeds and a short budget."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lead, "TUNING", range(1, 3))
        patch.setattr(lead, "SHOWN", range(101, 103))
        patch.setattr(lead, "RATES", (0.1, 1.0, 100.0))
        patch.setattr(lead, "BUDGET", Budget(updates=400, batch_size=32, checkpoints=1, probes=0))
        yield lead.both.__wrapped__()


@pytest.fixture(scope="module")
def page(nets):
    shares = pd.read_csv(ROOT / "reports" / "tables" / "shares.csv")
    with style.theme():
        return lead.drawn(nets, shares)


def test_it_fits_and_says_what_was_trained(nets, page):
    fits(page)
    right = [100 * np.median(nets.scored[arm].test_score) for arm in ("exact", "removed")]
    times = np.divide(*(np.median(nets.scored[a].final_objective) for a in ("removed", "exact")))
    said = style.message_of(page)
    assert f"{right[0]:.0f} % of new" in said and f"layers {right[1]:.0f} %" in said
    assert f"{times:.1f} times" in said and times > 1


def test_its_bars_are_the_tables_shares(page):
    table = pd.read_csv(ROOT / "reports" / "tables" / "shares.csv")
    table = table[(table["claim"] == "S2b") & (table["split"] == "confirm")]
    expected = table.set_index("condition")["true"][[*lead.NETS]]
    assert [bar.get_width() for bar in page.axes[3].patches] == pytest.approx(list(expected))


def test_the_chosen_rate_has_the_lowest_mean_and_a_diverged_run_counts_as_one(nets):
    for arm in lead.ARMS:
        means = dict(zip((0.1, 1.0, 100.0), np.log10(nets.finals[arm]).mean(axis=0), strict=True))
        assert nets.best[arm] == min(means, key=means.get)
    assert list(lead.finite(np.array([np.nan, np.inf, 3.0, 0.2]))) == [1.0, 1.0, 1.0, 0.2]


def test_without_its_claim_there_is_nothing_to_show(nets):
    shares = pd.read_csv(ROOT / "reports" / "tables" / "shares.csv")
    with pytest.raises(NothingToShow, match="without f'"):
        lead.drawn(nets, shares[shares["claim"] != "S2b"])
