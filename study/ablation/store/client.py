"""The public client: any tracking URI that MLflow knows, a server too.

Ids are the server's; a cell is known by its tag ``cell``. Children are written first and the
parent is finished last, so an interrupted cell leaves an unfinished parent: the next start
deletes it with its children, unless another study that is alive is writing it. Where two have
written a cell, both delete the same one of the two.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from study.ablation.store import FinishedCell, Store, artifacts, deleted, masked, rows
from study.ablation.store.tables import CURVES, RUNS, conform
from study.errors import UsageError

PAGE = 1000

WRITER = "study.writer"
"""Tag of a cell's run while it is written: host, process and time of who writes it."""

STALE = 3600.0
"""Seconds after which an unfinished cell is no longer taken for one that is being written."""

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "5",  # a minute's patience, as with a locked file
}
"""Environment variables that MLflow reads; set before it is imported."""


class ClientStore(Store):
    """Writes through `mlflow.MlflowClient`.

    Parameters
    ----------
    uri
        Tracking URI.
    experiment
        Name of the experiment.
    location
        URI of its artifacts for when it is made, None to let the server choose.
    root
        Folder of the project, whose commit the runs name.
    """

    def __init__(self, uri: str, experiment: str, location: str | None, root: Path) -> None:
        super().__init__(uri, experiment)
        _reachable(uri)
        self._location = location
        self._client = connect(uri)
        self._source = rows.source_tags(root)
        self._fetched = tempfile.TemporaryDirectory(prefix="study-")
        self._experiment: Any = None
        self._parents: dict[str, list[Any]] = {}
        self._broken: set[str] = set()
        self._ready = False

    @property
    def experiment_id(self) -> str | None:
        """MLflow's id of the experiment."""
        found = self._find()
        return None if found is None else str(found.experiment_id)

    def finished(self, cells: Iterable[str]) -> set[str]:
        """Return which of `cells` are recorded whole."""
        if self._find() is None:
            return set()
        self._parents = self._scan()
        return {cell for cell in cells if self._whole(cell)}

    def prepare(self) -> None:
        """Make the experiment where it is missing and delete what was left unfinished."""
        if self._ready:
            return
        if self._find() is None:
            with _one_line_errors(self.uri):
                self._client.create_experiment(self.experiment, self._location)
        location = self._find().artifact_location
        if location.startswith("mlflow-artifacts:") and not self.uri.startswith("http"):
            raise UsageError(
                f"experiment {self.experiment!r} keeps its artifacts with a server ({location}): "
                "give that server's address as tracking.uri"
            )
        with _one_line_errors(self.uri):
            self._parents = self._scan()
            for runs in self._parents.values():
                for run in runs:
                    if run.info.status != "FINISHED" and not _being_written(run):
                        self._delete(run)
        self._ready = True

    def record(self, cell: FinishedCell) -> None:
        """Write a cell: parent, children, tables; then the parent is finished."""
        self.prepare()
        with _one_line_errors(self.uri):
            self._look_again(cell.cell)
            if self._whole(cell.cell):
                return
            for run in self._parents[cell.cell]:
                if not _being_written(run):
                    self._delete(run)
            self._write(cell)
            self._settle(cell.cell)

    def _write(self, cell: FinishedCell) -> None:
        runs, curves = conform(cell.runs, RUNS), conform(cell.curves, CURVES)
        parent, children = rows.entries(cell, runs, curves, self._source)
        writer = f"{socket.gethostname()} {os.getpid()} {time.time():.0f}"
        made = self._create(cell, parent, {WRITER: writer})
        ids: dict[str, str] = {}
        for entry in children:
            child = self._create(cell, entry, {rows.PARENT: made.info.run_id})
            ids[entry.replica] = child.info.run_id
            self._end(child, cell)
        with tempfile.TemporaryDirectory(prefix="study-") as folder:
            paths = artifacts.write_tables(
                Path(folder),
                *artifacts.tables_of(
                    runs, curves, self.experiment, cell.cell, made.info.run_id, ids
                ),
            )
            for path in paths:
                self._client.log_artifact(made.info.run_id, str(path))
        for child in self._children(made):  # a request whose answer was lost is made twice
            if child.info.run_id not in ids.values():
                self._client.delete_run(child.info.run_id)
        self._end(made, cell)
        self._client.delete_tag(made.info.run_id, WRITER)

    def _look_again(self, cell: str) -> None:
        """Find what others have recorded of a cell since the study began."""
        from mlflow.entities import ViewType

        condition = f"tags.role = 'cell' and tags.cell = '{cell}'"
        self._parents[cell] = list(self._search(condition, ViewType.ALL))

    def _settle(self, cell: str) -> None:
        """Leave one run of a cell, the same whoever of two writers chooses."""
        self._look_again(cell)
        chosen = self._chosen(cell)
        for run in self._parents[cell]:
            if run is not chosen and run.info.lifecycle_stage == "active":
                if run.info.status == "FINISHED" or not _being_written(run):
                    self._delete(run)
        self._parents[cell] = [chosen]

    def describe(self, tags: Mapping[str, str], files: Mapping[str, str]) -> None:
        """Set tags of the experiment and put texts under ``study/`` of its artifacts."""
        self.prepare()
        found, repository = self._find(), self._repository()
        with _one_line_errors(self.uri):
            with tempfile.TemporaryDirectory(prefix="study-") as folder:
                for name, text in files.items():
                    path = Path(folder) / name
                    path.write_text(text, encoding="utf-8")
                    repository.log_artifact(str(path), "study")
            for key, value in tags.items():
                self._client.set_experiment_tag(found.experiment_id, key, value)

    def descriptions(self) -> list[str]:
        """Return the texts under ``study/``, fetched where the artifacts are elsewhere."""
        if self._find() is None:
            return []
        repository = self._repository()
        names = sorted(entry.path for entry in repository.list_artifacts("study"))
        with _one_line_errors(self.uri), tempfile.TemporaryDirectory(prefix="study-") as folder:
            return [
                Path(repository.download_artifacts(name, folder)).read_text(encoding="utf-8")
                for name in names
            ]

    def _repository(self) -> Any:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        return get_artifact_repository(self._find().artifact_location, tracking_uri=self.uri)

    def tables(self, cells: Sequence[str]) -> list[tuple[Path, Path]]:
        """Return the files of each cell, fetched where the artifacts are elsewhere."""
        unfinished = set(cells) - self.finished(cells)
        if unfinished:
            raise UsageError(f"cells not finished: {', '.join(sorted(unfinished))}")
        return [self._files(cell) for cell in cells]

    def close(self) -> None:
        """Remove what was fetched."""
        self._fetched.cleanup()

    def _find(self) -> Any:
        if self._experiment is None:
            with _one_line_errors(self.uri):
                found = self._client.get_experiment_by_name(self.experiment)
            if found is not None and found.lifecycle_stage != "active":
                raise UsageError(deleted(self.experiment, found.experiment_id))
            self._experiment = found
        return self._experiment

    def _search(self, condition: str, view: int) -> Iterator[Any]:
        token: str | None = None
        while True:
            with _one_line_errors(self.uri):
                page = self._client.search_runs(
                    [self._find().experiment_id],
                    condition,
                    view,
                    max_results=PAGE,
                    page_token=token,
                )
            yield from page
            token = page.token
            if not token:
                return

    def _scan(self) -> dict[str, list[Any]]:
        """Read all parent runs once, the deleted ones too; those that lack a child are marked."""
        from mlflow.entities import ViewType

        parents: dict[str, list[Any]] = defaultdict(list)
        for run in self._search("tags.role = 'cell'", ViewType.ALL):
            parents[run.data.tags["cell"]].append(run)
        gone = self._search("tags.role = 'training'", ViewType.DELETED_ONLY)
        self._broken = {run.data.tags[rows.PARENT] for run in gone}
        return parents

    def _whole(self, cell: str) -> bool:
        return self._chosen(cell) is not None

    def _chosen(self, cell: str) -> Any:
        """Return the finished run of a cell, None if there is none."""
        for run in sorted(self._parents.get(cell, ()), key=lambda run: run.info.run_id):
            info = run.info
            if (info.status, info.lifecycle_stage) != ("FINISHED", "active"):
                continue
            folder = artifacts.local_path(info.artifact_uri)
            # elsewhere they are not looked for: that would be a request per cell
            if info.run_id not in self._broken and (folder is None or artifacts.present(folder)):
                return run
        return None

    def _files(self, cell: str) -> tuple[Path, Path]:
        run = self._chosen(cell)
        folder = artifacts.local_path(run.info.artifact_uri)
        if folder is None:
            folder = Path(self._fetched.name) / run.info.run_id
            folder.mkdir(exist_ok=True)
            for name in (artifacts.RUNS_FILE, artifacts.CURVES_FILE):
                with _one_line_errors(self.uri):
                    self._client.download_artifacts(run.info.run_id, name, str(folder))
        return folder / artifacts.RUNS_FILE, folder / artifacts.CURVES_FILE

    def _create(self, cell: FinishedCell, entry: rows.Entry, more: Mapping[str, str]) -> Any:
        from mlflow.entities import Metric, Param

        begin, end = round(cell.started * 1000), round(cell.ended * 1000)
        run = self._client.create_run(
            self._find().experiment_id,
            start_time=begin,
            tags={**entry.tags, **more},
            run_name=entry.name,
        )
        self._client.log_batch(
            run.info.run_id,
            metrics=[Metric(key, value, end, step) for key, value, step in entry.metrics],
            params=[Param(key, value) for key, value in entry.params.items()],
        )
        return run

    def _end(self, run: Any, cell: FinishedCell) -> None:
        self._client.set_terminated(run.info.run_id, "FINISHED", round(cell.ended * 1000))

    def _children(self, parent: Any) -> list[Any]:
        from mlflow.entities import ViewType

        condition = f"tags.`{rows.PARENT}` = '{parent.info.run_id}'"
        return list(self._search(condition, ViewType.ACTIVE_ONLY))

    def _delete(self, parent: Any) -> None:
        """Delete a cell's run and its children, the parent last: a kill leaves it to be found."""
        for run in self._children(parent):
            self._client.delete_run(run.info.run_id)
        if parent.info.lifecycle_stage == "active":
            self._client.delete_run(parent.info.run_id)


