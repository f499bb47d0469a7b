"""Numbers of the paper about the population of tasks: shares, test scores, map, reversals."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from reports.questions.x6_cross_entropy import figure as entropy
from reports.questions.x7_generalisation import figure as generalisation
from study.conf import read_yaml
from study.evidence.evidence import gather
from study.evidence.shares.reading import ALL, read_shares
from study.evidence.sources import place_of

NEEDED = ("shares", "test_scores", "map")
"""Tables in ``reports/tables`` that the text needs."""
DECIDES, EXTERNAL = "confirm", "external"
CLEAN, REMOVED = "classification 0", "removed, lowest objective"  # of x7
SHARES = ("true", "true_low", "true_high", "within", "opposite")
EFFECTS = ("median", "low_90", "high_90")
SCORES = ("end", "end_worse", "end_better", "stopped", "stopped_worse", "stopped_better")
Entry = tuple[str, float, str]
"""A number's key, value and kind: "share", "effect", "points", "count"."""


def numbers(base: Path, tables: dict[str, pd.DataFrame]) -> Iterator[Entry]:
    """Yield every number; those of an experiment without results are left out."""
    yield from _shares(tables["shares"])
    yield from _scores(tables["test_scores"])
    yield from _map(tables["map"])
    yield from _drawn(base)
    if place_of(base, entropy.EXPERIMENT):
        yield from _entropy(gather(entropy.EXPERIMENT, base).runs.frame)
    if place_of(base, generalisation.EXPERIMENT):
        yield from _noise(gather(generalisation.EXPERIMENT, base).runs.frame)


def statements(base: Path, table: pd.DataFrame) -> list[dict[str, str]]:
    """Return id, statement and verdict of each claim, in the split that decides."""
    claims = read_shares(base / "conf" / "shares.yaml")
    rows = table[(table["split"] == DECIDES) & (table["condition"] == ALL)].set_index("claim")
    return [
        {"claim": c.id, "statement": c.statement, "verdict": str(rows.loc[c.id, "verdict"])}
        for c in claims.claims
        if c.id in rows.index
    ]


def _shares(table: pd.DataFrame) -> Iterator[Entry]:
    """Yield S1.true, S1.with relu.median, S1.external.true and so on."""
    for row in table[table["split"].isin([DECIDES, EXTERNAL])].to_dict("records"):
        if row["split"] == EXTERNAL and row["condition"] != ALL:
            continue
        where = {DECIDES: "", EXTERNAL: f"{EXTERNAL}."}[row["split"]]
        where += "" if row["condition"] == ALL else f"{row['condition']}."
        yield f"{row['claim']}.{where}tasks", row["tasks"], "count"
        for kind, names in (("share", SHARES), ("effect", EFFECTS)):
            for name in names:
                yield f"{row['claim']}.{where}{name}", row[name], kind


def _scores(table: pd.DataFrame) -> Iterator[Entry]:
    """Yield removed.test.all.classification.end and so on, in points or % of tasks."""
    for row in table[table["arm"] == "removed"].to_dict("records"):
        for name in SCORES:
            kind = "points" if name in ("end", "stopped") else "share"
            yield f"removed.test.{row['condition']}.{row['kind']}.{name}", row[name], kind


def _map(table: pd.DataFrame) -> Iterator[Entry]:
    """Yield map.removed.facts.confirm: % of variance that the chosen model explains."""
    for (outcome, known), rows in table.groupby(["outcome", "covariates"]):
        chosen = rows[rows["split"] == "family"]["model"].iloc[0]
        for row in rows[rows["model"] == chosen].to_dict("records"):
            if row["split"] in (DECIDES, EXTERNAL):
                yield f"map.{outcome}.{known}.{row['split']}", 100 * row["r2"], "share"


def _drawn(base: Path) -> Iterator[Entry]:
    """Yield the sizes of the population, as its configuration states them."""
    given = read_yaml(base / "conf" / "experiment" / "population.yaml")["population"]
    for name, part in given["parts"].items():
        yield f"population.{name}", part["tasks"], "count"
    yield "population.drawn", sum(given["parts"][n]["tasks"] for n in ("fit", DECIDES)), "count"
    yield "population.datasets", len(given["draw"][EXTERNAL]), "count"


def _entropy(frame: pd.DataFrame) -> Iterator[Entry]:
    """Yield on how many datasets removal ends lower under cross-entropy, by separability."""
    found = entropy.ratios(entropy.own_rates(entropy.shares(frame)))
    inside = found["separable"]
    lower, higher = (found["ratio"] * sign > entropy.panels.MARGIN for sign in (-1, 1))
    yield "x6.separable", inside.sum(), "count"
    yield "x6.separable, lower", (lower & inside).sum(), "count"
    yield "x6.others", (~inside).sum(), "count"
    yield "x6.others, higher", (higher & ~inside).sum(), "count"


def _noise(frame: pd.DataFrame) -> Iterator[Entry]:
    """Yield removal's points beside each rival: least and most over the noisy tasks."""
    runs = generalisation.scored(frame)
    found = {t: generalisation.beside(runs[runs["task"] == t]) for t in generalisation.TASKS}
    noisy = [task for task in found if task != CLEAN]
    for rival in ("exact, lowest objective", generalisation.STOPPED, "weight decay", "linear net"):
        gains = {t: found[t][REMOVED][0] - found[t][rival][0] for t in found}
        yield f"x7.{rival}.least", min(gains[t] for t in noisy), "points"
        yield f"x7.{rival}.most", max(gains[t] for t in noisy), "points"
        yield f"x7.{rival}.clean", gains[CLEAN], "points"
