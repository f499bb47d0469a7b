"""A store that can't be used, or no longer: one clear line, nothing lost, it goes on when mended.

Each fault is met by the command in this process and, in the long part, in one of its own.
"""

import contextlib
import itertools
import os
import shutil
import sqlite3
import time
from functools import partial

import pytest
from faulty import FEW, GO_ON, PART, check_clean, check_same, check_whole, fill, long, query
from small_studies import Command, Said, finish, well

ONE = "execution.workers=1"
TWO_CELLS, THREE_CELLS = [*PART, ONE], [*FEW, ONE]


@pytest.fixture(params=["here", pytest.param("process", marks=long)])
def run(request):
    """Run a command's words, here or as people do."""
    if request.param == "here":
        return Command.__call__
    return lambda command, *words: finish(command.start(*words))


@pytest.fixture(scope="session")
def two(migrated, tmp_path_factory):
    """A store that has two of the three cells."""
    command = Command(tmp_path_factory.mktemp("two"), migrated)
    assert command(*TWO_CELLS).code == 0
    return command


@pytest.fixture
def begun(two, tmp_path):
    """A copy of it that a test may spoil; the database has absolute places of artifacts."""
    command = Command(tmp_path / "study", two.database)
    new = command.database.parent
    shutil.copytree(two.database.parent / "mlartifacts", new / "mlartifacts")
    with contextlib.closing(sqlite3.connect(command.database)) as connection, connection:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            places = (str(two.database.parent), str(new))
            connection.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", places)
    return command


def contents(command: Command) -> dict[str, list]:
    """All that a store has of runs."""
    tables = ("runs", "params", "tags", "metrics", "latest_metrics")
    return {table: sorted(query(command.database, f"SELECT * FROM {table}")) for table in tables}


def check_line(said: Said, code: int, *parts: str) -> None:
    """Fail unless an error was said in one line, with these parts in it."""
    assert (said.code, said.err.count("\n")) == (code, 1), said
    assert said.err.startswith("study: ") and all(part in said.err for part in parts), said
    assert said.out.endswith(GO_ON) == (code == 1), said


def check_goes_on(run, command: Command, few: Command, trained: int = 1) -> None:
    """Fail unless exactly the cells that are missing are trained, and all is right then."""
    cells = "1 cell, 2 finished before" if trained == 1 else f"{trained} cells"
    assert well(run(command, *THREE_CELLS)).startswith(f"default: {cells}")
    assert check_whole(command.database) == 3
    check_same(command, few)
    check_clean(command)


def of_schema(revision, database):
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [revision])


