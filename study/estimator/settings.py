"""What the estimators' parameters may be, and the design of the learning core that they name."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

from sklearn.neural_network import MLPClassifier
from sklearn.utils._param_validation import StrOptions

from study.errors import UsageError
from study.learning.design import Design
from study.learning.named import named_design
from study.learning.objectives import OBJECTIVES, Objective
from study.learning.optimizers import OPTIMIZERS, Optimizer
from study.learning.variants import Variant, resolve

OBJECTIVE_OF_TASK = {
    "classification": "cross_entropy",
    "multilabel": "unit_cross_entropy",
    "regression": "linear_squared_error",
}
SOLVER_NUMBERS = {"momentum": 0.9, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}
"""scikit-learn's parameters of its solvers, with their defaults."""


_NUMBERS = (
    *("hidden_layer_sizes", "alpha", "batch_size", "learning_rate_init", "max_iter", "tol"),
    *("momentum", "beta_1", "beta_2", "epsilon", "n_iter_no_change"),
)
CONSTRAINTS = {
    **{name: MLPClassifier._parameter_constraints[name] for name in _NUMBERS},
    "gradient_location": [StrOptions({"hidden", "output", "all"})],
    "dtype": [StrOptions({"float32", "float64"})],
}
"""What numbers, as in scikit-learn, and words may be; others are checked where they are used."""


def design_of(given: Mapping[str, Any], task: str) -> Design:
    """Return the design that an estimator's parameters name.

    Parameters
    ----------
    given, task
        The estimator's parameters; "classification", "multilabel" or "regression".

    Raises
    ------
    UsageError
        For a name, a parameter or a combination that does not exist.
    """
    hidden = given["hidden_layer_sizes"]
    widths = list(hidden) if hasattr(hidden, "__iter__") else [hidden]
    if not all(isinstance(width, Integral) and int(width) > 0 for width in widths):
        raise UsageError(f"hidden_layer_sizes takes widths from 1, not {hidden!r}")
    return named_design(
        tuple(map(int, widths)),
        given["activation"],
        gradient=given["gradient"],
        location=given["gradient_location"],
        objective=_objective(given["objective"], task),
        optimizer=_optimizer(given),
    )


def _objective(spec: Any, task: str) -> Objective:
    auto = isinstance(spec, str) and spec == "auto"
    name = OBJECTIVE_OF_TASK[task] if auto else spec
    objective = resolve("objective", OBJECTIVES, name).record
    if task not in objective.tasks:
        fitting = [name for name, record in OBJECTIVES.items() if task in record.tasks]
        raise UsageError(
            f"objective {objective.name!r} is not for {task}. Valid: auto, {', '.join(fitting)}"
        )
    return objective


def _optimizer(given: Mapping[str, Any]) -> Variant[Optimizer]:
    """Return the solver, with scikit-learn's numbers where its record has the same default.

    A default of its own (adadelta's ε is 1e-6) stands until ``{"adadelta": {"epsilon": ...}}``
    says otherwise.
    """
    spec = given["solver"]
    variant = resolve("solver", OPTIMIZERS, spec)
    if isinstance(spec, Variant):
        return variant
    said = {*spec, *(spec.get(variant.name) or ())} if isinstance(spec, Mapping) else set()
    shared = {
        name: float(given[name])
        for name, default in SOLVER_NUMBERS.items()
        if name in variant.values.keys() - said
        and variant.record.parameters[name].default == default
    }
    return Variant(variant.record, {**variant.values, **shared}, variant.target)
