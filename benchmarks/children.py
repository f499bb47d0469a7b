"""Engines in processes of their own, asked one after the other: the same thread count for all."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

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


def settle() -> None:
    """Give this process, and all that it starts, the environment of everything measured."""
    for name in FOREIGN:
        os.environ.pop(name, None)
    os.environ.update(ENVIRONMENT)


def _pin() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # before anything counts cores


class Child:
    """A fresh process that calls functions for us; as a context, it ends with it.

    Parameters
    ----------
    pinned
        Whether it stays on one core, the same for all children.
    """

    def __init__(self, pinned: bool = True) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, context, initializer=_pin if pinned else None)

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function of a module there; return what it returns, raise what it raises."""
        return self._pool.submit(function, *args, **kwargs).result()

    def __enter__(self) -> Child:
        """Use it as a context."""
        return self

    def __exit__(self, *reason: Any) -> None:
        """End it."""
        self._pool.shutdown()
