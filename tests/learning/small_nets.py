"""Small data and designs, and calls of kernels on a layer, that the tests of the core share."""

from collections.abc import Iterable, Mapping
from typing import Any

import numba
import numpy as np

from study.learning.activations import ACTIVATIONS, bound_activation
from study.learning.activations.base import Activation
from study.learning.core.kernels import as_kernel
from study.learning.data import Data as Patterns
from study.learning.design import Design, named_design
from study.learning.objectives import Objective
from study.learning.optimizers import OPTIMIZERS
from study.learning.problem import Problem, pose
from study.learning.rules import GRADIENTS
from study.learning.rules.base import Gradient
from study.learning.variants import Parameter, Record, Variant, resolve


def specs(registry: Mapping[str, Record]) -> list[Any]:
    """Name every record at its defaults, and at the values that it is to be tested at."""
    examples = [{name: dict(v)} for name, record in registry.items() for v in record.examples]
    return [*registry, *examples]


def with_oracle(specs: Iterable[Any], oracles: Mapping[str, Any]) -> list[Any]:
    """Keep those whose record has an oracle; test_records tells which have none."""
    return [s for s in specs if (s if isinstance(s, str) else next(iter(s))) in oracles]


ACTIVATION_SPECS = specs(ACTIVATIONS)
RULE_SPECS = specs(GRADIENTS)
OPTIMIZER_SPECS = specs(OPTIMIZERS)


def shrink(z, y, slope, constants, key, step):
    slope *= constants[0]


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


def home_of(spec: Any) -> Activation:
    """Return an activation that takes the rule: tanh, or relu for those for relu alone."""
    tanh = bound_activation("tanh")
    return bound_activation("relu") if refused(rule_of(spec), tanh) else tanh


def patterns(task="classification", outputs=3, n=14, d=4, seed=0, tests=6) -> Patterns:
    """Draw a data set: indicators of classes, 0/1 labels, or real targets."""
    rng = np.random.default_rng([seed, n, d, outputs])
    x = rng.normal(size=(n + tests, d))
    if task == "regression":
        t = rng.normal(size=(n + tests, outputs))
    elif task == "multilabel" or outputs == 1:
        t = rng.integers(0, 2, size=(n + tests, outputs)).astype(float)
    else:
        t = np.eye(outputs)[rng.permutation(np.arange(n + tests) % outputs)]
    return Patterns(x[:n], t[:n], x[n:], t[n:], task=task)


def design(
    hidden: tuple[int, ...] = (5, 4),
    activation: Any = "tanh",
    objective: str | Objective = "squared_error",
    gradient: Any = "exact",
    location: str = "hidden",
    **others: Any,
) -> Design:
    """Build a design from the grid's names, or from records."""
    return named_design(
        hidden, activation, objective=objective, gradient=gradient, location=location, **others
    )


def posed(plan: Design, *data: Patterns) -> Problem:
    return pose(list(data), plan.objective, plan.output(data[0].targets.shape[1]))


def small(*names: Any, n: int = 13, **changes: Any) -> tuple[Problem, Design]:
    """Return some patterns, posed for a design by names, and the design."""
    plan = design(*names, **changes)
    return posed(plan, patterns(n=n)), plan


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal to the bit, NaN equal to NaN."""
    return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


@numba.njit(cache=True)
def _call_value(kernel, z, out, constants):
    kernel(z, out, constants)


@numba.njit(cache=True)
def _call_factor(kernel, z, y, slope, constants, key, step):
    kernel(z, y, slope, constants, key, step)


@numba.njit(cache=True)
def _call_terms(kernel, z, y, t):
    return kernel(z, y, t)


def values(activation: Activation, z: np.ndarray) -> np.ndarray:
    """Return f(z) of a layer (units, patterns), by the kernel."""
    out, kept = np.full_like(z, np.nan), z.copy()
    _call_value(
        as_kernel("value", activation.value).at(z.dtype), z, out, activation.constants(z.dtype)
    )
    assert np.array_equal(z, kept, equal_nan=True), "z was changed"
    return out


def factor(rule, z, y, slope, constants=(), key=0, step=1) -> np.ndarray:
    """Return φ of a layer, by the kernel alone."""
    record = rule.record if isinstance(rule, Variant) else rule
    phi, kept = slope.copy(), (z.copy(), y.copy())
    _call_factor(
        as_kernel("factor", record.factor).at(z.dtype),
        *(z, y, phi, np.array(constants, z.dtype), np.uint64(key), step),
    )
    assert np.array_equal(z, kept[0], equal_nan=True), "z was changed"
    assert np.array_equal(y, kept[1], equal_nan=True), "y was changed"
    return phi


def terms(objective: Objective, z: np.ndarray, y: np.ndarray, t: np.ndarray) -> float:
    """Return an objective's sum over outputs and patterns; t (patterns, outputs)."""
    return _call_terms(as_kernel("terms", objective.terms).at(z.dtype), z, y, t)
