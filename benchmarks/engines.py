"""The engines by name, and what each does in its own process: prepare, warm up, be timed."""

from __future__ import annotations

import importlib
import importlib.util
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.workloads import Job, Trainer

Array = NDArray[Any]


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
        Where its trainer comes from.
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
        """Whether its package is installed."""
        return importlib.util.find_spec(self.needs) is not None


ENGINES = {
    e.name: e
    for e in (
        Engine("ours", "study.learning.core.training.train", "benchmarks.ours", "study"),
        Engine("jax", "vmap × 2 + grad + scan + jit, steady state", "benchmarks.peer_jax", "jax"),
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
            *("benchmarks.peer_torch_stacked", "torch"),
        ),
        Engine(
            "torch_func",
            "torch.func: vmap × 2 + grad, foreach updates",
            *("benchmarks.peer_torch_func", "torch"),
            extra=True,
        ),
        Engine(
            "torch",
            "a loop over nn.Module, fused optimizers",
            *("benchmarks.peer_torch", "torch"),
            stacks=False,
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
LOOPED = (1, 8)  # replicas of engines that loop

_trainers: dict[str, Trainer] = {}
_jobs: dict[str, Job] = {}
_rounds: dict[str, int] = {}


def _make(engine: str, job: Job, check: bool) -> Trainer:
    record = ENGINES[engine]
    module = importlib.import_module(record.module)
    return getattr(module, record.check if check else record.prepare)(job)


def prepare(engine: str, key: str, job: Job, seconds: float) -> float:
    """Make a trainer ready under `key`, to be timed for about `seconds`; return compile seconds.

    It has run before: nothing is compiled, loaded or allocated for the first time any more.
    """
    trainer = _make(engine, job, check=False)
    trainer.run(1)
    _, wall = _timed(trainer, 1)
    _, longer = _timed(trainer, 2)
    a_round = max(longer - wall, wall / 4, 1e-5)
    _trainers[key], _jobs[key] = trainer, job
    _rounds[key] = 1 + max(2, round(seconds / a_round))
    return trainer.compile_seconds


def measure(key: str) -> tuple[float, float]:
    """Time the job under `key`; return processor and wall microseconds a replica and update.

    A short training is taken from a long one, so that setting up and leaving count for nothing;
    one before them finds the caches as the others left them.
    """
    trainer, job, rounds = _trainers[key], _jobs[key], _rounds[key]
    trainer.run(1)
    short, long = _timed(trainer, 1), _timed(trainer, rounds)
    updates = (rounds - 1) * job.round * job.replicas
    cpu, wall = (1e6 * (b - a) / updates for a, b in zip(short, long, strict=True))
    return cpu, wall


def forget() -> None:
    """Drop all trainers."""
    _trainers.clear()
    _jobs.clear()
    _rounds.clear()


def weights(engine: str, job: Job, rounds: int) -> Array:
    """Return the weights (R, P) after some rounds from the job's start, on the job's batches."""
    return _make(engine, job, check=True).run(rounds)


def orders(seeds: tuple[int, ...], patterns: int, epochs: int) -> Array:
    """Return the order of patterns that our engine uses."""
    ours = importlib.import_module("benchmarks.ours")
    return np.asarray(ours.orders(seeds, patterns, epochs))


def product_rate(engine: str, size: int = 2048) -> float:
    """Return the rate of a large float32 matrix product in an engine's library, GFLOP/s."""
    rng = np.random.default_rng(0)
    a = rng.random((size, size), np.float32)
    times = []
    if ENGINES[engine].needs == "torch":
        import torch

        tensor = torch.from_numpy(a)
        multiply: Any = lambda: torch.mm(tensor, tensor)  # noqa: E731
    elif ENGINES[engine].needs == "jax":
        import jax

        array = jax.numpy.asarray(a)
        multiply = lambda: (array @ array).block_until_ready()  # noqa: E731
    else:
        multiply = lambda: a @ a  # noqa: E731
    for _ in range(3):
        started = time.process_time()
        multiply()
        times.append(time.process_time() - started)
    return 2 * size**3 / min(times) / 1e9


def _timed(trainer: Trainer, rounds: int) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    trainer.run(rounds)
    return time.process_time() - cpu, time.perf_counter() - wall
