"""Artifacts that are kept elsewhere: with an MLflow server, in S3, wherever MLflow puts them.

MLflow is imported only where something is put or fetched, since that takes 3 s.
"""

import contextlib
import logging
import os
import re
import socket
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlparse

from study.ablation.store import masked
from study.ablation.store.artifacts import FILES, SERVED, present, served
from study.errors import UsageError

Result = TypeVar("Result")

CUT_OFF = "Connection broken"  # as requests says it
PATIENCE = 60.0  # seconds
THREADS = 8  # requests to a server at once; MLflow keeps 10 connections open

QUIET = {  # variables of the environment, to be set before MLflow is imported
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "5",  # a minute's patience, as with a locked file
}


class Repository:
    """The artifacts of an experiment, at a location that MLflow knows."""

    def __init__(self, location: str, server: str | None) -> None:
        own = re.match(rf"{SERVED}//([^/]+)", location)
        self._server = server or (own and f"http://{own[1]}")
        self._location = re.sub(rf"^{SERVED}//[^/]+", SERVED, location)
        self.shown = masked(self._server or location)
        self._temporary = tempfile.TemporaryDirectory(prefix="study-")
        self.copies = Path(self._temporary.name)  # of what is kept there, under the same paths

    def check(self) -> None:
        """Raise `UsageError` within seconds where nothing can be put."""
        check_reachable(self._server or "")
        self.names("study")

    def put(self, files: Iterable[Path], folder: str) -> None:
        """Put files into a folder of the experiment's."""
        for file in files:
            unless_cut_off(partial(self._put, file, folder))

    def _put(self, file: Path, folder: str) -> None:
        with self._one_line_errors():
            self._mlflows.log_artifact(str(file), folder)

    def names(self, folder: str) -> list[str]:
        """Return the paths of files in a folder of the experiment's."""
        with self._one_line_errors():
            return sorted(entry.path for entry in self._mlflows.list_artifacts(folder))

    def fetch(self, paths: Sequence[str]) -> list[Path]:
        """Fetch files, or folders with what is in them; return the paths of their copies."""
        with self._one_line_errors(), ThreadPoolExecutor(THREADS) as pool:
            fetch, place = self._mlflows.download_artifacts, str(self.copies)
            return [Path(path) for path in pool.map(lambda path: fetch(path, place), paths)]

    def fetch_cells(self, run_ids: Sequence[str]) -> list[Path]:
        """Fetch the tables of cells, where they are not here yet; return their folders."""
        paths = [f"{run_id}/artifacts" for run_id in run_ids]
        missing = [path for path in paths if not present(self.copies / path)]
        if missing:
            self.fetch(missing)
        for path in missing:
            if not present(self.copies / path):
                raise UsageError(
                    f"the tables ({', '.join(FILES)}) of run {path[:32]} are not whole in "
                    f"{self.shown}: delete the run in MLflow to have its cell trained again"
                )
        return [self.copies / path for path in paths]

    def close(self) -> None:
        """Remove what was fetched."""
        self._temporary.cleanup()

    @cached_property
    def _mlflows(self) -> Any:
        if served(self._location) and not self._server:
            raise UsageError(
                f"the artifacts are kept with a server ({self._location}): give that server's "
                "address as tracking.artifacts, or as tracking.uri"
            )
        with silenced():
            from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

            return get_artifact_repository(self._location, tracking_uri=self._server)

    @contextlib.contextmanager
    def _one_line_errors(self) -> Iterator[None]:
        try:
            yield
        except UsageError:
            raise
        except Exception as error:  # each of MLflow's repositories has its library's own
            if served(self._location):
                check_reachable(str(self._server))
            reason = masked(str(error).partition("\n")[0])
            raise UsageError(f"cannot use the artifacts in {self.shown}: {reason}") from error


def place(said: str, experiment: str) -> tuple[str, str | None]:
    """Return where an experiment's artifacts go, a URI of MLflow's, and the server that has them.

    ``said`` is a folder, the address of an MLflow server, or any artifact URI of MLflow's.
    """
    parts = urlparse(said)
    if parts.scheme in ("http", "https"):
        return f"{SERVED}/{experiment}", said.rstrip("/")
    if parts.scheme == SERVED.rstrip(":"):
        folder = f"{SERVED}/{parts.path.strip('/')}".rstrip("/")
        return f"{folder}/{experiment}", f"http://{parts.netloc}" if parts.netloc else None
    if parts.scheme in ("", "file"):
        return (Path(parts.path if parts.scheme else said).absolute() / experiment).as_uri(), None
    if not re.match(r"[a-z][\w+.-]*://.", said):
        raise UsageError(
            f"tracking.artifacts {masked(said)!r} is no place for artifacts: a folder, "
            "mlflow-artifacts://server:5000, https://server, s3://bucket/folder"
        )
    return f"{said.rstrip('/')}/{experiment}", None


def unless_cut_off(act: Callable[[], Result]) -> Result:
    """Do something, again for a minute where an answer was cut off: MLflow repeats all but that.

    The server may have done what it was asked, so `act` may be done twice.
    """
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return act()
        except UsageError as error:
            if not _cut_off(error) or time.monotonic() > end:
                raise
        time.sleep(1.0)


def _cut_off(error: BaseException | None) -> bool:
    while error is not None and CUT_OFF not in str(error):
        error = error.__cause__ or error.__context__
    return error is not None


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Import MLflow in this block: silent and without telemetry."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # it warns at every retry
    with warnings.catch_warnings():
        # raised by MLflow 3.17.2 itself, once, where it sets up its tables with SQLAlchemy 2.1
        warnings.filterwarnings("ignore", "The ``noload`` loader strategy", DeprecationWarning)
        yield


def check_reachable(uri: str) -> None:
    """Raise within seconds if no server answers; MLflow's own retries take minutes."""
    parts = urlparse(uri)
    if parts.scheme not in ("http", "https"):
        return
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), timeout=5).close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"no MLflow server answers at {masked(uri)}: {reason}") from error
