"""An experiment from its configuration to its exported tables: planned, trained, recorded."""

import os
import sys
import time
from contextlib import nullcontext
from pathlib import Path

from study.ablation import messages
from study.ablation.configuration.schema import Config
from study.ablation.planning.plan import Plan, make_plan
from study.ablation.publishing import provenance, tasks
from study.ablation.running import execution
from study.ablation.running.engines import EngineFailed
from study.ablation.running.signals import Terminated
from study.ablation.store import Store, open_store
from study.conf import claims_digest, shares_path
from study.errors import UsageError
from study.places import ROOT

DONE, FAILED = 0, 1
STOPPED = (execution.StoreFailed, EngineFailed)
SIGNALS = {KeyboardInterrupt: 130, Terminated: 143}


def run(config: Config) -> int:
    """Plan an experiment and carry it out, as far as it is not finished."""
    started = time.monotonic()
    plan = make_plan(config, "" if config.dry_run else _registered(config))
    store = open_store(config.tracking.uri, config.experiment, ROOT, config.tracking.artifacts)
    try:
        finished = store.finished(planned.identity for planned in plan.cells)
        if config.dry_run:
            messages.show_plan(plan, finished)
            return DONE
        folder = config.tracking.folder(config.experiment)
        _check_writable(folder)
        train = len(finished) < len(plan.cells)
        if train and not _train(plan, store, finished):
            return FAILED
        with execution.recording() if train else nullcontext():
            cells, of_task = zip(*((p.identity, p.task) for p in plan.cells), strict=True)
            runs = store.export(cells, folder, of_task)[2]
            tasks.export(plan, folder)
            provenance.export(plan, store.descriptions(), folder)
        messages.say_done(plan, finished, runs, time.monotonic() - started, folder)
        return DONE
    except (KeyboardInterrupt, Terminated, *STOPPED) as stop:
        if isinstance(stop, STOPPED):
            print(f"study: {stop}", file=sys.stderr)
        messages.say_interrupted(plan)
        return SIGNALS.get(type(stop), FAILED)
    finally:
        store.close()


def _registered(config: Config) -> str:
    """Return the digest of the claims that an experiment's trainings serve, "" for none."""
    if not config.claims:
        return ""
    return claims_digest(shares_path() if config.population else None)


def _check_writable(folder: Path) -> None:
    """Refuse a folder for the tables that can't be made or written, before anything is trained."""
    there = next(path for path in (folder, *folder.parents) if os.path.exists(path))
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        reason = "permission denied" if there.is_dir() else f"{there} is not a folder"
        raise UsageError(f"cannot write {folder}: {reason}")


def _train(plan: Plan, store: Store, finished: set[str]) -> bool:
    """Train and record; tell whether all cells are finished."""
    messages.say_start(plan, finished, store.damaged)
    started, clock = time.time(), time.monotonic()
    tally = execution.carry_out(plan, store, finished)
    seconds = time.monotonic() - clock
    with execution.recording():
        store.describe(*provenance.study_record(plan, tally, started, started + seconds, ROOT))
    messages.say_trained(tally, seconds)
    if tally.failed:
        messages.say_failed(plan, tally)
    return not tally.failed
