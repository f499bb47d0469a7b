"""The tables of verdicts: each claim, its parts, and every task.

Those of the experiment that decides (conf/claims.yaml) go to ``reports/tables``, those of another
to its own folder there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from reports.wording import significant
from study.conf import claims_digest
from study.evidence.claims.calibration import calibrate
from study.evidence.claims.records import Claims
from study.evidence.claims.verdicts import Judged, Verdict, comparison_of
from study.evidence.comparison import Comparison
from study.evidence.effects import Effect
from study.evidence.evidence import gather
from study.evidence.hypotheses import required_pairs
from study.evidence.runs import NothingToShow

DIGITS = "%.6g"
UNITS = {"ratio": "ratio", "points": "percentage points", "slope": "slope", "error": "tolerances"}


def write(experiment: str, base: Path) -> Iterator[tuple[Path, str]]:
    """Judge the claims by an experiment's runs and write the tables.

    Parameters
    ----------
    experiment
        Its own results are taken, else its published ones.
    base
        Repository root.

    Yields
    ------
    path, message
        Each file as it is written.
    """
    evidence = gather(experiment, base)
    runs, claims, checks = evidence.runs, evidence.claims, evidence.checks
    verdicts = evidence.verdicts
    folder = base / "reports" / "tables" / ("" if experiment == claims.experiment else experiment)
    folder.mkdir(parents=True, exist_ok=True)
    words = pd.Series([v.verdict for v in verdicts]).value_counts()
    summary = ", ".join(f"{count} {word}" for word, count in words.items())
    tables = {
        "verdicts": (verdict_table(verdicts), summary),
        "verdicts_by_part": (part_table(verdicts), "every part of every claim"),
        "verdicts_by_task": (task_table(verdicts), "every effect in every task"),
        "gradient_checks": (checks_table(checks), f"{len(checks)} checks, the worst of each kind"),
    }
    try:
        rates = calibrate(runs, claims)
        tables["calibration"] = (rates, "how often exact against exact gets which verdict")
    except NothingToShow as reason:
        (folder / "calibration.csv").unlink(missing_ok=True)
        yield Path("calibration"), f"not made: {reason}"
    for name, (frame, message) in tables.items():
        path = folder / f"{name}.csv"
        frame.to_csv(path, index=False, float_format=DIGITS, lineterminator="\n")
        yield path, message
    path = folder / "verdicts.md"
    path.write_text(markdown(verdicts, claims, claims_digest(base / "conf" / "claims.yaml")))
    yield path, "the same for people"


def verdict_table(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """One row a claim: ``claim, statement, verdict, effect, low, high, runs``, unit and reason.

    The effect is the first one of the first primary part; ``runs`` counts all that the claim's
    parts compare (for the claim without trainings, its checks).
    """
    rows = []
    for verdict in verdicts:
        effect, low, high, unit = headline(verdict.primary)
        rows.append(
            {
                "claim": verdict.claim.id,
                "statement": verdict.claim.statement,
                "verdict": verdict.verdict,
                "effect": effect,
                "low": low,
                "high": high,
                "runs": verdict.runs,
                "unit": unit,
                "reason": verdict.reason,
            }
        )
    return pd.DataFrame(rows)


def headline(part: Judged) -> tuple[float, float, float, str]:
    """Return a part's first effect with 95 % limits, and its unit, as people read them."""
    contrast = part.part.contrasts[0]
    comparison = comparison_of(contrast)
    effect = part.effects.get(contrast.name)
    if effect is None:
        return float("nan"), float("nan"), float("nan"), UNITS[comparison.unit]
    return *_limits(effect, comparison), UNITS[comparison.unit]


def _limits(effect: Effect, comparison: Comparison) -> tuple[float, float, float]:
    estimate, low, high = (comparison.shown(x) for x in effect.interval())
    return estimate, low, high


