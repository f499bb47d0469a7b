"""Views of arrays for compiled loops, at the cost of a few instructions.

numba's own slices and reshapes count references and check shapes, which for layers of a few dozen
units takes longer than the arithmetic. These do neither: whoever calls holds the array for as
long as the view is used, and answers for the shape.
"""

from collections.abc import Callable
from typing import Any

from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

Place = Callable[[Any, Any, list[Any]], tuple[Any, list[Any]]]


def _view(context: Any, builder: Any, kind: Any, data: Any, shape: list[Any]) -> Any:
    view = context.make_array(kind)(context, builder)
    size = context.get_abi_sizeof(context.get_data_type(kind.dtype))
    itemsize = context.get_constant(types.intp, size)
    strides: list[Any] = []
    step = itemsize
    for length in reversed(shape):
        strides.insert(0, step)
        step = builder.mul(step, length)
    populate_array(view, data, shape, strides, itemsize, meminfo=None)
    return view._getvalue()


def _part(kind: Any, array: Any, numbers: tuple[Any, ...], place: Place) -> Any:
    """Return an intrinsic's signature and code: a view of this kind of part of an array.

    ``place(builder, source, numbers)`` gives its first entry (None: the array's) and its shape.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = context.make_array(array)(context, builder, arguments[0])
        given = zip(signature.args[1:], arguments[1:], strict=True)
        whole = [context.cast(builder, value, own, types.intp) for own, value in given]
        first, shape = place(builder, source, whole)
        data = source.data if first is None else builder.gep(source.data, [first])
        return _view(context, builder, kind, data, shape)

    return kind(array, *numbers), generate


@intrinsic
def matrix(typing: Any, array: Any, start: Any, rows: Any, columns: Any) -> Any:
    """View `rows` × `columns` entries of a contiguous array, from entry `start` on."""
    kind = types.Array(array.dtype, 2, "C")
    return _part(
        kind, array, (start, rows, columns), lambda builder, source, n: (n[0], [n[1], n[2]])
    )


@intrinsic
def line(typing: Any, array: Any) -> Any:
    """View a contiguous array as one line."""
    kind = types.Array(array.dtype, 1, "C")
    return _part(kind, array, (), lambda builder, source, n: (None, [source.nitems]))


@intrinsic
def row(typing: Any, array: Any, index: Any) -> Any:
    """View ``array[index]`` of a contiguous array."""

    def place(builder: Any, source: Any, numbers: list[Any]) -> tuple[Any, list[Any]]:
        (first,) = numbers
        shape = [builder.extract_value(source.shape, i) for i in range(1, array.ndim)]
        for length in shape:
            first = builder.mul(first, length)
        return first, shape

    return _part(types.Array(array.dtype, array.ndim - 1, "C"), array, (index,), place)


@intrinsic
def borrowed(typing: Any, value: Any) -> Any:
    """View a contiguous array as it is; of a named tuple, every array that is in it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _borrowed(context, builder, value, arguments[0])

    return value(value), generate


def _borrowed(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    if isinstance(kind, types.BaseTuple):
        parts = [
            _borrowed(context, builder, own, builder.extract_value(value, i))
            for i, own in enumerate(kind)
        ]
        return context.make_tuple(builder, kind, parts)
    if not isinstance(kind, types.Array):
        return value
    source = context.make_array(kind)(context, builder, value)
    shape = [builder.extract_value(source.shape, i) for i in range(kind.ndim)]
    return _view(context, builder, kind, source.data, shape)


@intrinsic
def start(typing: Any, array: Any) -> Any:
    """Return the address of an array's first entry."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.make_array(array)(context, builder, arguments[0]).data

    return types.CPointer(array.dtype)(array), generate
