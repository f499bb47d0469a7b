"""The table of rechecks: ways in which conf/rechecks.yaml says that a verdict could be wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from reports.verdicts import DIGITS, headline, shown
from study.errors import UsageError
from study.evidence.claims.rechecks import Recheck, read_rechecks
from study.evidence.claims.verdicts import Judged, judge_part
from study.evidence.evidence import gather
from study.evidence.sources import folder_of, place_of
from study.learning.diagnostics.gradient_checks import gradient_checks

NO_RUNS = "no runs"


def write(experiment: str, base: Path) -> Iterator[tuple[Path, str]]:
    """Judge again, and write ``rechecks.csv`` and ``rechecks.md`` in ``reports/tables``.

    Parameters
    ----------
    experiment
        That which decides the claims.
    base
        Repository root.

    Yields
    ------
    path, message
        Each file as it is written, and what lacks runs.
    """
    evidence = gather(experiment, base)
    found = read_rechecks(evidence.claims, base / "conf" / "rechecks.yaml")
    if not found.rechecks:
        return
    before = {
        (verdict.claim.id, part.part.name): part.verdict
        for verdict in evidence.verdicts
        for part in verdict.parts
    }
    rows = []
    for recheck in found.rechecks:
        if place_of(base, recheck.experiment):
            folder_of(base, recheck.experiment)  # what is not whole is no result that lacks
        try:
            runs = gather(recheck.experiment, base).runs
            checks = pd.DataFrame(gradient_checks(recheck.seed)) if recheck.seed else None
            judged = judge_part(runs, found.claims, recheck.part, checks)
        except UsageError as reason:
            yield Path("rechecks"), f"{recheck.claim}, {recheck.change}: not made: {reason}"
            continue
        rows.append(_row(recheck, judged, before[recheck.claim, recheck.part.name]))
    folder = base / "reports" / "tables"
    frame = pd.DataFrame(rows)
    frame.to_csv(folder / "rechecks.csv", index=False, float_format=DIGITS, lineterminator="\n")
    known = frame[frame["verdict"] != NO_RUNS]
    same = int((known["verdict"] == known["before"]).sum())
    yield folder / "rechecks.csv", f"{same} of {len(known)} rechecks come to the part's verdict"
    (folder / "rechecks.md").write_text(markdown(rows), encoding="utf-8")
    yield folder / "rechecks.md", "the same for people"


def _whole(judged: Judged) -> bool:
    return len(judged.effects) == len(judged.part.contrasts)


def _row(recheck: Recheck, judged: Judged, before: str) -> dict[str, object]:
    effect, low, high, unit = headline(judged)
    return {
        "claim": recheck.claim,
        "part": recheck.part.name,
        "doubt": recheck.doubt,
        "change": recheck.change,
        "before": before,
        "verdict": judged.verdict if _whole(judged) else NO_RUNS,
        "estimate": effect,
        "low": low,
        "high": high,
        "unit": unit,
        "runs": len(judged.runs),
        "experiment": recheck.experiment,
        "reason": judged.reason,
    }


def markdown(rows: Sequence[Mapping[str, object]]) -> str:
    """Write the rechecks for people."""
    lines = [
        "# Rechecks",
        "",
        "Ways in which a verdict could be wrong (conf/rechecks.yaml): a part of a claim with one "
        "thing changed, judged by the claim's own rule. Exploratory; no verdict takes them in.",
        "",
        "| claim | part | doubt | changed to | verdict of the part | now | effect | 95 % | runs |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        estimate, low, high = (float(str(row[key])) for key in ("estimate", "low", "high"))
        known = estimate == estimate
        changed = row["verdict"] not in (row["before"], NO_RUNS)
        cells = [
            *(row[key] for key in ("claim", "part", "doubt", "change", "before")),
            f"**{row['verdict']}**" if changed else row["verdict"],
            f"{shown(estimate)} {row['unit']}" if known else "–",
            f"{shown(low)} to {shown(high)}" if known else "–",
            f"{row['runs']:,}",
        ]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join([*lines, ""])
