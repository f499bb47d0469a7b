"""What a configuration may say; mistakes are in tests/bad_input/test_configurations.py."""

import copy

import pytest

from study.ablation.configuration.protocol import Refine, amended
from study.ablation.configuration.schema import Execution, read
from study.learning.optimizers import OPTIMIZERS

GOOD = {
    "about": "a test",
    "grids": [{"dataset": "iris"}],
    "only": {"dataset": None, "gradient": ["exact"]},
    "protocol": {
        "updates": 100,
        "batch_size": 32,
        "learning_rates": {"sgd": "2 a decade from 0.01 to 10", "adam": [0.1, 0.01]},
        "tuning_seeds": 3,
        "evaluation_seeds": 10,
        "refine": {"per_decade": 4, "rates": 5, "seeds": 2, "recentre_decades": 1},
    },
    "tracking": {"uri": None},
    "execution": {"workers": None, "block": 8},
    "dry_run": False,
}


def changed(**sections):
    return read("x", amended(GOOD, sections))


def test_a_good_configuration():
    config = read("trial", copy.deepcopy(GOOD))
    assert config.experiment == "trial"
    assert config.about == "a test"
    assert config.only == {"gradient": ["exact"]}, "axes that are null are not narrowed"
    rates = config.protocol.learning_rates
    assert rates["sgd"] == (0.01, 0.0316228, 0.1, 0.316228, 1.0, 3.16228, 10.0)
    assert rates["adam"] == (0.01, 0.1)
    assert list(rates) == list(OPTIMIZERS), "the others have the rates of their records"
    assert rates["rprop"][::2] == (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
    assert config.protocol.refine == Refine(per_decade=4, rates=5, seeds=2, recentre_decades=1)
    assert (config.protocol.transfer, config.protocol.decay) == (True, True)
    assert config.protocol.dtype == "float32"
    assert (config.tracking.uri, config.tracking.tables) == (None, None)
    assert config.execution == Execution(workers=None, block=8)
    assert config.dry_run is False


def test_other_options():
    protocol = changed(protocol={"batch_size": "full", "refine": None}).protocol
    assert (protocol.batch_size, protocol.refine) == (None, None)
    tracking = changed(tracking={"uri": "", "tables": "/somewhere"}).tracking
    assert (tracking.uri, tracking.tables) == (None, "/somewhere")
    assert changed(execution={"workers": 3}).execution.processes() == 3
    assert changed().execution.processes() >= 1


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("1 a decade from 1e-3 to 1e2", (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)),
        ("2 a decade from 3.16e-3 to 0.1", (0.00316228, 0.01, 0.0316228, 0.1)),
        ("8 a decade from 1 to 1", (1.0,)),
        ([1], (1.0,)),
    ],
)
def test_ranges_of_rates(text, rates):
    protocol = changed(protocol={"learning_rates": {"sgd": text}}).protocol
    assert protocol.learning_rates["sgd"] == rates
