"""Figure 6: whether optimizers with history rescue a changed factor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import style
from reports.panels import (
    CORE,
    READ,
    Row,
    forest,
    key,
    look_of,
    mark,
    ratio_axes,
    rule,
    said,
    side,
    under,
)
from reports.wording import listed
from study.evidence.effects import Effect
from study.evidence.evidence import EXACT, Evidence
from study.evidence.runs import NothingToShow, Selection

OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam")
RULES: dict[str, Selection] = {
    "removed": rule("removed"),
    "offset": rule("offset", amount=0.1),
    "frozen": rule("frozen"),
}
NAMES = {"removed": "removed", "offset": "offset 0.1", "frozen": "frozen", "exact": "exact"}
WHERE = {**CORE, "task": ["digits", "breast_cancer", "diabetes", "teacher"]}
NOTE = (
    f"{READ}, a dot a task; grey: within 5 %. Left: beside exact under the same optimizer; "
    "right: beside exact under sgd. Digits, breast cancer, diabetes and the teacher, tanh and "
    "logistic, hidden layers, each at its own learning rate."
)

Effects = Mapping[tuple[str, str], Effect | None]


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw each rule beside exact under the same optimizer, and under plain sgd."""
    same: Effects = {
        (o, name): evidence.beside({**selection, "optimizer": o}, WHERE, {**EXACT, "optimizer": o})
        for o in OPTIMIZERS
        for name, selection in RULES.items()
    }
    plain: Effects = {
        (o, name): evidence.beside(
            {**selection, "optimizer": o}, WHERE, {**EXACT, "optimizer": "sgd"}
        )
        for o in OPTIMIZERS
        for name, selection in {"exact": EXACT, "removed": RULES["removed"]}.items()
        if (o, name) != ("sgd", "exact")
    }
    if not any(same.values()):
        raise NothingToShow("no runs of removed, offset or frozen beside exact")
    figure, axes = style.sheet(
        message(same), NOTE, 1, 2, height=0.34 * len(OPTIMIZERS), left=0.8, bottom=0.64,
        gap=(0.2, 0.3),
    )  # fmt: skip
    left, right = axes[0]
    _forest(left, same, {"removed": -0.22, "offset": 0.0, "frozen": 0.22})
    _forest(right, plain, {"exact": -0.13, "removed": 0.13})
    right.tick_params(labelleft=False)
    left.set_title("the rule beside exact, same optimizer")
    right.set_title("the optimizer beside exact under sgd")
    for panel in (left, right):
        under(panel, "ratio of final objectives")
    key(figure, [mark(look_of(n)) for n in NAMES], list(NAMES.values()))
    yield figure


def _forest(panel: Axes, found: Effects, shifts: Mapping[str, float]) -> None:
    rows = [
        Row(OPTIMIZERS.index(o) + shifts[name], effect, look_of(name))
        for (o, name), effect in found.items()
        if effect is not None
    ]
    forest(panel, rows, OPTIMIZERS)
    ratio_axes([panel], [row.effect for row in rows])


def message(same: Effects) -> str:
    """Say which optimizers take the harm of removal away."""
    harmed: list[str] = []
    rescued: list[str] = []
    open_: list[str] = []
    for optimizer in OPTIMIZERS[1:]:
        effect = same.get((optimizer, "removed"))
        if effect is None:
            continue
        where = side(effect.interval())
        group = harmed if where == "above" else open_ if where == "unclear" else rescued
        group.append(optimizer)
    sgd = same.get(("sgd", "removed"))
    tail = (
        f" (under sgd: {said(sgd.interval(), inside=True)} times exact's objective)" if sgd else ""
    )
    if not (harmed or rescued or open_):
        return f"Removal was run under sgd alone{tail}"
    if not rescued and not open_:
        return f"No optimizer rescues removal: {listed(harmed)} all settle higher{tail}"
    told = []
    if rescued:
        told.append(f"{listed(rescued)} rescue{'s' if len(rescued) == 1 else ''} removal")
    if harmed:
        told.append(f"{listed(harmed)} do{'es' if len(harmed) == 1 else ''} not")
    if open_:
        told.append(f"{listed(open_)} undecided")
    text = "; ".join(told)
    return text[0].upper() + text[1:] + tail
