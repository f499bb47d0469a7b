"""Agreement of a cell that was trained again: equal to the bit, within the interval, different.

*Equal to the bit*: every number and word of every training is the same. NaN equals NaN. The digest
of the claims is not compared, since it is no result.

*Within the interval*: some bits differ, as another version of a library rounds differently and
training amplifies that. Then the evaluation seeds are compared in pairs. With d the differences of
scores (fresh minus published, one per seed), the cell is *different* where the Student interval

    mean(d) ± t(1 - α / (4 m), n - 1) · sd(d) / √n,    α = 1 %, m cells, two tests each

lies beyond ±`MARGIN` on one side, log10(1.05): 5 % of the relative objective, the study's own
margin. With no true difference the chance that any of m cells is called different is at most α
(Bonferroni); the margin keeps a harmless bias in the last digits from counting. The score of a
failed training is 0, the worst, so a change of outcomes enters as a change of scores; a cell whose
outcomes changed class by more than chance allows (exact McNemar test of failed, same level) is
different too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

BIT, WITHIN, DIFFERENT = "equal to the bit", "equal within the interval", "different"
LEVEL = 0.01
MARGIN = math.log10(1.05)
NO_RESULTS = {"claims"}
TESTS = 2  # of a cell: scores and failures


@dataclass(frozen=True)
class Verdict:
    """What came of a cell."""

    word: str  # `BIT`, `WITHIN` or `DIFFERENT`
    reason: str = ""  # why, where it is not equal to the bit


def judge(published: pa.Table, fresh: pa.Table, cells: int) -> Verdict:
    """Compare the trainings of one of so many `cells`, by tables with ``replica`` as key."""
    if _bits(published) == _bits(fresh):
        return Verdict(BIT)
    pairs = _paired(published, fresh)
    if pairs is None:
        return Verdict(DIFFERENT, "other evaluation seeds")
    before, after, failed_before, failed_after = pairs
    level = LEVEL / (TESTS * max(cells, 1))
    low, high = interval(after - before, level)
    words = f"scores differ by {low:+.2g} to {high:+.2g} in log10"
    if low > MARGIN or high < -MARGIN:
        return Verdict(DIFFERENT, f"{words}, beyond ±{MARGIN:.3f}")
    chance = mcnemar(failed_before, failed_after)
    if chance < level:
        had, has = int(failed_before.sum()), int(failed_after.sum())
        return Verdict(DIFFERENT, f"{had} of {len(before)} failed, now {has}")
    return Verdict(WITHIN, words)


def interval(differences: Sequence[float] | np.ndarray, level: float) -> tuple[float, float]:
    """Return the two-sided Student interval of a mean at the level 1 - `level`.

    A single pair says nothing: its interval is infinite, unless the difference is 0.
    """
    from scipy import stats

    d = np.asarray(differences, dtype=float)
    mean = float(d.mean())
    if len(d) < 2:
        return (mean, mean) if mean == 0.0 else (-math.inf, math.inf)
    half = float(stats.t.ppf(1.0 - level / 2.0, len(d) - 1) * d.std(ddof=1) / math.sqrt(len(d)))
    return mean - half, mean + half


def mcnemar(before: np.ndarray, after: np.ndarray) -> float:
    """Return the exact two-sided p of a change of a rate, from pairs of which one side has it."""
    from scipy import stats

    lost, won = int((before & ~after).sum()), int((~before & after).sum())
    return float(stats.binomtest(won, won + lost).pvalue) if won + lost else 1.0


def _bits(table: pa.Table) -> dict[str, list[object]]:
    """Return the filled columns of all trainings by key, floats by their bits (all NaN alike)."""
    rows = table.sort_by("replica")
    filled = {n for n in rows.column_names if rows[n].null_count < len(rows)}
    return {
        name: [v.hex() if isinstance(v, float) else v for v in rows[name].to_pylist()]
        for name in filled - NO_RESULTS
    }


def _paired(published: pa.Table, fresh: pa.Table) -> list[np.ndarray] | None:
    """Return scores before and after, failures before and after, by seed."""
    found = []
    for table in (published, fresh):
        columns = table.select(["stage", "seed", "score", "failed"]).to_pydict()
        rows = zip(*columns.values(), strict=True)
        found.append({seed: (s, f) for stage, seed, s, f in rows if stage == "evaluate"})
    before, after = found
    if not before or before.keys() != after.keys():
        return None
    pairs = [(*before[seed], *after[seed]) for seed in sorted(before)]
    scores, failed, scores_now, failed_now = map(np.array, zip(*pairs, strict=True))
    return [scores.astype(float), scores_now.astype(float), failed, failed_now]
