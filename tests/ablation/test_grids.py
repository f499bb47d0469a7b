"""From grids to cells. The data are made up here: grids need their sizes and tasks alone."""

import re

import pytest
from small_studies import cases, refused, tiny_protocol

from study.ablation.configuration.schema import Grid
from study.ablation.planning.cells import DEFAULTS, Facts
from study.ablation.planning.grids import expand, products

OUTPUTS = {"iris": 3, "digits": 10, "linnerud": 3}
MINI_BATCH, FULL_BATCH = False, True


def facts(dataset):
    assert dataset.name != "california_housing"
    return Facts(100, 4, OUTPUTS.get(dataset.name, 1), dataset.record.task, "0" * 64)


def cells_of(*grids, only=None, full_batch=MINI_BATCH):
    protocol = tiny_protocol(batch_size=None if full_batch else 16)
    written = [Grid(f"grids[{n}]", axes, protocol, "tiny") for n, axes in enumerate(grids)]
    found = expand(products(written, only or {}), only or {}, facts)
    found.cells = [asked.cell for asked in found.asked.values()]
    return found


def names(found, axis="gradient"):
    return [str(getattr(cell, axis)) for cell in found.cells]


def refusal(*grids, **keys):
    return refused(cells_of, *grids, **keys)


def test_a_grid_of_one_dataset_has_the_default_of_every_other_axis():
    (cell,) = cells_of({"dataset": "iris"}).cells
    assert cell.name == "iris · tanh · exact · none · sgd"
    assert cell.hidden == (32, 32)
    said = {"dataset": "iris", "hidden": "32-32", "gain": "1", "location": "none"}
    assert cell.params() == {**DEFAULTS, **said, "initialisation.biases": "zero"}


def test_products_and_lists_in_place_of_parameters():
    grid = {"dataset": "iris", "activation": ["tanh", {"tanh_linear": {"c": [0.1, 0.2]}}]}
    grid["gradient"] = [{"floor": {"minimum": [0.01, 0.1]}}, "removed"]
    grid["optimizer"] = {"adam": {"beta_1": [0.5, 0.9], "beta_2": [0.9, 0.99]}}
    found = cells_of(grid)
    assert len(found.cells) == 3 * 3 * 4
    assert names(found)[:2] == ["floor(minimum=0.01)"] * 2
    activations = ["tanh", "tanh_linear(c=0.1)", "tanh_linear(c=0.2)"]
    assert list(dict.fromkeys(names(found, "activation"))) == activations
    assert len(set(names(found, "optimizer"))) == 4
    assert (found.skipped, found.duplicates) == ([], 0)


HIDDEN = """
8 => 8
[8] => 8
[8, 4] => 8-4
[[8], [8, 4]] => 8 8-4
[8, [4, 4]] => 8 4-4
[] => none
[[], [8]] => none 8
"""


@pytest.mark.parametrize(("hidden", "widths"), cases(HIDDEN))
def test_hidden_is_a_list_of_widths_or_a_list_of_such_lists(hidden, widths):
    found = cells_of({"dataset": "iris", "hidden": hidden})
    assert [cell.widths for cell in found.cells] == widths.split()


def test_equal_combinations_are_one_cell():
    """exact has no location; floor 0 is exact; a cell of one grid is that of another."""
    both = ["exact", {"floor": {"minimum": [0.0, 0.1]}}]
    found = cells_of(
        {"dataset": "iris", "gradient": both, "location": ["hidden", "output", "all"]},
        {"dataset": ["iris", "digits"], "gradient": {"floor": {"minimum": 0.1}}},
    )
    floor = "tanh · floor(minimum=0.1)"
    assert [cell.name.removesuffix(" · sgd") for cell in found.cells] == [
        "iris · tanh · exact · none",
        *(f"iris · {floor} · {place}" for place in ("hidden", "output", "all")),
        f"digits · {floor} · hidden",
    ]
    assert found.duplicates == 5 + 1


