"""Controls: rules that must fail, without which the success of others would say little."""

from __future__ import annotations

from study.learning.core.kernels import elementwise, kernel
from study.learning.rules.base import OF_CHANCE, THIS_STUDY, Gradient
from study.learning.seeds import stream, uniform


@elementwise
def _frozen():
    return 0


@elementwise
def _negated_top(slope, sign):
    return slope * sign


@kernel("factor")
def _random_sign(z, y, slope, constants, key, step):
    base, half = stream(key, step), 0.5
    for j in range(slope.shape[0]):
        for n in range(slope.shape[1]):
            if uniform(base, j, n) < half:
                slope[j, n] = -slope[j, n]


RECORDS = (
    Gradient(
        name="frozen",
        formula="φ = 0: hidden layers do not learn",
        reference=THIS_STUDY + ": the baseline that a rule must beat to work",
        family="control",
        factor=_frozen,
        hidden_only=True,
        matched="it would be a constant: a net without inputs",
    ),
    Gradient(
        name="negated_top",
        formula="φ = -f'(z) at the topmost hidden layer, f'(z) below it",
        reference=THIS_STUDY + ": reverses every hidden gradient, must fail",
        label="negated at the top",
        family="control",
        factor=_negated_top,
        constants=lambda layer: (-1.0 if layer.topmost else 1.0,),
        hidden_only=True,
        matched="it differs from layer to layer",
    ),
    Gradient(
        name="random_sign",
        formula="φ = f'(z) or -f'(z), by a fair coin, afresh each update",
        reference=THIS_STUDY + ": must not beat frozen",
        label="random sign",
        family="control",
        factor=_random_sign,
        matched=OF_CHANCE,
    ),
)
