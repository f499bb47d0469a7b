"""The same to the bit, whatever is around a cell. Floating-point exceptions are data."""

import pytest
from small_studies import TINY, tiny_config

RATES = {"sgd": [0.1, 1.0, 1e6], "adam": [0.01, 0.1]}  # 10^6 diverges
GRID = {
    "dataset": "iris",
    "hidden": [[5, 4]],
    "activation": ["tanh", "relu"],
    "gradient": ["exact", "random", "mean_matched"],
    "optimizer": ["sgd", "adam"],
}
BIGGER = {
    "dataset": ["moons", "iris"],
    "hidden": [[7], [5, 4]],
    "activation": ["relu", "softsign", "tanh"],
    "gradient": ["shuffled_units", "mean_matched", "random", "exact"],
    "optimizer": ["adam", "sgd"],
}


@pytest.fixture(scope="module")
def alone(trained):
    return trained(tiny_config(GRID, learning_rates=RATES, execution={"workers": 1}))


def assert_same(found, alone):
    """All cells of `alone` are among those found, with the same bits; NaN equals NaN."""
    assert alone.keys() <= found.keys()
    for cell, (runs, curves) in alone.items():
        assert found[cell][0].equals(runs), cell
        assert found[cell][1].equals(curves), cell


def test_some_of_it_diverges(alone):
    outcomes = {name for runs, _ in alone.values() for name in runs["outcome"]}
    assert "diverged" in outcomes and len(outcomes) > 1


def test_order_of_the_grid(trained, alone):
    turned = {
        axis: values[::-1] if isinstance(values, list) else values for axis, values in GRID.items()
    }
    turned = dict(reversed(turned.items()))
    config = tiny_config(turned, learning_rates=RATES, execution={"workers": 1})
    assert_same(trained(config), alone)


def test_a_bigger_grid_around_it(trained, alone):
    config = tiny_config(BIGGER, learning_rates=RATES, execution={"workers": 1})
    found = trained(config)
    assert len(found) > 2 * len(alone)
    assert_same(found, alone)


@pytest.mark.parametrize("block", [1, 3, 1000])
def test_blocks(trained, alone, block):
    config = tiny_config(GRID, learning_rates=RATES, execution={"workers": 1, "block": block})
    assert_same(trained(config), alone)


@pytest.mark.parametrize("workers", [1, 2])
def test_another_process_another_folder_and_workers(trained_elsewhere, alone, workers):
    """Hashes of texts differ there; warnings would be shown; nothing is said of divergence."""
    content = {
        "grids": [GRID],
        "protocol": {**TINY, "learning_rates": RATES},
        "execution": {"workers": workers},
    }
    done, found = trained_elsewhere(content, ("-W", "always"), PYTHONHASHSEED="7")
    assert found.keys() == alone.keys()
    assert_same(found, alone)
    quiet = [line for line in done.stderr.splitlines() if "resource_tracker" not in line]
    assert quiet == []
    assert done.stdout == ""


@pytest.mark.parametrize("objective", ["squared_error", "linear_squared_error", "cross_entropy"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floating_point_exceptions_are_no_warnings(trained, capfd, objective, dtype):
    """Overflow, 0 / 0 and inf - inf on the way; pytest makes errors of warnings."""
    grid = {
        "dataset": "iris",
        "objective": objective,
        "hidden": [5],
        "activation": ["relu", "softplus"],
        "gradient": ["exact", "removed", {"power": {"exponent": 3}}],
        "gain": [1.0, 1e5],
    }
    config = tiny_config(
        grid, learning_rates={"sgd": [1e20, 1e30]}, dtype=dtype, execution={"workers": 1}
    )
    found = trained(config)
    if objective == "linear_squared_error":
        assert all((runs["outcome"] == "diverged").any() for runs, _ in found.values())
    assert capfd.readouterr().err == ""
