"""Two studies on one store at once: both end right, and no cell is there twice."""

import socket
import subprocess
import sys
import time
from contextlib import closing
from functools import partial
from unittest.mock import Mock

import pytest
from faulty import MANY, check_clean, check_same, check_whole, long, query
from mlflow.exceptions import MlflowException
from small_studies import Command, finish

from study.ablation.store import sqlite_uri
from study.ablation.store.client import WRITER, ClientStore


@long
@pytest.mark.parametrize("start", ["from-no-store", "from-an-empty-one", "two-parts"])
def test_two_at_once(start, migrated, many, tmp_path):
    """The same study twice, or two parts of one, as people share an experiment's datasets out."""
    command = Command(tmp_path / "study", None if start == "from-no-store" else migrated)
    both = []
    for part in ("iris", "moons"):
        only = []
        if start == "two-parts":
            command.tables, only = tmp_path / part, [f"only.dataset=[{part}]"]
        both.append(command.start(*MANY, "execution.workers=2", *only))
    said = [finish(process, 600) for process in both]
    assert [(s.code, s.err) for s in said] == [(0, ""), (0, "")], said
    assert check_whole(command.database) == 10
    assert command(*MANY, "execution.workers=1").out.startswith("default: nothing to train")
    check_same(command, many)
    check_clean(command)


@pytest.fixture
def clients(migrated, trained, tmp_path):
    """Two of MLflow's clients on one store, and a cell to record."""
    command = Command(tmp_path / "study", migrated)
    location = (command.database.parent / "mlartifacts" / "default").as_uri()
    uri = sqlite_uri(command.database)
    make = partial(ClientStore, uri, "default", location, tmp_path)
    with closing(make()) as one, closing(make()) as two:
        yield command.database, one, two, trained


def test_two_clients_that_record_a_cell_at_the_same_time_leave_it_once(clients, monkeypatch):
    database, one, two, cell = clients
    write = one._write_runs

    def overtaken(given, entries):
        two.record(given)
        write(given, entries)

    monkeypatch.setattr(one, "_write_runs", overtaken)
    one.record(cell)
    assert check_whole(database) == 1
    assert one.finished([cell.cell]) == two.finished([cell.cell]) == {cell.cell}
    assert one.tables([cell.cell]) == two.tables([cell.cell])


@pytest.mark.parametrize(
    ("writer", "kept"),
    [("alive", 1), ("dead", 0), ("elsewhere", 1), ("long ago", 0), ("long ago elsewhere", 0)],
)
def test_only_what_nobody_writes_is_removed(clients, monkeypatch, writer, kept):
    database, one, two, cell = clients
    monkeypatch.setattr(one, "_put_files", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        one.record(cell)
    (parent,) = (run for (run,) in query(database, "SELECT run_uuid FROM tags WHERE value='cell'"))
    now, here = time.time(), socket.gethostname()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        dead = subprocess.Popen([sys.executable, "-c", ""])
        dead.wait()
        said = {
            "alive": (here, other, now),
            "dead": (here, dead, now),
            "elsewhere": ("another.host", dead, now),
            "long ago": (here, other, now - 7200),
            "long ago elsewhere": ("another.host", dead, now - 7200),
        }
        host, process, since = said[writer]
        one._client.set_tag(parent, WRITER, f"{host} {process.pid} {since:.0f}")
        two.prepare()
        other.communicate(b"\n")
    left = "SELECT count(*) FROM runs WHERE lifecycle_stage = 'active' AND run_uuid = "
    assert query(database, f"{left}'{parent}'") == [(kept,)]
    assert two.finished([cell.cell]) == set()


def test_a_request_that_was_made_twice_leaves_no_run(clients, monkeypatch):
    """The answer to a `create_run` was lost, and it was tried again."""
    database, one, _, cell = clients
    create = one._client.create_run

    def twice(*arguments, **named):
        create(*arguments, **named)
        return create(*arguments, **named)

    monkeypatch.setattr(one._client, "create_run", twice)
    one.record(cell)
    assert check_whole(database) == 1


@pytest.mark.parametrize("request_", ["create_run", "log_batch", "set_terminated", "log_inputs"])
def test_an_answer_that_was_cut_off(clients, monkeypatch, request_):
    """The server went away within it: the cell is written anew, and is there once."""
    database, one, two, cell = clients
    do, calls = getattr(one._client, request_), []

    def cut_off(*arguments, **named):
        calls.append(do(*arguments, **named))
        if len(calls) == 1:
            raise MlflowException("('Connection broken: IncompleteRead(0 bytes read)')")
        return calls[-1]

    monkeypatch.setattr(one._client, request_, cut_off)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    one.record(cell)
    assert check_whole(database) == 1
    assert two.finished([cell.cell]) == {cell.cell}
