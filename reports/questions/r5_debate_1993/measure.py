"""R5: what no table of runs holds - where steps go uphill, and how training moves at its end.

``python -m reports.questions.r5_debate_1993.measure`` writes ``descent.csv`` and
``oscillation.csv`` beside this file.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from study.datasets import load
from study.evidence.statistics import wilson
from study.learning import Array
from study.learning.core.stack import Stack
from study.learning.core.training import initial, train
from study.learning.design import Budget, Design, named_design
from study.learning.problem import Problem, pose

DESCENT = Path(__file__).with_name("descent.csv")
OSCILLATION = Path(__file__).with_name("oscillation.csv")

SEEDS = range(2001, 2041)
NETS = range(2001, 2101)
DEPTHS = (1, 2, 3, 4)
UNITS = 8
AFTER = (0, 100, 1000)
"""Updates under the constant after which a net is looked at."""
RATE = 0.3
WIDE = 8.0
"""Gain of initial weights that saturate many units: the largest of C10's grid."""
PATTERNS = 32
ROUNDING = 1e-9
"""Of the product of both norms: nearer to 0 is no direction."""
STATES = {"trained": slice(0, 3), "wide": slice(3, 4), "any": slice(0, 4)}
TASKS = {"one output": "circles", "ten outputs": "digits"}

LAST = 200  # updates, each of which is looked at
PARTS = (1, 3, 10)  # the rate is the rule's own, and these parts of it


def uphill(design: Design, problem: Problem, parameters: Array) -> Array:
    """Tell where a small step under the design's rule would raise the objective, (R,).

    That is g~·g < 0, with g~ the modified gradient and g the exact one on all patterns of the
    problem. `parameters` (R, P), float64; the problem has one data set, or R.
    """
    stack = Stack(problem, design, list(range(len(parameters))), parameters)
    patterns = problem.inputs.shape[1]
    used, true = (stack.gradient(rules, patterns) for rules in (stack.rules, stack.exact))
    sizes = np.linalg.norm(used, axis=1) * np.linalg.norm(true, axis=1)
    return np.asarray((used * true).sum(axis=1) < -ROUNDING * sizes)


def one_by_one(problem: Problem) -> Problem:
    """Return the patterns of all data sets, each as a data set of its own."""
    x, t = (array.reshape(-1, 1, array.shape[2]) for array in (problem.inputs, problem.targets))
    return replace(problem, inputs=x, targets=t)


def descent(seeds: Sequence[int] = NETS) -> Iterator[dict[str, Any]]:
    """Yield in which share of nets a step goes uphill, by depth, location, outputs and state.

    Nets are logistic, 8 units a layer. The state is "trained", after `AFTER` updates under the
    constant; "wide", initial weights of gain 8; or "any". ``patterns`` is "one" for each of the
    first 32 patterns alone, "all" for these together.
    """
    for outputs, dataset in TASKS.items():
        for depth in DEPTHS:
            for location in ("hidden", "all"):
                design = named_design(
                    (UNITS,) * depth, "logistic", gradient="removed", location=location
                )
                for patterns, found in steps(design, dataset, seeds).items():
                    for state, which in STATES.items():
                        shares = found[which]
                        yield {
                            **{"depth": depth, "location": location, "outputs": outputs},
                            **{"state": state, "patterns": patterns, "nets": shares.size},
                            **_interval(shares.mean(axis=0), shares.size),
                        }


def steps(design: Design, dataset: str, seeds: Sequence[int]) -> dict[str, Array]:
    """Return each net's share of steps uphill over its patterns, (states, S)."""
    data = [load(dataset, seed) for seed in seeds]
    problem = pose(data, design.objective, design.output(data[0].targets.shape[1]))
    few = replace(
        problem, inputs=problem.inputs[:, :PATTERNS], targets=problem.targets[:, :PATTERNS]
    )
    states = [_after(problem, design, updates, seeds) for updates in AFTER]
    states.append(initial(replace(design, gain=WIDE), problem, seeds))
    one = [uphill(design, one_by_one(few), np.repeat(w, PATTERNS, axis=0)) for w in states]
    return {
        "one": np.array(one).reshape(len(states), len(seeds), PATTERNS).mean(axis=2),
        "all": np.array([uphill(design, few, w) for w in states], float),
    }


def _after(problem: Problem, design: Design, updates: int, seeds: Sequence[int]) -> Array:
    if not updates:
        return initial(design, problem, seeds)
    budget = Budget(updates, decay=False, checkpoints=2, probes=0, dtype="float64")
    return train(problem, design, budget, seeds, [RATE]).parameters


