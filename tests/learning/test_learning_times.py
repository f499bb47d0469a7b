"""Times of learning as Fahlman counted them: errors that go backwards, the criterion, the data."""

import dataclasses
import math

import numba
import numpy as np
import pytest
from oracles import fahlman
from small_nets import design, patterns, posed

from study import datasets
from study.errors import UsageError
from study.learning.activations import ACTIVATIONS
from study.learning.core.kernels import as_kernel
from study.learning.core.network import layers_of
from study.learning.core.stack import Stack
from study.learning.core.training import initial, train
from study.learning.design import Budget, bound_objective
from study.learning.problem import pose

FORMS = [(zone, form) for zone in (0.0, 0.1) for form in ("linear", "log")]
each_form = pytest.mark.parametrize(("zone", "form"), FORMS)
BUDGET = Budget(
    updates=600, batch_size=None, decay=False, checkpoints=2, probes=0, dtype="float64",
    learnt_within=0.4,
)  # fmt: skip
UNIFORM = {"uniform": {"r": 1, "biases": "same"}}
SEEDS = [1, 2, 3]


def objective(zone=0.0, form="linear"):
    return bound_objective({"unit_squared_error": {"dead_zone": zone, "form": form}})


def encoder(zone=0.0, form="linear", dataset="encoder", **changes):
    """Return the problem and the design of Fahlman's net of 10-5-10."""
    given = {"location": "all", "initialisation": UNIFORM, **changes}
    plan = design((5,), "logistic", objective(zone, form), **given)
    return posed(plan, datasets.load(dataset)), plan


@numba.njit
def _call(kernel, z, delta, constants):
    kernel(z, delta, constants)


def changed(errors, zone, form, output="logistic"):
    """Return the errors that go backwards for y - t, by the kernel."""
    made = objective(zone, form)
    delta = np.array([errors], float)
    constants = made.constants(made.values, ACTIVATIONS[output].bind())
    _call(as_kernel("replace", made.error).at("float64"), delta, delta, np.array(constants))
    return delta[0]


@each_form
def test_errors_equal_the_oracle(zone, form):
    given = [-1.0, -0.99999999, -0.9, -0.1, -0.0999, 0.0, 1e-9, 0.05, 0.1, 0.3, 0.999, 1.0]
    expected = [fahlman.error(d, zone, form == "log") for d in given]
    np.testing.assert_allclose(changed(given, zone, form), expected, rtol=1e-10, atol=1e-15)
    assert np.isnan(changed([math.nan], zone, form)).all()


def test_errors_are_shares_of_the_output_range():
    """Tanh has twice the range of the logistic function: the same share, twice the error."""
    given = np.array([-0.9, 0.02, 0.3])
    twice = changed(2.0 * given, 0.1, "log", "tanh")
    np.testing.assert_allclose(twice, 2.0 * changed(given, 0.1, "log"), rtol=1e-12)


def integral(d, form):
    """Return H(d), H' = h, without a dead zone."""
    if form == "linear":
        return 0.5 * d * d
    return (1.0 + d) * np.log(1.0 + d) + (1.0 - d) * np.log(1.0 - d)


@each_form
def test_the_gradient_is_that_of_the_integrated_error(zone, form):
    """By central differences of the mean of Σ H(y - t): φ = f' is then the whole chain rule."""
    problem, plan = encoder(zone, form)
    w = 2.0 * initial(plan, problem, [5])

    def total(row):
        y = Stack(problem, plan, [5], row[None]).outputs(problem.inputs)[0]
        size = np.abs(y - problem.targets[0].T)
        return np.maximum(integral(size, form) - integral(zone, form), 0.0).sum() / 10

    stack = Stack(problem, plan, [5], w)
    found = stack.gradient(stack.rules, 10)[0]
    for place in range(0, w.size, 7):
        step = np.zeros(w.size)
        step[place] = 1e-5
        slope = (total(w[0] + step) - total(w[0] - step)) / 2e-5
        assert found[place] == pytest.approx(slope, rel=1e-5, abs=1e-8)


def test_the_objective_that_is_scored_and_the_exact_gradient_are_not_changed():
    plain, changing = encoder(), encoder(0.1, "log")
    w = initial(plain[1], plain[0], [4])
    stacks = [Stack(problem, plan, [4], w) for problem, plan in (plain, changing)]
    assert stacks[0].objective() == stacks[1].objective()
    exact = [stack.gradient(stack.exact, 10) for stack in stacks]
    assert np.array_equal(*exact)
    own = [stack.gradient(stack.rules, 10) for stack in stacks]
    assert np.array_equal(own[0], exact[0]) and not np.array_equal(*own)
    assert np.array_equal(plain[0].targets, np.eye(10)[None])


