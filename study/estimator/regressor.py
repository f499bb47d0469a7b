"""The regressor."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils.validation import column_or_1d, validate_data

from study.errors import UsageError
from study.estimator.base import SPARSE, DeltaRuleEstimator, dense
from study.learning import Array


class DeltaRuleRegressor(RegressorMixin, DeltaRuleEstimator):
    """A multi-layer perceptron for regression with a gradient rule in place of f'.

    With ``gradient="exact"`` it is scikit-learn's MLPRegressor, to rounding: the same starting
    weights, order of samples, batches and stopping for the same ``random_state``. Names that
    both have mean the same and have the same default. In place of `loss` there is `objective`.

    Parameters
    ----------
    objective
        ``"auto"`` is ``"linear_squared_error"``, ½ Σ_k (z_k - t_k)² with linear outputs.
        ``"squared_error"`` has squashed outputs, onto which the range of the first `y` is mapped.
    others
        As in `DeltaRuleClassifier`.

    Attributes
    ----------
    coefs_, intercepts_
        Weights (n_in, n_out) and biases (n_out,) of each layer.
    loss_curve_, loss_, best_loss_
        The loss of each epoch, averaged over its batches before each update; the last and the
        least (None with early stopping). It is the objective's mean over patterns and outputs
        plus the penalty.
    validation_scores_, best_validation_score_
        R² on what was held back, after each epoch, and the best; None without early stopping.
    n_iter_, t_
        Epochs of the last fit; patterns seen in all.
    n_layers_, n_outputs_, out_activation_
        Layers with inputs and outputs; outputs; the output units' activation.
    n_features_in_, feature_names_in_
        Inputs, and their names where `X` had any.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from study.estimator import DeltaRuleRegressor
    >>> X, y = make_regression(100, 4, random_state=0)
    >>> net = DeltaRuleRegressor(gradient="removed", learning_rate_init=0.02, random_state=0)
    >>> net.fit(X, y / y.std()).score(X, y / y.std()) > 0.9
    True
    """

    _task = "regression"

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> DeltaRuleRegressor:
        """Train for one more epoch on these patterns; the optimizer keeps its state.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        The estimator.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> Array:
        """Return the outputs for patterns X (n, d): (n,), or (n, outputs) for several."""
        return self._predicted(self._outputs(X))

    def _checked(self, X: Any, y: Any, incremental: bool, first: bool) -> tuple[Array, Array]:
        given = {"dtype": self.dtype, "accept_sparse": SPARSE, "multi_output": True}
        x, y = validate_data(self, X, y, **given, y_numeric=True, reset=first)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        targets = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
        if not first and targets.shape[1] != self.n_outputs_:
            raise UsageError(f"y has {targets.shape[1]} outputs, the network {self.n_outputs_}")
        return dense(x), targets

    def _predicted(self, outputs: Array) -> Array:
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    def _score(self, targets: Array, predicted: Array, weights: Array | None) -> float:
        return r2_score(targets, predicted, sample_weight=weights)

    def _reported(self, terms: float) -> float:
        return terms / self.n_outputs_

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that `y` may have several columns."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
