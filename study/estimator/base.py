"""What classifier and regressor share: parameters and the design that they name, training."""

import copy
import itertools
import warnings
from abc import ABCMeta, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.utils import check_random_state, shuffle
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from study.errors import UsageError
from study.learning import Array
from study.learning.core.caching import announced
from study.learning.core.network import layers_of
from study.learning.core.stack import Stack
from study.learning.core.trainer import Trainer
from study.learning.core.training import outputs
from study.learning.design import Design, named_design
from study.learning.objectives import LOGISTIC, OBJECTIVES, Objective
from study.learning.optimizers import OPTIMIZERS, Optimizer, Updater
from study.learning.problem import Encoding, encoding_of, unscored
from study.learning.rules import EXACT
from study.learning.seeds import uniforms
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


@dataclass(eq=False, repr=False)
class DeltaRuleEstimator(BaseEstimator, metaclass=ABCMeta):
    """A stack of one replica behind scikit-learn's interface, for its two subclasses."""

    _parameter_constraints = CONSTRAINTS

    hidden_layer_sizes: Any = (100,)
    activation: Any = "relu"
    _: KW_ONLY
    gradient: Any = "exact"
    gradient_location: str = "hidden"
    objective: Any = "auto"
    solver: Any = "adam"
    alpha: float = 0.0
    batch_size: Any = "auto"
    learning_rate_init: float = 0.001
    max_iter: int = 200
    shuffle: bool = True
    random_state: Any = None
    tol: float = 1e-4
    verbose: bool = False
    warm_start: bool = False
    momentum: float = 0.9
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_iter_no_change: float = 10
    dtype: str = "float64"
    coef_init: Sequence[Any] | None = None
    intercept_init: Sequence[Any] | None = None

    def fit(self, X: Any, y: Any) -> Any:
        """Train on patterns.

        Parameters
        ----------
        X
            (n, d), dense.
        y
            (n,), or (n, outputs).

        Returns
        -------
        The estimator.

        Raises
        ------
        UsageError
            A ValueError, in one line, for a name or a combination that is not valid.
        ValueError
            For a number out of its range, for data that are not valid, and where the weights did
            not stay finite.
        """
        return self._fit(X, y, incremental=False)

    @abstractmethod
    def _checked(self, X: Any, y: Any, incremental: bool, first: bool) -> tuple[Array, Array]:
        """Return checked inputs (n, d) and targets (n, outputs), not encoded yet."""

    @property
    @abstractmethod
    def _task(self) -> str:
        """The kind of task, once `_checked` has seen targets."""

    def _reported(self, terms: float) -> float:
        """Return the loss as scikit-learn reports it, given the objective's mean over patterns."""
        return terms

    def _design(self) -> Design:
        return _design_of(self.get_params(deep=False), self._task)

    def _fit(self, X: Any, y: Any, incremental: bool) -> Any:
        self._validate_params()
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        x, targets = self._checked(X, y, incremental, first)
        design, random = self._design(), check_random_state(self.random_state)
        widths = (x.shape[1], *design.hidden, targets.shape[1])
        reason = design.misplaced(targets.shape[1]) if design.gradient != EXACT else ""
        if reason:
            raise UsageError(f"gradient {design.gradient} at {design.location!r}: {reason}")
        size = self._batch_size(design, len(x))
        if first:
            self._begin(design, widths, targets, random)
        elif widths != (held := tuple(map(len, [*self.coefs_, self.intercepts_[-1]]))):
            raise UsageError(f"the weights to go on from have widths {held}, not {widths}")
        order, encoded = np.arange(len(x))[None], self._encoding.encode(targets)
        with announced():
            trainer = self._trainer(design, x, encoded, size, order, incremental)
            try:
                with np.errstate(all="ignore"):  # floating-point exceptions are data here
                    self._epochs(trainer, order, size, random, incremental)
            except KeyboardInterrupt:
                warnings.warn("Training interrupted by user.", stacklevel=3)
        if not np.isfinite(trainer.stack.parameters).all():
            raise ValueError(
                f"the weights are not finite after {self.n_iter_} epochs: lower "
                f"learning_rate_init = {self.learning_rate_init:g}, or scale the inputs"
            )
        self._keep(trainer, design)
        return self

    def _batch_size(self, design: Design, patterns: int) -> int:
        size = self.batch_size
        if size == "auto":
            return patterns if design.optimizer.record.full_batch else min(200, patterns)
        if size < patterns and design.optimizer.record.full_batch:
            raise UsageError(
                f"solver {design.optimizer.name!r} needs full batches: batch_size='auto', or "
                f"{patterns} here, not {size}"
            )
        if size > patterns:
            text = f"batch_size {size} is larger than the {patterns} patterns, and is clipped"
            warnings.warn(text, stacklevel=4)
        return int(min(size, patterns))

    def _begin(self, design: Design, widths: tuple[int, ...], targets: Array, random: Any) -> None:
        output = design.output(widths[-1])
        self._encoding: Encoding = encoding_of(self._task, targets, design.objective, output)
        # of random rules; from a copy, so that weights and order are those of scikit-learn
        self._seed = int(copy.deepcopy(random).randint(2**31 - 1))
        factor = 2.0 if design.activation.name == LOGISTIC.name else 6.0  # as scikit-learn
        coefs, intercepts = [], []
        for a, b in itertools.pairwise(widths):
            bound = np.sqrt(factor / (a + b))
            coefs.append(uniforms(random, -bound, bound, (a, b)).astype(self.dtype))
            intercepts.append(uniforms(random, -bound, bound, b).astype(self.dtype))
        coefs = _given("coef_init", self.coef_init, coefs)
        intercepts = _given("intercept_init", self.intercept_init, intercepts)
        self.coefs_, self.intercepts_ = coefs, intercepts
        self.n_layers_, self.n_outputs_ = len(widths), widths[-1]
        self.out_activation_ = output.name
        self.loss_curve_: list[float] = []
        self.best_loss_ = np.inf
        self.t_ = self._without_progress = 0
        self._kept: dict[Any, Any] = {}

    def _trainer(
        self, design: Design, x: Array, t: Array, size: int, order: Array, incremental: bool
    ) -> Trainer:
        """Return the network at its weights; order is that of the patterns, and may change."""
        kept, parameters = self._kept if incremental else {}, self._parameters()
        numbers = {name: np.array([value]) for name, value in design.optimizer.values.items()}
        rate = np.array([float(self.learning_rate_init)])
        updater = Updater(design.optimizer.record, numbers, rate, parameters)
        if ("solver", str(design.optimizer)) in kept:
            updater.state[:], updater.step = kept["solver", str(design.optimizer)]
        prepared = kept.get(("gradient", str(design.gradient)))
        posed = unscored(x, t, self._task)
        stack = Stack(posed, design, [self._seed], parameters, prepared=prepared)
        done = kept.get("updates", 0)
        running = {"alpha": self.alpha, "accumulates": True, "begin": done, "done": done}
        return Trainer(stack, updater, size, order, **running)

    def _epochs(
        self, trainer: Trainer, order: Array, size: int, random: Any, incremental: bool
    ) -> None:
        patterns = order.shape[1]
        self.n_iter_ = 0
        for _ in range(1 if incremental else self.max_iter):
            if self.shuffle:
                order[0] = shuffle(order[0], random_state=random)
            trainer.advance([1.0] * -(-patterns // size))
            terms, penalty = trainer.running_loss()[0] / patterns
            self.loss_ = float(self._reported(terms) + penalty)
            self.loss_curve_.append(self.loss_)
            self.n_iter_ += 1
            self.t_ += patterns
            if self.verbose:
                print(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")
            # the form lets NaN through, as scikit-learn's does
            stays = self.loss_ > self.best_loss_ - self.tol
            self._without_progress = self._without_progress + 1 if stays else 0
            self.best_loss_ = self.loss_ if self.loss_ < self.best_loss_ else self.best_loss_
            stopped = self._without_progress > self.n_iter_no_change
            if stopped and self.verbose:
                print(
                    f"Training loss did not improve more than tol={self.tol:f} for "
                    f"{self.n_iter_no_change} consecutive epochs. Stopping."
                )
            if stopped or not np.isfinite(trainer.stack.parameters).all():
                return
        if not incremental:
            text = f"the training has not converged after max_iter = {self.max_iter} epochs"
            warnings.warn(text, ConvergenceWarning, stacklevel=4)

    def _keep(self, trainer: Trainer, design: Design) -> None:
        stack = trainer.stack
        layers = [layer[0] for layer in layers_of(stack.parameters, stack.widths)]
        self.coefs_ = [layer[:-1].copy() for layer in layers]
        self.intercepts_ = [layer[-1].copy() for layer in layers]
        state, step = trainer.updater.state, trainer.updater.step
        self._kept = {
            ("solver", str(design.optimizer)): (state, step),
            ("gradient", str(design.gradient)): tuple(layer.constants for layer in stack.rules),
            "updates": step,
        }

    def _parameters(self) -> Array:
        layers = zip(self.coefs_, self.intercepts_, strict=True)
        flat = np.concatenate([np.vstack([w, b]).ravel() for w, b in layers])
        return flat.astype(self.dtype)[None]

    def _outputs(self, X: Any) -> Array:
        """Return decoded outputs (n, outputs)."""
        check_is_fitted(self, "coefs_")
        x = validate_data(self, X, dtype=self.dtype, reset=False)
        with np.errstate(all="ignore"):
            y = outputs(self._design(), self._parameters(), x[None])[0].T
        return self._encoding.decode(np.ascontiguousarray(y))


def _given(name: str, given: Any, drawn: list[Array]) -> list[Array]:
    """Return the user's starting values, copied, or the drawn ones where there are none."""
    if given is None:
        return drawn
    shapes = [layer.shape for layer in drawn]
    try:
        found = [np.array(layer, dtype=drawn[0].dtype) for layer in given]
    except (TypeError, ValueError):
        raise UsageError(f"{name} takes arrays of the shapes {shapes}") from None
    if [layer.shape for layer in found] != shapes:
        given_shapes = [layer.shape for layer in found]
        raise UsageError(f"{name} takes arrays of the shapes {shapes}, not {given_shapes}")
    if not all(np.isfinite(layer).all() for layer in found):
        raise UsageError(f"{name} holds a number that is not finite")
    return found


def _design_of(given: Mapping[str, Any], task: str) -> Design:
    """Return the design that an estimator's parameters name for a kind of task."""
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
