"""The tables of shares of a population of tasks, and of its test scores."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reports.templates import filled
from reports.verdicts import write_csv
from study.conf import claims_digest
from study.evidence.runs import REFERENCE
from study.evidence.shares import estimates
from study.evidence.shares.judging import judged_population, meets, sensitivity
from study.evidence.shares.outcomes import FROZEN, effects_of
from study.evidence.shares.population import Population, read_population
from study.evidence.shares.reading import ALL, RATE, Contrast

EXTERNAL = "external"
POINT = 1.0  # smaller differences of test scores are none


def write(base: Path) -> Iterator[tuple[Path, str]]:
    """Judge the claims of conf/shares.yaml and write the tables; yield each with a message."""
    population = read_population(base)
    folder = base / "reports" / "tables"
    table = judged_population(population)
    decides = next(iter(population.shares.splits))
    whole = table[(table["condition"] == ALL) & (table["split"] == decides)]
    words = ", ".join(f"{n} {word}" for word, n in whole["verdict"].value_counts().items())
    yield write_csv(table, folder / "shares.csv"), f"{decides}: {words or 'no tasks yet'}"
    path = folder / "shares.md"
    path.write_text(_for_people(population, table, base), encoding="utf-8")
    yield path, "the same for people"
    yield write_csv(test_scores(population), folder / "test_scores.csv"), "every rule beside exact"
    others = sensitivity(population)
    path = write_csv(others, folder / "shares_sensitivity.csv")
    yield path, f"three claims in {others['population'].nunique()} populations"


def _for_people(population: Population, table: pd.DataFrame, base: Path) -> str:
    claims = {claim.id: claim for claim in population.shares.claims}
    rows = [
        {**row, "statement": claims[row["claim"]].statement, "unit": unit_of(claims[row["claim"]])}
        for row in table[table["condition"] == ALL].to_dict("records")
    ]
    tasks = population.tasks
    return filled(
        "shares.md",
        rows=rows,
        splits=population.shares.splits,
        tasks=len(tasks),
        eligible=int(tasks["eligible"].astype(bool).sum()),
        digest=claims_digest(base / "conf" / "shares.yaml"),
    )


def unit_of(contrast: Contrast) -> str:
    """Return the unit of an effect as people read it."""
    return "×" if contrast.logarithmic else "" if contrast.outcome == "h" else "points"


def test_scores(population: Population) -> pd.DataFrame:
    """Return the test score of each arm beside exact's: a row per arm, condition and kind.

    ``end`` and ``stopped`` are medians over tasks of the mean difference over seeds, in points,
    with limits over draws. ``_worse`` and ``_better`` are the shares of tasks, in %, beyond one
    point. Tasks that were drawn take part; external ones have rows of their own.
    """
    shares, tasks = population.shares, population.tasks
    drawn = tasks["split"] != EXTERNAL
    rows = []
    for arm in shares.arms:
        if arm == REFERENCE:
            continue
        for rate in ("tuned", "kept") if arm != FROZEN else ("tuned",):
            effects = {name: _differences(population, arm, name, rate) for name in ENDS}
            strata: dict[str, tuple[Any, dict[str, Any]]] = {
                **(
                    {ALL: (drawn, {}), "on external data": (~drawn, {})} if rate == "tuned" else {}
                ),
                **{
                    c: (drawn, s)
                    for c, s in shares.conditions.items()
                    if s.get(RATE, "tuned") == rate
                },
            }
            for condition, (among, stratum) in strata.items():
                own = {column: value for column, value in stratum.items() if column != RATE}
                inside = among & meets(tasks, own)
                for kind in ("classification", "regression"):
                    chosen = tasks.index[inside & (tasks["kind"] == kind)]
                    found = {n: e.loc[e.index.intersection(chosen)] for n, e in effects.items()}
                    if len(found["end"]):
                        row = {"arm": arm, "condition": condition, "kind": kind}
                        row |= {"tasks": len(found["end"])}
                        for name, here in found.items():
                            row |= _points(name, here, population)
                        rows.append(row)
    keys = [f"{name}{key}" for name in ENDS for key in ("", *KEYS)]
    return pd.DataFrame(rows, columns=["arm", "condition", "kind", "tasks", *keys])


ENDS = {"end": "test", "stopped": "stopped_test"}
KEYS = ("_low", "_high", "_worse", "_better")


def _differences(population: Population, arm: str, name: str, rate: str) -> pd.DataFrame:
    contrast = Contrast(ENDS[name], {arm: 1, REFERENCE: -1}, POINT, "above")
    return effects_of(population, contrast, rate)


def _points(name: str, effects: pd.DataFrame, population: Population) -> dict[str, float]:
    values = effects["effect"].to_numpy(float)
    if not len(values):
        return {}
    weights = estimates.resamples(population.tasks.loc[effects.index, "draw"])
    limits = estimates.median_limits(values, weights, population.shares.level)
    beyond = [100 * float((sign * values > POINT).mean()) for sign in (-1, 1)]
    found = (float(np.median(values)), *limits, *beyond)
    return {f"{name}{key}": value for key, value in zip(("", *KEYS), found, strict=True)}
