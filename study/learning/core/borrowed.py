"""Views of arrays for compiled loops, at the cost of a few instructions.

numba's own slices and reshapes count references and check shapes, which for layers of a few dozen
units takes longer than the arithmetic. These do neither: whoever calls holds the array for as
long as the view is used, and answers for the shape.
"""

from typing import Any

from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array


def _view(context: Any, builder: Any, kind: Any, data: Any, shape: list[Any]) -> Any:
    view = context.make_array(kind)(context, builder)
    size = context.get_abi_sizeof(context.get_data_type(kind.dtype))
    itemsize = context.get_constant(types.intp, size)
    strides: list[Any] = []
    step = itemsize
    for length in reversed(shape):
        strides.insert(0, step)
        step = builder.mul(step, length)
    populate_array(
        view,
        data=data,
        shape=shape,
        strides=strides,
        itemsize=itemsize,
        meminfo=None,
        parent=None,
    )
    return view._getvalue()


def _whole(context: Any, builder: Any, kind: Any, number: Any) -> Any:
    return context.cast(builder, number, kind, types.intp)


@intrinsic
def matrix(typing: Any, array: Any, start: Any, rows: Any, columns: Any) -> Any:
    """View `rows` × `columns` entries of a contiguous array, from entry `start` on."""
    kind = types.Array(array.dtype, 2, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = context.make_array(array)(context, builder, arguments[0])
        first, *shape = (
            _whole(context, builder, kind, argument)
            for kind, argument in zip(signature.args[1:], arguments[1:], strict=True)
        )
        data = builder.gep(source.data, [first])
        return _view(context, builder, kind, data, shape)

    return kind(array, start, rows, columns), generate


@intrinsic
def borrowed(typing: Any, array: Any) -> Any:
    """View a contiguous array as it is."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = context.make_array(array)(context, builder, arguments[0])
        shape = [builder.extract_value(source.shape, i) for i in range(array.ndim)]
        return _view(context, builder, array, source.data, shape)

    return array(array), generate


@intrinsic
def line(typing: Any, array: Any) -> Any:
    """View a contiguous array as one line."""
    kind = types.Array(array.dtype, 1, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = context.make_array(array)(context, builder, arguments[0])
        return _view(context, builder, kind, source.data, [source.nitems])

    return kind(array), generate


@intrinsic
def row(typing: Any, array: Any, index: Any) -> Any:
    """View ``array[index]`` of a contiguous array."""
    kind = types.Array(array.dtype, array.ndim - 1, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = context.make_array(array)(context, builder, arguments[0])
        shape = [builder.extract_value(source.shape, i) for i in range(1, array.ndim)]
        first = _whole(context, builder, index, arguments[1])
        for length in shape:
            first = builder.mul(first, length)
        return _view(context, builder, kind, builder.gep(source.data, [first]), shape)

    return kind(array, index), generate
