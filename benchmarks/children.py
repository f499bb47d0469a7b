"""Engines in processes of their own, asked one after the other: the same thread count for all.

A child answers calls of functions by name, as pickles over its standard input and output. Its
environment is the parent's with one thread everywhere and without the settings of OpenBLAS that
some machines carry (they choose slower kernels for it than it would choose itself).
"""

from __future__ import annotations

import importlib
import os
import pickle
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ONE_THREAD = (
    *("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS", "NPROC"),  # NPROC: XLA's own pool
)
FOREIGN = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "MLFLOW_TRACKING_URI")


def environment() -> dict[str, str]:
    """Return the environment of everything that is measured."""
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return kept | {
        **{name: "1" for name in ONE_THREAD},
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
        "JAX_PLATFORMS": "cpu",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONHASHSEED": "0",
    }


def core() -> int | None:
    """Return the core that engines are pinned to, None where that can't be done."""
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


class ChildError(RuntimeError):
    """What went wrong in a child, with its traceback."""


class Child:
    """A process that calls functions for us.

    Parameters
    ----------
    name
        For messages.
    pinned
        Whether it stays on one core, the same for all children.
    """

    def __init__(self, name: str, pinned: bool = True) -> None:
        self.name = name
        pin = core() if pinned else None
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.children", "" if pin is None else str(pin)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=environment(),
        )

    def call(self, target: str, *arguments: Any) -> Any:
        """Call ``module:function`` there and return what it returns.

        Raises
        ------
        ChildError
            If it raised, or ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump((target, arguments), self._process.stdin)
            self._process.stdin.flush()
            good, result = pickle.load(self._process.stdout)
        except (BrokenPipeError, EOFError) as error:
            raise ChildError(f"{self.name} ended in {target}") from error
        if not good:
            raise ChildError(f"{self.name}, {target}:\n{result}")
        return result

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def __enter__(self) -> Child:
        """Use it as a context that ends it."""
        return self

    def __exit__(self, *reason: object) -> None:
        """End it."""
        self.close()


def serve(pin: str) -> None:
    """Answer calls until the parent closes the pipe."""
    if pin:
        os.sched_setaffinity(0, {int(pin)})  # before anything counts cores
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever libraries print must not end up among the answers
    while True:
        try:
            target, arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            module, _, function = target.partition(":")
            answer = (True, getattr(importlib.import_module(module), function)(*arguments))
        except Exception:
            answer = (False, traceback.format_exc())
        pickle.dump(answer, channel)
        channel.flush()


if __name__ == "__main__":
    serve(sys.argv[1])
