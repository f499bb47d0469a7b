"""Writes through MLflow's public client: any tracking URI that MLflow knows, a server too.

Ids are the server's; a cell is known by its tag ``cell``. Children are written first and the
parent is finished last, so an interrupted cell leaves an unfinished parent. The next start deletes
it with its children, unless another study that is alive is writing it. Where two studies have
written a cell, both delete the same one of the two.
"""

import contextlib
import os
import socket
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from study.ablation.store import FinishedCell, Parent, Store, artifacts, masked, rows
from study.ablation.store.remote import THREADS, check_reachable, silenced, unless_cut_off
from study.errors import UsageError

PAGE = 1000
WRITER = "study.writer"  # tag of a cell's run while it is written: host, process, time
STALE = 3600.0  # seconds after which nobody is assumed to be writing an unfinished cell


class ClientStore(Store):
    """Writes through `mlflow.MlflowClient`."""

    def __init__(
        self, uri: str, experiment: str, location: str | None, root: Path, *place: Any
    ) -> None:
        super().__init__(uri, experiment, location, root, *place)
        check_reachable(uri)
        self._client = connect(uri)
        self._broken: set[str] = set()
        self._threads = 1  # a database file has one writer
        if uri.startswith("http"):
            self._threads, self._server = THREADS, self._server or uri

    def describe(self, tags: Mapping[str, str], files: Mapping[str, str]) -> None:
        """Set tags of the experiment and put texts under ``study/`` of its artifacts."""
        self.prepare()
        self._put_texts(files)
        with _one_line_errors(self.uri):
            for key, value in tags.items():
                self._client.set_experiment_tag(self.experiment_id, key, value)

    def _look_up(self) -> tuple[Any, ...] | None:
        with _one_line_errors(self.uri):
            found = self._client.get_experiment_by_name(self.experiment)
        return found and (found.experiment_id, found.artifact_location, found.lifecycle_stage)

    def _scan(self) -> dict[str, list[Parent]]:
        """Read all parent runs once, the deleted ones too; those that lack a child are marked."""
        gone = self._search("tags.role = 'training'", "DELETED_ONLY")
        self._broken = {run.data.tags[rows.PARENT] for run in gone}
        parents: dict[str, list[Parent]] = defaultdict(list)
        for run in self._search("tags.role = 'cell'", "ALL"):
            parents[run.data.tags["cell"]].append(self._parent(run))
        return parents

    def _parent(self, run: Any) -> Parent:
        info = run.info
        whole = (info.status, info.lifecycle_stage) == ("FINISHED", "active")
        folder = artifacts.local_path(info.artifact_uri)
        return Parent(info.run_id, folder, whole and info.run_id not in self._broken, run)

    def _prepare(self) -> None:
        """Make the experiment if it is missing and delete what was left unfinished."""
        with _one_line_errors(self.uri):
            if self.experiment_id is None:
                self._client.create_experiment(self.experiment, self._location)
            if self.experiment_id and self._home is None:
                self._repository.check()
            self._parents = self._scan()
            for parent in (one for parents in self._parents.values() for one in parents):
                if parent.run.info.status != "FINISHED" and not _being_written(parent.run):
                    self._delete(parent.run)

    def _write(self, cell: FinishedCell) -> Parent:
        return unless_cut_off(lambda: self._write_once(cell))

    def _write_once(self, cell: FinishedCell) -> Parent:
        """Write parent, children and tables; then finish the parent."""
        with _one_line_errors(self.uri):
            parents = self._look_again(cell.cell)  # others may have recorded it meanwhile
            if self._chosen(cell.cell) is None:
                for parent in parents:
                    if not _being_written(parent.run):
                        self._delete(parent.run)
                assert self._source is not None
                self._write_runs(cell, rows.entries(cell, self._source))
                parents = self._look_again(cell.cell)
            chosen = self._chosen(cell.cell)
            assert chosen is not None
            for parent in parents:  # leave one, the same whichever of two writers chooses
                active = parent.run.info.lifecycle_stage == "active"
                if parent is not chosen and active and not _being_written(parent.run):
                    self._delete(parent.run)
        return chosen

    def _write_runs(self, cell: FinishedCell, entries: Sequence[rows.Entry]) -> None:
        parent, *children = entries
        writer = f"{socket.gethostname()} {os.getpid()} {time.time():.0f}"
        ids = {"": self._create(cell, parent, {**parent.tags, WRITER: writer})}

        def write(entry: rows.Entry) -> str:
            run_id = self._create(cell, entry, entry.tags_below(ids[""]))
            self._end(run_id, cell)
            return run_id

        replicas = (entry.replica for entry in children)
        ids |= dict(zip(replicas, self._each(write, children), strict=True))
        self._put_files(artifacts.contents(cell, self.experiment, ids), ids[""])
        if cell.dataset:
            self._name_dataset(ids[""], rows.data_columns(cell.dataset))
        # a request whose answer was lost is made twice
        self._delete_children(ids[""], but=ids.values())
        self._end(ids[""], cell)
        self._client.delete_tag(ids[""], WRITER)

    def _name_dataset(self, run_id: str, columns: Mapping[str, str]) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        own = {name.removeprefix("dataset_"): value for name, value in columns.items()}
        tags = [InputTag(*rows.DATA_TAG)]
        self._client.log_inputs(run_id, [DatasetInput(Dataset(**own), tags)])

    def _each(self, act: Callable[[rows.Entry], str], given: Iterable[rows.Entry]) -> list[str]:
        """Do something with each, as many at once as the server takes; return the results."""
        if self._threads == 1:
            return [act(entry) for entry in given]
        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(act, given))

    def _look_again(self, cell: str) -> list[Parent]:
        """Find what others have recorded of a cell since the study began."""
        found = self._search(f"tags.role = 'cell' and tags.cell = '{cell}'", "ALL")
        self._parents[cell] = [self._parent(run) for run in found]
        return self._parents[cell]

    def _search(self, condition: str, view: str) -> Iterator[Any]:
        from mlflow.entities import ViewType

        there, token = [self.experiment_id], None
        while token != "":
            with _one_line_errors(self.uri):
                page = self._client.search_runs(
                    there, condition, getattr(ViewType, view), PAGE, page_token=token
                )
            yield from page
            token = page.token or ""

    def _create(self, cell: FinishedCell, entry: rows.Entry, tags: Mapping[str, str]) -> str:
        from mlflow.entities import Metric, Param

        begin, end = round(cell.started * 1000), round(cell.ended * 1000)
        run = self._client.create_run(
            self.experiment_id, start_time=begin, tags=tags, run_name=entry.name
        )
        self._client.log_batch(
            run.info.run_id,
            metrics=[Metric(key, value, end, step) for key, value, step in entry.metrics],
            params=[Param(key, value) for key, value in entry.params.items()],
        )
        return str(run.info.run_id)

    def _end(self, run_id: str, cell: FinishedCell) -> None:
        self._client.set_terminated(run_id, "FINISHED", round(cell.ended * 1000))

    def _delete_children(self, parent: str, but: Collection[str] = ()) -> None:
        for run in list(self._search(f"tags.`{rows.PARENT}` = '{parent}'", "ACTIVE_ONLY")):
            if run.info.run_id not in but:
                self._client.delete_run(run.info.run_id)

    def _delete(self, parent: Any) -> None:
        """Delete a cell's run and its children, the parent last: a kill leaves it to be found."""
        self._delete_children(parent.info.run_id)
        if parent.info.lifecycle_stage == "active":
            self._client.delete_run(parent.info.run_id)


def _being_written(parent: Any) -> bool:
    """Whether another study that is alive may be writing an unfinished cell."""
    if parent.info.lifecycle_stage != "active" or parent.info.status == "FINISHED":
        return False
    host, process, since = parent.data.tags.get(WRITER, "- 0 0").split()
    if time.time() - float(since) > STALE or int(process) == os.getpid():
        return False
    return host != socket.gethostname() or _alive(int(process))


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        pass
    return True


def connect(uri: str) -> Any:
    """Import MLflow, silent and without telemetry, and return its client for an address."""
    with silenced(), _one_line_errors(uri):
        from mlflow import MlflowClient

        client = MlflowClient(uri)
        client.search_experiments(max_results=1)
    return client


@contextlib.contextmanager
def _one_line_errors(uri: str) -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, ImportError, OSError) as error:
        check_reachable(uri)
        reason = str(error).partition("\n")[0]
        raise UsageError(f"MLflow cannot use {masked(uri)}: {reason}") from error
