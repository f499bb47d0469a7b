"""Names, strata and scores derived from small hand-made tables."""

import itertools

import numpy as np
import pytest

from study.errors import UsageError
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
    assert naming.labelled([resolve("gradient", GRADIENTS, "substitute")]) == [
        "substitute softsign"
    ]


def test_every_record_of_the_registries_has_a_label_of_its_own():
    for registry in (GRADIENTS, ACTIVATIONS):
        variants = [resolve("record", registry, name) for name in registry]
        names = naming.labelled(variants)
        assert len(set(names)) == len(registry)
        assert not any("_" in name for name in names)


def test_families_stand_together():
    families = [GRADIENTS[name].family for name in naming.ranked(GRADIENTS)]
    changes = sum(a != b for a, b in itertools.pairwise(families))
    assert changes == len(set(families)) - 1
    assert families[0] == "exact"


def test_location_is_named_only_where_a_stratum_has_several(prepared):
    apart = prepared(
        {}, REMOVED, {"dataset": "iris"}, REMOVED | {"dataset": "iris", "location": "all"}
    )
    assert labels(apart) == ["exact", "removed"]
    both = prepared({}, REMOVED, REMOVED | {"location": "all"}, floor(0.1))
    assert labels(both) == ["exact", "removed (hidden)", "removed (all)", "floor 0.1"]
    assert [rule.step for rule in both.rules] == [0, 0, 1, 0]


def test_twins_are_rules_of_their_own(prepared):
    twins = [floor(0.1, consistent=word) for word in ("true", "forward")]
    assert labels(prepared({}, floor(0.1), *twins)) == [
        "exact",
        "floor 0.1",
        "floor 0.1 (twin forward)",
        "floor 0.1 (twin)",
    ]


def test_a_record_from_outside_keeps_its_name_and_stands_last(prepared):
    outside = {"gradient": "my_rule", "gradient.k": 3.0, "location": "hidden"}
    results = prepared(outside, {}, REMOVED)
    assert labels(results) == ["exact", "removed", "my rule 3"]
    assert results.rules[-1].text == "my_rule(k=3)"


def test_strata_hold_everything_but_the_rule(prepared):
    results = prepared(
        {}, REMOVED, {"seed": 1, "learning_rate": 1.0}, {"optimizer": "adam"}, {"gain": 2.0}
    )
    assert list(results.runs["stratum"]) == [0, 0, 0, 1, 2]
    assert list(results.runs["setting"]) == ["gain 1.0"] * 4 + ["gain 2.0"]


def test_parameters_of_datasets_and_activations_make_strata(prepared):
    results = prepared(
        {"dataset": "moons", "dataset.noise": 0.1},
        {"dataset": "moons", "dataset.noise": 0.3},
        {"activation": "leaky_relu", "activation.slope": 0.1},
    )
    assert results.runs["stratum"].nunique() == 3
    assert results.runs["task"].nunique() == 3
    assert list(results.runs["activation_label"].cat.categories) == ["tanh", "leaky relu 0.1"]


def test_objectives_of_one_dataset_are_tasks_of_their_own(prepared):
    results = prepared({}, {"objective": "cross_entropy"}, {"dataset": "iris"})
    assert list(results.runs["task"]) == ["digits, squared error", "digits, cross entropy", "iris"]


def test_scores_follow_the_optimum_and_failure(prepared):
    results = prepared(
        {"final_objective": 0.6, "constant_objective": 1.5, "optimum": 0.5},
        {"final_objective": np.nan, "failed": True, "seed": 1},
        {"final_objective": 1e-9, "seed": 2},
    )
    np.testing.assert_allclose(results.runs["score"], [-1.0, 0.0, -3.0])


def leaky(slope, **change):
    rule = {"gradient": "leaky_backward", "gradient.slope": slope, "activation": "relu"}
    return {"location": "hidden"} | rule | change


def test_identical_cells_are_shown_under_the_name_asked_for(prepared):
    # on relu floor 0.1 is stored as leaky_backward 0.1: one row over the activations
    results = prepared({}, {"activation": "relu"}, floor(0.1), leaky(0.1))
    assert labels(results) == ["exact", "floor 0.1"]
    on = results.runs[results.runs["rule"] == "floor 0.1"]
    assert list(on["activation"]) == ["tanh", "relu"]


def test_a_simplest_name_that_was_asked_for_elsewhere_stays(prepared):
    results = prepared({}, floor(0.1), leaky(0.3), {"activation": "relu"}, leaky(0.1))
    assert labels(results) == ["exact", "floor 0.1", "leaky backward 0.3"]


def test_rules_without_amounts_keep_their_row(prepared):
    # floor 1 is removed on tanh (m = 1), but not on the logistic (m = 1/4)
    logistic = {"activation": "logistic"}
    results = prepared({}, REMOVED, logistic, floor(1.0) | logistic)
    assert labels(results) == ["exact", "removed", "floor 1"]
    shown = results.runs[results.runs["activation"] == "tanh"]
    assert sorted(shown["rule"].astype(str)) == ["exact", "floor 1", "removed"]


def test_identity_is_a_matter_of_the_stratum(prepared):
    # with squashed outputs and location all, floor on relu is a rule of its own
    relu = {"activation": "relu"}
    other = relu | {"dataset": "diabetes"}
    results = prepared(relu, floor(0.1) | relu, other, leaky(0.1, dataset="diabetes"))
    assert labels(results) == ["exact", "floor 0.1"]
    assert len(results.runs) == 4


def test_files_that_do_not_hold_results_are_told_in_one_line(prepared, tmp_path):
    def told():
        with pytest.raises(UsageError) as mistake:
            naming.load(tmp_path / "smoke")
        assert "\n" not in str(mistake.value)
        return str(mistake.value)

    assert "make ablation EXPERIMENT=smoke" in told()
    path = tmp_path / "smoke" / "runs.parquet"
    path.parent.mkdir()
    prepared({}).runs.drop(columns="failed").to_parquet(path)
    assert "lacks: failed" in told()
    path.write_bytes(b"not parquet at all")
    assert "cannot be read" in told()
