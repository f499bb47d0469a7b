"""Train one cell: a job goes in, tables come out. Data are read, nothing is written."""

import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import threadpoolctl
from numba.np.linalg import ensure_blas

from study import datasets
from study.ablation.configuration.protocol import OWN, TRANSFER, TRUNK, Protocol
from study.ablation.planning.cells import Cell, cell_from
from study.ablation.running import machine, results
from study.ablation.running.models import model_of
from study.ablation.running.results import Trained, joined
from study.ablation.running.tuning import choose_rate
from study.ablation.store import DataUsed, FinishedCell, Tables
from study.ablation.store.layout import Place, lay_out
from study.errors import UsageError
from study.learning import Array
from study.learning.activations.base import Activation
from study.learning.core.training import Outcome, initial, train
from study.learning.design import Design
from study.learning.diagnostics import branching
from study.learning.diagnostics.tangent import tangent_spectrum
from study.learning.objectives import Objective
from study.learning.outcomes import LEAST_SHARE, excess_share, score
from study.learning.problem import Problem, pose
from study.learning.variants import Variant

Trainer = Callable[[Sequence[int], Sequence[float]], tuple[Outcome, Array]]

SPECTRA = 3  # evaluation seeds of a cell whose spectrum of K~ is taken: it is expensive
ROWS = 64  # of its matrix, at most
PATTERNS = 32  # at most


@dataclass(frozen=True)
class Job:
    """A cell to train, in plain containers, so that any process can train it."""

    identity: str  # of the cell
    name: str
    specification: Mapping[str, Any]  # see `Cell.specification`
    protocol: Protocol  # the cell's
    rates: Mapping[str, float]  # chosen for other cells, by their use; see `Planned.needs`
    claims: str  # digest of the claims that were registered before seeds were scored; "" for none
    block: int  # trainings in a stack, at the most
    path: tuple[str, ...]  # where modules are found, for users' own records
    exact_objective: float | None = None  # of the reference, the cell's median
    models: bool = False  # whether the network of the median seed is kept
    place: Place | None = None  # the store that its rows are laid out for, here and not there


