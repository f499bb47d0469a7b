"""Carrying out a plan: workers, records of a user's own, errors, references that are there."""

import contextlib
import multiprocessing
import os
import signal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from small_studies import in_order, job_of, tiny_config

from study.ablation.planning.plan import make_plan
from study.ablation.running.execution import StoreFailed, carry_out, training
from study.ablation.running.signals import Terminated
from study.ablation.running.tally import Tally
from study.ablation.running.worker import FailedCell, train_cell
from study.errors import UsageError
from study.learning.activations import ACTIVATIONS
from study.learning.core.kernels import Kernel
from study.learning.core.warm_up import compile_kernels
from study.learning.optimizers import OPTIMIZERS
from study.learning.rules import GRADIENTS

GRID = {"dataset": "iris", "hidden": [5], "gradient": ["exact", "removed", "random_sign"]}
OWN = '''
"""Records of a user's own, each with a formula of its own and none of the study's names."""

import numpy as np

from study.datasets import Dataset, Raw
from study.learning.activations import Activation
from study.learning.rules.base import Gradient
from study.learning.optimizers import Optimizer
from study.learning.variants import Parameter

X = np.random.default_rng(0).normal(size=(40, 3))


def value(z, out, numbers):
    out[:] = np.arctan(z)


def slope(z, y, out, numbers):
    for j in range(z.shape[0]):
        for n in range(z.shape[1]):
            out[j, n] = 1 / (1 + z[j, n] * z[j, n])


def share(z, y, slope, numbers, key, step):
    slope[:] = slope * numbers[0]


def descend(w, g, state, rate, numbers):
    w -= rate * np.sign(g)


said = {"formula": "as the code says", "reference": "a test"}
half = Gradient(name="half", factor=share, parameters={"part": Parameter(0.5, "a part")}, **said)
bend = Activation(
    name="bend", derivative="1 / (1 + z²)", value=value, slope=slope, bounds=(-1.6, 1.6), **said
)
seen = Gradient(name="seen", prepare=lambda site, z: z[:, :1, 0], **said)  # nothing to compile
signs = Optimizer(name="signs", kernel=descend, **said)
cloud = Dataset(
    name="cloud",
    source="drawn",
    licence="MIT",
    task="classification",
    load=lambda seed: Raw(X, (X[:, 0] > 0).astype(int)),
    **said,
)
'''
OWN_GRID = {
    "dataset": {"_target_": "MODULE.cloud"},
    "hidden": [4],
    "gradient": ["exact", {"_target_": "MODULE.seen"}],
}
BREAKING = """
import os
import signal
from pathlib import Path

from study.learning.rules.base import Gradient


def breaks(site, z):
    if z.shape[-1] > 50:  # the data, not the few numbers with which records are tried
        raise RuntimeError("no numbers\\nat all")
    return z[:, :1, 0]


def dies(site, z):
    if os.getpid() != PARENT:
        os.kill(os.getpid(), signal.SIGKILL)
    return z[:, :1, 0]


def dies_once(site, z):
    marker = Path(__file__).with_suffix(".died")
    if os.getpid() != PARENT and not marker.exists():
        marker.touch()
        dies(site, z)
    return z[:, :1, 0]


def guesses(z, y, slope, numbers, key, step):
    slope[:] = somewhere_else


said = {"formula": "none", "reference": "a test"}
broken = Gradient(name="broken", prepare=breaks, **said)
deadly = Gradient(name="deadly", prepare=dies, **said)
frail = Gradient(name="frail", prepare=dies_once, **said)
unknown = Gradient(name="unknown", factor=guesses, **said)
"""


class Memory:
    """A store that remembers, and gives tables back as files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cells = {}
        self.prepared = False

    def prepare(self):
        self.prepared = True

    def record(self, cell):
        assert self.prepared
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
    """Write a module of a user's own and return its name, which no other test has."""
    name = "own_" + "".join(c if c.isalnum() else "_" for c in request.node.name)

    def write(text):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        return name

    return write


def named(grid, module):
    """The grid with the module's name put in."""
    if isinstance(grid, dict):
        return {key: named(value, module) for key, value in grid.items()}
    if isinstance(grid, list):
        return [named(value, module) for value in grid]
    return grid.replace("MODULE", module) if isinstance(grid, str) else grid


