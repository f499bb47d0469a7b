"""The tables of verdicts: each claim, its parts, and every task.

Those of the experiment that decides (conf/claims.yaml) go to ``reports/tables``, those of another
to its own folder there.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reports.templates import filled
from study.conf import claims_digest
from study.evidence.claims.calibration import calibrate
from study.evidence.claims.kinds import comparison_of
from study.evidence.claims.verdicts import Judged, Verdict
from study.evidence.comparison import Comparison, Contrast
from study.evidence.evidence import gather
from study.evidence.runs import NothingToShow
from study.evidence.statistics import Interval, required_pairs

DIGITS = "%.6g"
UNITS = {"ratio": "ratio", "points": "percentage points", "slope": "slope", "error": "tolerances"}
NONE = Interval(float("nan"), float("nan"), float("nan"))


def write(experiment: str, base: Path) -> Iterator[tuple[Path, str]]:
    """Judge the claims by an experiment's runs and write the tables; yield each with a message."""
    evidence = gather(experiment, base)
    claims, checks, verdicts = evidence.claims, evidence.checks, evidence.verdicts
    folder = base / "reports" / "tables" / ("" if experiment == claims.experiment else experiment)
    words = pd.Series([v.verdict for v in verdicts]).value_counts()
    summary = ", ".join(f"{count} {word}" for word, count in words.items())
    table = verdict_table(verdicts)
    tables = {
        "verdicts": (table, summary),
        "verdicts_by_part": (part_table(verdicts), "every part of every claim"),
        "verdicts_by_task": (task_table(verdicts), "every effect in every task"),
        "gradient_checks": (checks_table(checks), f"{len(checks)} checks, the worst of each kind"),
    }
    try:
        rates = calibrate(evidence.runs, claims)
        tables["calibration"] = (rates, "how often exact against exact gets which verdict")
    except NothingToShow as reason:
        (folder / "calibration.csv").unlink(missing_ok=True)
        yield Path("calibration"), f"not made: {reason}"
    for name, (frame, message) in tables.items():
        yield write_csv(frame, folder / f"{name}.csv"), message
    path = folder / "verdicts.md"
    digest = claims_digest(base / "conf" / "claims.yaml")
    rows = table.to_dict("records")
    path.write_text(filled(path.name, rows=rows, experiment=claims.experiment, digest=digest))
    yield path, "the same for people"


def write_csv(frame: pd.DataFrame, path: Path) -> Path:
    """Write a table, the same for the same numbers on every system."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(path, index=False, float_format=DIGITS, lineterminator="\n")
    return path


def verdict_table(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """One row a claim: ``claim, statement, verdict, effect, low, high, runs``, unit and reason.

    The effect is the first one of the first primary part; ``runs`` counts all that the claim's
    parts compare (for the claim without trainings, its checks).
    """
    return pd.DataFrame(
        {
            "claim": verdict.claim.id,
            "statement": verdict.claim.statement,
            "verdict": verdict.verdict,
            **headline(verdict.primary),
            "runs": verdict.runs,
            "unit": unit_of(verdict.primary),
            "reason": verdict.reason,
        }
        for verdict in verdicts
    )


def headline(part: Judged) -> dict[str, float]:
    """Return a part's first effect as people read it: with limits over seeds, and over tasks."""
    contrast = part.part.contrasts[0]
    effect, shown = part.effects.get(contrast.name), comparison_of(contrast).shown
    estimate, low, high = map(shown, NONE if effect is None else effect.interval())
    _, least, largest = map(shown, NONE if effect is None else effect.over_tasks)
    _, new_low, new_high = map(shown, NONE if effect is None else effect.of_a_new_task())
    return {
        **{"effect": estimate, "low": low, "high": high},
        **{"least_task": least, "largest_task": largest},
        **{"new_task_low": new_low, "new_task_high": new_high},
    }


def unit_of(part: Judged) -> str:
    """Return the unit of a part's first effect, as people read it."""
    return UNITS[comparison_of(part.part.contrasts[0]).unit]


