"""The command `study`: one composition, a plan, its execution, the exported tables."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from study.ablation import commands, messages
from study.ablation.composition import with_configuration
from study.ablation.schema import Config
from study.datasets import ROOT
from study.learning.records import UsageError

if TYPE_CHECKING:
    from study.ablation.plan import Plan
    from study.ablation.store import Store

DONE, FAILED, MISTAKE, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0 done, 1 failed, 2 a user's mistake, 130/143 stopped.

    ``STUDY_TRACEBACK=1`` in the environment shows the traceback of a mistake.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.path.insert(0, os.getcwd())  # users' own records, named by {_target_: module.object}
    try:
        if given and given[0] in commands.COMMANDS:
            return commands.COMMANDS[given[0]](given[1:])
        return with_configuration(given, run)
    except UsageError as error:
        if os.environ.get("STUDY_TRACEBACK"):
            raise
        print(f"study: {error}", file=sys.stderr)
        return MISTAKE
    except KeyboardInterrupt:
        return INTERRUPTED


def run(config: Config) -> int:
    """Plan an experiment and carry it out, as far as it is not finished."""
    from study.ablation.plan import make_plan
    from study.ablation.store import open_store

    started = time.monotonic()
    plan = make_plan(config)
    store = open_store(config.tracking.uri, config.experiment, ROOT)
    try:
        finished = store.finished(planned.identity for planned in plan.cells)
        if config.dry_run:
            messages.show_plan(plan, finished)
            return DONE
        if len(finished) < len(plan.cells):
            code = _train(plan, store, finished)
            if code:
                return code
        folder = ROOT / "data" / "results" / config.experiment
        _, _, runs = store.export([planned.identity for planned in plan.cells], folder)
        messages.say_done(plan, finished, runs, time.monotonic() - started, folder)
        return DONE
    finally:
        store.close()


def _train(plan: Plan, store: Store, finished: set[str]) -> int:
    from study.ablation.execution import Terminated, carry_out
    from study.ablation.provenance import study_record

    messages.say_start(plan, finished)
    store.prepare()
    started = time.time()
    try:
        counts = carry_out(plan, store, finished)
    except (KeyboardInterrupt, Terminated) as stop:
        messages.say_interrupted(plan)
        return INTERRUPTED if isinstance(stop, KeyboardInterrupt) else TERMINATED
    tags, files = study_record(plan, counts, started, time.time(), ROOT)
    store.describe(tags, files)
    messages.say_trained(counts, time.time() - started)
    return DONE
