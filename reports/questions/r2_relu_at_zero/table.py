"""R2's table: shares of nets whose gradients differ beside the published ones, and trainings."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import beta, betabinom, binom, t

from reports.chosen import crosswise
from reports.questions.r2_relu_at_zero.measure import FILE
from reports.questions.r2_relu_at_zero.nets import ARMS
from study.evidence.evidence import Evidence
from study.evidence.runs import NothingToShow

TRIALS = 1000
PUBLISHED = {  # precision -> (depth, width) -> count of 1,000, α = 1 written over the signal
    "float32": {
        **{(1, 256): 54, (2, 256): 258, (3, 256): 463, (5, 256): 647, (6, 256): 697},
        **{(3, 16): 21, (3, 64): 163, (3, 512): 582, (3, 1024): 873},
    },
    "float16": {
        **{(1, 256): 871, (2, 256): 999, (3, 256): 1000, (5, 256): 1000, (6, 256): 1000},
        **{(3, 16): 333, (3, 64): 1000, (3, 512): 1000, (3, 1024): 1000},
    },
    "float64": dict.fromkeys([(1, 256), (2, 256), (3, 256), (5, 256), (6, 256)], 0)
    | dict.fromkeys([(3, 16), (3, 64), (3, 512), (3, 1024)], 0),
}
REGIMES = {
    "chance": "zeros by chance",
    "rounded": "zeros by rounding",
    "zeroed": "a layer of zeros",
}
SETTING = ["regime", "optimizer", "arm", "alpha"]


def tables(evidence: Evidence) -> dict[str, pd.DataFrame]:
    """Return the table ``relu_at_zero``."""
    parts = [counts(pd.read_csv(FILE)), trainings(evidence.runs.frame)]
    return {"relu_at_zero": pd.concat(parts, ignore_index=True)}


def counts(measured: pd.DataFrame) -> pd.DataFrame:
    """Return shares of nets whose gradients differ, counted and expected, beside published ones.

    Theirs is *reproduced* where their count lies in the central 95 % of what 1,000 nets would
    give. Beside a count of ours it is the beta-binomial law of that count, with Jeffreys' prior;
    beside an expected share, the binomial law. ``published`` is of α = 1 as they computed it, so
    only overwriting by 1 has a verdict.
    """
    rows = []
    for line in measured.to_dict("records"):
        theirs = PUBLISHED.get(str(line["precision"]).partition(",")[0], {})
        published = theirs.get((line["depth"], line["width"]))
        judged = published is not None and (line["arm"], line["alpha"]) == ("overwrite", 1.0)
        same = {name: line[name] for name in ("precision", "depth", "width", "arm", "alpha")}
        found, of = line["differ"], line["initialisations"]
        if of:
            low, high = beta.ppf([0.025, 0.975], found + 0.5, of - found + 0.5)
            law = betabinom(TRIALS, found + 0.5, of - found + 0.5)
            said = {"share_differ": found / of, "low": low, "high": high}
            rows.append(
                {"measurement": "counted", **same, "initialisations": of, **said}
                | _verdict(published if judged else None, law)
            )
        if (line["arm"], line["alpha"]) == ("overwrite", 1.0):
            law = binom(TRIALS, line["expected"])
            rows.append(
                {"measurement": "expected", **same, "share_differ": line["expected"]}
                | {"zeros_a_call": line["zeros_a_call"]}
                | _verdict(published, law)
            )
    return pd.DataFrame(rows)


def _verdict(published: int | None, law: Any) -> dict[str, Any]:
    if published is None:
        return {}
    low, high = law.interval(0.95)
    verdict = "reproduced" if low <= published <= high else "differs"
    return {"published": published / TRIALS, "verdict": verdict}


def trained(frame: pd.DataFrame) -> pd.DataFrame:
    """Return R2's trainings of any experiment that holds them, with ``regime, arm, alpha, left``.

    ``left`` is the log10 of the share of the removable objective, 0 where a run failed.
    """
    need = {"gradient.value", "gradient.arm", "initialisation"}
    if not need <= set(frame.columns):
        raise NothingToShow("no trainings with relu's slope at 0")
    mine = (
        (frame["dataset"] == "digits")
        & (frame["objective"] == "cross_entropy")
        & (frame["hidden"] == "32-32-32")
        & (frame["updates"].astype(int) == 400)
        & frame["activation"].isin(["relu", "relu_rounded"])
        & frame["gradient"].isin(["exact", "relu_at_zero"])
    )
    runs = frame[mine].copy()
    if "relu_at_zero" not in set(runs["gradient"]):
        raise NothingToShow("no trainings with relu's slope at 0")
    zeroed = runs["initialisation"] == "zeroed_layer"
    rounded = runs["activation"] == "relu_rounded"
    runs["regime"] = np.select([zeroed, rounded], ["zeroed", "rounded"], "chance")
    runs["arm"] = runs["gradient.arm"].where(runs["gradient"] != "exact", "exact").astype(str)
    runs["alpha"] = runs["gradient.value"].astype(float).where(runs["arm"] != "exact", 0.0)
    share = np.clip(runs["remaining"].astype(float), 1e-9, 1.0)
    runs["left"] = np.log10(share.where(~runs["failed"].astype(bool), 1.0))
    runs["points"] = 100.0 * runs["test_score"].astype(float).fillna(0.0)
    return runs


def trainings(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what each arm does beside slope 0, at exact's rate and each at its own.

    ``ratio`` is of final objectives and ``points`` the difference of test scores, both paired by
    seed with limits of 95 % by Student's t. Rates are chosen on half of the seeds (`crosswise`).
    """
    runs, rows = trained(frame), []
    for (regime, optimizer), group in runs.groupby(["regime", "optimizer"]):
        exact = group[group["arm"] == "exact"]
        best = crosswise(exact, ["learning_rate"], "left").set_index("seed")
        for arm, alpha in ARMS:
            mine = group[(group["arm"] == arm) & (group["alpha"] == alpha)]
            if mine.empty:
                continue
            paired = mine.set_index(["seed", "learning_rate"])
            shared = paired.loc[list(best["learning_rate"].items())].reset_index(level=1)
            own = crosswise(mine, ["learning_rate"], "left").set_index("seed")
            for rate, chosen in (("shared", shared), ("own", own)):
                rows.append(
                    {
                        "measurement": "training",
                        "zeros": REGIMES[str(regime)],
                        "optimizer": optimizer,
                        "rate": rate,
                        "precision": "float32",
                        "depth": 3,
                        "width": 32,
                        "arm": arm,
                        "alpha": alpha,
                        "initialisations": len(chosen),
                    }
                    | _beside(chosen, best)
                    | ({"share_differ": _differ(shared, best)} if rate == "shared" else {})
                )
    return pd.DataFrame(rows)


def _differ(runs: pd.DataFrame, exact: pd.DataFrame) -> float:
    """Share of runs whose final objective differs in any bit."""
    return float((runs["final_objective"] != exact["final_objective"]).mean())


def _beside(runs: pd.DataFrame, exact: pd.DataFrame) -> Mapping[str, float]:
    logs = runs["left"] - exact["left"]
    points = runs["points"] - exact["points"]
    ratios = 10.0 ** np.array(limits(logs))
    return {
        **dict(zip(("ratio", "ratio_low", "ratio_high"), ratios, strict=True)),
        **dict(zip(("points", "points_low", "points_high"), limits(points), strict=True)),
        "failed": float(runs["failed"].mean()),
        "failed_exact": float(exact["failed"].mean()),
    }


def limits(values: ArrayLike) -> tuple[float, float, float]:
    """Return the mean with its limits of 95 % by Student's t."""
    found = np.asarray(values, float)
    half = float(t.ppf(0.975, len(found) - 1) * found.std(ddof=1) / np.sqrt(len(found)))
    return float(found.mean()), float(found.mean() - half), float(found.mean() + half)
