"""The delta rule study: what the factor f'(net) in backpropagation is for.

What one needs for a rule, activation, optimizer, objective or dataset of one's own, and to train
from Python:

- records: `Activation`, `Dataset` (with `Raw`), `Gradient`, `Initialisation`, `Objective`,
  `Optimizer`, and `Parameter` for what they take; `elementwise` compiles a function of numbers
- training: `datasets`, `named_design` or `Design`, `pose`, `Budget`, `train`, `outputs`, `Outcome`
- scikit-learn's interface: `DeltaRuleClassifier`, `DeltaRuleRegressor`
- mistakes in what is asked for: `UsageError`

Examples
--------
A rule of one's own beside the exact gradient, on two moons, three seeds at two learning rates:

>>> from study import Budget, Gradient, datasets, elementwise, named_design, pose, train
>>> @elementwise
... def half(slope):
...     return 0.5 * slope + 0.5
>>> halved = Gradient(name="halved", formula="φ = (f' + 1) / 2", reference="mine", factor=half)
>>> data = datasets.load("moons", seed=0)
>>> for gradient in ("exact", halved):
...     design = named_design((8,), gradient=gradient)
...     problem = pose([data], design.objective, design.output(1))
...     outcome = train(problem, design, Budget(updates=300), seeds=[1, 2, 3], rates=[0.1, 0.3])
...     better = outcome.final_objective < 0.8 * outcome.constant
...     print(gradient if gradient == "exact" else gradient.name, better)
exact [ True  True  True  True  True  True]
halved [ True  True  True  True  True  True]
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from study.datasets import Dataset as Dataset
    from study.datasets import Raw as Raw
    from study.errors import UsageError as UsageError
    from study.estimator import DeltaRuleClassifier as DeltaRuleClassifier
    from study.estimator import DeltaRuleRegressor as DeltaRuleRegressor
    from study.learning.activations.base import Activation as Activation
    from study.learning.core.kernels import elementwise as elementwise
    from study.learning.core.training import Outcome as Outcome
    from study.learning.core.training import outputs as outputs
    from study.learning.core.training import train as train
    from study.learning.design import Budget as Budget
    from study.learning.design import Design as Design
    from study.learning.design import named_design as named_design
    from study.learning.initialisations import Initialisation as Initialisation
    from study.learning.objectives import Objective as Objective
    from study.learning.optimizers import Optimizer as Optimizer
    from study.learning.problem import pose as pose
    from study.learning.rules.base import Gradient as Gradient
    from study.learning.variants import Parameter as Parameter

# name -> module, imported when asked for: numba and scikit-learn take a second, and `study list`
# and whoever imports one module of the package must not wait for them
PUBLIC = {
    "Activation": "study.learning.activations.base",
    "Budget": "study.learning.design",
    "Dataset": "study.datasets",
    "DeltaRuleClassifier": "study.estimator",
    "DeltaRuleRegressor": "study.estimator",
    "Design": "study.learning.design",
    "Gradient": "study.learning.rules.base",
    "Initialisation": "study.learning.initialisations",
    "Objective": "study.learning.objectives",
    "Optimizer": "study.learning.optimizers",
    "Outcome": "study.learning.core.training",
    "Parameter": "study.learning.variants",
    "Raw": "study.datasets",
    "UsageError": "study.errors",
    "elementwise": "study.learning.core.kernels",
    "named_design": "study.learning.design",
    "outputs": "study.learning.core.training",
    "pose": "study.learning.problem",
    "train": "study.learning.core.training",
}


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"module 'study' has no attribute {name!r}")
    return getattr(import_module(PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *PUBLIC})
