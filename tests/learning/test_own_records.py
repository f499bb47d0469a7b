"""Records of a user's own train like those of the core: kernels are plain functions."""

import dataclasses
import math

import numpy as np
import pytest
from small_nets import design, patterns, posed

from study.learning.activations import ACTIVATIONS, bound_activation
from study.learning.activations.base import Activation
from study.learning.core.placement import factor_of
from study.learning.core.training import train
from study.learning.design import Budget
from study.learning.objectives import OBJECTIVES, Objective
from study.learning.optimizers import Optimizer
from study.learning.rules.base import Gradient
from study.learning.variants import Parameter, Variant, resolve

SAID = {"formula": "as the code says", "reference": "a test"}
BUDGET = Budget(updates=9, batch_size=4, checkpoints=5, probes=3)


def assert_trains_like(own, known, data=None, numbers=None):
    """Compare a design with a record of one's own and one with the core's equal record."""
    data = data or patterns(n=13)
    for dtype, slack in (("float64", 1e-9), ("float32", 2e-4)):
        given = dataclasses.replace(BUDGET, dtype=dtype), (1, 2), [0.1, 0.3], numbers
        ours, theirs = (train(posed(plan, data), plan, *given) for plan in (own, known))
        assert np.abs(theirs.parameters).max() > 0.0
        np.testing.assert_allclose(ours.parameters, theirs.parameters, rtol=slack, atol=slack)
        for name, curve in theirs.curves.items():
            np.testing.assert_allclose(ours.curves[name], curve, slack, slack, err_msg=name)


# ---- the same as records of the core, written with numpy's expressions --------------------------


def own_tanh(z, out, constants):
    out[:] = np.tanh(z)


def own_tanh_slope(z, y, out, constants):
    out[:] = 1 - y**2


def own_elu(z, out, constants):
    out[:] = np.where(z > 0, z, constants[0] * np.expm1(z))


def own_elu_slope(z, y, out, constants):
    for place in np.ndindex(z.shape):
        out[place] = 1 if z[place] > 0 else constants[0] * math.exp(z[place])


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


@pytest.mark.parametrize("gradient", ["floor", {"substitute": {"activation": "softsign"}}])
def test_an_own_activation(gradient):
    """In hidden layers and, bounded as it is, at the output; with a rule that knows m and f."""
    known = design(gradient=gradient, location="all")
    own = dataclasses.replace(known, activation=OWN_TANH.bind())
    assert own.output(3).name == "own_tanh"
    assert_trains_like(own, known)


@pytest.mark.parametrize("values", [{}, {"alpha": 0.5}], ids=str)
def test_an_own_activation_with_parameters(values):
    known = design(activation={"elu": values}, objective="cross_entropy")
    assert_trains_like(dataclasses.replace(known, activation=OWN_ELU.bind(**values)), known)


def own_floor(z, y, slope, constants, key, step):
    slope[:] = np.where(slope < 0, -1, 1) * np.maximum(np.abs(slope), constants[0])


def own_mean_matched(z, y, slope, constants, key, step):
    slope[:] = constants[-1]


def own_overwrite(z, delta, constants):
    for place in np.ndindex(z.shape):
        if z[place] == 0:
            delta[place] = constants[0]


def mean_slope(layer, z):
    return layer.activation.apply_slope(z).mean(axis=(1, 2))[:, None]


FLOOR = {
    "factor": own_floor,
    "parameters": {"minimum": Parameter(0.1, "ε, of m")},
    "constants": lambda layer: (layer.amount("minimum"),),
}
OVERWRITE = {"replace": own_overwrite, "parameters": {"value": Parameter(0.5, "α")}}
SOURCE = {"source": lambda layer: (OWN_TANH.bind(), 1.0)}
OWN_RULES = [
    ("silu", {"floor": {"minimum": 0.3}}, FLOOR, {"minimum": 0.3}),
    ("tanh", "mean_matched", {"factor": own_mean_matched, "prepare": mean_slope}, {}),
    ("relu", {"relu_at_zero": {"value": 0.5, "arm": "overwrite"}}, OVERWRITE, {"value": 0.5}),
    ("softsign", {"substitute": {"activation": "tanh"}}, SOURCE, {}),
]


@pytest.mark.parametrize(("activation", "known", "parts", "values"), OWN_RULES)
def test_own_rules(activation, known, parts, values):
    record = Gradient(name="own", **SAID, **parts)
    for location in ("hidden", "all") if activation == "tanh" else ("hidden",):
        plan = design((5, 4), activation, gradient=known, location=location)
        own = dataclasses.replace(plan, gradient=Variant(record, values))
        data = patterns(n=13)
        data.inputs[::5] = 0.0  # net inputs of exactly 0
        assert_trains_like(own, plan, data=data)


def test_an_own_rule_gets_its_parameters_in_their_order():
    """Unless it says what it wants; flags as 0 and 1, names not at all."""

    def affine(z, y, slope, constants, key, step):
        slope[:] = constants[0] * slope + constants[1] + 10 * constants[2] + (constants.size - 3)

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


def own_momentum(w, g, state, rate, constants):
    state[0] = constants[0] * state[0] - rate * g
    w += state[0]


def test_an_own_optimizer_with_hyperparameters_that_differ():
    momentum = Optimizer(
        name="own",
        parameters={"momentum": Parameter(0.9, "μ")},
        kernel=own_momentum,
        state=("velocity",),
        **SAID,
    )
    spread, plan = {"momentum": np.array([0.0, 0.5, 0.9, 0.99])}, design(optimizer="momentum")
    own = dataclasses.replace(plan, optimizer=Variant(momentum, {"momentum": 0.9}))
    assert_trains_like(own, plan, numbers=spread)


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

    def spy(z, y, slope, constants, key, step):
        slope[0, 0], slope[0, 1] = z.shape
        slope[0, 2], slope[0, 3] = slope.itemsize, step
        slope[0, 4] = key == np.uint64(0)
        slope[0, 5] = y[0, 0] - np.tanh(z[0, 0])

    z = np.full((3, 7), 0.5, dtype)
    phi = factor_of(Variant(Gradient(name="spy", factor=spy, **SAID)), OWN_TANH.bind(), z, step=9)
    slope = 1.0 - np.tanh(0.5) ** 2
    np.testing.assert_allclose(phi[0, :4], [3, 7, z.itemsize, 9])
    assert phi[0, 4] == 0.0, "a stream of its own"
    assert abs(phi[0, 5]) < 1e-6, "y = f(z)"
    assert phi[0, 6] == pytest.approx(slope, rel=1e-6), "slope = f'(z)"
