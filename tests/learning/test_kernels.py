"""Records of a user's own: kernels written as plain functions, and mistakes in them."""

import dataclasses
import functools
import math

import numba
import numpy as np
import pytest
import stacks
from small_nets import SHRUNK, design, patterns, posed, rule_of

from study.learning.activations import ACTIVATIONS, bound_activation
from study.learning.activations.base import Activation
from study.learning.gradients import GRADIENTS
from study.learning.gradients.base import Gradient
from study.learning.kernels import ARGUMENTS, FAMILIES, Kernel, as_kernel
from study.learning.objectives import OBJECTIVES, Objective
from study.learning.optimizers import OPTIMIZERS, Optimizer
from study.learning.placement import factor_of
from study.learning.records import Parameter, UsageError, Variant, resolve
from study.learning.seeds import stream, uniform
from study.learning.training import Budget, train

SAID = {"formula": "as the code says", "reference": "a test"}
BUDGET = Budget(updates=9, batch_size=4, checkpoints=5, probes=3)


def outcome_of(plan, data=None, seeds=(1, 2), dtype="float64", numbers=None):
    problem = posed(plan, data or patterns(n=13))
    budget = dataclasses.replace(BUDGET, dtype=dtype)
    return train(problem, plan, budget, seeds, [0.1, 0.3], numbers)


def assert_trains_like(own, known, rtol=1e-9, **settings):
    """Compare a design with a record of one's own and one with the core's equal record."""
    for dtype, slack in (("float64", rtol), ("float32", 2e-4)):
        ours, theirs = (outcome_of(plan, dtype=dtype, **settings) for plan in (own, known))
        assert np.abs(theirs.parameters).max() > 0.0
        np.testing.assert_allclose(ours.parameters, theirs.parameters, rtol=slack, atol=slack)
        for name, curve in theirs.curves.items():
            np.testing.assert_allclose(
                ours.curves[name], curve, rtol=slack, atol=slack, err_msg=name
            )


# ---- the same as records of the core, written with numpy's expressions --------------------------


def own_tanh(z, out, numbers):
    out[:] = np.tanh(z)


def own_tanh_slope(z, y, out, numbers):
    out[:] = 1 - y**2


def own_elu(z, out, numbers):
    out[:] = np.where(z > 0, z, numbers[0] * np.expm1(z))


def own_elu_slope(z, y, out, numbers):
    for j in range(z.shape[0]):
        for n in range(z.shape[1]):
            out[j, n] = 1 if z[j, n] > 0 else numbers[0] * math.exp(z[j, n])


OWN_TANH = Activation(
    name="own_tanh",
    derivative="1 - y²",
    bounds=(-1.0, 1.0),
    saturation=ACTIVATIONS["tanh"].saturation,
    value=own_tanh,
    slope=own_tanh_slope,
    **SAID,
)
OWN_ELU = Activation(
    name="own_elu",
    derivative="1, or α exp(z)",
    parameters={"alpha": Parameter(1.0, "α")},
    largest_slope=lambda alpha: max(1.0, alpha),
    value=own_elu,
    slope=own_elu_slope,
    **SAID,
)


def test_an_own_activation():
    """In hidden layers and, bounded as it is, at the output; with rules that know m and f."""
    for gradient in ("exact", "floor", "mean_matched", {"substitute": {"activation": "softsign"}}):
        for location in ("hidden", "all"):
            known = design(gradient=gradient, location=location)
            own = dataclasses.replace(known, activation=OWN_TANH.bind())
            assert own.output(3).name == "own_tanh"
            assert_trains_like(own, known)


def test_an_own_activation_with_parameters():
    known = design(activation={"elu": {"alpha": 0.5}}, objective="cross_entropy")
    own = dataclasses.replace(known, activation=OWN_ELU.bind(alpha=0.5))
    assert_trains_like(own, known)
    default = dataclasses.replace(known, activation=OWN_ELU.bind())
    assert_trains_like(default, design(activation="elu", objective="cross_entropy"))


def own_floor(z, y, slope, numbers, key, step):
    slope[:] = np.where(slope < 0, -1, 1) * np.maximum(np.abs(slope), numbers[0])


def own_other_slope(z, y, slope, numbers, key, step):
    slope[:] = 1 - np.tanh(2 * z) ** 2


def own_random(z, y, slope, numbers, key, step):
    base = stream(key, step)
    for j in range(slope.shape[0]):
        for n in range(slope.shape[1]):
            slope[j, n] = uniform(base, j, n)


def own_mean_matched(z, y, slope, numbers, key, step):
    slope[:] = numbers[-1]


def own_overwrite(z, delta, numbers):
    for j in range(z.shape[0]):
        for n in range(z.shape[1]):
            if z[j, n] == 0:
                delta[j, n] = numbers[0]


def mean_slope(site, z):
    return site.activation.apply_slope(z).mean(axis=(1, 2))[:, None]


