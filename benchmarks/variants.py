"""What each activation, gradient rule and optimizer costs beside tanh, exact and sgd."""

import statistics
from collections.abc import Iterator
from dataclasses import replace

from benchmarks import ours
from benchmarks.engines import Timer
from benchmarks.results import Measured
from benchmarks.workloads import WORKLOADS, make_job
from study.learning.activations import ACTIVATIONS, bound_activation
from study.learning.design import Design, named_design
from study.learning.optimizers import OPTIMIZERS
from study.learning.rules import EXACT, GRADIENTS
from study.learning.variants import resolve

# rates at which nothing diverges, whatever the rule
WORK = replace(WORKLOADS["W1"], rates={"sgd": (0.003, 0.1), "adam": (0.0001, 0.003)})
REPLICAS = 64
GOAL = "<= 1.6"
BASE = "activation tanh"


def measure(quick: bool) -> list[Measured]:
    """Return a row for each variant: its time a step over that of tanh, exact, sgd."""
    jobs = {name: make_job(WORK, name, REPLICAS) for name in WORK.rates}
    seconds, repeats = (0.03, 3) if quick else (0.15, 7)
    timers = {}
    for what, design in designs():
        plain = design.optimizer.record.family in ("", "plain", "momentum")
        job = jobs["sgd" if plain else "adam"]
        timers[what] = Timer(ours.prepare(job, design), job, seconds)
    turns = [{what: timer.measure()[0] for what, timer in timers.items()} for _ in range(repeats)]
    us = {what: statistics.median(turn[what] for turn in turns) for what in timers}
    base = us.pop(BASE)
    return [
        Measured("a step of tanh, exact, sgd on W1", base, "us a replica"),
        *(Measured(what, value / base, "× that", GOAL) for what, value in us.items()),
    ]


def designs() -> Iterator[tuple[str, Design]]:
    """Yield every record with a design that has it, the base first."""
    base = named_design(WORK.widths[1:-1])
    for name in ("tanh", *(name for name in ACTIVATIONS if name != "tanh")):
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
