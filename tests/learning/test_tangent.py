"""Asymmetry and spectrum against explicit Jacobians by central differences."""

import numpy as np
import pytest
from small_nets import design, patterns, posed, small

from study.learning.core.stack import Stack
from study.learning.core.training import outputs, train
from study.learning.design import Budget
from study.learning.diagnostics.tangent import PATTERNS, asymmetry, jacobians, tangent_spectrum

SIZES = (4, 5, 4, 3)
SEEDS = [3, 4]
STEP = 1e-6


def stack_of(plan, problem, parameters):
    return Stack(problem, plan, SEEDS[: len(parameters)], parameters.copy())


def weights(scale=1.0, seed=0):
    return np.random.default_rng(seed).normal(scale=scale, size=(2, 64))


def block_asymmetry(plan, problem, parameters):
    """Return ‖(J - J^T) / 2‖ / ‖J‖ of each hidden layer's block, J column by column."""
    stack, found, begin = stack_of(plan, problem, parameters), [], 0
    for n_in, n_out in ((4, 5), (5, 4)):
        inside = np.arange(begin, begin + (n_in + 1) * n_out)
        begin = inside[-1] + 1
        columns = []
        for way in np.eye(64)[inside] * STEP:
            ends = [
                stack.gradient(stack.rules, PATTERNS, parameters=moved)[:, inside]
                for moved in (parameters + way, parameters - way)
            ]
            columns.append((ends[0] - ends[1]) / (2.0 * STEP))
        j = np.array(columns).transpose(1, 2, 0)
        odd = 0.5 * (j - j.transpose(0, 2, 1))
        found.append(np.linalg.norm(odd, axis=(1, 2)) / np.linalg.norm(j, axis=(1, 2)))
    return np.mean(found, axis=0)


@pytest.mark.parametrize("objective", ["squared_error", "cross_entropy"])
@pytest.mark.parametrize("gradient", ["removed", "floor", "random", "unit_mean"])
def test_asymmetry_estimates_that_of_the_blocks(gradient, objective):
    """Ten pairs of directions estimate a norm within a factor of about two."""
    problem, plan = small(SIZES[1:-1], objective=objective, gradient=gradient, n=40)
    ratios = [
        asymmetry(stack_of(plan, problem, w)) / block_asymmetry(plan, problem, w)
        for w in (weights(0.9, seed) for seed in range(8))
    ]
    assert 0.8 < np.exp(np.mean(np.log(ratios))) < 1.25
    assert 0.25 < np.min(ratios) and np.max(ratios) < 4.0


