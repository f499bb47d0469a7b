"""C12: which information in the factor matters, a ladder from none to all of it."""

from collections.abc import Iterator, Mapping

import numpy as np
from matplotlib.figure import Figure

from reports import panels, style
from reports.templates import note
from reports.wording import listed, percent
from study.evidence.effects import Effect
from study.evidence.evidence import Evidence
from study.evidence.runs import NothingToShow

LADDER = {  # rule -> what it knows
    "frozen": "nothing: frozen",
    "removed": "a constant: removed",
    "scaled": "scale lost: scaled",
    "mean_matched": "a layer's mean, matched",
    "mean_tracked": "a layer's mean, tracked",
    "pattern_mean": "means of patterns",
    "unit_mean": "means of units",
    "rank_one": "both means: rank one",
    "shuffled_units": "all, shuffled over units",
    "shuffled_patterns": "all, shuffled over patterns",
    "exact": "all: exact",
}
COLUMNS = {
    "tanh and logistic": panels.CORE,
    "relu": {**panels.CORE, "activation": "relu", "initialisation": "glorot"},
    "cross-entropy": panels.ENTROPY,
}


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw the ladder, a panel for activations with a bound, for relu, and for cross-entropy."""
    found = {
        (title, name): evidence.beside(panels.rule(name), where)
        for title, where in COLUMNS.items()
        for name in LADDER
        if name != "exact"
    }
    present = {k: e for k, e in found.items() if e is not None}
    if not present:
        raise NothingToShow("no rung of the ladder was run beside exact in the hidden layers")
    figure, axes = style.sheet(
        message(found), note(__file__), 1, len(COLUMNS), height=0.2 * len(LADDER), left=1.75,
        bottom=0.4, gap=(0.15, 0.3),
    )  # fmt: skip
    names = list(LADDER)
    for panel, title in zip(axes[0], COLUMNS, strict=True):
        mine = {name: effect for (where, name), effect in present.items() if where == title}
        rows = panels.placed(mine, names.index, panels.look_of)
        labels = list(LADDER.values()) if panel is axes[0, 0] else [""] * len(names)
        panels.forest(panel, rows, labels)
        exact = panels.look_of("exact")
        panel.plot(1, len(names) - 1, exact.marker, color=exact.colour, markersize=4.6)
        panel.set_title(title)
        panels.under(panel, "final objective / exact's")
    panels.ratio_axes(list(axes[0]), list(present.values()))
    yield figure


def message(found: Mapping[tuple[str, str], Effect | None]) -> str:
    """Say how much of removal's harm each kind of information takes away."""
    title = next(iter(COLUMNS))
    harm = {name: e.estimate for (t, name), e in found.items() if t == title and e is not None}
    worst = harm.get("removed")
    if worst is None:
        return "Parts of the factor, without removal to measure them by"
    if worst <= np.log10(1.05):
        return (
            "A constant in the slope's place costs at most 5 %: no information in the factor is "
            "needed"
        )
    rungs = {
        "mean_matched": "a layer's mean slope undoes",
        "rank_one": "the means of units and patterns",
        "shuffled_units": "all slopes, but in the wrong units,",
    }
    told = [
        f"{words} {percent(undone) if undone > 0 else 'nothing'}"
        for name, words in rungs.items()
        if name in harm
        for undone in [1 - harm[name] / worst]
    ]
    if not told:
        return f"Removal leaves {10**worst:.2g} times exact's objective"
    return f"Of the harm of removal (log ratio) {listed(told)}"
