"""How long one wrongly saturated logistic unit takes to come back, by the law of its motion."""

import numpy as np

from study.learning.activations import ACTIVATIONS
from study.learning.core.fixed import GAUSS, exp, sums
from study.learning.core.placement import factor_of
from study.learning.rules.base import Gradient
from study.learning.variants import Variant

PIECES = 256  # of the quadrature: exact to rounding between kinks of φ


def one_unit_law(
    distance: float,
    rate: float,
    rule: Variant[Gradient],
    target: float = 0.9,
    sensitivity: float = 1.0,
    beyond: float = 0.0,
) -> float:
    """Return the time, in updates, that a unit needs from z = -z0 to z = `beyond`.

    Under the plain delta rule z' = η κ (t - y) φ(z), y the logistic function of z, so

        T = ∫ dz / (η κ (t - y) φ(z)),   z from -z0 to 0.

    With φ = f' that is of the order of e^z0, with any φ >= c about z0 / c.

    Parameters
    ----------
    distance
        z0.
    rate
        η; the law is that of small steps.
    rule
        φ. A rule that is drawn, or takes means of a batch, has no such law.
    target
        t.
    sensitivity
        κ = |∂z/∂w|², the squared length of the unit's inputs with its bias; 1 for a bias alone.
    beyond
        Where the time is taken; y = t must lie farther.

    Returns
    -------
    The time; infinite where φ is 0 on the way.
    """
    ends = np.linspace(-distance, beyond, PIECES + 1)
    nodes, weights = GAUSS
    half = 0.5 * (ends[1] - ends[0])
    z = (ends[:-1, None] + half * (1.0 + nodes)).ravel()
    phi = factor_of(rule, ACTIVATIONS["logistic"].bind(), z[None])[0]
    y = 1.0 / (1.0 + exp(-z))
    with np.errstate(divide="ignore"):
        wait = 1.0 / (rate * sensitivity * (target - y) * phi)
    return float(half * sums(wait * np.tile(weights, PIECES)))
