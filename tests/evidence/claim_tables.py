"""Run tables whose truth is known, for each claim and each verdict that it can get."""

import itertools
from functools import partial

import numpy as np
import pandas as pd

LINEAR = "linear_squared_error"
TASKS = {
    name: dict(zip(("dataset", "objective", "hidden"), columns, strict=True))
    for name, columns in {
        "digits": ("digits", "squared_error", "32-32"),
        "under_capacity": ("digits", "squared_error", "6-6"),
        "breast_cancer": ("breast_cancer", "squared_error", "16-16"),
        "diabetes": ("diabetes", LINEAR, "16-16"),
        "teacher": ("teacher", LINEAR, "16-16"),
    }.items()
}
CELL = {
    **TASKS["digits"],
    "initialisation": "glorot",
    "gain": 1.0,
    "activation": "tanh",
    "gradient": "exact",
    "location": "hidden",
    "consistent": "false",
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "stage": "evaluate",
    "updates": 2000,
    "batch_size": "32",
    "dtype": "float32",
    "decay": True,
    "constant_objective": 1.0,
    "optimum": 0.0,
    "updates_to_target": np.nan,
    "failed": False,
}
BASE = -1.5  # exact's score


def runs(score=BASE, *, failing=0.0, noise=0.02, seeds=40, first=2001, key=0, **columns):
    """One cell: its score in decades, and the share of its runs that fail.

    The noise of a seed is the same in every cell, that of a run is its own.
    """
    shared = np.random.default_rng(77).normal(0, 0.1, 1000)
    own = np.random.default_rng([key, *repr(sorted(columns.items())).encode()])
    rows = pd.DataFrame([{**CELL, **columns}] * seeds)
    rows["seed"] = np.arange(first, first + seeds)
    level = score + shared[:seeds] + own.normal(0, noise, seeds)
    rows["final_objective"] = 10.0**level
    if failing:
        lost = np.zeros(seeds, bool)
        lost[own.permutation(seeds)[: round(failing * seeds)]] = True
        rows.loc[lost, "final_objective"] = np.nan
        rows["failed"] = lost
    if columns.get("gradient", "exact") == "exact":
        rows["location"] = "none"
    return rows


def table(*cells):
    return pd.concat(cells, ignore_index=True)


def _at(value, task):
    return value[task] if isinstance(value, dict) else value


def arms(tasks, effects, exact=None, **how):
    """On each task exact and other arms: effects is {task or "": decades} by an arm's columns."""
    effects = [(exact or {}, 0.0), *effects]
    return [
        runs(BASE + _at(effect, task), **TASKS[task], **columns, **how)
        for task in tasks
        for columns, effect in effects
    ]


def with_rule(name, **parameters):
    return {"gradient": name} | {f"gradient.{key}": v for key, v in parameters.items()}


REMOVED, FROZEN = with_rule("removed"), with_rule("frozen")
FLOOR, OFFSET = with_rule("floor", minimum=0.01), with_rule("offset", amount=0.1)
VAGUE = {"noise": 0.6, "seeds": 8}
HALF = dict(zip(TASKS, (0.4, -0.4, 0.4, -0.4, 0.0), strict=True))


def divergence(own, untuned, **how):
    """C3: shares of failed runs of removed at its own rate and at exact's."""
    cells = []
    for columns in TASKS.values():
        squashed = columns["objective"] == "squared_error"
        removed = REMOVED | columns | {"location": "all" if squashed else "hidden"}
        cells.append(runs(**columns, **how))
        cells.append(runs(failing=own, **removed, learning_rate=0.02, **how))
        cells.append(runs(failing=untuned, **removed, stage="transfer", **how))
    return cells


def settling(effect, later, **how):
    """C4: decades above exact, at 2,000 and at 8,000 updates."""
    return [
        *arms(TASKS, [(REMOVED, effect)], **how),
        *arms(TASKS, [(REMOVED | {"updates": 8000}, later)], {"updates": 8000}, **how),
    ]


