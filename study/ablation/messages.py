"""What the command tells people, in lines that say what to do next."""

import os
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from study.ablation.configuration.schema import Execution
from study.ablation.planning.cells import AXES, REGISTRIES, Cell
from study.ablation.planning.cost import BYTES_A_RUN
from study.ablation.planning.plan import Plan, Planned
from study.ablation.planning.population import summary
from study.ablation.planning.schedule import seconds_together
from study.ablation.running.progress import OUTCOMES, Tally
from study.ablation.store import masked
from study.places import IN_CHECKOUT

ARM_AXES = ("gradient", "location", "consistent", "optimizer")  # of a task of a population
SHOWN = 12  # cells, reasons or failures that are listed in full


def show_plan(plan: Plan, finished: set[str]) -> None:
    """Print the plan: cells, trainings, what is finished, what is skipped and why, the cost."""
    config, protocol = plan.config, plan.config.protocol
    print_text(f"{config.experiment}: {config.about}" if config.about else config.experiment)
    if config.claims:
        print_row("claims", ", ".join(config.claims), 14)
    print()
    if plan.drawn and config.population:
        tasks = _count(len(plan.drawn.tasks), "task")
        print(f"  {tasks}, drawn with seed {config.population.seed}")
        for name, text in summary(plan.drawn):
            print_row(name, text, 14)
        print()
    for axis in AXES if not plan.drawn else ARM_AXES:
        values = dict.fromkeys(_shown(planned.cell, axis) for planned in plan.cells)
        print_row(axis, ", ".join(values), 14)
    if not plan.drawn:
        print(f"\n  {protocol.updates:,} updates of {protocol.batches}, {protocol.dtype}")
    print(
        f"  {protocol.tuning_seeds} tuning seeds"
        + (f" + {protocol.refine.seeds} in a second stage" if protocol.refine else "")
        + f", {protocol.evaluation_seeds} evaluation seeds"
        + (", also at exact's rate" if protocol.transfer else "")
    )
    if not plan.drawn:
        own = (p.protocol.differences(protocol, p.cell.optimizer.name) for p in plan.cells)
        _print_most("difference", [f"cells: {', '.join(said)}" for said in own if said])
    print()
    left = [planned for planned in plan.cells if planned.identity not in finished]
    done = [planned for planned in plan.cells if planned.identity in finished]
    for planned in [*left, *done][:SHOWN]:
        state = "finished" if planned.identity in finished else f"{planned.runs:,} runs"
        print_row(f"{state:>8}", planned.name, 8)
    if len(plan.cells) > SHOWN:
        print(f"  ... and {_count(len(plan.cells) - SHOWN, 'more cell')}")
    if plan.skipped:
        print(f"\n  skipped: {_count(len(plan.skipped), 'impossible combination')}")
        _print_most("reason", [reason for _, reason in plan.skipped], "for ")
    if plan.duplicates:
        print(f"\n  made once: {_count(plan.duplicates, 'combination')} that would repeat a cell")
    if config.parts:
        _show_parts(plan)
    print(
        f"\n{_count(len(plan.cells), 'cell')}, {_count(plan.runs, 'training')}; "
        f"{_count(len(done), 'cell')} finished"
    )
    if not left:
        print("nothing to do")
        return
    runs = _runs(left)
    print_text(
        f"to do: {_count(len(left), 'cell')}, {_count(runs, 'training')}, "
        f"about {_time(plan, left)} with {_workers(config.execution)}, "
        f"about {runs * BYTES_A_RUN / 1e6:,.0f} MB of store"
    )


def _print_most(what: str, texts: Sequence[str], before: str = "") -> None:
    """Print how often each text occurs, the most frequent ones first."""
    numbers = Counter(texts)
    for text, number in numbers.most_common(SHOWN):
        print_row(f"{number:>8,}", text, 8)
    if len(numbers) > SHOWN:
        print(f"  ... and {before}{_count(len(numbers) - SHOWN, f'other {what}')}")


def _show_parts(plan: Plan) -> None:
    """Print what each included experiment asks for; shared cells count where they are made."""
    width = max(map(len, plan.config.parts))
    print(f"\n  {'':{width}}  {'cells':>6} {'trainings':>10} {'time':>7}")
    for name, part in plan.config.parts.items():
        own, shared = plan.made_by(name), plan.shared_with(name)
        said = f"{len(own):>6,} {_runs(own):>10,} {_time(plan, own) if own else '-':>7}"
        said += f"  and {_count(len(shared), 'cell')} of others" if shared else ""
        said += f"  ({', '.join(part.claims)})" if part.claims else ""
        print_row(f"{name:{width}}", said, width)


