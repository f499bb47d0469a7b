"""The engine on Dask: processes of this machine, jobs of a batch system, or a site's scheduler."""

import contextlib
import itertools
import json
import logging
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import dask
import distributed
from dask.task_spec import Task
from distributed import Security, WorkerPlugin, get_worker
from distributed.scheduler import KilledWorker
from hydra.utils import instantiate
from tqdm import tqdm

from study.ablation.configuration.schema import Execution
from study.ablation.planning.plan import Plan
from study.ablation.running.engines import EngineFailed
from study.ablation.running.jobs import Jobs, Result
from study.ablation.running.machine import software
from study.ablation.running.own_modules import own_modules
from study.ablation.running.signals import Stop, handlers_kept, sigint_blocked
from study.ablation.running.worker import FailedCell, Job, attempt, one_thread
from study.errors import UsageError

TRIES = 4  # workers that a cell may cost; a batch system may take one away for its own reasons
PARTS = ("cert", "key")
LOGGERS = ("distributed", "tornado", "asyncio")
PATIENCE = 15.0  # seconds until a line says that no worker has come
SETTINGS = {
    "distributed.scheduler.allowed-failures": TRIES - 1,
    "distributed.deploy.lost-worker-timeout": "3s",  # then another one takes its place
    "distributed.scheduler.worker-saturation": 1.0,  # one cell at a worker, none behind it
}


class Cluster:
    """Dask's cluster, or a scheduler that is there already, and a client of it."""

    _cluster: Any = None
    _client: Any = None

    def __init__(self, plan: Plan, stop: Stop) -> None:
        settings = plan.config.execution
        self._names = {planned.identity: planned.name for planned in plan.cells}
        self._futures: dict[str, Any] = {}  # in training, by the cell's identity
        self._submitted = itertools.count()
        self._scratch = tempfile.TemporaryDirectory(dir=_shared(settings), prefix=".study-")
        dask.config.set(SETTINGS)
        _silence()
        try:
            # signals wait, so that `close` knows of all that was started; Ctrl-C is for us alone
            with stop.held(), sigint_blocked(), handlers_kept():
                self._connect(settings)
            self._client.register_plugin(OwnModules(own_modules(plan)))
            if self._cluster:
                workers = min(settings.processes(), len(plan.cells))
                with one_line("cannot start workers"):
                    self._cluster.sync(_grown, self._cluster, workers)
                    self._cluster.adapt(minimum=workers, maximum=workers)  # lost ones come again
        except BaseException:
            self.close()
            raise

    def _connect(self, settings: Execution) -> None:
        if settings.cluster:
            with one_line("cannot start the cluster"):
                given = dict(settings.cluster)
                if _shared(settings) and given.get("security") is True:
                    given["security"] = _certificates(Path(self._scratch.name))
                self._cluster = instantiate(given)
            where = {"address": self._cluster}
        else:
            where = {"address": _address(str(settings.scheduler))}
        with one_line(f"cannot reach the scheduler {settings.scheduler or ''}".rstrip()):
            self._client = distributed.Client(**where, set_as_default=False)
            self._client.subscribe_topic("all", self._say_lost)
        _check_encrypted(self._client.scheduler_info()["address"], settings.unencrypted)

    def train(self, jobs: Jobs) -> Iterator[Result]:
        """Yield results as they end; a cell whose worker is lost is tried again by Dask."""
        loop = self._client.loop
        running: Any = distributed.as_completed(loop=loop, with_results=True, raise_errors=False)
        self._submit(jobs, running)
        try:
            self._client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            _say("no worker has started yet; training begins with the first one")
        for future, result in running:
            identity = future.key.partition("/")[0]
            if future.status in ("lost", "pending"):  # its worker died before it was fetched
                running.add(future)
                continue
            self._futures.pop(identity)
            results = jobs.end(_result(identity, future.status, result))
            self._submit(jobs, running)
            yield from results

    def close(self) -> None:
        """Cancel what trains, and end the workers that were started here."""
        with contextlib.suppress(Exception):  # the scheduler may be gone, or never have come
            self._client.unsubscribe_topic("all")
            self._client.cancel(list(self._futures.values()), force=True)
        for opened in (self._client, self._cluster):
            with contextlib.suppress(Exception):
                opened.close()
        self._scratch.cleanup()

    def _submit(self, jobs: Jobs, running: Any) -> None:
        """Hand over what is ready.

        Marked as producers of data, cells wait at the scheduler until a worker is free: else some
        would queue behind another at a worker, and its death would count against them all.
        """
        while job := jobs.take():
            key = f"{job.identity}/{id(self)}"
            graph = {key: Task(key, train, job, software(), _data_producer=True)}
            (future,) = self._client.get(graph, [key], sync=False, priority=-next(self._submitted))
            self._futures[job.identity] = future
            running.add(future)

    def _say_lost(self, event: tuple[Any, Any]) -> None:
        """Say that a worker was lost, and which cells are tried again."""
        _, said = event
        if said.get("action") == "remove-worker" and not (said["expected"]):
            for key in said["processing-tasks"]:
                name = self._names.get(str(key).partition("/")[0], key)
                _say(f"a worker was lost ({said['worker']}); its cell is tried again: {name}")


