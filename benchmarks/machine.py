"""What it was measured on: processor, versions, kernels, and how busy it was."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Mapping
from typing import Any

from benchmarks.children import Child
from benchmarks.engines import product_rate
from study.ablation.publishing.provenance import machine

PACKAGES = (
    *("numpy", "scipy", "numba", "scikit-learn", "mlflow", "pandas", "pyarrow"),
    *("jax", "jaxlib", "torch"),
)


def describe(children: Mapping[str, Child]) -> dict[str, Any]:
    """Return the machine, the packages' versions, and what the engines multiply with.

    Parameters
    ----------
    children
        The engines that run, each in the process where it will be measured.
    """
    installed = {d.metadata["Name"]: d.version for d in importlib.metadata.distributions()}
    found = children["ours"].call(machine)
    kernels = [" ".join(map(str, library.values())) for library in found["blas"]]
    multiplies = {"ours": "; ".join(kernels)}
    if "torch_stacked" in children:
        multiplies["torch_stacked"] = children["torch_stacked"].call(torch_kernels)
    asked = [name for name in ("ours", "jax", "torch_stacked") if name in children]
    return {
        "processor": found["processor"],
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: installed[name] for name in PACKAGES if name in installed},
        "load_average_before": load_average(),
        "multiplies_with": multiplies,
        "product_gflops": {
            name: round(children[name].call(product_rate, name), 1) for name in asked
        },
    }


def load_average() -> float:
    """Return how many processes have wanted a core over the last minute."""
    return round(os.getloadavg()[0], 2)


def torch_kernels() -> str:
    """Return what PyTorch multiplies with."""
    import torch

    library = "MKL" if torch.backends.mkl.is_available() else "no MKL"
    return f"{library} {torch.backends.cpu.get_cpu_capability()}"
