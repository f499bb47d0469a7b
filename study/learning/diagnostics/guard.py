"""Users' own records, tried on small arrays before anything is trained with them.

A compiled loop has no way to complain: an index beyond an array writes elsewhere, an error in a
kernel is lost, ``slope = ...`` changes nothing. So each kernel from outside this package is tried
once with its bounds checked, and its other functions are looked at for what they return.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np

from study.errors import UsageError
from study.learning import Array
from study.learning.activations.base import Activation
from study.learning.core.kernels import FAMILIES, Kernel, as_kernel, is_elementwise
from study.learning.core.placement import constants_of
from study.learning.design import Design
from study.learning.rules.base import Gradient, LayerContext
from study.learning.variants import Record, Variant

LEFT = (1234.5, -4321.5)  # what `out` holds before a kernel is tried, the first and second time
REPLICAS, UNITS, PATTERNS = 2, 3, 5


def check_records(design: Design, outputs: int, dtype: str) -> None:
    """Try those records of a design with so many outputs that are not this package's.

    Raises
    ------
    UsageError
        For a kernel that rebinds or does not fill what it should write into, writes into its
        inputs or beyond an array, raises an error or gives NaN on ordinary numbers; for an
        objective whose derivative is not what the backward pass starts with; for another
        function of a record that raises an error or returns a wrong shape or type.
    """
    for activation in {id(a): a for a in (design.activation, design.output(outputs))}.values():
        _check_activation(activation, dtype)
    for rule in design.rules():
        if rule is not None:
            _check_rule(rule, design.activation, dtype)
    for number in (outputs, outputs + 1):  # with one output, shapes that don't fit may broadcast
        _check_objective(design, number, dtype)
    _check_draw(design)
    _check_optimizer(design, dtype)


def check_output(design: Design, outputs: int) -> None:
    """Raise `UsageError` where an objective gives something else than an activation."""
    name = design.objective.name
    found = called(f"output of objective {name!r}", design.output, outputs)
    if not isinstance(found, Activation):
        raise UsageError(
            f"output of objective {name!r} gave {found!r:.80}: it takes an activation"
        )


def own(function: Any) -> bool:
    """Whether a kernel or function comes from outside this package."""
    while isinstance(function, Kernel):
        function = function.function
    return str(getattr(function, "__module__", None)).partition(".")[0] != "study"


def called(what: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function of a user's; an error in it becomes one line."""
    try:
        return function(*arguments)
    except UsageError:
        raise
    except Exception as error:
        said = " ".join(str(error).split())
        raise UsageError(f"{what} fails: {type(error).__name__}: {said}") from error


def numbers_from(what: str, found: Any, shape: tuple[int | None, ...], meaning: str) -> Array:
    """Return what a function gave as an array of numbers of that shape (None: any length)."""
    try:
        array = np.asarray(found)
    except ValueError:
        array = np.asarray(None)
    fits = array.ndim == len(shape) and all(
        wanted in (None, had) for wanted, had in zip(shape, array.shape, strict=True)
    )
    if array.dtype.kind not in "biuf" or not fits:
        had = f"{array.dtype} of shape {array.shape}" if array.dtype != object else repr(found)
        raise UsageError(f"{what} gave {had[:80]}: it takes {meaning}")
    return array


def _asked(
    owner: str, record: Record, name: str, given: Any, shape: tuple[int | None, ...], meaning: str
) -> Array | None:
    """Return what a function of a user's gives, None where it is the package's own."""
    function, what = getattr(record, name), f"{name} of {owner}"
    if function is None or not own(function):
        return None
    return numbers_from(what, called(what, function, *given), shape, meaning)


def _z(rows: int = UNITS) -> Array:
    """Net inputs of an ordinary size, 0 among them, no two units alike."""
    return np.linspace(-2.4, 2.6, rows * PATTERNS).round(1).reshape(rows, PATTERNS)


