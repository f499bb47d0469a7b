"""Kernels: compiled once, called as their family says; and mistakes, told in one line."""

import dataclasses
import functools
import inspect
import math
from pathlib import Path

import numba
import numpy as np
import pytest
from small_nets import design, patterns, posed

from study.errors import UsageError
from study.learning.activations import ACTIVATIONS, bound_activation
from study.learning.core import kernels
from study.learning.core.kernels import FAMILIES, as_kernel, elementwise
from study.learning.core.placement import factor_of
from study.learning.core.training import train
from study.learning.design import Budget
from study.learning.objectives import OBJECTIVES, Objective
from study.learning.optimizers import OPTIMIZERS, Optimizer
from study.learning.rules import GRADIENTS
from study.learning.rules.base import Gradient
from study.learning.variants import Variant

SAID = {"formula": "as the code says", "reference": "a test"}


def test_a_function_is_compiled_once_for_each_precision():
    def keep(z, y, slope, numbers, key, step):
        pass

    one = as_kernel("factor", keep)
    assert as_kernel("factor", keep) is one and as_kernel("factor", one) is one
    assert one.at("float32") is one.at(np.float32) is one.at(np.dtype("float32"))
    assert one.at("float64") is not one.at("float32")
    assert as_kernel("slope", lambda z, y, out, numbers: None) is not one


def test_functions_typed_at_a_prompt_work():
    """There is no file beside which the compiled code could be kept."""
    names = {}
    exec("def f(z, y, slope, numbers, key, step):\n    slope *= 2", names)
    z = np.zeros((2, 3))
    record = Gradient(name="typed", factor=names["f"], **SAID)
    assert (factor_of(Variant(record), bound_activation("tanh"), z) == 2.0).all()


def test_compiled_code_is_kept_in_a_folder_by_the_sources(tmp_path, monkeypatch):
    """After a change of any file there is a fresh one, and none with old code is left."""
    package = tmp_path / "package"
    (package / "sub").mkdir(parents=True)
    (package / "sub" / "part.py").write_text("a = 1\n")
    monkeypatch.setattr(kernels, "__file__", str(package / "core" / "kernels.py"))
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")

    def folder():
        kernels._keep_compiled_code_by_source()
        return Path(numba.config.CACHE_DIR)

    first = folder()
    assert first.parent == package / "__pycache__"
    (first / "code").write_text("")
    assert folder() == first and (first / "code").exists()
    with monkeypatch.context() as patch:  # two processes at once: neither sees the other's
        patch.setattr(Path, "exists", lambda self: False)
        folder()
    assert (first / "code").exists()
    (package / "sub" / "part.py").write_text("a = 2\n")
    second = folder()
    assert second != first and second.exists() and not first.exists()
    with monkeypatch.context() as patch:  # installed where this user may not write
        patch.setattr(Path, "home", lambda: tmp_path / "home")
        patch.setattr(Path, "exists", lambda self: False)
        patch.setattr(Path, "mkdir", refuse)
        assert folder() == tmp_path / "home" / ".cache" / "delta-rule-study" / second.name


def refuse(*arguments, **named):
    raise PermissionError


def test_every_family_says_what_it_is_called_with():
    for family in FAMILIES.values():
        assert len(family.signature(numba.float32).args) == len(family.arguments)
        assert {*family.written, *family.elements} <= set(family.arguments)


def test_every_kernel_of_the_core_takes_what_its_family_is_called_with():
    """By name too: what users read is what they write."""
    core = {
        "value": [a.value for a in ACTIVATIONS.values()],
        "slope": [a.slope for a in ACTIVATIONS.values()],
        "factor": [g.factor for g in GRADIENTS.values()],
        "replace": [g.replace for g in GRADIENTS.values() if g.replace],
        "terms": [o.terms for o in OBJECTIVES.values()],
        "update": [o.kernel for o in OPTIMIZERS.values()],
    }
    assert set(core) == set(FAMILIES)
    for family, found in core.items():
        for kernel in found:
            made = as_kernel(family, kernel)
            assert made.family == family
            assert tuple(inspect.signature(made.loop).parameters) == FAMILIES[family].arguments


@elementwise
def straight_line(slope, z, a, b):
    return 3 * slope + a * z + b


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_elementwise_function_is_its_whole_layer_loop(dtype):
    """Elements by name, constants in order; numbers in the text take the layer's precision."""
    z, slope = np.random.default_rng(0).normal(size=(2, 5, 7)).astype(dtype)
    y, phi, constants = np.full_like(z, np.nan), slope.copy(), np.array([0.3, -0.7], dtype)
    kernels_loop = as_kernel("factor", straight_line).loop
    numba.njit(kernels_loop)(z, y, phi, constants, np.uint64(0), 1)
    three = np.array(3, dtype)
    expected = three * slope + constants[0] * z + constants[1]
    np.testing.assert_allclose(phi, expected, rtol=8 * np.finfo(dtype).eps)
    single = straight_line(slope[0, 0], z[0, 0], *constants)
    assert np.float32(single) == phi[0, 0] if dtype == "float32" else single == phi[0, 0]


