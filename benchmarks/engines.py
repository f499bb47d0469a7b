"""The engines by name, and what each does in its own process: prepare, warm up, be timed."""

from __future__ import annotations

import importlib
import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.workloads import Job, Trainer

Array = NDArray[Any]
LOOPED = (1, 8)  # replicas of engines that train one network after the other


@dataclass(frozen=True)
class Engine:
    """An engine.

    Parameters
    ----------
    name
        In rows and tables.
    about
        How it is written.
    module, prepare
        Where its trainer comes from; without a module its rows are derived from another engine's.
    needs
        The package without which it is left out.
    check
        Gives the trainer that starts and batches as it is told, where `prepare` does not.
    stacks
        Whether it trains replicas together; the others loop, so that a few are enough.
    extra
        Whether it is left out of a quick run.
    """

    name: str
    about: str
    module: str
    needs: str
    prepare: str = "prepare"
    check: str = "prepare"
    stacks: bool = True
    extra: bool = False

    def present(self) -> bool:
        """Whether it can run here: its package is installed."""
        return bool(self.module) and importlib.util.find_spec(self.needs) is not None


ENGINES = {
    e.name: e
    for e in (
        Engine("ours", "study.train", "benchmarks.ours", "study"),
        Engine("jax", "vmap × 2 + grad + scan + jit, steady state", "benchmarks.peer_jax", "jax"),
        Engine("jax_with_compile", "jax with its compiling spread over 1,000 updates", "", "jax"),
        Engine(
            "jax_by_hand",
            "the same, its gradient written out by hand",
            *("benchmarks.peer_jax", "jax"),
            prepare="prepare_by_hand",
            check="prepare_by_hand",
            extra=True,
        ),
        Engine(
            "torch_stacked",
            "bmm, gradient by hand, preallocated, fused Adam",
            *("benchmarks.peer_torch", "torch"),
        ),
        Engine(
            "sklearn",
            "a loop over MLPClassifier.fit",
            *("benchmarks.peer_sklearn", "sklearn"),
            check="prepare_check",
            stacks=False,
        ),
    )
}


class Timer:
    """A trainer that is ready to be timed, again and again.

    It has run before: nothing is compiled, loaded or allocated for the first time any more. By
    how much its first run was longer than the next is kept as `compile_seconds`.

    Parameters
    ----------
    trainer, job
        What is timed.
    seconds
        About how long a measurement takes.
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
        updates = (self.rounds - 1) * self.job.round * self.job.replicas
        cpu, wall = (1e6 * (b - a) / updates for a, b in zip(short, long, strict=True))
        return cpu, wall

    def _time(self, rounds: int) -> tuple[float, float]:
        cpu, wall = time.process_time(), time.perf_counter()
        self.trainer(rounds)
        return time.process_time() - cpu, time.perf_counter() - wall


_timers: dict[int, Timer] = {}


def _make(engine: str, job: Job, check: bool) -> Trainer:
    record = ENGINES[engine]
    module = importlib.import_module(record.module)
    return getattr(module, record.check if check else record.prepare)(job)


def prepare(engine: str, job: Job, seconds: float) -> float:
    """Keep a timer for the job's number of replicas; return the seconds of compiling."""
    timer = Timer(_make(engine, job, check=False), job, seconds)
    _timers[job.replicas] = timer
    return timer.compile_seconds


def measure(replicas: int) -> tuple[float, float]:
    """Measure with the timer that was prepared for so many replicas."""
    return _timers[replicas].measure()


def forget() -> None:
    """Drop all timers."""
    _timers.clear()


def weights(engine: str, job: Job, rounds: int) -> Array:
    """Return the weights (R, P) after some rounds from the job's start, on the job's batches."""
    return _make(engine, job, check=True)(rounds)


def product_rate(engine: str, size: int = 2048) -> float:
    """Return the rate of a large float32 matrix product in an engine's library, GFLOP/s."""
    a = np.random.default_rng(0).random((size, size), np.float32)
    multiply: Callable[[], Any]
    if ENGINES[engine].needs == "torch":
        import torch

        tensor = torch.from_numpy(a)
        multiply = lambda: torch.mm(tensor, tensor)  # noqa: E731
    elif ENGINES[engine].needs == "jax":
        import jax

        array = jax.numpy.asarray(a)
        multiply = lambda: (array @ array).block_until_ready()  # noqa: E731
    else:
        multiply = lambda: a @ a  # noqa: E731
    times = []
    for _ in range(3):
        started = time.process_time()
        multiply()
        times.append(time.process_time() - started)
    return 2 * size**3 / min(times) / 1e9
