"""What a gradient rule is: its factor φ, the layer where it stands, its record.

    delta = (error) * φ(z)        φ = f' is the chain rule; the other rules replace it

sgn(0) = +1 and 0^0 = 1 throughout. Amounts marked "of m" are multiples of the activation's
largest slope m, unless ``absolute`` is true.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from study.learning import Array
from study.learning.activations.base import Activation
from study.learning.activations.splines import Curve
from study.learning.core.fixed import sums
from study.learning.core.kernels import Kernel, compiled, kernel
from study.learning.variants import Parameter, Record

FAHLMAN_1988 = "Fahlman 1988, CMU-CS-88-162"
THIS_STUDY = "this study"
ABSOLUTE = Parameter(False, "amounts are slopes, not multiples of m")


@dataclass(frozen=True)
class LayerContext:
    """A layer at which a rule stands.

    Parameters
    ----------
    activation
        The layer's activation, bound.
    topmost
        True at the last hidden layer.
    values
        The rule's parameters.
    """

    activation: Activation
    topmost: bool = False
    values: Mapping[str, Any] = field(default_factory=dict)

    def amount(self, name: str) -> float:
        """Return the parameter `name` as a slope: times m, unless ``absolute``."""
        unit = 1.0 if self.values.get("absolute", False) else self.activation.largest_slope
        return float(self.values[name]) * float(unit)


@dataclass(frozen=True)
class Pointwise:
    """φ is a function of z alone, the same for every unit: its integral is a matched activation.

    Parameters
    ----------
    slopes, outputs
        ``slopes(layer)`` and ``outputs(layer)`` give the values of the slope that the rule is
        given, and of y, at which φ bends or jumps, beyond the kinks of the activation itself.
    refusal
        ``refusal(values, activation)`` gives the reason why there is none after all, or "".
    closed
        ``closed(layer)`` gives the integral in closed form, or None where it has none.
    """

    slopes: Callable[[LayerContext], tuple[float, ...]] = lambda layer: ()
    outputs: Callable[[LayerContext], tuple[float, ...]] = lambda layer: ()
    refusal: Callable[[Mapping[str, Any], Activation], str] = lambda values, activation: ""
    closed: Callable[[LayerContext], Curve | None] = lambda layer: None


UNKNOWN = "it is not known to be a function of the net input alone"
PER_REPLICA = "its number differs by training and layer, so no one activation fits"
OF_THE_BATCH = "it depends on the batch, so no function of the net input has it for its slope"
OF_CHANCE = "it is drawn, so no function of the net input has it for its slope"


def _parameters(layer: LayerContext) -> tuple[float, ...]:
    return tuple(float(v) for v in layer.values.values() if not isinstance(v, str))


@kernel("factor")
def keep_slope(z, y, slope, constants, key, step):
    """φ = the slope that the rule is given."""


@kernel("replace")
def keep_delta(z, delta, constants):
    """Leave the delta as it is."""


@dataclass(frozen=True, kw_only=True)
class Gradient(Record):
    """A gradient rule.

    Parameters
    ----------
    factor
        Turns the slope f'(z) into φ. Either an `elementwise` function of any of z, y and slope,
        and then of the constants, that returns φ; or ``factor(z, y, slope, constants, key, step)``
        that writes φ into slope. Arrays are a layer of one replica, (units, patterns); z and y
        must not change. `step` counts updates from 1, and `key` is the replica's random stream
        (see `study.learning.seeds`).
    constants
        ``constants(layer)`` gives the kernels' constants; the parameters unless said.
    prepare
        ``prepare(layer, z)``, called once, before training, with the net inputs of the training
        set at the initial weights, z (R, units, patterns), gives further constants, (R, k).
    source
        ``source(layer)`` gives (g, β) where `slope` is to be g'(β z) instead of f'(z).
    replace
        ``replace(z, delta, constants)`` overwrites deltas, after the factor; or an `elementwise`
        function of any of z and delta, and then of the constants.
    hidden_only
        True where the rule is defined in hidden layers only.
    refusal
        ``refusal(values, activation, units)`` gives the reason why a layer can't have the rule,
        or "".
    matched
        `Pointwise` where φ is a function of z alone, else the reason why no activation has φ for
        its slope (see `study.learning.activations.matched`).
    same_as
        ``same_as(values, activation)`` gives the simpler specification of an identical rule, or
        None.
    """

    registry = ("study.learning.rules", "GRADIENTS")

    factor: Kernel | Callable[..., None] = keep_slope
    constants: Callable[[LayerContext], tuple[float, ...]] = _parameters
    prepare: Callable[[LayerContext, Array], Array] | None = None
    source: Callable[[LayerContext], tuple[Activation, float]] | None = None
    replace: Kernel | Callable[..., None] = keep_delta
    hidden_only: bool = False
    refusal: Callable[[Mapping[str, Any], Activation, int], str] | None = None
    matched: Pointwise | str = UNKNOWN
    same_as: Callable[[Mapping[str, Any], Activation], Any] | None = None


@compiled
def mean_of(block):
    """Mean of a matrix, summed in float64."""
    total = 0.0
    for j in range(block.shape[0]):
        for n in range(block.shape[1]):
            total += block[j, n]
    return block.dtype.type(total / block.size)


def initial_mean(layer: LayerContext, z: Array) -> Array:
    """Prepare the mean of f' over the training set and the units, (R, 1)."""
    slope = layer.activation.apply_slope(z)
    return sums(slope.reshape(len(z), -1))[:, None] / slope[0].size
