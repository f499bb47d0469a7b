"""Train a plan as a stream of finished cells, and record the stream in a store."""

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from study.ablation.planning.plan import Plan, Planned
from study.ablation.running.engines import open_engine
from study.ablation.running.jobs import Chosen, Jobs, Result
from study.ablation.running.progress import Tally, progress
from study.ablation.running.signals import Stop
from study.ablation.store import FinishedCell, Store
from study.ablation.store.layout import Place
from study.errors import UsageError
from study.learning.core.warm_up import compile_kernels
from study.learning.design import Design


class StoreFailed(Exception):
    """The store became unwritable after training had begun."""


@contextmanager
def training(
    plan: Plan,
    tally: Tally,
    finished: Collection[str] = frozenset(),
    chosen: Mapping[str, Chosen] | None = None,
    place: Callable[[], Place | None] = lambda: None,
) -> Iterator[Iterator[Result]]:
    """Compile what the unfinished cells need; then give their stream.

    The stream shows its progress and counts each result in `tally` once the caller asks for the
    next. SIGINT and SIGTERM wait while the caller handles a result, so that it can be recorded
    whole; else they are raised at once, and cells in training are dropped whole. A user's own
    record that can't be compiled raises `UsageError`.
    """
    todo = [planned for planned in plan.cells if planned.identity not in finished]
    total = sum(planned.runs for planned in todo)
    work = {planned.identity: planned.seconds for planned in todo}
    whole = sum(work.values())
    with Stop() as stop, progress() as show, closing(open_engine(plan, stop)) as engine:
        show(0, total, 0.0, "compiling")  # the first time half a minute
        for dtype in sorted({planned.protocol.dtype for planned in todo}):
            compile_kernels(_designs(todo, dtype, stop), dtype)
        stop.check()

        def stream() -> Generator[Result]:
            done = 0.0
            show(0, total, done, str(tally))
            for result in engine.train(Jobs(plan, finished, chosen, place())):
                with stop.held():
                    yield result
                    done += work[result.cell] / whole
                    tally.add(result)  # recentred learning rates may exceed the total
                    show(tally.runs, max(total, tally.runs), done, str(tally))

        with closing(stream()) as results:
            yield results


def _designs(cells: Sequence[Planned], dtype: str, stop: Stop) -> Iterator[Design]:
    """Yield the designs of cells with this dtype, unless a signal has arrived."""
    for planned in cells:
        if planned.protocol.dtype == dtype:
            for design in planned.designs():
                stop.check()
                yield design


def carry_out(plan: Plan, store: Store, finished: Collection[str]) -> Tally:
    """Train and record all cells of the plan that are not finished; this process alone writes.

    What stops it leaves the recorded cells: a signal, or `StoreFailed` when the store can no
    longer be written. `UsageError` comes before anything is trained.
    """
    tally = Tally()
    chosen = chosen_before(plan, store, finished)
    with training(plan, tally, finished, chosen, store.place) as results:
        store.prepare()
        for result in results:
            if isinstance(result, FinishedCell):
                with recording():
                    store.record(result)
    return tally


@contextmanager
def recording() -> Iterator[None]:
    """Raise `StoreFailed` where a store fails, to tell it from a user's mistake."""
    try:
        yield
    except UsageError as error:
        raise StoreFailed(str(error)) from error


def chosen_before(plan: Plan, store: Store, finished: Collection[str]) -> dict[str, Chosen]:
    """Read what finished cells have chosen that unfinished ones need."""
    todo = (planned for planned in plan.cells if planned.identity not in finished)
    known = sorted({cell for p in todo for cell in p.needs.values() if cell in finished})
    chosen = {}
    for cell, (runs, _) in zip(known, store.tables(known), strict=True):
        columns = ["stage", "learning_rate", "final_objective"]
        table = pq.read_table(str(runs), columns=columns)
        own = table.filter(pc.equal(table["stage"], "evaluate"))
        finals = np.nan_to_num(own["final_objective"].to_numpy(), nan=np.inf)
        chosen[cell] = Chosen(float(own["learning_rate"][0].as_py()), float(np.median(finals)))
    return chosen