def test_results_do_not_depend_on_workers_or_blocks(own):
    """Bit for bit, with records of a user's own that each worker imports for itself."""
    grid, streams = named(OWN_GRID, own(OWN)), []
    for execution in ({"workers": 1}, {"workers": 2, "block": 3}):
        plan, tally = make_plan(tiny_config(grid, GRID, execution=execution)), Tally()
        with training(plan, tally) as results:
            streams.append({cell.cell: cell for cell in results})
        assert streams[-1].keys() == {cell.identity for cell in plan.cells}
        assert (tally.failed, tally.cells) == ([], len(plan.cells))
        assert len(plan.cells) == 2 + 3
        assert (tally.runs, tally.updates) == (plan.runs, plan.runs * 6)
    one, two = streams
    for identity, cell in one.items():
        other = two[identity]
        assert in_order(cell.runs).equals(in_order(other.runs)), cell.name
        assert in_order(cell.curves).equals(in_order(other.curves)), cell.name
        assert cell.name == other.name
    names = {cell.name for cell in one.values()}
    assert "cloud · tanh · seen · hidden · sgd · 4" in names


def test_records_of_a_users_own_make_one_cell(own):
    """An optimizer has learning rates of its own, or says what is missing."""
    module = own(OWN)
    grid = {
        "dataset": {"_target_": f"{module}.cloud"},
        "hidden": [4],
        "activation": {"_target_": f"{module}.bend"},
        "gradient": {"_target_": f"{module}.half", "part": 0.25},
        "optimizer": ["sgd", {"_target_": f"{module}.signs"}],
        "protocol": {"transfer": False},
    }
    with pytest.raises(UsageError, match=r"^protocol\.learning_rates\.signs is missing$"):
        planned(grid)
    rates = {"sgd": [0.1], "signs": [0.01, 0.001]}
    assert len(planned(grid, only={"optimizer": ["sgd"]}, learning_rates=rates).cells) == 1
    plan = planned(grid, only={"optimizer": ["signs"]}, learning_rates=rates)
    with training(plan, Tally()) as results:
        (cell,) = results
    assert cell.name == "cloud · bend · half(part=0.25) · hidden · signs · 4"
    assert set(cell.runs["learning_rate"].to_pylist()) == {0.01, 0.001}


def test_identity_follows_the_file_of_a_users_own_record(own, tmp_path):
    module = own(OWN)
    grid = {**GRID, "gradient": ["exact", {"_target_": f"{module}.half"}]}
    before = [cell.identity for cell in planned(grid).cells]
    assert [cell.identity for cell in planned(grid).cells] == before
    (tmp_path / f"{module}.py").write_text(OWN + "\n# another thought\n")
    after = [cell.identity for cell in planned(grid).cells]
    assert after[0] == before[0], "exact is the study's own"
    assert after[1] != before[1]


def test_a_users_own_record_needs_a_name_of_its_own(own):
    module = own(OWN.replace('name="half"', 'name="exact"'))
    grid = {**GRID, "gradient": {"_target_": f"{module}.half"}}
    with pytest.raises(UsageError) as caught:
        planned(grid)
    assert str(caught.value) == (
        f"gradient _target_ '{module}.half' has the name of one of the study's own, 'exact': "
        "give it another, or runs could not be told apart"
    )


def test_an_error_in_one_cell_stops_no_other(own, memory):
    module = own(BREAKING.replace("PARENT", str(os.getpid())))
    grid = {**GRID, "gradient": ["removed", {"_target_": f"{module}.broken"}, "exact"]}
    plan = planned(grid)
    tally = carry_out(plan, memory, set())
    (failed,) = tally.failed
    assert failed.error == "RuntimeError: no numbers at all"
    assert "in breaks" in failed.traceback
    assert {cell.name.split(" · ")[2] for cell in memory.cells.values()} == {"exact", "removed"}
    assert str(tally).endswith("1 cells failed")
    assert tally.cells == 2


def test_a_rule_that_cannot_be_compiled_is_a_mistake_before_anything_is_trained(own, memory):
    module = own(BREAKING.replace("PARENT", str(os.getpid())))
    grid = {**GRID, "gradient": ["removed", {"_target_": f"{module}.unknown"}]}
    plan = planned(grid)
    with pytest.raises(UsageError, match=r"^factor 'guesses' can't be compiled: .*somewhere_else"):
        carry_out(plan, memory, set())
    assert not memory.prepared
    assert memory.cells == {}


