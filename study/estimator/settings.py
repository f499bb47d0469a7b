"""What the estimators' parameters may be, and the design of the learning core that they name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import Interval, Options, StrOptions

from study.errors import UsageError
from study.learning.design import Design, named_design
from study.learning.objectives import OBJECTIVES, Objective
from study.learning.optimizers import OPTIMIZERS, Optimizer
from study.learning.rules import EXACT
from study.learning.variants import Variant, resolve

LOCATIONS = ("hidden", "output", "all")
OBJECTIVE_OF_TASK = {
    "classification": "cross_entropy",
    "multilabel": "unit_cross_entropy",
    "regression": "linear_squared_error",
}
SOLVER_NUMBERS = {"momentum": 0.9, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}
"""scikit-learn's parameters of its solvers, with their defaults."""


def _from(low: float, kind: type = Real, closed: str = "left") -> Interval:
    return Interval(kind, low, None, closed=closed)  # below infinity


_SHARE = Interval(Real, 0, 1, closed="left")
CONSTRAINTS = {
    "hidden_layer_sizes": ["array-like", _from(1, Integral)],
    "gradient_location": [StrOptions(set(LOCATIONS))],
    "alpha": [_from(0)],
    "batch_size": [StrOptions({"auto"}), _from(1, Integral)],
    "learning_rate_init": [_from(0, closed="neither")],
    "max_iter": [_from(1, Integral)],
    "tol": [_from(0)],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "beta_1": [_SHARE],
    "beta_2": [_SHARE],
    "epsilon": [_from(0, closed="neither")],
    "n_iter_no_change": [_from(1, Integral), Options(Real, {math.inf})],
    "dtype": [StrOptions({"float32", "float64"})],
}
"""What plain numbers and words may be; the other parameters are checked where they are used."""


def widths_of(hidden: Any) -> tuple[int, ...]:
    """Return the widths of the hidden layers from scikit-learn's ``hidden_layer_sizes``."""
    given = list(hidden) if hasattr(hidden, "__iter__") else [hidden]
    if not all(isinstance(width, Integral) and int(width) > 0 for width in given):
        raise UsageError(f"hidden_layer_sizes takes widths from 1, not {hidden!r}")
    return tuple(int(width) for width in given)


def design_of(given: Mapping[str, Any], task: str) -> Design:
    """Return the design that an estimator's parameters name.

    Parameters
    ----------
    given
        The estimator's parameters.
    task
        "classification", "multilabel" or "regression".

    Raises
    ------
    UsageError
        For a name, a parameter or a combination that does not exist.
    """
    return named_design(
        widths_of(given["hidden_layer_sizes"]),
        given["activation"],
        gradient=given["gradient"],
        location=given["gradient_location"],
        objective=_objective(given["objective"], task),
        optimizer=_optimizer(given),
    )


def check_design(design: Design, outputs: int) -> None:
    """Refuse a gradient that can't stand where it is asked for.

    Raises
    ------
    UsageError
        With the reason.
    """
    reason = design.misplaced(outputs) if design.gradient != EXACT else ""
    if reason:
        raise UsageError(f"gradient {design.gradient} at {design.location!r}: {reason}")


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
