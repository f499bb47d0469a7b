"""Rules placed at layers, in the form in which the compiled loops know them."""

from typing import Any

import numpy as np

from study.learning import Array, seeds
from study.learning.activations.base import Activation
from study.learning.core.kernels import as_kernel, compiled
from study.learning.core.network import Layer, Units, make_workspace, multiply
from study.learning.objectives import Objective
from study.learning.rules import EXACT
from study.learning.rules.base import Gradient, LayerContext, keep_delta
from study.learning.variants import Variant


def layer_of(
    activation: Activation,
    rule: Variant[Gradient] | None,
    constants: Array,
    keys: Array,
    dtype: Any,
    lowest: int = 0,
) -> Layer:
    """Return the hidden layers, or the output, as the loops know them; for no rule, no factor.

    The rule stands from layer number `lowest` (from 0) on.
    """
    record, values = (rule or EXACT).record, (rule or EXACT).values
    source, steepness = activation, 1.0
    if record.source is not None:
        source, steepness = record.source(LayerContext(activation, False, values))
    return Layer(
        units=units_of(activation, dtype),
        factored=rule is not None,
        factor=as_kernel("factor", record.factor).at(dtype),
        constants=np.ascontiguousarray(constants, dtype=dtype),
        keys=np.ascontiguousarray(keys),
        replace=as_kernel("replace", record.replace).at(dtype),
        recomputes_slope=record.source is not None,
        source=units_of(source, dtype),
        steepness=float(steepness),
        lowest=lowest,
        changes_error=False,
        error=as_kernel("replace", keep_delta).at(dtype),
        error_constants=np.empty(0, dtype),
    )


def with_error(layer: Layer, objective: Objective, output: Activation, dtype: Any) -> Layer:
    """Return the output's layer with the error that the objective starts backwards from."""
    values = objective.bind(**objective.values).values
    if objective.error is None or objective.plain(values):
        return layer
    constants = objective.constants(values, output)
    return layer._replace(
        changes_error=True,
        error=as_kernel("replace", objective.error).at(dtype),
        error_constants=np.array(constants, dtype=dtype),
    )


def units_of(activation: Activation, dtype: Any) -> Units:
    """Return an activation's compiled kernels and constants."""
    return Units(
        as_kernel("value", activation.value).at(dtype),
        as_kernel("slope", activation.slope).at(dtype),
        activation.constants(dtype),
    )


def constants_of(
    rule: Variant[Gradient], layer: LayerContext, net_inputs: Array | None = None
) -> Array:
    """Return the constants of a rule's kernel at a layer, (R or 1, N).

    `net_inputs` (R, units, patterns) are those of the training set at the initial weights, which
    rules that prepare something need.
    """
    fixed = np.array(rule.record.constants(layer), dtype=np.float64)
    if rule.record.prepare is None:
        return fixed[None]
    assert net_inputs is not None, f"{rule} prepares from net inputs"
    prepared = rule.record.prepare(layer, net_inputs)
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
    context = LayerContext(activation, True, rule.values)
    constants = constants_of(rule, context, z[None])[None]
    layer = layer_of(activation, rule, constants, keys_of(rule, [seed], 0)[None], z.dtype)
    work = make_workspace(np.array([1, len(z)]), z.shape[1], z.dtype)
    phi = np.ones_like(z)
    _multiply(phi, z, activation.apply(z), layer, step, work)
    return phi


@compiled
def _multiply(delta, z, y, layer, step, work):
    multiply(delta, z, y, layer, 0, 0, step, work)
