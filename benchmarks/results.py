"""What the measurements leave: one table, `speed.md`, a section for each; and a figure.

A run replaces the sections that it measured; the others stay as they were.
"""

import operator
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from benchmarks.engines import ENGINES
from benchmarks.workloads import WORKLOADS

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "benchmarks" / "results"
TABLE = "speed.md"
INTRODUCTION = "# Speed"
SECTION = re.compile(r"^(#+ [^\n]*)\n\n(.*?)\n*(?=^#+ |\Z)", re.MULTILINE | re.DOTALL)


class Measured(NamedTuple):
    """What was measured, its value and unit, and the goal, such as ``<= 2``, if there is one."""

    what: str
    value: float
    unit: str
    goal: str = ""

    @property
    def met(self) -> str:
        """Whether the goal is met, as text; nothing where there is no goal."""
        if not self.goal:
            return ""
        sign, limit = self.goal.split()
        good = {"<=": operator.le, ">=": operator.ge}[sign](self.value, float(limit))
        return "met" if good else "**missed**"


def write(sections: Mapping[str, str], folder: Path = FOLDER) -> Path:
    """Replace sections of the table (heading -> text), or add them at its end."""
    path = folder / TABLE
    kept = dict(SECTION.findall(path.read_text(encoding="utf-8"))) if path.is_file() else {}
    text = "\n\n".join(f"{heading}\n\n{body}" for heading, body in {**kept, **sections}.items())
    path.write_text(text + "\n", encoding="utf-8")
    return path


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def measured_section(rows: Sequence[Measured]) -> str:
    """Return a table of measurements and their goals."""
    lines = (_row((r.what, _short(r.value), r.unit, r.goal, r.met)) for r in rows)
    return "\n".join(("| | measured | | goal | |", "|---|--:|---|---|---|", *lines))


def speed_sections(report: Mapping[str, Any]) -> dict[str, str]:
    """Return the sections about the engines, from what `speed.run` returns."""
    rows = pd.DataFrame(report["rows"])
    sections = {INTRODUCTION: _introduction(report, rows)}
    for workload in WORKLOADS.values():
        best = rows[rows["best"] & (rows["workload"] == workload.name)]
        if len(best):
            sections[f"## {workload.name}: {workload.about}"] = _engines(best)
    return sections


def _introduction(report: Mapping[str, Any], rows: pd.DataFrame) -> str:
    lines = [*(f"- {what}: {value}" for what, value in report["machine"].items()), ""]
    checks = pd.DataFrame({c["what"]: c["largest_difference"] for c in report["checks"]})
    if checks.size:
        lines += [
            "The engines compute the same: in float64, from one start and on the same batches, "
            f"weights of {', '.join(map(str, checks.index))} differ from ours by at most "
            f"{checks.to_numpy().max():.0e} ({', '.join(c['what'] for c in report['checks'])}).",
            "",
        ]
    quick = " (a quick run: few repeats, one R)" if report["quick"] else ""
    waited = max(0.0, 1 - 1 / rows["wall_over_cpu"].median())
    lines.append(
        "Microseconds a replica and update, float32, one thread, every engine at the number of "
        "replicas (R) where it is quickest; *ratio* is to ours. Setting up is taken away; "
        "processor time, which on the one core that all engines share is wall time but for what "
        f"other programs took{quick}. Other programs had {waited:.0%} of the core."
    )
    return "\n".join(lines)


def _engines(best: pd.DataFrame) -> str:
    optimizers = sorted(set(best["optimizer"]), reverse=True)  # sgd first
    heads = [f"{o}, us | R | ratio | of peak" for o in optimizers]
    lines = [_row(["engine", *heads, "how"]), f"|---|{'--:|' * 4 * len(optimizers)}---|"]
    for name, rows in best.groupby("engine", sort=False):
        cells = [
            f"{_short(us)} | {replicas:,} | {ratio:.2f} | {share:.0%}"
            for us, replicas, ratio, share in rows.sort_values("optimizer", ascending=False)[
                ["us", "replicas", "ratio_to_ours", "share_of_peak"]
            ].itertuples(index=False)
        ]
        lines.append(_row([str(name), *cells, ENGINES[str(name)].about]))
    return "\n".join(lines)


def draw(report: Mapping[str, Any]) -> Any:
    """Draw a panel for each workload and optimizer; both axes are logarithmic.

    Time a replica and update is shown against replicas. Grey line: the same operations at the
    rate of a large matrix product. Bands go from the lowest to the highest of the repeats.
    """
    import seaborn as sns  # here: matplotlib would count as memory of `large`

    from reports import style

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
