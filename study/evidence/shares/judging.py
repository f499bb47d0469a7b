"""The share of each claim in each split and condition, and in other populations."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from study.evidence.shares import estimates
from study.evidence.shares.estimates import Array, Sample
from study.evidence.shares.outcomes import effects_of
from study.evidence.shares.population import Population
from study.evidence.shares.reading import ALL, RATE, Claim, Contrast, Range

COLUMNS = (
    *("claim", "condition", "tasks", "true", "true_low", "true_high", "within", "opposite"),
    *("median", "low_90", "high_90", "verdict", "prediction_low", "prediction_high", "split"),
    *("method", "counted", "draws"),
)
"""Those of shares.csv: shares in %, effects in the claim's unit; see `judged`."""
SENSITIVE = ("S1", "S3", "S10")
LARGE = 64  # units of a layer, geometric mean


def judged_population(
    population: Population, claims: Sequence[str] = (), conditions: bool = True
) -> pd.DataFrame:
    """Return the rows of `COLUMNS`: every claim in every split and condition that has tasks.

    The split that decides comes first, in it all eligible tasks. `claims` are some ids, else all.
    """
    rows = []
    shares = population.shares
    for claim in shares.claims:
        if claims and claim.id not in claims:
            continue
        named = {ALL: {}, **(shares.conditions if conditions else {})}
        at_rate = {rate: _effects(population, claim, rate) for rate in _rates(claim, named)}
        methods = [_method(part, found) for part, found in zip(
            claim.contrasts, at_rate[claim.rate], strict=True)]  # fmt: skip
        for split, parts in shares.splits.items():
            chosen = population.tasks["split"].isin(parts)
            for condition, stratum in named.items():
                wanted = dict(stratum)
                rate = wanted.pop(RATE, claim.rate)
                if RATE in stratum and rate == claim.rate:
                    continue  # it holds of the claim anyhow
                inside = population.tasks.index[chosen & meets(population.tasks, wanted)]
                found = _common(at_rate[rate], inside)
                if len(found[0]):
                    row = judged(population, claim, found, methods, condition)
                    rows.append(row | {"split": split})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def judged(
    population: Population,
    claim: Claim,
    found: Sequence[pd.DataFrame],
    methods: Sequence[str],
    condition: str = ALL,
) -> dict[str, Any]:
    """Return a claim's row, from the effects of its contrasts in the same tasks.

    A task's chance of "true" is the product of its contrasts'; of "opposite" it is that of any.
    ``within`` is the rest. Effects are those of the claim's own contrast; their median is that of
    the estimates. ``counted`` is the share true where each task's estimate is taken as it is.
    """
    shares, tasks = population.shares, found[0].index
    draws = population.tasks.loc[tasks, "draw"]
    noisy = estimates.DECONVOLVED in methods
    weights = estimates.resamples(draws, estimates.FEWER if noisy else estimates.RESAMPLES)
    true = counted = np.ones((1, len(tasks)))
    spared = np.ones((1, len(tasks)))
    first: tuple[Array, Array] | None = None
    for contrast, effects, method in zip(claim.contrasts, found, methods, strict=True):
        sample = sample_of(effects)
        sides, *distribution = estimates.chances(sample, contrast.limits, weights, method)
        holds, opposed = _truth(contrast, sides)
        true, spared = true * holds, spared * (1 - opposed)
        plain, *_ = estimates.chances(sample, contrast.limits, weights, estimates.COUNTED)
        counted = counted * _truth(contrast, plain)[0]
        first = first or (distribution[0], distribution[1])
    assert first is not None
    number = draws.nunique()
    share, low, high = estimates.share(true, weights, number, shares.level)
    opposite = estimates.share(1 - spared, weights, number, shares.level)[0]
    median = claim.shown(found[0]["effect"].median())
    low_90, high_90 = claim.shown(estimates.quantiles(*first, [0.05, 0.95]))
    ahead = estimates.prediction(*first, shares.level)
    word = estimates.verdict(low, high, shares.words)
    return {
        **{"claim": claim.id, "condition": condition, "tasks": len(tasks)},
        **{"true": share, "true_low": low, "true_high": high},
        **{"within": max(100 - share - opposite, 0.0), "opposite": opposite},
        **{"median": median, "low_90": low_90, "high_90": high_90},
        "verdict": word if condition == ALL else f"{word} {condition}",
        "prediction_low": claim.shown(ahead[0]),
        "prediction_high": claim.shown(ahead[1]),
        "method": methods[0],
        "counted": 100 * counted.mean(),
        "draws": number,
    }


def sample_of(effects: pd.DataFrame) -> Sample:
    """Return the effects of tasks as arrays."""
    return Sample(*(effects[name].to_numpy(float) for name in ("effect", "se", "pairs")))


def _truth(contrast: Contrast, sides: tuple[Array, Array, Array]) -> tuple[Array, Array]:
    """Return the chances that a claim is true, and that its opposite is."""
    below, between, above = sides
    return {
        "above": (above, below),
        "below": (below, above),
        "equal": (between, below + above),
        "apart": (below + above, between),
    }[contrast.direction]


def meets(tasks: pd.DataFrame, stratum: Mapping[str, Any]) -> "pd.Series[bool]":
    """Tell which tasks meet a condition of conf/shares.yaml."""
    met = pd.Series(True, tasks.index)
    for column, wanted in stratum.items():
        if isinstance(wanted, Range):
            met &= tasks[column].between(wanted.start, wanted.to)
        else:
            met &= tasks[column].isin(wanted if isinstance(wanted, list) else [wanted])
    return met


def _rates(claim: Claim, named: Mapping[str, Mapping[str, Any]]) -> set[str]:
    return {claim.rate, *(stratum[RATE] for stratum in named.values() if RATE in stratum)}


def _effects(population: Population, claim: Claim, rate: str) -> list[pd.DataFrame]:
    if claim.outcome.startswith("failures") and rate != claim.rate:
        return [effects_of(population, claim, rate).iloc[:0]]  # they have a rate of their own
    return [effects_of(population, contrast, rate) for contrast in claim.contrasts]


def _common(found: Sequence[pd.DataFrame], inside: Any) -> list[pd.DataFrame]:
    for effects in found:
        inside = inside.intersection(effects.index)
    return [effects.loc[inside] for effects in found]


def _method(contrast: Contrast, effects: pd.DataFrame) -> str:
    """Choose the method once a contrast, from all of its tasks."""
    if effects.empty:
        return estimates.COUNTED
    return estimates.method_of(sample_of(effects), contrast.limits)


# ---- does the answer change with the population?


def sensitivity(population: Population) -> pd.DataFrame:
    """Judge S1, S3 and S10 in other populations; the column ``population`` names each.

    They are all tasks, all but one family for each family, real data alone, and nets whose layers
    have 64 units or more.
    """
    tasks = population.tasks
    others: dict[str, Any] = {"all": tasks["split"].notna()}
    for family in sorted(tasks["family"].unique()):
        others[f"without {family}"] = tasks["family"] != family
    others["real data alone"] = tasks["real"].astype(bool)
    others[f"layers of {LARGE} or more units"] = tasks["width"] >= LARGE
    tables = []
    for name, chosen in others.items():
        table = judged_population(population.narrowed(chosen), SENSITIVE, conditions=False)
        tables.append(table.assign(population=name))
    found = pd.concat(tables, ignore_index=True)
    return found[["population", *COLUMNS]]