def say_start(plan: Plan, finished: set[str], damaged: int = 0) -> None:
    """Say what is about to be trained, with the recorded cells whose tables are not whole."""
    left = [planned for planned in plan.cells if planned.identity not in finished]
    going_on = f", {len(finished):,} finished before" if finished else ""
    skipped = f", {len(plan.skipped):,} impossible ones skipped" if plan.skipped else ""
    print(
        f"{plan.config.experiment}: {_count(len(left), 'cell')}{going_on}{skipped}; "
        f"{_count(_runs(left), 'training')}, about {_time(plan, left)}",
        flush=True,
    )
    if damaged:
        print(f"{_count(damaged, 'cell')} of them recorded, but without whole tables", flush=True)


def say_trained(tally: Tally, seconds: float) -> None:
    """Say what came out of the trainings made now."""
    outcomes = [f"{tally.outcomes[name]:,} {name}" for name in OUTCOMES if tally.outcomes[name]]
    print(f"trained {_count(tally.runs, 'run')} in {duration(seconds)}: {', '.join(outcomes)}")


def say_failed(plan: Plan, tally: Tally) -> None:
    """Name the cells that raised an error, and say how to see where."""
    names = {planned.identity: planned.name for planned in plan.cells}
    errors = [failed for failed in tally.failed if failed.traceback]
    for failed in tally.failed[:SHOWN]:
        print(f"study: failed: {names[failed.cell]}: {failed.error}", file=sys.stderr)
    if len(tally.failed) > SHOWN:
        print(f"study: ... and {len(tally.failed) - SHOWN:,} more", file=sys.stderr)
    if os.environ.get("STUDY_TRACEBACK") and errors:
        print(errors[0].traceback, file=sys.stderr)
    print(
        f"study: {_count(len(tally.failed), 'cell')} failed, the others are recorded, no tables "
        "are exported; STUDY_TRACEBACK=1 shows where",
        file=sys.stderr,
    )


def say_done(plan: Plan, finished: set[str], runs: int, seconds: float, folder: Path) -> None:
    """Say where the results are and what can be done with them."""
    name = plan.config.experiment
    if len(finished) >= len(plan.cells):
        cells = _count(len(plan.cells), "cell")
        print(f"{name}: nothing to train, {cells} finished before ({seconds:.1f} s)")
    here = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    print(f"{_count(runs, 'run')} in {here}")
    if plan.config.only:
        print("these tables hold only the cells that only.<axis> keeps; without it, all of them")
    own = plan.config.tracking  # the targets of make look in the usual places alone
    if own.tables is None and IN_CHECKOUT:
        print(f"next: make figures{suffix(name)}   (figures and tables in reports/)")
    if own.uri is None and IN_CHECKOUT:
        print(f"next: make ui{suffix(name)}        (browse the runs in MLflow)")
    else:
        where = f" tracking.uri={masked(own.uri)}" if own.uri else ""
        print(f"next: study ui experiment={name}{where}")


def say_interrupted(plan: Plan) -> None:
    """Say how to go on."""
    print(
        "\nstopped; finished cells are recorded. Go on with the same command, or with: "
        f"{command_for(plan.config.experiment)}"
    )


def command_for(experiment: str) -> str:
    """Return the command that trains an experiment: in a checkout make's."""
    return (
        f"make ablation{suffix(experiment)}" if IN_CHECKOUT else f"study experiment={experiment}"
    )


def suffix(experiment: str) -> str:
    """Return what names an experiment to make, after a target."""
    return "" if experiment == "default" else f" EXPERIMENT={experiment}"


def print_row(name: str, text: str, width: int) -> None:
    """Print a name and, beside it, a text that is broken into lines of the terminal's width."""
    print_text(text, f"  {name:{width}}  ", " " * (width + 4))


def print_text(text: str, first: str = "", others: str = "  ") -> None:
    """Print a text in lines of the terminal's width, with these words or blanks before them."""
    print(
        textwrap.fill(
            text,
            width=max(shutil.get_terminal_size((100, 24)).columns, len(others) + 40),
            initial_indent=first,
            subsequent_indent=others,
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def duration(seconds: float) -> str:
    """Return a time in words a person would use."""
    if seconds < 90.0:
        return f"{max(seconds, 1.0):.0f} s"
    if seconds < 5400.0:
        return f"{seconds / 60.0:.0f} min"
    return f"{seconds / 3600.0:.1f} h"


def _workers(settings: Execution) -> str:
    said = _count(settings.processes(), "worker")
    if not settings.jobs:
        return said
    took = f", each of {settings.walltime} at most" if settings.walltime else ""
    return f"{said} in {_count(settings.jobs, 'job')}{took}"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _runs(cells: Iterable[Planned]) -> int:
    return sum(planned.runs for planned in cells)


def _time(plan: Plan, cells: Iterable[Planned]) -> str:
    return duration(seconds_together(list(cells), plan.config.execution.processes()))


def _shown(cell: Cell, axis: str) -> str:
    if axis == "gradient":
        return str(cell.gradient)
    if axis in REGISTRIES:
        return str(getattr(cell, axis).short)
    return cell.params()[axis]
