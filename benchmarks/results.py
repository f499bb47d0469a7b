"""What the measurements leave: one table, `speed.md`, a section for each of them.

A run replaces the sections that it measured; the others stay as they were.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.engines import ENGINES
from benchmarks.workloads import WORKLOADS

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "benchmarks" / "results"
TABLE = "speed.md"
INTRODUCTION = "# Speed"
SECTION = re.compile(r"^(#+ [^\n]*)\n\n(.*?)\n*(?=^#+ |\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Measured:
    """A measurement, and what it should reach.

    Parameters
    ----------
    what
        What was measured.
    value, unit
        The measurement.
    target
        The goal; None where there is none.
    least
        Whether the goal is the least value that meets it, not the most.
    """

    what: str
    value: float
    unit: str
    target: float | None = None
    least: bool = False

    @property
    def goal(self) -> str:
        """The goal as text, such as ``<= 2``."""
        if self.target is None:
            return ""
        return f"{'>=' if self.least else '<='} {self.target:g}"

    @property
    def met(self) -> str:
        """Whether the goal is met, as text; nothing where there is no goal."""
        if self.target is None:
            return ""
        good = self.value >= self.target if self.least else self.value <= self.target
        return "met" if good else "**missed**"


def write(sections: Mapping[str, Sequence[str]], folder: Path = FOLDER) -> Path:
    """Replace sections of the table (heading -> lines), or add them at its end."""
    path = folder / TABLE
    kept = dict(SECTION.findall(path.read_text(encoding="utf-8"))) if path.is_file() else {}
    content = kept | {heading: "\n".join(lines) for heading, lines in sections.items()}
    text = "\n\n".join(f"{heading}\n\n{body}" for heading, body in content.items())
    path.write_text(text + "\n", encoding="utf-8")
    return path


def measured_section(rows: Sequence[Measured]) -> list[str]:
    """Return the lines of a table of measurements and their goals."""
    return [
        *("| | measured | | goal | |", "|---|--:|---|---|---|"),
        *(f"| {r.what} | {_short(r.value)} | {r.unit} | {r.goal} | {r.met} |" for r in rows),
    ]


def speed_sections(report: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sections about the engines, from what `speed.run` returns."""
    sections = {INTRODUCTION: _introduction(report)}
    for workload in WORKLOADS.values():
        chosen = {
            (row["engine"], row["optimizer"]): row
            for row in report["rows"]
            if row["workload"] == workload.name and row["best"]
        }
        if chosen:
            sections[f"## {workload.name}: {workload.about}"] = _engines(chosen)
    return sections


def _introduction(report: Mapping[str, Any]) -> list[str]:
    machine = report["machine"]
    versions = ", ".join(f"{name} {v}" for name, v in machine["versions"].items())
    products = ", ".join(f"{name} {v:g}" for name, v in machine["product_gflops"].items())
    lines = [
        f"- {machine['processor']}, {machine['cores']} cores, {machine['system']}",
        f"- Python {machine['python']}, {versions}",
        *(f"- {name} multiplies with {what}" for name, what in machine["multiplies_with"].items()),
        f"- product of 2048 × 2048 float32 matrices, GFLOP/s: {products}; "
        f"ours, median over the run: {machine['gemm_peak_gflops']:g}",
        f"- load average before and after: {machine['load_average_before']}, "
        f"{machine['load_average_after']}",
        "",
    ]
    found = [d for c in report["checks"] for d in c["largest_difference"].values()]
    if found:
        engines = {name for c in report["checks"] for name in c["largest_difference"]}
        names = ", ".join(name for name in ENGINES if name in engines)
        lines += [
            "The engines compute the same: in float64, from one start and on the same batches, "
            f"weights of {names} differ from ours by at most {max(found):.0e} "
            f"({', '.join(c['what'] for c in report['checks'])}).",
            "",
        ]
    quick = " (a quick run: few repeats, one R)" if report["quick"] else ""
    waited = statistics.median(row["wall_over_cpu"] for row in report["rows"])
    lines.append(
        "Microseconds a replica and update, float32, one thread, every engine at the number of "
        "replicas (R) where it is quickest; *ratio* is to ours. Setting up is taken away; "
        "processor time, which on the one core that all engines share is wall time but for what "
        f"other programs took{quick}. Other programs had {max(0.0, 1 - 1 / waited):.0%} of the "
        "core."
    )
    return lines


def _engines(chosen: Mapping[tuple[str, str], Mapping[str, Any]]) -> list[str]:
    optimizers = sorted({optimizer for _, optimizer in chosen}, reverse=True)  # sgd first
    heads = "".join(f" {o}, us | R | ratio | of peak |" for o in optimizers)
    lines = [f"| engine |{heads} how |", "|---|" + "--:|--:|--:|--:|" * len(optimizers) + "---|"]
    for engine in ENGINES.values():
        cells = []
        for optimizer in optimizers:
            row = chosen.get((engine.name, optimizer))
            if row is None:
                break
            share = f"{row['share_of_peak']:.0%}" if "share_of_peak" in row else ""
            cells += [
                _short(row["us"]),
                f"{row['replicas']:,}",
                f"{row['ratio_to_ours']:.2f}",
                share,
            ]
        else:
            lines.append(f"| {engine.name} | {' | '.join(cells)} | {engine.about} |")
    return lines


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
