"""Numbers of the paper that decide no claim: what the figures beside the verdicts found."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from reports.panels import CORE, ENTROPY, rule
from reports.questions.c03_removal import figure as removal
from reports.questions.x1_location import figure as location
from reports.questions.x2_capacity import figure as capacity
from reports.questions.x3_predictors import figure as predictors
from study.evidence.comparison import UNITS
from study.evidence.evidence import EXACT, Evidence
from study.evidence.runs import NothingToShow, Selection

WIDEST = "64-64"
Where = Selection | Sequence[Selection]


def exploratory(evidence: Evidence) -> Iterator[tuple[str, float, str]]:
    """Yield each number's key, value and unit as in the tables; NaN where there are no runs."""
    for key, arm, where, options in _effects(evidence):
        effect = evidence.beside(arm, where, **options)
        unit = "percentage points" if "comparison" in options else "ratio"
        values = effect.interval() if effect is not None else (math.nan,) * 3
        for name, value in zip(("estimate", "low", "high"), values, strict=True):
            shown = UNITS["ratio" if unit == "ratio" else "points"][1]
            yield f"{key}.{name}", shown(value), unit
    yield from _predictors(evidence)
    yield from _capacities(evidence)
    chosen, edge = _at_an_edge(evidence)
    yield "tuned cells", chosen, "count"
    yield "tuned cells at an edge", edge, "count"
    rooms = removal.rooms_of(evidence)
    for name in ("exact", "removed"):
        yield f"{name}, headroom", rooms.loc[rooms["rule"] == name, "times"].median(), "ratio"


def _effects(evidence: Evidence) -> Iterator[tuple[str, Selection, Where, dict[str, Any]]]:
    """Yield what is compared: key, arm, where, and what else `Evidence.beside` takes.

    Shares of failed or runaway runs are those with a comparison of their own.
    """
    removed = rule("removed")
    for place in ("output", "hidden", "all"):
        where = {"task": list(location.TASKS), "location": place}
        yield f"removed {place}", removed, where, {}
        yield f"offset {place}", rule("offset", amount=0.1), where, {}
    failed = {"comparison": "failed"}
    untuned = {**failed, "rate": "exact"}
    zeros = evidence.part("C7", "persistent zeros").where
    arm = rule("relu_at_zero", value=1.0, arm="overwrite")
    yield "one overwritten, failed", arm, zeros, untuned
    for name, arm in (("power ½", rule("power", exponent=0.5)), ("rank one", rule("rank_one"))):
        yield name, arm, CORE, {}
        yield f"{name}, entropy", arm, ENTROPY, {}
    several = evidence.part("C3", removal.PART).where
    for name, rate in (("own", "own"), ("exact's", "exact")):
        options = {"comparison": "runaway", "rate": rate}
        yield f"removed at {name} rate, runaway", removed, several, options
    for activation in ("tanh", "logistic"):
        there = [{**selection, "activation": activation} for selection in several]
        yield f"{activation} at exact's rate, failed", removed, there, untuned
    relu = {**ENTROPY, "activation": "relu", "initialisation": "glorot"}
    yield "relu, entropy, failed", removed, relu, failed
    yield "removed, tanh", removed, {**CORE, "activation": "tanh"}, {}
    # nets that go on under another rule, beside those that exact trained all along
    branches = {**CORE, "updates": "any", "branch.gradient": "any"}
    after = {"branch.gradient": "exact"}
    stays = {"reference": {**EXACT, **after, "branch.rate": "equal_path"}}
    without, back = {**removed, **after}, {**EXACT, "branch.gradient": "removed"}
    for name, first, rate in (
        ("without, own rate", without, "own"),
        ("without, a tenth", without, "tenth"),
        ("back, own rate", back, "own"),
    ):
        yield f"goes on {name}", {**first, "branch.rate": rate}, branches, stays


def _predictors(evidence: Evidence) -> Iterator[tuple[str, float, str]]:
    try:
        every = predictors.table(evidence)
    except NothingToShow:
        every = pd.DataFrame()
    for name in predictors.LABELS:
        explained = predictors.judged(every, name).explained if name in every else math.nan
        yield f"{name}.explained", 100.0 * explained, "percentage points"


def _at_an_edge(evidence: Evidence) -> tuple[int, int]:
    """Return how many cells chose a rate, and how many the largest or smallest one tried."""
    runs = evidence.runs.frame
    tuning = runs[runs["stage"] == "tune"].groupby("cell")["learning_rate"].agg(["min", "max"])
    scored = runs[(runs["stage"] == "evaluate") & (runs["rates"] == "one")]
    both = tuning.join(scored.groupby("cell")["learning_rate"].first(), how="inner")
    inside = both["learning_rate"].between(1.001 * both["min"], 0.999 * both["max"])
    return len(both), int((~inside).sum())


def _capacities(evidence: Evidence) -> Iterator[tuple[str, float, str]]:
    try:
        left = capacity.table(evidence)
    except NothingToShow:
        left = None
    for name in ("exact", "removed"):
        learnt = math.nan if left is None else capacity.capacity(left, name, WIDEST)
        yield f"{name}, patterns by heart", learnt, "count"
