"""What a training receives."""

from dataclasses import dataclass

from study.learning import Array


@dataclass(frozen=True, eq=False)
class Data:
    """A dataset, ready for training: float64, C order.

    Parameters
    ----------
    inputs, test_inputs
        Shapes (n, d) and (m, d), standardised by the training part.
    targets, test_targets
        Shapes (n, k) and (m, k). Classification: 0/1 indicators, a column a class in ascending
        order of the labels, and for two classes one column, 1 for the larger label. Multilabel:
        0/1. Regression: standardised by the training part.
    name
        The record's name.
    task
        ``"classification"``, ``"multilabel"`` or ``"regression"``.
    solved_below
        Solved means (L - L*) / (L_const - L*) <= solved_below on the training part.
    digest
        64 hex digits over everything that decides these arrays, the seed apart.
    labels
        (classes,) what the classes are called in the raw data, ascending; empty for other tasks.
    raw_inputs, raw_targets
        (mean, deviation) of the raw columns of the training part, where x becomes (x - mean) /
        deviation; the deviation of a constant column is infinite. Empty where nothing changes.
    """

    inputs: Array
    targets: Array
    test_inputs: Array
    test_targets: Array
    name: str = "small"
    task: str = "classification"
    solved_below: float = 0.05
    digest: str = ""
    labels: tuple[float, ...] = ()
    raw_inputs: tuple[Array, ...] = ()
    raw_targets: tuple[Array, ...] = ()
