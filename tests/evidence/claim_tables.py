"""Run tables whose truth is known, for each claim and each verdict that it can get."""

import itertools

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
    cells = []
    for task in tasks:
        cells.append(runs(**TASKS[task], **(exact or {}), **how))
        for columns, effect in effects:
            cells.append(runs(BASE + _at(effect, task), **TASKS[task], **columns, **how))
    return cells


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
    rules = (
        with_rule("floor", minimum=0.1),
        with_rule("offset", amount=0.1),
        with_rule("power", exponent=0.5),
    )
    cells = arms(TASKS, [], **how)
    for rule in rules:
        for consistent, value in (("false", mismatch), ("true", twin), ("forward", forward)):
            columns = rule | {"consistent": consistent} | how
            cells += [runs(BASE + _at(value, t), **TASKS[t], **columns) for t in TASKS]
    return cells


def at_zero(natural, persistent, **how):
    """C7: decades by which relu's slope 1 at zero is above slope 0, in two regimes.

    At its own rate and at exact's.
    """
    one = with_rule("relu_at_zero", value=1.0, arm="scale")
    tasks = ("digits", "breast_cancer", "diabetes")
    cells = []
    for activation, effect in (("relu", natural), ("relu_rounded", persistent)):
        regime = {"activation": activation, "initialisation": "he"}
        effects = [(one | regime | {"stage": stage}, effect) for stage in ("evaluate", "transfer")]
        cells += arms(tasks, effects, regime, **how)
    return cells


def optimizers(nesterov, adagrad, rmsprop, **how):
    """C8: decades by which sgd is above each."""
    tasks = ("digits", "breast_cancer", "diabetes", "teacher")
    others = {"nesterov": nesterov, "adagrad": adagrad, "rmsprop": rmsprop}
    effects = [({"optimizer": name}, -value) for name, value in others.items()]
    return arms(tasks, effects, **how)


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
    for number, (rule, effect) in enumerate(
        (("exact", 0.0), ("removed", removed), ("mean_matched", matched))
    ):
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
    effects = [
        (with_rule("scaled"), scale),
        (with_rule("mean_matched"), shape),
        (REMOVED, {t: _at(shape, t) + _at(scale, t) for t in TASKS}),
    ]
    return arms(TASKS, effects, **how)


LEANING = {task: 0.75 * effect for task, effect in HALF.items()}
CASES = {
    ("C2", "supported"): lambda: escapes([({}, 1.6), (REMOVED, 0.4)]),
    ("C2", "contradicted"): lambda: escapes([({}, 0.5), (REMOVED, 0.45)]),
    ("C2", "not decided"): lambda: escapes([({}, 0.75), (REMOVED, 0.4)]),
    ("C2", "mixed"): lambda: [
        *escapes([({}, 1.6), (REMOVED, 0.4)]),
        *escapes([({"hidden": "8"}, 0.2), (REMOVED | {"hidden": "8"}, 0.4)]),
    ],
    ("C3", "supported"): lambda: divergence(0.5, 0.6),
    ("C3", "contradicted"): lambda: divergence(0.0, 0.02),
    ("C3", "mixed"): lambda: divergence(0.0, 0.6),
    ("C3", "not decided"): lambda: divergence(0.1, 0.1, seeds=20),
    ("C4", "supported"): lambda: settling(0.4, 0.3),
    ("C4", "contradicted"): lambda: settling(0.005, 0.0),
    ("C4", "mixed"): lambda: settling(HALF, HALF),
    ("C4", "not decided"): lambda: settling(0.05, 0.05, **VAGUE),
    ("C5", "supported"): lambda: small_changes(0.0, 0.0),
    ("C5", "contradicted"): lambda: small_changes(0.2, 0.3),
    ("C5", "mixed"): lambda: small_changes(0.0, 0.4),
    ("C5", "not decided"): lambda: small_changes(0.0, 0.0, **VAGUE),
    ("C6", "supported"): lambda: twins(0.3, 0.0, 0.2),
    ("C6", "contradicted"): lambda: twins(0.0, 0.3, 0.1),
    ("C6", "mixed"): lambda: twins(0.0, HALF, 0.1),
    ("C6", "not decided"): lambda: twins(0.05, 0.0, 0.02, **VAGUE),
    ("C7", "supported"): lambda: at_zero(0.0, 0.0),
    ("C7", "contradicted"): lambda: at_zero(0.2, 0.3),
    ("C7", "mixed"): lambda: at_zero(0.0, 0.3),
    ("C7", "not decided"): lambda: at_zero(0.0, 0.0, **VAGUE),
    ("C8", "supported"): lambda: optimizers(0.3, 0.4, 0.5),
    ("C8", "contradicted"): lambda: optimizers(0.0, -0.2, -0.3),
    ("C8", "mixed"): lambda: optimizers(0.3, 0.3, -0.3),
    ("C8", "not decided"): lambda: optimizers(0.1, 0.1, 0.1, **VAGUE),
    ("C9", "supported"): lambda: histories([0.5] * 5),
    ("C9", "contradicted"): lambda: histories([1.45] * 5),
    ("C9", "mixed"): lambda: histories([1.5, 1.5, 0.5, 0.5, 0.5]),
    ("C9", "not decided"): lambda: histories([1.26] * 5),
    ("C10", "supported"): lambda: deep(0.03),
    ("C10", "contradicted"): lambda: deep(-0.03),
    ("C10", "mixed"): lambda: [*deep(0.03), *deep(-0.03, objective="cross_entropy")],
    ("C10", "not decided"): lambda: deep(0.0, noise=0.2, seeds=8),
    ("C11", "supported"): lambda: flips(0.8, 0.7),
    ("C11", "contradicted"): lambda: flips(0.0, -0.1),
    ("C11", "mixed"): lambda: flips(0.8, {"digits": -0.9, "breast_cancer": 0.9}),
    ("C11", "not decided"): lambda: flips(0.3, 0.3, noise=0.5, seeds=10),
    ("C12", "supported"): lambda: scale_and_shape(0.0, 0.4),
    ("C12", "contradicted"): lambda: scale_and_shape(0.5, 0.05),
    ("C12", "mixed"): lambda: scale_and_shape(LEANING, 0.4),
    ("C12", "not decided"): lambda: scale_and_shape(0.05, 0.05, **VAGUE),
}
"""(claim, verdict) -> makes cells that must give it, judged for this claim alone."""
