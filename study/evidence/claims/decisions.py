"""When a claim is supported and when contradicted, from its effects.

A decision gives two p-values, comparable with the file's two-sided level: for "supported" and for
"contradicted". Holm's procedure may raise them before `resolved` makes a verdict of them, in the
order supported, contradicted, mixed, not decided. A claim is not supported where the effect in
one task is significantly the opposite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from study.evidence.effects import Effect, significant_tasks

SUPPORTED, CONTRADICTED, MIXED = "supported", "contradicted", "mixed"
NOT_DECIDED = "not decided"
VERDICTS = (SUPPORTED, CONTRADICTED, MIXED, NOT_DECIDED)


@dataclass(frozen=True)
class Finding:
    """What a decision found.

    Parameters
    ----------
    supported, contradicted
        p-values, two-sided; 1 where the verdict is excluded.
    reverse
        p-value of the opposite alone, where `contradicted` counts equivalence too.
    opposed
        Tasks that exclude "supported".
    disputed
        Tasks that exclude "contradicted".
    mixed
        Whether tasks, or conditions, go both ways.
    reason
        A remark for the table.
    """

    supported: float = 1.0
    contradicted: float = 1.0
    reverse: float | None = None
    opposed: tuple[str, ...] = ()
    disputed: tuple[str, ...] = ()
    mixed: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Asked:
    """What a decision is given.

    Parameters
    ----------
    effects
        By the contrasts' names.
    margins
        The same, in the effects' own unit.
    limits
        Further margins of the contrasts, in the effects' own unit.
    level
        Two-sided.
    """

    effects: Mapping[str, Effect]
    margins: Mapping[str, float]
    limits: Mapping[str, Mapping[str, float]]
    level: float

    def tasks(self, name: str, margin: float, *, above: bool) -> tuple[str, ...]:
        """Name the tasks significantly beyond a margin."""
        effect = self.effects[name]
        return tuple(significant_tasks(effect, margin, above=above, level=self.level))


@dataclass(frozen=True)
class Decision:
    """A rule by which effects support or contradict.

    Parameters
    ----------
    judge
        The rule; it has the decision's name.
    contrasts
        The names of those it judges: all are needed.
    limits
        Options that each of them needs, margins like ``margin`` and not above it.
    units
        Those that effects may have; any where it is empty.
    """

    judge: Callable[[Asked], Finding]
    contrasts: tuple[str, ...]
    limits: tuple[str, ...] = ()
    units: tuple[str, ...] = ()


def resolved(finding: Finding, level: float) -> str:
    """Make a verdict of a finding."""
    if finding.supported <= level and not finding.opposed:
        return SUPPORTED
    if finding.contradicted <= level and not finding.disputed:
        return CONTRADICTED
    if finding.mixed:
        return MIXED
    return NOT_DECIDED


def equivalence(effect: Effect, margin: float) -> float:
    """p-value of two one-sided tests: at most 5 % where the 90 % interval lies inside."""
    return max(effect.above(-margin), effect.below(margin))


def above(effect: Effect, margin: float) -> float:
    """Two-sided p-value of "above the margin": at most 5 % where the 95 % interval is."""
    return min(1.0, 2.0 * effect.above(margin))


def below(effect: Effect, margin: float) -> float:
    """Two-sided p-value of "below the margin"."""
    return min(1.0, 2.0 * effect.below(margin))


def beyond(asked: Asked) -> Finding:
    """Supported above the margin; contradicted below its opposite, or equivalent.

    Equivalence is disputed where tasks are beyond the margin on both sides and cancel.
    """
    effect, margin = asked.effects["effect"], asked.margins["effect"]
    up = asked.tasks("effect", 0.0, above=True)
    down = asked.tasks("effect", 0.0, above=False)
    far_up = asked.tasks("effect", margin, above=True)
    far_down = asked.tasks("effect", -margin, above=False)
    other_side, same = below(effect, -margin), equivalence(effect, margin)
    disputed = up if other_side <= same else far_up if far_down else ()
    return Finding(
        supported=above(effect, margin),
        contradicted=min(other_side, same),
        reverse=other_side,
        opposed=down,
        disputed=disputed,
        mixed=bool(up and down),
    )


def threshold(asked: Asked) -> Finding:
    """Supported above the margin, contradicted below the option ``contradicted_below``."""
    effect, margin = asked.effects["effect"], asked.margins["effect"]
    low = float(asked.limits["effect"]["contradicted_below"])
    up = asked.tasks("effect", margin, above=True)
    down = asked.tasks("effect", low, above=False)
    return Finding(
        supported=above(effect, margin),
        contradicted=below(effect, low),
        opposed=down,
        disputed=up,
        mixed=bool(up and down),
    )


def positive(asked: Asked) -> Finding:
    """Supported above the margin, contradicted below, if a second effect has the same sign."""
    effect, margin = asked.effects["effect"], asked.margins["effect"]
    up = asked.tasks("effect", margin, above=True)
    down = asked.tasks("effect", margin, above=False)
    agrees = (asked.effects["also"].estimate > 0) == (effect.estimate > 0)
    either = above(effect, margin), below(effect, margin)
    return Finding(
        supported=either[0] if agrees else 1.0,
        contradicted=either[1] if agrees else 1.0,
        opposed=down,
        disputed=up,
        mixed=bool(up and down) or (not agrees and min(either) <= asked.level),
        reason="" if agrees else "the sign is another one in scores",
    )


def diverges(asked: Asked) -> Finding:
    """Supported where it fails more at its own rate, mixed where at exact's rate alone.

    Contradicted where both upper limits are below the margin.
    """
    own, untuned = asked.effects["own"], asked.effects["untuned"]
    margin = asked.margins["own"]
    up = asked.tasks("own", 0.0, above=True)
    down = asked.tasks("own", 0.0, above=False)
    only_untuned = above(untuned, margin) <= asked.level
    return Finding(
        supported=above(own, margin),
        contradicted=max(below(own, margin), below(untuned, margin)),
        opposed=down,
        mixed=only_untuned or bool(up and down),
        reason="only untuned" if only_untuned and above(own, margin) > asked.level else "",
    )


def not_worse(asked: Asked) -> Finding:
    """Supported where neither score nor failures are worse by the margin, and frozen is beaten."""
    score, failed, frozen = (asked.effects[name] for name in ("score", "failed", "frozen"))
    by_score, by_failed = asked.margins["score"], asked.margins["failed"]
    worse = asked.tasks("score", by_score, above=True)
    worse += asked.tasks("failed", by_failed, above=True)
    works = below(frozen, asked.margins["frozen"])
    not_by_much = max(below(score, by_score), below(failed, by_failed))
    better = asked.tasks("score", by_score, above=False)
    return Finding(
        supported=max(not_by_much, works),
        contradicted=min(1.0, 2 * min(above(score, by_score), above(failed, by_failed))),
        opposed=worse,
        mixed=bool(worse and better),
        reason="" if works <= asked.level else "not shown to beat frozen",
    )


def same(asked: Asked) -> Finding:
    """Supported where scores and failures are equivalent, contradicted beyond a margin."""
    score, failed = asked.effects["score"], asked.effects["failed"]
    by_score, by_failed = asked.margins["score"], asked.margins["failed"]
    sides = [
        above(score, by_score),
        below(score, -by_score),
        above(failed, by_failed),
        below(failed, -by_failed),
    ]
    tasks = [
        *asked.tasks("score", by_score, above=True),
        *asked.tasks("score", -by_score, above=False),
        *asked.tasks("failed", by_failed, above=True),
        *asked.tasks("failed", -by_failed, above=False),
    ]
    both = max(equivalence(score, by_score), equivalence(failed, by_failed))
    return Finding(
        supported=both,
        contradicted=min(1.0, len(sides) * min(sides)),
        opposed=tuple(tasks),
        mixed=bool(tasks) and both <= asked.level,
    )


def consistent(asked: Asked) -> Finding:
    """Supported where the twin and the interaction both lower the objective by the margin.

    Contradicted where the twin is worse, or the interaction is none.
    """
    twin, crossed = asked.effects["twin"], asked.effects["interaction"]
    margin = asked.margins["twin"]
    better = asked.tasks("twin", 0.0, above=False)
    worse = asked.tasks("twin", 0.0, above=True)
    none = equivalence(crossed, asked.margins["interaction"])
    return Finding(
        supported=max(below(twin, -margin), below(crossed, -asked.margins["interaction"])),
        contradicted=min(1.0, 2 * min(above(twin, margin), none)),
        opposed=worse,
        disputed=better if above(twin, margin) < none else (),
        mixed=bool(better and worse),
    )


def scale_not_shape(asked: Asked) -> Finding:
    """Supported where shape is within the margin and scale beyond.

    Contradicted where shape is beyond, and larger than scale: the share of draws of the bootstrap
    in which it is not.
    """
    shape, scale = asked.effects["shape"], asked.effects["scale"]
    margin = asked.margins["shape"]
    differ = min(1.0, min(_either(scale, margin), 1.0))
    larger = np.abs(shape.draws) > np.abs(scale.draws)  # type: ignore[attr-defined]
    not_larger = min(1.0, 2.0 * float((np.sum(~larger) + 1) / (larger.size + 1)))
    up = asked.tasks("shape", margin, above=True)
    down = asked.tasks("shape", -margin, above=False)
    return Finding(
        supported=max(equivalence(shape, margin), differ),
        contradicted=max(_either(shape, margin), not_larger),
        opposed=up if down else (),
        mixed=bool(up and down),
    )


def _either(effect: Effect, margin: float) -> float:
    """Two-sided p-value of "beyond the margin on either side"."""
    return min(1.0, above(effect, margin), below(effect, -margin))


def checks(asked: Asked) -> Finding:
    """Supported where every check holds, contradicted where any does not: nothing is random."""
    effect = asked.effects["effect"]
    wrong = [t.task for t in effect.tasks if t.interval.estimate > asked.margins["effect"]]
    return Finding(
        supported=1.0 if wrong else 0.0,
        contradicted=0.0 if wrong else 1.0,
        reason=f"does not hold for {', '.join(wrong[:5])}" if wrong else "",
    )


DECISIONS: dict[str, Decision] = {
    decision.judge.__name__: decision
    for decision in (
        Decision(beyond, ("effect",)),
        Decision(threshold, ("effect",), limits=("contradicted_below",)),
        Decision(positive, ("effect", "also")),
        Decision(diverges, ("own", "untuned")),
        Decision(not_worse, ("score", "failed", "frozen")),
        Decision(same, ("score", "failed")),
        Decision(consistent, ("twin", "interaction")),
        Decision(scale_not_shape, ("shape", "scale"), units=("ratio", "slope")),
        Decision(checks, ("effect",)),
    )
}
