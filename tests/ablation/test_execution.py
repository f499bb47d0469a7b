"""Carrying out a plan: workers, records of a user's own, errors, references that are there."""

import contextlib
import ctypes
import multiprocessing
import os
import re
import signal
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from small_studies import in_order, tiny_config

from study.ablation.planning.plan import make_plan
from study.ablation.running import progress
from study.ablation.running.execution import StoreFailed, carry_out, training
from study.ablation.running.progress import Tally
from study.ablation.running.signals import NUMBERS, Stop, Terminated
from study.ablation.running.worker import FailedCell, train_cell
from study.errors import UsageError

GRID = {"dataset": "iris", "hidden": [5], "gradient": ["exact", "removed", "random_sign"]}
OWN = '''
"""Records of a user's own, each with a formula of its own and none of the study's names."""

import os
import re
import signal
from pathlib import Path

import numpy as np

from study.datasets import Dataset, Raw
from study.learning.activations import Activation
from study.learning.optimizers import Optimizer
from study.learning.rules.base import Gradient
from study.learning.variants import Parameter

X = np.random.default_rng(0).normal(size=(40, 3))


def value(z, out, constants):
    out[:] = np.arctan(z)


def slope(z, y, out, constants):
    out[:] = 1 / (1 + z * z)


def share(z, y, slope, constants, key, step):
    slope[:] = slope * constants[0]


def descend(w, g, state, rate, constants):
    w -= rate * np.sign(g)


def dies(layer, z, again=True):
    marker = Path(__file__).with_suffix(".died_again" if again else ".died")
    if os.getpid() != PARENT and (again or not marker.exists()):
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return z[:, :1, 0]


def dies_once(layer, z):
    return dies(layer, z, again=False)


said = {"formula": "as the code says", "reference": "a test"}
part = {"part": Parameter(0.5, "a part")}
half = Gradient(name="half", factor=share, parameters=part, **said)
deadly = Gradient(name="deadly", prepare=dies, **said)
frail = Gradient(name="frail", prepare=dies_once, **said)
bend = Activation(
    name="bend", derivative="1 / (1 + z²)", value=value, slope=slope, bounds=(-1.6, 1.6), **said
)
signs = Optimizer(name="signs", kernel=descend, **said)
paced = Optimizer(name="paced", kernel=descend, learning_rates="1 a decade from 0.1 to 1", **said)
task = {"source": "drawn", "licence": "MIT", "task": "classification"}
cloud = Dataset(name="cloud", load=lambda seed: Raw(X, (X[:, 0] > 0).astype(int)), **task, **said)
'''.replace("PARENT", str(os.getpid()))


class Memory:
    """A store that remembers, and gives tables back as files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cells = None

    def place(self):
        return None

    def prepare(self):
        self.cells = self.cells or {}

    def record(self, cell):
        assert cell.cell not in self.cells, "recorded twice"
        self.cells[cell.cell] = cell
        pq.write_table(cell.runs, self.folder / f"{cell.cell}.parquet")

    def tables(self, cells):
        return [(self.folder / f"{cell}.parquet", Path()) for cell in cells]


@pytest.fixture
def memory(tmp_path):
    return Memory(tmp_path)


def planned(*grids, workers=1, **changes):
    return make_plan(tiny_config(*grids, execution={"workers": workers}, **changes))


@pytest.fixture
def own(tmp_path, monkeypatch, request):
    """Write a module of a user's own, and return how a grid names its records."""
    name = "own_" + "".join(c if c.isalnum() else "_" for c in request.node.name)
    monkeypatch.syspath_prepend(tmp_path)

    def write(text=OWN):
        (tmp_path / f"{name}.py").write_text(text)
        return lambda record, **values: {"_target_": f"{name}.{record}", **values}

    return write


def test_records_of_a_users_own_make_one_cell(own):
    """An optimizer has learning rates of its own, or says what is missing."""
    record = own()
    grid = {"dataset": record("cloud"), "hidden": [4], "activation": record("bend")}
    grid |= {"gradient": record("half", part=0.25), "optimizer": ["sgd", record("signs")]}
    grid["protocol"] = {"transfer": False}
    with pytest.raises(UsageError, match=r"^protocol\.learning_rates\.signs is missing$"):
        planned(grid)
    rates = {"sgd": [0.1], "signs": [0.01, 0.001]}
    assert len(planned(grid, only={"optimizer": ["sgd"]}, learning_rates=rates).cells) == 1
    plan = planned(grid, only={"optimizer": ["signs"]}, learning_rates=rates)
    with training(plan, Tally()) as results:
        (cell,) = results
    assert cell.name == "cloud · bend · half(part=0.25) · hidden · signs · 4"
    assert set(cell.runs["learning_rate"].to_pylist()) == {0.01, 0.001}
    (cell,) = planned({**grid, "optimizer": record("paced")}).cells
    assert cell.protocol.learning_rates["paced"] == (0.1, 1.0)


def test_identity_follows_the_file_of_a_users_own_record(own):
    grid = {**GRID, "gradient": ["exact", own()("half")]}
    before = [cell.identity for cell in planned(grid).cells]
    assert [cell.identity for cell in planned(grid).cells] == before
    own(OWN + "\n# another thought\n")
    after = [cell.identity for cell in planned(grid).cells]
    assert after[0] == before[0], "exact is the study's own"
    assert after[1] != before[1]


