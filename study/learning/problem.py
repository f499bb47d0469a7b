"""Data, and the problem they are: inputs and encoded targets of one data set, or one a seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from study.errors import UsageError
from study.learning import Array
from study.learning.activations.base import Activation
from study.learning.core.fixed import sums
from study.learning.data import Data
from study.learning.objectives import Objective


@dataclass(frozen=True)
class Encoding:
    """How targets t are put into the output's range: low + (high - low) (t - least) / span."""

    low: float = 0.0  # the two target values of the output
    high: float = 1.0
    least: Any = 0.0  # what becomes `low`: a number, or (outputs,)
    span: Any = 1.0  # how far it is from there to what becomes `high`

    def encode(self, targets: Array) -> Array:
        """Return targets (..., outputs) in the output's range."""
        return self.low + (self.high - self.low) * ((targets - self.least) / self.span)

    def decode(self, outputs: Array) -> Array:
        """Return outputs (..., outputs) in the range of the targets."""
        return self.least + self.span * ((outputs - self.low) / (self.high - self.low))


def encoding_of(task: str, targets: Array, objective: Objective, output: Activation) -> Encoding:
    """Return how the targets (n, outputs) of a training part are encoded; see `pose`."""
    if not objective.output_factor:
        return Encoding()
    low, high = output.bounds if objective.ends else output.targets or (0.0, 1.0)
    if task != "regression":
        return Encoding(low, high)
    span = np.ptp(targets, axis=0)
    return Encoding(low, high, targets.min(axis=0), np.where(span > 0.0, span, 1.0))


@dataclass(frozen=True)
class Problem:
    """Data posed for an objective. D is 1 where all seeds share the data, else one per seed.

    Parameters
    ----------
    inputs, targets
        (D, n, d) and (D, n, outputs), training part; targets encoded into the output's range.
    test_inputs, test_targets
        (D, m, d) and (D, m, outputs).
    task
        "classification", "multilabel" or "regression".
    threshold, span
        Midpoint and distance of the two encoded target values, where a target is one of two.
    constant
        L_const (D,): the objective of the best constant output on the training part. Where all
        targets are equal, which a constant solves, that of the other target value instead (0.1 or
        0.9 where target values are 0 and 1): crossing the middle then leaves a quarter of a
        squared error.
    optimum
        L* (D,): the objective of the best output for each distinct input; 0 but for identical
        inputs with different targets.
    solved_below
        Solved means (L - L*) <= solved_below (L_const - L*).
    """

    inputs: Array
    targets: Array
    test_inputs: Array
    test_targets: Array
    task: str
    threshold: float
    constant: Array
    optimum: Array
    solved_below: float
    span: float = 1.0

    @property
    def widths(self) -> tuple[int, int]:
        """Numbers of inputs and outputs."""
        return self.inputs.shape[2], self.targets.shape[2]


def pose(data: Sequence[Data], objective: Objective, output: Activation) -> Problem:
    """Encode data sets (one for all seeds, or one a seed) for an objective.

    0/1 indicators become the two target values of the output activation (±0.8 for tanh, 0.1 and
    0.9 for logistic in `squared_error`; 0 and 1 in the cross-entropies and with linear outputs;
    the bounds of the output in `unit_squared_error`).
    Real targets stay, but where the output is squashed their range over the training part is
    mapped linearly onto those two values.

    Raises
    ------
    UsageError
        If the objective does not fit the task.
    """
    task = data[0].task
    if task not in objective.tasks:
        raise UsageError(
            f"objective {objective.name!r} does not fit {data[0].name!r}: that is {task}, "
            f"not {' or '.join(objective.tasks)}"
        )
    encodings = [encoding_of(task, d.targets, objective, output) for d in data]
    targets = np.stack([e.encode(d.targets) for e, d in zip(encodings, data, strict=True)])
    tests = [e.encode(d.test_targets) for e, d in zip(encodings, data, strict=True)]
    inputs = np.stack([d.inputs for d in data])
    groups = [np.unique(x, axis=0, return_inverse=True)[1].reshape(-1) for x in inputs]
    one = np.zeros(inputs.shape[1], dtype=np.intp)
    return Problem(
        inputs=inputs,
        targets=targets,
        test_inputs=np.stack([d.test_inputs for d in data]),
        test_targets=np.stack(tests),
        task=task,
        threshold=0.5 * (encodings[0].low + encodings[0].high),
        constant=np.array(
            [
                _best_constant(objective, t, one)
                if np.ptp(t, axis=0).any()
                else _other(objective, t, encodings[0].low, encodings[0].high)
                for t in targets
            ]
        ),
        optimum=np.array(
            [_best_constant(objective, t, g) for t, g in zip(targets, groups, strict=True)]
        ),
        solved_below=data[0].solved_below,
        span=encodings[0].high - encodings[0].low,
    )


def unscored(inputs: Array, targets: Array, task: str) -> Problem:
    """Pose inputs (n, d) and encoded targets (n, outputs) for training alone.

    There is no test part, and what scores are measured by is NaN.
    """
    nothing = np.full(1, np.nan)
    return Problem(
        inputs=inputs[None],
        targets=targets[None],
        test_inputs=inputs[None, :0],
        test_targets=targets[None, :0],
        task=task,
        threshold=np.nan,
        constant=nothing,
        optimum=nothing,
        solved_below=np.nan,
    )


def _mean(terms: Array) -> float:
    """Sum over outputs, mean over patterns."""
    return float(sums(sums(terms))) / len(terms)


def _other(objective: Objective, targets: Array, low: float, high: float) -> float:
    """Objective when every output has the other one of the two target values."""
    other = low + high - targets
    if not objective.output_factor:
        other = np.clip(other, low + 0.1 * (high - low), high - 0.1 * (high - low))
    return _mean(objective.constant_terms(targets, other))


def _best_constant(objective: Objective, targets: Array, group: Array) -> float:
    """Objective when every group of patterns gets the one output that is best for it."""
    counts = np.bincount(group)
    if len(counts) == len(group):
        return _mean(objective.constant_terms(targets, targets))
    totals = np.stack([np.bincount(group, weights=column) for column in targets.T], axis=1)
    mean = (totals / counts[:, None])[group]
    return _mean(objective.constant_terms(targets, mean))
