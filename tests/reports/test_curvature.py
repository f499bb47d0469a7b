"""R8's verdicts, and that its measure trains what its experiment does."""

import pytest

from reports.command import ROOT
from reports.questions.r8_curvature import measure, table
from study.ablation.configuration.protocol import EVALUATION_SEEDS_FROM
from study.conf import read_yaml


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (1.06, 3.0, "ends higher"),
        (0.2, 0.9, "ends lower"),
        (0.96, 1.04, "the same within 5 %"),
        (0.9, 1.2, "open"),
    ],
)
def test_verdicts(low, high, said):
    assert table.verdict(low, high) == said


def test_the_measure_trains_what_the_experiment_does():
    """The same tasks, budgets, rules and seeds."""
    grids = read_yaml(ROOT / "conf" / "experiment" / "r8_curvature.yaml")["grids"][:4]
    found = {}
    for grid in grids:
        given = grid["dataset"]
        ((name, numbers),) = given.items() if isinstance(given, dict) else [(given, {})]
        objective = grid.get("objective", "squared_error")
        own = tuple(grid["hidden"]), objective, grid["protocol"]["updates"], numbers
        found[name] = measure.Task(*own)
        rules = [rule if isinstance(rule, dict) else {rule: {}} for rule in grid["gradient"]]
        assert rules == [{name: values} for name, values in measure.RULES.items()]
        assert grid["activation"] == list(measure.ACTIVATIONS)
        last = EVALUATION_SEEDS_FROM + grid["protocol"]["evaluation_seeds"]
        assert range(EVALUATION_SEEDS_FROM, last) == measure.SEEDS
    assert found == measure.TASKS
