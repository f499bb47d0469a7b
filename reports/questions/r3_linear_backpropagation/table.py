"""R3's table: linear backpropagation beside backpropagation, at shared rates and at own ones."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from reports import paired
from reports.questions.r3_linear_backpropagation.measure import ARMS, FOLDER
from study.evidence.evidence import Evidence
from study.evidence.runs import NothingToShow
from study.evidence.statistics import Interval

STUDENT, MNIST, DIGITS = "student and teacher", "MNIST 400-200-100", "digits 5 x 32"
NETS = {MNIST: "400-200-100", DIGITS: "32-32-32-32-32"}
FASTER, COMPETITIVE = "Li et al.: faster, at one rate", "Yazdani: competitive"
SHARED, EXACTS, TUNED = "shared", "exact's own", "tuned"
LI_LAYERS = 2
"""Li et al. remove the slope of the second and third of three relu layers."""


def tables(evidence: Evidence) -> dict[str, pd.DataFrame]:
    """Return the table ``linear_backpropagation``.

    ``value`` is removal over exact: a ratio of steps, or of shares of the removable objective. Of
    test scores, which are 0 after divergence, it is the difference in points. Each is a mean over
    seeds, paired, with 95 % limits.
    ``verdict`` asks of each row whether removal is faster, lower or better: see `paired.verdict`.
    """
    rows = [*student_rows(), *net_rows(nets(evidence.runs.frame))]
    return {"linear_backpropagation": pd.DataFrame(rows)}


def nets(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of this question's nets with ``setting, layers, left, decades``.

    ``layers`` is how many of the last hidden layers have no slope, 0 under exact.
    """
    usual = frame["gradient"].isin(ARMS) & (frame["activation"] == "relu")
    usual &= (frame["objective"] == "cross_entropy") & (frame["batch_size"].astype(str) == "64")
    names = {hidden: setting for setting, hidden in NETS.items()}
    runs = frame[usual & frame["hidden"].isin(NETS.values())].copy()
    runs = runs[runs["dataset"].isin(["external", "digits"])]
    if runs.empty:
        raise NothingToShow("no runs of linear backpropagation")
    runs["setting"] = runs["hidden"].map(names)
    depth = runs["hidden"].str.count("-") + 1
    last = runs["location"].str.extract(r"last_(\d)", expand=False).astype(float)
    layers = last.where(last.notna(), depth)
    runs["layers"] = layers.where(runs["location"] != "none", 0).astype(int)
    return paired.left(runs.assign(test_score=runs["test_score"].astype(float).fillna(0.0)))


def student_rows() -> Iterator[dict[str, Any]]:
    """Compare the steps of student and teacher, which `measure` has counted."""
    table = pd.read_csv(FOLDER / "repeats.csv")
    for kind, mine in table.groupby("rate_kind", sort=False):
        for measure in ("steps_to_0.01", "steps_to_1e-06"):
            wide = mine.pivot(index="repeat", columns="arm", values=measure)
            if kind == SHARED and measure != "steps_to_0.01":
                continue  # not reached within their 10,000 steps
            found = paired.ratio(paired.mean(np.log10(wide["removed"] / wide["exact"])))
            rates = mine.groupby("arm")["rate"].first()
            place = (STUDENT, "1 of 1", kind, rates["removed"], rates["exact"], len(wide))
            yield _row(*place, measure.replace("_", " "), found, FASTER)


def net_rows(runs: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Compare the nets at each shared rate, at the rate that suits exact, and at own rates."""
    for setting in NETS:
        mine = runs[runs["setting"] == setting]
        if mine.empty:
            continue
        chosen = paired.own(mine, ["layers"])
        exact, depth = mine[mine["layers"] == 0], int(mine["layers"].max())
        own_exact = chosen[chosen["layers"] == 0]
        for layers in sorted(set(mine["layers"]) - {0}):
            arm = mine[mine["layers"] == layers]
            own = chosen[chosen["layers"] == layers]
            at_exacts = arm.merge(own_exact[["seed", "learning_rate"]])
            pairs = [
                (SHARED, arm[arm["learning_rate"] == rate], exact[exact["learning_rate"] == rate])
                for rate in sorted(set(exact["learning_rate"]))
            ]
            pairs += [(EXACTS, at_exacts, own_exact), (TUNED, own, own_exact)]
            claim = COMPETITIVE if layers == depth else FASTER
            for kind, one, other in pairs:
                rate, its = (float(each["learning_rate"].median()) for each in (one, other))
                place = (setting, f"last {layers} of {depth}", kind, rate, its, len(one))
                found = paired.ratio(paired.beside(one, other, "decades"))
                yield _row(*place, "objective left", found, claim)
                if kind != SHARED:
                    points = Interval(*(100 * v for v in paired.beside(one, other, "test_score")))
                    yield _row(*place, "test score, points", points, claim, 0.0)


def _row(
    setting: str,
    layers: str,
    kind: Any,
    rate: float,
    exact_rate: float,
    seeds: int,
    measure: str,
    found: Interval,
    claim: str,
    equal: float = 1.0,
) -> dict[str, Any]:
    said = claim if kind == SHARED else "not tried"
    values = {k: float(f"{v:.4g}") for k, v in zip(("value", "low", "high"), found, strict=True)}
    return {
        **{"setting": setting, "layers": layers, "rate": kind, "removed_rate": rate},
        **{"exact_rate": exact_rate, "seeds": seeds, "measure": measure, **values},
        **{"published": said, "verdict": paired.verdict(found, equal, more=equal == 0.0)},
    }
