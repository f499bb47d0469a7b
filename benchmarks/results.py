"""What the measurements leave: speed.json, goals.json, and one table of both."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.children import ROOT
from benchmarks.engines import ENGINES
from benchmarks.workloads import WORKLOADS

FOLDER = ROOT / "benchmarks" / "results"
SPEED, GOALS, TABLE = "speed.json", "goals.json", "speed.md"
ORDER = (
    *("ours", "jax", "jax_with_compile", "jax_by_hand", "torch_stacked", "torch_func"),
    *("torch", "sklearn", "plain_study"),
)
ABOUT = {
    "jax_with_compile": "jax with its compiling spread over 1,000 updates",
    "plain_study": "Hydra multirun + scikit-learn + MLflow's fluent interface, wall time",
    **{e.name: e.about for e in ENGINES.values()},
}
KEYS = (
    *("workload", "engine", "optimizer", "replicas", "threads"),
    *("us_per_replica_update", "ratio_to_ours"),
)


def goal(
    name: str, what: str, value: float, unit: str, target: float | None, *, least: bool = False
) -> dict[str, Any]:
    """Return a row of goals.json.

    Parameters
    ----------
    name
        Of the script that measured it.
    what
        What was measured.
    value, unit
        The measurement.
    target
        What it should reach, None where there is no goal.
    least
        Whether more is better.
    """
    met = None if target is None else bool(value >= target if least else value <= target)
    sign = ">=" if least else "<="
    shown = None if target is None else f"{sign} {target:g}"
    return {
        "name": name,
        "what": what,
        "value": float(value),
        "unit": unit,
        "goal": shown,
        "met": met,
    }


def check_rows(rows: Iterable[Mapping[str, Any]]) -> None:
    """Raise `ValueError` for a row of speed.json that lacks a key."""
    for row in rows:
        missing = [key for key in KEYS if key not in row]
        if row.get("engine") == "ours" and "fraction_of_gemm_peak" not in row:
            missing.append("fraction_of_gemm_peak")
        if missing:
            raise ValueError(f"row {dict(row)} lacks {', '.join(missing)}")


def write_speed(report: Mapping[str, Any], folder: Path = FOLDER) -> None:
    """Write speed.json, numbers to four digits."""
    check_rows(report["rows"])
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / SPEED, _rounded(report))


def write_goals(rows: Sequence[Mapping[str, Any]], folder: Path = FOLDER) -> None:
    """Write goals.json; rows of scripts that did not run this time stay."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = {row["name"] for row in rows}
    kept = [row for row in read(folder)[1] if row["name"] not in fresh]
    _write(folder / GOALS, _rounded([*kept, *rows]))


def read(folder: Path = FOLDER) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """Return the content of speed.json (None if there is none) and of goals.json."""
    speed, goals = folder / SPEED, folder / GOALS
    return (
        json.loads(speed.read_text()) if speed.is_file() else None,
        json.loads(goals.read_text()) if goals.is_file() else [],
    )


def write_table(folder: Path = FOLDER) -> Path:
    """Write the table of whatever the two files hold."""
    report, goals = read(folder)
    parts = ["# Speed\n"]
    if report:
        parts += speed_table(report)
    if goals:
        parts += goal_table(goals)
    path = folder / TABLE
    path.write_text("\n".join(parts), encoding="utf-8")
    return path


def speed_table(report: Mapping[str, Any]) -> list[str]:
    """Return the lines about engines, each at the number of replicas where it is quickest."""
    machine = report["machine"]
    lines = [
        *_machine_lines(machine),
        *_check_lines(report),
        "Microseconds a replica and update, float32, one thread, every engine at the number of "
        "replicas (R) where it is quickest; *ratio* is to ours. Setting up is taken away; "
        "processor time, which on the one core that all engines share is wall time but for what "
        "other programs took"
        + (" (a quick run: few repeats, one R)" if report.get("quick") else "")
        + f".{_disturbance(report)}\n",
    ]
    for workload in WORKLOADS.values():
        chosen = {
            (row["engine"], row["optimizer"]): row
            for row in report["rows"]
            if row["workload"] == workload.name and row["best"]
        }
        optimizers = [o for o in workload.rates if any(o == key[1] for key in chosen)]
        if optimizers:
            lines += [
                f"## {workload.name}: {workload.about}\n",
                *_engine_lines(chosen, optimizers),
            ]
    return lines


