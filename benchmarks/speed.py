"""Every engine on the same work, in turn: microseconds a replica and update.

First it is checked that the engines compute the same weights. Then all engines are timed in turn
(A B A B ...) for each workload and optimizer, each in a process of its own on the same core. Nets
are trained a little before they are timed, for the values that they meet matter.
"""

import importlib.metadata
import logging
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import engines, ours
from benchmarks.workloads import WORKLOADS, Job, Trainer, Workload, make_job
from study.ablation.publishing.provenance import machine
from study.learning.core.processor import VECTOR

LOG = logging.getLogger("benchmarks")
Processes = Mapping[str, Executor]

REPEATS, SECONDS = 5, 0.25  # turns, and about how long an engine works in a turn
QUICK_REPEATS, QUICK_SECONDS = 3, 0.06
STUDY_UPDATES = 1000  # of a training in the default experiment; what compiling is spread over
WARM_ROUNDS = 5
SCATTER = 1.5  # highest over lowest turn of a row that may be called an engine's best

CHECK_ROUNDS = 2  # epochs, so that their border is crossed
CHECKED_IN_QUICK = {("W1", "sgd"), ("W1", "adam"), ("W2", "sgd"), ("W4", "adam")}
TOLERANCE = 1e-8  # on weights of size 1; two places of ε alone make 4e-10
MOVED = 1e-3  # weights must have gone at least so far

PACKAGES = (
    *("numpy", "scipy", "numba", "scikit-learn", "mlflow", "pandas", "pyarrow"),
    *("jax", "jaxlib", "torch"),
)


def run(quick: bool, only: Sequence[str] = ()) -> dict[str, Any]:
    """Check and time all engines that are installed; `only` these workloads, if any are named.

    A quick run has short turns, one number of replicas an engine, fewer checks, no extra engines.
    Returned are the machine, the checks, and a row for each workload, optimizer, engine and
    number of replicas.
    """
    names = [e.name for e in engines.ENGINES.values() if e.present() and not (quick and e.extra)]
    workloads = [w for w in WORKLOADS.values() if not only or w.name in only]
    pairs = [(workload, optimizer) for workload in workloads for optimizer in workload.rates]
    with _started(names) as processes:
        found = describe(processes)
        checks = [
            check(processes, workload, optimizer)
            for workload, optimizer in pairs
            if not quick or (workload.name, optimizer) in CHECKED_IN_QUICK
        ]
    turns = []
    for some in [pairs] if quick else [[pair] for pair in pairs]:
        with _started(names) as processes:  # fresh ones: nobody's memory is in disorder
            turns += [_in_turn(*pair, processes, quick) for pair in some]
    table = pd.concat(turns)
    peak = table.groupby("turn")["peak"].first().median()
    found["that of ours, median over the run"] = f"{peak:.1f}"
    found["load average after"] = f"{os.getloadavg()[0]:.2f}"
    rows = compare(table, peak).to_dict("records")
    return {"quick": quick, "machine": found, "peak": peak, "checks": checks, "rows": rows}


@contextmanager
def _started(names: Sequence[str]) -> Iterator[Processes]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(engines.process()) for name in names}


def describe(processes: Processes) -> dict[str, str]:
    """Return the machine, the packages' versions, and what the engines multiply with."""
    installed = {d.metadata["Name"]: d.version for d in importlib.metadata.distributions()}
    found = processes["ours"].submit(machine).result()
    kernels = {"ours": f"its own, vectors of {VECTOR} bytes"}
    if "torch_stacked" in processes:
        kernels["torch_stacked"] = (
            processes["torch_stacked"].submit(engines.torch_kernels).result()
        )
    products = (
        f"{name} {processes[name].submit(engines.product_rate, name).result():.1f}"
        for name in ("ours", "jax", "torch_stacked")
        if name in processes
    )
    return {
        "machine": f"{found['processor']}, {os.cpu_count()} cores, {platform.system()}",
        "Python": platform.python_version(),
        "packages": ", ".join(f"{p} {installed[p]}" for p in PACKAGES if p in installed),
        **{f"{name} multiplies with": what for name, what in kernels.items()},
        "product of 2048 × 2048 float32 matrices, GFLOP/s": ", ".join(products),
        "load average before": f"{os.getloadavg()[0]:.2f}",
    }


# ---- do all engines compute the same? -----------------------------------------------------------


def check_job(workload: Workload, optimizer: str) -> Job:
    """Lay out four small trainings, two seeds and two learning rates, on our batches."""
    job = make_job(workload, optimizer, 4, check=True)
    return replace(job, orders=ours.orders(job))


