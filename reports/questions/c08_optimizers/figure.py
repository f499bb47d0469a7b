"""C8: whether other optimizers make up for a removed factor."""

from collections.abc import Iterator, Mapping

from matplotlib.figure import Figure

from reports import panels, style
from reports.templates import note
from reports.wording import listed
from study.evidence.effects import Effect
from study.evidence.evidence import EXACT, Evidence
from study.evidence.runs import NothingToShow

OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam")
RULES = ("removed", "offset", "frozen")
WHERE = {**panels.CORE, "task": ["digits", "breast_cancer", "diabetes", "teacher"]}

Effects = Mapping[tuple[str, str], Effect | None]


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw each rule beside exact under the same optimizer, and under plain sgd."""

    def beside(name: str, optimizer: str, reference: str) -> Effect | None:
        arm = {**panels.ARMS[name], "optimizer": optimizer}
        return evidence.beside(arm, WHERE, {**EXACT, "optimizer": reference})

    same = {(o, name): beside(name, o, o) for o in OPTIMIZERS for name in RULES}
    plain = {
        (o, name): beside(name, o, "sgd")
        for o in OPTIMIZERS
        for name in ("exact", "removed")
        if (o, name) != ("sgd", "exact")
    }
    if not any(same.values()):
        raise NothingToShow("no runs of removed, offset or frozen beside exact")
    figure, axes = style.sheet(
        message(same), note(__file__), 1, 2, height=0.34 * len(OPTIMIZERS), left=0.8, bottom=0.64,
        gap=(0.2, 0.3),
    )  # fmt: skip
    plain_shifts = {"exact": -0.13, "removed": 0.13}
    same_shifts = {"removed": -0.22, "offset": 0.0, "frozen": 0.22}
    for panel, found, shifts, title in (
        (axes[0, 0], same, same_shifts, "the rule beside exact, same optimizer"),
        (axes[0, 1], plain, plain_shifts, "the optimizer beside exact under sgd"),
    ):
        at = {key: OPTIMIZERS.index(key[0]) + shifts[key[1]] for key in found}
        rows = panels.placed(found, at.__getitem__, lambda key: panels.look_of(key[1]))
        panels.ratios(panel, rows, OPTIMIZERS, "ratio of final objectives", title)
    axes[0, 1].tick_params(labelleft=False)
    panels.rules_key(figure, [*RULES, "exact"])
    yield figure


def message(same: Effects) -> str:
    """Say which optimizers take the harm of removal away."""
    removed = {
        optimizer: effect.interval()
        for optimizer in OPTIMIZERS
        if (effect := same.get((optimizer, "removed"))) is not None
    }
    sgd = removed.pop("sgd", None)
    tail = f" (under sgd: {panels.said(sgd, inside=True)} times exact's objective)" if sgd else ""
    if not removed:
        return f"Removal was run under sgd alone{tail}"
    sides = panels.by_side(removed)
    harmed, unclear = sides.get("above", []), sides.get("unclear", [])
    rescued = [optimizer for optimizer in removed if optimizer not in (*harmed, *unclear)]
    if not rescued and not unclear:
        return f"No optimizer rescues removal: {listed(harmed)} all settle higher{tail}"
    told = []
    if rescued:
        told.append(f"{listed(rescued)} rescue{'s' if len(rescued) == 1 else ''} removal")
    if harmed:
        told.append(f"{listed(harmed)} do{'es' if len(harmed) == 1 else ''} not")
    if unclear:
        told.append(f"{listed(unclear)} undecided")
    text = "; ".join(told)
    return text[0].upper() + text[1:] + tail
