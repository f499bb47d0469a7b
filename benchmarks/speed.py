"""Every engine on the same work, in turn: microseconds a replica and update.

First it is checked that the engines compute the same weights; then, for each workload and
optimizer, all engines are asked again and again in the same order (A B A B ...), each in a process
of its own on one and the same core. Nets are trained a little before they are timed, for the
values that they meet matter.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from benchmarks import agreement, machine
from benchmarks.children import Child
from benchmarks.engines import ENGINES, LOOPED
from benchmarks.workloads import WORKLOADS, Workload, make_job

STUDY_UPDATES = 1000  # of a training in the default experiment; what compiling is spread over
WARM_ROUNDS = 5
SCATTER = 1.5  # between the turns of a row that may be called an engine's best
Say = Callable[[str], None]


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
    The content of speed.json but for the plain study's row.
    """
    names = [e.name for e in ENGINES.values() if e.present() and not (effort.quick and e.extra)]
    workloads = [w for w in WORKLOADS.values() if not only or w.name in only]
    rows: list[dict[str, Any]] = []
    peaks: list[float] = []
    with _started(names) as children:
        found = _machine(children)
        checks = list(check(children, workloads, effort, say))
        for workload in workloads if effort.quick else ():
            for optimizer in workload.rates:
                rows += _in_turn(workload, optimizer, children, effort, peaks, say)
    for workload in () if effort.quick else workloads:
        for optimizer in workload.rates:
            with _started(names) as children:  # fresh ones: nobody's memory is in disorder
                rows += _in_turn(workload, optimizer, children, effort, peaks, say)
    peak = statistics.median(peaks)
    found["gemm_peak_gflops"] = round(peak, 1)
    found["load_average_after"] = machine.load_average()
    _compare(rows, peak)
    return {"quick": effort.quick, "machine": found, "checks": checks, "rows": rows}


@contextmanager
def _started(names: Sequence[str]) -> Iterator[dict[str, Child]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(Child(name)) for name in names}


def _machine(children: Mapping[str, Child]) -> dict[str, Any]:
    found = machine.describe() | {
        "load_average_before": machine.load_average(),
        "blas": children["ours"].call("benchmarks.machine:blas"),
    }
    if "torch_stacked" in children:
        found["torch"] = children["torch_stacked"].call("benchmarks.machine:torch_kernels")
    found["product_gflops"] = {
        name: round(children[name].call("benchmarks.engines:product_rate", name), 1)
        for name in ("ours", "jax", "torch_stacked")
        if name in children
    }
    return found


def check(
    children: Mapping[str, Child], workloads: Sequence[Workload], effort: Effort, say: Say
) -> Iterator[dict[str, Any]]:
    """Compare all engines' weights with ours, in float64.

    Raises
    ------
    AssertionError
        Where an engine computes something else.
    """

    def orders(*asked: Any) -> Any:
        return children["ours"].call("benchmarks.engines:orders", *asked)

    for workload in workloads:
        for optimizer in workload.rates:
            if effort.quick and (workload.name, optimizer) not in agreement.QUICK:
                continue
            job = agreement.check_job(workload, optimizer, orders)
            rounds = agreement.ROUNDS[workload.name]
            trainers = {
                name: lambda n, name=name, job=job: children[name].call(
                    "benchmarks.engines:weights", name, job, n
                )
                for name in children
            }
            found = dict(agreement.differences(job, rounds, trainers))
            worst = max(found.values(), default=0.0)
            say(
                f"{workload.name} {optimizer}: weights after {rounds * job.round} updates "
                f"agree to {worst:.0e}"
            )
            bad = {n: d for n, d in found.items() if not d <= agreement.TOLERANCE}
            assert not bad, f"{workload.name} {optimizer}: other weights than ours: {bad}"
            yield {
                "workload": workload.name,
                "optimizer": optimizer,
                "updates": rounds * job.round,
                "largest_difference": found,
            }


Timed = dict[tuple[str, int], dict[str, Any]]