def differences(job: Job, trainers: Mapping[str, Trainer]) -> dict[str, float]:
    """Return for each trainer but the first its largest difference from the first.

    Raises
    ------
    AssertionError
        If the first trainer's weights did not move.
    """
    (_, first), *others = trainers.items()
    expected = first(CHECK_ROUNDS)
    assert np.abs(expected - job.start).max() > MOVED, "nothing was learnt"
    return {name: float(np.abs(train(CHECK_ROUNDS) - expected).max()) for name, train in others}


def check(processes: Processes, workload: Workload, optimizer: str) -> dict[str, Any]:
    """Compare all engines' weights with ours, in float64.

    Raises
    ------
    AssertionError
        Where an engine computes something else.
    """
    job, what = check_job(workload, optimizer), f"{workload.name} {optimizer}"

    def trainer(name: str) -> Trainer:
        return lambda rounds: processes[name].submit(engines.weights, name, job, rounds).result()

    found = differences(job, {name: trainer(name) for name in processes})
    worst = max(found.values(), default=0.0)
    LOG.info(f"{what}: weights after {CHECK_ROUNDS * job.round} updates agree to {worst:.0e}")
    bad = {name: d for name, d in found.items() if not d <= TOLERANCE}
    assert not bad, f"{what}: other weights than ours: {bad}"
    return {"what": what, "largest_difference": found}


# ---- how fast are they? -------------------------------------------------------------------------


def _in_turn(
    workload: Workload, optimizer: str, processes: Processes, quick: bool
) -> pd.DataFrame:
    """Return a row for each turn of each engine and number of replicas."""
    repeats, seconds = (QUICK_REPEATS, QUICK_SECONDS) if quick else (REPEATS, SECONDS)
    stacked = (workload.quick,) if quick else workload.replicas
    looped = engines.LOOPED[:1] if quick else engines.LOOPED
    jobs: dict[int, Job] = {}
    for replicas in {*stacked, *looped}:
        job = make_job(workload, optimizer, replicas)
        warm = processes["ours"].submit(engines.weights, "ours", job, WARM_ROUNDS).result()
        jobs[replicas] = replace(job, start=warm)
    compiling: dict[tuple[str, int], float] = {}
    for name, process in processes.items():
        asked = [jobs[r] for r in (stacked if engines.ENGINES[name].stacks else looped)]
        took = process.submit(engines.prepare, name, asked, seconds).result()
        compiling |= {(name, replicas): value for replicas, value in took.items()}
    turns = []
    for turn in range(repeats):
        peak = processes["ours"].submit(engines.product_rate, "ours").result()
        shared = (workload.name, optimizer, f"{workload.name} {optimizer} {turn}", peak)
        for (name, replicas), extra in compiling.items():
            cpu, wall = processes[name].submit(engines.measure, name, replicas).result()
            turns.append((*shared, name, replicas, cpu, wall))
            if name == "jax":
                spread = 1e6 * extra / (STUDY_UPDATES * replicas)
                later = ("jax_with_compile", replicas, cpu + spread, wall + spread)
                turns.append((*shared, *later))
    columns = ["workload", "optimizer", "turn", "peak", "engine", "replicas", "cpu", "wall"]
    table = pd.DataFrame(turns, columns=columns)
    best = table.groupby(["engine", "replicas"])["cpu"].median().groupby("engine").min()
    text = ", ".join(f"{name} {us:.3g}" for name, us in best.items())
    LOG.info(f"{workload.name} {optimizer}, us a replica and update: {text}")
    return table


def compare(turns: pd.DataFrame, peak: float) -> pd.DataFrame:
    """Return a row for each workload, optimizer, engine and number of replicas.

    Its time `us` is the median of the turns. It is its engine's `best` if it is the quickest of
    those whose turns agree, if any do: where setting up takes most of the time, what is left after
    it is taken away can be anything. `ratio_to_ours` is to ours at its best, `share_of_peak` to
    the rate of a large matrix product, `peak`, in GFLOP/s.
    """
    pair, engine = ["workload", "optimizer"], ["workload", "optimizer", "engine"]
    turn = turns.groupby([*engine, "replicas"], sort=False)
    rows = turn["cpu"].agg(us="median", lowest="min", highest="max").reset_index()
    steady = rows["highest"] <= SCATTER * rows["lowest"]
    of_engine = [rows[key] for key in engine]
    trusted = rows["us"].where(steady | ~steady.groupby(of_engine).transform("any"))
    rows["best"] = trusted == trusted.groupby(of_engine).transform("min")
    quickest = rows[rows["best"] & (rows["engine"] == "ours")].set_index(pair)["us"]
    rows["ratio_to_ours"] = rows["us"] / quickest.loc[pd.MultiIndex.from_frame(rows[pair])].values
    flops = rows["workload"].map({name: w.flops() for name, w in WORKLOADS.items()})
    rows["share_of_peak"] = flops / peak / 1e3 / rows["us"]
    rows["wall_over_cpu"] = turn["wall"].median().to_numpy() / rows["us"]
    return rows
