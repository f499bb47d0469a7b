"""conf/shares.yaml as records: claims about a population of tasks, and conditions."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, SkipValidation

from study.checked import NO_OTHER_KEYS, Number, Text, between, checked, one_of, refuse_twice
from study.conf import read_yaml, shares_path
from study.errors import UsageError, unknown
from study.evidence.claims.reading import Line, Selected

LOGARITHMS = ("ratio", "updates")
OUTCOMES = {
    "ratio": "final objective's excess share, a ratio of geometric means over seeds",
    "failures": "failed runs over the common grid of learning rates, percentage points",
    "failures_kept": "failed runs at the learning rate of exact, percentage points",
    "updates": "updates to the target, a ratio of geometric means over seeds",
    "test": "accuracy or R2 at the end, points",
    "stopped_test": "accuracy or R2 with early stopping, points",
    "h": "log(arm / exact) / log(frozen / exact) of medians of the excess share",
}
"""What is compared, and its unit."""
DIRECTIONS = ("above", "below", "equal", "apart")
FACTS = (
    *("split", "draw", "family", "real", "dataset", "kind", "patterns", "inputs", "outputs"),
    *("classes", "noise", "objective", "activation", "initialisation", "gain", "hidden", "depth"),
    *("width", "weights", "batch_size", "full_batch", "updates", "epochs", "gflop"),
    *("exact_share", "exact_early", "frozen_share", "exact_failed", "eligible"),
)
"""Columns of tasks.parquet beside ``task``."""
RATE = "rate"
ALL = "all"
"""The condition that all eligible tasks meet."""


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of arms, and what of it counts as true."""

    __pydantic_config__ = NO_OTHER_KEYS

    outcome: Annotated[str, one_of(*OUTCOMES)]
    arms: dict[str, Number]  # name in the file -> weight
    margin: Number  # in the outcome's unit
    direction: Annotated[str, one_of(*DIRECTIONS)]

    @property
    def logarithmic(self) -> bool:
        """Whether effects are log10 of ratios."""
        return self.outcome in LOGARITHMS

    def shown(self, effect: Any) -> Any:
        """Return effects in the unit of people: ratios for decades."""
        return 10.0**effect if self.logarithmic else effect

    @property
    def limits(self) -> tuple[float, float]:
        """Where the opposite ends and the truth begins, or the two ends of "equal".

        They are in computing units. Below the first of a claim "above" the opposite holds, above
        the second the claim; the opposite of h > margin is h < 0. Of "not worse", a claim whose
        margin lies on the other side of no difference, both are the margin.
        """
        edge = math.log10(self.margin) if self.logarithmic else self.margin
        if self.direction in ("equal", "apart"):
            return -abs(edge), abs(edge)
        away = edge if self.direction == "above" else -edge
        if away < 0:
            return edge, edge
        other = 0.0 if self.outcome == "h" else -edge
        return min(other, edge), max(other, edge)


@dataclass(frozen=True)
class Claim(Contrast):
    """A claim, and the conditions that must hold in the same task."""

    __pydantic_config__ = NO_OTHER_KEYS

    id: Line = field(kw_only=True)
    question: Line = field(kw_only=True)
    statement: Line = field(kw_only=True)
    rate: Annotated[str, one_of("tuned", "kept")] = field(default="tuned", kw_only=True)
    also: list[Contrast] = field(default_factory=list, kw_only=True)

    @property
    def contrasts(self) -> tuple[Contrast, ...]:
        """What must hold, the claim's own contrast first."""
        own = Contrast(self.outcome, self.arms, self.margin, self.direction)
        return (own, *self.also)


@dataclass(frozen=True)
class Range:
    """Numbers from one to another, both included."""

    __pydantic_config__ = NO_OTHER_KEYS

    start: Number = -math.inf
    to: Number = math.inf


def _strata(given: dict[str, Any]) -> dict[str, Any]:
    """Check that a condition names columns of tasks.parquet, and make ranges of its ranges."""
    made = {}
    for column, wanted in given.items():
        if column not in (*FACTS, RATE):
            raise ValueError(f"has an {unknown('column', column, (RATE, *FACTS))}")
        if isinstance(wanted, Mapping):
            ends = {"start" if key == "from" else key: value for key, value in wanted.items()}
            wanted = checked(Range, ends, f"{column}: ")
        elif column == RATE and wanted not in ("kept", "tuned"):
            raise ValueError(f": {unknown('rate', wanted, ('tuned', 'kept'))}")
        made[column] = wanted
    return made


Stratum = Annotated[dict[str, Any], AfterValidator(_strata)]
Arm = Annotated[list[Selected], BeforeValidator(lambda v: v if isinstance(v, list) else [v])]
Share = Annotated[Number, between(0, 100)]


@dataclass(frozen=True)
class Words:
    """Least lower limits of a share, in %, for the words "general" and "usual"."""

    __pydantic_config__ = NO_OTHER_KEYS

    general: Share
    usual: Share


@dataclass(frozen=True)
class Shares:
    """The file: claims about the tasks of an experiment, and what they share."""

    __pydantic_config__ = NO_OTHER_KEYS

    experiment: Text
    level: Annotated[Number, between(0.0001, 0.5)]
    words: Words
    splits: dict[str, list[Text]]  # name -> splits of tasks.parquet; the first decides
    always: Selected  # holds of an arm wherever it says nothing else
    arms: dict[str, Arm]
    conditions: dict[str, Stratum]  # phrase after a verdict's word -> which tasks, or which rate
    claims: SkipValidation[tuple[Claim, ...]]


def read_shares(path: Path | None = None) -> Shares:
    """Read the file of claims about shares, that of the checkout unless another is given."""
    return shares_from(read_yaml(path or shares_path()))


def shares_from(given: Mapping[str, Any]) -> Shares:
    """Check the file's content and make records of it.

    Raises
    ------
    UsageError
        For a key, a name or a value that is missing, unknown or of another kind.
    """
    file = "shares.yaml: "
    shares: Shares = checked(Shares, given, file)
    if not shares.splits:
        raise UsageError(f"{file}splits takes at least one name with splits of tasks.parquet")
    claims = []
    for k, entry in enumerate(checked(list[Any], shares.claims, f"{file}claims"), 1):
        named = entry.get("id") if isinstance(entry, Mapping) else None
        claim: Claim = checked(Claim, entry, f"{named or f'{file}claim {k}'}: ")
        for contrast in claim.contrasts:
            _refuse_unfit(claim.id, contrast, shares)
        claims.append(claim)
    refuse_twice(f"{file}id", [claim.id for claim in claims])
    return replace(shares, claims=tuple(claims))


def _refuse_unfit(claim: str, contrast: Contrast, shares: Shares) -> None:
    for arm in contrast.arms:
        if arm not in shares.arms:
            raise UsageError(f"{claim}: arms has an {unknown('arm', arm, shares.arms)}")
    weights, pair = contrast.arms.values(), contrast.outcome not in LOGARITHMS
    if len(weights) < 2 or abs(sum(weights)) > 1e-9 or 0.0 in weights:
        raise UsageError(
            f"{claim}: arms takes two or more weights that add up to 0, none of them 0"
        )
    if pair and sorted(weights) != [-1, 1]:
        raise UsageError(f"{claim}: {contrast.outcome} takes the weights 1 and -1 of two arms")
    if contrast.logarithmic and contrast.margin <= 0:
        raise UsageError(f"{claim}: margin = {contrast.margin:g} is no ratio: above 0")
