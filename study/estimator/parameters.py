"""What the estimators' parameters may be, and the design that they name."""

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier
from sklearn.utils._param_validation import StrOptions

from study.errors import UsageError
from study.learning import Array
from study.learning.activations.matched import matched_activation
from study.learning.design import LAST, Design, bound_objective, named_design
from study.learning.objectives import OBJECTIVES, Objective
from study.learning.optimizers import OPTIMIZERS, Optimizer
from study.learning.variants import Record, Variant, resolve

OBJECTIVE_OF_TASK = {
    "classification": "cross_entropy",
    "multilabel": "unit_cross_entropy",
    "regression": "linear_squared_error",
}
SOLVER_NUMBERS = {"momentum": 0.9, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}
"""scikit-learn's parameters of its solvers, with their defaults."""
SCHEDULED = ("plain", "momentum")
"""Families of optimizers for which `learning_rate` is; scikit-learn has it for sgd alone."""

_ARRAYS = ["array-like", None]
_NAMED = [str, Mapping, Record, Variant]
CONSTRAINTS = {
    **{k: v for k, v in MLPClassifier._parameter_constraints.items() if k != "max_fun"},
    **dict.fromkeys(("activation", "solver", "gradient", "objective"), _NAMED),
    **dict.fromkeys(("coef_init", "intercept_init"), _ARRAYS),
    "gradient_location": [StrOptions({"hidden", "output", "all", *LAST})],
    "consistent": [StrOptions({"false", "true", "forward"})],
    "dtype": [StrOptions({"float32", "float64"})],
}
"""What parameters may be: scikit-learn's own constraints, but for names, which are looked up."""


def given(name: str, values: Any, drawn: list[Array]) -> list[Array]:
    """Return the user's starting values, copied, or the drawn ones where there are none."""
    if values is None:
        return drawn
    shapes = [layer.shape for layer in drawn]
    try:
        found = [np.array(layer, dtype=drawn[0].dtype) for layer in values]
    except (TypeError, ValueError):
        raise UsageError(f"{name} takes arrays of the shapes {shapes}") from None
    if [layer.shape for layer in found] != shapes:
        given_shapes = [layer.shape for layer in found]
        raise UsageError(f"{name} takes arrays of the shapes {shapes}, not {given_shapes}")
    if not all(np.isfinite(layer).all() for layer in found):
        raise UsageError(f"{name} holds a number that is not finite")
    return found


def design_of(given: Mapping[str, Any], task: str) -> Design:
    """Return the design that an estimator's parameters name for a kind of task."""
    hidden = given["hidden_layer_sizes"]
    widths = list(hidden) if hasattr(hidden, "__iter__") else [hidden]
    if not all(isinstance(width, Integral) and int(width) > 0 for width in widths):
        raise UsageError(f"hidden_layer_sizes takes widths from 1, not {hidden!r}")
    design = named_design(
        tuple(map(int, widths)),
        given["activation"],
        gradient=given["gradient"],
        location=given["gradient_location"],
        consistent=given["consistent"],
        objective=_objective(given["objective"], task),
        optimizer=_optimizer(given),
    )
    if design.consistent != "false":
        if design.location != "hidden":
            raise UsageError(
                "a matched activation is hidden units' alone: with consistent other than 'false', "
                f"gradient_location takes 'hidden', not {design.location!r}"
            )
        matched_activation(design.gradient, design.activation)  # refuses where there is none
    return design


def _objective(spec: Any, task: str) -> Objective:
    auto = isinstance(spec, str) and spec == "auto"
    name = OBJECTIVE_OF_TASK[task] if auto else spec
    objective = bound_objective(name)
    if task not in objective.tasks:
        fitting = [name for name, record in OBJECTIVES.items() if task in record.tasks]
        raise UsageError(
            f"objective {objective.name!r} is not for {task}. Valid: auto, {', '.join(fitting)}"
        )
    return objective


def _optimizer(given: Mapping[str, Any]) -> Variant[Optimizer]:
    """Return the solver, with scikit-learn's numbers where its record has the same default.

    The name "sgd" is scikit-learn's, with the momentum that the parameters say; the record of
    this name is the plain rule. A default of a record's own (adadelta's ε is 1e-6) stands until
    ``{"adadelta": {"epsilon": ...}}`` says otherwise.
    """
    spec = given["solver"]
    if isinstance(spec, str) and spec == "sgd" and given["momentum"] > 0:
        spec = "nesterov" if given["nesterovs_momentum"] else "momentum"
    variant = resolve("solver", OPTIMIZERS, spec)
    if variant.record.scipy:
        steps = ", ".join(name for name, record in OPTIMIZERS.items() if not record.scipy)
        raise UsageError(
            f"solver {variant.name!r} makes no steps of learning_rate_init. Valid: {steps}"
        )
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
