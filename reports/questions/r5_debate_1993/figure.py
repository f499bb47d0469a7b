"""R5: the six positions of 1993, a panel each."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import panels, style
from reports.questions.r5_debate_1993.measure import DEPTHS, DESCENT
from reports.questions.r5_debate_1993.table import (
    BRANCHED,
    HARDER,
    POSITIONS,
    STILL,
    VERDICTS,
    YES,
    Test,
    arm,
    results,
    share,
    task,
    verdict,
)
from reports.templates import note
from reports.wording import listed, signed
from study.evidence.evidence import Evidence
from study.evidence.statistics import Interval

EXPERIMENT = "replications"
TASKS = (("encoder", "5"), *HARDER)
LOOKS = {name: panels.look_of(name) for name in ("exact", "removed", "bump", "offset")}
NAMES = {
    **{"exact": "f'", "removed": "constant", "bump": "min(y, 1 - y)"},
    "offset": "f' + 0.1",
}
ABOUT = {
    **{"Withagen": "the encoder alone", "Kolen": "a bump", "Munro": "one pattern"},
    **{"Miller": "deeper nets", "Bolt": "over-learning", "Meng": "oscillation"},
}
OUTPUTS = ("one output", "ten outputs")
PLACES = {"hidden": "hidden layer", "all": "all layers"}
WHEN = {
    "trained": LOOKS["removed"],
    "wide": replace(LOOKS["removed"], marker="^"),
}
Found = Sequence[tuple[Test, Interval, int]]


def pages(evidence: Evidence) -> Iterator[Figure]:
    """Draw a panel for each position, with its verdict."""
    found = list(results(evidence.runs.frame))
    verdicts = judged(found)
    figure, axes = style.sheet(
        message(verdicts, found), note(__file__), 3, 2, height=[1.15, 1.35, 1.35], left=1.22,
        bottom=0.72, gap=(1.3, 0.66),
    )  # fmt: skip
    drawn = axes.ravel()
    _solved(drawn[0], evidence.runs.frame, ("exact", "removed"))
    _solved(drawn[1], evidence.runs.frame, ("exact", "bump"))
    descent = pd.read_csv(DESCENT)
    _uphill(drawn[2], descent, (1,))
    _uphill(drawn[3], descent, DEPTHS)
    _ratios(drawn[4], _of(found, "Bolt"))
    _ends(drawn[5], _of(found, "Meng"))
    for panel, who in zip(drawn, POSITIONS, strict=True):
        panel.set_title(f"{who}, {ABOUT[who]}: {verdicts[who]}")
    panels.key(figure, [panels.mark(look) for look in LOOKS.values()], list(NAMES.values()))
    yield figure


def judged(found: Found) -> dict[str, str]:
    """Return the verdict of each position."""
    return {
        who: verdict([t.found(effect) for t, effect, _ in _of(found, who)]) for who in POSITIONS
    }


def message(verdicts: dict[str, str], found: Found) -> str:
    """Say whose positions hold, and how many of their sentences are true."""
    true = sum(t.found(effect) == YES for t, effect, _ in found)
    parts = []
    for word, many in VERDICTS.items():
        people = [who for who, said in verdicts.items() if said == word]
        if people:
            who = "all six" if len(people) == len(verdicts) else listed(people)
            parts.append(f"{who} {many if len(people) > 1 else word}")
    return (
        f"The positions of 1993, tried: {'; '.join(parts)}. "
        f"Of their {len(found)} sentences {true} are true"
    )


def _of(found: Found, who: str) -> Found:
    return [row for row in found if row[0].who == who]


def _solved(panel: Axes, frame: pd.DataFrame, rules: Sequence[str]) -> None:
    for at, (dataset, hidden) in enumerate(TASKS):
        for shift, rule in zip((-0.16, 0.16), rules, strict=True):
            solved = arm(frame, dataset, hidden, rule)["outcome"] == "solved"
            panels.estimate(panel, at + shift, share(solved), LOOKS[rule])
    panels.rows(panel, [task(*which) for which in TASKS])
    panel.set_xlim(-5, 105)
    panels.under(panel, "runs that solve it, %")


def _uphill(panel: Axes, descent: pd.DataFrame, depths: Sequence[int]) -> None:
    """Draw the shares of steps uphill by depth or, for one depth, by what was changed."""
    names = ["state", "location", "outputs", "depth"]
    one = descent[descent["patterns"] == "one"].set_index(names)
    if len(depths) == 1:
        kinds = [(place, outputs) for place in PLACES for outputs in OUTPUTS]
        for at, kind in enumerate(kinds):
            row = one.loc[("any", *kind, depths[0])]
            panels.estimate(panel, at, 100.0 * _limits(row), LOOKS["removed"])
        panels.rows(panel, [f"{PLACES[place]},\n{outputs}" for place, outputs in kinds])
        panels.dashed(panel, 1.0)
        panel.set_xlim(left=-0.1)
        panels.under(panel, "patterns made worse, %")
        return
    for k, state in enumerate(("trained", "wide")):
        for outputs, shift in zip(OUTPUTS, (-0.08, 0.08), strict=True):
            for depth in depths:
                row, at = one.loc[(state, "all", outputs, depth)], depth + (k - 0.5) * 0.4 + shift
                panels.estimate(
                    panel, at, 100.0 * _limits(row), WHEN[state], upright=True, size=3.6,
                    hollow=outputs == "ten outputs",
                )  # fmt: skip
    panels.dashed(panel, 1.0, "y")
    panel.set_xticks(list(depths))
    panel.set_xlim(0.5, depths[-1] + 0.5)
    panel.set_ylabel("patterns made\nworse, %")
    panels.under(panel, "hidden layers (○ trained, △ wide weights)")


def _limits(row: Any) -> Any:
    return np.array([row["share"], row["low"], row["high"]], float)


def _ratios(panel: Axes, found: Found) -> None:
    """Draw how much larger the weights end, and say how many more decided units flip."""
    more = {
        which: effect.estimate
        for which, (_, effect, _n) in zip(BRANCHED, found[: len(BRANCHED)], strict=True)
    }
    norms, labels = found[len(BRANCHED) :], []
    for at, (which, (_, effect, _n)) in enumerate(zip(HARDER, norms, strict=True)):
        panels.estimate(panel, at, effect, LOOKS["removed"])
        flips = f"\nflips {signed(more[which])} points" if which in more else ""
        labels.append(task(*which) + flips)
    panels.rows(panel, labels)
    panels.dashed(panel, 1.1)
    values = [x for _, effect, _n in norms for x in effect]
    style.logarithmic(panel, "x", min([0.9, *values]) / 1.1, max(values) * 1.2)
    panels.under(panel, "norm of the weights, constant / exact")


def _ends(panel: Axes, found: Found) -> None:
    """Draw how much more often the objective rises, and say how high training ends."""
    heights, rises = found[: len(STILL)], found[len(STILL) :]
    labels = []
    for at, ((_, ratio, _n), (_, more, _m)) in enumerate(zip(heights, rises, strict=True)):
        panels.estimate(panel, at, more, LOOKS["offset"])
        labels.append(f"{task(*STILL[at])}\nends at {ratio.estimate:.2g} ×")
    panels.rows(panel, labels)
    panels.dashed(panel, 5.0)
    panels.under(panel, "more of the last updates rise, points")