def _try(family: str, function: Any, owner: str, dtype: str, **given: Any) -> None:
    """Run a user's kernel with its bounds checked, on arguments in the order of its family."""
    if not own(function):
        return
    kernel = as_kernel(family, function)
    what = f"{family} {kernel.function.__name__!r} of {owner}"
    if not is_elementwise(kernel.function):
        _read_source(what, family, kernel.function)
    kernel.at(dtype)
    written, signature = FAMILIES[family].written, FAMILIES[family].signature(dtype)
    checked = numba.njit(signature, error_model="numpy", boundscheck=True)(kernel.loop)
    stale = np.True_
    for filling in LEFT:
        arguments = {
            name: np.array(value, dtype, order="C") if isinstance(value, np.ndarray) else value
            for name, value in given.items()
        }
        if "out" in arguments:
            arguments["out"][:] = filling
        before = {name: np.copy(value) for name, value in arguments.items()}
        result = called(what, checked, *arguments.values())
        for name, value in arguments.items():
            same = np.array_equal(value, before[name], equal_nan=True)
            if name not in (*written, "g") and not same:
                told = f", it writes into {' and '.join(written)} alone" if written else ""
                raise UsageError(f"{what} changes {name}, which must stay as it is{told}")
        results = [arguments[name] for name in written] if written else [result]
        if any(np.isnan(np.asarray(found, dtype)).any() for found in results):
            into = " and ".join(written) or "what it returns"
            raise UsageError(f"{what} gives NaN in {into} for ordinary numbers")
        stale = stale & (arguments.get("out", np.nan) == np.asarray(filling, dtype))
    if np.any(stale):
        raise UsageError(f"{what} does not fill out: write every element, as in out[:] = ...")


