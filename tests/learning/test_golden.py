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

FIELDS = ("activation", "gradient", "optimizer")
CHANGES = {  # of each design: its activation, rule and optimizer, and what else
    "tanh, squared error, sgd": ("tanh", "exact", "sgd", {}),
    "logistic, removed at all, momentum": ("logistic", "removed", "momentum", {"location": "all"}),
    "gelu, cross-entropy, random, adam": (
        *("gelu", {"random": {"matched": True}}, "adam"),
        {"objective": "cross_entropy"},
    ),
    "relu, linear, shuffled units, rmsprop": (
        *("relu", "shuffled_units", "rmsprop"),
        {"objective": "linear_squared_error", "initialisation": "he"},
    ),
    "softsign, cross-entropy of units, shuffled patterns, nesterov": (
        *("softsign", "shuffled_patterns", "nesterov"),
        {"objective": "unit_cross_entropy", "initialisation": "lecun", "gain": 2.0},
    ),
    "silu, floor, adagrad": (
        *("silu", "floor", "adagrad"),
        {"initialisation": {"uniform": {"r": 0.7, "biases": "same"}}},
    ),
    "scaled tanh, power, adadelta": ("scaled_tanh", "power", "adadelta", {"location": "all"}),
    "tanh, offset, rprop, full batch": ("tanh", "offset", "rprop", {}),
    "tanh, random sign, sgd": ("tanh", "random_sign", "sgd", {}),
    "logistic, twin of power, sgd": ("logistic", "power", "sgd", {"consistent": "true"}),
    "softsign, twin of floor as a spline, adam": (
        *("softsign", "floor", "adam"),
        {"consistent": "true"},
    ),
    "tanh, twin of offset forward, sgd": ("tanh", "offset", "sgd", {"consistent": "forward"}),
    "rounded relu at zero, a zeroed layer, sgd": (
        *("relu_rounded", {"relu_at_zero": {"value": 0.5}}, "sgd"),
        {"initialisation": {"zeroed_layer": {"layer": 2}}},
    ),
    "tanh, rank one, quickprop, full batch": (
        *("tanh", "rank_one", {"quickprop": {"growth": 1.2}}),
        {},
    ),
}
CASES = {
    name: dict(zip(FIELDS, parts, strict=True)) | others
    for name, (*parts, others) in CHANGES.items()
}
TRAININGS = [(name, dtype) for name in CASES for dtype in ("float32", "float64")]


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


def test_the_file_is_of_this_version():
    golden = json.loads(FILE.read_text())
    assert golden["numerics_version"] == study.learning.NUMERICS_VERSION, AGAIN
    assert set(golden["trainings"]) == {f"{n}, {d}" for n, d in TRAININGS}


@pytest.mark.parametrize(("name", "dtype"), TRAININGS)
def test_values_have_not_moved(name, dtype):
    golden = json.loads(FILE.read_text())["trainings"][f"{name}, {dtype}"]
    found = measure(name, dtype)
    for key, expected in golden.items():
        if key != "sha256":
            np.testing.assert_allclose(
                found[key], expected, rtol=TOLERANCE, atol=TOLERANCE, err_msg=f"{key}: {AGAIN}"
            )


if __name__ == "__main__":
    trainings = {f"{name}, {dtype}": measure(name, dtype) for name, dtype in TRAININGS}
    content = {"numerics_version": study.learning.NUMERICS_VERSION, "trainings": trainings}
    FILE.write_text(json.dumps(content, indent=1) + "\n")
