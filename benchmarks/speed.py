"""Every engine on the same work, in turn: microseconds a replica and update.

First it is checked that the engines compute the same weights. Then all engines are timed in turn
(A B A B ...) for each workload and optimizer, each in a process of its own on the same core. Nets
are trained a little before they are timed, for the values that they meet matter.
"""

from __future__ import annotations

import itertools
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import engines, machine, ours
from benchmarks.children import Child
from benchmarks.workloads import WORKLOADS, Job, Trainer, Workload, make_job

Array = NDArray[Any]
Row = dict[str, Any]
Say = Callable[[str], None]

STUDY_UPDATES = 1000  # of a training in the default experiment; what compiling is spread over
WARM_ROUNDS = 5
SCATTER = 1.5  # highest over lowest turn of a row that may be called an engine's best

CHECK_ROUNDS = {"W1": 2, "W2": 2, "W3": 1, "W4": 2}  # epochs, so that their border is crossed
CHECKED_IN_QUICK = {("W1", "sgd"), ("W1", "adam"), ("W2", "sgd"), ("W4", "adam")}
TOLERANCE = 1e-8  # on weights of size 1; two places of ε alone make 4e-10
MOVED = 1e-3  # weights must have gone at least so far


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Parameters
    ----------
    repeats
        Turns.
    seconds
        About how long an engine works in a turn.
    quick
        One number of replicas an engine, fewer checks, no extra engines.
    """

    repeats: int = 5
    seconds: float = 0.25
    quick: bool = False


FULL, QUICK = Effort(), Effort(repeats=3, seconds=0.06, quick=True)


def run(effort: Effort, say: Say, only: Sequence[str] = ()) -> dict[str, Any]:
    """Check and time all engines that are installed.

    Parameters
    ----------
    effort
        How thoroughly.
    say
        Told of progress.
    only
        Names of workloads; all if empty.

    Returns
    -------
    The machine, the checks, and a row for each workload, optimizer, engine and replicas.
    """
    names = [
        e.name for e in engines.ENGINES.values() if e.present() and not (effort.quick and e.extra)
    ]
    workloads = [w for w in WORKLOADS.values() if not only or w.name in only]
    pairs = [(workload, optimizer) for workload in workloads for optimizer in workload.rates]
    rows: list[Row] = []
    peaks: list[float] = []
    with _started(names) as children:
        found = machine.describe(children)
        checks = list(check(children, pairs, effort, say))
        for workload, optimizer in pairs if effort.quick else ():
            rows += _in_turn(workload, optimizer, children, effort, peaks, say)
    for workload, optimizer in () if effort.quick else pairs:
        with _started(names) as children:  # fresh ones: nobody's memory is in disorder
            rows += _in_turn(workload, optimizer, children, effort, peaks, say)
    found["gemm_peak_gflops"] = round(statistics.median(peaks), 1)
    found["load_average_after"] = machine.load_average()
    compare(rows, found["gemm_peak_gflops"])
    return {"quick": effort.quick, "machine": found, "checks": checks, "rows": rows}


@contextmanager
def _started(names: Sequence[str]) -> Iterator[dict[str, Child]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(Child()) for name in names}


# ---- do all engines compute the same? -----------------------------------------------------------


def check_job(
    workload: Workload, optimizer: str, orders: Callable[[Sequence[int], int, int], Array]
) -> Job:
    """Lay out four small trainings: two seeds, two learning rates, adam's ε as good as zero."""
    return make_job(
        workload, optimizer, 4, orders, dtype="float64", epsilon=1e-16, rates=2, epochs=3
    )


def differences(job: Job, rounds: int, trainers: Mapping[str, Trainer]) -> dict[str, float]:
    """Return for each trainer but the first its largest difference from the first.

    Raises
    ------
    AssertionError
        If the first trainer's weights did not move.
    """
    (_, first), *others = trainers.items()
    expected = first(rounds)
    assert np.abs(expected - job.start).max() > MOVED, "nothing was learnt"
    return {name: float(np.abs(train(rounds) - expected).max()) for name, train in others}


