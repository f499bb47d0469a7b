"""R7's table: growth of back-propagated signals by depth, and failures in training."""

from collections.abc import Mapping

import pandas as pd
from scipy.stats import beta

from reports.questions.r7_growth.measure import FILE
from study.evidence.evidence import Evidence
from study.evidence.runs import NothingToShow

DEPTHS = {"-".join(["32"] * depth): depth for depth in (1, 2, 4, 8, 16)}
RULES = {"exact": "exact", "removed": "removed", "constant": "constant 1/√2"}


def tables(evidence: Evidence) -> dict[str, pd.DataFrame]:
    """Return the tables ``growth`` and ``growth_failures``."""
    return {"growth": growth(pd.read_csv(FILE)), "growth_failures": failures(evidence.runs.frame)}


def growth(measured: pd.DataFrame) -> pd.DataFrame:
    """Return the measured ratios with a verdict on 2^(L/2).

    *Reproduced*: 2^(L/2) lies within the limits of 95 %. *At this width*: what independent masks
    and weights give at the width does. Else it *differs*.
    """
    table = measured.copy()
    verdicts = []
    for line in measured.to_dict("records"):
        inside = {
            name: line["low"] <= line[name] <= line["high"]
            for name in ("theory", "theory_at_width")
        }
        at_width = "at this width" if inside["theory_at_width"] else "differs"
        verdicts.append("reproduced" if inside["theory"] else at_width)
    table["verdict"] = verdicts
    return table


def trained(frame: pd.DataFrame) -> pd.DataFrame:
    """Return R7's trainings of any experiment that holds them, with ``depth``."""
    mine = (
        (frame["dataset"] == "digits")
        & (frame["objective"] == "cross_entropy")
        & (frame["activation"] == "relu")
        & (frame["initialisation"] == "he")
        & (frame["updates"].astype(int) == 400)
        & frame["hidden"].isin(DEPTHS)
        & frame["gradient"].isin(RULES)
    )
    runs = frame[mine].copy()
    if set(runs["gradient"]) != set(RULES):
        raise NothingToShow("no trainings of deep relu nets")
    runs["depth"] = runs["hidden"].map(DEPTHS)
    return runs


def failures(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the share of failed runs by depth, rule and rate, with Jeffreys' limits of 95 %."""
    rows = []
    for (depth, gradient, rate), runs in trained(frame).groupby(
        ["depth", "gradient", "learning_rate"]
    ):
        rows.append(
            {"depth": depth, "gradient": RULES[str(gradient)], "learning_rate": rate}
            | dict(share(int(runs["failed"].sum()), len(runs)))
        )
    return pd.DataFrame(rows)


def share(found: int, of: int) -> Mapping[str, float]:
    """Return a share with Jeffreys' limits of 95 %."""
    low, high = beta.ppf([0.025, 0.975], found + 0.5, of - found + 0.5)
    return {"runs": of, "failed": found / of, "low": float(low), "high": float(high)}
