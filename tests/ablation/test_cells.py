"""Identical cells are one cell and train alike; an identity is all that decides results."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from small_studies import TINY, cases, make_cell, tiny_config, tiny_protocol

from study.ablation.configuration.protocol import Branch, Refine
from study.ablation.planning import cells
from study.ablation.planning.cells import Facts, identity
from study.ablation.planning.plan import make_plan
from study.ablation.running.worker import _problem
from study.learning.core.training import train
from study.learning.design import Budget
from study.learning.rules import EXACT, GRADIENTS

OUTPUTS = {"iris": 3, "breast_cancer": 1, "diabetes": 1}


def canonical(axes):
    cell = make_cell(**axes)
    return cell.canonical(OUTPUTS[cell.dataset.name])


def trained(axes, dtype="float32"):
    cell = make_cell(**axes)
    budget = Budget(updates=40, batch_size=16, checkpoints=3, probes=0, dtype=dtype)
    seeds, rates = [1, 2], [0.1, 1.0]
    return train(_problem(cell, seeds), cell.design(), budget, seeds, rates).parameters


ONE_PLACE = """
{activation: relu, gradient: relu_at_zero} => hidden
{gradient: exact} => output
{gradient: removed, objective: linear_squared_error, dataset: diabetes} => hidden
{gradient: frozen} => hidden
{gradient: removed, hidden: []} => output
{activation: relu, gradient: {other_slope: {factor: 2.0}}} => output
"""


@pytest.mark.parametrize(("axes", "place"), cases(ONE_PLACE))
def test_identical_cells_are_one_and_train_alike_to_the_bit(axes, place):
    """Everywhere and in one place; equal rules are in tests/learning/test_gradient_algebra.py."""
    one, other = ({**axes, "location": at} for at in ("all", place))
    assert canonical(one) == canonical(other)
    assert hash(canonical(one)) == hash(canonical(other))
    np.testing.assert_array_equal(trained(one), trained(other))


@pytest.mark.parametrize("gradient", ["removed", "mean_matched", "random_sign"])
def test_the_last_of_as_many_layers_are_all_hidden_ones(gradient):
    """Of two layers the last two, or five, are one cell with hidden; the last one is another."""
    found = {}
    for location in ("hidden", "last_1", "last_2", "last_5"):
        axes = {"gradient": gradient, "hidden": [4, 3], "location": location}
        cell = canonical(axes)
        assert cell.location == ("last_1" if location == "last_1" else "hidden")
        assert location != "last_1" or f"{gradient} · last_1 · sgd" in cell.name
        found.setdefault(cell.location, []).append(trained(axes))
    for other in found["hidden"][1:]:
        np.testing.assert_array_equal(found["hidden"][0], other)
    assert not np.array_equal(found["hidden"][0], found["last_1"][0])
    one = canonical({"gradient": "exact", "location": "last_1"})
    assert one == canonical({"gradient": "exact"})


@pytest.mark.parametrize("activation", ["tanh", "logistic", "relu", "softsign", "leaky_relu"])
@pytest.mark.parametrize("objective", ["squared_error", "linear_squared_error", "cross_entropy"])
def test_the_canonical_cell_trains_like_the_one_that_was_asked_for(activation, objective):
    """Of every rule at every location, where the cell is possible."""
    for name in GRADIENTS:
        for location in ("hidden", "output", "all"):
            axes = {"activation": activation, "objective": objective, "gradient": name}
            cell = make_cell(**axes, location=location)
            simple = cell.canonical(3)
            assert simple.canonical(3) == simple
            assert make_cell(**cell.specification()) == cell
            assert (simple.gradient == EXACT) == (simple.location == "none")
            if simple == cell or simple.gradient == cell.gradient == EXACT:
                continue
            if simple.location in ("output", "all") and objective != "squared_error":
                continue
            one, other = (trained(c.specification(), "float64") for c in (cell, simple))
            said = f"{cell.name} is not {simple.name}"
            np.testing.assert_allclose(one, other, rtol=1e-9, err_msg=said)


MATCH = {"gradient": "floor", "location": "hidden", "consistent": True}


@pytest.mark.parametrize("value", [True, "true", "forward", False, "false"])
def test_consistent_is_a_word(value):
    cell = make_cell(**(MATCH | {"consistent": value}))
    assert cell.consistent == str(value).lower() == cell.params()["consistent"]
    assert make_cell(**cell.specification()) == cell
    assert cell.design().consistent == cell.consistent
    assert cell.canonical(3) == cell and cell.impossible(FACTS, False) == ""
    assert cell.reference().consistent == "false" and cell.reference().gradient == EXACT


def test_exact_matches_itself_and_linear_outputs_have_no_match():
    exact = make_cell(gradient="exact", location="hidden")
    for gradient in ("exact", {"floor": {"minimum": 0.0}}):
        for consistent in ("true", "forward"):
            cell = make_cell(gradient=gradient, location="hidden", consistent=consistent)
            assert cell.canonical(3) == exact.canonical(3)
    cell = make_cell(**MATCH | {"location": "all"}, objective="linear_squared_error")
    assert cell.canonical(3) == make_cell(**MATCH, objective="linear_squared_error")


FACTS = Facts(100, 4, 3, "classification", "0" * 64)


def test_the_four_arms_train_apart():
    arms = [MATCH | {"consistent": c} for c in ("false", "true", "forward")]
    found = [trained(axes) for axes in (*arms, {"gradient": "exact"})]
    for one, other in itertools.combinations(found, 2):
        assert np.abs(one - other).max() > 1e-4


def test_exact_is_its_own_reference_and_that_of_all_rules():
    reference = make_cell(gradient="removed", location="all").reference()
    assert reference == make_cell(gradient="exact", location="hidden").canonical(3)
    assert reference.reference() == reference
    assert reference.name == "iris · tanh · exact · none · sgd · 5-4"


def test_names_say_what_is_unusual():
    axes = {"objective": "cross_entropy", "initialisation": "he", "gain": 2.5, "hidden": [32, 32]}
    axes |= {"dataset": {"moons": {"noise": 0.3}}, "optimizer": {"momentum": {"momentum": 0.5}}}
    name = "moons(noise=0.3) · tanh · exact · hidden · momentum(momentum=0.5) · cross_entropy · he"
    assert make_cell(**axes).name == f"{name} · gain 2.5"
    name = "iris · tanh · floor(minimum=0.1) · hidden · {} · sgd · 5-4"
    assert make_cell(**MATCH).name == name.format("twin")
    assert make_cell(**MATCH | {"consistent": "forward"}).name == name.format("twin forward")
    flagged = make_cell(gradient={"floor": {"minimum": 0.05, "absolute": True}})
    assert flagged.params()["gradient.absolute"] == "true"
    assert "gradient.absolute" not in make_cell(gradient="floor").params()


GRID = {
    **{"dataset": ["iris", "wine"], "hidden": [[5], [4, 4]], "activation": ["tanh", "relu"]},
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


def test_what_does_not_matter():
    assert re.fullmatch("[0-9a-f]{40}", BASE)
    protocol = {**TINY, "learning_rates": mirrored(TINY["learning_rates"])}
    assert identities(tiny_config(GRID)) == identities(tiny_config(mirrored(GRID)))
    assert identities(tiny_config(GRID)) == identities(tiny_config(GRID, **mirrored(protocol)))
    # nor how the grid is cut
    halves = [{**GRID, "dataset": dataset} for dataset in ("wine", "iris")]
    whole = identities(tiny_config(GRID))
    assert identities(tiny_config(*halves)) == whole
    one = identities(tiny_config(GRID, only={"dataset": ["wine"], "gradient": ["removed"]}))
    assert one.items() <= whole.items()
    # nor the way a value is written
    written = make_cell(gradient={"floor": {}}, location="all", gain=1, optimizer={"sgd": None})
    assert of(written, tiny_protocol()) == BASE
    assert of(make_cell(gradient="floor", location="all"), tiny_protocol()) == BASE


OTHERWISE = {
    "tuned_by": "mean_score",
    "learnt_within": 0.4,
    "batch_size": None,
    "dtype": "float64",
    "branch": Branch(EXACT, 5),
    "refine": None,
}
OTHERWISE["learning_rates"] = {"sgd": (0.1, 0.5), "adam": (0.01, 0.1)}


def changed(record):
    """Every field of a record in turn has another value; flags are turned, numbers one more."""
    for name, value in vars(record).items():
        other = OTHERWISE.get(name, not value if isinstance(value, bool) else value)
        number = name not in OTHERWISE and type(value) is int
        yield name, replace(record, **{name: value + 1 if number else other})


def test_the_protocol_that_a_cell_sees_matters():
    """No part of it is forgotten, but for transfer, which the reference says, and for tasks."""
    base, refine = tiny_protocol(refine=Refine()), Refine()
    unseen = ("transfer", "tasks")
    protocols = [protocol for name, protocol in changed(base) if name not in unseen]
    protocols += [replace(base, refine=other) for _, other in changed(refine)]
    for cell in (CELL, CELL.reference()):
        assert len({of(cell, protocol) for protocol in (base, *protocols)}) == 1 + 15 + 4


def test_being_evaluated_at_exacts_rate_matters_for_those_who_are():
    with_transfer = identities(tiny_config(GRID))
    without = identities(tiny_config(GRID, transfer=False))
    same = {name for name in with_transfer if with_transfer[name] == without[name]}
    assert same == {name for name in with_transfer if "· exact ·" in name}
    assert of(CELL, tiny_protocol(), reference="a" * 40) != BASE


AXES = {
    **{"dataset": "wine", "objective": "linear_squared_error", "hidden": [4, 5], "gain": 2.0},
    **{"initialisation": "he", "activation": "logistic", "gradient": {"floor": {"minimum": 0.2}}},
    **{"location": "output", "consistent": "true", "optimizer": "adam"},
}


@pytest.mark.parametrize("axis", AXES)
def test_every_axis_matters(axis):
    spec = {**CELL.specification(), axis: AXES[axis]}
    assert of(make_cell(**spec), tiny_protocol()) != BASE
    assert set(AXES) == set(cells.AXES)


def test_data_and_numerics_matter(monkeypatch):
    """Two parameters of a generated dataset are two data."""
    grid = {"dataset": {"moons": {"noise": [0.1, 0.2]}}, "hidden": [4]}
    assert len(set(identities(tiny_config(grid)).values())) == 2
    assert of(CELL, tiny_protocol(), digest="e") != BASE
    monkeypatch.setattr(cells, "NUMERICS_VERSION", cells.NUMERICS_VERSION + 1)
    assert of(CELL, tiny_protocol()) != BASE