BACK = "put a copy of it back, or move it away to have its cells trained again"
BROKEN = {
    f"file is not a database; {BACK}": lambda path: path.write_text("notes " * 1000),
    f"image is malformed; {BACK}": lambda path: os.truncate(path, path.stat().st_size // 2),
    f"; {BACK}": lambda path: os.truncate(path, 50),
    "was made by a newer MLflow (schema f00dfeed0000)": partial(of_schema, "f00dfeed0000"),
    "was made by an older MLflow (schema bd07f7e963c5)": partial(of_schema, "bd07f7e963c5"),
}


@pytest.mark.parametrize("line", BROKEN)
def test_a_file_that_is_no_whole_store(line, run, begun, few):
    whole = begun.database.read_bytes()
    BROKEN[line](begun.database)
    harmed = begun.database.read_bytes()
    mend = "db upgrade" if "older" in line else ""
    check_line(run(begun, *THREE_CELLS), 2, str(begun.database), line, mend)
    assert begun.database.read_bytes() == harmed, "it is the user's to mend"
    for end in ("-wal", "-shm"):
        begun.database.with_name(f"mlflow.db{end}").unlink(missing_ok=True)
    begun.database.write_bytes(whole)
    check_goes_on(run, begun, few)


@pytest.mark.parametrize("back", [True, False])
def test_artifacts_that_are_gone(back, run, begun, few):
    """They are put back, or an empty folder says that they are lost."""
    before, folder = contents(begun), begun.database.parent / "mlartifacts" / "default"
    folder.rename(folder.with_name("moved"))
    said = run(begun, *THREE_CELLS)
    check_line(said, 2, "2 cells are recorded", f"put {folder} back, or make it anew, empty")
    assert contents(begun) == before
    folder.with_name("moved").rename(folder) if back else folder.mkdir()
    check_goes_on(run, begun, few, trained=1 if back else 3)


def test_a_table_that_was_cut_short(run, begun, few):
    """Its cell is trained again, which the study says."""
    one = next((begun.database.parent / "mlartifacts").rglob("curves.parquet"))
    os.truncate(one, one.stat().st_size - 100)
    said = well(run(begun, *THREE_CELLS))
    assert said.startswith("default: 2 cells, 1 finished before")
    assert "\n1 cell of them recorded, but without whole tables\n" in said
    assert check_whole(begun.database) == 3
    check_same(begun, few)


def test_a_read_only_store(run, begun, few, mounting):
    before, folder = contents(begun), begun.database.parent
    mounting(folder, "--bind", str(folder))
    mounting(folder, "-o", "remount,bind,ro")
    check_line(run(begun, *THREE_CELLS), 2, str(begun.database), "may it be written?")
    mounting(folder, "-o", "remount,bind,rw")
    assert contents(begun) == before
    check_goes_on(run, begun, few)


def test_no_store_where_nothing_can_be_written(run, few, tmp_path, mounting):
    command = Command(tmp_path / "study", None)
    folder = command.database.parent
    mounting(folder, "--bind", str(folder))
    mounting(folder, "-o", "remount,bind,ro")
    check_line(run(command, *THREE_CELLS), 2, f"cannot make {command.database}: Read-only file")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("leave", [0, 8_000, 40_000, 120_000])
def test_a_full_disk(leave, run, few, migrated, tmp_path, mounting):
    disk = tmp_path / "disk"
    mounting(disk, "-t", "tmpfs", "-o", "size=16m", "tmpfs")
    command = Command(disk / "study", migrated)
    command.tables = tmp_path / "tables"
    assert run(command, *TWO_CELLS).code == 0
    before = contents(command)
    ballast = fill(command.folder, leave)
    said = run(command, *THREE_CELLS)
    # with nothing left SQLite can't even read: at once, else when the cell is to be recorded
    check_line(said, 2 if leave < 32_768 else 1, "cannot ", str(command.database.parent))
    assert "full" in said.err or "No space left on device" in said.err
    ballast.unlink()
    assert check_whole(command.database) == 2
    assert contents(command) == before
    check_goes_on(run, command, few)


def test_a_full_disk_for_the_tables(run, few, begun, tmp_path, mounting):
    disk = tmp_path / "disk"
    mounting(disk, "-t", "tmpfs", "-o", "size=1m", "tmpfs")
    begun.tables = disk / "tables" / "here"
    begun.tables.mkdir(parents=True)
    ballast = fill(begun.tables, 0)
    said = run(begun, *THREE_CELLS)
    check_line(said, 1, f"cannot write {begun.tables}/default/runs.parquet: ")
    assert check_whole(begun.database) == 3, "it is recorded, if not exported"
    ballast.unlink()
    said = well(run(begun, *THREE_CELLS))
    assert said.startswith("default: nothing to train, 3 cells finished before")
    check_same(begun, few)


def test_a_clock_that_is_set_back(migrated, few, tmp_path, monkeypatch):
    """By a day, at every third look: no time is negative, the tables are the same."""
    clock, looks = time.time, itertools.count()
    monkeypatch.setattr(time, "time", lambda: clock() - 86400.0 * (next(looks) // 3))
    command = Command(tmp_path / "study", migrated)
    well(command(*THREE_CELLS))
    assert check_whole(command.database) == 3
    check_same(command, few)
    backwards = "SELECT count(*) FROM runs WHERE end_time < start_time"
    assert query(command.database, backwards) == [(0,)]
    times = query(command.database, "SELECT min(value) FROM metrics WHERE key LIKE 'time.%'")
    assert times[0][0] >= 0.0
