"""C11: whether the factor keeps decided units as they are."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import panels, style
from reports.templates import note
from study.evidence.arms import numbers
from study.evidence.effects import Effect
from study.evidence.evidence import Evidence
from study.evidence.runs import NothingToShow

PARTS = ("removed", "mean_matched")  # rules, and parts of C11
KINDS = ("flips_decided", "flips_undecided")


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw who changes sides, and the ratio of ratios for each task."""
    effects = {name: evidence.judged("C11", name).effects.get("effect") for name in PARTS}
    present = {name: effect for name, effect in effects.items() if effect is not None}
    if not present:
        raise NothingToShow("no trainings branch from a state of exact over equal paths")
    tasks = list(dict.fromkeys(t.task for e in present.values() for t in e.tasks))
    names = [*(_short(t) for t in tasks), "mean of all"]
    figure, axes = style.sheet(
        message(present), note(__file__), 1, 2, height=max(0.21 * len(names), 1.6), left=0.6,
        bottom=0.64, gap=(1.7, 0.3),
    )  # fmt: skip
    left, right = axes[0]
    _flips(left, evidence)
    means: list[panels.Row] = []
    for shift, (name, effect) in zip((-0.17, 0.17), effects.items(), strict=True):
        look = panels.look_of(name)
        for task in effect.tasks if effect is not None else ():
            values = (10.0**x for x in task.interval)
            at = tasks.index(task.task) + shift
            panels.estimate(right, at, values, look, width=1, size=3.4)
        means += [] if effect is None else [panels.Row(len(tasks) + shift, effect, look)]
    panels.forest(right, means, names)
    right.axhline(len(tasks) - 0.5, color=style.FAINT, linewidth=0.6)
    panels.dashed(right, evidence.part("C11", "removed").contrasts[0].margin)
    panels.ratio_axes([right], list(present.values()))
    panels.under(right, "(decided / undecided), rule over exact")
    panels.rules_key(figure, [*PARTS, "exact"])
    yield figure


def message(effects: dict[str, Effect]) -> str:
    """Say how much more often decided units change sides without the slope."""
    parts = []
    for name, effect in effects.items():
        found = effect.interval()
        word = "more often" if found.low > 0 else "less often" if found.high < 0 else ""
        word = word or "not clearly more often"
        parts.append(f"{word} {panels.CONDITIONS[name]} ({panels.said(found, inside=True)} times)")
    return (
        "Decided units change sides, beside undecided ones and beside exact, "
        f"{' and '.join(parts)}"
    )


def _short(task: str) -> str:
    """Return a stratum's name without what its data set says already."""
    told = ("objective ", "depth ", "patterns ")
    return " · ".join(w for w in task.split(" · ") if not w.startswith(told))


def _flips(panel: Axes, evidence: Evidence) -> None:
    """Draw each task's share of flips among decided and undecided pairs, joined."""
    seen: dict[tuple[str, str], list[Any]] = {}
    for name in PARTS:
        part = evidence.part("C11", name)
        for place in evidence.places(part.arms, part.where):
            for arm, of in (("exact", "exact"), ("changed", name)):
                shares = [np.nanmedian(numbers(place.arms[arm], kind)) for kind in KINDS]
                if all(np.isfinite(shares)):
                    seen.setdefault((of, place.task), shares)
    places = {"exact": -0.12, "removed": 0.0, "mean_matched": 0.12}
    smallest = min((x for s in seen.values() for x in s if x > 0), default=1e-3) / 2
    for (name, _), shares in seen.items():
        look = panels.look_of(name)
        x, drawn = np.array([0.0, 1.0]) + places[name], np.maximum(shares, smallest)
        how = {"marker": look.marker, "markersize": 3.2, "linewidth": 0.7, "alpha": 0.8}
        panel.plot(x, drawn, color=look.colour, **how)
    style.logarithmic(panel, "y", smallest / 1.2, 1.0)
    panel.set_xlim(-0.4, 1.4)
    panel.set_xticks([0, 1], ["decided", "undecided"])
    panel.set_ylabel("share that changes sides")
    panel.grid(axis="y", color=panels.GRID, linewidth=0.6)
