"""R5: the six positions of 1993, each as sentences that numbers can decide.

The sentences, margins and rules stood here before the runs were made that decide them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reports.questions.r5_debate_1993.measure import DESCENT, OSCILLATION
from study.evidence.evidence import Evidence
from study.evidence.runs import NothingToShow
from study.evidence.statistics import (
    Array,
    Interval,
    hodges_lehmann,
    newcombe,
    paired_counts,
    score,
    wilson,
)

HARDER = (("digits", "32"), ("digits", "32-32"), ("circles", "8-8"), ("breast_cancer", "16"))
BRANCHED = (("digits", "32-32"), ("circles", "8-8"))
STILL = (("encoder", "5"), ("circles", "8-8"), ("conflicts", "8-8"))
YES, NO, OPEN = "yes", "no", "open"


@dataclass(frozen=True)
class Test:
    """A sentence that is true if an effect lies beyond a margin.

    Parameters
    ----------
    who, position
        Whose position it is a part of, and that position in a sentence.
    sentence
        What is tested.
    unit
        Of effect and margin: "points" (of runs, pairs or updates), or "times" (a ratio).
    margin
        The effect's limit.
    above
        Whether the effect must be above the margin, else below.
    """

    who: str
    position: str
    sentence: str
    unit: str
    margin: float
    above: bool

    def found(self, effect: Interval) -> str:
        """Return yes if all of the interval is beyond the margin, no if none is, else open."""
        beyond = effect.low > self.margin, effect.high > self.margin
        if beyond[0] != beyond[1] or not np.isfinite(effect.estimate):
            return OPEN
        return YES if beyond[0] == self.above else NO


POSITIONS = {
    "Withagen": "A constant derivative solves the encoder, but fails on harder tasks",
    "Kolen": "It works when the factor is a bump",
    "Munro": "For each pattern the step still goes downhill",
    "Miller": "In deeper nets it need not go downhill, not even for one pattern",
    "Bolt": "The derivative stops units that have decided; a constant over-learns",
    "Meng": "A small constant reaches the same minimum, but oscillates near it",
}
VERDICTS = {
    **{"holds": "hold", "holds in part": "hold in part"},
    **{"does not hold": "do not hold", "open": "are open"},
}
"""Said of one position, and of several."""


def verdict(found: list[str]) -> str:
    """Return a position's verdict: it holds if all its sentences do, in part if some do.

    It does not hold if none does. It is open where none is yes and at least one is open.
    """
    if YES in found:
        return "holds" if set(found) == {YES} else "holds in part"
    return OPEN if OPEN in found else "does not hold"


def tables(evidence: Evidence) -> dict[str, pd.DataFrame]:
    """Return ``debate_1993``: a row for each sentence, with its position's verdict.

    Limits are of 95 %, and `seeds` is the number of pairs or nets.
    """
    rows = [
        {
            **{"who": test.who, "position": test.position, "test": test.sentence},
            **effect._asdict(),
            **{"unit": test.unit, "margin": f"{'>' if test.above else '<'} {test.margin:g}"},
            **{"seeds": seeds, "found": test.found(effect)},
        }
        for test, effect, seeds in results(evidence.runs.frame)
    ]
    table = pd.DataFrame(rows).rename(columns={"estimate": "effect"})
    table["verdict"] = table.groupby("who")["found"].transform(lambda own: verdict(list(own)))
    return {"debate_1993": table}


def results(frame: pd.DataFrame) -> Iterator[tuple[Test, Interval, int]]:
    """Yield each test with its effect and how many pairs it has."""
    for who, rows in (("Withagen", _withagen), ("Kolen", _kolen), ("Bolt", _bolt)):
        for sentence, unit, margin, above, effect, count in rows(frame):
            yield Test(who, POSITIONS[who], sentence, unit, margin, above), effect, count
    descent, oscillation = pd.read_csv(DESCENT), pd.read_csv(OSCILLATION)
    for who, rows in (("Munro", _munro), ("Miller", _miller)):
        for sentence, unit, margin, above, effect, count in rows(descent):
            yield Test(who, POSITIONS[who], sentence, unit, margin, above), effect, count
    for sentence, unit, margin, above, effect, count in _meng(frame, oscillation):
        yield Test("Meng", POSITIONS["Meng"], sentence, unit, margin, above), effect, count


Row = tuple[str, str, float, bool, Interval, int]


def _withagen(frame: pd.DataFrame) -> Iterator[Row]:
    solved = arm(frame, "encoder", "5", "removed")["outcome"] == "solved"
    said = "with a constant the 10-5-10 encoder is solved in more than 90 % of runs"
    yield said, "points", 90.0, True, share(solved), len(solved)
    for dataset, hidden in HARDER:
        effect, count = solved_less(frame, dataset, hidden, "removed")
        said = f"a constant solves {task(dataset, hidden)} in at least 10 points fewer runs"
        yield said, "points", 10.0, True, effect, count


def _kolen(frame: pd.DataFrame) -> Iterator[Row]:
    for dataset, hidden in HARDER:
        effect, count = solved_less(frame, dataset, hidden, "bump")
        said = f"min(y, 1 - y) solves {task(dataset, hidden)} in at most 10 points fewer runs"
        yield said, "points", 10.0, False, effect, count


def _bolt(frame: pd.DataFrame) -> Iterator[Row]:
    """Yield differences of flips, as most runs under exact have none and no ratio is defined."""
    for dataset, hidden in BRANCHED:
        one, other = paired(frame, dataset, hidden, "removed", branched=True)
        more = (one["flips_decided"] - other["flips_decided"]).dropna().to_numpy(float)
        said = f"1 point more decided units change sides with a constant, {task(dataset, hidden)}"
        effect = Interval(*(100.0 * x for x in hodges_lehmann(more)))
        yield said, "points", 1.0, True, effect, len(more)
    for dataset, hidden in HARDER:
        one, other = paired(frame, dataset, hidden, "removed")
        said = f"weights end 1.1 times larger with a constant, {task(dataset, hidden)}"
        yield said, "times", 1.1, True, times(one["weight_norm"], other["weight_norm"]), len(one)


def _munro(descent: pd.DataFrame) -> Iterator[Row]:
    said = "one hidden layer, {}: fewer than 1 % of patterns would be made worse"
    places = {"hidden": "the hidden layer", "all": "all layers"}
    for location, place in places.items():
        for outputs in ("one output", "ten outputs"):
            effect, nets = _uphill(descent, 1, location, outputs, "any")
            where = f"changed in {place}, {outputs}"
            yield said.format(where), "points", 1.0, False, effect, nets


def _miller(descent: pd.DataFrame) -> Iterator[Row]:
    """Yield nets in training first; wide weights were added when these had been measured."""
    said = "{} hidden layers, {}, {}: more than 1 % of patterns would be made worse"
    for state, when in (("trained", "in training"), ("wide", "wide initial weights")):
        for depth in (2, 3, 4):
            for outputs in ("one output", "ten outputs"):
                effect, nets = _uphill(descent, depth, "all", outputs, state)
                yield said.format(depth, outputs, when), "points", 1.0, True, effect, nets


def _uphill(
    descent: pd.DataFrame, depth: int, location: str, outputs: str, state: str
) -> tuple[Interval, int]:
    """Return the share of (net, pattern) pairs with a step uphill, in points."""
    names = ["depth", "location", "outputs", "state", "patterns"]
    row = descent.set_index(names).loc[(depth, location, outputs, state, "one")]
    limits = (100.0 * float(row[name]) for name in ("share", "low", "high"))
    return Interval(*limits), int(row["nets"])


def _meng(frame: pd.DataFrame, oscillation: pd.DataFrame) -> Iterator[Row]:
    for dataset, hidden in STILL:
        one, other = paired(frame, dataset, hidden, "offset", decay=False)
        difference = decades(one) - decades(other)
        effect = Interval(*(10.0**x for x in hodges_lehmann(difference)))
        said = f"f' + 0.1 ends at most 1.1 times as high, {task(dataset, hidden)}"
        yield said, "times", 1.1, False, effect, len(one)
    for dataset, hidden in STILL:
        mine = oscillation[(oscillation["dataset"] == dataset) & (oscillation["part"] == 1)]
        rises = mine.pivot_table(index="seed", columns="rule", values="rises")
        effect = Interval(*(100.0 * x for x in hodges_lehmann(rises["offset"] - rises["exact"])))
        said = f"it rises in 5 points more of the last 200 updates, {task(dataset, hidden)}"
        yield said, "points", 5.0, True, effect, len(rises)


def arm(
    frame: pd.DataFrame,
    dataset: str,
    hidden: str,
    gradient: str,
    *,
    branched: bool = False,
    decay: bool = True,
) -> pd.DataFrame:
    """Return the scored runs of one rule on one task of this question, by seed."""
    chosen = (frame["dataset"] == dataset) & (frame["hidden"] == hidden)
    chosen &= (frame["gradient"] == gradient) & (frame["stage"] == "evaluate")
    chosen &= (frame["activation"] == "logistic") & (frame["objective"] == "squared_error")
    chosen &= (frame["optimizer"] == "sgd") & (frame["updates"] == 2000)
    chosen &= frame["location"].isin(["all", "none"]) & (frame["decay"].astype(str) == str(decay))
    full = dataset == "encoder" or not decay
    chosen &= frame["batch_size"].astype(str) == ("full" if full else "32")
    branch = frame.get("branch.rate", pd.Series(None, frame.index, dtype=object))
    chosen &= (branch == "equal_path") if branched else branch.isna()
    if gradient == "offset":
        chosen &= np.isclose(frame["gradient.amount"].astype(float), 0.4)  # of m = ¼
    runs = frame[chosen].set_index("seed").sort_index()
    if runs.empty or runs.index.has_duplicates:
        raise NothingToShow(f"no runs of {gradient} on {task(dataset, hidden)} for this question")
    return runs


def paired(
    frame: pd.DataFrame, dataset: str, hidden: str, gradient: str, **which: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the runs of a rule and of exact with the same seeds."""
    one, other = (arm(frame, dataset, hidden, name, **which) for name in (gradient, "exact"))
    common = one.index.intersection(other.index)
    return one.loc[common], other.loc[common]


