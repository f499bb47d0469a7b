"""Kernels: compiled once, called as their family says; and mistakes, told in one line."""

import math
from functools import partial

import numba
import numpy as np
import pytest
from numba import njit

from study.errors import UsageError
from study.learning.activations import bound_activation
from study.learning.core.kernels import FAMILIES, as_kernel, elementwise
from study.learning.core.placement import factor_of
from study.learning.rules.base import Gradient
from study.learning.variants import Variant

SAID = {"formula": "as the code says", "reference": "a test"}


def keep(z, y, slope, constants, key, step):
    pass


def test_a_function_is_compiled_once_for_each_precision():
    one = as_kernel("factor", keep)
    assert as_kernel("factor", keep) is one and as_kernel("factor", one) is one
    assert one.at("float32") is one.at(np.float32) is one.at(np.dtype("float32"))
    assert one.at("float64") is not one.at("float32")
    assert as_kernel("slope", lambda z, y, out, constants: None) is not one


def test_functions_typed_at_a_prompt_or_made_by_another_work():
    """Without a file beside which the compiled code is kept; each with numbers of its own."""
    names = {}
    exec("def f(z, y, slope, constants, key, step):\n    slope *= 2", names)
    z = np.zeros((2, 3))
    made = [(a, function) for a in (0.25, 4.0) for function in scaled_by(a)]
    for a, function in [(2.0, names["f"]), *made]:
        record = Gradient(name="typed", factor=function, **SAID)
        assert (factor_of(Variant(record), bound_activation("tanh"), z) == a).all()


def scaled_by(a):
    def scale(z, y, slope, constants, key, step):
        slope[:] = a

    @elementwise
    def everywhere():
        return a

    return scale, everywhere, elementwise(lambda: a)


@elementwise
def straight_line(slope, z, a, b):
    return 3 * slope + a * z + b


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_elementwise_function_is_its_whole_layer_loop(dtype):
    """Elements by name, constants in order; numbers in the text take the layer's precision."""
    z, slope = np.random.default_rng(0).normal(size=(2, 5, 7)).astype(dtype)
    y, phi, constants = np.full_like(z, np.nan), slope.copy(), np.array([0.3, -0.7], dtype)
    kernels_loop = as_kernel("factor", straight_line).loop
    njit(kernels_loop)(z, y, phi, constants, np.uint64(0), 1)
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


def imports(z, y, slope, constants, key, step):
    import os

    slope[:] = os.sep == "/"


def mixes(z, y, slope, constants, key, step):
    slope += [1, "a"]


def unvectorised(z, y, slope, constants, key, step):
    slope[:] = np.vectorize(math.tanh)(z)


@pytest.mark.parametrize("function", [imports, mixes, unvectorised], ids=lambda f: f.__name__)
def test_a_function_that_cannot_be_compiled_is_told_in_one_line(function):
    with pytest.raises(UsageError) as caught:
        as_kernel("factor", function).at("float32")
    message = str(caught.value)
    assert message.startswith(f"factor '{function.__name__}' can't be compiled: ")
    assert "\n" not in message and len(message) < 400
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


@pytest.mark.parametrize("family", FAMILIES)
def test_wrong_arguments_are_told_with_the_right_ones(family):
    with pytest.raises(UsageError) as caught:
        as_kernel(family, lambda *everything: None).at("float32")
    assert str(caught.value) == (
        f"{family} '<lambda>' takes (everything); "
        f"a {family} kernel is called with ({', '.join(FAMILIES[family].arguments)})"
    )


MISTAKEN = [(partial(keep), "partial"), (njit(keep), "CPUDispatcher"), (np.tanh, "ufunc")]


@pytest.mark.parametrize(("thing", "kind"), [*MISTAKEN, (None, "NoneType")])
def test_only_plain_functions_are_made_kernels(thing, kind):
    with pytest.raises(UsageError) as caught:
        as_kernel("factor", thing)
    assert str(caught.value) == (
        f"a factor kernel is a plain function of (z, y, slope, constants, key, step), not a {kind}"
    )
