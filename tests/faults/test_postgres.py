"""A team's store: studies at once on PostgreSQL, which may be started anew; one line else."""

import contextlib
import os
import sys
import time
from pathlib import Path
from threading import Thread

import pytest
from faulty import (
    FEW,
    GO_ON,
    MANY,
    PART,
    Server,
    check_networks,
    check_same,
    check_whole,
    fill,
    hook,
    long,
    query,
)
from small_studies import Command, finish, wait_for, well

from study.ablation.store import open_store

ONE = "execution.workers=1"
CELLS = "SELECT count(*) FROM tags WHERE key = 'role' AND value = 'cell'"


class Member(Command):
    """The command of one who shares a store with others, and has a folder of their own."""

    def __init__(self, folder: Path, uri: str, artifacts: object) -> None:
        super().__init__(folder, None)
        self.uri, self.artifacts = uri, artifacts

    def places(self) -> list[str]:
        own = [f"tracking.uri={self.uri}", f"tracking.artifacts={self.artifacts}"]
        return [*own, f"tracking.tables={self.tables}"]


def check_team(member: Member, undisturbed: Command, cells: int) -> None:
    """Fail unless the store has each cell once, and a member exports what nothing disturbed."""
    words = MANY if cells == 10 else FEW
    assert well(member(*words, ONE)).startswith("default: nothing to train")
    assert check_whole(member.uri) == cells
    check_same(member, undisturbed)


@pytest.mark.parametrize(
    ("studies", "made"),
    [(2, True), pytest.param(2, False, marks=long), pytest.param(4, False, marks=long)],
)
def test_studies_at_once(studies, made, postgres, many, few, tmp_path):
    """All train the same cells; whoever is second with one finds it recorded."""
    uri = postgres.new() if made else postgres.new("TEMPLATE template0")
    words, alone, cells = (FEW, few, 3) if made else (MANY, many, 10)
    team = [Member(tmp_path / f"{n}", uri, tmp_path / "shared") for n in range(studies)]
    said = [finish(p, 600) for p in [member.start(*words, ONE) for member in team]]
    assert [(s.code, s.err) for s in said] == [(0, "")] * studies, said
    for member in team:
        check_same(member, alone)
    check_team(team[0], alone, cells)


