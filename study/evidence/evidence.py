"""What the study's figures and verdicts are made from: the claims, and the runs of one table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from study.evidence.arms import Place, Study
from study.evidence.claims.kinds import COMPARISONS
from study.evidence.claims.reading import Claims, Part, read_claims
from study.evidence.claims.verdicts import Judged, Verdict, judge, judge_part
from study.evidence.comparison import Contrast
from study.evidence.effects import Effect
from study.evidence.runs import REFERENCE, NothingToShow, Runs, Selection
from study.evidence.sources import files_of, stored_runs
from study.learning.diagnostics.gradient_checks import gradient_checks

EXACT: Selection = {"gradient": REFERENCE}


@dataclass(frozen=True)
class Evidence:
    """The runs of an experiment, and the claims of conf/claims.yaml."""

    runs: Runs
    claims: Claims

    @cached_property
    def checks(self) -> Any:
        """The table of `study.learning.diagnostics.gradient_checks`."""
        return pd.DataFrame(gradient_checks())

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Every claim, judged."""
        return judge(self.runs, self.claims, self.checks)

    def part(self, claim: str, name: str) -> Part:
        """Return a claim's part by its name."""
        parts = next(c.parts for c in self.claims.claims if c.id == claim)
        return next(part for part in parts if part.name == name)

    def judged(self, claim: str, name: str) -> Judged:
        """Return a claim's part with its effects, before Holm over the claims."""
        return judge_part(self.runs, self.claims, self.part(claim, name))

    def study(
        self, arms: Mapping[str, Selection], where: Selection | Sequence[Selection]
    ) -> Study:
        """Return what a comparison of these arms may look at."""
        several = (where,) if isinstance(where, Mapping) else tuple(where)
        return Study(self.runs, several, arms, self.claims.tasks, self.claims.always)

    def compare(
        self,
        arms: Mapping[str, Selection],
        where: Selection | Sequence[Selection],
        weights: Mapping[str, float],
        comparison: str = "score",
        **options: Any,
    ) -> Effect | None:
        """Estimate a weighted sum over arms as a claim of its own would; None without runs.

        All arguments are as in conf/claims.yaml; `options` are those that the comparison takes.
        """
        kind = COMPARISONS[comparison]
        contrast = Contrast("effect", comparison, dict(weights), 1.0, kind.options(**options))
        found = kind.effect(self.study(arms, where), contrast)
        return None if isinstance(found, str) else found

    def beside(
        self,
        rule: Selection,
        where: Selection | Sequence[Selection],
        reference: Selection = EXACT,
        comparison: str = "score",
        **options: Any,
    ) -> Effect | None:
        """Compare one arm with another, exact unless told; None without runs."""
        arms = {"reference": reference, "rule": rule}
        weights = {"rule": 1.0, "reference": -1.0}
        return self.compare(arms, where, weights, comparison, **options)

    def places(
        self,
        arms: Mapping[str, Selection],
        where: Selection | Sequence[Selection],
        *,
        free: Sequence[str] = (),
        rate: str = "own",
    ) -> tuple[Place, ...]:
        """Return the strata in which all arms were run, with their runs; perhaps none."""
        return self.study(arms, where).places(list(arms), free=free, rate=rate)[0]


def needed(effect: Effect | None, what: str) -> Effect:
    """Return an effect that a figure needs, or raise `NothingToShow`."""
    if effect is None:
        raise NothingToShow(f"no runs of {what}, or too few seeds")
    return effect


def gather(experiment: str, base: Path) -> Evidence:
    """Read an experiment's own runs, else its published ones, and the claims; once a process."""
    times = tuple(p.stat().st_mtime_ns for p in files_of(base, experiment, tuning=True))
    return _gather(experiment, base, times)


@lru_cache(maxsize=2)  # the experiment that decides, and one to compare with it
def _gather(experiment: str, base: Path, times: tuple[int, ...]) -> Evidence:
    claims = read_claims(base / "conf" / "claims.yaml")
    return Evidence(Runs(stored_runs(base, experiment, tuning=True)), claims)
