"""Runs for the study's figures, with a truth that can be told from its opposite."""

from functools import cache
from itertools import product

import numpy as np
from claim_tables import (
    REMOVED,
    TASKS,
    arms,
    at_zero,
    deep,
    divergence,
    escapes,
    flips,
    runs,
    table,
    twins,
    with_rule,
)

SEEDS = 12
RULES = ("scaled", "mean_matched", "rank_one", "shuffled_units", "frozen")


def _probes(cell, harm):
    """Probes that rise and fall with the harm of a rule."""
    random = np.random.default_rng(len(cell))
    cell["negative_eigenvalues"] = max(harm, 0.0) / 2 + random.uniform(0, 0.01, len(cell))
    cell["descent_cosine"] = 1.0 - harm / 2 + random.uniform(0, 0.01, len(cell))
    cell["asymmetry"] = 0.01 + max(harm, 0.0) / 2
    return cell


@cache
def study(harm):
    """All cells that the figures ask for, where leaving the slope out costs `harm` decades."""
    how = {"seeds": SEEDS}
    cells = []
    rules = [(REMOVED, harm), *((with_rule(n), harm * k / 9) for k, n in enumerate(RULES, 1))]
    for amount in (0.01, 0.1, 1.0):
        dose = with_rule("floor", minimum=amount), with_rule("offset", amount=amount)
        rules += [(columns, harm * amount) for columns in dose]
    rules += [(with_rule("power", exponent=p), harm * abs(1 - p)) for p in (0.5, 2.0)]
    for (columns, effect), task in product([({}, 0.0), *rules], TASKS.values()):
        cells.append(_probes(runs(-1.5 + effect, **task, **columns, **how), effect))
    for updates in (500, 8000):
        cells += arms(TASKS, [(REMOVED | {"updates": updates}, harm)], {"updates": updates}, **how)
    small = {"dataset": "conflicts", "updates": 8000}
    cells += [runs(**small, **how), runs(-1.5 + harm, **small, **REMOVED, **how)]
    for optimizer in ("momentum", "nesterov", "adagrad", "rmsprop", "adam"):
        there = {"optimizer": optimizer}
        cells += arms(TASKS, [(REMOVED | there, harm)], there, **how)
    for task in ("digits", "under_capacity", "breast_cancer"):
        where = TASKS[task] | {"location": "output"}
        cells.append(_probes(runs(**where, **REMOVED, **how), 0.0))
    for rate, task in product((0.03, 0.1, 0.3, 1.0), TASKS.values()):
        tried = {"stage": "tune", "learning_rate": rate, "first": 1, "seeds": 3}
        squashed = task["objective"] == "squared_error"
        cells.append(runs(**task, **tried, failing=float(rate == 1)))
        where = REMOVED | task | {"location": "all" if squashed else "hidden"}
        lost = float(rate == 1 or (rate > 0.2 and harm > 0))
        cells.append(runs(-1.5 + harm, **where, **tried, failing=lost))
    for patterns in (32, 64, 128):
        part = {"dataset": "digits_part", "dataset.patterns": float(patterns), "updates": 4000}
        part |= {"hidden": "64-64"}
        cells += [runs(-2.5, **part, **how)]
        cells += [runs(-2.5 + harm * (patterns > 32) * 3, **part, **REMOVED, **how)]
    cells += at_zero(harm, harm, **how)
    cells += escapes([({}, 1.5), (REMOVED, 1.5 - harm)], seeds=SEEDS)
    cells += flips(harm, harm, seeds=SEEDS)
    cells += deep(harm / 10, seeds=SEEDS)
    cells += twins(harm, 0.0, harm, **how)
    cells += divergence(0.4 if harm > 0 else 0.0, 0.6 if harm > 0 else 0.0, **how)
    whole = table(*cells)
    whole["outcome"] = np.where(whole["failed"], "diverged", "plateau")
    whole["diverged_by"] = np.where(whole["failed"], "nonfinite", "")
    # what several of these truths speak of is there once, as the first of them has it
    keys = whole[[c for c in whole.columns if c not in MEASURED]].astype(str)
    several = (whole["dataset"] == "escape") | (whole["stage"] == "tune")
    keys["rate"] = whole["learning_rate"].where(several, 0.0)
    return whole[~keys.duplicated()].reset_index(drop=True)


MEASURED = (
    *("final_objective", "failed", "outcome", "diverged_by", "learning_rate", "path_length"),
    *("updates_to_target", "negative_eigenvalues", "descent_cosine", "asymmetry"),
    *("flips_decided", "flips_undecided"),
)