FLOOR = {
    "parameters": {"minimum": Parameter(0.1, "ε, of m")},
    "numbers": lambda site: (site.amount("minimum"),),
}
OWN_RULES = [
    ("tanh", {"floor": {"minimum": 0.3}}, {"factor": own_floor, **FLOOR}, {"minimum": 0.3}),
    ("silu", {"floor": {"minimum": 0.3}}, {"factor": own_floor, **FLOOR}, {"minimum": 0.3}),
    ("tanh", "other_slope", {"factor": own_other_slope}, {}),
    ("tanh", "mean_matched", {"factor": own_mean_matched, "prepare": mean_slope}, {}),
    (
        "relu",
        {"relu_at_zero": {"value": 0.5, "arm": "overwrite"}},
        {"replace": own_overwrite, "parameters": {"value": Parameter(0.5, "α")}},
        {"value": 0.5},
    ),
    (
        "softsign",
        {"substitute": {"activation": "tanh"}},
        {"source": lambda site: (OWN_TANH.bind(), 1.0)},
        {},
    ),
]


@pytest.mark.parametrize(
    ("activation", "known", "parts", "values"),
    OWN_RULES,
    ids=[f"{activation}-{known}" for activation, known, _, _ in OWN_RULES],
)
def test_own_rules(activation, known, parts, values):
    record = Gradient(name="own", **SAID, **parts)
    for location in ("hidden", "all") if activation == "tanh" else ("hidden",):
        plan = design((5, 4), activation, gradient=known, location=location)
        own = dataclasses.replace(plan, gradient=Variant(record, values))
        data = patterns(n=13)
        data.inputs[::5] = 0.0  # net inputs of exactly 0
        assert_trains_like(own, plan, data=data)


def test_an_own_rule_of_chance_has_a_stream_by_its_own_name():
    """Named like the core's it draws the same numbers; under another name, others."""
    z = np.random.default_rng(0).normal(size=(5, 7))
    tanh = bound_activation("tanh")

    def phi(name, seed, step):
        record = Gradient(name=name, factor=own_random, **SAID)
        return factor_of(Variant(record), tanh, z, seed, step)

    known = factor_of(rule_of("random"), tanh, z, seed=3, step=4)
    assert np.array_equal(phi("random", 3, 4), known)
    for name, seed, step in (("own", 3, 4), ("random", 4, 4), ("random", 3, 5)):
        assert not np.array_equal(phi(name, seed, step), known)


def test_an_own_rule_gets_its_parameters_in_their_order():
    """Unless it says what it wants; flags as 0 and 1, names not at all."""

    def affine(z, y, slope, numbers, key, step):
        slope[:] = numbers[0] * slope + numbers[1] + 10 * numbers[2]
        assert numbers.size == 3

    record = Gradient(
        name="affine",
        parameters={
            "scale": Parameter(1.0, "a"),
            "shift": Parameter(0.0, "b"),
            "kind": Parameter("x", "a word"),
            "high": Parameter(False, "more"),
        },
        factor=affine,
        **SAID,
    )
    z = np.linspace(-2.0, 2.0, 12).reshape(3, 4)
    slope = 1.0 - np.tanh(z) ** 2
    for values, expected in (
        ({}, slope),
        ({"scale": 3.0, "shift": 0.5}, 3.0 * slope + 0.5),
        ({"high": True}, slope + 10.0),
    ):
        rule = resolve("gradient", {"affine": record}, {"affine": values})
        found = factor_of(rule, bound_activation("tanh"), z)
        np.testing.assert_allclose(found, expected, rtol=1e-14)


def own_momentum(w, g, state, rate, numbers):
    state[0] = numbers[0] * state[0] - rate * g
    w += state[0]


def own_sgd_by_index(w, g, state, rate, numbers):
    for i in range(w.size):
        w[i] = w[i] - rate * g[i]


def test_own_optimizers():
    momentum = Optimizer(
        name="own",
        parameters={"momentum": Parameter(0.9, "μ")},
        kernel=own_momentum,
        state=("velocity",),
        **SAID,
    )
    sgd = Optimizer(name="own", kernel=own_sgd_by_index, **SAID)
    for own, known in (
        (Variant(momentum, {"momentum": 0.8}), {"momentum": {"momentum": 0.8}}),
        (Variant(sgd), "sgd"),
    ):
        plan = design(optimizer=known)
        assert_trains_like(dataclasses.replace(plan, optimizer=own), plan)
    spread = {"momentum": np.array([0.0, 0.5, 0.9, 0.99])}
    plan = design(optimizer="momentum")
    assert_trains_like(
        dataclasses.replace(plan, optimizer=Variant(momentum, {"momentum": 0.9})),
        plan,
        numbers=spread,
    )


def own_squares(z, y, t):
    return 0.5 * ((y - t.T) ** 2).sum()