def goal_table(goals: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the lines about everything else."""
    lines = ["## Around the arithmetic\n", "| | measured | | goal | |", "|---|--:|---|---|---|"]
    for row in goals:
        met = {True: "met", False: "**missed**", None: ""}[row["met"]]
        lines.append(
            f"| {row['what']} | {_short(row['value'])} | {row['unit']} "
            f"| {row['goal'] or ''} | {met} |"
        )
    return [*lines, ""]


def _disturbance(report: Mapping[str, Any]) -> str:
    waits = [row["wall_over_cpu"] for row in report["rows"] if row.get("wall_over_cpu")]
    if not waits:
        return ""
    return f" Other programs had {max(0.0, 1 - 1 / statistics.median(waits)):.0%} of the core."


def _machine_lines(machine: Mapping[str, Any]) -> list[str]:
    versions = ", ".join(f"{name} {v}" for name, v in machine["versions"].items())
    products = ", ".join(f"{n} {v:g}" for n, v in machine.get("product_gflops", {}).items())
    blas = "; ".join(machine.get("blas", []))
    lines = [
        f"- {machine['processor']}, {machine['cores']} cores, {machine['system']}",
        f"- Python {machine['python']}, {versions}",
        f"- numpy multiplies with {blas}",
    ]
    if machine.get("torch"):
        lines.append(f"- PyTorch multiplies with {'; '.join(machine['torch'])}")
    lines += [
        f"- product of 2048 × 2048 float32 matrices, GFLOP/s: {products}; "
        f"ours, median over the run: {machine['gemm_peak_gflops']:g}",
        f"- load average before and after: {machine['load_average_before']}, "
        f"{machine['load_average_after']}\n",
    ]
    return lines


def _check_lines(report: Mapping[str, Any]) -> list[str]:
    found = [d for c in report["checks"] for d in c["largest_difference"].values()]
    if not found:
        return []
    names = sorted({n for c in report["checks"] for n in c["largest_difference"]}, key=_place)
    cases = ", ".join(f"{c['workload']} {c['optimizer']}" for c in report["checks"])
    return [
        f"The engines compute the same: in float64, from one start and on the same batches, "
        f"weights of {', '.join(names)} differ from ours by at most {max(found):.0e} ({cases}).\n"
    ]


def _engine_lines(
    chosen: Mapping[tuple[str, str], Mapping[str, Any]], optimizers: Sequence[str]
) -> list[str]:
    heads = "".join(f" {o}, us | R | ratio | of peak |" for o in optimizers)
    lines = [f"| engine |{heads} how |", "|---|" + "--:|--:|--:|--:|" * len(optimizers) + "---|"]
    engines = sorted({engine for engine, _ in chosen}, key=_place)
    for engine in engines:
        cells = []
        for optimizer in optimizers:
            row = chosen.get((engine, optimizer))
            if row is None:
                cells += [""] * 4
                continue
            share = row.get("fraction_of_gemm_peak")
            ratio = row["ratio_to_ours"]
            cells += [
                _short(row["us_per_replica_update"]),
                f"{row['replicas']:,}",
                "" if ratio is None else f"{ratio:.2f}",
                "" if share is None else f"{share:.0%}",
            ]
        lines.append(f"| {engine} | {' | '.join(cells)} | {ABOUT.get(engine, '')} |")
    return [*lines, ""]


def _place(engine: str) -> int:
    return ORDER.index(engine) if engine in ORDER else len(ORDER)


def _short(value: float) -> str:
    if abs(value) >= 1e15:
        return f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, Mapping):
        return {key: _rounded(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(v) for v in value]
    return value


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
