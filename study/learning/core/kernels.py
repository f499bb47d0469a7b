"""Kernels: the small loops that records are made of, compiled on first use and kept on disk.

A kernel works on one replica's layer (or parameters) and is called by the training loop through a
pointer. So one compiled training loop serves every activation, rule, objective and optimizer, and
a new one costs a second of compilation, once.

A user's own kernel is a plain function with the arguments of its family: numpy expressions on its
arrays, or loops; results are written into the array that is called `out`.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import types

from study.errors import UsageError

FAST = {"contract"}  # fused multiply-add; nothing that assumes finite numbers


def _keep_compiled_code_by_source() -> None:
    """Give compiled code a folder named by the digest of this package's sources.

    numba looks at the file of the function alone, and not at what is compiled into it from other
    files: after an update it would go on with old code.
    """
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.read_bytes())
    folder = package / "__pycache__" / f"compiled-{digest.hexdigest()[:16]}"
    try:
        if not folder.exists():
            for old in folder.parent.glob("compiled-*"):
                if old != folder:  # which another process may have made by now
                    shutil.rmtree(old, ignore_errors=True)
            folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # installed where this user may not write
        folder = Path.home() / ".cache" / "delta-rule-study" / folder.name
    numba.config.CACHE_DIR = str(folder)


_keep_compiled_code_by_source()
compiled = numba.njit(cache=True, error_model="numpy", fastmath=FAST)
merged = numba.njit(cache=True, error_model="numpy", fastmath=FAST, forceinline=True)
inlined = numba.njit(cache=True, error_model="numpy", fastmath=FAST, inline="always")


def _matrix(number: Any) -> Any:
    return types.Array(number, 2, "C")


def _vector(number: Any) -> Any:
    return types.Array(number, 1, "C")


ARGUMENTS = {
    "value": "z, out, numbers",
    "slope": "z, y, out, numbers",
    "factor": "z, y, slope, numbers, key, step",
    "replace": "z, delta, numbers",
    "terms": "z, y, t",
    "update": "w, g, state, rate, numbers",
}
"""What the kernels of a family are called with."""

FAMILIES: dict[str, Callable[[Any], Any]] = {
    "value": lambda t: types.void(_matrix(t), _matrix(t), _vector(t)),
    "slope": lambda t: types.void(_matrix(t), _matrix(t), _matrix(t), _vector(t)),
    "factor": lambda t: types.void(
        _matrix(t), _matrix(t), _matrix(t), _vector(t), types.uint64, types.int64
    ),
    "replace": lambda t: types.void(_matrix(t), _matrix(t), _vector(t)),
    "terms": lambda t: types.float64(_matrix(t), _matrix(t), _matrix(t)),
    "update": lambda t: types.void(_vector(t), _vector(t), _matrix(t), t, _vector(t)),
}
"""Signatures, of float32 or float64."""


_NOISE = "Failed in nopython mode pipeline (step: nopython frontend) "


class Kernel:
    """A loop of one family.

    Parameters
    ----------
    family
        A key of `FAMILIES`.
    function
        The loop, in the part of Python and numpy that numba compiles.
    """

    def __init__(self, family: str, function: Callable[..., Any]) -> None:
        self.family, self.function = family, function
        self.__doc__, self.__module__ = function.__doc__, function.__module__
        self._compiled: dict[str, Any] = {}

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Pickle without compiled code: by name where it stands in its function's place."""
        name = self.function.__qualname__
        if getattr(sys.modules.get(self.__module__), name, None) is self:
            return name
        return Kernel, (self.family, self.function)

    def at(self, dtype: Any) -> Any:
        """Return the compiled loop for a dtype.

        Raises
        ------
        UsageError
            If numba can't compile the function.
        """
        name = np.dtype(dtype).name
        if name not in self._compiled:
            signature = FAMILIES[self.family](getattr(types, name))
            given = list(inspect.signature(self.function).parameters)
            if len(given) != len(signature.args):
                raise UsageError(
                    f"{self.family} {self.function.__name__!r} takes ({', '.join(given)}); "
                    f"a {self.family} kernel is called with ({ARGUMENTS[self.family]})"
                )
            try:
                self._compiled[name] = _compile(signature, self.function)
            except OSError:  # of the folder for compiled code
                raise
            except Exception as error:  # numba has many, some from its own depths
                line = " ".join(str(error).split()).removeprefix(_NOISE)
                line = line.partition(" During: ")[0][:300]
                raise UsageError(
                    f"{self.family} {self.function.__name__!r} can't be compiled: {line}"
                ) from None
        return self._compiled[name]


def _compile(signature: Any, function: Callable[..., Any]) -> Any:
    options = {"error_model": "numpy", "fastmath": FAST}
    try:
        return numba.cfunc(signature, cache=True, **options)(function)
    except RuntimeError:  # typed at a prompt: there is no file to keep it beside
        return numba.cfunc(signature, **options)(function)


def kernel(family: str) -> Callable[[Callable[..., Any]], Kernel]:
    """Make a decorated function a kernel of that family."""
    return functools.partial(Kernel, family)


def as_kernel(family: str, function: Kernel | Callable[..., Any]) -> Kernel:
    """Return a kernel, made of a plain function (once) where it isn't one yet.

    Raises
    ------
    UsageError
        If it is neither.
    """
    if isinstance(function, Kernel):
        return function
    if not inspect.isfunction(function):
        raise UsageError(
            f"a {family} kernel is a plain function of ({ARGUMENTS[family]}), "
            f"not a {type(function).__name__}"
        )
    return _made(family, function)


_made = functools.cache(Kernel)
