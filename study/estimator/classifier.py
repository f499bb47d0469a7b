"""The classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from sklearn.utils.validation import column_or_1d, validate_data

from study.errors import UsageError
from study.estimator.base import SPARSE, DeltaRuleEstimator, dense
from study.learning import Array
from study.learning.core.fixed import log


class DeltaRuleClassifier(ClassifierMixin, DeltaRuleEstimator):
    """A multi-layer perceptron for classification with a gradient rule in place of f'.

    With ``gradient="exact"`` it is scikit-learn's MLPClassifier, to rounding: the same starting
    weights, order of samples, batches and stopping for the same ``random_state``. Names that
    both have mean the same and have the same default. What is left out is L-BFGS, with `max_fun`.

    Parameters
    ----------
    hidden_layer_sizes
        Widths of the hidden layers.
    activation
        Of the hidden units: a name (``study list activations``), a name with parameters such as
        ``{"leaky_relu": {"slope": 0.1}}``, or a record of one's own.
    gradient
        The gradient rule, which says what stands in place of the activation's derivative: a name
        (``study list gradients``), a name with parameters such as
        ``{"floor": {"minimum": 0.1}}``, or a record.
    gradient_location
        The layers that have the rule: "hidden", "output", "all", or "last_2" for the last two
        hidden layers. Output units can have it under the objective "squared_error" only.
    consistent
        "true": hidden units compute the matched activation F, whose derivative is what the rule
        says. "forward": the same, with the old derivative. "false": they compute `activation`.
    objective
        "auto" is "cross_entropy", and "unit_cross_entropy" for several labels a pattern.
        "squared_error" has squashed outputs, the delta rule's own.
    solver
        Name of an optimizer ("sgd", "adam", "rmsprop", ...), with parameters or not, or a record.
        "sgd" is scikit-learn's, which has Nesterov's momentum. The plain delta rule, the study's
        sgd, is "sgd" with ``momentum=0``.
    alpha
        Strength of the penalty ½ α Σ w² / (patterns in the batch); biases are left out.
    batch_size
        Patterns in a batch; "auto" is the smaller of 200 and all, or all where the solver needs
        that (rprop, quickprop).
    learning_rate, learning_rate_init, power_t
        The rate η, and what becomes of it after an epoch, t patterns having been seen in all.
        "constant": nothing. "invscaling": η / (t + 1)^power_t. "adaptive": a fifth of it instead
        of stopping, until it is 1e-6. Others than sgd, momentum and nesterov have constant rates.
    max_iter
        Epochs, at most.
    shuffle
        Take the patterns in a new order each epoch.
    random_state
        Of starting weights, order, and random gradients.
    tol, n_iter_no_change
        Training stops once the loss did not fall by `tol` for so many epochs together.
    early_stopping, validation_fraction
        Hold back this share of the patterns. Training stops once their score does not rise by
        `tol`, and the weights with the best score are kept.
    verbose
        Print the loss of each epoch.
    warm_start
        Let `fit` go on from the weights there are, as a new training.
    momentum, beta_1, beta_2, epsilon
        Of the solvers with these parameters and scikit-learn's defaults for them: sgd, momentum,
        nesterov, adam, rmsprop.
    nesterovs_momentum
        Whether the momentum of "sgd" is Nesterov's.
    dtype
        "float64" or "float32".
    coef_init, intercept_init
        Starting weights [(n_in, n_out), ...] and biases [(n_out,), ...], instead of drawn ones.

    Attributes
    ----------
    classes_
        The labels.
    coefs_, intercepts_
        Weights (n_in, n_out) and biases (n_out,) of each layer.
    loss_curve_, loss_, best_loss_
        The loss of each epoch, averaged over its batches before each update; the last and the
        least (None with early stopping). It is the objective's mean over patterns plus the
        penalty.
    validation_scores_, best_validation_score_
        The accuracy on what was held back, after each epoch, and the best; None without it.
    n_iter_, t_
        Epochs of the last fit; patterns seen in all.
    n_layers_, n_outputs_, out_activation_
        Layers with inputs and outputs; outputs; the output units' activation.
    n_features_in_, feature_names_in_
        Inputs, and their names where `X` had any.

    Notes
    -----
    Sample weights weigh errors: a batch's loss is Σ w L / Σ w. Means over patterns that some rules
    take have no weights. Weights cost one more forward pass.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from study.estimator import DeltaRuleClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> net = DeltaRuleClassifier((8,), "tanh", gradient={"floor": {"minimum": 0.1}},
    ...                           learning_rate_init=0.02, random_state=0)
    >>> net.fit(X, y).score(X, y) > 0.9
    True
    """

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> DeltaRuleClassifier:
        """Train for one more epoch on these patterns; the optimizer keeps its state.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`; `y` need not hold all classes.
        classes
            All the classes there will be; needed in the first call.

        Returns
        -------
        The estimator.
        """
        if hasattr(self, "classes_"):
            if classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
                raise ValueError(f"classes are {self.classes_} since the first call")
        elif classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        else:
            multilabel = type_of_target(y).startswith("multilabel")
            self._learn_classes(y if multilabel else classes)
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> Array:
        """Return the class of each pattern of X (n, d), (n,); 0/1 labels (n, labels)."""
        return self._predicted(self._outputs(X))

    def predict_proba(self, X: Any) -> Array:
        """Return probabilities, (n, classes).

        With another objective than a cross-entropy they are the outputs between the two target
        values, as shares: least squares estimates them, too.
        """
        p = np.clip(self._outputs(X), 0.0, 1.0)
        if p.shape[1] == 1:
            return np.hstack([1.0 - p, p])
        if self._task == "multilabel" or self.out_activation_ == "softmax":
            return p
        total = p.sum(axis=1, keepdims=True)
        return np.where(total > 0.0, p / np.where(total > 0.0, total, 1.0), 1.0 / p.shape[1])

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of `predict_proba`."""
        shares = self.predict_proba(X)
        return log(shares).astype(shares.dtype)

    def _checked(self, X: Any, y: Any, incremental: bool, first: bool) -> tuple[Array, Array]:
        given = {"dtype": self.dtype, "accept_sparse": SPARSE, "multi_output": True}
        x, y = validate_data(self, X, y, **given, reset=first)
        check_classification_targets(y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not incremental and first:
            self._learn_classes(y)
        unexpected = set(unique_labels(y)) ^ set(self.classes_)
        if incremental:
            unexpected -= set(self.classes_)
        if unexpected:
            raise ValueError(
                f"y has the classes {unique_labels(y)}, the network {self.classes_}; to go on, "
                f"they must be {'among these' if incremental else 'the same'}"
            )
        targets: Array = self._label_binarizer.transform(y)
        if not first and targets.shape[1] != self.n_outputs_:
            raise UsageError(f"y has {targets.shape[1]} labels, the network {self.n_outputs_}")
        return dense(x), targets.astype(np.float64)

    def _predicted(self, outputs: Array) -> Array:
        y = outputs.ravel() if outputs.shape[1] == 1 else outputs
        return self._label_binarizer.inverse_transform(y)

    def _score(self, targets: Array, predicted: Array, weights: Array | None) -> float:
        return accuracy_score(self._predicted(targets), predicted, sample_weight=weights)

    def _learn_classes(self, y: Any) -> None:
        self._label_binarizer = LabelBinarizer().fit(y)
        self.classes_ = self._label_binarizer.classes_

    @property
    def _task(self) -> str:
        kind = self._label_binarizer.y_type_
        return "multilabel" if kind.startswith("multilabel") else "classification"

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that a pattern may have several labels."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
