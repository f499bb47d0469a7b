"""The machine and the software on it, as far as they could decide a number."""

import hashlib
import importlib.metadata
import platform
from functools import cache
from pathlib import Path

import study
from study.learning import NUMERICS_VERSION

DECIDING = ("numpy", "numba", "llvmlite", "scikit-learn", "pyarrow")


@cache
def processor() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


@cache
def software() -> dict[str, str]:
    """Return what two machines must share, by name, so that either may train a cell."""
    versions = {name: importlib.metadata.version(name) for name in DECIDING}
    python = ".".join(platform.python_version_tuple()[:2])
    return {"numerics": str(NUMERICS_VERSION), "sources": sources(), "python": python} | versions


def sources() -> str:
    """Return a digest of the package's source files."""
    folder, digest = Path(study.__file__).parent, hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]
