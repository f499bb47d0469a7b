"""Every rule in every stratum: paired with exact, failure rates, tuning, bands of curves.

Each function takes `Results` and returns a frame with finished columns; figures and tables only
draw them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from study.errors import UsageError
from study.evidence import statistics
from study.evidence.naming import Results
from study.evidence.runs import REFERENCE, NothingToShow
from study.evidence.statistics import BEST, hodges_lehmann, remaining, wilson

CELL = ["stratum", "rule"]
PLACE = ["task", "activation_label", "optimizer_label", "setting"]
LABELS = ["task", "activation_label", "optimizer_label", "rule"]
TOLERATED = 0.2
"""Largest share of failed trainings at a rate that still counts as stable."""
LOST = 1e3
"""Stands for the remaining objective of a run that diverged: above every axis, yet finite."""


def stage_runs(results: Results, stage: str) -> pd.DataFrame:
    """Return the rows of a stage; in ``transfer`` exact's own evaluation in the same strata too.

    The worker stores a ``transfer`` row for every rule that was evaluated at exact's rate, also
    where that is the rule's own rate. Only exact needs none: its own rate is exact's. A stage
    that was not run raises `NothingToShow`.
    """
    runs = results.runs
    chosen = runs[runs["stage"] == stage]
    if chosen.empty:
        of_rules = " at a rate of the rule's own" if stage == "evaluate" else ""
        said = f"experiment {results.experiment!r} has no runs of stage {stage!r}{of_rules}"
        raise NothingToShow(said)
    if stage == "transfer":
        exact = (runs["stage"] == "evaluate") & (runs["gradient"] == REFERENCE)
        chosen = pd.concat([runs[exact & runs["stratum"].isin(chosen["stratum"])], chosen])
    return chosen


def pairs(results: Results, stage: str = "evaluate") -> pd.DataFrame:
    """Every run of a stage beside exact's run with the same seed in the same stratum.

    Where two cells have different numbers of seeds, pairs are formed on the common ones. One row
    a pair: `CELL`, `PLACE`, ``seed, score, failed, reference_score, reference_failed``,
    ``difference`` (of scores, log10 of a ratio of objectives; positive is worse than exact),
    ``tied_at_floor`` (both at the best score there is) and ``test_difference``, in points: 1 % of
    the test patterns, or 0.01 of R². A diverged run has no test score, and counts as 0.

    Raises
    ------
    NothingToShow
        If the stage, or exact, was not run at all.
    UsageError
        If a run has two partners, or a cell shares no seed with exact.
    """
    runs = stage_runs(results, stage)
    treated = runs[runs["gradient"] != REFERENCE]
    own = results.runs[results.runs["stage"] == "evaluate"]
    exact = own[own["gradient"] == REFERENCE]
    if treated.empty or exact.empty:
        who = "but exact" if treated.empty else "of exact to compare with"
        raise NothingToShow(f"experiment {results.experiment!r} has no evaluated rule {who}")
    for frame in (treated, exact):
        for _, row in frame[frame.duplicated([*CELL, "seed"])].iterrows():
            raise UsageError(f"broken pairs: two runs of {_cell_name(row)}, seed {row['seed']}")
    treated, exact = (
        f if "test_score" in f else f.assign(test_score=0.0) for f in (treated, exact)
    )
    measured = ["score", "failed", "test_score"]
    partner = exact.set_index(["stratum", "seed"])[measured].add_prefix("reference_")
    columns = [*CELL, *PLACE, "seed", *measured]
    paired = treated[columns].join(partner, on=["stratum", "seed"], how="inner")
    paired = paired.reset_index(drop=True)
    lost = ~pd.MultiIndex.from_frame(treated[CELL]).isin(pd.MultiIndex.from_frame(paired[CELL]))
    for _, row in treated[lost].iterrows():
        raise UsageError(f"broken pairs: exact has no run with a seed of {_cell_name(row)}")
    paired["difference"] = paired["score"] - paired["reference_score"]
    test, reference = (paired[n].fillna(0.0) for n in ("test_score", "reference_test_score"))
    paired["test_difference"] = 100.0 * (test - reference)
    paired["tied_at_floor"] = (paired["score"] <= BEST) & (paired["reference_score"] <= BEST)
    return paired


def _with_tests(runs: pd.DataFrame) -> pd.DataFrame:
    return runs if "test_score" in runs else runs.assign(test_score=0.0)


def _cell_name(row: pd.Series) -> str:
    columns = ("task", "activation_label", "rule", "optimizer_label", "setting")
    return repr(" · ".join(str(row[column]) for column in columns if str(row[column])))


def effects(paired: pd.DataFrame) -> pd.DataFrame:
    """Estimate of each rule in each stratum, from `pairs`.

    One row a cell: `CELL`, `PLACE`, ``pairs, estimate, low, high`` (Hodges-Lehmann and its 95 %
    limits, log10), ``p`` (Wilcoxon, zeros by Pratt), ``tied_at_floor`` (a count), ``failed,
    reference_failed`` (shares), ``excess, excess_low, excess_high`` (their difference with
    Newcombe's paired limits) and ``test, test_low, test_high`` (Hodges-Lehmann, points).
    """
    rows = []
    for _, group in paired.groupby(CELL, observed=True, sort=True):
        difference = group["difference"].to_numpy()
        failed, reference = group["failed"].to_numpy(), group["reference_failed"].to_numpy()
        excess = statistics.shares_differ([(failed, reference)])
        test = hodges_lehmann(group["test_difference"].to_numpy())
        row = {
            **group.iloc[0][[*CELL, *PLACE]],
            "pairs": len(group),
            **hodges_lehmann(difference)._asdict(),
            "p": statistics.wilcoxon(difference),
            "tied_at_floor": int(group["tied_at_floor"].sum()),
            **{"failed": failed.mean(), "reference_failed": reference.mean()},
            **dict(zip(("excess", "excess_low", "excess_high"), excess, strict=True)),
            **dict(zip(("test", "test_low", "test_high"), test, strict=True)),
        }
        rows.append(row)
    return _ordered_as(paired, pd.DataFrame(rows))


def seed_means(paired: pd.DataFrame) -> pd.DataFrame:
    """Mean difference of each seed over the strata of each rule in a task, from `pairs`.

    Strata share the seed's data order and are not independent, so the seed is the unit. Columns:
    ``task, rule, seed, difference, strata, left_out``. Seeds that some strata lack are left out,
    and their number stands in ``left_out``; strata that share none raise `UsageError`.
    """
    keys = ["task", "rule"]
    grouped = paired.groupby([*keys, "seed"], observed=True, sort=True)
    means = grouped.agg(difference=("difference", "mean"), has=("stratum", "size")).reset_index()
    strata = paired.groupby(keys, observed=True)["stratum"].nunique().rename("strata")
    means = _ordered_as(paired, means.merge(strata.reset_index(), on=keys))
    means["whole"] = means["has"] == means["strata"]
    groups = means.groupby(keys, observed=True)["whole"]
    means["left_out"] = groups.transform("size") - groups.transform("sum")
    for _, row in means[~groups.transform("any")].iterrows():
        where = f"{row['task']} · {row['rule']}"
        raise UsageError(f"broken pairs: the strata of {where!r} share no seed")
    return means[means["whole"]].drop(columns=["has", "whole"])


def pooled(paired: pd.DataFrame) -> pd.DataFrame:
    """Estimate of each rule in a task over its strata: `seed_means` through `hodges_lehmann`.

    Columns: ``task, rule, strata, left_out, seeds, estimate, low, high`` (log10).
    """
    rows = [
        {
            **group.iloc[0][["task", "rule", "strata", "left_out"]],
            "seeds": len(group),
            **hodges_lehmann(group["difference"].to_numpy())._asdict(),
        }
        for _, group in seed_means(paired).groupby(["task", "rule"], observed=True, sort=True)
    ]
    return _ordered_as(paired, pd.DataFrame(rows))


def _ordered_as(source: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Give label columns the order they have in `source`."""
    for column in frame.columns.intersection(LABELS):
        frame[column] = frame[column].astype(source[column].dtype)
    return frame


def failures(results: Results, stage: str, by: Sequence[str]) -> pd.DataFrame:
    """Count failed runs of a stage, with Wilson's 95 % limits of their rate.

    Columns: `by`, then ``runs, failed, diverged, stuck, runaway`` (counts: failed is diverged by
    nonfinite or objective, or stuck; runaway is by norm alone) and ``rate, low, high``.
    """
    runs = stage_runs(results, stage)
    failed, outcome = runs["failed"], runs["outcome"]
    flags: dict[str, Any] = {
        "runs": True,
        "failed": failed,
        "diverged": failed & (outcome == "diverged"),
        "stuck": failed & (outcome == "stuck"),
        "runaway": runs.get("runaway", runs["diverged_by"].astype(str) == "norm"),
    }
    grouped = runs[list(by)].assign(**flags).groupby(list(by), observed=True, dropna=False)
    counted = grouped.sum().astype(int).reset_index()
    counted["rate"] = counted["failed"] / counted["runs"]
    counted["low"], counted["high"] = wilson(counted["failed"], counted["runs"])
    return counted


def finals(results: Results, stage: str = "evaluate") -> pd.DataFrame:
    """Quartiles of the final objective in each cell; a run that diverged counts as infinite.

    Columns: `CELL`, `PLACE`, ``learning_rate, runs, failed``, ``lower, median, upper`` (quartiles
    of the objective, its own unit), ``score`` (median) and ``test_score`` (median, if stored).
    """
    runs = stage_runs(results, stage)
    infinite = 1e300  # quartiles between finite and infinite runs must not become NaN
    final = runs["final_objective"].where(np.isfinite(runs["final_objective"]), infinite)
    grouped = runs.assign(final=final).groupby([*CELL, *PLACE], observed=True, sort=True)
    out = grouped.agg(
        learning_rate=("learning_rate", "median"), runs=("seed", "size"), failed=("failed", "sum")
    )
    for name, share in (("lower", 0.25), ("median", 0.5), ("upper", 0.75)):
        value = grouped["final"].quantile(share)
        out[name] = value.where(value < infinite / 1e10, np.inf)
    for name in runs.columns.intersection(["score", "test_score"], sort=False):
        out[name] = grouped[name].median()
    return out.reset_index()


def tuning(results: Results) -> pd.DataFrame:
    """Every tried learning rate of every cell, from the tuning runs.

    The chosen rate is the one the cell was evaluated at, or, without evaluation, the one with the
    lowest median among those with at most `TOLERATED` failed (ties to the smaller).

    Columns: `CELL`, `PLACE`, ``learning_rate, runs``, ``failed`` (share), ``median`` (of the
    remaining objective, failed runs as 1), ``chosen`` (the cell's rate; NaN if all rates fail)
    and ``stable``: at or above the chosen rate, with at most `TOLERATED` failed there and at all
    tried rates in between.
    """
    runs = stage_runs(results, "tune").assign(left=lambda frame: 10.0 ** frame["score"])
    grouped = runs.groupby([*CELL, *PLACE, "learning_rate"], observed=True, sort=True)
    tried = grouped.agg(
        runs=("seed", "size"), failed=("failed", "mean"), median=("left", "median")
    ).reset_index()
    allowed = tried[tried["failed"] <= TOLERATED].sort_values(["median", "learning_rate"])
    best = allowed.groupby(CELL, observed=True)["learning_rate"].first()
    evaluated = results.runs[results.runs["stage"] == "evaluate"]
    used = evaluated.groupby(CELL, observed=True)["learning_rate"].min()
    chosen = used.combine_first(best).rename("chosen")
    tried = _ordered_as(runs, tried.merge(chosen.reset_index(), on=CELL, how="left"))
    above = tried["learning_rate"] >= tried["chosen"] * (1 - 1e-9)
    fine = (tried["failed"] <= TOLERATED) | ~above
    unbroken = fine.groupby([tried["stratum"], tried["rule"]], observed=True).cummin()
    tried["stable"] = above & unbroken.astype(bool)
    return tried


def headroom(tried: pd.DataFrame) -> pd.DataFrame:
    """Room above the chosen rate, from `tuning`: log10(largest stable rate / chosen rate).

    Columns: `CELL`, `PLACE`, ``chosen, largest_stable, headroom`` (decades; NaN where even the
    chosen rate is not stable) and ``open``: True where the largest tried rate is stable, so that
    the headroom is a lower bound.
    """
    stable = tried["learning_rate"].where(tried["stable"])
    grouped = tried.assign(largest_stable=stable).groupby([*CELL, *PLACE], observed=True)
    out = grouped.agg(
        chosen=("chosen", "first"),
        largest=("learning_rate", "max"),
        largest_stable=("largest_stable", "max"),
    )
    out["headroom"] = np.log10(out["largest_stable"] / out["chosen"])
    out["open"] = out["largest_stable"] == out["largest"]
    return out.drop(columns="largest").reset_index()


def bands(
    results: Results, stage: str = "evaluate", quantiles: Sequence[float] = (0.25, 0.5, 0.75)
) -> pd.DataFrame:
    """Quantiles over seeds of the remaining objective along training.

    A run that diverged stays in as `LOST`, so that a band shows it. Columns: `CELL`, `PLACE`,
    ``update``, ``lower, median, upper`` (quantiles of (L - L*) / (L_const - L*), interpolated on
    the log scale). Published curves, which are quantiles themselves, raise `NothingToShow`.
    """
    runs = stage_runs(results, stage)
    if "run_id" not in results.curves:
        raise NothingToShow(
            "published results keep quantiles of curves; make your own with: "
            f"make ablation EXPERIMENT={results.experiment}"
        )
    curves = results.curves[results.curves["run_id"].isin(runs["run_id"])]
    if curves.empty:
        raise NothingToShow(f"experiment {results.experiment!r} has no curves of stage {stage!r}")
    optimum = runs["optimum"] if "optimum" in runs else 0.0
    base = runs[["run_id", *CELL, *PLACE, "constant_objective"]].assign(optimum=optimum)
    seen = base[["run_id", "stratum"]].merge(curves[["run_id", "update"]], on="run_id")
    # a run that diverged has no later checkpoints: it gets those of its stratum
    full = base.merge(seen[["stratum", "update"]].drop_duplicates(), on="stratum").merge(
        curves[["run_id", "update", "objective"]], on=["run_id", "update"], how="left"
    )
    left = remaining(full["objective"], full["constant_objective"], full["optimum"])
    full["log"] = np.log10(np.where(np.isfinite(left), np.clip(left, 1e-9, LOST), LOST))
    grouped = full.groupby([*CELL, *PLACE, "update"], observed=True, sort=True)["log"]
    out = grouped.quantile(np.asarray(quantiles)).unstack()
    out.columns = ["lower", "median", "upper"]
    return (10.0**out).reset_index()
