"""Kernels: the small loops that records are made of, compiled on first use and kept on disk.

A kernel works on one replica's layer (or parameters). The training loop calls it through a
pointer, so one compiled training loop serves every activation, rule, objective and optimizer.

A kernel has one of two forms.

- `elementwise`: a function of one net input, output or slope that returns one number. The loop
  over the layer is made from it. Arguments are told apart by their names: those in
  `Family.elements` are numbers of the layer, any others are the record's constants, in order.
- whole-layer: a plain function with the arguments of its family, for what needs rows, columns or
  chance. It writes its result into an array, by loops or numpy expressions.
"""

import functools
import hashlib
import inspect
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import types
from numba.core import ir
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.untyped_passes import IRProcessing

from study.errors import UsageError
from study.learning.core import caching as caching  # before anything is compiled
from study.learning.core.borrowed import line


@register_pass(mutates_CFG=False, analysis_only=False)
class _WeakNumbers(FunctionPass):
    """Give numbers written in a function the type of its arguments, where numba takes float64."""

    _name = "weak_numbers"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: Any) -> bool:
        if types.float32 not in state.args:
            return False
        for block in state.func_ir.blocks.values():
            for statement in block.find_insts(ir.Assign):
                value = statement.value
                if isinstance(value, ir.Const | ir.Global | ir.FreeVar):
                    if type(value.value) in (int, float):
                        value.value = np.float32(value.value)
        return True


class _Elementwise(CompilerBase):
    def define_pipelines(self) -> list[Any]:
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(_WeakNumbers, IRProcessing)
        passes.finalize()
        return [passes]


OPTIONS = {"error_model": "numpy"}  # nothing that would let LLVM round otherwise
compiled = numba.njit(cache=True, **OPTIONS)
force_inlined = numba.njit(cache=True, forceinline=True, **OPTIONS)
inlined = numba.njit(cache=True, inline="always", **OPTIONS)
elementwise = numba.njit(forceinline=True, pipeline_class=_Elementwise, **OPTIONS)


def settled(function: Any, *arguments: Any) -> Callable[..., Any]:
    """Return a `compiled` function's code for arguments of just these types.

    numba looks at every argument's type at every call, which for layers, structures of kernels,
    takes a millisecond. Whoever calls what is returned answers for the types.
    """
    return function.compile(tuple(map(function.typeof_pyval, arguments)))


ARGUMENTS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("z", "y", "out", "slope", "delta", "t", "state"), lambda t: t[:, ::1]),
    **dict.fromkeys(("constants", "w", "g"), lambda t: t[::1]),
    "rate": lambda t: t,
    "key": lambda t: types.uint64,
    "step": lambda t: types.int64,
}
"""Argument of a kernel -> its compiled type, for layers and parameters of type t."""


class Family(NamedTuple):
    """What the kernels of one kind are called with.

    A whole-layer kernel writes into some of its arguments, and leaves all others as they are (but
    for the gradient `g`). One that writes into none returns a number.
    """

    arguments: tuple[str, ...]  # names, of the whole-layer form
    written: tuple[str, ...]  # those that it writes into
    elements: tuple[str, ...]  # of the elementwise form: numbers of the layer; () has no such form

    def signature(self, dtype: str) -> Any:
        """Return the compiled signature for float32 or float64."""
        given = (ARGUMENTS[name](getattr(types, dtype)) for name in self.arguments)
        return (types.void if self.written else types.float64)(*given)


FAMILIES = {
    "value": Family(("z", "out", "constants"), ("out",), ("z",)),
    "slope": Family(("z", "y", "out", "constants"), ("out",), ("z", "y")),
    "factor": Family(
        ("z", "y", "slope", "constants", "key", "step"), ("slope",), ("z", "y", "slope")
    ),
    "replace": Family(("z", "delta", "constants"), ("delta",), ("z", "delta")),
    "terms": Family(("z", "y", "t"), (), ()),
    "update": Family(("w", "g", "state", "rate", "constants"), ("w", "state"), ()),
}


_NOISE = "Failed in nopython mode pipeline (step: nopython frontend) "