def _result(identity: str, status: str, result: Any) -> Result:
    if status == "finished":
        return result
    if status != "error":
        raise EngineFailed("the scheduler went away; the cells in training are lost")
    _, error, _ = result
    if isinstance(error, KilledWorker):
        return FailedCell(identity, f"its worker died {TRIES} times")
    raise EngineFailed(" ".join(str(error).split()))


class OwnModules(WorkerPlugin):
    """Puts files where each worker imports from, also on workers that come later."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def setup(self, worker: Any) -> None:
        """Write the files into the worker's own folder."""
        folder = Path(worker.local_directory) / "own"
        for name, content in self._files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        sys.path.insert(0, str(folder))


def train(job: Job, expected: Mapping[str, str]) -> Result:
    """Train a job on a worker whose software is that of the process that asks."""
    worker, mine = get_worker(), software()
    if worker.state.nthreads != 1:
        raise UsageError(
            f"worker {worker.address} has {worker.state.nthreads} threads: cells need workers of "
            "one (dask worker --nthreads 1)"
        )
    other = [name for name in expected if mine.get(name) != expected[name]]
    if other:
        theirs, ours = (
            ", ".join(f"{name} {which.get(name)}" for name in other) for which in (mine, expected)
        )
        raise UsageError(
            f"worker {worker.address} has {theirs}; this process has {ours}: install the same"
        )
    with one_thread():
        return attempt(job)


def _address(said: str) -> str:
    """Return the address of a scheduler that is there, which may stand in a file of its own.

    One with TLS is not asked without certificates: Dask would try for a minute, and trace it.
    """
    address = said
    if Path(said).is_file():
        with one_line(f"{said} is no file of a scheduler"):
            address = json.loads(Path(said).read_text(encoding="utf-8"))["address"]
    if address.startswith("tls") and not Security().get_tls_config_for_role("client").get("cert"):
        raise UsageError(
            f"the scheduler at {address} wants certificates: name them in Dask's configuration, "
            "or as DASK_DISTRIBUTED__COMM__TLS__CA_FILE, ...__CLIENT__CERT and ...__CLIENT__KEY"
        )
    return address


def _shared(settings: Execution) -> str | None:
    """Return the folder that the nodes see, for certificates; None for a temporary one."""
    return (settings.cluster or {}).get("shared_temp_directory")


def _certificates(folder: Path) -> Any:
    """Make certificates for this study, as files: dask-jobqueue would leave its own behind."""
    made = Security.temporary()
    parts = [f"tls_{role}_{part}" for role in ("client", "scheduler", "worker") for part in PARTS]
    files = {name: folder / name for name in ("tls_ca_file", *parts)}
    for name, path in files.items():
        path.write_text(getattr(made, name))
    return Security(require_encryption=True, **{name: str(path) for name, path in files.items()})


async def _grown(cluster: Any, workers: int) -> None:
    """Ask for workers; raise what goes wrong, which `scale` alone would keep to itself."""
    cluster.scale(workers)
    await cluster._correct_state()


@contextmanager
def one_line(what: str) -> Iterator[None]:
    """Turn an error of a library into one line."""
    try:
        yield
    except UsageError:
        raise
    except Exception as error:
        cause = error.__cause__ or error
        said = " ".join(str(cause).split())[:300] or type(cause).__name__
        raise UsageError(f"{what}: {said}") from None


def _check_encrypted(address: str, unencrypted: bool) -> None:
    """Refuse a scheduler that would take pickles from everyone who reaches its port."""
    where = urlparse(address)
    if where.scheme in ("tls", "inproc") or unencrypted:
        return
    raise UsageError(
        f"the scheduler at {address} has no TLS: whoever reaches it can run programs as you. Give "
        "it certificates (distributed.comm.tls in Dask's configuration), or say "
        "execution.unencrypted=true on a network that is yours alone"
    )


def _silence() -> None:
    """Turn off what the libraries log: the study itself says what matters, in one line."""
    for name, logger in logging.root.manager.loggerDict.items():
        if isinstance(logger, logging.Logger) and name.startswith(LOGGERS):
            logger.handlers, logger.propagate = [logging.NullHandler()], False


def _say(line: str) -> None:
    tqdm.write(f"study: {line}", file=sys.stderr)
