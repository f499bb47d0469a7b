"""Rules that must fail, so that the others' success means something."""

from __future__ import annotations

import numpy as np

from study.learning import seeds
from study.learning.gradients.base import THIS_STUDY, Array, Gradient, Site


def _frozen(z: Array, y: Array, slope: Array, site: Site, step: int) -> float:
    return 0.0


def _negated_top(z: Array, y: Array, slope: Array, site: Site, step: int) -> Array:
    return np.negative(slope, out=slope) if site.topmost else slope


def _random_sign(z: Array, y: Array, slope: Array, site: Site, step: int) -> Array:
    coin = np.empty_like(slope)
    seeds.fill_uniform(coin, site.keys, step, -0.5, 1.0)
    np.copysign(slope.dtype.type(1), coin, out=coin)
    coin *= slope
    return coin


RECORDS = (
    Gradient(
        name="frozen",
        formula="φ = 0: hidden layers do not learn",
        reference=THIS_STUDY + ": the baseline that a rule must beat to work",
        family="control",
        factor=_frozen,
        needs_slope=False,
        hidden_only=True,
    ),
    Gradient(
        name="negated_top",
        formula="φ = -f'(z) at the topmost hidden layer, f'(z) below it",
        reference=THIS_STUDY + ": reverses every hidden gradient, must fail",
        label="negated at the top",
        family="control",
        factor=_negated_top,
        hidden_only=True,
    ),
    Gradient(
        name="random_sign",
        formula="φ = ±f'(z), a fair coin a pattern, unit, layer and update",
        reference=THIS_STUDY + ": must not beat frozen",
        label="random sign",
        family="control",
        factor=_random_sign,
    ),
)
