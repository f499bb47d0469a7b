"""All claims: the twelve verdicts on one page."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import style
from reports.templates import note
from reports.verdicts import UNITS
from reports.wording import listed, signed
from study.evidence.claims.decisions import CONTRADICTED, MIXED, NOT_DECIDED, SUPPORTED
from study.evidence.claims.kinds import comparison_of
from study.evidence.claims.verdicts import Verdict
from study.evidence.comparison import Comparison, Contrast
from study.evidence.evidence import Evidence
from study.evidence.runs import NothingToShow

COLOURS = {  # told apart with any colour vision, and by their words
    SUPPORTED: "#0072B2",
    CONTRADICTED: "#D55E00",
    MIXED: "#CC79A7",
    NOT_DECIDED: "#6E6E6E",
}
STATEMENT, NUMBERS, WORD = 2.3, 1.6, 0.95  # inches: columns beside the little axis


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw a row for each claim: statement, effect, verdict."""
    verdicts = evidence.verdicts
    if not any(v.primary.effects for v in verdicts if v.claim.holm):
        raise NothingToShow("no claim has runs to be judged by")
    lines = [style.wrapped(v.claim.statement, STATEMENT - 0.3, style.SMALL) for v in verdicts]
    heights = [max(0.12 * len(line) + 0.14, 0.36) for line in lines]
    figure, axes = style.sheet(
        message(verdicts), note(__file__), len(verdicts), 1, height=heights, left=STATEMENT + 0.1,
        right=NUMBERS + WORD + 0.15, bottom=0.15, gap=(0.0, 0.06), head=0.28,
    )  # fmt: skip
    width = figure.get_figwidth()
    bold = {"weight": "bold"}
    numbers, word = width - NUMBERS - WORD, width - WORD
    for panel, verdict, line in zip(axes[:, 0], verdicts, lines, strict=True):
        box, shown = panel.get_position(), verdict.verdict
        told = {
            0.06: (verdict.claim.id, bold),
            0.4: ("\n".join(line), {}),
            numbers: (_effect(panel, verdict), {}),
            word: (shown, {**bold, "size": style.NORMAL, "color": COLOURS[shown]}),
        }
        for x, (text, how) in told.items():
            how = {"va": "center", "size": style.SMALL, **how}
            figure.text(x / width, (box.y0 + box.y1) / 2, text, **how)
    top = axes[0, 0].get_position().y1 + 0.08 / figure.get_figheight()
    heads = ("claim", "effect", "95 % interval, runs", "verdict")
    for x, text in zip((0.06, STATEMENT + 0.1, numbers, word), heads, strict=True):
        figure.text(x / width, top, text, size=style.SMALL, color=style.MUTED)
    yield figure


def message(verdicts: Sequence[Verdict]) -> str:
    """Count the verdicts and name the claims that are not supported."""
    words = [v.verdict for v in verdicts]
    counts = [f"{words.count(w)} {w}" for w in COLOURS if w in words]
    against = [v.claim.id for v in verdicts if v.verdict == CONTRADICTED]
    text = f"Of {len(verdicts)} claims {listed(counts)}"
    return f"{text}; contradicted: {listed(against)}" if against else text


def _effect(panel: Axes, verdict: Verdict) -> str:
    """Draw a claim's first effect on its own scale, and return it in words."""
    colour = COLOURS[verdict.verdict]
    for edge in panel.spines.values():
        edge.set_visible(False)
    panel.set(xticks=[], yticks=[], ylim=(-1, 1))
    contrast = verdict.primary.part.contrasts[0]
    comparison = comparison_of(contrast)
    effect = verdict.primary.effects.get(contrast.name)
    if effect is None:
        return f"no estimate\n{verdict.runs:,} runs"
    found = effect.interval()
    margins = _margins(contrast, comparison)
    counted = comparison.unit == "error"  # no less than 0: there is no effect to draw it beside
    known = [x for x in (*found, *margins, 0.0) if np.isfinite(x)]
    span = max(max(known) - min(known), 1e-9)
    panel.set_xlim(min(known) - 0.08 * span, max(known) + 0.08 * span)
    panel.axhline(0, color=style.FAINT, linewidth=0.6, zorder=0)
    if not counted:
        panel.axvline(0.0, color=style.MUTED, linewidth=0.8, zorder=1)
    for margin in margins:
        panel.axvline(margin, color=style.MUTED, linewidth=0.8, linestyle=(0, (3, 2)), zorder=1)
    left, right = panel.get_xlim()
    low, high = (
        x if np.isfinite(x) else edge for x, edge in zip(found[1:], (left, right), strict=True)
    )
    panel.hlines(0, low, high, colors=colour, linewidth=2.2, zorder=3)
    panel.plot(found.estimate, 0, "o", color=colour, markersize=5, zorder=4)
    estimate, low, high = (signed(comparison.shown(x)) for x in found)
    unit = {"ratio": "×", "points": "points"}.get(comparison.unit, UNITS[comparison.unit])
    if counted:
        return f"{estimate} {unit}, the worst of\n{verdict.runs:,} checks, no training"
    return f"{estimate} {unit} ({low} to {high})\n{verdict.runs:,} runs"


def _margins(contrast: Contrast, comparison: Comparison) -> list[float]:
    """Return the margins that the decision asks for, in the unit that is computed with."""
    margin = comparison.internal(contrast.margin)
    if not np.isfinite(margin) or margin == 0:
        return []
    other = contrast.limits.get("contradicted_below")
    if other is not None:
        return [margin, comparison.internal(float(other))]
    return [margin] if comparison.unit == "error" else [margin, -margin]
