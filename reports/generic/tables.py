"""The tables: every cell as CSV, and the same for people as Markdown."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

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

PLACE = ["task", "setting", "activation_label"]
CELL = [*PLACE, "optimizer_label", "rule"]
DIGITS = "%.6g"

Table = tuple[pd.DataFrame, str, str]
"""Every cell for the CSV, the Markdown text, and a message."""


def write(results: Results, folder: Path) -> Iterator[tuple[Path, str]]:
    """Write each table as CSV and Markdown; one without data is named with an empty path."""
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


def _document(title: str, note: str, sections: Iterable[tuple[str, pd.DataFrame]]) -> str:
    parts = [f"# {title}\n", f"{note}\n"]
    for heading, frame in sections:
        parts.append(f"## {heading}\n")
        parts.append(frame.to_markdown(disable_numparse=True) + "\n")
    return "\n".join(parts)


def _grids(
    frame: pd.DataFrame,
    say: Callable[[Any], str],
    by: Sequence[str],
    across: str = "optimizer_label",
    heading: str = "",
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Split into sections, each a grid of rules and what stands `across`; say each row."""
    frame = frame.assign(words=[say(row) for row in frame.itertuples()])
    for key, group in frame.groupby(list(by), observed=True, sort=True):
        grid = group.pivot(index="rule", columns=across, values="words")
        grid.index.name = grid.columns.name = None
        labels = [TITLES.get(str(part), str(part)) for part in key]
        yield heading + ", ".join(filter(None, labels)), grid.fillna("")


def failure_table(results: Results) -> Table:
    """Failed runs of every cell with Wilson's interval; Markdown pools the tasks."""
    every = _each_stage(lambda stage: failures(results, stage, CELL))
    by = ["activation_label", "rule", "optimizer_label"]
    coarse = _each_stage(lambda stage: failures(results, stage, by))

    def say(row: Any) -> str:
        return f"{row.failed}/{row.runs} ({100 * row.low:.0f}–{percent(row.high)})"

    text = _document(
        "Failed runs",
        "Failed (diverged by a non-finite or exploding objective, or stuck at the constant "
        "predictor) of all runs, all tasks together, with Wilson's 95 % interval of the rate.",
        _grids(coarse, say, ["stage", "activation_label"]),
    )
    failed, runs = int(every["failed"].sum()), int(every["runs"].sum())
    return every, text, f"{failed} of {runs} evaluated runs failed, by cell and stage"


def objective_table(results: Results) -> Table:
    """Quartiles of the final objective of every cell at its own rate."""
    frame = _each_stage(lambda stage: finals(results, stage)).drop(columns="stratum")
    own = frame[frame["stage"] == "evaluate"]
    if own.empty:
        raise NothingToShow(f"experiment {results.experiment!r} has no evaluated runs")

    def say(row: Any) -> str:
        low, middle, high = map(significant, (row.lower, row.median, row.upper))
        return f"{middle} ({low}–{high})"

    text = _document(
        "Final objective",
        "Median over seeds with the quartiles, each cell at its own best learning rate; a run "
        "that diverged counts as infinite.",
        _grids(own, say, PLACE),
    )
    return frame, text, f"final objective of {len(own)} cells, median and quartiles"


def relative_table(results: Results) -> Table:
    """Ratio of final objectives to exact's, paired by seed."""
    paired = by_stage(lambda stage: pairs(results, stage), needed=("evaluate",))
    frame = pd.concat([effects(p).assign(stage=stage) for stage, p in paired.items()])
    frame = frame.reset_index(drop=True).drop(columns="stratum")
    pools = pd.concat([pooled(p).assign(stage=stage) for stage, p in paired.items()])
    own = frame[frame["stage"] == "evaluate"]

    def say(row: Any) -> str:
        between = limits(row.low, row.high)
        return ratio(row.estimate) + (f" ({between})" if between else "")

    text = _document(
        "Final objective relative to exact",
        "Ratio of final objectives, paired by seed (1 is the same, above 1 is worse than exact): "
        "Hodges-Lehmann estimate with the 95 % interval by inversion of Wilcoxon's signed-rank "
        "test. Failed runs count as the constant predictor. Below 6 seeds there is no interval.",
        [
            *_grids(pools, say, ["stage"], "task", "All activations and optimizers: "),
            *_grids(own, say, PLACE),
        ],
    )
    worse, better = int((own["low"] > 0).sum()), int((own["high"] < 0).sum())
    message = f"of {len(own)} cells {worse} end worse and {better} better than exact (95 %)"
    return frame, text, message


def test_table(results: Results) -> Table:
    """Test scores relative to exact's, paired by seed."""
    frame = effects(pairs(results)).drop(columns="stratum")
    frame = frame[[*CELL, "pairs", "test", "test_low", "test_high"]]

    def say(row: Any) -> str:
        between = (
            "" if np.isinf(row.test_low) else f" ({row.test_low:+.1f} to {row.test_high:+.1f})"
        )
        return f"{row.test:+.1f}{between}"

    text = _document(
        "Test score relative to exact",
        "Difference of test scores in points, paired by seed, each rule at its own learning rate: "
        "Hodges-Lehmann estimate with its 95 % interval. A point is 1 % of the test patterns, or "
        "0.01 of R². Above 0 is better than exact. A run that diverged counts as 0.",
        _grids(frame, say, PLACE),
    )
    worse, better = int((frame["test_high"] < 0).sum()), int((frame["test_low"] > 0).sum())
    message = f"test scores of {len(frame)} cells: {worse} below and {better} above exact's (95 %)"
    return frame, text, message


def rate_table(results: Results) -> Table:
    """Chosen learning rates and the room above them."""
    frame = headroom(tuning(results))
    exact = frame[frame["rule"] == REFERENCE].set_index("stratum")["chosen"]
    frame["exact_chosen"] = frame["stratum"].map(exact)
    frame["above_exact"] = np.log10(frame["chosen"] / frame["exact_chosen"])

    def say(row: Any) -> str:
        room = f"{'≥ ' if row.open else ''}{row.headroom:.2f}"
        return f"{significant(row.chosen)} ({'unstable' if np.isnan(row.headroom) else room})"

    text = _document(
        "Learning rates",
        "Chosen learning rate and, in brackets, its headroom: decades up to the largest stable "
        "rate (at most 20 % failed there and at all tried rates in between).",
        _grids(frame, say, PLACE),
    )
    median = frame["headroom"].median()
    message = f"chosen rates of {len(frame)} cells; median headroom {significant(median)} decades"
    return frame.drop(columns="stratum"), text, message


TABLES: dict[str, Callable[[Results], Table]] = {
    "failures": failure_table,
    "objective": objective_table,
    "relative": relative_table,
    "test_scores": test_table,
    "rates": rate_table,
}