def test_a_failed_reference_takes_along_what_needs_its_rate(memory, monkeypatch):
    plan = planned(GRID, {**GRID, "dataset": "wine"})
    reference = plan.cells[0]

    def train(job):
        if job.identity == reference.identity:
            raise OSError("the disk is gone")
        return train_cell(job)

    monkeypatch.setattr("study.ablation.running.worker.train_cell", train)
    tally = carry_out(plan, memory, set())
    assert tally.failed[0].cell == reference.identity
    assert [failed.error for failed in tally.failed] == [
        "OSError: the disk is gone",
        "a cell whose learning rate it takes failed",
        "a cell whose learning rate it takes failed",
    ]
    assert {cell.name.split(" · ")[0] for cell in memory.cells.values()} == {"wine"}


def test_workers_that_die_are_replaced_and_harm_no_other_cell(own, memory, capfd):
    """A cell that kills its worker once is tried again; one that always does fails alone."""
    module = own(BREAKING.replace("PARENT", str(os.getpid())))
    targets = [{"_target_": f"{module}.{name}"} for name in ("deadly", "frail")]
    grid = {**GRID, "gradient": ["exact", *targets, "removed"]}
    plan = planned(grid, {**GRID, "dataset": ["wine", "moons"]}, workers=2)
    tally = carry_out(plan, memory, set())
    names = {one.identity: one.cell.name for one in plan.cells}
    (guilty,) = (cell for cell, name in names.items() if "deadly" in name)
    how = "killed, perhaps because memory ran out"
    assert tally.failed == [FailedCell(guilty, f"its worker died 2 times ({how})", "")]
    assert set(memory.cells) == set(names) - {guilty}
    assert sorted(capfd.readouterr().err.splitlines()) == [
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
    with pytest.raises(StoreFailed, match=r"^the disk is full$"):
        carry_out(planned(GRID, workers=2), memory, set())
    assert len(memory.cells) == 1
    assert multiprocessing.active_children() == []


SIGNALS = [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)]


@pytest.mark.parametrize(("number", "stop"), SIGNALS)
def test_a_signal_waits_until_a_cell_is_recorded(memory, number, stop):
    """And is not lost, though a database may swallow what is raised in its calls."""

    def record(cell, record=memory.record):
        with contextlib.suppress(BaseException):
            os.kill(os.getpid(), number)
            record(cell)

    memory.record = record
    handlers = [signal.getsignal(n) for n, _ in SIGNALS]
    with pytest.raises(stop):
        carry_out(planned(GRID), memory, set())
    assert len(memory.cells) == 1
    assert [signal.getsignal(n) for n, _ in SIGNALS] == handlers


@pytest.mark.parametrize(("number", "stop"), SIGNALS)
def test_a_signal_in_training_is_no_error_of_the_cell(memory, monkeypatch, number, stop):
    def train(job):
        os.kill(os.getpid(), number)
        return train_cell(job)

    monkeypatch.setattr("study.ablation.running.worker.train_cell", train)
    with pytest.raises(stop):
        carry_out(planned(GRID), memory, set())
    assert memory.cells == {}


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
    rate = whole[reference.identity].metrics["learning_rate"]
    for one in others:
        again, before = memory.cells[one.identity], whole[one.identity]
        assert in_order(again.runs).equals(in_order(before.runs))
        assert again.metrics["reference_learning_rate"] == rate
    nothing = carry_out(plan, memory, {one.identity for one in plan.cells})
    assert (nothing.cells, nothing.runs) == (0, 0)


def test_kernels_are_compiled_before_workers_start(monkeypatch):
    """Afterwards no training needs the compiler."""
    grid = {**GRID, "optimizer": ["sgd", "adam"], "activation": ["gelu", "relu"]}
    plan = planned(grid, dtype="float64")
    for family in (OPTIMIZERS, GRADIENTS, ACTIVATIONS):
        for record in family.values():
            for value in vars(record).values():
                if isinstance(value, Kernel):
                    monkeypatch.setattr(value, "_compiled", {})
    compile_kernels((one.cell.design() for one in plan.cells), "float64")
    monkeypatch.setattr("study.learning.core.kernels._compile", None)  # whoever calls it now fails
    for one in plan.cells:
        rate = None if one.reference is None else 0.5
        train_cell(job_of(one.cell, plan.config.protocol, rate))
