"""What each activation, gradient modification and optimizer costs beside tanh, exact and sgd."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from benchmarks import ours
from benchmarks.results import goal
from benchmarks.workloads import WORKLOADS, Job, Trainer, make_job
from study.learning.activations import ACTIVATIONS, bound_activation
from study.learning.core.training import Design
from study.learning.objectives import OBJECTIVES
from study.learning.optimizers import OPTIMIZERS
from study.learning.rules import EXACT, GRADIENTS
from study.learning.variants import resolve

REPLICAS = 64
AT_MOST = 1.6
RATES = {"sgd": (0.003, 0.1), "adam": (0.0001, 0.003)}  # nothing diverges, whatever the rule
BASE = ("activation", "tanh")


@dataclass
class Timed:
    """A variant under measurement."""

    what: tuple[str, str]
    trainer: Trainer
    rounds: int = 0
    us: list[float] | None = None


def measure(quick: bool) -> list[dict[str, Any]]:
    """Return a row for each variant: its time a step over that of tanh, exact, sgd."""
    jobs = {name: _job(name) for name in RATES}
    timed = [Timed(what, _trainer(jobs, design)) for what, design in designs()]
    seconds, repeats = (0.03, 3) if quick else (0.15, 7)
    for one in timed:
        one.trainer.run(1)
        short, long = _seconds(one, 1), _seconds(one, 2)
        one.rounds = 1 + max(1, round(seconds / max(long - short, short / 8, 1e-5)))
        one.us = []
    updates = jobs["sgd"].round * REPLICAS
    for _ in range(repeats):
        for one in timed:
            assert one.us is not None
            one.trainer.run(1)  # others had the caches
            took = _seconds(one, one.rounds) - _seconds(one, 1)
            one.us.append(1e6 * took / (one.rounds - 1) / updates)
    us = {one.what: statistics.median(one.us or []) for one in timed}
    base = us[BASE]
    rows = [goal("variants", "a step of tanh, exact, sgd on W1", base, "us a replica", None)]
    for what, value in us.items():
        if what != BASE:
            ratio = value / base
            rows.append(goal("variants", f"{what[0]} {what[1]}", ratio, "× that", AT_MOST))
    return rows


def designs() -> Iterator[tuple[tuple[str, str], Design]]:
    """Yield every record with a design that has it, the base first."""
    base = Design(
        hidden=WORKLOADS["W1"].widths[1:-1],
        activation=bound_activation("tanh"),
        objective=OBJECTIVES["squared_error"],
        gradient=EXACT,
        location="hidden",
        initialisation=ours.design_of(_job("sgd")).initialisation,
        gain=1.0,
        optimizer=resolve("optimizer", OPTIMIZERS, "sgd"),
    )
    yield BASE, base
    for name in ACTIVATIONS:
        if name != BASE[1]:
            yield ("activation", name), replace(base, activation=bound_activation(name))
    for name, record in GRADIENTS.items():
        variant = resolve("gradient", GRADIENTS, name)
        if variant == EXACT:
            continue
        for activation in ("tanh", *ACTIVATIONS):  # the first that the rule is made for
            bound = bound_activation(activation)
            refused = record.refusal and record.refusal(variant.values, bound, base.hidden[0])
            if not refused:
                label = name if activation == "tanh" else f"{name} (with {activation})"
                yield ("gradient", label), replace(base, gradient=variant, activation=bound)
                break
    for name in OPTIMIZERS:
        if name != "sgd":
            optimizer = resolve("optimizer", OPTIMIZERS, name)
            yield ("optimizer", name), replace(base, optimizer=optimizer)


def _job(optimizer: str) -> Job:
    workload = replace(WORKLOADS["W1"], rates=RATES)
    return make_job(workload, optimizer, REPLICAS)


def _trainer(jobs: dict[str, Job], design: Design) -> Trainer:
    plain = design.optimizer.record.family in ("", "plain", "momentum")
    job = jobs["sgd" if plain else "adam"]
    problem = ours.problem_of(job, design.objective.name)
    return ours.trainer(job, problem, design, ours.budget_of(job))


def _seconds(one: Timed, rounds: int) -> float:
    started = time.process_time()
    one.trainer.run(rounds)
    return time.process_time() - started
