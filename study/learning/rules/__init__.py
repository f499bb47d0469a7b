"""Gradient rules, the subject of the study: what stands in place of f' in the delta rule.

Each module holds one family. A new rule is a function and a record beside it. Outside of this
folder no code names a rule, except `exact`.
"""

from dataclasses import replace

from study.learning.activations.base import Activation
from study.learning.rules import amounts, chance, removal, shapes
from study.learning.rules.base import Gradient
from study.learning.variants import Variant, resolve

GRADIENTS: dict[str, Gradient] = {
    record.name: record
    for family in (removal, amounts, shapes, chance)
    for record in family.RECORDS
}
EXACT = Variant(GRADIENTS["exact"])


def canonical(variant: Variant[Gradient], activation: Activation) -> Variant[Gradient]:
    """Return the simplest rule that equals `variant` on `activation`, for a cell's identity."""
    values = dict(variant.values)
    if values.get("absolute", False):
        for name, parameter in variant.record.parameters.items():
            if not isinstance(parameter.default, bool | str):
                values[name] = float(values[name]) / activation.largest_slope
        values["absolute"] = False
        variant = replace(variant, values=values)
    for name, parameter in variant.record.parameters.items():
        if parameter.neutral is not None and values[name] == parameter.neutral:
            return EXACT
    same = variant.record.same_as(values, activation) if variant.record.same_as else None
    return canonical(resolve("gradient", GRADIENTS, same), activation) if same else variant