PROPORTIONAL = {  # φ to f': then the field is a gradient's
    **dict.fromkeys(("exact", "scaled", "negated_top"), True),
    **dict.fromkeys(("removed", "mean_matched", "floor", "power", "bump", "window"), False),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("gradient", PROPORTIONAL)
def test_it_is_nothing_where_phi_is_proportional_to_the_slope(gradient, dtype):
    """A matched activation makes of a rule a gradient again; forward alone it does not."""
    plan = design(SIZES[1:-1], gradient=gradient)
    problem, w = posed(plan, patterns(n=40)), weights().astype(dtype)
    nothing = 2e-3 if dtype == "float32" else 1e-6
    found = asymmetry(stack_of(plan, problem, w))
    assert (found < nothing if PROPORTIONAL[gradient] else found > 5e-3).all()
    if gradient in ("floor", "power"):
        for consistent, symmetric in (("true", True), ("forward", False)):
            matched = design(SIZES[1:-1], gradient=gradient, consistent=consistent)
            assert ((asymmetry(stack_of(matched, problem, w)) < nothing) == symmetric).all()


def test_where_nothing_comes_down_it_is_not_defined():
    for plan in (design(()), design(SIZES[1:-1], gradient="frozen")):
        problem = posed(plan, patterns(n=40))
        outcome = train(problem, plan, Budget(updates=3, probes=2), [1, 2], [0.1])
        assert np.isnan(outcome.asymmetry).all()
        last = {name: curve[0, -1] for name, curve in outcome.curves.items()}
        assert np.isnan(last["saturated"]) == (not plan.hidden)
        assert np.isnan(last["descent_cosine_first"]) == bool(plan.hidden)
        assert 0.0 < last["descent_cosine"] < 1.0 if plan.hidden else last["descent_cosine"] == 1.0
        assert np.isfinite(last["gradient_norm"])
    plan = design(SIZES[1:-1], gradient="removed")
    outcome = train(problem, plan, Budget(updates=3, probes=0), [1, 2], [0.1])
    assert np.isnan(outcome.asymmetry).all()


def outputs_of(plan, problem, parameters, n, linear):
    """Return outputs, or their net inputs, in the order (pattern, output)."""
    if linear:
        plan = design(plan.hidden, plan.activation.name, "linear_squared_error")
    found = outputs(plan, parameters, problem.inputs[:, :n])
    return found.transpose(0, 2, 1).reshape(len(parameters), -1)


@pytest.mark.parametrize("objective", ["squared_error", "cross_entropy", "linear_squared_error"])
@pytest.mark.parametrize("activation", ["tanh", "logistic"])
def test_the_true_jacobian(activation, objective):
    """Against central differences of the outputs; where no factor stands there, of z."""
    plan = design(SIZES[1:-1], activation, objective, gradient="removed")
    problem, n = posed(plan, patterns(n=8)), 5
    parameters = weights()[:1]
    steps = np.concatenate([parameters + STEP * np.eye(64), parameters - STEP * np.eye(64)])
    up, down = outputs_of(plan, problem, steps, n, objective != "squared_error").reshape(2, 64, -1)
    true, modified = jacobians(plan, problem, parameters[0], n, 3)
    np.testing.assert_allclose(true, (up - down).T / (2.0 * STEP), atol=1e-8)
    assert np.abs(true - modified).max() > 1e-2


@pytest.mark.parametrize("gradient", ["removed", "floor", "mean_tracked", "random"])
def test_the_modified_jacobian_is_what_the_rule_makes_of_errors(gradient):
    """g~ is linear in the errors: J_mod^T (y - t) / n must be the gradient on these patterns."""
    plan = design(SIZES[1:-1], gradient=gradient, location="all")
    problem, n = posed(plan, patterns(n=8)), 8
    stack = stack_of(plan, problem, weights()[:1])
    y = outputs_of(plan, problem, stack.parameters, n, False)[0]
    _, modified = jacobians(plan, problem, stack.parameters[0], n, SEEDS[0])
    expected = stack.gradient(stack.rules, n, step=1)[0]
    found = modified.T @ (y - problem.targets[0].ravel()) / n
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("objective", ["squared_error", "cross_entropy"])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_exact_has_no_negative_eigenvalue(activation, objective):
    """K = J J^T is symmetric and positive semi-definite, and the sum of its eigenvalues ‖J‖²."""
    plan = design(SIZES[1:-1], activation, objective)
    problem, parameters = posed(plan, patterns(n=12)), weights()
    found = tangent_spectrum(plan, problem, parameters, 10, SEEDS)
    assert found.eigenvalues.shape == (2, 30)
    assert (found.negative == 0.0).all() and (found.smallest > -1e-12).all()
    assert np.abs(found.eigenvalues.imag).max() < 1e-9
    for r, seed in enumerate(SEEDS):
        true, modified = jacobians(plan, problem, parameters[r], 10, seed)
        assert np.array_equal(true, modified)
        assert found.eigenvalues[r].sum().real == pytest.approx((true**2).sum(), rel=1e-9)


def test_a_reversed_rule_has_negative_eigenvalues():
    plan = design(SIZES[1:-1], objective="linear_squared_error", gradient="negated_top")
    problem, parameters = posed(plan, patterns("regression", n=8)), weights(0.6)
    found = tangent_spectrum(plan, problem, parameters, 8, SEEDS)
    assert (found.negative > 0.1).all() and (found.smallest < -1e-3).all()


def test_rules_that_prepare_do_so_at_the_start():
    plan = design(SIZES[1:-1], gradient="mean_matched")
    problem, start, end = posed(plan, patterns(n=12)), weights(0.5), weights(1.5, 1)
    budget = Budget(updates=1, dtype="float64")
    trained = train(problem, plan, budget, SEEDS, [0.0], start=start)
    own = stack_of(plan, problem, trained.parameters)
    c = own.rules[0].constants[0, 0, 0]
    later = stack_of(plan, problem, end).rules[0].constants[0, 0, 0]
    assert abs(c - later) > 0.05
    one = tangent_spectrum(plan, problem, end, 6, SEEDS, start)
    other = tangent_spectrum(plan, problem, end, 6, SEEDS)
    assert np.abs(one.eigenvalues - other.eigenvalues).max() > 1e-3
    y = np.tanh(problem.inputs[0] @ start[0, :20].reshape(4, 5) + start[0, 20:25])
    assert c == pytest.approx(1.0 - np.mean(y**2))


def test_each_network_of_fresh_data_sees_its_own():
    plan = design(SIZES[1:-1], gradient="removed")
    sets = [patterns(n=12, seed=s) for s in (1, 2)]
    both = tangent_spectrum(plan, posed(plan, *sets), weights(), 6, SEEDS)
    for r, own in enumerate(sets):
        alone = tangent_spectrum(plan, posed(plan, own), weights()[[r]], 6, [SEEDS[r]])
        assert np.array_equal(both.eigenvalues[r], alone.eigenvalues[0])
