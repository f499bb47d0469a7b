"""C7: whether relu's slope at zero matters."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from matplotlib.figure import Figure

from reports import panels, style
from reports.panels import Row, forest, look_of, mark, rule, said, under
from reports.templates import note
from study.evidence.effects import Effect
from study.evidence.evidence import Evidence
from study.evidence.runs import NothingToShow

REGIMES = ("natural zeros", "persistent zeros", "zero-initialised layer")
ARMS = {  # (value, arm) -> marker, filled
    (0.5, "scale"): ("o", False),
    (1.0, "scale"): ("o", True),
    (0.5, "overwrite"): ("s", False),
    (1.0, "overwrite"): ("s", True),
}

Effects = Mapping[tuple[str, tuple[float, str]], Effect | None]


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw ratios, failures and the share of runs that differ, by regime of zeros."""
    scores, failed, differing = (
        {
            (regime, arm): evidence.beside(
                rule("relu_at_zero", value=arm[0], arm=arm[1]),
                evidence.part("C7", regime).where,
                comparison=kind,
                rate="exact",
            )
            for regime in REGIMES
            for arm in ARMS
        }
        for kind in ("score", "failed", "differing")
    )
    if not any(scores.values()):
        raise NothingToShow("no runs of relu at zero beside exact, at one rate")
    figure, axes = style.sheet(
        message(scores), note(__file__), 1, 3, height=0.62 * len(REGIMES), left=1.25, right=0.16,
        bottom=0.84, gap=(0.22, 0.3),
    )  # fmt: skip
    left, middle, right = axes[0]
    blank = [""] * len(REGIMES)
    rows = _rows(scores)
    forest(left, rows, REGIMES, confidence=0.90)
    panels.ratio_axes([left], [row.effect for row in rows])
    forest(middle, _rows(failed), blank, factor=100.0, confidence=0.90)
    middle.axvspan(-5, 5, color=panels.BAND, linewidth=0, zorder=0)
    middle.axvline(0, color=style.MUTED, linewidth=0.7)
    reach = max((abs(100 * x) for r in _rows(failed) for x in r.effect.interval()), default=10)
    middle.set_xlim(-max(reach, 8) * 1.15, max(reach, 8) * 1.15)
    forest(right, _rows(differing), blank, factor=100.0)
    right.set_xlim(-4, 104)
    under(left, "final objective / slope 0's")
    under(middle, "failed runs (points)")
    under(right, "runs that differ (%)")
    look = look_of("relu_at_zero")
    marks = [mark(replace(look, marker=m), hollow=not full) for m, full in ARMS.values()]
    words = {"scale": "in the back-propagated error", "overwrite": "overwritten"}
    panels.key(figure, marks, [f"slope {v:g}, {words[arm]}" for v, arm in ARMS], across=2)
    yield figure


def _rows(found: Effects) -> list[Row]:
    look = look_of("relu_at_zero")
    return panels.placed(
        found,
        lambda k: REGIMES.index(k[0]) + 0.19 * (list(ARMS).index(k[1]) - 1.5),
        lambda k: replace(look, marker=ARMS[k[1]][0]),
        lambda k: not ARMS[k[1]][1],
    )


def message(scores: Effects) -> str:
    """Say in which regimes slope 1 at zero is the same as slope 0."""
    found = {
        f"{regime} ({said(effect.interval(0.90), inside=True, level=90)})": effect.interval(0.90)
        for regime in REGIMES
        if (effect := scores[regime, (1.0, "scale")]) is not None
    }
    told = panels.told(found, "with", "not shown to be the same")
    return f"Relu's slope at zero, 1 beside 0: {told or 'not run'}"
