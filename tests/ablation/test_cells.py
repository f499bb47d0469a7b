"""Cells that are identical are one cell, and train alike; others are not."""

import numpy as np
import pytest
from small_studies import make_cell

from study.ablation.planning.cells import Facts
from study.ablation.running.worker import _problem
from study.errors import UsageError
from study.learning.core.training import train
from study.learning.design import Budget
from study.learning.rules import EXACT, GRADIENTS

OUTPUTS = {"iris": 3, "breast_cancer": 1, "diabetes": 1}
RELU = {"activation": "relu", "location": "hidden"}
ALL = {"location": "all"}


def canonical(axes):
    cell = make_cell(**axes)
    return cell.canonical(OUTPUTS[cell.dataset.name])


def trained(axes, dtype="float32"):
    cell = make_cell(**axes)
    budget = Budget(updates=40, batch_size=16, checkpoints=3, probes=0, dtype=dtype)
    seeds, rates = [1, 2], [0.1, 1.0]
    return train(_problem(cell, seeds), cell.design(), budget, seeds, rates).parameters


def rules(one, other, **common):
    """Two cells that differ in their rules."""
    return {"gradient": one, **common}, {"gradient": other, **common}


LOGISTIC = {**ALL, "activation": "logistic"}
# what stands in research: one cell for both, and the same bits
SAME = {
    "relu: floor is a backward leak": rules(
        {"floor": {"minimum": 0.1}}, {"leaky_backward": {"slope": 0.1}}, **RELU
    ),
    "relu: blend is a backward leak": rules(
        {"blend": {"amount": 0.3}}, {"leaky_backward": {"slope": 0.3}}, **RELU
    ),
    "relu: any power is exact": rules({"power": {"exponent": 0.5}}, "exact", **RELU),
    "relu: any steepness is exact": rules({"other_slope": {"factor": 2.0}}, "exact", **RELU),
    "relu: a leak of 1 is removal": rules({"leaky_backward": {"slope": 1.0}}, "removed", **RELU),
    "relu: a leak of 0 is exact": rules({"leaky_backward": {"slope": 0.0}}, "exact", **RELU),
    "relu: 0 at zero is exact": rules({"relu_at_zero": {"value": 0.0}}, "exact", **RELU),
    "floor 0 is exact": rules({"floor": {"minimum": 0.0}}, "exact", **ALL),
    "offset 0 is exact": rules({"offset": {"amount": 0.0}}, "exact", **ALL),
    "ceiling 1 is exact": rules({"ceiling": {"maximum": 1.0}}, "exact", **ALL),
    "constant 1 is removal": rules({"constant": {"value": 1.0}}, "removed", **ALL),
    "floor 1 is removal where m is 1": rules({"floor": {"minimum": 1.0}}, "removed", **ALL),
    "blend 1 is removal": rules({"blend": {"amount": 1.0}}, "removed", **ALL),
    "tanh for tanh is exact": rules({"substitute": {"activation": "tanh"}}, "exact", **ALL),
    "power 0 is the constant m": rules(
        {"power": {"exponent": 0.0}}, {"constant": {"value": 0.25}}, **LOGISTIC
    ),
    "Fahlman's 0.1 is 0.4 of the logistic's m": rules(
        {"offset": {"amount": 0.1, "absolute": True}}, {"offset": {"amount": 0.4}}, **LOGISTIC
    ),
    "absolute floor": rules(
        {"floor": {"minimum": 0.05, "absolute": True}}, {"floor": {"minimum": 0.2}}, **LOGISTIC
    ),
    "absolute window": rules(
        {"window": {"threshold": 0.2, "outside": 0.01, "absolute": True}},
        {"window": {"threshold": 0.8, "outside": 0.04}},
        **LOGISTIC,
    ),
    "relu: at zero, in the hidden layers alone": (
        {**RELU, "gradient": "relu_at_zero", **ALL},
        {**RELU, "gradient": "relu_at_zero"},
    ),
    "exact has no location": ({"gradient": "exact", **ALL}, {"location": "output"}),
    "with linear outputs all are the hidden layers": tuple(
        {"gradient": "removed", "objective": "linear_squared_error", "dataset": "diabetes", **at}
        for at in (ALL, {"location": "hidden"})
    ),
    "frozen means the hidden layers": ({"gradient": "frozen", **ALL}, {"gradient": "frozen"}),
    "without hidden layers all is the output": tuple(
        {"gradient": "removed", "hidden": [], **at} for at in (ALL, {"location": "output"})
    ),
    "where relu hides the change, all is the output": tuple(
        {"activation": "relu", "gradient": {"other_slope": {"factor": 2.0}}, **at}
        for at in (ALL, {"location": "output"})
    ),
}
# one cell too, but computed by other operations, which round otherwise
SAME_BUT_FOR_ROUNDING = {
    "power 1 is exact": rules({"power": {"exponent": 1.0}}, "exact", **ALL),
    "softsign: the bump is power ½": rules(
        "bump", {"power": {"exponent": 0.5}}, activation="softsign"
    ),
}
DIFFERENT = {
    "relu: with a logistic output floor is no leak": rules(
        {"floor": {"minimum": 0.5}}, {"leaky_backward": {"slope": 0.5}}, **{**RELU, **ALL}
    ),
    "relu: power is exact in the hidden layers alone": rules(
        {"power": {"exponent": 0.5}}, "exact", **{**RELU, **ALL}
    ),
    "tanh: floor is not blend": rules({"floor": {"minimum": 0.1}}, {"blend": {"amount": 0.1}}),
    "squashed outputs: all are not the hidden layers": (
        {"gradient": "removed", **ALL},
        {"gradient": "removed"},
    ),
    "a multiple of m is not absolute": rules(
        {"offset": {"amount": 0.1, "absolute": True}}, {"offset": {"amount": 0.1}}, **LOGISTIC
    ),
    "floor 1 is a constant where m is not 1": rules(
        {"floor": {"minimum": 1.0}}, "removed", **LOGISTIC
    ),
    "constant ½": rules({"constant": {"value": 0.5}}, "removed", **ALL),
    "leaky relu: its leak is no leak of relu": rules(
        {"floor": {"minimum": 0.3}}, "exact", activation="leaky_relu"
    ),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_identical_cells_are_one_and_train_alike_to_the_bit(one, other):
    assert canonical(one) == canonical(other)
    assert hash(canonical(one)) == hash(canonical(other))
    np.testing.assert_array_equal(trained(one), trained(other))


@pytest.mark.parametrize(
    ("one", "other"), SAME_BUT_FOR_ROUNDING.values(), ids=SAME_BUT_FOR_ROUNDING
)
def test_identical_cells_that_round_otherwise(one, other):
    assert canonical(one) == canonical(other)
    np.testing.assert_allclose(trained(one, "float64"), trained(other, "float64"), rtol=1e-9)


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
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
            assert (simple.gradient == EXACT) == (simple.location == "none")
            if simple == cell or simple.gradient == cell.gradient == EXACT:
                continue
            if simple.location in ("output", "all") and objective != "squared_error":
                continue
            np.testing.assert_allclose(
                trained({**axes, "location": location}, "float64"),
                trained(
                    {
                        **axes,
                        "gradient": simple.gradient.specification(),
                        "location": simple.location,
                    },
                    "float64",
                ),
                rtol=1e-9,
                err_msg=f"{cell.name} is not {simple.name}",
            )


MATCH = {"gradient": "floor", "location": "hidden", "consistent": True}


@pytest.mark.parametrize("value", [True, "true", "forward", False, "false"])
def test_consistent_is_a_word(value):
    cell = make_cell(**(MATCH | {"consistent": value}))
    assert cell.consistent == str(value).lower() == cell.params()["consistent"]
    assert make_cell(**cell.specification()) == cell
    assert cell.design().consistent == cell.consistent
    assert cell.canonical(3) == cell and cell.impossible(FACTS, False) == ""
    assert cell.reference().consistent == "false" and cell.reference().gradient == EXACT


def test_exact_matches_itself():
    exact = make_cell(gradient="exact", location="hidden")
    for axes in ({"gradient": "exact"}, {"gradient": {"floor": {"minimum": 0.0}}}):
        for consistent in ("true", "forward"):
            cell = make_cell(**axes, location="hidden", consistent=consistent)
            assert cell.canonical(3) == exact.canonical(3)


def test_names_of_matched_activations():
    assert (
        make_cell(**MATCH).name == "iris · tanh · floor(minimum=0.1) · hidden · twin · sgd · 5-4"
    )
    forward = make_cell(**MATCH | {"consistent": "forward"})
    assert " · hidden · twin forward · sgd" in forward.name


def test_with_linear_outputs_matched_everywhere_is_matched_in_the_hidden_layers():
    cell = make_cell(**MATCH | {"location": "all"}, objective="linear_squared_error")
    assert cell.canonical(3) == make_cell(**MATCH, objective="linear_squared_error")


FACTS = Facts(100, 4, 3, "classification", "0" * 64)
IMPOSSIBLE = {
    "at the output": (MATCH | {"location": "all"}, "hidden units' alone"),
    "chance": (
        MATCH | {"gradient": "random"},
        "random(high=1, low=0) with tanh has no matched activation: it is",
    ),
    "a number of each training": (
        MATCH | {"gradient": "mean_matched"},
        "activation: its number",
    ),
    "not on this activation": (MATCH | {"gradient": "bump", "activation": "relu"}, "bounded"),
    "without hidden layers": (MATCH | {"hidden": []}, "there is no hidden layer"),
    "no such layer": (
        {"initialisation": {"zeroed_layer": {"layer": 2}}},
        "layer 2 is none of the hidden ones, of which there are 1",
    ),
}


@pytest.mark.parametrize(("axes", "reason"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_impossible_matches_say_why(axes, reason):
    cell = make_cell(**({"hidden": [5]} | axes)).canonical(3)
    assert reason in cell.impossible(FACTS, False)


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


def test_a_cell_survives_plain_containers():
    cell = make_cell(
        dataset={"moons": {"noise": 0.3}},
        gradient={"floor": {"minimum": 0.05, "absolute": True}},
        activation={"leaky_relu": {"slope": 0.2}},
        optimizer={"adam": {"beta_1": 0.5}},
        initialisation="he",
        gain=2,
        location="all",
    )
    again = make_cell(**cell.specification())
    assert again == cell
    assert again.specification() == cell.specification()


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
    flagged = make_cell(gradient={"floor": {"minimum": 0.05, "absolute": True}})
    assert flagged.params()["gradient.absolute"] == "true"
    assert "gradient.absolute" not in make_cell(gradient="floor").params()


def test_a_value_of_the_wrong_registry():
    line = "dataset takes a record of class Dataset: 'tanh' is of class Activation"
    with pytest.raises(UsageError, match=line):
        make_cell(dataset=make_cell().activation)