IMPOSSIBLE = """
{activation: [relu, tanh], gradient: [exact, relu_at_zero]}
    gradient relu_at_zero(arm=scale, value=1) with tanh: it is defined for relu alone
{objective: [squared_error, cross_entropy], gradient: removed, location: [hidden, output, all]}
    with cross_entropy no factor stands at the output, only in hidden layers
{dataset: [iris, diabetes], objective: [cross_entropy, squared_error]}
    objective cross_entropy is not for regression
{dataset: [iris, breast_cancer], gradient: [exact, shuffled_units], location: [hidden, output]}
    gradient shuffled_units with tanh: a layer of one unit has nothing to permute
{hidden: [[], [8]], gradient: [exact, removed]} => there is no hidden layer
{hidden: [[], [8]], gradient: [exact, removed], location: last_1} => there is no hidden layer
{gradient: [exact, floor], consistent: [false, true], location: last_1}
    a matched activation replaces hidden units' alone: its location is hidden
{gradient: [exact, frozen], location: [hidden, output]}
    gradient frozen is defined for hidden layers alone
{gradient: [exact, removed], location: [none, hidden]}
    location none is for exact alone, not for removed
{gradient: floor, consistent: [false, true], location: [hidden, all]}
    a matched activation replaces hidden units' alone: its location is hidden
{gradient: [exact, random], consistent: [false, true]}
    gradient random(high=1, low=0) with tanh has no matched activation: it is drawn
{gradient: [exact, mean_matched], consistent: [false, true]}
    gradient mean_matched with tanh has no matched activation: its number
{gradient: [exact, bump], activation: [relu, tanh], consistent: true}
    gradient bump with relu has no matched activation: it needs a bounded activation
{hidden: [[], [8]], gradient: [exact, floor], consistent: true} => there is no hidden layer
{hidden: [[5], [5, 5]], initialisation: [glorot, {zeroed_layer: {layer: 2}}]}
    initialisation zeroed_layer(base=he, biases=zero, layer=2): there is no hidden layer 2
"""


@pytest.mark.parametrize(("grid", "reason"), cases(IMPOSSIBLE))
def test_impossible_combinations_are_skipped_with_their_reason(grid, reason):
    found = cells_of({"dataset": "iris", **grid})
    assert found.cells and found.skipped
    assert all(why.startswith(reason) for _, why in found.skipped), found.skipped


@pytest.mark.parametrize("name", ["rprop", "quickprop"])
def test_optimizers_of_full_batches(name):
    """With minibatches they have no cell at all, which a grid that names them should hear."""
    grid = {"dataset": "iris", "optimizer": ["sgd", name]}
    assert len(cells_of(grid, full_batch=FULL_BATCH).cells) == 2
    assert f"optimizer {name} needs protocol.batch_size=full" in refusal(grid)


IRIS = {"dataset": "iris"}
MISTAKES = """
{gradient: {floor: 0.1}} => gradient 'floor' takes parameters by name, not 0.1
{gradient: {floor: {}, offset: {}}}
    grids[0].gradient takes one name with its parameters, not {'floor'
{gradient: [exact, {floor: {minimum: []}}]} => grids[0].gradient.floor.minimum has no value
{gradient: relu_at_zero}
    grids[0] yields no cell: gradient relu_at_zero(arm=scale, value=1) with tanh: it is
{gradient: [exact, removed], location: hidden, hidden: [[]]}
    grids[0].gradient: removed yields no cell: there is no hidden layer
{gradient: [exact, {relu_at_zero: {value: 0.5}}]}
    grids[0].gradient: relu_at_zero(arm=scale, value=0.5) yields no cell: gradient relu_at
{optimizer: [sgd, quickprop]}
    grids[0].optimizer: quickprop(growth=1.75) yields no cell: optimizer quickprop needs pro
{dataset: {_target_: study.learning.rules.EXACT}}
    dataset _target_ 'study.learning.rules.EXACT' is a Variant, not a Record
{gradient: {_target_: nowhere.rule}}
    gradient _target_ 'nowhere.rule' cannot be imported: No module named 'nowhere'
"""


@pytest.mark.parametrize(("grid", "line"), cases(MISTAKES))
def test_mistakes_in_grids_are_one_line(grid, line):
    assert refusal({**IRIS, **grid}).startswith(line)


