"""What the command tells people, in lines that say what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from study.ablation.cells import AXES, REGISTRIES, Cell
from study.ablation.plan import BYTES_A_RUN, Plan

SHOWN = 12  # cells, or reasons, that are listed in full


def show_plan(plan: Plan, finished: set[str]) -> None:
    """Print the plan: cells, trainings, what is finished, what is skipped and why, the cost."""
    config = plan.config
    print(f"{config.experiment}: {config.about}" if config.about else config.experiment)
    print()
    for axis in AXES:
        values = dict.fromkeys(_shown(planned.cell, axis) for planned in plan.cells)
        print(f"  {axis:15}{', '.join(values)}")
    protocol = config.protocol
    batch = "full batches" if protocol.batch_size is None else f"batches of {protocol.batch_size}"
    print(f"\n  {protocol.updates:,} updates of {batch}, {protocol.dtype}")
    print(
        f"  {protocol.tuning_seeds} tuning seeds"
        + (f" + {protocol.refine.seeds} in a second stage" if protocol.refine else "")
        + f", {protocol.evaluation_seeds} evaluation seeds"
        + (", also at exact's rate" if protocol.transfer else "")
    )
    print()
    left = [planned for planned in plan.cells if planned.identity not in finished]
    for planned in plan.cells[:SHOWN]:
        state = "finished" if planned.identity in finished else f"{planned.runs} trainings"
        print(f"  {planned.cell.name:70} {state}")
    if len(plan.cells) > SHOWN:
        print(f"  ... and {len(plan.cells) - SHOWN:,} more cells")
    reasons = Counter(reason for _, reason in plan.skipped)
    if reasons:
        print(f"\n  skipped: {len(plan.skipped)} impossible combinations")
        for reason, count in reasons.most_common(SHOWN):
            print(f"    {count} × {reason}")
    if plan.duplicates:
        print(f"\n  {plan.duplicates} combinations equal others and are made once")
    runs = sum(planned.runs for planned in left)
    workers = config.execution.processes()
    seconds = sum(planned.seconds for planned in left) / workers
    print(
        f"\n{len(plan.cells):,} cells, {plan.runs:,} trainings; "
        f"{len(plan.cells) - len(left):,} cells finished"
    )
    if left:
        print(
            f"to do: {len(left):,} cells, {runs:,} trainings, about {duration(seconds)} "
            f"on {workers} cores, about {runs * BYTES_A_RUN / 1e6:,.0f} MB of store"
        )
    else:
        print("nothing to do")


def say_start(plan: Plan, finished: set[str]) -> None:
    """Say what is about to be trained."""
    left = [planned for planned in plan.cells if planned.identity not in finished]
    runs = sum(planned.runs for planned in left)
    skipped = f", {len(plan.skipped)} impossible ones skipped" if plan.skipped else ""
    going_on = f", {len(finished):,} finished before" if finished else ""
    seconds = sum(planned.seconds for planned in left) / plan.config.execution.processes()
    print(
        f"{plan.config.experiment}: {len(left):,} cells, {runs:,} trainings"
        f"{going_on}{skipped}; about {duration(seconds)}",
        flush=True,
    )


def say_trained(counts: Mapping[str, int], seconds: float) -> None:
    """Say what came out of the trainings made now."""
    outcomes = ", ".join(
        f"{counts[name]:,} {name}"
        for name in ("solved", "plateau", "stuck", "diverged")
        if counts.get(name)
    )
    print(f"trained {counts['runs']:,} runs in {duration(seconds)}: {outcomes}")


def say_done(plan: Plan, finished: set[str], runs: int, seconds: float, folder: Path) -> None:
    """Say where the results are and what can be done with them."""
    name = plan.config.experiment
    if len(finished) >= len(plan.cells):
        print(
            f"{name}: all {len(plan.cells):,} cells are finished, nothing to train "
            f"({seconds:.1f} s)"
        )
    print(f"{runs:,} runs are in {_short(folder)}")
    suffix = "" if name == "default" else f" EXPERIMENT={name}"
    print(f"next: make figures{suffix}   (figures and tables in reports/)")
    print(f"      make ui{suffix}        (browse the runs in MLflow)")


def say_interrupted(plan: Plan) -> None:
    """Say how to go on."""
    suffix = "" if plan.config.experiment == "default" else f" EXPERIMENT={plan.config.experiment}"
    print(f"\nstopped; finished cells are recorded. Go on with: make ablation{suffix}")


def _shown(cell: Cell, axis: str) -> str:
    if axis == "gradient":
        return str(cell.gradient)
    if axis in REGISTRIES:
        return str(getattr(cell, axis).short)
    return cell.params()[axis]


def duration(seconds: float) -> str:
    """Return a time in words a person would use."""
    if seconds < 90.0:
        return f"{seconds:.0f} s"
    if seconds < 5400.0:
        return f"{seconds / 60.0:.0f} min"
    return f"{seconds / 3600.0:.1f} h"


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
