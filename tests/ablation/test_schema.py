"""What a configuration may say; everything else is one line that names key and valid values."""

import copy

import pytest

from study.ablation.configuration.protocol import Refine
from study.ablation.configuration.schema import Execution, read
from study.errors import UsageError

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


def changed(key, value):
    """The good configuration with another value at a dotted key; ... removes the key."""
    container = copy.deepcopy(GOOD)
    level = container
    *parents, last = key.split(".")
    for part in parents:
        level = level[part]
    if value is ...:
        del level[last]
    else:
        level[last] = value
    return container


def test_a_good_configuration():
    config = read("trial", copy.deepcopy(GOOD))
    assert config.experiment == "trial"
    assert config.about == "a test"
    assert config.only == {"gradient": ["exact"]}, "axes that are null are not narrowed"
    assert config.protocol.learning_rates == {
        "sgd": (0.01, 0.0316228, 0.1, 0.316228, 1.0, 3.16228, 10.0),
        "adam": (0.01, 0.1),
    }
    assert config.protocol.refine == Refine(per_decade=4, rates=5, seeds=2, recentre_decades=1)
    assert (config.protocol.transfer, config.protocol.decay) == (True, True)
    assert config.protocol.dtype == "float32"
    assert (config.tracking.uri, config.tracking.tables) == (None, None)
    assert config.execution == Execution(workers=None, block=8)
    assert config.dry_run is False


def test_full_batches_and_other_options():
    assert read("x", changed("protocol.batch_size", "full")).protocol.batch_size is None
    assert read("x", changed("protocol.refine", None)).protocol.refine is None
    assert read("x", changed("tracking.uri", "")).tracking.uri is None
    assert read("x", changed("tracking.tables", "/somewhere")).tracking.tables == "/somewhere"
    assert read("x", changed("execution.workers", 3)).execution.processes() == 3
    assert read("x", GOOD).execution.processes() >= 1


