"""One figure of all engines: time a replica and update against replicas, beside the peak."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from benchmarks.results import ORDER
from benchmarks.workloads import WORKLOADS
from reports import style

NAMES = {
    "ours": "ours",
    "jax": "JAX",
    "jax_with_compile": "JAX with its compiling",
    "jax_by_hand": "JAX, gradient by hand",
    "torch_stacked": "PyTorch stacked",
    "torch_func": "PyTorch, torch.func",
    "torch": "PyTorch loop",
    "sklearn": "scikit-learn loop",
    "plain_study": "Hydra + scikit-learn + MLflow",
}
JAX, TORCH = style.HUES["mean"], style.HUES["removed"]
COLOURS = {
    "ours": style.INK,
    **{name: JAX for name in ("jax", "jax_with_compile", "jax_by_hand")},
    **{name: TORCH for name in ("torch_stacked", "torch_func", "torch")},
    "sklearn": style.HUES["offset"],
    "plain_study": style.HUES["random"],
}
DASHES: dict[str, Any] = {name: "" for name in ORDER} | {
    "jax_with_compile": (1.2, 1.2),
    "jax_by_hand": (4, 1.5),
    "torch_func": (4, 1.5),
    "torch": (1.2, 1.2),
}
MARKERS = {
    "ours": "o",
    "jax": "s",
    "jax_with_compile": "s",
    "jax_by_hand": "D",
    "torch_stacked": "^",
    "torch_func": "v",
    "torch": "X",
    "sklearn": "P",
    "plain_study": "p",
}
LIBRARIES = {
    "JAX": ("jax",),
    "JAX, by hand": ("jax_by_hand",),
    "PyTorch": ("torch_stacked", "torch_func", "torch"),
    "scikit-learn": ("sklearn",),
}
PALER = ("jax_with_compile", "jax_by_hand", "torch_func")


def draw(report: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write speed.pdf and speed.png into a folder; return both."""
    with style.theme():
        return [path for path, _ in style.save([page(report)], folder / "speed")]