def solved_less(
    frame: pd.DataFrame, dataset: str, hidden: str, gradient: str
) -> tuple[Interval, int]:
    """Return by how many points fewer runs a rule solves than exact, and the number of pairs."""
    one, other = paired(frame, dataset, hidden, gradient)
    pairs = (runs["outcome"].eq("solved").to_numpy() for runs in (other, one))
    [row] = newcombe([paired_counts(*pairs)], 1.96)
    return Interval(*(100.0 * float(x) for x in row)), len(one)


def share(hits: "pd.Series[bool]") -> Interval:
    """Return a share of runs in points, with Wilson's limits."""
    low, high = wilson(hits.sum(), len(hits))
    return Interval(100.0 * float(hits.mean()), 100.0 * float(low), 100.0 * float(high))


def times(one: "pd.Series[float]", other: "pd.Series[float]") -> Interval:
    """Return the ratio of paired numbers, by Hodges and Lehmann on logarithms."""
    logs = np.log10(one.to_numpy(float)) - np.log10(other.to_numpy(float))
    return Interval(*(10.0**x for x in hodges_lehmann(logs)))


def decades(runs: pd.DataFrame) -> Array:
    """Return the log10 share of the objective that is left, 0 where a run failed."""
    final, constant, least = (
        runs[name].to_numpy(float) for name in ("final_objective", "constant_objective", "optimum")
    )
    return score(final, constant, least, runs["failed"])


def task(dataset: str, hidden: str) -> str:
    """Name a task: breast cancer, 16 units."""
    return f"{dataset.replace('_', ' ')} {hidden}"
