"""What the published tasks say of an estimator and its data."""

from typing import TYPE_CHECKING, Any

from sklearn.base import clone

from study.errors import UsageError
from study.places import ROOT

if TYPE_CHECKING:
    from study.harm.forecast import Forecast


def harm(net: Any, X: Any, y: Any, noise: float, exact_early: float | None) -> "Forecast":
    """Return what removal, a floor and an offset did on tasks like this; see `predict_harm`."""
    try:
        from study.harm.forecast import facts, forecast
    except ModuleNotFoundError as error:
        raise UsageError(
            f"predict_harm needs {error.name}: pip install 'delta-rule-study[study]'"
        ) from None
    if not 0 <= noise <= 1 or (exact_early is not None and not 0 <= exact_early <= 1):
        raise UsageError("noise and exact_early take shares from 0 to 1")
    fresh = clone(net)  # looking at data must not change what was fitted
    x, targets = fresh._checked(X, y, incremental=False, first=True)
    if fresh._task == "multilabel":
        raise UsageError("no published task has several labels: predict_harm takes one a pattern")
    design = fresh._design()
    patterns = len(x) - fresh._held_back(len(x), False)
    size = fresh._batch_size(design, patterns)
    task = facts(
        kind=fresh._task,
        patterns=patterns,
        inputs=x.shape[1],
        outputs=targets.shape[1],
        hidden=design.hidden,
        batch_size=size,
        updates=fresh.max_iter * -(-patterns // size),
        objective=design.objective.name,
        activation=design.activation.name,
        gain=1.0,  # of the starting weights, which are scikit-learn's
        noise=noise,
        exact_early=exact_early,
    )
    return forecast(task, ROOT)