WIDE = {
    **{"dataset": ["iris", "digits"], "hidden": [[32, 32], [8], []], "gain": [1, 2.5]},
    "gradient": ["exact", {"floor": {"minimum": [0.01, 0.1]}}],
    "location": ["hidden", "output", "all"],
    "optimizer": ["sgd", {"adam": {"beta_1": [0.5, 0.9]}}],
}
KEPT = """
dataset: iris => iris
gradient: [floor] => floor(minimum=0.01) floor(minimum=0.1)
gradient: [floor(minimum=0.01)] => floor(minimum=0.01)
gradient: [{floor: {minimum: 0.1}}] => floor(minimum=0.1)
hidden: ["32-32"] => (32,32)
hidden: [32, 32] => (32,32)
hidden: [[32, 32], [8]] => (32,32) (8,)
hidden: [] => ()
hidden: 8 => (8,)
gain: [1] => 1.0
consistent: [false] => false
optimizer: [{adam: {beta_1: 0.5}}] => adam(beta_1=0.5,beta_2=0.999,epsilon=1e-08)
"""


@pytest.mark.parametrize(("only", "expected"), cases(KEPT))
def test_only_narrows_to_names_or_to_names_with_parameters(only, expected):
    (axis,) = only

    def value(cell):
        return str(getattr(cell, axis)).replace(" ", "")

    kept = cells_of(WIDE, only=only).cells
    assert kept == [cell for cell in cells_of(WIDE).cells if value(cell) in expected.split()]
    assert {value(cell) for cell in kept} == set(expected.split())
    both = cells_of(WIDE, only={**only, "location": ["all"]}).cells
    assert both and set(both) <= set(kept)


def test_only_keeps_a_location_by_what_the_grid_says():
    """exact has no location in the end, but stands in the grid at all of them."""
    kept = cells_of(WIDE, only={"location": ["output"], "hidden": [8]}).cells
    assert {cell.location for cell in kept} == {"none", "output"}


def test_what_only_leaves_out_is_no_mistake():
    """relu_at_zero has a cell in the grid, though none is left of it; nobody asked for more."""
    grid = {**IRIS, "activation": ["tanh", "relu"], "gradient": ["exact", "relu_at_zero"]}
    found = cells_of(grid, only={"activation": ["tanh"]})
    assert names(found) == ["exact"]
    ((_, why),) = found.skipped
    assert why.endswith(" with tanh: it is defined for relu alone")


def test_datasets_that_only_leaves_out_are_not_looked_at():
    """They may have to be downloaded: `facts` knows none of them."""
    both = ["california_housing", "breast_cancer"]
    grid = {"dataset": both, "gradient": ["exact", "shuffled_units"], "location": "output"}
    assert names(cells_of(grid, only={"dataset": ["breast_cancer"]})) == ["exact"]


NARROWED_TO_NOTHING = """
{gradient: [flor]}
    unknown value of only.gradient 'flor'. Did you mean 'floor'? Valid: exact, floor, floor(minim
{gradient: [exact, removed]} => unknown value of only.gradient 'removed'. Valid: exact, floor
{gradient: [{floor: {minimum: 0.2}}]}
    unknown value of only.gradient 'floor(minimum=0.2)'. Did you mean 'floor(mini
{gradient: [{flor: {}}]} => unknown gradient 'flor'. Did you mean 'floor'?
{hidden: ["32"]} => unknown value of only.hidden '32'. Valid: 32-32, 8, none
{gain: [2]} => unknown value of only.gain '2'. Valid: 1, 2.5
"""


@pytest.mark.parametrize(("only", "line"), cases(NARROWED_TO_NOTHING))
def test_mistakes_in_only_are_one_line(only, line):
    assert refusal(WIDE, only=only).startswith(line)


def test_an_empty_plan_says_why():
    grids = {**IRIS, "gradient": ["exact", "removed"]}, {"dataset": "digits"}
    line = refusal(*grids, only={"dataset": ["digits"], "gradient": ["removed"]})
    assert line == "the plan is empty: no grid has dataset digits, gradient removed together"
    grid = {**IRIS, "activation": ["tanh", "relu"], "gradient": ["exact", "relu_at_zero"]}
    line = refusal(grid, only={"activation": ["tanh"], "gradient": ["relu_at_zero"]})
    assert re.match("the plan is empty: gradient relu_at_zero.* with tanh: it is defined", line)