def part_table(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """One row an effect of a part, with the part's verdict before Holm over the claims.

    ``low`` and ``high`` are over seeds in these tasks, ``low_90`` and ``high_90`` the limits of
    two one-sided tests. ``least_task`` to ``largest_task`` is the range over tasks. A 95 %
    interval for another task like them is ``new_task_low`` to ``new_task_high``. ``test`` is the
    mean over tasks of the effect on the test score, in points, beside its range over tasks.
    ``margin`` is the claim's;
    ``needed`` says how many pairs a task needs for equivalence within 5 % (log10 units).
    """
    rows = []
    for part, contrast, comparison, named in _contrasts(verdicts):
        row = {
            **{key: named[key] for key in ("claim", "part")},
            "role": part.part.role,
            "verdict": part.verdict,
            **{key: named[key] for key in ("effect_of", "unit")},
            "margin": contrast.margin,
        }
        effect = part.effects.get(contrast.name)
        if effect is not None:
            _, low_90, high_90 = map(comparison.shown, effect.interval(0.90))
            row |= {
                **_limits(effect.interval(), comparison),
                "low_90": low_90,
                "high_90": high_90,
                "least_task": comparison.shown(effect.over_tasks.low),
                "largest_task": comparison.shown(effect.over_tasks.high),
                "new_task_low": comparison.shown(effect.of_a_new_task().low),
                "new_task_high": comparison.shown(effect.of_a_new_task().high),
                "tasks": len(effect.tasks),
                "seeds": min(len(task.seeds) for task in effect.tasks),
                "needed": max(required_pairs(task.deviation) for task in effect.tasks)
                if comparison.unit == "ratio"
                else float("nan"),
                "runs": len(effect.runs),
                **_tests(effect.tasks),
            }
        finding = part.finding
        row |= {"p_supported": finding.supported, "p_contradicted": finding.contradicted}
        rows.append(row | {"reason": part.reason})
    return pd.DataFrame(rows)


def task_table(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """One row a task of an effect: estimate with 95 % limits, pairs, and ties at the floor.

    Effects on objectives have that on the test score beside them, in points.
    """
    columns = ["claim", "part", "effect_of", "task", "unit", "estimate", "low", "high"]
    columns += ["p_above", "p_below", "seeds", "ties_at_floor", "test", "test_low", "test_high"]
    rows = [
        {
            **named,
            "task": task.task,
            **_limits(task.interval, comparison),
            "p_above": task.above(0.0),
            "p_below": task.below(0.0),
            "seeds": len(task.seeds),
            "ties_at_floor": task.ties,
            **dict(zip(("test", "test_low", "test_high"), _test(task), strict=True)),
        }
        for part, contrast, comparison, named in _contrasts(verdicts)
        if contrast.name in part.effects
        for task in part.effects[contrast.name].tasks
    ]
    return pd.DataFrame(rows, columns=columns)


def _tests(tasks: Sequence[Any]) -> dict[str, float]:
    """Return the mean over tasks of the effect on the test score, and its range, in points."""
    each = [_test(task).estimate for task in tasks]
    return {"test": float(np.mean(each)), "test_least": min(each), "test_largest": max(each)}


def _test(task: Any) -> Interval:
    found: Interval | None = getattr(task, "test", None)
    return NONE if found is None else found


def _contrasts(
    verdicts: Sequence[Verdict],
) -> Iterator[tuple[Judged, Contrast, Comparison, dict[str, Any]]]:
    """Yield every contrast of every part with how it is compared, and the columns that name it."""
    for verdict in verdicts:
        for part in verdict.parts:
            for contrast in part.part.contrasts:
                comparison = comparison_of(contrast)
                named = {"claim": verdict.claim.id, "part": part.part.name}
                named |= {"effect_of": contrast.name, "unit": UNITS[comparison.unit]}
                yield part, contrast, comparison, named


def _limits(interval: Interval, comparison: Comparison) -> dict[str, float]:
    return {key: comparison.shown(value) for key, value in interval._asdict().items()}


def checks_table(checks: pd.DataFrame) -> pd.DataFrame:
    """Return the worst of each kind of check and rule: the largest ratio to what is tolerated."""
    keys = ["check", "location", "rule"]
    grouped = checks.groupby(keys, sort=False)
    worst = checks.loc[grouped["ratio"].idxmax()].set_index(keys)
    return worst.assign(checks=grouped.size()).reset_index()
