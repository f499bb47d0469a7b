"""C6: a changed factor, its matched activation in the forward pass, and each of them alone."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from matplotlib.figure import Figure

from reports import panels, style
from reports.panels import CORE, look_of, mark, rule, said, seeds
from reports.templates import note
from study.evidence.effects import Effect
from study.evidence.evidence import EXACT, Evidence, needed
from study.evidence.runs import Selection

RULES: dict[str, Selection] = {
    "floor 0.1": rule("floor", minimum=0.1),
    "offset 0.1": rule("offset", amount=0.1),
    "power 0.5": rule("power", exponent=0.5),
    "blend 0.25": rule("blend", amount=0.25),
    "half steepness": rule("other_slope", factor=0.5),
    "twice steepness": rule("other_slope", factor=2),
}
ARMS = {  # arm -> how runs store it, what it is called, marker, whether that is filled
    "mismatched": ("false", "(f, φ): backward alone", "o", True),
    "forward": ("forward", "(F, f'): forward alone", "v", False),
    "matched": ("true", "(F, φ): both, consistent", "D", True),
}
WEIGHTS = {
    "matched": {"matched": 1.0, "mismatched": -1.0},
    "interaction": {"matched": 1.0, "mismatched": -1.0, "forward": -1.0, "plain": 1.0},
}


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw the three changed corners of the 2×2, and what consistency is worth."""
    corners = {
        (name, arm): evidence.beside(selection, CORE)
        for name in RULES
        for arm, selection in _arms(name).items()
    }
    worth = {
        (name, contrast): evidence.compare({"plain": EXACT, **_arms(name)}, CORE, weights)
        for name in RULES
        for contrast, weights in WEIGHTS.items()
    }
    names = list(RULES)
    matched = [e for (_, contrast), e in worth.items() if contrast == "matched" and e is not None]
    first = needed(next(iter(matched), None), "a rule with its matched activation")
    figure, axes = style.sheet(
        message(worth), note(__file__, seeds=seeds(first)), 1, 2, height=0.36 * len(names),
        left=1.05, bottom=0.66, gap=(0.25, 0.3),
    )  # fmt: skip
    left, right = axes[0]
    shifts = {arm: 0.24 * (place - 1) for place, arm in enumerate(ARMS)}
    rows = panels.placed(corners, lambda k: names.index(k[0]) + shifts[k[1]], lambda k: _look(*k))
    shifts, arms = {"interaction": 0.13, "matched": -0.13}, {"interaction": "mismatched"}
    beside = panels.placed(
        worth,
        lambda k: names.index(k[0]) + shifts[k[1]],
        lambda k: _look(k[0], arms.get(k[1], k[1])),
        lambda k: k[1] == "interaction",
    )
    panels.ratios(left, rows, names, "final objective / exact's", "beside exact")
    across, title = "(F, φ) / (f, φ), and interaction", "what consistency is worth"
    panels.ratios(right, beside, [""] * len(names), across, title)
    looks = [(replace(look_of("exact"), marker=m), full) for _, _, m, full in ARMS.values()]
    marks = [*(mark(look, not full) for look, full in looks), mark(looks[0][0], hollow=True)]
    panels.key(figure, marks, [*(words for _, words, *_ in ARMS.values()), "interaction"])
    yield figure


def _look(name: str, arm: str) -> style.Look:
    """Return the look of an arm: the rule's hue, the arm's marker."""
    look = look_of(str(RULES[name]["gradient"]))
    *_, marker, full = ARMS[arm]
    return replace(look, marker=marker, face=look.colour if full else "white")


def _arms(name: str) -> dict[str, Selection]:
    return {arm: {**RULES[name], "consistent": flag} for arm, (flag, *_) in ARMS.items()}


def message(worth: Mapping[tuple[str, str], Effect | None]) -> str:
    """Say for which rules the matched activation is better than the mismatch, and where not."""
    found = {
        name: effect.interval()
        for (name, contrast), effect in worth.items()
        if contrast == "matched" and effect is not None
    }
    lead = next(iter(found))
    return (
        f"Changing the activation as well is {panels.told(found, 'for', 'undecided')} "
        f"({lead}: {said(found[lead], inside=True)})"
    )