def _interval(of_seeds: Array, nets: int) -> dict[str, float]:
    """Return a mean over seeds with limits of 95 %; where all are 0, Wilson's over nets."""
    mean = float(of_seeds.mean())
    if not of_seeds.any():
        return {"share": 0.0, "low": 0.0, "high": float(wilson(0, nets)[1])}
    half = student.ppf(0.975, len(of_seeds) - 1) * of_seeds.std(ddof=1) / np.sqrt(len(of_seeds))
    return {"share": mean, "low": max(mean - half, 0.0), "high": min(mean + half, 1.0)}


def movement(objective: Array) -> tuple[Array, Array]:
    """Return how a curve (R, updates) moves: share of updates that rise, and its swing.

    The swing is (largest - smallest) / smallest.
    """
    steps = np.diff(objective, axis=1)
    rises = (steps > 1e-12 * objective[:, :-1]).mean(axis=1)
    return rises, np.ptp(objective, axis=1) / objective.min(axis=1)


def oscillation(
    rates: pd.DataFrame, seeds: Sequence[int] = SEEDS, updates: int = 2000
) -> Iterator[dict[str, Any]]:
    """Yield each run's last 200 updates in full batches at constant rates.

    `rates` has ``dataset, hidden, rule, learning_rate``: each rule's own.
    """
    for _, row in rates.iterrows():
        rule = RULES[row["rule"]]
        uniform = {"uniform": {"r": 1, "biases": "same"}}
        design = named_design(
            [int(width) for width in str(row["hidden"]).split("-")], "logistic", gradient=rule,
            location="all", initialisation=uniform if row["dataset"] == "encoder" else "glorot",
        )  # fmt: skip
        spec = SETS[row["dataset"]]
        fresh = row["dataset"] != "encoder"
        data = [load(spec, seed) for seed in (seeds if fresh else [0])]
        problem = pose(data, design.objective, design.output(data[0].targets.shape[1]))
        tried = [row["learning_rate"] / part for part in PARTS]
        budget = Budget(
            updates, batch_size=None, decay=False, checkpoints=2, probes=0, dtype="float64"
        )
        state = train(problem, design, budget, seeds, tried).parameters
        every = replace(budget, updates=LAST, checkpoints=100 * LAST)
        done = train(problem, design, every, seeds, tried, start=state, done=updates)
        rises, swing = movement(done.curves["objective"])
        for k, (up, size) in enumerate(zip(rises, swing, strict=True)):
            yield {
                **{"dataset": row["dataset"], "rule": row["rule"]},
                **{"part": PARTS[k % len(PARTS)], "seed": seeds[k // len(PARTS)]},
                **{"rate": tried[k % len(PARTS)], "rises": up, "swing": size},
                **{"left": done.final_objective[k] - done.optimum[k]},
            }


RULES: dict[str, Any] = {
    "exact": "exact",
    "offset": {"offset": {"amount": 0.1, "absolute": True}},
    "constant": {"constant": {"value": 0.1}},
}
SETS: dict[str, Any] = {
    "encoder": {"encoder": {"size": 10}},
    "circles": {"circles": {"patterns": 100}},
    "conflicts": {"conflicts": {"points": 40, "copies": 5, "flipped": 1}},
}


def own_rates(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rates that the experiment chose for training at constant rates."""
    from reports.questions.r5_debate_1993.table import STILL, arm

    rows = [
        (
            dataset,
            hidden,
            rule,
            arm(frame, dataset, hidden, rule, decay=False)["learning_rate"].iloc[0],
        )
        for dataset, hidden in STILL
        for rule in RULES
    ]
    return pd.DataFrame(rows, columns=["dataset", "hidden", "rule", "learning_rate"])


def main() -> None:
    """Write both tables; the rates are those of the experiment's runs."""
    from reports.command import ROOT
    from study.evidence.sources import place_of, stored_runs

    how: dict[str, Any] = {"index": False, "float_format": "%.4g", "lineterminator": "\n"}
    pd.DataFrame(descent()).to_csv(DESCENT, **how)
    name = "replications" if place_of(ROOT, "replications") else "r5_debate_1993"
    frame = stored_runs(ROOT, name)
    pd.DataFrame(oscillation(own_rates(frame))).to_csv(OSCILLATION, **how)


if __name__ == "__main__":
    main()
