"""A cell's identity: everything that decides its results, and nothing else."""

import re
from dataclasses import replace

import pytest
from small_studies import TINY, make_cell, tiny_config, tiny_protocol

from study.ablation.configuration.protocol import Branch, Refine
from study.ablation.planning import cells
from study.ablation.planning.cells import identity
from study.ablation.planning.plan import make_plan
from study.learning.rules import EXACT

GRID = {
    "dataset": ["iris", "wine"],
    "hidden": [[5], [4, 4]],
    "activation": ["tanh", "relu"],
    "gradient": ["exact", "removed", {"floor": {"minimum": [0.01, 0.1], "absolute": True}}],
    "location": ["hidden", "all"],
    "optimizer": ["sgd", {"adam": {"beta_1": 0.8, "beta_2": 0.9}}],
}


def identities(config):
    return {planned.cell.name: planned.identity for planned in make_plan(config).cells}


def mirrored(value):
    """The same content, everything in the opposite order."""
    if isinstance(value, dict):
        return {key: mirrored(value[key]) for key in reversed(value)}
    if isinstance(value, list) and all(isinstance(v, int) for v in value):
        return value  # widths of layers: their order is content
    return [mirrored(v) for v in reversed(value)] if isinstance(value, list) else value


def of(cell, protocol, digest="d", reference=None):
    return identity(cell, digest, protocol.seen(cell.optimizer.name), reference)


CELL = make_cell(gradient={"floor": {"minimum": 0.1}}, location="all")
BASE = of(CELL, tiny_protocol())


def test_order_does_not_matter():
    assert re.fullmatch("[0-9a-f]{40}", BASE)
    protocol = {**TINY, "learning_rates": mirrored(TINY["learning_rates"])}
    assert identities(tiny_config(GRID)) == identities(tiny_config(mirrored(GRID)))
    assert identities(tiny_config(GRID)) == identities(tiny_config(GRID, **mirrored(protocol)))


def test_how_the_grid_is_cut_does_not_matter():
    halves = [{**GRID, "dataset": dataset} for dataset in ("wine", "iris")]
    whole = identities(tiny_config(GRID))
    assert identities(tiny_config(*halves)) == whole
    one = identities(tiny_config(GRID, only={"dataset": ["wine"], "gradient": ["removed"]}))
    assert one.items() <= whole.items()


def test_the_way_a_value_is_written_does_not_matter():
    written = make_cell(gradient={"floor": {}}, location="all", gain=1, optimizer={"sgd": None})
    assert of(written, tiny_protocol()) == BASE
    assert of(make_cell(gradient="floor", location="all"), tiny_protocol()) == BASE


PROTOCOL_CHANGES = {
    "updates": 7,
    "batch_size": None,
    "learning_rates": {"sgd": (0.1, 0.5), "adam": (0.01, 0.1)},
    "tuning_seeds": 3,
    "evaluation_seeds": 4,
    "refine": Refine(),
    "decay": False,
    "checkpoints": 5,
    "probes": 3,
    "dtype": "float64",
    "tune": False,
    "branch": Branch(EXACT, 5),
}


@pytest.mark.parametrize("name", PROTOCOL_CHANGES)
def test_the_protocol_that_a_cell_sees_matters(name):
    changed = tiny_protocol(**{name: PROTOCOL_CHANGES[name]})
    assert of(CELL, changed) != BASE
    assert of(CELL.reference(), changed) != of(CELL.reference(), tiny_protocol())


def test_no_part_of_the_protocol_is_forgotten():
    assert {*PROTOCOL_CHANGES, "transfer"} == set(vars(tiny_protocol()))
    protocol = tiny_protocol(refine=Refine())
    found = {of(CELL, protocol)}
    for name, value in vars(Refine()).items():
        found.add(of(CELL, replace(protocol, refine=replace(Refine(), **{name: value + 1}))))
    assert len(found) == 5


def test_the_protocol_that_a_cell_does_not_see_does_not_matter():
    other_rates = tiny_protocol(learning_rates={**TINY["learning_rates"], "adam": [3.0]})
    assert of(CELL, other_rates) == BASE
    sgd = of(make_cell(optimizer="adam"), tiny_protocol())
    assert of(make_cell(optimizer="adam"), other_rates) != sgd


def test_being_evaluated_at_exacts_rate_matters_for_those_who_are():
    with_transfer = identities(tiny_config(GRID))
    without = identities(tiny_config(GRID, transfer=False))
    same = {name for name in with_transfer if with_transfer[name] == without[name]}
    assert same == {name for name in with_transfer if "· exact ·" in name}
    assert of(CELL, tiny_protocol(), reference="a" * 40) != BASE


AXES = {
    "dataset": "wine",
    "objective": "linear_squared_error",
    "hidden": [4, 5],
    "initialisation": "he",
    "gain": 2.0,
    "activation": "logistic",
    "gradient": {"floor": {"minimum": 0.2}},
    "location": "output",
    "consistent": "true",
    "optimizer": "adam",
}


@pytest.mark.parametrize("axis", AXES)
def test_every_axis_matters(axis):
    spec = {**CELL.specification(), axis: AXES[axis]}
    assert of(make_cell(**spec), tiny_protocol()) != BASE
    assert set(AXES) == set(cells.AXES)


def test_data_and_numerics_matter(monkeypatch):
    assert of(CELL, tiny_protocol(), digest="e") != BASE
    monkeypatch.setattr(cells, "NUMERICS_VERSION", cells.NUMERICS_VERSION + 1)
    assert of(CELL, tiny_protocol()) != BASE


def test_the_digest_is_that_of_the_data():
    """Two parameters of a generated dataset are two data."""
    grid = {"dataset": {"moons": {"noise": [0.1, 0.2]}}, "hidden": [4]}
    assert len(set(identities(tiny_config(grid)).values())) == 2
