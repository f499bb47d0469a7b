"""What a gradient modification is: a factor, the place where it stands, its record.

    delta = (error) * φ(z)        φ = f' is the chain rule; everything else is a modification

sgn(0) = +1 and 0^0 = 1 throughout. Amounts marked "of m" are multiples of the activation's
largest slope m, unless ``absolute`` is true.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.learning import seeds
from study.learning.activations import Activation
from study.learning.records import Parameter, Record

Array = NDArray[Any]
Factor = Callable[[Array, Array, Array, "Site", int], "Array | float"]

FAHLMAN_1988 = "Fahlman 1988, CMU-CS-88-162"
THIS_STUDY = "this study"
ABSOLUTE = Parameter(False, "amounts are slopes, not multiples of m")


@dataclass
class Site:
    """A layer at which a factor stands, for a stack of R replicas.

    Parameters
    ----------
    activation
        The layer's activation, bound.
    layer
        1 for the first hidden layer.
    topmost
        True at the last hidden layer.
    replicas
        Seed of each replica, length R.
    rule
        The gradient modification that stands here.
    values
        Its parameters.
    arrays
        What the rule's `prepare` returned, each of shape (R, ...).
    """

    activation: Activation
    layer: int
    topmost: bool
    replicas: list[int]
    rule: Gradient
    values: Mapping[str, Any] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)

    @functools.cached_property
    def keys(self) -> Array:
        """Hash keys of the rule's random stream, shape (R,)."""
        return seeds.stream_keys(self.replicas, f"{self.rule.name}/{self.layer}")

    def amount(self, name: str) -> float:
        """Return the parameter `name` as a slope: times m, unless ``absolute``."""
        unit = 1.0 if self.values.get("absolute", False) else self.activation.largest_slope
        return float(self.values[name]) * float(unit)

    def keep(self, rows: Array) -> Site:
        """Return the site for the replicas `rows` alone."""
        return replace(
            self,
            replicas=[self.replicas[r] for r in rows],
            arrays={name: array[rows] for name, array in self.arrays.items()},
        )


@dataclass(frozen=True, kw_only=True)
class Gradient(Record):
    """A gradient modification.

    Parameters
    ----------
    factor
        ``factor(z, y, slope, site, step) -> φ``: a number, or an array that broadcasts to z's
        shape (R, units, patterns). It must not change z or y; slope = f'(z) is its own to
        overwrite.
    prepare
        ``prepare(site, z) -> {name: array (R, ...)}``, called once, before training, with the
        net inputs of the training set at the initial weights, z (R, units, patterns).
    replace
        ``replace(z, site) -> (mask, value)``: where the mask is true, the value stands in the
        signal's place.
    needs_slope
        False where φ is made without f'(z), which then is not computed.
    hidden_only
        True where the rule is defined in hidden layers alone.
    refusal
        ``refusal(values, activation, units)`` gives the reason why a layer can't have the rule,
        or "".
    same_as
        ``same_as(values, activation)`` gives the simpler specification of an identical rule, or
        None.
    """

    factor: Factor
    prepare: Callable[[Site, Array], dict[str, Array]] | None = None
    replace: Callable[[Array, Site], tuple[Array, float]] | None = None
    needs_slope: bool = True
    hidden_only: bool = False
    refusal: Callable[[Mapping[str, Any], Activation, int], str] | None = None
    same_as: Callable[[Mapping[str, Any], Activation], Any] | None = None


def mean_slope(slope: Array) -> Array:
    """Mean over units and patterns of each replica, (R, 1, 1)."""
    return slope.reshape(len(slope), -1).mean(axis=1).reshape(-1, 1, 1)


def initial_mean(site: Site, z: Array) -> dict[str, Array]:
    """Prepare ``mean``, (R, 1, 1): the mean of f' over the training set and the units."""
    y, slope = np.empty_like(z), np.empty_like(z)
    site.activation.value(z, y)
    site.activation.slope(z, y, slope)
    return {"mean": mean_slope(slope)}
