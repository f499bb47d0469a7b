"""Where compiled code is kept, when it is out of date, and a line where it has to be made.

numba looks at the file of a function alone, and not at what is compiled into it from others: after
an update it would go on with old code. Here a function is as old as its file and all that this
imports from the package.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba
from numba.core import event
from numba.core.caching import CacheImpl, _CacheLocator

PACKAGE = Path(__file__).parents[2]


@functools.cache
def _imported(file: Path) -> frozenset[Path]:
    """Files of the package that a file names in its imports."""
    names = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    parts = [name.split(".")[1:] for name in names if name.split(".")[0] == PACKAGE.name]
    places = [PACKAGE.joinpath(*part) for part in parts]
    files = {place.with_suffix(".py") for place in places} | {p / "__init__.py" for p in places}
    return frozenset(found for found in files if found.exists())


@functools.cache
def _digest(file: Path) -> str:
    """SHA-256 of a file and of all files of the package that it needs, one through another."""
    known, new = {file}, {file}
    while new:
        new = {found for each in new for found in _imported(each)} - known
        known |= new
    digest = hashlib.sha256()
    for each in sorted(known):
        digest.update(each.read_bytes())
    return digest.hexdigest()


def compiled_code() -> Path:
    """Return the folder of all compiled code: in the package, or where this user may write."""
    if numba.config.CACHE_DIR:
        return Path(numba.config.CACHE_DIR)
    folder = PACKAGE / "__pycache__"
    if os.access(folder if folder.exists() else PACKAGE, os.W_OK):
        return folder / "compiled"
    return Path.home() / ".cache" / "delta-rule-study" / "compiled"


class _ByImports(_CacheLocator):
    """Keeps the code of files that import the package."""

    def __init__(self, function: Any, file: str) -> None:
        self._file, self._line = Path(file), function.__code__.co_firstlineno
        self._folder = compiled_code() / self.get_suitable_cache_subpath(file)

    def get_cache_path(self) -> str:
        return str(self._folder)

    def get_source_stamp(self) -> str:
        return _digest(self._file)

    def get_disambiguator(self) -> str:
        return str(self._line)

    @classmethod
    def from_function(cls, function: Any, file: str) -> _ByImports | None:
        path = Path(file)
        uses = path.suffix == ".py" and path.exists() and bool(_imported(path))
        return cls(function, file) if uses else None


CacheImpl._locator_classes.insert(0, _ByImports)


class _Announcement(event.Listener):
    """Says once that something is compiled."""

    def __init__(self) -> None:
        self._said = False

    def on_start(self, event: Any) -> None:
        """Take a pass of the compiler: none runs where compiled code is loaded."""
        if not self._said:
            print("compiling for this processor: some seconds, once", file=sys.stderr, flush=True)
        self._said = True

    def on_end(self, event: Any) -> None:
        """Take its end."""


@contextmanager
def announced() -> Iterator[None]:
    """Say on stderr, in one line, if anything is compiled meanwhile."""
    with event.install_listener("numba:run_pass", _Announcement()):
        yield
