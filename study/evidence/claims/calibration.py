"""How often tuning and judging err together: exact against exact, each tuned like a rule.

From a pool of exact at several rates and many seeds, two arms are drawn again and again: disjoint
seeds to tune them, the same ones to score both, as in the study, so that the truth is that nothing
differs but by the luck of tuning. Then the decisions of the claims judge them, at the claims' own
margins, without Holm's adjustment.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.ablation.running.tuning import Trials
from study.evidence.claims.decisions import (
    CONTRADICTED,
    NOT_DECIDED,
    SUPPORTED,
    VERDICTS,
    resolved,
)
from study.evidence.claims.reading import Claims, Part
from study.evidence.claims.verdicts import decided
from study.evidence.effects import Effect, Measured, Paired, Ranked, Shares
from study.evidence.runs import REFERENCE, NothingToShow, Runs
from study.evidence.statistics import wilson
from study.learning import Array

COARSE, FINE, SCORED = 3, 5, 60
"""Seeds of an arm: stage A, stage B, evaluation."""
NEEDED = 2 * (COARSE + FINE) + SCORED
PER_STEP = 4
"""Shares of stage B between two of stage A: 8 and 2 a decade."""
REPEATS, RESAMPLES = 300, 1000


@dataclass(frozen=True)
class Pool:
    """Exact on one task: final objectives, failures and scores, (rates, seeds)."""

    task: str
    rates: Array
    finals: Array
    failed: Array
    scores: Array


Drawn = tuple[Pool, Array, int, int]
"""Evaluation seeds of two pseudo-arms, and the rates they were tuned to, as places in a pool."""


def pools(runs: Runs) -> list[Pool]:
    """Find the tasks on which exact was evaluated at several rates with enough seeds."""
    chosen = {"rates": "several", "gradient": REFERENCE, "stage": "evaluate"}
    frame = runs.frame[runs.mask(chosen)]
    found = []
    for _, rows in frame.groupby(runs.structure or ["dataset"], dropna=False):
        tables = [
            rows.pivot_table(index="learning_rate", columns="seed", values=name, dropna=False)
            for name in ("final_objective", "failed", "score")
        ]
        finals, failed, scores = (t.to_numpy(float) for t in tables)
        complete = ~np.isnan(scores).any(axis=0)
        if complete.sum() < NEEDED or len(scores) < 2:
            continue
        first = rows.iloc[0]
        task = f"{first['dataset']} {first['objective']} {first['hidden']} {first['activation']}"
        found.append(
            Pool(
                task.replace("_", " "),
                tables[0].index.to_numpy(float),
                np.where(np.isfinite(finals), finals, np.inf)[:, complete],
                failed[:, complete] > 0,
                scores[:, complete],
            )
        )
    if not found:
        raise NothingToShow(f"no pool of exact at several rates with {NEEDED} seeds")
    return found


def tuned(pool: Pool, seeds: Array) -> int:
    """Return the position of the rate that the study's own choice takes.

    Stage A tries every fourth rate, stage B those of the pool around its best.
    """
    coarse = _best(pool, range(0, len(pool.rates), PER_STEP), seeds[:COARSE])
    around = range(max(0, coarse - PER_STEP), min(len(pool.rates), coarse + PER_STEP + 1))
    return _best(pool, around, seeds[COARSE:])


def _best(pool: Pool, rates: Sequence[int], seeds: Array) -> int:
    trials = Trials()
    for rate in rates:
        at = np.full(len(seeds), pool.rates[rate])
        trials.add(at, pool.finals[rate, seeds], pool.failed[rate, seeds])
    return int(np.argmin(np.abs(pool.rates - trials.best())))


def effects(drawn: Sequence[Drawn], resamples: int) -> dict[str, Effect]:
    """Effects between two arms of exact, by the names that decisions know."""
    none, every = np.array([], dtype=np.intp), np.arange(SCORED)
    scores, own, untuned = [], [], []
    for pool, seeds, one, two in drawn:
        place = (pool.task, pool.task, every, none)
        difference = pool.scores[one, seeds] - pool.scores[two, seeds]
        scores.append(Measured(*place, difference))
        own.append(Paired(*place, pool.failed[one, seeds], pool.failed[two, seeds]))
        untuned.append(Paired(*place, pool.failed[two, seeds], pool.failed[two, seeds]))
    # the pool has no frozen net: the constant predictor, whose score is 0, stands for it
    pool, seeds, one, _ = drawn[0]
    frozen = Measured(pool.task, pool.task, every, none, pool.scores[one, seeds])
    score, failed = Ranked(tuple(scores), resamples=resamples), Shares(tuple(own))
    return {
        **{"effect": score, "score": score, "failed": failed, "own": failed},
        "untuned": Shares(tuple(untuned)),
        "frozen": Ranked((frozen,), resamples=resamples),
    }


TRUTH = {
    "diverges": CONTRADICTED,
    "beyond": CONTRADICTED,
    "not_worse": SUPPORTED,
    "same": SUPPORTED,
}
"""Decision -> its right verdict where nothing differs; undecided is no error."""


def calibrate(
    runs: Runs, claims: Claims, repeats: int = REPEATS, resamples: int = RESAMPLES, seed: int = 0
) -> pd.DataFrame:
    """Judge two arms of exact many times.

    One row a claim and verdict: ``claim, decision, verdict, error, count, repeats, share`` and
    Wilson's 95 % limits ``low, high``; and a row a claim with ``verdict`` "any error". Runs
    without a pool raise `NothingToShow`.
    """
    found = pools(runs)
    random = np.random.default_rng(seed)
    # the first claim of each decision that the pool can judge, with its primary part
    of_decision: dict[str, tuple[str, Part]] = {}
    for claim in claims.claims:
        part = next(p for p in claim.parts if p.role == "primary")
        of_decision.setdefault(part.decision, (claim.id, part))
    parts = dict(of_decision[name] for name in of_decision if name in TRUTH)
    counts: dict[str, Counter[str]] = {name: Counter() for name in parts}
    for _ in range(repeats):
        drawn = []
        for pool in found:
            seeds = random.permutation(pool.scores.shape[1])[:NEEDED]
            scored, others = seeds[:SCORED], seeds[SCORED:].reshape(2, -1)
            one, two = (tuned(pool, tries) for tries in others)
            drawn.append((pool, scored, one, two))
        between = effects(drawn, resamples)
        for name, part in parts.items():
            counts[name][resolved(decided(part, between, claims.level), claims.level)] += 1
    rows = []
    for name, part in parts.items():
        right = (TRUTH[part.decision], NOT_DECIDED)
        listed = [(word, word not in right, counts[name][word]) for word in VERDICTS]
        listed.append(("any error", True, sum(count for _, error, count in listed if error)))
        for word, error, count in listed:
            low, high = wilson(count, repeats)
            rated = (count, repeats, count / repeats, float(low), float(high))
            rows.append((name, part.decision, word, error, *rated))
    columns = ["claim", "decision", "verdict", "error", "count", "repeats", "share", "low", "high"]
    return pd.DataFrame(rows, columns=columns)