def _being_written(parent: Any) -> bool:
    """Whether another study may be alive and writing an unfinished cell."""
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
        return True
    return True


def connect(uri: str) -> Any:
    """Import MLflow, silent and without telemetry, and return its client for an address.

    Raises
    ------
    UsageError
        Where MLflow cannot use it.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # it tells every retry
    with warnings.catch_warnings():
        # raised by MLflow 3.17.2 itself, once, where it sets up its tables with SQLAlchemy 2.1
        warnings.filterwarnings("ignore", "The ``noload`` loader strategy", DeprecationWarning)
        with _one_line_errors(uri):
            from mlflow import MlflowClient

            client = MlflowClient(uri)
            client.search_experiments(max_results=1)
    return client


def _reachable(uri: str) -> None:
    """Say in seconds that no server answers; MLflow's own retries take minutes."""
    parts = urlparse(uri)
    if parts.scheme not in ("http", "https"):
        return
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), timeout=5).close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"no MLflow server answers at {masked(uri)}: {reason}") from error


@contextlib.contextmanager
def _one_line_errors(uri: str) -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, ImportError, OSError) as error:
        _reachable(uri)
        reason = str(error).partition("\n")[0]
        raise UsageError(f"MLflow cannot use {masked(uri)}: {reason}") from error