@dataclass(frozen=True)
class FailedCell:
    """A cell whose training raised an error, which a user's own record may do."""

    cell: str  # its identity
    error: str  # the error in one line
    traceback: str = ""  # the error in full


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit linear algebra, which only users' own records call, to one thread.

    numba's library must be loaded to be limited.
    """
    ensure_blas()
    with threadpoolctl.threadpool_limits(1):
        yield


def attempt(job: Job) -> FinishedCell | FailedCell:
    """Train a cell; an error becomes a result, so that other cells go on."""
    try:
        cell = train_cell(job)
        return replace(cell, layout=lay_out(cell, job.place)) if job.place else cell
    except Exception as error:
        said = " ".join(str(error).split())
        kind = "" if isinstance(error, UsageError) else f"{type(error).__name__}: "
        return FailedCell(job.identity, kind + said, traceback.format_exc())


def train_cell(job: Job) -> FinishedCell:
    """Choose the cell's learning rate, if it is tuned, and train its scored replicas at it.

    At the reference's rate it is trained once more, as the stage ``transfer``. Where both rates
    are the same, the trainings are the same too, and are copied.
    """
    started, clock, processor = time.time(), time.perf_counter(), time.process_time()
    sys.path.extend(p for p in job.path if p not in sys.path)
    cell = cell_from(job.specification)
    protocol, done = job.protocol, list[Trained]()
    train_stack = _branched(cell, job) if protocol.branch else _unbranched(cell, protocol)

    def run(stage: str, rates: Sequence[float], seeds: Sequence[int]) -> list[Outcome]:
        outcomes = []
        for s, r in blocks(seeds, rates, job.block):
            done.append(Trained(stage, *train_stack(s, r)))
            outcomes.append(done[-1].outcome)
        return outcomes

    def tune(rates: Sequence[float], seeds: Sequence[int]) -> tuple[Array, Array, Array]:
        tried = run("tune", rates, seeds)
        rates_of, finals, failed = (
            joined(tried, n) for n in ("rates", "final_objective", "failed")
        )
        if protocol.tuned_by == "mean_score":
            share = excess_share(finals, joined(tried, "constant"), joined(tried, "optimum"))
            finals = score(share, failed, LEAST_SHARE)
        elif protocol.tuned_by == "learnt_at":
            finals = np.nan_to_num(joined(tried, "learnt_at"), nan=protocol.updates)
        return rates_of, finals, failed

    first = protocol.learning_rates[cell.optimizer.name]
    if protocol.branch:
        rates = [job.rates[OWN] * (0.1 if protocol.branch.rate == "tenth" else 1.0)]
    else:
        rates = [choose_rate(protocol, first, tune)] if protocol.tune else list(first)
    scored = run("evaluate", rates, protocol.evaluation())
    reference = job.rates.get(TRANSFER)
    if reference is not None and [reference] == rates:
        same = [trained for trained in done if trained.stage == "evaluate"]
        done.extend(replace(trained, stage="transfer") for trained in same)
    elif reference is not None:
        run("transfer", [reference], protocol.evaluation())
    seconds = time.perf_counter() - clock  # the time of day may be set back meanwhile
    metrics = results.aggregate(scored) | {
        "runs": float(sum(len(t.outcome.seeds) for t in done)),
        "time.seconds": seconds,
        "time.processor_seconds": time.process_time() - processor,
    }
    if protocol.tune:
        metrics["learning_rate"] = float(np.median(joined(scored, "rates")))
    if reference is not None:
        metrics["reference_learning_rate"] = reference
    if job.exact_objective is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.float64(metrics["final_objective"]) / job.exact_objective
            log_ratio = np.log10(ratio)
        metrics |= {"ratio_to_exact": float(ratio), "log_ratio_to_exact": float(log_ratio)}
    outcomes = Counter(name for trained in done for name in trained.outcome.outcome.tolist())
    return FinishedCell(
        *(job.identity, job.name, metrics, outcomes, outcomes.total() * protocol.updates),
        Tables(*results.tables_of(cell, protocol, done, job.claims)),
        *(started, started + seconds, _used(cell.dataset)),
        processor=machine.processor(),
        model=model_of(cell, scored) if job.models else {},
    )


def _unbranched(cell: Cell, protocol: Protocol) -> Trainer:
    """Return what trains a stack from its initial weights."""
    design, budget = cell.design(), protocol.budget()
    scored = frozenset(protocol.evaluation())
    measured = protocol.evaluation()[:SPECTRA] if protocol.probes else []

    def train_stack(seeds: Sequence[int], rates: Sequence[float]) -> tuple[Outcome, Array]:
        problem = _problem(cell, seeds)
        stopping = budget.stopping and seeds[0] in scored  # tuning needs no test scores
        outcome = train(problem, design, replace(budget, stopping=stopping), seeds, rates)
        return outcome, negative_eigenvalues(design, problem, outcome, measured)

    return train_stack


def negative_eigenvalues(
    design: Design, problem: Problem, outcome: Outcome, seeds: Sequence[int]
) -> Array:
    """Return the share of negative eigenvalues of K~ at the end of trainings, (R,).

    The trainings began at their own initial weights. Those of other seeds than `seeds` get NaN.
    """
    found = np.full(len(outcome.seeds), np.nan)
    which = np.flatnonzero(np.isin(outcome.seeds, seeds))
    if not len(which):
        return found
    own = outcome.seeds[which].tolist()
    if len(problem.inputs) > 1:
        sets = which // (len(outcome.seeds) // len(problem.inputs))
        problem = replace(problem, inputs=problem.inputs[sets], targets=problem.targets[sets])
    patterns = min(PATTERNS, max(1, ROWS // problem.widths[1]))
    weights, start = outcome.parameters[which], initial(design, problem, own)
    found[which] = tangent_spectrum(design, problem, weights, patterns, own, start).negative
    return found


def _branched(cell: Cell, job: Job) -> Trainer:
    """Return what trains a stack under the trunk's rule and then under the cell's own."""
    written, budget = job.protocol.branch, job.protocol.budget()
    assert written is not None
    design = replace(cell.design(), location=written.location)  # exact's own is none
    trunk = branching.Trunk(written.gradient, written.updates, job.rates[TRUNK])

    def train_stack(seeds: Sequence[int], rates: Sequence[float]) -> tuple[Outcome, Array]:
        problem = _problem(cell, seeds)
        if written.rate == "equal_path":
            (rate,) = rates
            outcome = branching.branch_on_equal_path(problem, design, budget, seeds, rate, trunk)
        else:
            outcome = branching.branch(problem, design, budget, seeds, rates, trunk)
        return outcome, np.full(len(outcome.seeds), np.nan)

    return train_stack


def blocks(
    seeds: Sequence[int], rates: Sequence[float], most: int
) -> list[tuple[Sequence[int], Sequence[float]]]:
    """Cut seeds × rates into stacks of at most `most`; rates of a seed stay together if they fit.

    Rates of one seed share its minibatches.
    """
    across = min(len(rates), most)
    down = max(1, most // across)
    return [
        (seeds[i : i + down], rates[k : k + across])
        for i in range(0, len(seeds), down)
        for k in range(0, len(rates), across)
    ]


def _problem(cell: Cell, seeds: Sequence[int]) -> Problem:
    """Return the cell's data for these seeds; one set serves all seeds unless data are fresh."""
    own = tuple(seeds) if cell.dataset.record.fresh else (0,)
    return _posed(cell.dataset, cell.objective, cell.activation, own)


@lru_cache(maxsize=64)
def _used(dataset: Variant[Any]) -> DataUsed:
    """Name the data, once for all cells: the digest is the same for all seeds."""
    return DataUsed(str(dataset), datasets.load(dataset, 0).digest, dataset.record.source)


@lru_cache(maxsize=16)
def _posed(
    dataset: Variant[Any],
    objective: Variant[Objective],
    activation: Variant[Activation],
    seeds: tuple[int, ...],
) -> Problem:
    data = [datasets.load(dataset, seed) for seed in seeds]
    hidden = activation.record.bind(**activation.values)
    output = objective.record.output(hidden, data[0].targets.shape[1])
    return pose(data, objective.record, output)
