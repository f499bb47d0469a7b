"""Activations, by name. A new one is a record in one of these modules."""

from typing import Any

from study.learning.activations import rectifying, squashing
from study.learning.activations.base import Activation
from study.learning.variants import Variant, resolve

ACTIVATIONS: dict[str, Activation] = {
    record.name: record for module in (squashing, rectifying) for record in module.RECORDS
}


def bound_activation(spec: Any) -> Activation:
    """Find and bind an activation by its specification (see `variants.resolve`)."""
    variant: Variant[Activation] = resolve("activation", ACTIVATIONS, spec)
    return variant.record.bind(**variant.values)
