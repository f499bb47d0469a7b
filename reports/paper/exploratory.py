"""Numbers of the paper that decide no claim: what the figures beside the verdicts found."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from reports.panels import CORE, ENTROPY, TASKS, rule
from reports.questions.c03_removal import figure as removal
from reports.questions.x1_location import figure as location
from reports.questions.x2_capacity import figure as capacity
from reports.questions.x3_predictors import figure as predictors
from study.evidence.comparison import UNITS
from study.evidence.effects import Effect
from study.evidence.evidence import EXACT, Evidence
from study.evidence.runs import NothingToShow, Selection

WIDEST = "64-64"
EVERYWHERE: Selection = {"task": list(location.TASKS)}
OFFSET = rule("offset", amount=0.1)


def exploratory(evidence: Evidence) -> Iterator[tuple[str, float, str]]:
    """Return each number's key, value and unit; NaN where there are no runs.

    Parameters
    ----------
    evidence
        Of the experiment that the paper describes.

    Yields
    ------
    key, value, unit
        Units as in the tables of verdicts.
    """
    for place in ("output", "hidden", "all"):
        where = {**EVERYWHERE, "location": place}
        for name, selection in (("removed", rule("removed")), ("offset", OFFSET)):
            yield from _limits(f"{name} {place}", evidence.beside(selection, where), "ratio")
    zeros = evidence.part("C7", "persistent zeros").where
    arm = rule("relu_at_zero", value=1.0, arm="overwrite")
    effect = evidence.beside(arm, zeros, comparison="failed", rate="exact")
    yield from _limits("one overwritten, failed", effect, "percentage points")
    for name, selection in (
        ("power ½", rule("power", exponent=0.5)),
        ("rank one", rule("rank_one")),
    ):
        yield from _limits(name, evidence.beside(selection, CORE), "ratio")
        yield from _limits(f"{name}, entropy", evidence.beside(selection, ENTROPY), "ratio")
    yield from _predictors(evidence)
    yield from _capacities(evidence)
    yield from _continued(evidence)
    where = evidence.part("C3", removal.PART).where
    for name, rate in (("own", "own"), ("exact's", "exact")):
        effect = evidence.beside(rule("removed"), where, comparison="runaway", rate=rate)
        yield from _limits(f"removed at {name} rate, runaway", effect, "percentage points")
    for activation in ("tanh", "logistic"):
        there = [{**selection, "activation": activation} for selection in where]
        effect = evidence.beside(rule("removed"), there, comparison="failed", rate="exact")
        yield from _limits(f"{activation} at exact's rate, failed", effect, "percentage points")
    relu = {**ENTROPY, "activation": "relu", "initialisation": "glorot"}
    effect = evidence.beside(rule("removed"), relu, comparison="failed")
    yield from _limits("relu, entropy, failed", effect, "percentage points")
    tanh = evidence.beside(rule("removed"), {**CORE, "activation": "tanh"})
    yield from _limits("removed, tanh", tanh, "ratio")
    chosen, edge = _at_an_edge(evidence)
    yield "tuned cells", chosen, "count"
    yield "tuned cells at an edge", edge, "count"
    rooms = removal.rooms_of(evidence)
    for name in ("exact", "removed"):
        yield f"{name}, headroom", rooms.loc[rooms["rule"] == name, "times"].median(), "ratio"


def _limits(key: str, effect: Effect | None, unit: str) -> Iterator[tuple[str, float, str]]:
    _, shown, _ = UNITS["ratio" if unit == "ratio" else "points"]
    values = effect.interval() if effect is not None else (math.nan,) * 3
    for name, value in zip(("estimate", "low", "high"), values, strict=True):
        yield f"{key}.{name}", shown(value), unit


def _continued(evidence: Evidence) -> Iterator[tuple[str, float, str]]:
    """Compare nets that go on under another rule with those that exact trained all along."""
    where: Selection = {
        "task": list(TASKS),
        "updates": "any",
        "branch.gradient": "any",
        "location": "hidden",
    }
    after = {"branch.gradient": "exact"}
    stays = {**EXACT, **after, "branch.rate": "equal_path"}
    for name, arm in (
        ("without, own rate", {**rule("removed"), **after, "branch.rate": "own"}),
        ("without, a tenth", {**rule("removed"), **after, "branch.rate": "tenth"}),
        ("back, own rate", {**EXACT, "branch.gradient": "removed", "branch.rate": "own"}),
    ):
        effect = evidence.beside(arm, where, reference=stays)
        yield from _limits(f"goes on {name}", effect, "ratio")


def _predictors(evidence: Evidence) -> Iterator[tuple[str, float, str]]:
    every: Any = None
    try:
        every = predictors.table(evidence)
    except NothingToShow:
        pass
    for name in predictors.LABELS:
        found = None if every is None or name not in every else predictors.judged(every, name)
        explained = math.nan if found is None else found.explained
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
