"""What each activation, gradient rule and optimizer costs beside tanh, exact and sgd."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import replace

from benchmarks import ours
from benchmarks.engines import Timer
from benchmarks.results import Measured
from benchmarks.workloads import WORKLOADS, Job, make_job
from study.learning.activations import ACTIVATIONS, bound_activation
from study.learning.design import Design
from study.learning.objectives import OBJECTIVES
from study.learning.optimizers import OPTIMIZERS
from study.learning.rules import EXACT, GRADIENTS
from study.learning.variants import resolve

REPLICAS = 64
AT_MOST = 1.6
RATES = {"sgd": (0.003, 0.1), "adam": (0.0001, 0.003)}  # nothing diverges, whatever the rule
BASE = "activation tanh"


def measure(quick: bool) -> list[Measured]:
    """Return a row for each variant: its time a step over that of tanh, exact, sgd."""
    jobs = {name: job_of(name) for name in RATES}
    seconds, repeats = (0.03, 3) if quick else (0.15, 7)
    timers = {what: _timer(jobs, design, seconds) for what, design in designs()}
    us: dict[str, list[float]] = {what: [] for what in timers}
    for _ in range(repeats):
        for what, timer in timers.items():
            us[what].append(timer.measure()[0])
    base, *others = ((what, statistics.median(found)) for what, found in us.items())
    return [
        Measured("a step of tanh, exact, sgd on W1", base[1], "us a replica"),
        *(Measured(what, value / base[1], "× that", AT_MOST) for what, value in others),
    ]


def designs() -> Iterator[tuple[str, Design]]:
    """Yield every record with a design that has it, the base first."""
    base = replace(ours.design_of(job_of("sgd")), objective=OBJECTIVES["squared_error"])
    yield BASE, base
    for name in ACTIVATIONS:
        if f"activation {name}" != BASE:
            yield f"activation {name}", replace(base, activation=bound_activation(name))
    for name, record in GRADIENTS.items():
        variant = resolve("gradient", GRADIENTS, name)
        if variant == EXACT:
            continue
        for activation in ("tanh", *ACTIVATIONS):  # the first that the rule is made for
            bound = bound_activation(activation)
            refused = record.refusal and record.refusal(variant.values, bound, base.hidden[0])
            if not refused:
                label = name if activation == "tanh" else f"{name} (with {activation})"
                yield f"gradient {label}", replace(base, gradient=variant, activation=bound)
                break
    for name in OPTIMIZERS:
        if name != "sgd":
            optimizer = resolve("optimizer", OPTIMIZERS, name)
            yield f"optimizer {name}", replace(base, optimizer=optimizer)


def job_of(optimizer: str) -> Job:
    """Lay out a job of W1 at rates that suit every variant."""
    return make_job(replace(WORKLOADS["W1"], rates=RATES), optimizer, REPLICAS)


def _timer(jobs: dict[str, Job], design: Design, seconds: float) -> Timer:
    plain = design.optimizer.record.family in ("", "plain", "momentum")
    job = jobs["sgd" if plain else "adam"]
    problem = ours.problem_of(job, design.objective)
    return Timer(ours.trainer(job, problem, design), job, seconds)