@pytest.mark.parametrize(
    ("epsilon", "alpha", "gradient", "phi"),
    [
        (1.7, 0.0, "exact", lambda y: y * (1 - y)),
        (0.9, 0.4, {"offset": {"amount": 0.4}}, lambda y: y * (1 - y) + 0.1),
        (0.5, 0.4, {"constant": {"value": 0.5}}, lambda y: 0.5 + 0.0 * y),
    ],
)
@each_form
def test_epochs_are_those_of_a_training_by_hand(zone, form, epsilon, alpha, gradient, phi):
    """With the same initial weights; with net inputs clipped at ±15, as his, as well."""
    rule = {"momentum": {"momentum": alpha}} if alpha else "sgd"
    problem, plan = encoder(zone, form, gradient=gradient, optimizer=rule)
    start = initial(plan, problem, SEEDS)
    found = train(problem, plan, BUDGET, SEEDS, [10.0 * epsilon]).learnt_at
    weights = [layers_of(row[None], (10, 5, 10)) for row in start]
    assert np.ptp(start) > 1.9 and all(np.all(layer[0, -1] != 0) for layer in weights[0])
    # the logarithmic error drives net inputs beyond ±15 at times, the linear one does not
    for clip in (math.inf, 15.0) if form == "linear" else (math.inf,):
        expected = [
            fahlman.epochs(
                *(np.eye(10), np.eye(10), [layer[0] for layer in own], epsilon, alpha, phi),
                *(zone, form == "log", BUDGET.updates, clip),
            )
            for own in weights
        ]
        assert np.nan_to_num(found, nan=-1).tolist() == expected


def test_a_training_ends_when_it_has_learnt():
    """Its weights are those after as many updates; one alone counts as it does in a stack."""
    problem, plan = encoder()
    found = train(problem, plan, BUDGET, SEEDS, [10.0, 17.0])
    assert len(set(found.learnt_at)) == 6
    for r in (0, 5):
        seed, rate, count = found.seeds[r], found.rates[r], int(found.learnt_at[r])
        short = dataclasses.replace(BUDGET, updates=count, learnt_within=None)
        alone = train(problem, plan, short, [seed], [rate])
        assert np.array_equal(alone.parameters[0], found.parameters[r])
        assert np.isnan(alone.learnt_at).all()
        # the last update is not followed by a look, so a budget of `count` is one too few
        late = train(problem, plan, dataclasses.replace(BUDGET, updates=count), [seed], [rate])
        assert np.isnan(late.learnt_at).all()
        y = Stack(problem, plan, [seed], alone.parameters).outputs(problem.inputs)[0]
        assert np.abs(y - problem.targets[0].T).max() < 0.4


def test_the_criterion_is_a_share_of_the_distance_of_the_targets():
    """XOR in the symmetric form learns the same way with ±½ as the targets' distance is 1."""
    plan = design((2,), "symmetric_logistic", objective(), initialisation=UNIFORM)
    problem = posed(plan, datasets.load("xor"))
    assert problem.targets[0].ravel().tolist() == [-0.5, 0.5, 0.5, -0.5] and problem.span == 1.0
    wide = pose([patterns(outputs=1)], objective(), ACTIVATIONS["tanh"].bind())
    assert wide.span == 2.0 and set(wide.targets.ravel()) == {-1.0, 1.0}
    found = train(problem, plan, BUDGET, list(range(12)), [20.0])
    learnt = ~np.isnan(found.learnt_at)
    assert 0 < learnt.sum()
    y = Stack(problem, plan, list(range(12)), found.parameters).outputs(problem.inputs)
    near = np.abs(y - problem.targets[0].T).max(axis=(1, 2)) < 0.4
    assert np.array_equal(near, learnt)


def test_data_of_the_encoders_and_of_xor():
    complement = datasets.load({"complement_encoder": {"size": 6}})
    assert np.array_equal(complement.inputs, 1.0 - np.eye(6))
    assert np.array_equal(complement.targets, complement.inputs)
    xor = datasets.load("xor")
    assert np.array_equal(xor.targets[:, 0], np.prod(np.sign(xor.inputs), axis=1) < 0)


def test_a_wrong_parameter_is_one_line():
    for given, said in (({"dead_zone": 2}, "0 to 1"), ({"form": "cubic"}, "linear, log")):
        with pytest.raises(UsageError, match=said):
            bound_objective({"unit_squared_error": given})