def test_ranges_of_rates():
    def rates(text):
        return read("x", changed("protocol.learning_rates.sgd", text)).protocol.learning_rates

    assert rates("1 a decade from 1e-3 to 1e2")["sgd"] == (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
    assert rates("2 a decade from 3.16e-3 to 0.1")["sgd"] == (0.00316228, 0.01, 0.0316228, 0.1)
    assert rates("8 a decade from 1 to 1")["sgd"] == (1.0,)
    assert rates([1])["sgd"] == (1.0,)


def test_no_seed_has_two_uses():
    """The seeds that are scored never choose a rate, however large the stages are."""
    most = changed("protocol.tuning_seeds", 1000)
    most["protocol"]["refine"]["seeds"] = 1000
    most["protocol"]["evaluation_seeds"] = 10**5
    for container in (GOOD, most):
        protocol = read("x", container).protocol
        uses = protocol.tuning(), protocol.refining(), protocol.evaluation()
        assert len(set().union(*uses)) == sum(map(len, uses))
        assert [len(seeds) for seeds in uses] == [
            protocol.tuning_seeds,
            protocol.refine.seeds,
            protocol.evaluation_seeds,
        ]
    assert read("x", changed("protocol.refine", None)).protocol.refining() == []


SGD = "protocol.learning_rates.sgd"
WHOLE = (
    "protocol.updates",
    "protocol.tuning_seeds",
    "protocol.evaluation_seeds",
    "protocol.refine.per_decade",
    "protocol.refine.rates",
    "protocol.refine.seeds",
    "protocol.refine.recentre_decades",
    "execution.workers",
    "execution.block",
)
MISTAKES = [  # KEY stands for the key
    *((key, "ten", f"{key} takes a whole number, not 'ten'") for key in WHOLE),
    *((key, 1.5, f"{key} takes a whole number, not 1.5") for key in WHOLE),
    *((key, True, f"{key} takes a whole number, not True") for key in WHOLE),
    *((key, -1, f"{key} = -1 is out of range: ") for key in WHOLE),
    *(
        (f"protocol.{key}", ..., f"protocol.{key} is missing")
        for key in (
            *("updates", "batch_size", "learning_rates", "tuning_seeds", "evaluation_seeds"),
        )
    ),
    ("protocol.tuning_seeds", 1001, "protocol.tuning_seeds = 1001 is out of range: 1 to 1000"),
    ("protocol.refine.seeds", 1001, "protocol.refine.seeds = 1001 is out of range: 1 to 1000"),
    ("protocol.batch_size", "half", "protocol.batch_size takes a whole number or full, not"),
    ("protocol.batch_size", 0, "protocol.batch_size = 0 is out of range: 1 to 10000000"),
    ("protocol.checkpoints", 1, "protocol.checkpoints = 1 is out of range: 2 to 10000"),
    ("protocol.probes", -1, "protocol.probes = -1 is out of range: 0 to 10000"),
    ("protocol.decay", "yes", "protocol.decay takes true or false, not 'yes'"),
    ("protocol.transfer", 1, "protocol.transfer takes true or false, not 1"),
    ("protocol.dtype", "float16", "unknown protocol.dtype 'float16'. Did you mean 'float64'?"),
    ("protocol.refine", "twice", "protocol.refine takes keys with values, not 'twice'"),
    (
        "protocol.updats",
        3,
        "unknown configuration key 'KEY'. Did you mean 'protocol.u",
    ),
    ("protocol.refine.sed", 3, "unknown configuration key 'KEY'. Did you mean 'p"),
    ("protocol.learning_rates", [0.1], "KEY takes keys with values, not [0.1"),
    (
        SGD,
        [],
        "KEY takes a list of rates, or a range such as '2 a decade from 1e-3 to 10', not []",
    ),
    (
        SGD,
        0.1,
        "KEY takes a list of rates, or a",
    ),
    (SGD, {"low": 1}, "KEY takes a list of rat"),
    (
        SGD,
        "0.1 to 1",
        "KEY takes a list of rate",
    ),
    (
        SGD,
        [0.1, 0],
        "KEY: a learning rate is above 0 (1e-30 to 1e+30), not 0",
    ),
    (
        SGD,
        [-1],
        "KEY = -1 is out of range: 0 or",
    ),
    (SGD, ["a"], "KEY takes a number, not 'a'"),
    (
        SGD,
        [float("nan")],
        "KEY takes a number, not nan",
    ),
    (
        SGD,
        "2 a decade from 0.1 to much",
        "KEY takes a number, not 'much'",
    ),
    (
        SGD,
        "2 a decade from 1 to 0.1",
        "KEY takes a range upwards, not from 1 to 0.1",
    ),
    (
        SGD,
        "0 a decade from 0.1 to 1",
        "KEY, rates a decade = 0 is out of range: 1 to 100",
    ),
    ("grids", [], "experiment 'x': grids takes a list of products of axes"),
    ("grids", {"dataset": "iris"}, "experiment 'x': grids takes a list of products of axes"),
    ("grids", ["iris"], "experiment 'x': grids takes a list of products of axes"),
    ("only", [1], "only takes keys with values, not [1]"),
    ("only", "exact", "only takes keys with values, not 'exact'"),
    ("protocol", 3, "protocol takes keys with values, not 3"),
    ("protocol", ..., "protocol takes keys with values, not None"),
    ("tracking.uri", 5, "tracking.uri takes an MLflow tracking URI, not 5"),
    ("tracking.tables", ["a"], "tracking.tables takes a folder, not ['a']"),
    (
        "tracking.url",
        "x",
        "unknown configuration key 'KEY'. Did you mean 'tracking.uri'?",
    ),
    ("execution.worker", 2, "unknown configuration key 'KEY'. Did you mean 'executi"),
    ("execution.max_runs", 0, "execution.max_runs = 0 is out of range: 1 to 1000000000"),
    ("dry_run", "yes", "dry_run takes true or false, not 'yes'"),
    ("grid", [], "unknown configuration key 'grid'. Did you mean 'grids'? Valid: grids, protocol"),
]


@pytest.mark.parametrize(
    ("key", "value", "line"), MISTAKES, ids=[f"{key}={value}" for key, value, _ in MISTAKES]
)
def test_mistakes_are_one_line(key, value, line):
    with pytest.raises(UsageError) as caught:
        read("x", changed(key, value))
    assert str(caught.value).startswith(line.replace("KEY", key))
    assert "\n" not in str(caught.value)