def _read_source(what: str, family: str, function: Callable[..., Any]) -> None:
    """Refuse what no run can show: an assignment to a name that was to be written into."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError, TypeError):
        return  # typed at a prompt
    theirs = list(inspect.signature(function).parameters)
    names = dict(zip(theirs, FAMILIES[family].arguments, strict=False))
    ours = {their for their, our in names.items() if our in FAMILIES[family].written}
    returns = [n.value for n in ast.walk(tree) if isinstance(n, ast.Return) and n.value]
    if family == "terms" and not returns:
        raise UsageError(f"{what} returns nothing: it returns the sum of its terms, a number")
    in_place = {id(node.target) for node in ast.walk(tree) if isinstance(node, ast.AugAssign)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Store):
            continue
        if node.id in ours and id(node) not in in_place:
            raise UsageError(
                f"{what} sets the name {node.id}, which changes nothing: write into the array, "
                f"{node.id}[:] = ..."
            )
    if family != "terms" and returns:
        raise UsageError(
            f"{what} returns a value, which is lost: write into {' and '.join(sorted(ours))}, "
            f"as in {min(ours)}[:] = ..."
        )


def _check_activation(activation: Activation, dtype: str) -> None:
    owner = f"activation {activation.name!r}"
    if own(activation.value):
        _check_facts(owner, activation)
    constants = activation.constants(dtype)
    for rows in (UNITS, 1):
        z, out = _z(rows), np.zeros((rows, PATTERNS))
        _try("value", activation.value, owner, dtype, z=z, out=out, constants=constants)
        if own(activation.slope):
            y = activation.apply(z.astype(dtype))
            _try("slope", activation.slope, owner, dtype, z=z, y=y, out=out, constants=constants)
    if own(activation.value):
        z = _z().astype(dtype)
        y, slope, (low, high) = activation.apply(z), activation.apply_slope(z), activation.bounds
        if not (low <= y.min() and y.max() <= high):
            raise UsageError(f"{owner} has values from {y.min():g} to {y.max():g}, outside bounds")
        if np.abs(slope).max() > 1.001 * activation.largest_slope:
            raise UsageError(
                f"{owner} has a slope of {np.abs(slope).max():g}, more than its largest_slope, "
                f"{activation.largest_slope:g}"
            )


def _check_facts(owner: str, activation: Activation) -> None:
    for name, meaning in (("bounds", "(low, high)"), ("saturation", "(below, above)")):
        pair = numbers_from(f"{name} of {owner}", getattr(activation, name), (2,), meaning)
        if not pair[0] < pair[1]:
            raise UsageError(
                f"{name} of {owner} takes {meaning}, upwards, not {tuple(pair.tolist())}"
            )
    largest = numbers_from(f"largest_slope of {owner}", activation.largest_slope, (), "a number")
    if not 0.0 < largest < np.inf:
        raise UsageError(f"largest_slope of {owner} takes a number above 0, not {largest:g}")


def _check_rule(rule: Variant[Gradient], activation: Activation, dtype: str) -> None:
    record, owner = rule.record, f"gradient {rule.name!r}"
    layer = LayerContext(activation, True, rule.values)
    _asked(owner, record, "constants", (layer,), (None,), "a tuple of numbers")
    if record.source is not None and own(record.source):
        what = f"source of {owner}"
        found: Any = called(what, record.source, layer)
        pair = isinstance(found, Sequence) and len(found) == 2
        if not pair or not isinstance(found[0], Activation):
            raise UsageError(f"{what} gave {found!r:.80}: it takes (bound activation, steepness)")
        numbers_from(what, found[1], (), "(bound activation, steepness), the latter a number")
        _check_activation(found[0], dtype)
    z = _z().astype(dtype)
    stack = np.stack([z, z[::-1]])
    meaning = "numbers (R, k), a row for each of the R replicas of z (R, units, patterns)"
    _asked(owner, record, "prepare", (layer, stack), (REPLICAS, None), meaning)
    if not np.array_equal(stack, [z, z[::-1]]):
        raise UsageError(f"prepare of {owner} changes z, which must stay as it is")
    if not own(record.factor) and not own(record.replace):
        return
    constants = constants_of(rule, layer, z[None])[0]
    y, slope = activation.apply(z), activation.apply_slope(z)
    given = {"z": z, "y": y, "slope": slope, "constants": constants}
    _try("factor", record.factor, owner, dtype, **given, key=np.uint64(12345), step=1)
    _try("replace", record.replace, owner, dtype, z=z, delta=slope, constants=constants)


def _check_objective(design: Design, outputs: int, dtype: str) -> None:
    objective, owner = design.objective, f"objective {design.objective.name!r}"
    z = _z(outputs)
    t = (np.arange(PATTERNS * outputs).reshape(PATTERNS, outputs) % 2).astype(float)
    if own(objective.terms):
        y = design.output(outputs).apply(z.astype(dtype))
        _try("terms", objective.terms, owner, dtype, z=z, y=y, t=t)
        if objective.error is None:
            _check_error(design, outputs, z, t)
    if objective.error is not None and own(objective.error):
        output = design.output(outputs)
        constants = np.array(objective.constants(objective.values, output), dtype)
        _try("replace", objective.error, owner, dtype, z=z, delta=0.1 * z, constants=constants)
    given, meaning = (t, np.tile(t.mean(axis=0), (PATTERNS, 1))), "as many as t has"
    _asked(owner, objective, "constant_terms", given, t.shape, f"numbers (n, outputs), {meaning}")


def _check_error(design: Design, outputs: int, z: Array, t: Array) -> None:
    """Compare dL/dz by central differences with the error that the backward pass starts with."""
    output, terms = design.output(outputs), as_kernel("terms", design.objective.terms).loop
    error = output.apply(z) - t.T
    said = "y - t"
    if design.objective.output_factor:
        error, said = error * output.apply_slope(z), "(y - t) φ(z)"
    step = 1e-5
    for place in np.ndindex(z.shape):
        moved = [z.copy(), z.copy()]
        moved[0][place] += step
        moved[1][place] -= step
        above, below = (terms(at, output.apply(at), t) for at in moved)
        slope = (above - below) / (2.0 * step)
        if abs(slope - error[place]) > 1e-4:
            raise UsageError(
                f"objective {design.objective.name!r} has dL/dz = {slope:.4g} where {said} = "
                f"{error[place]:.4g}: every delta starts with {said}, so it would not be minimised"
            )


def _check_draw(design: Design) -> None:
    owner, shape = f"initialisation {design.initialisation.name!r}", (UNITS, 2)
    given = np.random.default_rng(0), shape, *shape, design.initialisation.values
    meaning = f"numbers of the shape it is given, {shape}"
    drawn = _asked(owner, design.initialisation.record, "draw", given, shape, meaning)
    if drawn is not None and not np.isfinite(drawn).all():
        raise UsageError(f"draw of {owner} gave weights that are not finite")


def _check_optimizer(design: Design, dtype: str) -> None:
    record, owner = design.optimizer.record, f"optimizer {design.optimizer.name!r}"
    rate = np.full(REPLICAS, 0.1)
    values = {name: np.full(REPLICAS, value) for name, value in design.optimizer.values.items()}
    constants = called(f"constants of {owner}", record.constants, values)
    if own(record.constants):
        meaning = "a tuple of numbers or arrays (R,)"
        if not isinstance(constants, Sequence):
            numbers_from(f"constants of {owner}", constants, (REPLICAS, -1), meaning)
        for entry in constants:
            shape = np.shape(entry) and (REPLICAS,)
            numbers_from(f"constants of {owner}", entry, shape, meaning)
    _asked(
        *(owner, record, "rate_at", (rate, values, 1)),
        *((REPLICAS,), "rates (R,), as it is given"),
    )
    state = np.zeros((REPLICAS, len(record.state), UNITS * PATTERNS), dtype)
    if record.start is not None and own(record.start):
        called(f"start of {owner}", record.start, state, rate.astype(dtype))
    numbers = np.array([np.broadcast_to(c, REPLICAS)[0] for c in constants], dtype)
    w, g = _z().ravel(), 0.1 * _z()[::-1].ravel()
    scalar = np.dtype(dtype).type(0.1)
    given = {"w": w, "g": g, "state": state[0], "rate": scalar, "constants": numbers}
    _try("update", record.kernel, owner, dtype, **given)
