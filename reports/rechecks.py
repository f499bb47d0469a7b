"""The table of rechecks: ways in which conf/rechecks.yaml says that a verdict could be wrong."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from reports.templates import filled
from reports.verdicts import headline, unit_of, write_csv
from study.errors import UsageError
from study.evidence.claims.reading import Recheck, read_rechecks
from study.evidence.claims.verdicts import Judged, judge_part
from study.evidence.evidence import gather
from study.evidence.sources import folder_of, place_of
from study.learning.diagnostics.gradient_checks import gradient_checks

NO_RUNS = "no runs"


def write(experiment: str, base: Path) -> Iterator[tuple[Path, str]]:
    """Judge again, and write ``rechecks.csv`` and ``rechecks.md`` in ``reports/tables``.

    Yields each file with a message, and what lacks runs.
    """
    evidence = gather(experiment, base)
    claims, found = read_rechecks(evidence.claims, base / "conf" / "rechecks.yaml")
    if not found:
        return
    before = {
        (verdict.claim.id, part.part.name): part.verdict
        for verdict in evidence.verdicts
        for part in verdict.parts
    }
    rows = []
    for recheck, part in found:
        if place_of(base, recheck.experiment):
            folder_of(base, recheck.experiment)  # results that are damaged are not missing ones
        try:
            runs = gather(recheck.experiment, base).runs
            checks = pd.DataFrame(gradient_checks(recheck.seed)) if recheck.seed else None
            judged = judge_part(runs, claims, part, checks)
        except UsageError as reason:
            yield Path("rechecks"), f"{recheck.claim}, {recheck.change}: not made: {reason}"
            continue
        rows.append(_row(recheck, judged, before[recheck.claim, part.name]))
    folder = base / "reports" / "tables"
    frame = pd.DataFrame(rows)
    path = write_csv(frame.rename(columns={"effect": "estimate"}), folder / "rechecks.csv")
    known = frame[frame["verdict"] != NO_RUNS]
    same = int((known["verdict"] == known["before"]).sum())
    yield path, f"{same} of {len(known)} rechecks come to the part's verdict"
    path = folder / "rechecks.md"
    path.write_text(filled(path.name, rows=rows), encoding="utf-8")
    yield path, "the same for people"


def _row(recheck: Recheck, judged: Judged, before: str) -> dict[str, object]:
    whole = len(judged.effects) == len(judged.part.contrasts)
    return {
        "claim": recheck.claim,
        "part": recheck.part,
        "doubt": recheck.doubt,
        "change": recheck.change,
        "before": before,
        "verdict": judged.verdict if whole else NO_RUNS,
        **headline(judged),
        "unit": unit_of(judged),
        "runs": len(judged.runs),
        "experiment": recheck.experiment,
        "reason": judged.reason,
    }