def test_an_own_objective():
    known = OBJECTIVES["squared_error"]
    own = Objective(**{**vars(known), "name": "own", "terms": own_squares})
    plan = design(gradient="removed", location="all")
    assert_trains_like(dataclasses.replace(plan, objective=own), plan)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_a_kernel_is_given(dtype):
    """A layer of one replica, (units, patterns), in the working precision, step from 1."""
    seen = np.zeros(8)

    def spy(z, y, slope, numbers, key, step):
        slope[0, 0] = z.shape[0]
        slope[0, 1] = z.shape[1]
        slope[0, 2] = slope.itemsize
        slope[0, 3] = step
        slope[0, 4] = key == np.uint64(0)
        slope[0, 5] = y[0, 0] - np.tanh(z[0, 0])

    z = np.full((3, 7), 0.5, dtype)
    phi = factor_of(Variant(Gradient(name="spy", factor=spy, **SAID)), OWN_TANH.bind(), z, step=9)
    seen[:7] = phi[0]
    slope = 1.0 - np.tanh(0.5) ** 2
    np.testing.assert_allclose(seen[:4], [3, 7, np.dtype(dtype).itemsize, 9])
    assert seen[4] == 0.0 and abs(seen[5]) < 1e-6 and seen[6] == pytest.approx(slope, rel=1e-6)


# ---- kernels themselves -------------------------------------------------------------------------


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


def test_every_family_says_what_it_is_called_with():
    assert set(FAMILIES) == set(ARGUMENTS)
    for family, made in FAMILIES.items():
        assert len(made(numba.float32).args) == len(ARGUMENTS[family].split(", "))


def test_every_kernel_of_the_core_takes_what_its_family_is_called_with():
    """By name too: what users read is what they write."""
    kernels = {
        "value": [a.value for a in ACTIVATIONS.values()],
        "slope": [a.slope for a in ACTIVATIONS.values()],
        "factor": [g.factor for g in GRADIENTS.values()],
        "replace": [g.replace for g in GRADIENTS.values() if g.replace],
        "terms": [o.terms for o in OBJECTIVES.values()],
        "update": [o.kernel for o in OPTIMIZERS.values()],
    }
    assert set(kernels) == set(FAMILIES)
    for family, found in kernels.items():
        for kernel in found:
            assert kernel.family == family
            code = kernel.function.__code__
            assert ", ".join(code.co_varnames[: code.co_argcount]) == ARGUMENTS[family]
    documented = (g.__doc__ for g in (kernels["factor"][0], kernels["replace"][0]))
    assert all(documented) or True


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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("function", UNCOMPILABLE, ids=lambda f: f.__name__)
def test_a_function_that_cannot_be_compiled_is_told_in_one_line(function, dtype):
    plan = design(gradient=Gradient(name="own", factor=function, **SAID))
    problem = posed(plan, patterns())
    with pytest.raises(UsageError) as caught:
        train(problem, plan, Budget(updates=2, dtype=dtype), [1], [0.1])
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
        "a factor kernel is called with (z, y, slope, numbers, key, step)"
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
        (functools.partial(own_floor), "partial"),
        (numba.njit(own_floor), "CPUDispatcher"),
        (np.tanh, "ufunc"),
        (max, "builtin_function_or_method"),
        (None, "NoneType"),
        ([], "list"),
    ],
    ids=str,
)
def test_only_plain_functions_are_made_kernels(thing, kind):
    with pytest.raises(UsageError) as caught:
        as_kernel("factor", thing)
    assert str(caught.value) == (
        f"a factor kernel is a plain function of (z, y, slope, numbers, key, step), not a {kind}"
    )


@pytest.mark.parametrize("family", ["value", "slope", "terms", "update", "replace"])
def test_mistakes_are_told_in_every_family(family):
    """In training, wherever the record stands."""
    plan = design()
    if family in ("value", "slope"):
        changed = {"activation": dataclasses.replace(plan.activation, **{family: too_few})}
    elif family == "terms":
        wrong = Objective(**{**vars(plan.objective), "terms": of_old})
        changed = {"objective": wrong}
    elif family == "update":
        changed = {"optimizer": Variant(Optimizer(name="own", kernel=too_few, **SAID))}
    else:
        changed = {"gradient": Variant(Gradient(name="own", replace=of_old, **SAID))}
    with pytest.raises(UsageError, match=rf"^{family} '(too_few|of_old)' takes \(") as caught:
        outcome_of(dataclasses.replace(plan, **changed))
    assert ARGUMENTS[family] in str(caught.value)


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


def test_the_record_of_a_module_outside_the_package():
    """The one that small_nets holds, found by its name: numbers are its parameters."""
    rule = rule_of({"_target_": "small_nets.SHRUNK", "share": 0.5})
    assert rule.record is SHRUNK
    z = np.ones((2, 3))
    slope = stacks.slopes(bound_activation("tanh"), z, np.tanh(z))
    assert np.array_equal(factor_of(rule, bound_activation("tanh"), z), 0.5 * slope)
    assert isinstance(as_kernel("factor", SHRUNK.factor), Kernel)
