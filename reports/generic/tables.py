"""The tables: every cell as CSV, and the same for people as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from reports.generic.failures import TITLES
from reports.generic.multiples import by_stage
from reports.wording import limits, percent, ratio, significant
from study.evidence.naming import Results
from study.evidence.runs import REFERENCE, NothingToShow
from study.evidence.summaries import (
    effects,
    failures,
    finals,
    headroom,
    pairs,
    pooled,
    tuning,
)

CELL = ["task", "setting", "activation_label", "optimizer_label", "rule"]
DIGITS = "%.6g"

Table = tuple[pd.DataFrame, str, str]
"""Every cell for the CSV, the Markdown text, and a message."""


def write(results: Results, folder: Path) -> Iterator[tuple[Path, str]]:
    """Write each table as CSV and Markdown; a table without data is named with an empty path.

    Yields
    ------
    path, message
        Each file as it is written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in TABLES.items():
        csv, markdown = folder / f"{name}.csv", folder / f"{name}.md"
        try:
            frame, text, message = make(results)
        except NothingToShow as reason:
            for path in (csv, markdown):
                path.unlink(missing_ok=True)
            yield Path(name), f"not made: {reason}"
            continue
        _machine_readable(results, frame).to_csv(
            csv, index=False, float_format=DIGITS, lineterminator="\n"
        )
        markdown.write_text(text, encoding="utf-8", newline="\n")
        yield csv, message
        yield markdown, message


def _machine_readable(results: Results, frame: pd.DataFrame) -> pd.DataFrame:
    """Put the cell first, in a fixed order, with canonical names of rules."""
    keys = [column for column in (*CELL, "stage") if column in frame]
    frame = frame.sort_values(keys)[[*keys, *frame.columns.difference(keys, sort=False)]]
    texts = {rule.label: rule.text for rule in results.rules}
    frame = frame.assign(rule=frame["rule"].astype(object).map(texts))
    return frame.rename(columns=lambda name: str(name).removesuffix("_label"))


def _each_stage(make: Callable[[str], pd.DataFrame]) -> pd.DataFrame:
    """Stack a frame for each stage that was run."""
    return pd.concat(by_stage(lambda stage: make(stage).assign(stage=stage)), ignore_index=True)


def _document(title: str, note: str, sections: Sequence[tuple[str, pd.DataFrame]]) -> str:
    parts = [f"# {title}\n", f"{note}\n"]
    for heading, frame in sections:
        parts.append(f"## {heading}\n")
        parts.append(frame.to_markdown(disable_numparse=True) + "\n")
    return "\n".join(parts)


