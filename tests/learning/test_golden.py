"""Results that must not move while the version of the numerical core stays.

A cell's identity holds NUMERICS_VERSION: where values move and it does not, a study that goes on
would mix old results with new ones. To write the file anew, at the repository's root:

    PYTHONPATH=tests .venv/bin/python tests/learning/test_golden.py
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from small_nets import design, patterns, posed

import study.learning
from study.learning.core.training import train
from study.learning.design import Budget

FILE = Path(__file__).resolve().parents[1] / "golden.json"
AGAIN = (
    "the numbers of the core have moved: raise NUMERICS_VERSION in study/learning/__init__.py, "
    "and write tests/golden.json anew (tests/learning/test_golden.py says how)"
)
# far wider than the rounding of another BLAS over a dozen updates, far narrower than any change
TOLERANCE = 1e-5

CASES = {
    "tanh, squared error, sgd": {},
    "logistic, removed at all, momentum": {
        "activation": "logistic",
        "gradient": "removed",
        "location": "all",
        "optimizer": "momentum",
    },
    "gelu, cross-entropy, random, adam": {
        "activation": "gelu",
        "objective": "cross_entropy",
        "gradient": {"random": {"matched": True}},
        "optimizer": "adam",
    },
    "relu, linear, shuffled units, rmsprop": {
        "activation": "relu",
        "objective": "linear_squared_error",
        "gradient": "shuffled_units",
        "optimizer": "rmsprop",
        "initialisation": "he",
    },
    "softsign, cross-entropy of units, shuffled patterns, nesterov": {
        "activation": "softsign",
        "objective": "unit_cross_entropy",
        "gradient": "shuffled_patterns",
        "optimizer": "nesterov",
        "initialisation": "lecun",
        "gain": 2.0,
    },
    "silu, floor, adagrad": {
        "activation": "silu",
        "gradient": "floor",
        "optimizer": "adagrad",
        "initialisation": {"uniform": {"r": 0.7, "biases": "same"}},
    },
    "scaled tanh, power, adadelta": {
        "activation": "scaled_tanh",
        "gradient": "power",
        "location": "all",
        "optimizer": "adadelta",
    },
    "tanh, offset, rprop, full batch": {"gradient": "offset", "optimizer": "rprop"},
    "tanh, random sign, sgd": {"gradient": "random_sign"},
    "logistic, twin of power, sgd": {
        "activation": "logistic",
        "gradient": "power",
        "consistent": "true",
    },
    "softsign, twin of floor as a spline, adam": {
        "activation": "softsign",
        "gradient": "floor",
        "consistent": "true",
        "optimizer": "adam",
    },
    "tanh, twin of offset forward, sgd": {"gradient": "offset", "consistent": "forward"},
    "rounded relu at zero, a zeroed layer, sgd": {
        "activation": "relu_rounded",
        "gradient": {"relu_at_zero": {"value": 0.5}},
        "initialisation": {"zeroed_layer": {"layer": 2}},
    },
    "tanh, rank one, quickprop, full batch": {
        "gradient": "rank_one",
        "optimizer": {"quickprop": {"growth": 1.2}},
    },
}


def measure(name, dtype):
    plan = design((6, 5), **CASES[name])
    batch = None if "full batch" in name else 8
    budget = Budget(updates=12, batch_size=batch, checkpoints=5, probes=2, dtype=dtype)
    problem = posed(plan, patterns(n=30, d=5))
    outcome = train(problem, plan, budget, [1, 2], [0.01, 0.03])
    wide = outcome.parameters.astype(np.float64)
    weights = np.cos(np.arange(wide.shape[1]))  # every place counts, and differently
    return {
        "first parameters": wide[:, :2].ravel().tolist(),
        "weighted sums": (wide @ weights).tolist(),
        "weight norm": outcome.curves["weight_norm"][:, -1].tolist(),
        "objective": outcome.final_objective.tolist(),
        "descent cosine": outcome.curves["descent_cosine"][:, -1].tolist(),
        # of the machine that wrote the file; not compared
        "sha256": hashlib.sha256(outcome.parameters.tobytes()).hexdigest(),
    }


def all_measures():
    return {
        f"{name}, {dtype}": measure(name, dtype)
        for name in CASES
        for dtype in ("float32", "float64")
    }


def test_the_file_is_of_this_version():
    golden = json.loads(FILE.read_text())
    assert golden["numerics_version"] == study.learning.NUMERICS_VERSION, AGAIN
    assert set(golden["trainings"]) == {f"{n}, {d}" for n in CASES for d in ("float32", "float64")}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_values_have_not_moved(name, dtype):
    golden = json.loads(FILE.read_text())["trainings"][f"{name}, {dtype}"]
    found = measure(name, dtype)
    for key, expected in golden.items():
        if key != "sha256":
            np.testing.assert_allclose(
                found[key], expected, rtol=TOLERANCE, atol=TOLERANCE, err_msg=f"{key}: {AGAIN}"
            )


if __name__ == "__main__":
    content = {
        "numerics_version": study.learning.NUMERICS_VERSION,
        "trainings": all_measures(),
    }
    FILE.write_text(json.dumps(content, indent=1) + "\n")