def test_numbers_in_an_elementwise_function_do_not_make_it_float64():
    """1 / 3 in float32 differs from float64's, rounded."""
    third = elementwise(lambda z: (1 / z) * 3.0 - 1)
    z = np.linspace(1.0, 9.0, 33, dtype=np.float32)
    found = np.array([third(one) for one in z])
    one, three = np.float32(1), np.float32(3)
    np.testing.assert_allclose(found, (one / z) * three - one, atol=2e-7)
    third(np.float32(2))
    assert {made.signature.return_type for made in third.overloads.values()} == {numba.float32}


# ---- mistakes -----------------------------------------------------------------------------------


TABLE = {"of": ["python", "objects"]}


def returns(z, y, slope, numbers, key, step):
    return 0.5 * slope


def opens_a_file(z, y, slope, numbers, key, step):
    open("x")


def reads_a_dictionary(z, y, slope, numbers, key, step):
    slope[:] = len(TABLE["of"])


def misspells(z, y, slope, numbers, key, step):
    slope[:] = slop  # noqa: F821


def writes_text(z, y, slope, numbers, key, step):
    slope[:] = "text"


def has_three_axes(z, y, slope, numbers, key, step):
    slope[0, 0, 0] = 1


def imports(z, y, slope, numbers, key, step):
    import os

    slope[:] = os.sep == "/"


def catches(z, y, slope, numbers, key, step):
    try:
        slope[:] = 1
    except ValueError:
        pass


def opens_with(z, y, slope, numbers, key, step):
    with open("x") as file:
        slope[:] = len(file.read())


def mixes(z, y, slope, numbers, key, step):
    slope += [1, "a"]


def unvectorised(z, y, slope, numbers, key, step):
    slope[:] = np.vectorize(math.tanh)(z)


UNCOMPILABLE = [
    returns,
    opens_a_file,
    reads_a_dictionary,
    misspells,
    writes_text,
    has_three_axes,
    imports,
    catches,
    opens_with,
    mixes,
    unvectorised,
]


@pytest.mark.parametrize("function", UNCOMPILABLE, ids=lambda f: f.__name__)
def test_a_function_that_cannot_be_compiled_is_told_in_one_line(function):
    with pytest.raises(UsageError) as caught:
        as_kernel("factor", function).at("float32")
    message = str(caught.value)
    assert message.startswith(f"factor '{function.__name__}' can't be compiled: ")
    assert "\n" not in message and len(message) < 400
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def too_few(z, y, slope):
    slope[:] = 1


def of_old(z, y, slope, site, step):
    return slope


def swallows(*everything):
    pass


@pytest.mark.parametrize("function", [too_few, of_old, swallows], ids=lambda f: f.__name__)
def test_wrong_arguments_are_told_with_the_right_ones(function):
    with pytest.raises(UsageError) as caught:
        as_kernel("factor", function).at("float32")
    given = {"too_few": "z, y, slope", "of_old": "z, y, slope, site, step"}.get(
        function.__name__, "everything"
    )
    assert str(caught.value) == (
        f"factor {function.__name__!r} takes ({given}); "
        "a factor kernel is called with (z, y, slope, constants, key, step)"
    )


class Callable:
    def __call__(self, z, y, slope, numbers, key, step):
        slope[:] = 1

    def method(self, z, y, slope, numbers, key, step):
        slope[:] = 1


@pytest.mark.parametrize(
    ("thing", "kind"),
    [
        (Callable(), "Callable"),
        (Callable().method, "method"),
        (functools.partial(imports), "partial"),
        (numba.njit(imports), "CPUDispatcher"),
        (np.tanh, "ufunc"),
        (max, "builtin_function_or_method"),
        (None, "NoneType"),
        ([], "list"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_only_plain_functions_are_made_kernels(thing, kind):
    with pytest.raises(UsageError) as caught:
        as_kernel("factor", thing)
    assert str(caught.value) == (
        f"a factor kernel is a plain function of (z, y, slope, constants, key, step), not a {kind}"
    )


@pytest.mark.parametrize("family", ["value", "slope", "terms", "update", "replace"])
def test_mistakes_are_told_in_every_family(family):
    """In training, wherever the record stands."""
    plan = design()
    if family in ("value", "slope"):
        changed = {"activation": dataclasses.replace(plan.activation, **{family: of_old})}
    elif family == "terms":
        wrong = Objective(**{**vars(plan.objective), "terms": of_old})
        changed = {"objective": wrong}
    elif family == "update":
        changed = {"optimizer": Variant(Optimizer(name="own", kernel=too_few, **SAID))}
    else:
        changed = {"gradient": Variant(Gradient(name="own", replace=of_old, **SAID))}
    with pytest.raises(UsageError, match=rf"^{family} '(too_few|of_old)' takes \(") as caught:
        train(
            posed(plan, patterns()),
            dataclasses.replace(plan, **changed),
            Budget(updates=2),
            [1],
            [0.1],
        )
    assert ", ".join(FAMILIES[family].arguments) in str(caught.value)


def test_a_kernel_in_a_closure_keeps_its_numbers():
    """Made by a function: each has its own constants compiled in."""

    def scaled_by(a):
        def scale(z, y, slope, numbers, key, step):
            slope[:] = a

        return Gradient(name="scaled_by", factor=scale, **SAID)

    z = np.zeros((2, 2))
    for a in (0.25, 4.0):
        found = factor_of(Variant(scaled_by(a)), bound_activation("tanh"), z)
        assert (found == a).all()
