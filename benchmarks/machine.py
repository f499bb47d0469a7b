"""What it was measured on: processor, versions, kernels, and how busy it was."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

PACKAGES = (
    *("numpy", "scipy", "numba", "scikit-learn", "mlflow", "pandas", "pyarrow"),
    *("jax", "jaxlib", "torch"),
)


def describe() -> dict[str, Any]:
    """Return the machine's and the packages' names and versions."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: v for name in PACKAGES if (v := _version(name))},
    }


def processor() -> str:
    """Return the processor's name as the system gives it."""
    path = Path("/proc/cpuinfo")
    if path.is_file():
        fields = dict(
            (part.strip() for part in line.split(":", 1))
            for line in path.read_text().split("\n\n")[0].splitlines()
            if ":" in line
        )
        name = fields.get("model name", "")
        if name:
            numbers = [fields.get(k) for k in ("vendor_id", "cpu family", "model")]
            return f"{name} ({', '.join(str(n) for n in numbers if n)})"
    return platform.processor() or "unknown"


def load_average() -> float | None:
    """Return how many processes have wanted a core over the last minute."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def blas() -> list[str]:
    """Return the libraries for matrix products in this process, with their kernels."""
    import numpy as np
    import threadpoolctl

    np.ones((2, 2)) @ np.ones((2, 2))
    return [
        f"{info['internal_api']} {info['version']}, kernel {info.get('architecture', 'unknown')}, "
        f"{info['num_threads']} thread{'s' if info['num_threads'] != 1 else ''}"
        for info in threadpoolctl.threadpool_info()
        if info["user_api"] == "blas"
    ]


def torch_kernels() -> list[str]:
    """Return what PyTorch multiplies with."""
    import torch

    library = "MKL" if torch.backends.mkl.is_available() else "no MKL"
    capability = torch.backends.cpu.get_cpu_capability()
    return [f"{library}, {capability}, {torch.get_num_threads()} thread"]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
