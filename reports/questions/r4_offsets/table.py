"""R4's tables: a constant added to the logistic's slope, at a shared rate and at own rates."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from reports import paired
from reports.chosen import crosswise
from study.evidence.evidence import Evidence
from study.evidence.runs import NothingToShow
from study.learning.activations import ACTIVATIONS

STEEPEST = ACTIVATIONS["logistic"].bind().largest_slope
"""m = 1/4: amounts are stored as multiples of it, and published as slopes."""
DATASETS = ("iris", "wine", "breast_cancer")
UNITS, DEPTHS, BATCH = "16", range(1, 9), "10"
SHARED, TUNED = "shared", "tuned"
TRAINED_BELOW = 0.5
"""A net has trained where it leaves less than half of the best constant prediction's objective."""
FEWER = "fewer steps (Roodschild et al.)"
CLAIMS = {
    "exact": "fails beyond 5 hidden layers (Roodschild et al.)",
    "offset hidden": "2 more hidden layers train (Roodschild et al.)",
    "offset all": "no number (SNNS)",
    "floor all": "no number (FANN)",
}
PLAIN_DEPTH, MORE_LAYERS = 5, 2


def tables(evidence: Evidence) -> dict[str, pd.DataFrame]:
    """Return ``offsets``, a row for each net and rule, and ``offsets_depth``, how deep each goes.

    ``rate`` is "shared", the one that suits exact with one hidden layer, or "tuned", each rule's
    own; for the depths also each rate that was tried.

    ``ratio`` is a rule's updates to the target over exact's, a mean of logarithms over seeds with
    95 % limits. Runs that don't get there count as having needed all updates. ``verdict`` says
    whether the rule needs fewer: see `paired.verdict`; "neither" where no run got there.
    """
    runs = nets(evidence.runs.frame)
    chosen = {SHARED: at_shared_rate(runs), TUNED: paired.own(runs, ["dataset", "depth", "rule"])}
    every = {f"{rate:g}": mine for rate, mine in runs.groupby("learning_rate")}
    found = {k: pd.DataFrame(list(_rows(k, v))) for k, v in {**chosen, **every}.items()}
    depths = [row for part in found.values() for row in _depths(part)]
    offsets = pd.concat([found[SHARED], found[TUNED]])
    return {"offsets": offsets, "offsets_depth": pd.DataFrame(depths)}


def nets(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of this question's nets with ``depth, amount, rule, left, decades``."""
    usual = (frame["activation"] == "logistic") & (frame["objective"] == "squared_error")
    usual &= frame["dataset"].isin(DATASETS) & (frame["batch_size"].astype(str) == BATCH)
    widths = {"-".join([UNITS] * depth): depth for depth in DEPTHS}
    usual &= frame["hidden"].isin(widths) & frame["gradient"].isin(["exact", "offset", "floor"])
    runs = frame[usual].copy()
    if runs.empty:
        raise NothingToShow("no runs of offsets")
    runs["depth"] = runs["hidden"].map(widths)
    amount = runs["gradient.amount"].where(runs["gradient"] == "offset", runs["gradient.minimum"])
    runs["amount"] = (amount.astype(float) * STEEPEST).round(6).where(
        runs["gradient"] != "exact", 0.0
    )  # fmt: skip
    where = runs["location"].where(runs["location"] != "none", "")
    names = runs["gradient"] + " " + runs["amount"].map("{:g}".format) + " " + where
    runs["rule"] = names.where(runs["gradient"] != "exact", "exact")
    return paired.left(runs)


def at_shared_rate(runs: pd.DataFrame) -> pd.DataFrame:
    """Return all runs at the rate that suits exact with one hidden layer, by data and seed."""
    shallow = runs[(runs["rule"] == "exact") & (runs["depth"] == 1)]
    cells = [
        crosswise(cell, ["learning_rate"], "decades") for _, cell in shallow.groupby("dataset")
    ]
    return runs.merge(pd.concat(cells)[["dataset", "seed", "learning_rate"]])


def _rows(kind: str, runs: pd.DataFrame) -> Iterator[dict[str, Any]]:
    budget = runs["updates"].astype(float)
    needed = runs["updates_to_target"].astype(float)
    runs = runs.assign(steps=np.log10(needed.where(needed.notna(), budget)), got=needed.notna())
    runs["trained"] = runs["left"] < TRAINED_BELOW
    for (data, depth), net in runs.groupby(["dataset", "depth"], sort=True):
        exact = net[net["rule"] == "exact"]
        for rule, mine in net.groupby("rule", sort=True):
            found = paired.ratio(paired.beside(mine, exact, "steps"))
            neither = not mine["got"].any() and not exact["got"].any()
            itself = rule == "exact"
            said = "" if itself else "neither" if neither else paired.verdict(found)
            limits = [np.nan] * 3 if neither or itself else [float(f"{v:.4g}") for v in found]
            first = mine.iloc[0]
            yield {
                **{"data": data, "depth": int(depth), "rule": first["gradient"]},
                **{"offset": first["amount"], "location": first["location"], "rate": kind},
                **{"learning_rate": float(mine["learning_rate"].median()), "seeds": len(mine)},
                "trained": round(float(mine["trained"].mean()), 3),
                "reached_target": round(float(mine["got"].mean()), 3),
                "updates_to_target": round(float(10 ** mine["steps"].median())),
                "test_score": round(float(mine["test_score"].mean()), 4),
                **dict(zip(("ratio", "low", "high"), limits, strict=True)),
                **{"published": "" if itself else FEWER, "verdict": said},
            }


def _depths(offsets: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the deepest net of which at least half of the seeds train, by data, rate and rule.

    The verdict is on exact's claim where no deeper net than theirs trains, and on the offset's
    where at least so many layers more train than with exact.
    """
    trained = offsets[offsets["trained"] >= 0.5]
    keys = ["data", "rate", "rule", "offset", "location"]
    deepest = trained.groupby(keys)["depth"].max()
    for key, _ in offsets.groupby(keys, sort=False):
        data, rate, rule, amount, location = key
        depth = int(deepest.get(key, 0))
        exact = int(deepest.get((data, rate, "exact", 0.0, "none"), 0))
        claim = CLAIMS[rule if rule == "exact" else f"{rule} {location}"]
        if rule == "exact":
            said = "holds" if depth <= PLAIN_DEPTH else "not so"
        elif rule == "offset" and location == "hidden":
            said = "holds" if depth - exact >= MORE_LAYERS else "not so"
        else:
            said = ""
        yield {
            **{"data": data, "rate": rate, "rule": rule, "offset": amount, "location": location},
            **{"deepest": depth, "more_than_exact": depth - exact},
            **{"published": claim, "verdict": said},
        }