class Kernel:
    """A loop of one of the `FAMILIES`, or an `elementwise` function of which it is made."""

    def __init__(self, family: str, function: Callable[..., Any]) -> None:
        self.family, self.function = family, function
        self.loop = loop_over(family, function) if is_elementwise(function) else function
        self.__doc__, self.__module__ = function.__doc__, function.__module__
        self._compiled: dict[str, Any] = {}

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Pickle without compiled code: by name where it stands in its function's place."""
        name = self.function.__qualname__
        if getattr(sys.modules.get(self.__module__), name, None) is self:
            return name
        return Kernel, (self.family, self.function)

    def at(self, dtype: Any) -> Any:
        """Return the compiled loop for a dtype.

        Raises
        ------
        UsageError
            If numba can't compile the function.
        """
        name = np.dtype(dtype).name
        if name not in self._compiled:
            family = FAMILIES[self.family]
            given = list(inspect.signature(self.loop).parameters)
            if len(given) != len(family.arguments):
                raise UsageError(
                    f"{self.family} {self.function.__name__!r} takes ({', '.join(given)}); "
                    f"a {self.family} kernel is called with ({', '.join(family.arguments)})"
                )
            try:
                self._compiled[name] = _compile(family.signature(name), self.loop)
            except OSError:  # of the folder for compiled code
                raise
            except Exception as error:  # numba has many, some from its own depths
                said = " ".join(str(error).split()).removeprefix(_NOISE)
                said = said.partition(" During: ")[0][:300]
                raise UsageError(
                    f"{self.family} {self.function.__name__!r} can't be compiled: {said}"
                ) from None
        return self._compiled[name]


def is_elementwise(function: Any) -> bool:
    """Whether a function was decorated as `elementwise`."""
    compiler = getattr(function, "_compiler", None)
    return getattr(compiler, "pipeline_class", None) is _Elementwise


def _told_apart(function: Any) -> str:
    """Return a function's name, and a digest of what it closes over.

    numba keeps compiled code by name, place and closure. The loop is made of a text and closes
    over nothing: without the digest two functions of one factory would have each other's code.
    """
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    inner = [getattr(found, "py_func", found) for found in cells]
    told = [
        f"{f.__module__}:{f.__code__.co_firstlineno}:{_told_apart(f)}"
        if inspect.isfunction(f)
        else repr(f)
        for f in inner
    ]
    digest = hashlib.sha256("\n".join(told).encode()).hexdigest()[:8] if told else ""
    return f"{function.__qualname__}{digest}"


def loop_over(family: str, scalar: Any) -> Callable[..., Any]:
    """Make the whole-layer form of an `elementwise` function.

    Constants are read before the loop: inside it they would be read again for each number, which
    takes four times as long. The text is compiled as if it stood where the function does, so that
    numba keeps the compiled code beside that file and looks at its age.
    """
    arguments, written, elements = FAMILIES[family]
    names = list(inspect.signature(scalar).parameters)
    constants = [name for name in names if name not in elements]
    call = [
        f"flat_{name}[i]" if name in elements else f"c{constants.index(name)}" for name in names
    ]
    used = [name for name in arguments if name in names or name in written]
    lines = [
        f"def loop({', '.join(arguments)}):",
        *(f"    flat_{name} = line({name})" for name in used),
        *(f"    c{at} = constants[{at}]" for at in range(len(constants))),
        "    for i in range(z.size):",
        f"        flat_{written[0]}[i] = scalar({', '.join(call)})",
    ]
    code = scalar.py_func.__code__
    text = "\n" * (code.co_firstlineno - 1) + "\n".join(lines)
    made: dict[str, Any] = {"line": line, "scalar": scalar, "__name__": scalar.__module__}
    exec(compile(text, code.co_filename, "exec"), made)
    loop: Callable[..., Any] = made["loop"]
    loop.__name__, loop.__qualname__ = scalar.__name__, _told_apart(scalar.py_func)
    return loop


def _compile(signature: Any, function: Callable[..., Any]) -> Any:
    try:
        return numba.cfunc(signature, cache=True, **OPTIONS)(function)
    # typed at a prompt, there is no file to keep it beside; of a file that `runpy` ran, what is
    # kept names a module that is gone
    except (RuntimeError, ImportError):
        return numba.cfunc(signature, **OPTIONS)(function)


def kernel(family: str) -> Callable[[Callable[..., Any]], Kernel]:
    """Make a decorated function a kernel of that family."""
    return functools.partial(Kernel, family)


def as_kernel(family: str, function: Kernel | Callable[..., Any]) -> Kernel:
    """Return a kernel, made of a function (once) where it isn't one yet.

    Raises
    ------
    UsageError
        If it is neither.
    """
    if isinstance(function, Kernel):
        return function
    if not inspect.isfunction(function):
        if not (is_elementwise(function) and FAMILIES[family].elements):
            raise UsageError(
                f"a {family} kernel is a plain function of "
                f"({', '.join(FAMILIES[family].arguments)}), not a {type(function).__name__}"
            )
    return _made(family, function)


_made = functools.cache(Kernel)
