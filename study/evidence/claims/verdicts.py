"""From a table of runs to verdicts: every part's effects, Holm over the claims, one word each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from study.evidence.arms import Study
from study.evidence.claims.decisions import (
    CONTRADICTED,
    DECISIONS,
    MIXED,
    NOT_DECIDED,
    SUPPORTED,
    Asked,
    Finding,
    resolved,
)
from study.evidence.claims.kinds import COMPARISONS
from study.evidence.claims.records import Claim, Claims, Part
from study.evidence.comparison import Comparison, Contrast
from study.evidence.effects import Effect
from study.evidence.hypotheses import holm
from study.evidence.runs import Runs

UNDECIDABLE = Finding(supported=1.0, contradicted=1.0)


@dataclass(frozen=True)
class Judged:
    """A part with its effects and its own verdict, before Holm over the claims.

    Parameters
    ----------
    part
        The part.
    effects
        By the contrasts' names; those that could not be estimated are missing.
    finding, verdict
        What the decision found.
    reason
        What is missing or was left out, and the decision's remark.
    """

    part: Part
    effects: Mapping[str, Effect]
    finding: Finding
    verdict: str
    reason: str

    @property
    def runs(self) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        """Rows of the table that it comes from."""
        rows = [effect.runs for effect in self.effects.values()]
        return np.unique(np.concatenate(rows)) if rows else np.array([], dtype=np.intp)


@dataclass(frozen=True)
class Verdict:
    """A claim with its verdict.

    Parameters
    ----------
    claim
        The claim.
    parts
        Its parts, judged.
    verdict
        supported, contradicted, mixed or not decided.
    supported, contradicted
        p-values of the claim, after Holm where it takes part.
    reason
        Why, in a few words; empty where the effect says all.
    """

    claim: Claim
    parts: tuple[Judged, ...]
    verdict: str
    supported: float
    contradicted: float
    reason: str

    @property
    def primary(self) -> Judged:
        """The first primary part: its first effect is the one that the table shows."""
        return next(part for part in self.parts if part.part.role == "primary")

    @property
    def runs(self) -> int:
        """How many runs the claim's parts come from."""
        rows = [part.runs for part in self.parts]
        return len(np.unique(np.concatenate(rows)))


def judge(runs: Runs, claims: Claims, checks: pd.DataFrame | None = None) -> tuple[Verdict, ...]:
    """Judge every claim.

    Parameters
    ----------
    runs
        The table. Only scored runs are looked at: stages ``evaluate`` and ``transfer``.
    claims
        The file.
    checks
        The table of `study.learning.diagnostics.gradient_checks`, for the claim without runs.
    """
    judged = {
        claim.id: tuple(judge_part(runs, claims, part, checks) for part in claim.parts)
        for claim in claims.claims
    }
    combined = {claim.id: _combined(claim, judged[claim.id]) for claim in claims.claims}
    counted = [claim.id for claim in claims.claims if claim.holm]
    supported = holm({name: combined[name].supported for name in counted})
    contradicted = holm({name: combined[name].contradicted for name in counted})
    verdicts = []
    for claim in claims.claims:
        raw = combined[claim.id]
        adjusted = replace(
            raw,
            supported=supported.get(claim.id, raw.supported),
            contradicted=contradicted.get(claim.id, raw.contradicted),
        )
        verdicts.append(_verdict(claim, judged[claim.id], raw, adjusted, claims.level))
    return tuple(verdicts)


def judge_part(
    runs: Runs, claims: Claims, part: Part, checks: pd.DataFrame | None = None
) -> Judged:
    """Estimate a part's effects and let its decision judge them."""
    study = Study(
        runs, part.where, part.arms, claims.tasks, claims.always, checks=checks, name=part.name
    )
    found = {c.name: comparison_of(c).effect(study, c) for c in part.contrasts}
    effects = {name: effect for name, effect in found.items() if not isinstance(effect, str)}
    notes = [effect if isinstance(effect, str) else effect.note for effect in found.values()]
    said = "; ".join(dict.fromkeys(filter(None, notes)))
    if len(effects) < len(found):
        return Judged(part, effects, UNDECIDABLE, NOT_DECIDED, said or "no runs")
    asked = Asked(
        effects,
        {c.name: comparison_of(c).internal(c.margin) for c in part.contrasts},
        {
            c.name: {key: comparison_of(c).internal(limit) for key, limit in c.limits.items()}
            for c in part.contrasts
        },
        claims.level,
    )
    finding = DECISIONS[part.decision].judge(asked)
    verdict = resolved(finding, claims.level)
    reason = "; ".join(filter(None, [finding.reason, _tasks_both_ways(finding, verdict), said]))
    return Judged(part, effects, finding, verdict, reason)


