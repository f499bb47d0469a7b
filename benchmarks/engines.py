"""The engines by name, the process of each, and what it does there: prepare, be timed."""

import importlib.util
import multiprocessing
import os
import pkgutil
import time
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.workloads import Job, Trainer
from study.learning import Array

ENVIRONMENT = {
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    **dict.fromkeys(("NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"),
    "NPROC": "1",  # XLA's own pool
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PYTHONHASHSEED": "0",
}
# settings of OpenBLAS that some machines carry choose slower kernels than it would itself
FOREIGN = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "MLFLOW_TRACKING_URI")
LOOPED = (1, 8)  # replicas of engines that train one network after the other
PRODUCT = 2048  # rows and columns of the matrices whose product shows the peak


def settle() -> None:
    """Give this process, and all that it starts, the environment of everything measured."""
    for name in FOREIGN:
        os.environ.pop(name, None)
    os.environ.update(ENVIRONMENT)


def process(pinned: bool = True) -> Executor:
    """Return a fresh process that calls functions for us; pinned ones share one core."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, context, initializer=_pin if pinned else None)


def _pin() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # before anything counts cores


@dataclass(frozen=True)
class Engine:
    """An engine."""

    name: str
    about: str  # how it is written
    needs: str  # the package without which it is left out
    prepare: str = ""  # what gives its trainer; without it, rows are another engine's
    check: str = ""  # the same where its own trainer does not start and batch as it is told
    stacks: bool = True  # the others loop, so that a few replicas are enough
    extra: bool = False  # left out of a quick run

    def present(self) -> bool:
        """Whether it can run here: its package is installed."""
        return bool(self.prepare) and importlib.util.find_spec(self.needs) is not None

    def trainer(self, job: Job, check: bool = False) -> Trainer:
        """Return the trainer of a job."""
        where = (check and self.check) or self.prepare
        return pkgutil.resolve_name(f"benchmarks.{where}")(job)


STACKED = "bmm, gradient by hand, preallocated, fused Adam"
LOOP = "a loop over MLPClassifier.fit"
BY_HAND = "the same, its gradient written out by hand"
ENGINES = {
    e.name: e
    for e in (
        Engine("ours", "study.train", "study", "ours:prepare"),
        Engine("jax", "vmap × 2 + grad + scan + jit, steady state", "jax", "peer_jax:prepare"),
        Engine("jax_with_compile", "jax with its compiling spread over 1,000 updates", "jax"),
        Engine("jax_by_hand", BY_HAND, "jax", "peer_jax:prepare_by_hand", extra=True),
        Engine("torch_stacked", STACKED, "torch", "peer_torch:prepare"),
        Engine(
            *("sklearn", LOOP, "sklearn", "peer_sklearn:prepare", "peer_sklearn:prepare_check"),
            stacks=False,
        ),
    )
}


class Timer:
    """A trainer of a job, timed for about so many seconds again and again.

    It has run before: nothing is compiled, loaded or allocated for the first time any more. By
    how much its first run was longer than the next is kept as `compile_seconds`.
    """

    def __init__(self, trainer: Trainer, job: Job, seconds: float) -> None:
        self.trainer, self.job = trainer, job
        (_, first), (_, short), (_, longer) = (self._time(rounds) for rounds in (1, 1, 2))
        self.compile_seconds = first - short
        a_round = max(longer - short, short / 4, 1e-5)
        self.rounds = 1 + max(2, round(seconds / a_round))

    def measure(self) -> tuple[float, float]:
        """Return processor and wall microseconds a replica and update.

        The time of a short training is taken from that of a long one, so that setting up counts
        for nothing. One training before them finds the caches as others left them.
        """
        self.trainer(1)
        short, long = self._time(1), self._time(self.rounds)
        updates = (self.rounds - 1) * self.job.round * len(self.job.start)
        cpu, wall = (1e6 * (b - a) / updates for a, b in zip(short, long, strict=True))
        return cpu, wall

    def _time(self, rounds: int) -> tuple[float, float]:
        cpu, wall = time.process_time(), time.perf_counter()
        self.trainer(rounds)
        return time.process_time() - cpu, time.perf_counter() - wall


_timers: dict[str, dict[int, Timer]] = {}  # engine -> replicas -> timer


def prepare(engine: str, jobs: Sequence[Job], seconds: float) -> dict[int, float]:
    """Keep timers for these jobs alone; return replicas -> seconds of compiling."""
    _timers[engine] = {}  # before others are made: their memory is free
    for job in jobs:
        _timers[engine][len(job.start)] = Timer(ENGINES[engine].trainer(job), job, seconds)
    return {replicas: timer.compile_seconds for replicas, timer in _timers[engine].items()}


def measure(engine: str, replicas: int) -> tuple[float, float]:
    """Measure with the timer that was prepared for so many replicas."""
    return _timers[engine][replicas].measure()


def weights(engine: str, job: Job, rounds: int) -> Array:
    """Return the weights (R, P) after some rounds from the job's start, on the job's batches."""
    return ENGINES[engine].trainer(job, check=True)(rounds)


def product_rate(engine: str) -> float:
    """Return the rate of a large float32 matrix product, GFLOP/s.

    It is that of the engine's library; for ours of numpy's, which shows the peak.
    """
    a: Any = np.random.default_rng(0).random((PRODUCT, PRODUCT), np.float32)
    if ENGINES[engine].needs == "torch":
        import torch

        a = torch.from_numpy(a)
    elif ENGINES[engine].needs == "jax":
        import jax

        a = jax.numpy.asarray(a)
    times = []
    for _ in range(3):
        started = time.process_time()
        product = a @ a
        getattr(product, "block_until_ready", bool)()  # JAX returns before it has multiplied
        times.append(time.process_time() - started)
    return 2 * PRODUCT**3 / min(times) / 1e9


def torch_kernels() -> str:
    """Return what PyTorch multiplies with."""
    import torch

    library = "MKL" if torch.backends.mkl.is_available() else "no MKL"
    return f"{library} {torch.backends.cpu.get_cpu_capability()}"