def _in_turn(
    workload: Workload,
    optimizer: str,
    children: Mapping[str, Child],
    effort: Effort,
    peaks: list[float],
    say: Say,
) -> list[dict[str, Any]]:
    ours = children["ours"]
    timed: Timed = {}
    jobs: dict[int, Any] = {}
    for name, child in children.items():
        for replicas in _replicas(workload, name, effort):
            if replicas not in jobs:
                job = make_job(workload, optimizer, replicas)
                start = ours.call("benchmarks.engines:weights", "ours", job, WARM_ROUNDS)
                jobs[replicas] = replace(job, start=start)
            compiling = child.call(
                "benchmarks.engines:prepare", name, str(replicas), jobs[replicas], effort.seconds
            )
            timed[name, replicas] = {"compile_seconds": compiling, "cpu": [], "wall": []}
    for _ in range(effort.repeats):
        peaks.append(ours.call("benchmarks.engines:product_rate", "ours"))
        for (name, replicas), found in timed.items():
            cpu, wall = children[name].call("benchmarks.engines:measure", str(replicas))
            found["cpu"].append(cpu)
            found["wall"].append(wall)
    best = _best(timed)
    shown = ", ".join(f"{name} {us:.3g}" for name, us in best.items())
    say(f"{workload.name} {optimizer}, us a replica and update: {shown}")
    for child in children.values():
        child.call("benchmarks.engines:forget")
    return _rows(workload, optimizer, timed)


def _replicas(workload: Workload, engine: str, effort: Effort) -> tuple[int, ...]:
    if not ENGINES[engine].stacks:
        return LOOPED[:1] if effort.quick else LOOPED
    return workload.quick if effort.quick else workload.replicas


def _best(timed: Timed) -> dict[str, float]:
    best: dict[str, float] = {}
    for (name, _), found in timed.items():
        us = statistics.median(found["cpu"])
        best[name] = min(us, best.get(name, us))
    return best


def _rows(workload: Workload, optimizer: str, timed: Timed) -> list[dict[str, Any]]:
    rows = []
    for (name, replicas), found in timed.items():
        us = statistics.median(found["cpu"])
        row = {
            "workload": workload.name,
            "engine": name,
            "optimizer": optimizer,
            "replicas": replicas,
            "threads": 1,
            "us_per_replica_update": us,
            "lowest": min(found["cpu"]),
            "highest": max(found["cpu"]),
            "wall_over_cpu": statistics.median(found["wall"]) / us,
        }
        rows.append(row)
        if name == "jax":
            spread = 1e6 * found["compile_seconds"] / (STUDY_UPDATES * replicas)
            with_compile = {k: row[k] + spread for k in ("us_per_replica_update", "lowest")}
            with_compile["highest"] = row["highest"] + spread
            compiled = {"engine": "jax_with_compile", "compile_seconds": found["compile_seconds"]}
            rows.append({**row, **with_compile, **compiled})
    return rows


def _compare(rows: list[dict[str, Any]], peak: float) -> None:
    """Add ratios to ours at its best, the share of the peak, and which row is an engine's best."""
    groups: dict[tuple[str, str], dict[str, list[dict[str, Any]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for row in rows:
        groups[row["workload"], row["optimizer"]][row["engine"]].append(row)
    for (workload, _), engines in groups.items():
        quickest = min(row["us_per_replica_update"] for row in _steady(engines["ours"]))
        at_peak = WORKLOADS[workload].flops() / peak / 1e3  # us
        for of_engine in engines.values():
            least = min(row["us_per_replica_update"] for row in _steady(of_engine))
            for row in of_engine:
                row["best"] = row["us_per_replica_update"] == least
                row["ratio_to_ours"] = row["us_per_replica_update"] / quickest
                if row["engine"] == "ours":
                    row["fraction_of_gemm_peak"] = at_peak / row["us_per_replica_update"]


def _steady(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows whose turns agree, if any do.

    Where setting up takes most of the time, what is left after it is taken away can be anything.
    """
    return [row for row in rows if row["highest"] <= SCATTER * row["lowest"]] or rows


def add_plain_study(report: dict[str, Any], row: dict[str, Any]) -> None:
    """Add the row of the plain way to do a study (see `plain_study`), with its ratio."""
    ours = [
        r["us_per_replica_update"]
        for r in report["rows"]
        if r["engine"] == "ours"
        and r["best"]
        and (r["workload"], r["optimizer"]) == (row["workload"], row["optimizer"])
    ]
    ratio = row["us_per_replica_update"] / min(ours) if ours else None
    report["rows"].append({**row, "best": True, "ratio_to_ours": ratio})


def timed_run(effort: Effort, say: Say, only: Sequence[str] = ()) -> dict[str, Any]:
    """`run`, with its own duration in the result."""
    started = time.monotonic()
    report = run(effort, say, only)
    report["seconds"] = round(time.monotonic() - started, 1)
    return report