def test_a_cell_that_two_record_at_once_is_there_once(postgres, trained, tmp_path):
    uri, twice = postgres.new(), 8
    with contextlib.ExitStack() as stack:
        stores = [
            stack.enter_context(contextlib.closing(open_store(uri, "default", tmp_path)))
            for _ in range(twice)
        ]
        failed = []

        def record(store) -> None:
            try:
                store.record(trained)
                store.describe({"study.commit": "same"}, {})
            except BaseException as error:
                failed.append(error)

        threads = [Thread(target=record, args=[store]) for store in stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failed == []
    assert check_whole(uri) == 1


@pytest.mark.parametrize("how", ["fast", pytest.param("immediate", marks=long)])
def test_a_restart_in_the_middle(how, postgres, few, tmp_path, trained):
    """Between cells and within one's transaction: the study waits, and nothing is lost."""
    member = Member(tmp_path / "one", postgres.new(), tmp_path / "shared")
    copy = hook(tmp_path / "hook", SLOW.format(stop=tmp_path / "stop"))
    process = member.start(*FEW, ONE, env=copy)
    wait_for(lambda: (tmp_path / "stop").exists() or process.poll() is not None)
    postgres.stop(how)
    time.sleep(1.0)
    postgres.start()
    (tmp_path / "stop").unlink()
    well(finish(process))
    check_team(member, few, 3)


# the second cell waits in its transaction, after its files and before its rows
SLOW = """
import time
from pathlib import Path
from study.ablation.store import artifacts

write, calls = artifacts.write_files, []

def slow(*given):
    calls.append(write(*given))
    if len(calls) == 2:
        Path({stop!r}).touch()
        while Path({stop!r}).exists():
            time.sleep(0.01)
    return calls[-1]

artifacts.write_files = slow
""".replace("{stop!r}", "'{stop}'")


def test_a_study_that_is_killed_within_a_transaction(postgres, few, tmp_path):
    member = Member(tmp_path / "one", postgres.new(), tmp_path / "shared")
    stop = tmp_path / "stop"
    process = member.start(*FEW, ONE, env=hook(tmp_path / "hook", SLOW.format(stop=stop)))
    wait_for(lambda: stop.exists() or process.poll() is not None)
    process.kill()
    finish(process)
    assert query(member.uri, CELLS) == [(1,)]
    assert well(member(*FEW, ONE)).startswith("default: 2 cells, 1 finished before")
    check_team(member, few, 3)


def test_a_server_that_stays_away(postgres, few, tmp_path):
    """Exit code 1 in one line after the patience; what was recorded stays."""
    member = Member(tmp_path / "one", postgres.new(), tmp_path / "shared")
    impatient = "\nfrom study.ablation.store import database\ndatabase.PATIENCE = 1.0\n"
    code = SLOW.format(stop=tmp_path / "stop") + impatient
    process = member.start(*FEW, ONE, env=hook(tmp_path / "hook", code))
    wait_for(lambda: (tmp_path / "stop").exists() or process.poll() is not None)
    postgres.stop()
    try:
        (tmp_path / "stop").unlink()
        said = finish(process)
        check_line(said, 1, "cannot use the store postgresql+psycopg://***@127.0.0.1", "refused")
        assert said.out.endswith(GO_ON)
        check_line(member(*FEW, ONE), 2, "Connection refused")
    finally:
        postgres.start()
    assert query(member.uri, CELLS) == [(1,)]
    assert well(member(*FEW, ONE)).startswith("default: 2 cells, 1 finished before")
    check_team(member, few, 3)


def check_line(said, code: int, *parts: str) -> None:
    assert (said.code, said.err.count("\n")) == (code, 1), said
    assert all(part in said.err for part in parts) and "geheim" not in said.err + said.out, said


def test_no_password_is_ever_told(postgres, few, tmp_path):
    """Neither when it is wrong or can't be read, nor when it is right."""
    postgres.password("ann", "geheim")
    uri = postgres.new()
    right = uri.replace("+psycopg://tests@", "://ann:geheim@")
    member = Member(tmp_path / "one", right, tmp_path / "shared")
    for wrong, line in (
        (right.replace(":geheim", ":ungeheim"), "password authentication failed"),
        (uri.replace("tests@", "ann@") + "?password=ungeheim", "password authentication failed"),
        (right.replace("geheim", "ge/geheim"), "in a password @ is written %40"),
        (right.replace("geheim", "ge@geheim"), "in a password @ is written %40"),
        (right.replace("geheim", "ge?geheim"), "password authentication failed"),
    ):
        member.uri = f"'{wrong}'"
        check_line(member(*FEW, ONE), 2, line)
    member.uri = right
    said = member(*FEW, ONE)
    assert "geheim" not in well(said)
    told = [path for path in tmp_path.rglob("*.json") if "geheim" in path.read_text()]
    assert (told, member.uri) == ([], right)
    check_team(member, few, 3)


def test_what_a_database_refuses_is_one_line(postgres, few, tmp_path, monkeypatch):
    def line(uri, *parts, artifacts=tmp_path / "shared", code=2):
        check_line(Member(tmp_path / os.urandom(4).hex(), uri, artifacts)(*FEW, ONE), code, *parts)

    uri = postgres.new()
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "psycopg", None)
        line(uri, "needs a driver: pip install 'delta-rule-study[postgres]'")
    line(postgres.uri("nowhere"), 'database "nowhere" does not exist')
    line(uri, "too long a place for MLflow's tables", artifacts=tmp_path / ("deep/" * 40))
    for schema, said in (("bd07f7e963c5", "an older MLflow"), ("f00dfeed0000", "a newer MLflow")):
        old = postgres.new()
        postgres.say(f"UPDATE alembic_version SET version_num = '{schema}'", old.split("/")[-1])
        line(old, said)
    postgres.say("CREATE ROLE reader LOGIN")
    postgres.say("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader", uri.split("/")[-1])
    reader = uri.replace("tests@", "reader@")
    line(reader, "permission denied", "the right to read and write")


