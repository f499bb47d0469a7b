"""Rules placed at layers, in the form in which the compiled loops know them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.learning import seeds
from study.learning.activations.base import Activation
from study.learning.core.kernels import as_kernel, compiled
from study.learning.core.network import Layer, make_room, multiply
from study.learning.rules import EXACT
from study.learning.rules.base import Gradient, Site, keep_signal
from study.learning.variants import Variant

Array = NDArray[Any]


def layer_of(
    activation: Activation,
    rule: Variant[Gradient] | None,
    numbers: Array,
    keys: Array,
    dtype: Any,
) -> Layer:
    """Return the hidden layers, or the output, as the loops know them.

    Parameters
    ----------
    activation
        Of the units, bound.
    rule
        What stands there, None for no factor at all.
    numbers, keys
        The rule's numbers (depth, R, N) and random streams (depth, R); see `numbers_of` and
        `keys_of`.
    dtype
        float32 or float64.
    """
    record, values = (rule or EXACT).record, (rule or EXACT).values
    source, steepness = activation, 1.0
    if record.source is not None:
        source, steepness = record.source(Site(activation, False, values))
    return Layer(
        value=as_kernel("value", activation.value).at(dtype),
        slope=as_kernel("slope", activation.slope).at(dtype),
        numbers=activation.constants(dtype),
        factored=rule is not None,
        factor=as_kernel("factor", record.factor).at(dtype),
        rule_numbers=np.ascontiguousarray(numbers, dtype=dtype),
        keys=np.ascontiguousarray(keys),
        replaces=record.replace is not None,
        replace=as_kernel("replace", record.replace or keep_signal).at(dtype),
        remade=record.source is not None,
        source_value=as_kernel("value", source.value).at(dtype),
        source_slope=as_kernel("slope", source.slope).at(dtype),
        source_numbers=source.constants(dtype),
        steepness=float(steepness),
    )


def numbers_of(rule: Variant[Gradient], site: Site, net_inputs: Array | None = None) -> Array:
    """Return what a rule's kernel gets as numbers, (R or 1, N).

    `net_inputs` (R, units, patterns) are those of the training set at the initial weights, which
    rules that prepare something need.
    """
    fixed = np.array(rule.record.numbers(site), dtype=np.float64)
    if rule.record.prepare is None:
        return fixed[None]
    assert net_inputs is not None, f"{rule} prepares from net inputs"
    prepared = rule.record.prepare(site, net_inputs)
    return np.concatenate([np.tile(fixed, (len(prepared), 1)), prepared], axis=1)


def keys_of(rule: Variant[Gradient], replicas: list[int], layer: int) -> Array:
    """Return a rule's random streams at a layer (from 0) for replicas of these seeds, (R,)."""
    return seeds.stream_keys(replicas, f"{rule.name}/{layer + 1}")


def factor_of(
    rule: Variant[Gradient], activation: Activation, z: Array, seed: int = 0, step: int = 1
) -> Array:
    """Return φ of one layer for net inputs z (units, patterns), as at the topmost hidden layer.

    What the rule prepares, it prepares from z itself.
    """
    z = np.ascontiguousarray(z)
    site = Site(activation, True, rule.values)
    numbers = numbers_of(rule, site, z[None])[None]
    here = layer_of(activation, rule, numbers, keys_of(rule, [seed], 0)[None], z.dtype)
    room = make_room(np.array([1, len(z)]), z.shape[1], z.dtype)
    phi = np.ones_like(z)
    _multiply(phi, z, activation.apply(z), here, step, room)
    return phi


@compiled
def _multiply(delta, z, y, here, step, room):
    multiply(delta, z, y, here, 0, 0, step, room)
