"""X1: at the output a change of the loss, in the hidden layers a wrong gradient."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import panels, style
from reports.panels import look_of, mark, quartiles, rule, said, under
from reports.templates import note
from reports.wording import significant
from study.evidence.effects import Effect
from study.evidence.evidence import EXACT, Evidence
from study.evidence.runs import NothingToShow, Selection

TASKS = ("digits", "under_capacity", "breast_cancer")
LOCATIONS = {"output": "s", "hidden": "o", "all": "^"}
RULES: dict[str, Selection] = {
    "removed": panels.ARMS["removed"],
    "mean, matched": panels.ARMS["mean_matched"],
    "scaled": rule("scaled"),
    "floor 0.1": panels.ARMS["floor"],
    "offset 0.1": panels.ARMS["offset"],
    "random": rule("random", low=0, high=1, matched=None),
}
SMALLEST = 1e-6
Fields = Mapping[tuple[str, str], "pd.Series[float]"]


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw ratios to exact by location, beside the field's asymmetry."""
    found = {
        (name, place): evidence.beside(selection, {"task": list(TASKS), "location": place})
        for name, selection in RULES.items()
        for place in LOCATIONS
    }
    effects = {key_: effect for key_, effect in found.items() if effect is not None}
    if not effects:
        raise NothingToShow("no rule was run beside exact at the output or in hidden layers")
    fields = {key_: asymmetry(evidence, RULES[key_[0]], key_[1]) for key_ in effects}
    exact = asymmetry(evidence, EXACT, "none")
    names = list(RULES)
    figure, axes = style.sheet(
        message(effects, fields), note(__file__), 1, 2, height=0.36 * len(names), left=1.0,
        bottom=0.64, gap=(0.2, 0.3),
    )  # fmt: skip
    left, right = axes[0]
    rows = panels.placed(effects, lambda k: _at(*k), lambda k: _look(*k))
    panels.ratios(left, rows, names, "final objective / exact's", "what it costs")
    _fields(right, fields, exact)
    under(right, "asymmetry within layers")
    right.set_title("whether it is a gradient of some loss")
    ink = look_of("exact")
    marks = [mark(replace(ink, marker=m)) for m in LOCATIONS.values()]
    panels.key(figure, marks, ["at the output", "in the hidden layers", "in all layers"])
    yield figure


def asymmetry(evidence: Evidence, selection: Selection, location: str) -> "pd.Series[float]":
    """Return the final field's asymmetry of all runs of a rule at a location."""
    if "asymmetry" not in evidence.runs.frame:
        return pd.Series(dtype=float)
    places = [{**evidence.claims.tasks[task], "location": location} for task in TASKS]
    return pd.concat(
        panels.runs_of(evidence, selection, place)["asymmetry"] for place in places
    ).dropna()


def message(effects: Mapping[tuple[str, str], Effect], fields: Fields) -> str:
    """Say what removal costs at the output and in the hidden layers."""
    costs = [
        f"{words} {said(effects['removed', place].interval())} times exact's objective"
        for place, words in (("output", "at the output"), ("hidden", "in the hidden layers"))
        if ("removed", place) in effects
    ]
    if not costs:
        return "Rules by location, without removal"
    text = f"Removal leaves {' and '.join(costs)}"
    middles = [
        float(fields["removed", place].median())
        for place in ("output", "hidden")
        if len(fields.get(("removed", place), ()))
    ]
    if len(middles) == 2:
        output, hidden = (max(m, SMALLEST) for m in middles)
        if hidden > 10 * output:
            text += f": in these its field is {significant(hidden / output)} times as asymmetric"
        else:
            text += ": its field is about as asymmetric in both"
    return text


def _at(name: str, place: str) -> float:
    return list(RULES).index(name) + 0.24 * (list(LOCATIONS).index(place) - 1)


def _look(name: str, place: str) -> style.Look:
    return replace(look_of(str(RULES[name]["gradient"])), marker=LOCATIONS[place])


def _fields(panel: Axes, fields: Fields, exact: "pd.Series[float]") -> None:
    if len(exact):
        low, middle, high = np.maximum(quartiles(exact), SMALLEST)
        panel.axvspan(low, high, color="#E4E4E4", linewidth=0, zorder=0)
        panel.axvline(middle, color=style.INK, linewidth=0.9, zorder=1)
    for (name, place), values in fields.items():
        if len(values):
            low, middle, high = np.maximum(quartiles(values), SMALLEST)
            look = _look(name, place)
            panels.estimate(panel, _at(name, place), (middle, low, high), look)
    panels.rows(panel, [""] * len(RULES))
    style.logarithmic(panel, "x", SMALLEST / 1.5, 1.0)
