"""Matrix products for small matrices, in one fixed order: the same bits on every processor.

Every entry is one chain of fused multiply-adds over the inner index, in ascending order and from
0. The chains of a tile of c (some rows × one or two vectors) are carried out side by side. How c
is cut into tiles depends on the processor's vectors; what an entry is does not.
"""

import functools
from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from study.learning.core.borrowed import start
from study.learning.core.kernels import OPTIONS, force_inlined
from study.learning.core.processor import SUMS, VECTOR, check_processor

INDEX, LANE = ir.IntType(64), ir.IntType(32)
BLOCK = 128  # rows of a that are used for all of b before the next: they stay in the cache
TURNED = 8  # rows and columns that `transpose` turns at once


def _vector(kind: Any) -> Any:
    """Return the type of the processor's vectors of such numbers."""
    number, size = (ir.FloatType(), 4) if kind == types.float32 else (ir.DoubleType(), 8)
    return ir.VectorType(number, VECTOR // size)


class _Access:
    """Vectors that lie at a pointer, for the code that a builder writes."""

    def __init__(self, builder: Any, pointer: Any, vector: Any) -> None:
        self.builder, self.vector = builder, vector
        self.start = builder.bitcast(pointer, vector.element.as_pointer())
        self.align = 4 if vector.element == ir.FloatType() else 8

    def _place(self, at: Any, lanes: int) -> Any:
        place = self.builder.gep(self.start, [self.builder.add(at, INDEX(lanes))])
        return self.builder.bitcast(place, self.vector.as_pointer())

    def load(self, at: Any, lanes: int = 0, mask: Any = None) -> Any:
        """Load the vector at entry `at` + `lanes`; 0 where it is masked."""
        place = self._place(at, lanes)
        if mask is None:
            found = self.builder.load(place)
            found.align = self.align
            return found
        nothing = ir.Constant(self.vector, None)
        given = [place, LANE(self.align), mask, nothing]
        return _call(self.builder, "masked.load", self.vector, given, ".p0")

    def load_repeated(self, at: Any) -> Any:
        """Load one number into all lanes of a vector."""
        number = self.builder.load(self.builder.gep(self.start, [at]))
        return _repeated(self.builder, number, self.vector.count)

    def store(self, value: Any, at: Any, lanes: int = 0, mask: Any = None) -> None:
        """Store a vector at entry `at` + `lanes`, but for what is masked."""
        place = self._place(at, lanes)
        if mask is None:
            self.builder.store(value, place).align = self.align
        else:
            given = [value, place, LANE(self.align), mask]
            _call(self.builder, "masked.store", self.vector, given, ".p0", ir.VoidType())


def _repeated(builder: Any, number: Any, lanes: int) -> Any:
    nothing = ir.Constant(ir.VectorType(number.type, lanes), ir.Undefined)
    one = builder.insert_element(nothing, number, LANE(0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(LANE, lanes), [0] * lanes))


def _call(
    builder: Any, name: str, vector: Any, given: list[Any], suffix: str = "", kind: Any = None
) -> Any:
    """Call LLVM's function of that name for a type of vectors."""
    letter = "f32" if vector.element == ir.FloatType() else "f64"
    name = f"llvm.{name}.v{vector.count}{letter}{suffix}"
    whole = ir.FunctionType(kind or vector, [value.type for value in given])
    known = builder.module.globals.get(name)
    return builder.call(known or ir.Function(builder.module, whole, name), given)


def _opaque(builder: Any, number: Any) -> Any:
    """Return a number as if it came from nowhere.

    Told that a tile's rows have equal distances, LLVM adds these up one by one in the inner loop,
    which then takes as long as this chain of sums.
    """
    same = ir.InlineAsm(ir.FunctionType(INDEX, [INDEX]), "", "=r,0")
    return builder.call(same, [number])


def _write_tile(function: Any, rows: int, vectors: int) -> None:
    """Write the code of a function that `_tile` describes."""
    vector = function.args[0].type.pointee
    lanes = vector.count
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    a, b, c, down_a, along_a, along_b, down_c, depth, width = function.args
    left, right, into = (_Access(builder, pointer, vector) for pointer in (a, b, c))
    numbers = ir.Constant(ir.VectorType(LANE, lanes), list(range(lanes)))
    last = _repeated(builder, builder.trunc(width, LANE), lanes)
    masks = [None] * (vectors - 1) + [builder.icmp_signed("<", numbers, last)]
    # row i of a begins at first[i % 8]; from row 8 on `further` is added
    first = [_opaque(builder, builder.mul(INDEX(i), down_a)) for i in range(min(rows, 8))]
    further = _opaque(builder, builder.mul(INDEX(8), down_a))
    before = builder.block
    loop, after = builder.append_basic_block("inner"), builder.append_basic_block("end")
    builder.branch(loop)
    builder.position_at_end(loop)
    k = builder.phi(INDEX)
    sums = [[builder.phi(vector) for _ in masks] for _ in range(rows)]
    row, column = builder.mul(k, along_b), builder.mul(k, along_a)
    factors = [right.load(row, j * lanes, mask) for j, mask in enumerate(masks)]
    columns, new = [column, builder.add(column, further)], []
    for i in range(rows):
        factor = left.load_repeated(builder.add(columns[i // 8], first[i % 8]))
        terms = zip(factors, sums[i], strict=True)
        new.append([_call(builder, "fma", vector, [factor, *term]) for term in terms])
    following = builder.add(k, INDEX(1))
    k.add_incoming(INDEX(0), before)
    k.add_incoming(following, loop)
    for phis, values in zip(sums, new, strict=True):
        for phi, value in zip(phis, values, strict=True):
            phi.add_incoming(ir.Constant(vector, None), before)
            phi.add_incoming(value, loop)
    builder.cbranch(builder.icmp_signed("<", following, depth), loop, after)
    builder.position_at_end(after)
    for i in range(rows):
        for j, mask in enumerate(masks):
            into.store(new[i][j], builder.mul(INDEX(i), down_c), j * lanes, mask)
    builder.ret_void()


@functools.cache
def _tile(rows: int, vectors: int) -> Any:
    """Make the function that fills a tile of c: so many rows, of so many vectors each.

    a, b and c are pointers, each with the entry that the tile begins at. `steps` are from row to
    row of a, along the inner index of a, along it of b, and from row to row of c; then the inner
    length. Of the last vector, `last` numbers belong to c.
    """

    @intrinsic
    def tile(
        typing: Any, a: Any, at_a: Any, b: Any, at_b: Any, c: Any, at_c: Any, last: Any, steps: Any
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            vector = _vector(a.dtype)
            name = f"tile_{rows}_{vectors}_{a.dtype}"
            function = builder.module.globals.get(name)
            if function is None:
                kind = ir.FunctionType(ir.VoidType(), [vector.as_pointer()] * 3 + [INDEX] * 6)
                function = ir.Function(builder.module, kind, name)
                function.linkage = "internal"
                function.attributes.add("noinline")  # else all of them would share registers
                _write_tile(function, rows, vectors)
            pointers = [
                builder.bitcast(builder.gep(arguments[i], [arguments[i + 1]]), vector.as_pointer())
                for i in (0, 2, 4)
            ]
            numbers = [builder.extract_value(arguments[7], i) for i in range(5)]
            builder.call(function, [*pointers, *numbers, arguments[6]])
            return context.get_dummy_value()

        return types.void(a, at_a, b, at_b, c, at_c, last, steps), generate

    return tile


_force_inlined = numba.njit(forceinline=True, **OPTIONS)  # uncached: made of closures


def _strip(vectors: int) -> Callable[..., Any]:
    """Make the function that fills a strip of c, of so many vectors, by tiles of some height."""

    @_force_inlined
    def choose(rows, a, at_a, b, at_b, c, at_c, width, steps):
        pass

    for count in range(1, SUMS // vectors + 1):
        choose = _choice(count, _tile(count, vectors), choose)
    most = SUMS // vectors

    @_force_inlined
    def fill(a, at_a, b, at_b, c, at_c, height, width, steps):
        while height > 0:
            rows = most if height >= 2 * most else (height if height <= most else height + 1 >> 1)
            choose(rows, a, at_a, b, at_b, c, at_c, width, steps)
            at_a += rows * steps[0]
            at_c += rows * steps[3]
            height -= rows

    return fill


def _choice(count: int, tile: Any, others: Callable[..., Any]) -> Callable[..., Any]:
    @_force_inlined
    def choose(rows, a, at_a, b, at_b, c, at_c, width, steps):
        if rows == count:
            tile(a, at_a, b, at_b, c, at_c, width, steps)
        else:
            others(rows, a, at_a, b, at_b, c, at_c, width, steps)

    return choose


_narrow, _wide = _strip(1), _strip(2)


def _product(a, down_a, along_a, b, along_b, c, height, width, depth, lanes):
    steps = (down_a, along_a, along_b, width, depth)
    i = 0
    while i < height:
        rows, at_a, at_c, j = min(BLOCK, height - i), i * down_a, i * width, 0
        while j < width - lanes:
            left = min(width - j - lanes, lanes)
            _wide(a, at_a, b, j, c, at_c + j, rows, left, steps)
            j += 2 * lanes
        if j < width:
            _narrow(a, at_a, b, j, c, at_c + j, rows, width - j, steps)
        i += rows


@functools.cache
def product(dtype: str) -> Any:
    """Return the compiled function that `dot` calls.

    It is called through a pointer: compiled once, and not into each loop that uses it.

    Raises
    ------
    UsageError
        On a processor without fused multiply-add.
    """
    check_processor()
    numbers, n = types.CPointer(getattr(types, dtype)), types.int64
    signature = types.void(numbers, n, n, numbers, n, numbers, n, n, n, n)
    return numba.cfunc(signature, cache=True, **OPTIONS)(_product)


@force_inlined
def dot(product, a, b, c):
    """Compute c = a b: c in C order, rows of b contiguous, an inner length of at least 1."""
    size = a.itemsize
    product(
        *(start(a), a.strides[0] // size, a.strides[1] // size, start(b), b.strides[0] // size),
        *(start(c), c.shape[0], c.shape[1], a.shape[1], VECTOR // size),
    )


@intrinsic
def _turn(typing: Any, a: Any, at_a: Any, down_a: Any, c: Any, at_c: Any, down_c: Any) -> Any:
    """Copy the transpose of a square of a to c."""
    n = types.intp

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = ir.VectorType(_vector(a.dtype).element, TURNED)
        source, into = (
            _Access(builder, builder.gep(arguments[i], [arguments[i + 1]]), vector) for i in (0, 3)
        )
        lines = [source.load(builder.mul(INDEX(i), arguments[2])) for i in range(TURNED)]
        block = TURNED // 2
        while block:  # two lines that are `block` apart exchange blocks of so many numbers
            for i in range(TURNED):
                if not i & block:
                    upper, lower = lines[i], lines[i + block]
                    for line, skipped in ((i, 0), (i + block, block)):
                        taken = [
                            (e & ~block) + skipped + (TURNED if e & block else 0)
                            for e in range(TURNED)
                        ]
                        mask = ir.Constant(ir.VectorType(LANE, TURNED), taken)
                        lines[line] = builder.shuffle_vector(upper, lower, mask)
            block //= 2
        for j in range(TURNED):
            into.store(lines[j], builder.mul(INDEX(j), arguments[5]))
        return context.get_dummy_value()

    return types.void(a, n, n, c, n, n), generate


@force_inlined
def transpose(a, c):
    """Copy the transpose of a (m, n) to c (n, m), both in C order."""
    m, n = a.shape
    if min(m, n) < TURNED:
        for i in range(m):
            for j in range(n):
                c[j, i] = a[i, j]
        return
    for i in range(0, m, TURNED):
        i = min(i, m - TURNED)
        for j in range(0, n, TURNED):
            j = min(j, n - TURNED)
            _turn(start(a), i * n + j, n, start(c), j * m + i, m)
