"""One figure of all engines: time a replica and update against replicas, beside the peak."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from benchmarks.engines import ENGINES
from benchmarks.workloads import WORKLOADS
from reports import style


def draw(report: Mapping[str, Any]) -> Figure:
    """Draw a panel for each workload and optimizer; both axes are logarithmic.

    Grey line: the same operations at the rate of a large matrix product. Bands go from the lowest
    to the highest of the repeats.
    """
    rows = pd.DataFrame(report["rows"])
    what = ["workload", "optimizer", "engine", "replicas"]
    shown = [name for name in ENGINES if (rows["engine"] == name).any()]
    grid = sns.relplot(
        rows.melt(what, ["lowest", "us", "highest"], value_name="time"),
        **{"x": "replicas", "y": "time", "row": "optimizer", "col": "workload"},
        **{"hue": "engine", "style": "engine", "hue_order": shown, "style_order": shown},
        **{"kind": "line", "markers": True, "palette": "colorblind", "height": 2.0},
        **{"estimator": "median", "errorbar": ("pi", 100)},
        facet_kws={"sharex": False, "sharey": False},
    )
    grid.set(xscale="log", yscale="log")
    grid.set_axis_labels("replicas trained together", "µs per replica and update")
    grid.set_titles("{col_name}, {row_name}")
    for (_, workload), ax in grid.axes_dict.items():
        peak = WORKLOADS[workload].flops() / report["peak"] / 1e3
        ax.axhline(peak, color=style.FAINT, zorder=0)
    peers = rows[rows["best"] & (rows["engine"] != "ours")]
    least = peers.groupby(["workload", "optimizer"])["ratio_to_ours"].min()
    message = (
        f"The quickest peer takes {least.min():.1f} to {least.max():.1f} times as long as this "
        "project's engine"
    )
    grid.figure.suptitle(message if len(least) else "One engine alone", y=1.02)
    return grid.figure