def _grids(
    frame: pd.DataFrame, words: pd.Series, by: Sequence[str]
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Split into sections, each a grid rule x optimizer of words."""
    for key, group in frame.assign(words=words).groupby(list(by), observed=True, sort=True):
        grid = group.pivot(index="rule", columns="optimizer_label", values="words")
        grid.index.name = grid.columns.name = None
        labels = [TITLES.get(str(part), str(part)) for part in key]
        yield ", ".join(filter(None, labels)), grid.fillna("")


def failure_table(results: Results) -> Table:
    """Failed runs of every cell with Wilson's interval; Markdown pools the tasks."""
    every = _each_stage(lambda stage: failures(results, stage, CELL))
    by = ["activation_label", "rule", "optimizer_label"]
    coarse = _each_stage(lambda stage: failures(results, stage, by))
    words = (
        coarse["failed"].astype(str)
        + "/"
        + coarse["runs"].astype(str)
        + [
            f" ({100 * low:.0f}–{percent(high)})"
            for low, high in zip(coarse["low"], coarse["high"], strict=True)
        ]
    )
    text = _document(
        "Failed runs",
        "Failed (diverged by a non-finite or exploding objective, or stuck at the constant "
        "predictor) of all runs, all tasks together, with Wilson's 95 % interval of the rate.",
        list(_grids(coarse, words, ["stage", "activation_label"])),
    )
    failed, runs = int(every["failed"].sum()), int(every["runs"].sum())
    return every, text, f"{failed} of {runs} evaluated runs failed, by cell and stage"


def objective_table(results: Results) -> Table:
    """Quartiles of the final objective of every cell at its own rate."""
    frame = _each_stage(lambda stage: finals(results, stage)).drop(columns="stratum")
    own = frame[frame["stage"] == "evaluate"]
    if own.empty:
        raise NothingToShow(f"experiment {results.experiment!r} has no evaluated runs")
    words = pd.Series(
        [
            f"{significant(middle)} ({significant(low)}–{significant(high)})"
            for low, middle, high in zip(own["lower"], own["median"], own["upper"], strict=True)
        ],
        index=own.index,
    )
    text = _document(
        "Final objective",
        "Median over seeds with the quartiles, each cell at its own best learning rate; a run "
        "that diverged counts as infinite.",
        list(_grids(own, words, ["task", "setting", "activation_label"])),
    )
    return frame, text, f"final objective of {len(own)} cells, median and quartiles"


def relative_table(results: Results) -> Table:
    """Ratio of final objectives to exact's, paired by seed."""
    paired = by_stage(lambda stage: pairs(results, stage), needed=("evaluate",))
    frame = pd.concat([effects(p).assign(stage=stage) for stage, p in paired.items()])
    frame = frame.reset_index(drop=True).drop(columns="stratum")
    pools = pd.concat([pooled(p).assign(stage=stage) for stage, p in paired.items()])

    def say(rows: pd.DataFrame) -> pd.Series:
        texts = [
            f"{ratio(middle)} ({between})" if (between := limits(low, high)) else ratio(middle)
            for middle, low, high in zip(rows["estimate"], rows["low"], rows["high"], strict=True)
        ]
        return pd.Series(texts, index=rows.index)

    sections = []
    for stage, rows in pools.groupby("stage", sort=False):
        grid = rows.assign(words=say(rows)).pivot(index="rule", columns="task", values="words")
        grid.index.name = grid.columns.name = None
        sections.append((f"All activations and optimizers: {TITLES[str(stage)]}", grid.fillna("")))
    own = frame[frame["stage"] == "evaluate"]
    sections += _grids(own, say(own), ["task", "setting", "activation_label"])
    text = _document(
        "Final objective relative to exact",
        "Ratio of final objectives, paired by seed (1 is the same, above 1 is worse than exact): "
        "Hodges-Lehmann estimate with the 95 % interval by inversion of Wilcoxon's signed-rank "
        "test. Failed runs count as the constant predictor. Below 6 seeds there is no interval.",
        sections,
    )
    worse, better = int((own["low"] > 0).sum()), int((own["high"] < 0).sum())
    message = f"of {len(own)} cells {worse} end worse and {better} better than exact (95 %)"
    return frame, text, message


def rate_table(results: Results) -> Table:
    """Chosen learning rates and the room above them."""
    frame = headroom(tuning(results))
    exact = frame[frame["rule"] == REFERENCE].set_index("stratum")["chosen"]
    frame["exact_chosen"] = frame["stratum"].map(exact)
    frame["above_exact"] = np.log10(frame["chosen"] / frame["exact_chosen"])
    words = pd.Series(
        [
            f"{significant(chosen)} (unstable)"
            if np.isnan(room)
            else f"{significant(chosen)} ({'≥ ' if open_ else ''}{room:.2f})"
            for chosen, room, open_ in zip(
                frame["chosen"], frame["headroom"], frame["open"], strict=True
            )
        ],
        index=frame.index,
    )
    text = _document(
        "Learning rates",
        "Chosen learning rate and, in brackets, its headroom: decades up to the largest stable "
        "rate (at most 20 % failed there and at all tried rates in between).",
        list(_grids(frame, words, ["task", "setting", "activation_label"])),
    )
    median = frame["headroom"].median()
    message = f"chosen rates of {len(frame)} cells; median headroom {significant(median)} decades"
    return frame.drop(columns="stratum"), text, message


TABLES: dict[str, Callable[[Results], Table]] = {
    "failures": failure_table,
    "objective": objective_table,
    "relative": relative_table,
    "rates": rate_table,
}
