"""An experiment from its configuration to its exported tables: planned, trained, recorded."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from study.ablation import messages
from study.ablation.configuration.schema import Config
from study.ablation.planning.plan import Plan, make_plan
from study.ablation.publishing import provenance
from study.ablation.running import execution
from study.ablation.running.signals import Terminated
from study.ablation.store import Store, open_store
from study.conf import claims_digest
from study.datasets import ROOT
from study.errors import UsageError

DONE, FAILED, INTERRUPTED, TERMINATED = 0, 1, 130, 143


def run(config: Config) -> int:
    """Plan an experiment and carry it out, as far as it is not finished."""
    started = time.monotonic()
    plan = make_plan(config, claims_digest() if config.claims and not config.dry_run else "")
    store = open_store(config.tracking.uri, config.experiment, ROOT)
    try:
        finished = store.finished(planned.identity for planned in plan.cells)
        if config.dry_run:
            messages.show_plan(plan, finished)
            return DONE
        tables = config.tracking.tables
        folder = Path(tables).absolute() if tables else ROOT / "data" / "results"
        folder /= config.experiment
        _check_writable(folder)
        if len(finished) == len(plan.cells):
            runs: int | None = _export(plan, store, folder)
        else:
            try:
                runs = _train(plan, store, finished, folder, ROOT)
            except (KeyboardInterrupt, Terminated) as stop:
                messages.say_interrupted(plan)
                return TERMINATED if isinstance(stop, Terminated) else INTERRUPTED
        if runs is None:
            return FAILED
        messages.say_done(plan, finished, runs, time.monotonic() - started, folder)
        return DONE
    finally:
        store.close()


def _check_writable(folder: Path) -> None:
    """Try to make the folder of the tables, before anything is trained for them; leave no trace.

    Raises
    ------
    UsageError
        Where it cannot be made or written.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in missing:
            path.rmdir()
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror or error}") from error
    if not missing and not os.access(folder, os.W_OK):
        raise UsageError(f"cannot write {folder}: permission denied")


def _train(plan: Plan, store: Store, finished: set[str], folder: Path, root: Path) -> int | None:
    """Train, record and export; return how many runs were exported, None where that failed."""
    messages.say_start(plan, finished, store.damaged)
    started, clock = time.time(), time.monotonic()
    try:
        tally = execution.carry_out(plan, store, finished)
        seconds = time.monotonic() - clock
        with execution.recording():
            store.describe(*provenance.study_record(plan, tally, started, started + seconds, root))
        messages.say_trained(tally, seconds)
        if tally.failed:
            messages.say_failed(plan, tally)
            return None
        with execution.recording():
            return _export(plan, store, folder)
    except execution.StoreFailed as error:
        print(f"study: {error}", file=sys.stderr)
        messages.say_interrupted(plan)
        return None


def _export(plan: Plan, store: Store, folder: Path) -> int:
    runs = store.export([planned.identity for planned in plan.cells], folder)[2]
    provenance.export(plan, store.descriptions(), folder)
    return runs
