"""One figure of all engines: time a replica and update against replicas, beside the peak."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.workloads import WORKLOADS, Workload
from reports import style

JAX, TORCH = style.HUES["mean"], style.HUES["removed"]
LOOKS: dict[str, tuple[str, str, Any, str]] = {  # engine -> name, colour, line, marker
    "ours": ("ours", style.INK, "-", "o"),
    "jax": ("JAX", JAX, "-", "s"),
    "jax_with_compile": ("JAX with its compiling", JAX, (0, (1.2, 1.2)), "s"),
    "jax_by_hand": ("JAX, gradient by hand", JAX, (0, (4, 1.5)), "D"),
    "torch_stacked": ("PyTorch stacked", TORCH, "-", "^"),
    "sklearn": ("scikit-learn loop", style.HUES["offset"], "-", "P"),
}
PEAK = "large-product peak"


def draw(report: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write speed.pdf and speed.png into a folder; return both."""
    with style.theme():
        return [path for path, _ in style.save([page(report)], folder / "speed")]


def page(report: Mapping[str, Any]) -> Figure:
    """Lay out a panel for each workload and optimizer that was measured."""
    rows, machine = pd.DataFrame(report["rows"]), report["machine"]
    workloads = [w for w in WORKLOADS.values() if (rows["workload"] == w.name).any()]
    optimizers = [o for o in ("sgd", "adam") if (rows["optimizer"] == o).any()]
    figure, axes = style.sheet(
        message(rows),
        "Microseconds of one core that a training takes an update, against how many are trained "
        "together; both axes logarithmic, bands from the lowest to the highest of the repeats. "
        "Grey line: the same operations at the rate of a large matrix product "
        f"({machine['gemm_peak_gflops']:.0f} GFLOP/s). {machine['processor']}.",
        len(optimizers),
        len(workloads),
        height=1.75,
        left=0.62,
        bottom=0.98,
        gap=(0.36, 0.3),
        head=0.34,
    )
    for i, optimizer in enumerate(optimizers):
        for j, workload in enumerate(workloads):
            chosen = rows[(rows["workload"] == workload.name) & (rows["optimizer"] == optimizer)]
            _panel(axes[i, j], chosen, workload, machine["gemm_peak_gflops"])
        axes[i, 0].set_ylabel(f"{optimizer}\nµs per replica and update")
    for ax, workload in zip(axes[0], workloads, strict=True):
        kind, *sizes = workload.about.split(", ")
        ax.set_title(f"{workload.name}  {kind}\n{', '.join(sizes[:2])}")
    for ax in axes[-1]:
        ax.set_xlabel("replicas trained together")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=4, handlelength=2.6)
    return figure


def message(rows: pd.DataFrame) -> str:
    """Say how many times longer the quickest peer takes at least and at most."""
    peers = rows[rows["best"] & (rows["engine"] != "ours")]
    least = peers.groupby(["workload", "optimizer"])["ratio_to_ours"].min()
    if least.empty:
        return "One engine alone"
    low, high = f"{least.min():.1f}", f"{least.max():.1f}"
    span = f"{low} times" if low == high else f"{low} to {high} times"
    return f"The quickest peer takes {span} as long as this project's engine"


def _panel(ax: Axes, rows: pd.DataFrame, workload: Workload, gflops: float) -> None:
    peak = workload.flops() / gflops / 1e3
    ax.axhline(peak, color=style.FAINT, linewidth=1.2, zorder=0, label=PEAK)
    for engine, (name, colour, line, marker) in LOOKS.items():
        some = rows[rows["engine"] == engine].sort_values("replicas")
        shade = style.blend(colour, 1.0 if line == "-" else 0.55)
        ax.fill_between(
            some["replicas"], some["lowest"], some["highest"], color=shade, alpha=0.18, linewidth=0
        )
        if len(some):
            ax.plot(
                *(some["replicas"], some["us"]),
                color=shade,
                linestyle=line,
                linewidth=1.8 if engine == "ours" else 1.1,
                marker=marker,
                markersize=3.6,
                markeredgecolor="white",
                markeredgewidth=0.4,
                label=name,
            )
    most = max(float(rows["replicas"].max()), 10.0)
    style.logarithmic(ax, "x", 0.8, 1.35 * most)
    style.logarithmic(ax, "y", 0.75 * min(rows["us"].min(), peak), 1.6 * rows["us"].max())
    ax.grid(axis="y", color=style.FAINT, linewidth=0.4, alpha=0.6)
    ax.set_axisbelow(True)