def small_changes(floor, offset, **how):
    """C5: decades above exact of floor 0.01 and offset 0.1."""
    return arms(TASKS, [(FLOOR, floor), (OFFSET, offset), (FROZEN, 1.2)], **how)


def twins(mismatch, twin, forward, **how):
    """C6: decades above exact of (f, φ), (F, φ) and (F, f'), for all three rules."""
    values = {"false": mismatch, "true": twin, "forward": forward}
    rules = with_rule("floor", minimum=0.1), OFFSET, with_rule("power", exponent=0.5)
    each = itertools.product(rules, values)
    return arms(TASKS, [(rule | {"consistent": c}, values[c]) for rule, c in each], **how)


def at_zero(natural, persistent, **how):
    """C7: decades by which relu's slope 1 at zero is above slope 0, in two regimes.

    At its own rate and at exact's.
    """
    one = with_rule("relu_at_zero", value=1.0, arm="scale")
    cells = []
    for activation, effect in (("relu", natural), ("relu_rounded", persistent)):
        regime = {"activation": activation, "initialisation": "he"}
        effects = [(one | regime | {"stage": stage}, effect) for stage in ("evaluate", "transfer")]
        cells += arms(("digits", "breast_cancer", "diabetes"), effects, regime, **how)
    return cells


def optimizers(nesterov, adagrad, rmsprop, **how):
    """C8: decades by which sgd is above each."""
    others = {"nesterov": nesterov, "adagrad": adagrad, "rmsprop": rmsprop}
    effects = [({"optimizer": name}, -value) for name, value in others.items()]
    return arms(("digits", "breast_cancer", "diabetes", "teacher"), effects, **how)


def escapes(quotients, noise=0.05, seeds=20):
    """C2 and C9: (columns, log10 Q) of each arm; T(z0 = 2) is 100 updates at the middle rate."""
    cells = []
    for number, (columns, quotient) in enumerate(quotients):
        random = np.random.default_rng(number)
        for rate, distance in itertools.product((0.1, 0.3, 1.0), (2.0, 4.0, 6.0)):
            cell = runs(
                seeds=seeds,
                **{"dataset": "escape", "activation": "logistic", "location": "output"},
                **{"initialisation": "wrongly_saturated", "initialisation.distance": distance},
                **{"hidden": "4", "updates": 10**6, "learning_rate": rate} | columns,
            )
            decades = quotient * (distance - 2.0) / 4.0 + random.normal(0, noise, seeds)
            cell["updates_to_target"] = 100.0 / rate * 10.0**decades
            cells.append(cell)
    return cells


HISTORY = ("momentum", "nesterov", "adagrad", "rmsprop", "adam")


def histories(quotients, sgd=1.5, **how):
    """C9: log10 Q of each optimizer with history."""
    others = [({"optimizer": name}, q) for name, q in zip(HISTORY, quotients, strict=True)]
    return escapes([({"optimizer": "sgd"}, sgd), *others], **how)


def deep(slope, noise=0.03, seeds=30, key=0, objective="squared_error"):
    """C10: removed loses slope × log2 gain × depth of the room that exact leaves."""
    cells = []
    for gain, depth in itertools.product((0.5, 1.0, 2.0, 4.0, 8.0), (1, 2, 3, 4)):
        random = np.random.default_rng([key, depth, round(2 * gain)])
        columns = {"gain": gain, "hidden": "-".join(["32"] * depth), "objective": objective}
        exact = runs(seeds=seeds, **columns)
        removed = runs(seeds=seeds, **columns, **REMOVED)
        left = exact["final_objective"].to_numpy()
        harm = 0.3 + slope * np.log2(gain) * (depth - 2.5) + random.normal(0, noise, seeds)
        removed["final_objective"] = left + harm * (1 - left)
        cells += [exact, removed]
    return cells


