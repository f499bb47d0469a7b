"""C5: dose curves, how much of the factor may be changed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import panels, style
from reports.templates import note
from reports.wording import listed
from study.evidence.effects import Effect, Ranked, TaskEffect
from study.evidence.evidence import Evidence
from study.evidence.runs import NothingToShow

WHERE = {**panels.CORE, "task": ["digits", "breast_cancer", "diabetes", "teacher"]}


@dataclass(frozen=True)
class Dose:
    """A rule with one amount: its parameter, amounts, and the amount that is exact, if any."""

    name: str
    parameter: str
    formula: str
    amounts: tuple[float, ...]
    exact: float | None = None


DOSES = (
    Dose("power", "exponent", "f' to the power p", (0, 0.125, 0.25, 0.5, 0.75, 1.25, 1.5, 2), 1.0),
    Dose("offset", "amount", "f' + c", (0.01, 0.03, 0.1, 0.3, 1, 3)),
    Dose("floor", "minimum", "max(f', c)", (0.001, 0.01, 0.03, 0.1, 0.3, 1)),
    Dose("window", "threshold", "1 if f' ≥ c, else 0", (0.1, 0.25, 0.42, 0.75)),
)


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw the ratio to exact over the amount, a panel a rule."""
    curves = {dose.name: curve(evidence, dose) for dose in DOSES}
    effects = [effect for found in curves.values() for effect in found.values()]
    if not effects:
        raise NothingToShow("no runs of power, offset, floor or window beside exact")
    figure, axes = style.sheet(
        message(curves), note(__file__), 1, len(DOSES), height=2.0, left=0.6, bottom=0.5,
        gap=(0.2, 0.3),
    )  # fmt: skip
    for panel, dose in zip(axes[0], DOSES, strict=True):
        panel.set_title(f"{dose.name}: {dose.formula}")
        _panel(panel, dose, curves[dose.name])
        panels.under(panel, dose.parameter)
        panel.tick_params(labelleft=panel is axes[0, 0])
    panels.ratio_axes(list(axes[0]), effects, "y")
    axes[0, 0].set_ylabel("final objective / exact's")
    yield figure


def curve(evidence: Evidence, dose: Dose) -> dict[float, Effect]:
    """Return the effect of each amount that was run, in order of the amounts.

    On each activation the rule is looked for under the simplest name that it has there.
    """
    found = {}
    for amount in dose.amounts:
        measured: list[TaskEffect] = []
        for activation in ("tanh", "logistic"):
            selection = panels.stored(evidence, activation, dose.name, **{dose.parameter: amount})
            effect = evidence.beside(selection, {**WHERE, "activation": activation})
            if isinstance(effect, Ranked):
                measured += effect.tasks
        if measured:
            found[amount] = Ranked(tuple(measured))
    return found


def message(curves: Mapping[str, Mapping[float, Effect]]) -> str:
    """Say which amounts of a rule are no worse than exact by 5 %."""
    kept, lost = [], []
    for name in ("floor", "offset", "power"):
        intervals = {amount: effect.interval() for amount, effect in curves[name].items()}
        found = [amount for amount, interval in intervals.items() if interval.high < panels.MARGIN]
        if found:
            kept.append(f"{name} {said_amounts(found, list(intervals))}")
        elif intervals:
            lost.append(name)
    if not kept:
        return (
            f"No tried amount of {listed(lost)} is shown to leave at most 5 % more objective than "
            "exact"
        )
    text = f"At most 5 % more objective than exact: {'; '.join(kept)}"
    return f"{text}; no amount of {listed(lost)}" if lost else text


def said_amounts(found: Sequence[float], tried: Sequence[float]) -> str:
    """Say amounts, as a range where no other was tried between them: 0.1 to 0.3 and 3."""
    ranges: list[list[float]] = []
    for amount in sorted(found):
        before = sorted(tried).index(amount) - 1
        if ranges and sorted(tried)[before] == ranges[-1][-1]:
            ranges[-1].append(amount)
        else:
            ranges.append([amount])
    return listed([f"{r[0]:g} to {r[-1]:g}" if len(r) > 1 else f"{r[0]:g}" for r in ranges])


def _panel(panel: Axes, dose: Dose, found: Mapping[float, Effect]) -> None:
    look = panels.look_of(dose.name)
    tasks: dict[str, dict[float, float]] = {}
    limits: dict[float, tuple[float, ...]] = {}
    for amount, effect in found.items():
        limits[amount] = tuple(10.0**x for x in effect.interval())
        for task in effect.tasks:
            tasks.setdefault(task.task, {})[amount] = 10.0**task.interval.estimate
    if dose.exact is not None and found:
        limits[dose.exact] = (1.0, 1.0, 1.0)
        for values in tasks.values():
            values[dose.exact] = 1.0
    for values in tasks.values():
        x = sorted(values)
        panel.plot(x, [values[a] for a in x], color=look.colour, alpha=0.3, linewidth=0.7)
    x = sorted(limits)
    if x:
        middle, low, high = np.array([limits[a] for a in x]).T
        panel.fill_between(x, low, high, color=look.colour, alpha=0.25, linewidth=0)
        panel.plot(x, middle, color=look.colour, marker=look.marker, markersize=4, linewidth=1.5)
    if dose.exact is not None:
        exact = panels.look_of("exact")
        panel.plot(dose.exact, 1.0, exact.marker, color=exact.colour, markersize=4.6, zorder=5)
        panel.text(dose.exact + 0.06, 0.94, "exact", va="top", size=style.SMALL)
        panel.set_xlim(min(dose.amounts) - 0.08, max(dose.amounts) + 0.08)
    else:
        style.logarithmic(panel, "x", min(dose.amounts) / 1.3, max(dose.amounts) * 1.3, most=5)
