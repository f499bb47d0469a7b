"""From a table of runs to verdicts: every part's effects, Holm over the claims, one word each."""

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
from study.evidence.claims.kinds import comparison_of
from study.evidence.claims.reading import Claim, Claims, Part
from study.evidence.effects import Effect
from study.evidence.runs import Runs
from study.evidence.statistics import holm

OPPOSITE = {SUPPORTED: CONTRADICTED, CONTRADICTED: SUPPORTED}


@dataclass(frozen=True)
class Judged:
    """A part with its effects and its own verdict, before Holm over the claims."""

    part: Part
    effects: Mapping[str, Effect]  # by contrasts' names, as far as they could be estimated
    finding: Finding
    verdict: str
    reason: str  # what is missing or was left out, and the decision's remark

    @property
    def runs(self) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        """Rows of the table that it comes from."""
        none = np.array([], dtype=np.intp)
        return np.unique(np.concatenate([none, *(e.runs for e in self.effects.values())]))


@dataclass(frozen=True)
class Verdict:
    """A claim with its verdict."""

    claim: Claim
    parts: tuple[Judged, ...]
    verdict: str
    supported: float  # p-values of the claim, after Holm where it takes part
    contradicted: float
    reason: str  # in a few words; empty where the effect says all

    @property
    def primary(self) -> Judged:
        """The first primary part: its first effect is the one that the table shows."""
        return next(part for part in self.parts if part.part.role == "primary")

    @property
    def runs(self) -> int:
        """How many runs the claim's parts come from."""
        return len(np.unique(np.concatenate([part.runs for part in self.parts])))


def judge(runs: Runs, claims: Claims, checks: pd.DataFrame | None = None) -> tuple[Verdict, ...]:
    """Judge every claim, by scored runs alone: those of stages ``evaluate`` and ``transfer``.

    `checks` is the table of `study.learning.diagnostics.gradient_checks`, for the claim that has
    no runs.
    """
    judged = [
        tuple(judge_part(runs, claims, part, checks) for part in claim.parts)
        for claim in claims.claims
    ]
    raw = [_p_values(claim, parts) for claim, parts in zip(claims.claims, judged, strict=True)]
    adjusted = [dict(p) for p in raw]
    counted = [k for k, claim in enumerate(claims.claims) if claim.holm]
    for side in OPPOSITE:
        for k, p in holm({k: raw[k][side] for k in counted}).items():
            adjusted[k][side] = p
    each = zip(claims.claims, judged, raw, adjusted, strict=True)
    return tuple(_verdict(*of_claim, claims.level) for of_claim in each)


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
        return Judged(part, effects, Finding(), NOT_DECIDED, said or "no runs")
    finding = decided(part, effects, claims.level)
    verdict = resolved(finding, claims.level)
    against = ""
    if verdict in (MIXED, NOT_DECIDED) and finding.opposed:
        against = f"against it: {', '.join(finding.opposed)}"
    reason = "; ".join(filter(None, [finding.reason, against, said]))
    return Judged(part, effects, finding, verdict, reason)


def decided(part: Part, effects: Mapping[str, Effect], level: float) -> Finding:
    """Let a part's decision judge effects, by the contrasts' names."""
    asked = {}
    for contrast in part.contrasts:
        internal = comparison_of(contrast).internal
        limits = {key: internal(limit) for key, limit in contrast.limits.items()}
        effect = effects[contrast.name]
        asked[contrast.name] = Asked(effect, internal(contrast.margin), level, limits)
    return DECISIONS[part.decision].judge(**asked)


def _p_values(claim: Claim, parts: Sequence[Judged]) -> dict[str, float]:
    """Of all primary parts together: each must hold, or one of them by Holm."""
    primary = [part.finding for part in parts if part.part.role == "primary"]
    supported = [finding.supported for finding in primary]
    best = min(1.0, len(primary) * min(supported))
    return {
        SUPPORTED: max(supported) if claim.combine == "all" else best,
        CONTRADICTED: max(finding.contradicted for finding in primary),
    }


def _verdict(
    claim: Claim,
    parts: tuple[Judged, ...],
    raw: Mapping[str, float],
    adjusted: Mapping[str, float],
    level: float,
) -> Verdict:
    primary = [part for part in parts if part.part.role == "primary"]
    word = _of_primary(claim, primary, level)
    reasons = []
    if word in raw and raw[word] <= level < adjusted[word]:
        reasons.append(f"{word}, but not after Holm's adjustment over the claims")
        word = NOT_DECIDED
    opposite = OPPOSITE.get(word)
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
    if len({part.verdict for part in primary}) > 1:
        reasons.append("; ".join(f"{part.part.name}: {part.verdict}" for part in primary))
    reasons += [
        f"{part.part.name}: {part.reason}" if len(parts) > 1 else part.reason
        for part in parts
        if part.reason and part.part.role != "shown"
    ]
    p_values = adjusted[SUPPORTED], adjusted[CONTRADICTED]
    return Verdict(claim, parts, word, *p_values, "; ".join(reasons))


def _opposes(part: Judged, opposite: str | None, level: float) -> bool:
    """Whether a part says the opposite; for a guard, no difference is not that of a difference."""
    if part.verdict != opposite:
        return False
    reverse = part.finding.reverse if part.part.role == "guard" else None
    return opposite == SUPPORTED or reverse is None or reverse <= level


def _of_primary(claim: Claim, primary: Sequence[Judged], level: float) -> str:
    """Verdict of the primary parts together."""
    words = [part.verdict for part in primary]
    if claim.combine == "any":  # Holm over the parts: the best of them must bear their number
        sides = holm({k: part.finding.supported for k, part in enumerate(primary)})
        words = [
            resolved(replace(part.finding, supported=sides[k]), level)
            for k, part in enumerate(primary)
        ]
    for word in OPPOSITE:
        if all(of_part == word for of_part in words):
            return word
    if claim.combine == "any" and SUPPORTED in words:
        return MIXED if {CONTRADICTED, MIXED} & set(words) else SUPPORTED
    return MIXED if MIXED in words or {*OPPOSITE} <= {*words} else NOT_DECIDED
