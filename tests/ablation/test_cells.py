"""Cells that are identical are one cell, and train alike; others are not."""

import numpy as np
import pytest
import yaml
from small_studies import make_cell

from study.ablation.planning.cells import Facts
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


def pairs(text):
    """Read lines such as ``relu hidden: exact | removed``: two rules on an activation."""
    for line in text.strip().splitlines():
        common, _, both = line.partition(": ")
        axes = dict(zip(("activation", "location"), common.split(), strict=True))
        one, other = ({**axes, "gradient": yaml.safe_load(rule)} for rule in both.split(" | "))
        yield pytest.param(one, other, id=line)


# one cell for both, and the same bits; more are in tests/learning/test_gradient_algebra.py
SAME = """
relu hidden: floor: {minimum: 0.1} | leaky_backward: {slope: 0.1}
relu hidden: relu_at_zero: {value: 0.0} | exact
tanh all: floor: {minimum: 0.0} | exact
tanh all: constant: {value: 1.0} | removed
logistic all: offset: {amount: 0.1, absolute: true} | offset: {amount: 0.4}
"""
DIFFERENT = """
relu all: floor: {minimum: 0.5} | leaky_backward: {slope: 0.5}
relu all: power: {exponent: 0.5} | exact
tanh hidden: floor: {minimum: 0.1} | blend: {amount: 0.1}
"""
REMOVED = {"gradient": "removed"}
STEEPER = {"activation": "relu", "gradient": {"other_slope": {"factor": 2.0}}}
LINEAR = {**REMOVED, "objective": "linear_squared_error", "dataset": "diabetes"}
ONE_PLACE = {  # axes, and two locations that are one
    "relu_at_zero stands in the hidden layers alone": (
        {"activation": "relu", "gradient": "relu_at_zero"},
        ("all", "hidden"),
    ),
    "exact has none": ({"gradient": "exact"}, ("all", "output")),
    "with linear outputs": (LINEAR, ("all", "hidden")),
    "frozen means the hidden layers": ({"gradient": "frozen"}, ("all", "hidden")),
    "without hidden layers": ({**REMOVED, "hidden": []}, ("all", "output")),
    "where relu hides the change": (STEEPER, ("all", "output")),
}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *pairs(SAME),
        *(
            pytest.param(*({**axes, "location": place} for place in places), id=name)
            for name, (axes, places) in ONE_PLACE.items()
        ),
    ],
)
def test_identical_cells_are_one_and_train_alike_to_the_bit(one, other):
    assert canonical(one) == canonical(other)
    assert hash(canonical(one)) == hash(canonical(other))
    np.testing.assert_array_equal(trained(one), trained(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [*pairs(DIFFERENT), ({**REMOVED, "location": "all"}, {**REMOVED, "location": "hidden"})],
)
def test_different_cells_stay_apart(one, other):
    assert canonical(one) != canonical(other)
    assert np.abs(trained(one) - trained(other)).max() > 1e-4


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
    for i, one in enumerate(found):
        for other in found[:i]:
            assert np.abs(one - other).max() > 1e-4


def test_exact_is_its_own_reference_and_that_of_all_rules():
    reference = make_cell(gradient="removed", location="all").reference()
    assert reference == make_cell(gradient="exact", location="hidden").canonical(3)
    assert reference.reference() == reference
    assert reference.name == "iris · tanh · exact · none · sgd · 5-4"


def test_names_say_what_is_unusual():
    cell = make_cell(
        dataset={"moons": {"noise": 0.3}},
        objective="cross_entropy",
        initialisation="he",
        gain=2.5,
        hidden=[32, 32],
        optimizer={"momentum": {"momentum": 0.5}},
    )
    assert cell.name == (
        "moons(noise=0.3) · tanh · exact · hidden · momentum(momentum=0.5) · cross_entropy · he "
        "· gain 2.5"
    )
    name = "iris · tanh · floor(minimum=0.1) · hidden · {} · sgd · 5-4"
    assert make_cell(**MATCH).name == name.format("twin")
    assert make_cell(**MATCH | {"consistent": "forward"}).name == name.format("twin forward")
    flagged = make_cell(gradient={"floor": {"minimum": 0.05, "absolute": True}})
    assert flagged.params()["gradient.absolute"] == "true"
    assert "gradient.absolute" not in make_cell(gradient="floor").params()