def flips(removed, matched, noise=0.1, seeds=30):
    """C11: log10 of the ratio of flips, decided over undecided, beside exact's."""
    cells = []
    effects = {"exact": 0.0, "removed": removed, "mean_matched": matched}
    for number, (rule, effect) in enumerate(effects.items()):
        random = np.random.default_rng(number)
        for dataset in ("digits", "breast_cancer"):
            cell = runs(seeds=seeds, dataset=dataset, gradient=rule, updates=500)
            cell["branch.gradient"], cell["branch.updates"] = "exact", 2000
            cell["branch.rate"] = "equal_path"
            decades = _at(effect, dataset) + random.normal(0, noise, seeds)
            cell["flips_undecided"], cell["flips_decided"] = 0.1, 0.01 * 10.0**decades
            cell["path_length"] = 1.0 + 0.01 * random.random(seeds)
            cells.append(cell)
    return cells


def scale_and_shape(shape, scale, **how):
    """C12: decades that shape and scale add to the score."""
    both = {task: _at(shape, task) + _at(scale, task) for task in TASKS}
    effects = {"scaled": scale, "mean_matched": shape, "removed": both}
    return arms(TASKS, [(with_rule(name), effect) for name, effect in effects.items()], **how)


def wrongly_saturated(exact, removed, wider=None):
    """C2: log10 Q of exact and of removed, and of exact in wider networks."""
    cells = escapes([({}, exact), (REMOVED, removed)])
    if wider is not None:
        cells += escapes([({"hidden": "8"}, wider), (REMOVED | {"hidden": "8"}, removed)])
    return cells


def saturating(slope, of_cross_entropy=None, **how):
    """C10: the slope with squared errors, and with cross entropies."""
    other = {"slope": of_cross_entropy, "objective": "cross_entropy"}
    return [*deep(slope, **how), *(deep(**other) if of_cross_entropy else ())]


LEANING = {task: 0.75 * effect for task, effect in HALF.items()}
VAGUE_FLIPS = {"noise": 0.5, "seeds": 10}
OPPOSITE = {"digits": -0.9, "breast_cancer": 0.9}
MIXED_Q = [1.5, 1.5, 0.5, 0.5, 0.5]
# claim -> what makes its cells, of what for each verdict, and how vague cells are made
KNOWN = {
    "C2": (wrongly_saturated, (1.6, 0.4), (0.5, 0.45), (1.6, 0.4, 0.2), (0.75, 0.4), {}),
    "C3": (divergence, (0.5, 0.6), (0.0, 0.02), (0.0, 0.6), (0.1, 0.1), {"seeds": 20}),
    "C4": (settling, (0.4, 0.3), (0.005, 0.0), (HALF, HALF), (0.05, 0.05), VAGUE),
    "C5": (small_changes, (0.0, 0.0), (0.2, 0.3), (0.0, 0.4), (0.0, 0.0), VAGUE),
    "C6": (twins, (0.3, 0.0, 0.2), (0.0, 0.3, 0.1), (0.0, HALF, 0.1), (0.05, 0.0, 0.02), VAGUE),
    "C7": (at_zero, (0.0, 0.0), (0.2, 0.3), (0.0, 0.3), (0.0, 0.0), VAGUE),
    "C8": (optimizers, (0.3, 0.4, 0.5), (0.0, -0.2, -0.3), (0.3, 0.3, -0.3), (0.1,) * 3, VAGUE),
    "C9": (histories, ([0.5] * 5,), ([1.45] * 5,), (MIXED_Q,), ([1.26] * 5,), {}),
    "C10": (saturating, (0.03,), (-0.03,), (0.03, -0.03), (0.0,), {"noise": 0.2, "seeds": 8}),
    "C11": (flips, (0.8, 0.7), (0.0, -0.1), (0.8, OPPOSITE), (0.3, 0.3), VAGUE_FLIPS),
    "C12": (scale_and_shape, (0.0, 0.4), (0.5, 0.05), (LEANING, 0.4), (0.05, 0.05), VAGUE),
}
VERDICTS = ("supported", "contradicted", "mixed", "not decided")
CASES = {
    (claim, verdict): partial(make, *given, **(vague if verdict == "not decided" else {}))
    for claim, (make, *truths, vague) in KNOWN.items()
    for verdict, given in zip(VERDICTS, truths, strict=True)
}
"""(claim, verdict) -> makes cells that must give it, judged for this claim alone."""