def check(
    children: Mapping[str, Child],
    pairs: Iterable[tuple[Workload, str]],
    effort: Effort,
    say: Say,
) -> Iterator[dict[str, Any]]:
    """Compare all engines' weights with ours, in float64.

    Raises
    ------
    AssertionError
        Where an engine computes something else.
    """

    def trainer(name: str, job: Job) -> Trainer:
        return lambda rounds: children[name].call(engines.weights, name, job, rounds)

    def orders(seeds: Sequence[int], patterns: int, epochs: int) -> Array:
        return children["ours"].call(ours.orders, seeds, patterns, epochs)

    for workload, optimizer in pairs:
        if effort.quick and (workload.name, optimizer) not in CHECKED_IN_QUICK:
            continue
        job = check_job(workload, optimizer, orders)
        rounds = CHECK_ROUNDS[workload.name]
        found = differences(job, rounds, {name: trainer(name, job) for name in children})
        what = f"{workload.name} {optimizer}"
        worst = max(found.values(), default=0.0)
        say(f"{what}: weights after {rounds * job.round} updates agree to {worst:.0e}")
        bad = {name: d for name, d in found.items() if not d <= TOLERANCE}
        assert not bad, f"{what}: other weights than ours: {bad}"
        yield {"what": what, "largest_difference": found}


# ---- how fast are they? -------------------------------------------------------------------------


def _in_turn(
    workload: Workload,
    optimizer: str,
    children: Mapping[str, Child],
    effort: Effort,
    peaks: list[float],
    say: Say,
) -> list[Row]:
    asked = {name: _replicas(workload, name, effort) for name in children}
    jobs: dict[int, Job] = {}
    for replicas in sorted(set(itertools.chain(*asked.values()))):
        job = make_job(workload, optimizer, replicas)
        start = children["ours"].call(engines.weights, "ours", job, WARM_ROUNDS)
        jobs[replicas] = replace(job, start=start)
    compiling = {
        (name, r): children[name].call(engines.prepare, name, jobs[r], effort.seconds)
        for name in children
        for r in asked[name]
    }
    turns: dict[tuple[str, int], list[tuple[float, float]]] = defaultdict(list)
    for _ in range(effort.repeats):
        peaks.append(children["ours"].call(engines.product_rate, "ours"))
        for name, replicas in compiling:
            turns[name, replicas].append(children[name].call(engines.measure, replicas))
    rows: list[Row] = []
    for (name, replicas), times in turns.items():
        cpu, wall = ([turn[i] for turn in times] for i in (0, 1))
        us = statistics.median(cpu)
        row: Row = {
            **{"workload": workload.name, "optimizer": optimizer, "replicas": replicas},
            **{"us": us, "lowest": min(cpu), "highest": max(cpu)},
            "wall_over_cpu": statistics.median(wall) / us,
        }
        rows.append({"engine": name, **row})
        if name == "jax":
            spread = 1e6 * compiling[name, replicas] / (STUDY_UPDATES * replicas)
            slower = {key: row[key] + spread for key in ("us", "lowest", "highest")}
            rows.append({"engine": "jax_with_compile", **row, **slower})
    quickest = sorted(rows, key=lambda row: float(row["us"]), reverse=True)
    best = {row["engine"]: f"{row['us']:.3g}" for row in quickest}  # the least comes last
    say(f"{workload.name} {optimizer}, us a replica and update: {best}")
    for child in children.values():
        child.call(engines.forget)
    return rows


def _replicas(workload: Workload, engine: str, effort: Effort) -> tuple[int, ...]:
    if not engines.ENGINES[engine].stacks:
        return engines.LOOPED[:1] if effort.quick else engines.LOOPED
    return (workload.quick,) if effort.quick else workload.replicas


def compare(rows: Sequence[Row], peak: float) -> None:
    """Add to each row its ratio to ours at its best, and whether it is its engine's best.

    Ours also get the share of the peak, the rate of a large matrix product in GFLOP/s.
    """
    groups: dict[tuple[str, str], dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        groups[row["workload"], row["optimizer"]][row["engine"]].append(row)
    for (workload, _), by_engine in groups.items():
        quickest = min(row["us"] for row in _steady(by_engine["ours"]))
        for of_engine in by_engine.values():
            least = min(row["us"] for row in _steady(of_engine))
            for row in of_engine:
                row["best"] = row["us"] == least
                row["ratio_to_ours"] = row["us"] / quickest
        for row in by_engine["ours"]:
            row["share_of_peak"] = WORKLOADS[workload].flops() / peak / 1e3 / row["us"]


def _steady(rows: list[Row]) -> list[Row]:
    """Return rows whose turns agree, if any do.

    Where setting up takes most of the time, what is left after it is taken away can be anything.
    """
    return [row for row in rows if row["highest"] <= SCATTER * row["lowest"]] or rows
