"""Names, strata and scores derived from small hand-made tables."""

import itertools

import numpy as np
import pytest

from study.evidence import naming
from study.learning.activations import ACTIVATIONS
from study.learning.rules import GRADIENTS
from study.learning.variants import resolve


def labels(results):
    return [rule.label for rule in results.rules]


REMOVED = {"gradient": "removed", "location": "hidden"}


def floor(minimum, **change):
    return {"gradient": "floor", "gradient.minimum": minimum, "location": "hidden"} | change


@pytest.mark.parametrize("kind", [float, str])
def test_rules_are_named_with_their_amounts_in_the_registrys_order(prepared, kind):
    """A parameter that is a number for one rule and a word for another is stored as text."""
    results = prepared(floor(kind(0.1)), {}, floor(kind(0.01)), REMOVED)
    assert labels(results) == ["exact", "removed", "floor 0.01", "floor 0.1"]
    one, two = results.rules[2:]
    assert (one.text, one.family, one.step) == ("floor(minimum=0.01)", "floor", 0)
    assert (two.text, two.family, two.step) == ("floor(minimum=0.1)", "floor", 1)
    assert list(results.runs["rule"]) == ["floor 0.1", "exact", "floor 0.01", "removed"]


def test_several_parameters_are_named_only_where_they_say_something():
    specs = ["random", {"random": {"low": 0.25, "high": 0.75}}, {"random": {"matched": True}}]
    variants = [resolve("gradient", GRADIENTS, spec) for spec in specs]
    assert naming.labelled(variants[:1]) == ["random"]
    assert naming.labelled(variants[1:2]) == ["random low 0.25 high 0.75"]
    first, _, matched = naming.labelled(variants)
    assert first != matched and matched.endswith("matched")
    substitute = resolve("gradient", GRADIENTS, "substitute")
    assert naming.labelled([substitute]) == ["substitute softsign"]


def test_every_record_has_a_label_of_its_own_and_families_stand_together():
    for registry in (GRADIENTS, ACTIVATIONS):
        names = naming.labelled([resolve("record", registry, name) for name in registry])
        assert len(set(names)) == len(registry) and "_" not in "".join(names)
    families = [GRADIENTS[name].family for name in naming.ranked(GRADIENTS)]
    changes = sum(a != b for a, b in itertools.pairwise(families))
    assert changes == len(set(families)) - 1 and families[0] == "exact"


def test_strata_hold_everything_but_the_rule(prepared):
    other_seed = {"seed": 1, "learning_rate": 1.0}
    results = prepared({}, REMOVED, other_seed, {"optimizer": "adam"}, {"gain": 2.0})
    assert list(results.runs["stratum"]) == [0, 0, 0, 1, 2]
    assert list(results.runs["setting"]) == ["gain 1.0"] * 4 + ["gain 2.0"]
    branch = {"decay": True, "branch.gradient": "removed"}
    results = prepared({"decay": True}, {"decay": False}, branch)
    assert list(results.runs["stratum"]) == [0, 1, 2]


def test_parameters_of_datasets_and_activations_make_strata(prepared):
    results = prepared(
        {"dataset": "moons", "dataset.noise": 0.1},
        {"dataset": "moons", "dataset.noise": 0.3},
        {"activation": "leaky_relu", "activation.slope": 0.1},
    )
    assert results.runs["stratum"].nunique() == results.runs["task"].nunique() == 3
    assert list(results.runs["activation_label"].cat.categories) == ["tanh", "leaky relu 0.1"]
    results = prepared({}, {"objective": "cross_entropy"}, {"dataset": "iris"})
    assert list(results.runs["task"]) == ["digits, squared error", "digits, cross entropy", "iris"]


def test_scores_follow_the_optimum_and_failure(prepared):
    results = prepared(
        {"final_objective": 0.6, "constant_objective": 1.5, "optimum": 0.5},
        {"final_objective": np.nan, "failed": True, "seed": 1},
        {"final_objective": 1e-12, "seed": 2},
    )
    np.testing.assert_allclose(results.runs["score"], [-1.0, 0.0, -9.0])


def leaky(slope, **change):
    rule = {"gradient": "leaky_backward", "gradient.slope": slope, "activation": "relu"}
    return {"location": "hidden"} | rule | change


ALL = REMOVED | {"location": "all"}
RELU, LOGISTIC = {"activation": "relu"}, {"activation": "logistic"}
IRIS = RELU | {"dataset": "iris"}
LABELS = [
    # location is named only where a stratum has several; twins are rules of their own
    ([{}, REMOVED, {"dataset": "iris"}, ALL | {"dataset": "iris"}], "exact, removed"),
    ([{}, REMOVED, ALL, floor(0.1)], "exact, removed (hidden), removed (all), floor 0.1"),
    (
        [{}, floor(0.1), floor(0.1, consistent="true"), floor(0.1, consistent="forward")],
        "exact, floor 0.1, floor 0.1 (twin forward), floor 0.1 (twin)",
    ),
    # a record from outside keeps its name and stands last
    ([{"gradient": "my_rule", "gradient.k": 3.0}, {}, REMOVED], "exact, removed, my rule 3"),
    # on relu floor 0.1 is stored as leaky_backward 0.1: one row over the activations
    ([{}, RELU, floor(0.1), leaky(0.1)], "exact, floor 0.1"),
    # a simplest name that was asked for elsewhere stays
    ([{}, floor(0.1), leaky(0.3), RELU, leaky(0.1)], "exact, floor 0.1, leaky backward 0.3"),
    # floor 1 is removed on tanh (m = 1), but not on the logistic (m = 1/4)
    ([{}, REMOVED, LOGISTIC, floor(1.0) | LOGISTIC], "exact, removed, floor 1"),
    # with squashed outputs and location all, floor on relu is a rule of its own
    ([RELU, floor(0.1) | RELU, IRIS, leaky(0.1, dataset="iris")], "exact, floor 0.1"),
]


@pytest.mark.parametrize(("changes", "expected"), LABELS)
def test_rules_are_labelled_and_identical_cells_renamed(prepared, changes, expected):
    results = prepared(*changes)
    assert ", ".join(labels(results)) == expected
    names = [rule.name for rule in results.rules]
    steps = [names[:k].count(name) for k, name in enumerate(names)]
    assert [rule.step for rule in results.rules] == steps
    shown = sorted(results.runs["rule"].astype(str) + " " + results.runs["activation"])
    if changes[-1] == leaky(0.1) and len(changes) == 4:
        assert shown == ["exact relu", "exact tanh", "floor 0.1 relu", "floor 0.1 tanh"]
    if REMOVED in changes and LOGISTIC in changes:
        assert {"exact tanh", "floor 1 tanh", "removed tanh"} == {s for s in shown if "tanh" in s}


def test_files_that_do_not_hold_results_are_told_in_one_line(prepared, tmp_path, refusal):
    path = tmp_path / "smoke" / "runs.parquet"
    assert "make ablation EXPERIMENT=smoke" in refusal(naming.load, path.parent)
    path.parent.mkdir()
    prepared({}).runs.drop(columns="failed").to_parquet(path)
    assert "lacks: failed" in refusal(naming.load, path.parent)
    path.write_bytes(b"not parquet at all")
    assert "cannot be read" in refusal(naming.load, path.parent)