def comparison_of(contrast: Contrast) -> Comparison:
    """Return the kind of comparison that a contrast names."""
    return COMPARISONS[contrast.comparison]


def _tasks_both_ways(finding: Finding, verdict: str) -> str:
    if verdict not in (MIXED, NOT_DECIDED) or not finding.opposed:
        return ""
    return f"against it: {', '.join(finding.opposed)}"


def _combined(claim: Claim, parts: Sequence[Judged]) -> Finding:
    """One finding of all primary parts: each must hold, or one of them by Holm."""
    primary = [part.finding for part in parts if part.part.role == "primary"]
    supported, contradicted = (
        [getattr(f, side) for f in primary] for side in ("supported", "contradicted")
    )
    best = min(supported) if claim.combine == "all" else min(1.0, len(primary) * min(supported))
    return Finding(
        supported=max(supported) if claim.combine == "all" else best,
        contradicted=max(contradicted),
    )


def _verdict(
    claim: Claim, parts: tuple[Judged, ...], raw: Finding, adjusted: Finding, level: float
) -> Verdict:
    primary = [part for part in parts if part.part.role == "primary"]
    word = _of_primary(claim, primary, level)
    reasons = []
    lost = {
        SUPPORTED: raw.supported <= level < adjusted.supported,
        CONTRADICTED: raw.contradicted <= level < adjusted.contradicted,
    }
    if lost.get(word, False):
        reasons.append(f"{word}, but not after Holm's adjustment over the claims")
        word = NOT_DECIDED
    opposite = {SUPPORTED: CONTRADICTED, CONTRADICTED: SUPPORTED}.get(word)
    others = [part for part in parts if part.part.role in ("required", "guard")]
    against = [part.part.name for part in others if _opposes(part, opposite, level)]
    lacking = [
        part.part.name
        for part in others
        if part.part.role == "required" and part.verdict not in (word, opposite)
    ]
    if opposite and against:
        reasons.append(f"{word}, but {opposite}: {', '.join(against)}")
        word = MIXED
    elif word == SUPPORTED and lacking:
        reasons.append(f"supported, but not shown: {', '.join(lacking)}")
        word = NOT_DECIDED
    if len(primary) > 1 and len({part.verdict for part in primary}) > 1:
        reasons.append("; ".join(f"{part.part.name}: {part.verdict}" for part in primary))
    reasons += [
        f"{part.part.name}: {part.reason}" if len(parts) > 1 else part.reason
        for part in parts
        if part.reason and part.part.role != "shown"
    ]
    return Verdict(
        claim, parts, word, adjusted.supported, adjusted.contradicted, "; ".join(reasons)
    )


def _opposes(part: Judged, opposite: str | None, level: float) -> bool:
    """Whether a part says the opposite; for a guard, no difference is not that of a difference."""
    if part.verdict != opposite:
        return False
    reverse = part.finding.reverse if part.part.role == "guard" else None
    return opposite == SUPPORTED or reverse is None or reverse <= level


def _of_primary(claim: Claim, primary: Sequence[Judged], level: float) -> str:
    """Verdict of the primary parts together."""
    if claim.combine == "any":  # Holm over the parts: the best of them must bear their number
        sides = holm({part.part.name: part.finding.supported for part in primary})
        words = [
            resolved(replace(part.finding, supported=sides[part.part.name]), level)
            for part in primary
        ]
    else:
        words = [part.verdict for part in primary]
    if all(word == CONTRADICTED for word in words):
        return CONTRADICTED
    if claim.combine == "any" and SUPPORTED in words:
        return MIXED if {CONTRADICTED, MIXED} & set(words) else SUPPORTED
    if all(word == SUPPORTED for word in words):
        return SUPPORTED
    if MIXED in words or {SUPPORTED, CONTRADICTED} <= set(words):
        return MIXED
    return NOT_DECIDED
