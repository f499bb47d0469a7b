"""More workers than a machine has: what the one writer bears, and how long the paper's plan takes.

The writer is fed with finished cells at the rate at which 100 workers would end them. How long
the plan takes follows from its own estimates: with cells that start once their rates are known,
and in waves, each of which waits for the last cell of the one before.
"""

import hashlib
import itertools
import pickle
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from benchmarks.large import SHORT
from benchmarks.results import Measured
from study.ablation.configuration.composition import with_configuration
from study.ablation.configuration.schema import Config
from study.ablation.planning.plan import Plan, make_plan
from study.ablation.planning.schedule import seconds_together
from study.ablation.running.engines import ThisProcess
from study.ablation.running.jobs import Chosen, Jobs
from study.ablation.store import FinishedCell, open_store, sqlite_uri
from study.ablation.store.layout import Place, lay_out

WORKERS = (20, 100, 1000)
FED = 100  # workers that the writer is fed by
SECONDS = 20.0  # for which it is fed
FEW = 12  # cells that are trained for it


def measure(quick: bool) -> list[Measured]:
    """Return rows for the writer, and for the plan with more and more workers."""
    plan = _paper()
    seconds = sum(planned.seconds for planned in plan.cells)
    rate = FED * plan.runs / seconds
    busy, late = fed(rate, SECONDS / 4 if quick else SECONDS)
    rows = [
        Measured(f"runs a second that {FED} workers end", rate, "1/s"),
        Measured("recording a run at that rate, processor time", 1e3 * busy, "ms", "<= 0.2"),
        Measured("how late the last cell was recorded", late, "s", "<= 1"),
    ]
    for workers in WORKERS:
        together = seconds_together(plan.cells, workers)
        trains, writes = seconds / workers / together, plan.runs * busy / together
        rows += [
            Measured(f"the paper's plan with {workers:,} workers", together, "s"),
            Measured("the same in waves", _in_waves(plan, workers) / together, "×"),
            Measured("the same, share of the time in which a worker trains", trains, ""),
            Measured("the same, share of the time in which the writer writes", writes, ""),
        ]
    return rows


def _paper(*words: str) -> Plan:
    made: list[Plan] = []

    def keep(config: Config) -> int:
        made.append(make_plan(config))
        return 0

    with_configuration(["experiment=paper", *words], keep)
    return made[0]


def _in_waves(plan: Plan, workers: int) -> float:
    waves = {planned.wave for planned in plan.cells}
    alone = [replace(planned, needs={}) for planned in plan.cells]
    return sum(
        seconds_together([planned for planned in alone if planned.wave == wave], workers)
        for wave in waves
    )


def fed(rate: float, seconds: float) -> tuple[float, float]:
    """Feed a store with so many runs a second; return seconds a run, and how late it ended.

    A cell arrives as bytes, as it does from a worker, and is recorded as soon as the writer is
    free. Seconds are of the processor, those of unpickling included.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with closing(open_store(sqlite_uri(root / "mlflow.db"), "scale", root)) as store:
            place = store.place()
            assert place is not None
            arriving = _cells(place, int(rate * seconds))
            store.record(pickle.loads(arriving.pop()))
            begun, spent, runs = time.perf_counter(), time.process_time(), 0
            for content in arriving:
                time.sleep(max(0.0, begun + runs / rate - time.perf_counter()))
                cell = pickle.loads(content)
                store.record(cell)
                runs += sum(cell.outcomes.values())
            late = time.perf_counter() - begun - runs / rate
            return (time.process_time() - spent) / runs, late


def _cells(place: Place, runs: int) -> list[bytes]:
    """Return cells with so many runs, and one more: a few, again and again under other names.

    They are twelve of the paper's plan, from 53 to 198 trainings, which here are short.
    """
    plan = _paper(SHORT)
    known = {planned.identity: Chosen(rate=0.1, objective=1.0) for planned in plan.cells}
    by_runs, step = sorted(plan.cells, key=lambda planned: planned.runs), len(plan.cells) // FEW
    few = replace(plan, cells=tuple(by_runs[step // 2 :: step]))
    trained = ThisProcess().train(Jobs(few, chosen=known))
    whole: list[FinishedCell] = []
    for result in trained:
        assert isinstance(result, FinishedCell), result
        whole.append(result)
    made: list[bytes] = []
    for number in itertools.count():
        own = hashlib.sha1(str(number).encode()).hexdigest()
        cell = replace(whole[number % len(whole)], cell=own)
        made.append(pickle.dumps(replace(cell, layout=lay_out(cell, place))))
        if runs <= 0:
            return made
        runs -= len(cell.runs)
    return made