def test_another_machine_never_replaces_a_colleagues_cells(postgres, few, tmp_path):
    """The files are on the first one alone; then the folder is there, but empty."""
    uri, shared = postgres.new(), tmp_path / "shared"
    assert Member(tmp_path / "one", uri, shared)(*PART, ONE).code == 0
    two, before = Member(tmp_path / "two", uri, shared), query(uri, "SELECT * FROM runs")
    shared.rename(tmp_path / "elsewhere")
    check_line(two(*FEW, ONE), 2, "2 cells are recorded", "not on this machine", str(shared))
    only = [*FEW, ONE, "only.gradient=[offset]"]  # with exact, which is recorded
    check_line(two(*only), 2, "1 cells are recorded", "not on this machine")
    shared.joinpath("default").mkdir(parents=True)
    check_line(two(*FEW, ONE), 2, "2 cells are recorded", "not on this machine")
    assert query(uri, "SELECT * FROM runs") == before
    shared.joinpath("default").rmdir()
    shared.rmdir()
    (tmp_path / "elsewhere").rename(shared)
    well(two(*FEW, ONE))
    check_team(two, few, 3)
    two.artifacts = tmp_path / "other"
    check_line(two(*FEW, ONE), 2, "keeps its artifacts in", "leave tracking.artifacts out")


@long
@pytest.mark.parametrize("leave", [0, 100_000])
def test_a_full_disk(leave, postgres, few, tmp_path, mounting):
    """Of the server; what was recorded stays, and the study goes on."""
    disk, name = postgres.folder / "disk", f"full{leave}"
    mounting(disk, "-t", "tmpfs", "-o", "size=64m", "tmpfs")
    postgres.own(disk)
    postgres.say(f"CREATE TABLESPACE {name} LOCATION '{disk}'")
    uri = postgres.new(f"TEMPLATE postgres TABLESPACE {name}")
    member = Member(tmp_path / "one", uri, tmp_path / "shared")
    well(member(*PART, ONE))
    ballast = fill(next(disk.iterdir()), leave)
    said = member(*MANY, ONE)
    check_line(said, 1, "cannot use the store", "No space left on device", "disk full?")
    ballast.unlink()
    well(member(*FEW, ONE))
    check_same(member, few)
    check_whole(uri)
    postgres.say(f"DROP DATABASE {uri.rpartition('/')[2]} WITH (FORCE)")
    postgres.say(f"DROP TABLESPACE {name}")


@pytest.fixture
def team(postgres, tmp_path):
    """A server of MLflow's on PostgreSQL that keeps artifacts, and two of its users' machines."""
    uri = postgres.new()
    server = Server(tmp_path, uri)
    server.start()
    address = server.uri.replace("http", "mlflow-artifacts")
    yield server, *(Member(tmp_path / name, uri, address) for name in ("one", "two"))
    server.kill()


@long
def test_two_machines_that_share_a_server(team, few, tmp_path):
    """One trains, the other goes on and exports; by the server alone it is the same."""
    server, one, two = team
    well(one(*PART, ONE, "tracking.models=true"))
    assert well(two(*FEW, ONE)).startswith("default: 1 cell, 2 finished before")
    check_networks(server.uri, 2, tmp_path)
    check_same(two, few)
    assert not list(one.folder.rglob("mlartifacts")) + list(two.folder.rglob("mlartifacts"))
    assert check_whole(two.uri, artifacts=tmp_path / "artifacts") == 3
    uri, two.uri, two.tables = two.uri, server.uri, tmp_path / "http"
    assert well(two(*FEW, ONE)).startswith("default: nothing to train")
    check_same(two, few)
    two.uri, two.artifacts = uri, "null"
    check_line(two(*FEW, ONE), 2, "address as tracking.artifacts, or as tracking.uri")


@long
def test_a_server_of_artifacts_that_is_away(team, few):
    server, one, two = team
    well(one(*PART, ONE))
    server.kill()
    check_line(two(*FEW, ONE), 2, f"no MLflow server answers at {server.uri}")
    server.start()
    process = two.start(*FEW, ONE)
    wait_for(lambda: query(one.uri, CELLS) == [(3,)])
    well(finish(process))
    check_same(two, few)
