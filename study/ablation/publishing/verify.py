"""``study verify NAME``: train some published cells again and compare them; see `agreement`."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from study.ablation.configuration.composition import with_configuration
from study.ablation.configuration.schema import Config
from study.ablation.messages import SHOWN, duration
from study.ablation.planning.plan import Plan, Planned, make_plan
from study.ablation.publishing import agreement, publish
from study.ablation.publishing.published import MANIFEST, manifest
from study.ablation.running.execution import training
from study.ablation.running.progress import Tally
from study.ablation.store import FinishedCell, artifacts
from study.errors import UsageError, unknown
from study.learning import NUMERICS_VERSION

SECONDS = 60.0  # that a sample may cost, on each worker
HELD, FAILED = 0, 1
OWN_WORDS = ("only.", "execution.")


def command(arguments: Sequence[str]) -> int:
    """``study verify NAME [cells=all|N] [seed=0] [only.<axis>=...]``: 0 where all agree."""
    name, *rest = publish.words(arguments, "verify")
    options, own = {"cells": "", "seed": "0"}, []
    for word in rest:
        key, _, value = word.partition("=")
        if key in options:
            options[key] = value
        elif key.startswith(OWN_WORDS):
            own.append(word)
        else:
            valid = [*options, "only.<axis>", "execution.workers"]
            raise UsageError(unknown("option of study verify", key, valid))
    many, seed = options["cells"], options["seed"]
    if not (many in ("", "all") or (many.isdecimal() and int(many))):
        raise UsageError(f"cells takes a number above 0, or all, not {many!r}")
    if not seed.isdecimal():
        raise UsageError(f"seed takes a whole number, not {seed!r}")
    folder = publish.FOLDER / name.removeprefix("experiment=")
    content, runs = read(folder)

    def run(config: Config) -> int:
        return verify(config, content, runs, many, int(seed))

    return with_configuration([name, *content["overrides"], *own], run)


def read(folder: Path) -> tuple[dict[str, Any], pa.Table]:
    """Return what was published, if it is whole: the manifest, and all runs."""
    if not (folder / MANIFEST).is_file():
        there = sorted(p.parent.name for p in folder.parent.glob(f"*/{MANIFEST}"))
        raise UsageError(
            f"nothing is published of experiment {folder.name!r}; there is: "
            f"{', '.join(there) or 'nothing yet (study publish makes it)'}"
        )
    content = manifest(folder, "overrides", "cells", "numerics")
    names = [Path(name).name for name in content["sha256"] if name.startswith(("runs", "tuning"))]
    tables = [artifacts.read(folder / name) for name in names]
    return content, pa.concat_tables(tables, promote_options="default")


def verify(
    config: Config, content: Mapping[str, Any], runs: pa.Table, many: str, seed: int
) -> int:
    """Choose cells, train them, print a verdict each; 0 where all hold."""
    whole = make_plan(dataclasses.replace(config, only={}))
    narrow = make_plan(config) if config.only else whole
    names: dict[str, str] = content["cells"]
    gone = [cell for cell in names if cell not in {p.identity for p in whole.cells}]
    if gone:
        _say_gone(gone, names, content["numerics"])
    chosen = choose(narrow, set(names), many, seed)
    if not chosen:
        if gone:
            return FAILED
        raise UsageError("no published cell is left to compare: widen only.<axis>")
    needed = with_needs(whole, {p.identity for p in chosen})
    plan = dataclasses.replace(narrow, cells=tuple(p for p in whole.cells if p.identity in needed))
    print(
        f"{config.experiment}: {len(chosen):,} of {len(names):,} published cells, about "
        f"{duration(sum(p.seconds for p in plan.cells) / config.execution.processes())}",
        flush=True,
    )
    verdicts: dict[str, agreement.Verdict] = {}
    with training(plan, Tally()) as results:
        for result in results:
            if not isinstance(result, FinishedCell):
                verdicts[result.cell] = agreement.Verdict(agreement.DIFFERENT, result.error)
            elif result.cell in names:
                mine = runs.filter(pc.equal(runs["cell"], result.cell))
                names_of = {"experiment", "cell", "task"} & set(mine.column_names)
                published = mine.drop_columns(sorted(names_of))
                fresh = publish.published_part(result.runs)
                verdicts[result.cell] = agreement.judge(published, fresh, len(chosen))
    for planned in chosen:
        verdict = verdicts[planned.identity]
        reason = f": {verdict.reason}" if verdict.reason else ""
        print(f"  {verdict.word:26} {planned.name}{reason}")
    words = [verdicts[planned.identity].word for planned in chosen]
    order = (agreement.BIT, agreement.WITHIN, agreement.DIFFERENT)
    print(", ".join(f"{words.count(word):,} {word}" for word in order))
    return FAILED if gone or agreement.DIFFERENT in words else HELD


def choose(plan: Plan, published: set[str], many: str, seed: int) -> list[Planned]:
    """Return cells of the plan that are published, in the plan's order.

    `many` is "all", a number, or "" for as many as cost `SECONDS` on each worker, the cells at
    whose rate they are evaluated included; one at the least. `seed` is that of the sample.
    """
    there = [p for p in plan.cells if p.identity in published]
    order = np.random.default_rng(seed).permutation(len(there))
    if many == "all":
        return there
    if many:
        return [there[i] for i in sorted(order[: int(many)])]
    cost = {p.identity: p.seconds for p in plan.cells}
    budget = SECONDS * plan.config.execution.processes()
    paid: set[str] = set()
    taken: list[int] = []
    for i in order:
        paid = with_needs(plan, {*paid, there[i].identity})
        if taken and sum(cost[cell] for cell in paid) > budget:
            break
        taken.append(i)
    return [there[i] for i in sorted(taken)]


def with_needs(plan: Plan, cells: set[str]) -> set[str]:
    """Return cells and those at whose rates they are trained, and so on."""
    needs = {p.identity: set(p.needs.values()) for p in plan.cells}
    found: set[str] = set()
    while cells - found:
        found |= cells
        cells = {needed for cell in cells for needed in needs[cell]}
    return found


def _say_gone(gone: Sequence[str], names: Mapping[str, str], then: int) -> None:
    why = "the experiment, its data or the code that it names changed since"
    if then != NUMERICS_VERSION:
        why = f"results are of numerics version {then}, this is {NUMERICS_VERSION}"
    print(f"{len(gone):,} published cells are not in the plan of this version: {why}")
    for cell in gone[:SHOWN]:
        print(f"  {'not in the plan':26} {names[cell]} ({cell[:12]})")
    if len(gone) > SHOWN:
        print(f"  ... and {len(gone) - SHOWN:,} more")
