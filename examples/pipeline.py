"""The estimator in a scikit-learn pipeline: each rule at its own learning rate, cross-validated.

Run it with ``python pipeline.py``. It needs numpy, numba and scikit-learn alone.
"""

from typing import Any

from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from study import DeltaRuleClassifier, Gradient, elementwise


@elementwise  # compiled; called with f' of every unit and example
def root(slope: float) -> float:
    """Return the root of the slope's size."""
    return abs(slope) ** 0.5


rooted = Gradient(name="rooted", formula="φ = √|f'|", reference="mine", factor=root)
RULES = ("exact", "removed", {"floor": {"minimum": 0.01}}, rooted)


def compare(folds: int = 5) -> dict[str, Any]:
    """Return the accuracies of the outer folds by rule; the inner folds choose the rate."""
    inputs, classes = load_breast_cancer(return_X_y=True)
    found = {}
    for rule in RULES:
        net = DeltaRuleClassifier(
            (16,), "tanh", gradient=rule, solver="momentum", tol=0.01, random_state=0
        )
        steps = Pipeline([("scale", StandardScaler()), ("net", net)])
        rates = {"net__learning_rate_init": [0.01, 0.03, 0.1]}
        search = GridSearchCV(steps, rates, cv=3)
        name = str(getattr(rule, "name", rule))
        found[name] = cross_val_score(search, inputs, classes, cv=folds)
    return found


if __name__ == "__main__":
    for name, scores in compare().items():
        print(f"{name}: accuracy {scores.mean():.3f} ({scores.min():.3f} to {scores.max():.3f})")
