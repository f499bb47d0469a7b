"""The kinds of comparison that a claim can name: one entry for each measure."""

from __future__ import annotations

from study.evidence.claims import escape, flips, gain_by_depth, gradients, scores, shares
from study.evidence.comparison import Comparison

COMPARISONS: dict[str, Comparison] = {
    kind.name: kind
    for kind in (
        scores.KIND,
        shares.FAILED,
        shares.DIFFERING,
        shares.RUNAWAY,
        escape.KIND,
        flips.KIND,
        gain_by_depth.KIND,
        gradients.KIND,
    )
}
