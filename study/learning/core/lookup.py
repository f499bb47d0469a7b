"""Look up entries of a table in a loop over a layer's numbers, many at a time.

A compiler that takes eight or sixteen numbers of a layer at once must know that what it writes
into the layer is no entry of the table. These reads and writes say so: the two never overlap.
"""

from typing import Any

from numba import types
from numba.extending import intrinsic

ALIGNMENT = {types.float32: 4, types.float64: 8}


def _address(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [index])


def _marked(builder: Any, instruction: Any, kind: Any, mark: str) -> Any:
    """Say of a read or write that it is of a table (alias.scope), or of none (noalias)."""
    module = builder.module
    scope = module.add_metadata(["a table's entries", module.add_metadata(["study"])])
    instruction.align = ALIGNMENT[kind.dtype]
    instruction.set_metadata(mark, module.add_metadata([scope]))
    return instruction


def _reading(mark: str, array: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found = builder.load(_address(context, builder, array, *arguments))
        return _marked(builder, found, array, mark)

    return array.dtype(array, types.intp), generate


@intrinsic
def entry(typing: Any, table: Any, index: Any) -> Any:
    """Return ``table[index]`` of a contiguous line; the index is 0 or more."""
    return _reading("alias.scope", table)


@intrinsic
def number(typing: Any, layer: Any, index: Any) -> Any:
    """Return ``layer[index]`` of a contiguous line that is no part of a table."""
    return _reading("noalias", layer)


@intrinsic
def set_number(typing: Any, layer: Any, index: Any, value: Any) -> Any:
    """Set ``layer[index]`` of a contiguous line that is no part of a table."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _address(context, builder, layer, *arguments[:2])
        _marked(builder, builder.store(arguments[2], place), layer, "noalias")
        return context.get_dummy_value()

    return types.void(layer, types.intp, layer.dtype), generate
