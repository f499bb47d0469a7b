"""Small data and designs that the tests of the core share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import reference

from study.learning.activations import bound_activation
from study.learning.activations.base import Activation
from study.learning.core.training import Design
from study.learning.initialisations import INITIALISATIONS
from study.learning.objectives import OBJECTIVES, Objective
from study.learning.optimizers import OPTIMIZERS
from study.learning.problem import Problem, pose
from study.learning.rules import GRADIENTS
from study.learning.rules.base import Gradient
from study.learning.variants import Parameter, Variant, resolve

ACTIVATION_SPECS: list[Any] = [
    "identity",
    "logistic",
    "tanh",
    "scaled_tanh",
    "relu",
    "relu_rounded",
    "leaky_relu",
    {"leaky_relu": {"slope": 0.3}},
    "elu",
    {"elu": {"alpha": 0.5}},
    {"elu": {"alpha": 2.0}},
    "softplus",
    "softsign",
    "gelu",
    "silu",
    "hard_tanh",
    "gudermannian",
    "tanh_linear",
    {"tanh_linear": {"c": 0.005}},
]

DIFFERENTIABLE = [spec for spec in ACTIVATION_SPECS if not bound_activation(spec).rounding]

# every rule at its defaults, and at the values of interest of the protocol
RULE_SPECS: list[Any] = [
    *GRADIENTS,
    {"constant": {"value": 0.3}},
    {"constant": {"value": -0.5}},
    {"offset": {"amount": 0.01}},
    {"offset": {"amount": 0.1, "absolute": True}},
    {"floor": {"minimum": 0.01}},
    {"floor": {"minimum": 0.4}},
    {"floor": {"minimum": 0.1, "absolute": True}},
    {"ceiling": {"maximum": 0.25}},
    {"ceiling": {"maximum": 0.2, "absolute": True}},
    {"power": {"exponent": 0.0}},
    {"power": {"exponent": 0.25}},
    {"power": {"exponent": 2.0}},
    {"blend": {"amount": 0.6}},
    {"other_slope": {"factor": 0.5}},
    {"substitute": {"activation": "tanh"}},
    {"substitute": {"activation": "silu"}},
    {"window": {"threshold": 0.7, "outside": 0.05}},
    {"window": {"threshold": 0.2, "outside": 0.05, "absolute": True}},
    {"random": {"low": 0.25, "high": 0.75}},
    {"random": {"low": 0.0, "high": 1.0, "matched": True}},
    {"random": {"low": -0.5, "high": 2.0, "matched": True}},
    {"leaky_backward": {"slope": 0.01}},
    {"leaky_backward": {"slope": 1.0}},
    {"relu_at_zero": {"value": 0.5, "arm": "scale"}},
    {"relu_at_zero": {"value": 0.5, "arm": "overwrite"}},
    {"relu_at_zero": {"value": 1.0, "arm": "overwrite"}},
    {"relu_at_zero": {"value": 0.0, "arm": "overwrite"}},
]


def shrink(z, y, slope, numbers, key, step):
    slope *= numbers[0]


SHRUNK = Gradient(  # as a user would write it, outside the package
    name="shrunk",
    formula="φ = a f'(z)",
    reference="this test",
    parameters={"share": Parameter(0.3, "a")},
    factor=shrink,
)


def label(spec: Any) -> str:
    """Name a specification in a test's identifier."""
    if isinstance(spec, str):
        return spec
    (name, values), *_ = spec.items()
    return f"{name}({', '.join(f'{k}={v}' for k, v in values.items())})"


def rule_of(spec: Any) -> Variant[Gradient]:
    return resolve("gradient", GRADIENTS, spec)


def refused(rule: Variant[Gradient], activation: Activation, units: int = 9) -> str:
    refusal = rule.record.refusal
    return refusal(rule.values, activation, units) if refusal else ""


def reference_curve(activation: Activation) -> reference.Curve:
    return reference.curve(activation.name, **activation.values)


@dataclass(frozen=True)
class Patterns:
    """A data set as the core wants it."""

    inputs: np.ndarray
    targets: np.ndarray
    test_inputs: np.ndarray
    test_targets: np.ndarray
    task: str = "classification"
    solved_below: float = 0.05
    name: str = "small"


def patterns(
    task: str = "classification",
    outputs: int = 3,
    n: int = 14,
    d: int = 4,
    seed: int = 0,
    tests: int = 6,
) -> Patterns:
    """Draw a data set: indicators of classes, 0/1 labels, or real targets."""
    rng = np.random.default_rng([seed, n, d, outputs])
    x = rng.normal(size=(n + tests, d))
    if task == "regression":
        t = rng.normal(size=(n + tests, outputs))
    elif task == "multilabel" or outputs == 1:
        t = rng.integers(0, 2, size=(n + tests, outputs)).astype(float)
    else:
        t = np.eye(outputs)[rng.permutation(np.arange(n + tests) % outputs)]
    return Patterns(x[:n], t[:n], x[n:], t[n:], task)


def design(
    hidden: tuple[int, ...] = (5, 4),
    activation: Any = "tanh",
    objective: str = "squared_error",
    gradient: Any = "exact",
    location: str = "hidden",
    optimizer: Any = "sgd",
    initialisation: Any = "glorot",
    gain: float = 1.0,
    consistent: str = "false",
) -> Design:
    """Build a design from the grid's names."""
    return Design(
        hidden,
        bound_activation(activation),
        OBJECTIVES[objective],
        rule_of(gradient),
        location,
        resolve("initialisation", INITIALISATIONS, initialisation),
        gain,
        resolve("optimizer", OPTIMIZERS, optimizer),
        consistent,
    )


def posed(plan: Design, *data: Patterns) -> Problem:
    return pose(list(data), plan.objective, plan.output(data[0].targets.shape[1]))


def random_targets(objective: Objective, outputs: int, shape: Any, rng: Any) -> np.ndarray:
    """Draw targets (..., outputs, patterns): real numbers, or what a cross-entropy takes."""
    if "cross_entropy" not in objective.name:
        return rng.normal(size=shape)
    if objective.name == "cross_entropy" and outputs > 1:
        odds = rng.uniform(0.05, 1.0, size=shape)
        return odds / odds.sum(axis=-2, keepdims=True)
    return rng.uniform(size=shape)


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal to the bit, NaN equal to NaN."""
    return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
