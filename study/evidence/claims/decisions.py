"""When a claim is supported and when contradicted, from its effects.

A decision gives two p-values, comparable with the file's two-sided level: for "supported" and for
"contradicted". Holm's procedure may raise them before `resolved` makes a verdict of them, in the
order supported, contradicted, mixed, not decided. A claim is not supported where the effect in
one task is significantly the opposite.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from study.evidence.effects import Effect, significant_tasks

SUPPORTED, CONTRADICTED, MIXED = "supported", "contradicted", "mixed"
NOT_DECIDED = "not decided"
VERDICTS = (SUPPORTED, CONTRADICTED, MIXED, NOT_DECIDED)


@dataclass(frozen=True)
class Finding:
    """What a decision found: two-sided p-values, 1 where the verdict is excluded, and more."""

    supported: float = 1.0
    contradicted: float = 1.0
    reverse: float | None = None  # of the opposite alone, where the above counts equivalence too
    opposed: tuple[str, ...] = ()  # tasks that exclude "supported"
    disputed: tuple[str, ...] = ()  # and those that exclude "contradicted"
    mixed: bool = False  # whether tasks, or conditions, go both ways
    reason: str = ""  # a remark for the table


@dataclass(frozen=True)
class Asked:
    """An effect beside its margins, in its own unit. p-values are two-sided, tasks significant."""

    effect: Effect
    margin: float
    level: float
    limits: Mapping[str, float] = field(default_factory=dict)

    def above(self, margin: float) -> float:
        """p-value of "above the margin": at most 5 % where the 95 % interval is."""
        return min(1.0, 2.0 * self.effect.above(margin))

    def below(self, margin: float) -> float:
        """p-value of "below the margin"."""
        return min(1.0, 2.0 * self.effect.below(margin))

    def beyond(self, margin: float) -> float:
        """p-value of "beyond the margin on either side"."""
        return min(1.0, self.above(margin), self.below(-margin))

    def same(self) -> float:
        """p-value of two one-sided tests: at most 5 % where the 90 % interval lies inside."""
        return max(self.effect.above(-self.margin), self.effect.below(self.margin))

    def up(self, margin: float) -> tuple[str, ...]:
        """Name the tasks above a margin."""
        return tuple(significant_tasks(self.effect, margin, above=True, level=self.level))

    def down(self, margin: float) -> tuple[str, ...]:
        """Name the tasks below a margin."""
        return tuple(significant_tasks(self.effect, margin, above=False, level=self.level))


def resolved(finding: Finding, level: float) -> str:
    """Make a verdict of a finding."""
    if finding.supported <= level and not finding.opposed:
        return SUPPORTED
    if finding.contradicted <= level and not finding.disputed:
        return CONTRADICTED
    return MIXED if finding.mixed else NOT_DECIDED


def beyond(effect: Asked) -> Finding:
    """Supported above the margin; contradicted below its opposite, or equivalent.

    Equivalence is disputed where tasks are beyond the margin on both sides and cancel.
    """
    up, down = effect.up(0.0), effect.down(0.0)
    far_up, far_down = effect.up(effect.margin), effect.down(-effect.margin)
    other_side, same = effect.below(-effect.margin), effect.same()
    return Finding(
        supported=effect.above(effect.margin),
        contradicted=min(other_side, same),
        reverse=other_side,
        opposed=down,
        disputed=up if other_side <= same else far_up if far_down else (),
        mixed=bool(up and down),
    )


def threshold(effect: Asked) -> Finding:
    """Supported above the margin, contradicted below the option ``contradicted_below``."""
    low = effect.limits["contradicted_below"]
    up, down = effect.up(effect.margin), effect.down(low)
    return Finding(
        supported=effect.above(effect.margin),
        contradicted=effect.below(low),
        opposed=down,
        disputed=up,
        mixed=bool(up and down),
    )


def positive(effect: Asked, also: Asked) -> Finding:
    """Supported above the margin, contradicted below, if a second effect has the same sign."""
    up, down = effect.up(effect.margin), effect.down(effect.margin)
    agrees = (also.effect.estimate > 0) == (effect.effect.estimate > 0)
    either = effect.above(effect.margin), effect.below(effect.margin)
    return Finding(
        supported=either[0] if agrees else 1.0,
        contradicted=either[1] if agrees else 1.0,
        opposed=down,
        disputed=up,
        mixed=bool(up and down) or (not agrees and min(either) <= effect.level),
        reason="" if agrees else "the sign is another one in scores",
    )


def diverges(own: Asked, untuned: Asked) -> Finding:
    """Supported where it fails more at its own rate, mixed where at exact's rate alone.

    Contradicted where both upper limits are below the margin.
    """
    margin = own.margin
    up, down = own.up(0.0), own.down(0.0)
    only_untuned = untuned.above(margin) <= own.level
    return Finding(
        supported=own.above(margin),
        contradicted=max(own.below(margin), untuned.below(margin)),
        opposed=down,
        mixed=only_untuned or bool(up and down),
        reason="only untuned" if only_untuned and own.above(margin) > own.level else "",
    )


def not_worse(score: Asked, failed: Asked, frozen: Asked) -> Finding:
    """Supported where neither score nor failures are worse by the margin, and frozen is beaten."""
    both = (score, failed)
    worse = score.up(score.margin) + failed.up(failed.margin)
    works = frozen.below(frozen.margin)
    return Finding(
        supported=max(*(a.below(a.margin) for a in both), works),
        contradicted=min(1.0, 2 * min(a.above(a.margin) for a in both)),
        opposed=worse,
        mixed=bool(worse and score.down(score.margin)),
        reason="" if works <= score.level else "not shown to beat frozen",
    )


def same(score: Asked, failed: Asked) -> Finding:
    """Supported where scores and failures are equivalent, contradicted beyond a margin."""
    both = (score, failed)
    sides = [p for a in both for p in (a.above(a.margin), a.below(-a.margin))]
    tasks = tuple(task for a in both for task in (*a.up(a.margin), *a.down(-a.margin)))
    equal = max(a.same() for a in both)
    return Finding(
        supported=equal,
        contradicted=min(1.0, len(sides) * min(sides)),
        opposed=tasks,
        mixed=bool(tasks) and equal <= score.level,
    )


def consistent(twin: Asked, interaction: Asked) -> Finding:
    """Supported where the twin and the interaction both lower the objective by the margin.

    Contradicted where the twin is worse, or the interaction is none.
    """
    better, worse = twin.down(0.0), twin.up(0.0)
    above, none = twin.above(twin.margin), interaction.same()
    return Finding(
        supported=max(twin.below(-twin.margin), interaction.below(-interaction.margin)),
        contradicted=min(1.0, 2 * min(above, none)),
        opposed=worse,
        disputed=better if above < none else (),
        mixed=bool(better and worse),
    )


def scale_not_shape(shape: Asked, scale: Asked) -> Finding:
    """Supported where shape is within the margin and scale beyond.

    Contradicted where shape is beyond, and larger than scale: the share of draws of the bootstrap
    in which it is not.
    """
    drawn = [np.abs(asked.effect.draws) for asked in (shape, scale)]  # type: ignore[attr-defined]
    larger = drawn[0] > drawn[1]
    not_larger = min(1.0, 2.0 * float((np.sum(~larger) + 1) / (larger.size + 1)))
    up, down = shape.up(shape.margin), shape.down(-shape.margin)
    return Finding(
        supported=max(shape.same(), scale.beyond(shape.margin)),
        contradicted=max(shape.beyond(shape.margin), not_larger),
        opposed=up if down else (),
        mixed=bool(up and down),
    )


def checks(effect: Asked) -> Finding:
    """Supported where every check holds, contradicted where any does not: nothing is random."""
    wrong = [t.task for t in effect.effect.tasks if t.interval.estimate > effect.margin]
    return Finding(
        supported=1.0 if wrong else 0.0,
        contradicted=0.0 if wrong else 1.0,
        reason=f"does not hold for {', '.join(wrong[:5])}" if wrong else "",
    )


@dataclass(frozen=True)
class Decision:
    """A rule by which effects support or contradict.

    Its arguments are named like the contrasts that it judges. All are needed.
    """

    judge: Callable[..., Finding]
    limits: tuple[str, ...] = ()  # options of each contrast, margins not above ``margin``
    units: tuple[str, ...] = ()  # those that effects may have; any where it is empty

    @property
    def contrasts(self) -> tuple[str, ...]:
        """The names of the contrasts that it judges."""
        return tuple(inspect.signature(self.judge).parameters)


DECISIONS = {
    judge.__name__: Decision(judge)
    for judge in (beyond, positive, diverges, not_worse, same, consistent, checks)
} | {
    "threshold": Decision(threshold, limits=("contradicted_below",)),
    "scale_not_shape": Decision(scale_not_shape, units=("ratio", "slope")),
}