def page(report: Mapping[str, Any]) -> Figure:
    """Lay out a panel for each workload and optimizer that was measured."""
    rows = pd.DataFrame(report["rows"])
    workloads = [w for w in WORKLOADS.values() if (rows["workload"] == w.name).any()]
    optimizers = [o for o in ("sgd", "adam") if (rows["optimizer"] == o).any()]
    engines = [e for e in ORDER if (rows["engine"] == e).any()]
    machine = report["machine"]
    figure, axes = style.sheet(
        message(rows),
        "Microseconds of one core that a training takes an update, against how many are trained "
        "together; both axes logarithmic, bands from the lowest to the highest of the repeats. "
        "Numbers in the corner: each library's quickest engine over ours, both where they are "
        "quickest. Grey line: the same operations at the rate of a large matrix product "
        f"({machine['gemm_peak_gflops']:.0f} GFLOP/s). {machine['processor'].split(' (')[0]}.",
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
            ax = axes[i, j]
            _panel(ax, chosen, workload.flops() / machine["gemm_peak_gflops"] / 1e3)
            if i == 0:
                kind, *sizes = workload.about.split(", ")
                ax.set_title(f"{workload.name}  {kind}\n{', '.join(sizes[:2])}")
            if i == len(optimizers) - 1:
                ax.set_xlabel("replicas trained together")
            if j == 0:
                ax.set_ylabel(f"{optimizer}\nµs per replica and update")
    _legend(figure, engines)
    return figure


def message(rows: pd.DataFrame) -> str:
    """Say how many times longer the quickest peer takes at least and at most."""
    peers = rows[rows["best"] & ~rows["engine"].isin(["ours", "plain_study"])]
    least = peers.groupby(["workload", "optimizer"])["ratio_to_ours"].min().dropna()
    if least.empty:
        return "One engine alone"
    low, high = f"{least.min():.1f}", f"{least.max():.1f}"
    span = f"{low} times" if low == high else f"{low} to {high} times"
    return f"The quickest peer takes {span} as long as this project's engine"


def _panel(ax: Axes, rows: pd.DataFrame, peak: float) -> None:
    ax.axhline(peak, color=style.FAINT, linewidth=1.2, zorder=0)
    present = [e for e in ORDER if (rows["engine"] == e).any()]
    colours = {e: style.blend(COLOURS[e], 0.55 if e in PALER else 1.0) for e in present}
    for engine in present:
        some = rows[rows["engine"] == engine].sort_values("replicas").dropna(subset=["lowest"])
        ax.fill_between(
            *(some["replicas"], some["lowest"], some["highest"]),
            **{"color": colours[engine], "alpha": 0.18, "linewidth": 0},
        )
    sns.lineplot(
        rows,
        x="replicas",
        y="us_per_replica_update",
        hue="engine",
        style="engine",
        hue_order=present,
        style_order=present,
        palette=colours,
        dashes={e: DASHES[e] for e in present},
        markers={e: MARKERS[e] for e in present},
        markersize=3.6,
        markeredgecolor="white",
        markeredgewidth=0.4,
        size="engine",
        sizes={e: 1.8 if e == "ours" else 1.1 for e in present},
        errorbar=None,
        legend=False,
        ax=ax,
    )
    values = rows["us_per_replica_update"]
    _logarithmic(ax, "x", 0.8, max(rows["replicas"].max(), 10) * 1.35)
    _logarithmic(ax, "y", min(values.min(), peak) * 0.75, values.max() * 1.6)
    ax.set(xlabel="", ylabel="")
    text = _ratios(rows)
    ax.text(
        0.98, 1.0, text, transform=ax.transAxes, ha="right", va="top", size=6.5, linespacing=1.3
    )
    ax.grid(axis="y", color=style.FAINT, linewidth=0.4, alpha=0.6)
    ax.set_axisbelow(True)


def _logarithmic(ax: Axes, axis: str, low: float, high: float) -> None:
    """Make an axis logarithmic, with plain numbers: decades, and between them where few are."""
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    ticks = decades[(decades >= low) & (decades <= high)]
    if len(ticks) < 2:
        fine = np.outer(decades, [1.0, 2.0, 5.0]).ravel()
        ticks = fine[(fine >= low) & (fine <= high)]
    getattr(ax, f"set_{axis}scale")("log")
    getattr(ax, f"set_{axis}lim")(low, high)
    scale = getattr(ax, f"{axis}axis")
    scale.set_major_locator(FixedLocator(ticks))
    scale.set_major_formatter(FixedFormatter([f"{t:,g}" for t in ticks]))
    scale.set_minor_locator(NullLocator())


def _ratios(rows: pd.DataFrame) -> str:
    """Say how many times longer each library's quickest engine takes."""
    lines = []
    for name, engines in LIBRARIES.items():
        some = rows[rows["engine"].isin(engines)]["ratio_to_ours"].dropna()
        if len(some):
            lines.append(
                f"{name} {some.min():,.1f} ×" if some.min() < 10 else f"{name} {some.min():,.0f} ×"
            )
    return "\n".join(lines)


def _legend(figure: Figure, engines: list[str]) -> None:
    handles = []
    for engine in engines:
        dash = DASHES[engine]
        handles.append(
            Line2D(
                [],
                [],
                color=style.blend(COLOURS[engine], 0.55 if engine in PALER else 1.0),
                linestyle=(0, dash) if dash else "-",
                linewidth=1.8 if engine == "ours" else 1.1,
                marker=MARKERS[engine],
                markersize=4,
                markeredgecolor="white",
                markeredgewidth=0.4,
                label=NAMES[engine],
            )
        )
    handles.append(Line2D([], [], color=style.FAINT, linewidth=1.6, label="large-product peak"))
    figure.legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=4,
        columnspacing=1.6,
        handlelength=2.6,
        borderaxespad=0.4,
    )