def test_a_failed_reference_takes_along_what_needs_its_rate(memory, monkeypatch):
    plan = planned(GRID, {**GRID, "dataset": "wine"})
    reference = plan.cells[0]

    def train(job):
        if job.identity == reference.identity:
            raise OSError("the disk\nis gone")
        return train_cell(job)

    monkeypatch.setattr("study.ablation.running.worker.train_cell", train)
    tally = carry_out(plan, memory, set())
    assert tally.failed[0].cell == reference.identity
    assert "in train\n" in tally.failed[0].traceback and str(tally).endswith("3 cells failed")
    others = ["a cell whose learning rate it takes failed"] * 2
    assert [failed.error for failed in tally.failed] == ["OSError: the disk is gone", *others]
    assert {cell.name.split(" · ")[0] for cell in memory.cells.values()} == {"wine"}


def test_workers_that_die_are_replaced_and_harm_no_other_cell(own, memory, capfd):
    """A cell that kills its worker once is tried again; one that always does fails alone."""
    record = own()
    grid = {**GRID, "gradient": ["exact", record("deadly"), record("frail"), "removed"]}
    plan = planned(grid, {**GRID, "dataset": ["wine", "moons"]}, workers=2)
    tally = carry_out(plan, memory, set())
    names = {one.identity: one.cell.name for one in plan.cells}
    (guilty,) = (cell for cell, name in names.items() if "deadly" in name)
    how = "killed, perhaps because memory ran out"
    assert tally.failed == [FailedCell(guilty, f"its worker died 2 times ({how})", "")]
    assert set(memory.cells) == set(names) - {guilty}
    told = re.findall("study: .*", capfd.readouterr().err)  # progress may be between them
    assert sorted(told) == [
        f"study: a worker died ({how}); its cell is tried again: {name}"
        for name in sorted(names.values())
        if "deadly" in name or "frail" in name
    ]


def test_a_store_that_fails_stops_the_study(memory, monkeypatch):
    def full(cell, record=memory.record):
        if memory.cells:
            raise UsageError("the disk is full")
        record(cell)

    monkeypatch.setattr(memory, "record", full)
    before = multiprocessing.active_children()  # of other tests
    with pytest.raises(StoreFailed, match=r"^the disk is full$"):
        carry_out(planned(GRID, workers=2), memory, set())
    assert len(memory.cells) == 1
    assert set(multiprocessing.active_children()) <= set(before)


@pytest.mark.parametrize("when", ["in training", "while a cell is recorded"])
@pytest.mark.parametrize(
    ("number", "stop"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)]
)
def test_a_signal_waits_until_a_cell_is_recorded(memory, monkeypatch, when, number, stop):
    """It is no error of a cell, nor lost, though a database may swallow what its calls raise."""

    def train(job):
        os.kill(os.getpid(), number)
        return train_cell(job)

    def record(cell, record=memory.record):
        with contextlib.suppress(BaseException):
            os.kill(os.getpid(), number)
            record(cell)

    if when == "in training":
        monkeypatch.setattr("study.ablation.running.worker.train_cell", train)
    else:
        memory.record = record
    handlers = [signal.getsignal(n) for n in NUMBERS]
    with pytest.raises(stop):
        carry_out(planned(GRID), memory, set())
    assert len(memory.cells) == (when != "in training")
    assert [signal.getsignal(n) for n in NUMBERS] == handlers


def test_what_is_finished_is_not_trained_again(memory):
    """A cell takes the rate of its reference from the store; the tables are as if made at once."""
    plan = planned(GRID)
    carry_out(plan, memory, set())
    whole = dict(memory.cells)
    reference, *others = plan.cells
    for one in others:
        del memory.cells[one.identity]
    tally = carry_out(plan, memory, {reference.identity})
    assert (tally.cells, tally.runs) == (2, sum(one.runs for one in others))
    assert (tally.failed, tally.updates) == ([], tally.runs * 6)
    rate = whole[reference.identity].metrics["learning_rate"]
    for one in others:
        again, before = memory.cells[one.identity], whole[one.identity]
        assert in_order(again.runs).equals(in_order(before.runs))
        assert again.metrics["reference_learning_rate"] == rate
        assert again.metrics["ratio_to_exact"] == before.metrics["ratio_to_exact"]
    nothing = carry_out(plan, memory, {one.identity for one in plan.cells})
    assert (nothing.cells, nothing.runs) == (0, 0)


def test_a_signal_that_is_lost_in_a_callback_is_quiet_and_raised_later(monkeypatch):
    """As in a callback of the compiler's: Python tells of an exception there, and goes on."""
    told = []
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: told.append(lost.exc_type))
    with pytest.raises(KeyboardInterrupt), Stop() as stop:
        ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(signal.SIGINT))()
        ctypes.CFUNCTYPE(None)(lambda: 1 / 0)()
        stop.check()
    assert told == [ZeroDivisionError], "the signal alone is not told"


def test_a_log_gets_a_line_a_minute(monkeypatch, capsys):
    """A terminal gets a bar: tests/ablation/test_command.py."""
    clock = [100.0]
    monkeypatch.setattr(progress, "monotonic", lambda: clock[0])
    with progress.progress() as show:
        show(0, 4000, 0.0, "compiling")
        clock[0] += progress.EVERY / 2
        show(10, 4000, 0.1, "too early")
        clock[0] += progress.EVERY / 2
        show(1000, 4000, 0.4, "7 stuck")  # two fifths in 60 s, so the rest takes 90 s
        clock[0] += progress.EVERY / 2
        show(1001, 4000, 0.5, "too early again")
    assert capsys.readouterr().err == "1,000 of 4,000 trainings, 01:30 left, 7 stuck\n"