def part_table(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """One row an effect of a part, with the part's verdict before Holm over the claims.

    ``margin`` is the claim's; ``low_90`` and ``high_90`` are the limits of two one-sided tests;
    ``needed`` says how many pairs a task needs for equivalence within 5 % (log10 units).
    """
    rows = []
    for verdict in verdicts:
        for part in verdict.parts:
            for contrast in part.part.contrasts:
                comparison = comparison_of(contrast)
                effect = part.effects.get(contrast.name)
                row = {
                    "claim": verdict.claim.id,
                    "part": part.part.name,
                    "role": part.part.role,
                    "verdict": part.verdict,
                    "effect_of": contrast.name,
                    "unit": UNITS[comparison.unit],
                    "margin": contrast.margin,
                }
                if effect is not None:
                    estimate, low, high = _limits(effect, comparison)
                    _, low_90, high_90 = (comparison.shown(x) for x in effect.interval(0.90))
                    row |= {"estimate": estimate, "low": low, "high": high}
                    row |= {"low_90": low_90, "high_90": high_90}
                    row |= {
                        "tasks": len(effect.tasks),
                        "seeds": min(t.seeds for t in effect.tasks),
                        "needed": _needed(effect, comparison),
                        "runs": len(effect.runs),
                    }
                row |= {
                    "p_supported": part.finding.supported,
                    "p_contradicted": part.finding.contradicted,
                    "reason": part.reason,
                }
                rows.append(row)
    return pd.DataFrame(rows)


def _needed(effect: Effect, comparison: Comparison) -> float:
    if comparison.unit != "ratio":
        return float("nan")
    return float(max(required_pairs(task.deviation) for task in effect.tasks))


def task_table(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """One row a task of an effect: estimate with 95 % limits, pairs, and ties at the floor."""
    rows = [
        {
            "claim": verdict.claim.id,
            "part": part.part.name,
            "effect_of": contrast.name,
            "task": task.task,
            "unit": UNITS[comparison.unit],
            **dict(
                zip(
                    ("estimate", "low", "high"),
                    (comparison.shown(x) for x in task.interval),
                    strict=True,
                )
            ),
            "p_above": task.above(0.0),
            "p_below": task.below(0.0),
            "seeds": task.seeds,
            "ties_at_floor": task.ties,
        }
        for verdict in verdicts
        for part in verdict.parts
        for contrast in part.part.contrasts
        if contrast.name in part.effects
        for comparison in [comparison_of(contrast)]
        for task in part.effects[contrast.name].tasks
    ]
    columns = ["claim", "part", "effect_of", "task", "unit", "estimate", "low", "high"]
    columns += ["p_above", "p_below", "seeds", "ties_at_floor"]
    return pd.DataFrame(rows, columns=columns)


def checks_table(checks: pd.DataFrame) -> pd.DataFrame:
    """Return the worst of each kind of check and rule: the largest ratio to what is tolerated."""
    keys = ["check", "location", "rule"]
    grouped = checks.groupby(keys, sort=False)
    worst = checks.loc[grouped["ratio"].idxmax()].set_index(keys)
    return worst.assign(checks=grouped.size()).reset_index()


def markdown(verdicts: Sequence[Verdict], claims: Claims, digest: str) -> str:
    """Write the verdicts for people."""
    lines = [
        "# The twelve claims",
        "",
        f"Decided by experiment `{claims.experiment}` as conf/claims.yaml says "
        f"(sha256 {digest[:12]}…).",
        "",
        "| claim | statement | verdict | effect | 95 % interval | runs |",
        "|---|---|---|---|---|---|",
    ]
    for verdict in verdicts:
        effect, low, high, unit = headline(verdict.primary)
        said = "–" if effect != effect else f"{shown(effect)} {unit}"
        counted = unit == UNITS["error"]  # the worst of so many checks: no interval
        between = "–" if effect != effect or counted else f"{shown(low)} to {shown(high)}"
        lines.append(
            f"| {verdict.claim.id} | {verdict.claim.statement} | **{verdict.verdict}** | {said} "
            f"| {between} | {verdict.runs:,} |"
        )
    reasons = [f"- {v.claim.id}: {v.reason}" for v in verdicts if v.reason]
    return "\n".join([*lines, "", *reasons, *([""] if reasons else [])])


def shown(value: float) -> str:
    """Say an effect with three digits."""
    if not abs(value) < float("inf"):
        return "−∞" if value < 0 else "∞"
    text = significant(abs(value), 3)
    return f"−{text}" if value < 0 and float(text.replace("e", "E")) else text
