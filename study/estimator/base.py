"""What classifier and regressor share: parameters and the design that they name, training."""

import copy
import itertools
import warnings
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial
from math import ceil
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, _fit_context, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network._stochastic_optimizers import SGDOptimizer
from sklearn.utils import check_random_state, shuffle
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from study.errors import UsageError
from study.estimator.expected import harm
from study.estimator.parameters import CONSTRAINTS, SCHEDULED, design_of, given
from study.learning import Array
from study.learning.core.caching import announced
from study.learning.core.network import layers_of
from study.learning.core.stack import Stack
from study.learning.core.trainer import Trainer
from study.learning.core.training import outputs
from study.learning.design import Design
from study.learning.objectives import LOGISTIC
from study.learning.optimizers import Updater
from study.learning.problem import Encoding, encoding_of, unscored
from study.learning.rules import EXACT
from study.learning.seeds import uniforms

SPARSE = ["csr", "csc"]
"""Sparse inputs that are taken."""


@dataclass(eq=False, repr=False)
class DeltaRuleEstimator(BaseEstimator, metaclass=ABCMeta):
    """A stack of one replica behind scikit-learn's interface, for its two subclasses."""

    _parameter_constraints = CONSTRAINTS

    hidden_layer_sizes: Any = (100,)
    activation: Any = "relu"
    _: KW_ONLY
    gradient: Any = "exact"
    gradient_location: str = "hidden"
    consistent: str = "false"
    objective: Any = "auto"
    solver: Any = "adam"
    alpha: float = 0.0001
    batch_size: Any = "auto"
    learning_rate: str = "constant"
    learning_rate_init: float = 0.001
    power_t: float = 0.5
    max_iter: int = 200
    shuffle: bool = True
    random_state: Any = None
    tol: float = 1e-4
    verbose: bool = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_iter_no_change: float = 10
    dtype: str = "float64"
    coef_init: Sequence[Any] | None = None
    intercept_init: Sequence[Any] | None = None

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train on patterns.

        Parameters
        ----------
        X
            (n, d); a sparse one (CSR, CSC) is made dense, 8 n d bytes in float64.
        y
            (n,), or (n, outputs).
        sample_weight
            (n,), weights w of the patterns: the loss of a batch is Σ w L / Σ w.

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
        return self._fit(X, y, sample_weight, incremental=False)

    def predict_harm(
        self, X: Any, y: Any, *, noise: float = 0.0, exact_early: float | None = None
    ) -> Any:
        """Tell what removal and small changes of f' did on published tasks like this one.

        Nothing is trained. The rules were trained by the plain delta rule, whatever `solver` is.

        Parameters
        ----------
        X, y
            As in `fit`.
        noise
            The share of labels that are wrong, or of the variance of `y` that is noise.
        exact_early
            If known, exact's share (L - L*) / (L_const - L*) after a tenth of the updates.

        Returns
        -------
        A `study.harm.forecast.Forecast`; as a text it says what to expect. Without published
        tasks of this kind it raises `UsageError`.
        """
        return harm(self, X, y, noise, exact_early)

    @abstractmethod
    def _checked(self, X: Any, y: Any, incremental: bool, first: bool) -> tuple[Array, Array]:
        """Return checked inputs (n, d) and targets (n, outputs), not encoded yet."""

    @property
    @abstractmethod
    def _task(self) -> str:
        """The kind of task, once `_checked` has seen targets."""

    @abstractmethod
    def _predicted(self, outputs: Array) -> Array:
        """Return the predictions that decoded outputs (n, outputs) mean."""

    @abstractmethod
    def _score(self, targets: Array, predicted: Array, weights: Array | None) -> float:
        """Return the score of predictions for targets (n, outputs)."""

    def _reported(self, terms: float) -> float:
        """Return the loss as scikit-learn reports it, given the objective's mean over patterns."""
        return terms

    def _design(self) -> Design:
        return design_of(self.get_params(deep=False), self._task)

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool) -> Any:
        if incremental:  # `_fit_context` validates the first time alone
            self._validate_params()
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        x, targets = self._checked(X, y, incremental, first)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, x, dtype=np.float64)
        held = self._held_back(len(x), incremental)
        design, random = self._design(), check_random_state(self.random_state)
        widths = (x.shape[1], *design.hidden, targets.shape[1])
        reason = design.misplaced(targets.shape[1]) if design.gradient != EXACT else ""
        if reason:
            raise UsageError(f"gradient {design.gradient} at {design.location!r}: {reason}")
        size = self._batch_size(design, len(x) - held)
        if first:
            counted = slice(None) if sample_weight is None else sample_weight != 0
            self._begin(design, widths, targets[counted], random)
        elif widths != (known := tuple(map(len, [*self.coefs_, self.intercepts_[-1]]))):
            raise UsageError(f"the weights to go on from have widths {known}, not {widths}")
        self._begin_account(first)
        parts = [x, targets, *([] if sample_weight is None else [sample_weight])]
        validation: list[Array] = []
        if held:
            labels = targets if is_classifier(self) and targets.shape[1] == 1 else None
            split = train_test_split(*parts, random_state=random, test_size=held, stratify=labels)
            parts, validation = split[::2], split[1::2]
        order = np.arange(len(parts[0]))[None]
        reorder = partial(self._reorder, order, size, random, *parts[2:])
        parts[1] = self._encoding.encode(parts[1])
        with announced():
            trainer = self._trainer(design, parts, size, order, incremental)
            try:
                with np.errstate(all="ignore"):  # floating-point exceptions are data here
                    self._epochs(trainer, reorder, validation, incremental)
            except KeyboardInterrupt:
                warnings.warn("Training interrupted by user.", stacklevel=4)
        if not np.isfinite(trainer.stack.parameters).all():
            told = (
                f"the weights are not finite after {self.n_iter_} epochs: lower "
                f"learning_rate_init = {self.learning_rate_init:g}, or scale the inputs"
            )
            if not held:
                raise ValueError(told)
            warnings.warn(told, ConvergenceWarning, stacklevel=4)
        if held:
            trainer.stack.parameters[:] = self._best
        self._keep(trainer, design)
        return self

    def _held_back(self, patterns: int, incremental: bool) -> int:
        """Return how many of the patterns are for validation."""
        if not self.early_stopping:
            return 0
        if incremental:
            raise UsageError("partial_fit does not support early_stopping=True: use fit")
        held = ceil(self.validation_fraction * patterns)
        if not 2 <= held < patterns:
            raise UsageError(
                f"early_stopping needs 2 patterns for validation, and one to train on: "
                f"validation_fraction = {self.validation_fraction:g} takes {held} of {patterns}"
            )
        return held

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
            warnings.warn(text, stacklevel=5)
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
        coefs = given("coef_init", self.coef_init, coefs)
        intercepts = given("intercept_init", self.intercept_init, intercepts)
        self.coefs_, self.intercepts_ = coefs, intercepts
        self.n_layers_, self.n_outputs_ = len(widths), widths[-1]
        self.out_activation_ = output.name
        self.loss_curve_: list[float] = []
        self.t_ = 0
        self._kept: dict[Any, Any] = {}

    def _begin_account(self, first: bool) -> None:
        """Begin to look for the best epoch, by loss or by validation score."""
        early = self.early_stopping
        if first or early == (self.validation_scores_ is None):
            self.best_loss_: Any = None if early else np.inf
            self.validation_scores_: Any = [] if early else None
            self.best_validation_score_: Any = -np.inf if early else None
            self._best, self._without_progress = self._parameters(), 0

    def _trainer(
        self, design: Design, parts: list[Array], size: int, order: Array, incremental: bool
    ) -> Trainer:
        """Return the network at its weights, with inputs, targets and sample weights, if any.

        The order of the patterns may change.
        """
        kept, parameters = self._kept if incremental else {}, self._parameters()
        numbers = {name: np.array([value]) for name, value in design.optimizer.values.items()}
        rate = np.array([float(self.learning_rate_init)])
        updater = Updater(design.optimizer.record, numbers, rate, parameters)
        kind = self.learning_rate if updater.optimizer.family in SCHEDULED else "constant"
        self._schedule = SGDOptimizer([], self.learning_rate_init, kind, power_t=self.power_t)
        if ("solver", str(design.optimizer)) in kept:
            updater.state[:], updater.step, self._schedule = kept["solver", str(design.optimizer)]
        prepared = kept.get(("gradient", str(design.gradient)))
        posed = unscored(parts[0], parts[1], self._task)
        stack = Stack(posed, design, [self._seed], parameters, prepared=prepared)
        done = kept.get("updates", 0)
        running = {"alpha": self.alpha, "accumulates": True, "begin": done, "done": done}
        return Trainer(stack, updater, size, order, **running, weights=[*parts, None][2])

    def _reorder(self, order: Array, size: int, random: Any, weights: Array | None = None) -> int:
        """Draw the order of an epoch; return the number of its batches."""
        if self.shuffle:
            order[0] = shuffle(order[0], random_state=random)
        begins = np.arange(0, order.shape[1], size)
        if weights is not None and not np.add.reduceat(weights[order[0]], begins).all():
            raise UsageError(
                "the sample weights of a batch sum to 0: take a larger batch_size, or leave out "
                "patterns of weight 0"
            )
        return len(begins)

    def _epochs(
        self,
        trainer: Trainer,
        reorder: Callable[[], int],
        validation: list[Array],
        incremental: bool,
    ) -> None:
        stack, schedule = trainer.stack, self._schedule
        patterns = stack.problem.inputs.shape[1]
        self.n_iter_ = 0
        for _ in range(1 if incremental else self.max_iter):
            share = schedule.learning_rate / schedule.learning_rate_init
            trainer.advance([share] * reorder())
            terms, penalty = trainer.running_loss()[0] / patterns
            self.loss_ = float(self._reported(terms) + penalty)
            self.loss_curve_.append(self.loss_)
            self.n_iter_ += 1
            self.t_ += patterns
            if self.verbose:
                print(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")
            if validation:
                progress, measure = self._validate(stack.parameters, *validation)
            else:
                progress, measure = self._improve(), "Training loss"
            self._without_progress = 0 if progress else self._without_progress + 1
            schedule.iteration_ends(self.t_)
            if self._without_progress > self.n_iter_no_change:
                said = (
                    f"{measure} did not improve more than tol={self.tol:f} for "
                    f"{self.n_iter_no_change} consecutive epochs."
                )
                if schedule.trigger_stopping(said, self.verbose):
                    return
                self._without_progress = 0
            if not np.isfinite(stack.parameters).all():
                return
        if not incremental:
            text = f"the training has not converged after max_iter = {self.max_iter} epochs"
            warnings.warn(text, ConvergenceWarning, stacklevel=5)

    def _improve(self) -> bool:
        """Note the loss; return whether it is less than the best by `tol`, or NaN."""
        progress = not self.loss_ > self.best_loss_ - self.tol
        self.best_loss_ = self.loss_ if self.loss_ < self.best_loss_ else self.best_loss_
        return progress

    def _validate(
        self, parameters: Array, x: Array, t: Array, weights: Array | None = None
    ) -> tuple[bool, str]:
        """Note the validation score and the best weights; return whether it is progress."""
        predicted = self._predicted(self._decoded(parameters, x))
        unreal = predicted.dtype.kind == "f" and not np.isfinite(predicted).all()
        score = np.nan if unreal else self._score(t, predicted, weights)
        self.validation_scores_.append(score)
        if self.verbose:
            print(f"Validation score: {score:f}")
        progress = not score < self.best_validation_score_ + self.tol
        if score > self.best_validation_score_:
            self.best_validation_score_, self._best = score, parameters.copy()
        return progress, "Validation score"

    def _keep(self, trainer: Trainer, design: Design) -> None:
        stack = trainer.stack
        layers = [layer[0] for layer in layers_of(stack.parameters, stack.widths)]
        self.coefs_ = [layer[:-1].copy() for layer in layers]
        self.intercepts_ = [layer[-1].copy() for layer in layers]
        state, step = trainer.updater.state, trainer.updater.step
        self._kept = {
            ("solver", str(design.optimizer)): (state, step, self._schedule),
            ("gradient", str(design.gradient)): tuple(layer.constants for layer in stack.rules),
            "updates": step,
        }

    def adopt(self, coefs: Sequence[Array], intercepts: Sequence[Array], encoding: Any) -> None:
        """Take weights that were trained elsewhere, as if fitted; see `models.load_model`."""
        self.coefs_, self.intercepts_ = list(coefs), list(intercepts)
        self.n_features_in_, self.n_outputs_ = len(coefs[0]), len(intercepts[-1])
        self.n_layers_ = len(coefs) + 1
        self.out_activation_ = self._design().output(self.n_outputs_).name
        self._encoding, self._seed, self._kept = encoding, 0, {}
        self.loss_curve_, self.t_, self.n_iter_ = [], 0, 0
        self._begin_account(first=True)

    def _parameters(self) -> Array:
        layers = zip(self.coefs_, self.intercepts_, strict=True)
        flat = np.concatenate([np.vstack([w, b]).ravel() for w, b in layers])
        return flat.astype(self.dtype)[None]

    def _outputs(self, X: Any) -> Array:
        """Return decoded outputs (n, outputs)."""
        check_is_fitted(self, "coefs_")
        x = validate_data(self, X, dtype=self.dtype, accept_sparse=SPARSE, reset=False)
        with np.errstate(all="ignore"), announced():
            return self._decoded(self._parameters(), dense(x))

    def _decoded(self, parameters: Array, x: Array) -> Array:
        y = outputs(self._design(), parameters, x[None])[0].T
        return self._encoding.decode(np.ascontiguousarray(y))

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that inputs may be sparse."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def dense(x: Any) -> Array:
    """Return inputs (n, d) as an array, if they are a sparse matrix."""
    return x.toarray() if hasattr(x, "toarray") else x
