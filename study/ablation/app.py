"""The command `study`: one composition, a plan, its execution, the exported tables."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from study.ablation.running.signals import Stop, Terminated
from study.errors import UsageError

if TYPE_CHECKING:
    from study.ablation.configuration.schema import Config
    from study.ablation.planning.plan import Plan
    from study.ablation.store import Store

DONE, FAILED, MISTAKE, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0 done, 1 failed, 2 a user's mistake, 130/143 stopped.

    ``STUDY_TRACEBACK=1`` in the environment shows the traceback of a mistake.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if os.getcwd() not in sys.path:  # users' own records, named by {_target_: module.object}
        sys.path.append(os.getcwd())
    try:
        with Stop():
            return _command(given)
    except UsageError as error:
        if os.environ.get("STUDY_TRACEBACK"):
            raise
        print("study:", " ".join(str(error).splitlines()), file=sys.stderr)
        return MISTAKE
    except ModuleNotFoundError as error:
        if os.environ.get("STUDY_TRACEBACK") or not error.name or error.name.startswith("study"):
            raise
        print(
            f"study: the command needs {error.name}: pip install 'delta-rule-study[study]'",
            file=sys.stderr,
        )
        return MISTAKE
    except (KeyboardInterrupt, Terminated) as stop:
        print("\nstopped; go on with the same command")
        return _stopped(stop)
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


def _stopped(stop: BaseException) -> int:
    return TERMINATED if isinstance(stop, Terminated) else INTERRUPTED


def _command(given: list[str]) -> int:
    from study.ablation import commands  # here, so that Ctrl-C is quiet from the start
    from study.ablation.configuration.composition import with_configuration

    if given and given[0] in commands.COMMANDS:
        code = commands.COMMANDS[given[0]](given[1:])
    elif given and re.fullmatch(r"\w[\w.-]*", given[0]):
        raise UsageError(
            f"{given[0]!r} is no command ({', '.join(commands.COMMANDS)}) and sets nothing: "
            "key=value does, such as experiment=smoke"
        )
    else:
        code = with_configuration(given, run)
    sys.stdout.flush()
    return code


def run(config: Config) -> int:
    """Plan an experiment and carry it out, as far as it is not finished."""
    from study.ablation import messages
    from study.ablation.planning.plan import make_plan
    from study.ablation.store import open_store
    from study.conf import claims_digest
    from study.datasets import ROOT

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
                return _stopped(stop)
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
        Where it can't be made or written.
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
    from study.ablation import messages

    messages.say_start(plan, finished, store.damaged)
    from study.ablation.publishing.provenance import study_record
    from study.ablation.running.execution import StoreFailed, carry_out, recording

    started, clock = time.time(), time.monotonic()
    try:
        tally = carry_out(plan, store, finished)
        seconds = time.monotonic() - clock
        with recording():
            store.describe(*study_record(plan, tally, started, started + seconds, root))
        messages.say_trained(tally, seconds)
        if tally.failed:
            messages.say_failed(plan, tally)
            return None
        with recording():
            return _export(plan, store, folder)
    except StoreFailed as error:
        print(f"study: {error}", file=sys.stderr)
        messages.say_interrupted(plan)
        return None


def _export(plan: Plan, store: Store, folder: Path) -> int:
    from study.ablation.publishing import provenance

    runs = store.export([planned.identity for planned in plan.cells], folder)[2]
    provenance.export(plan, store.descriptions(), folder)
    return runs
