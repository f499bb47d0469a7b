"""Identities, neutral values, amounts, refusals and directions of the gradient rules."""

import itertools
import math

import numpy as np
import pytest
from small_nets import ACTIVATION_SPECS, RULE_SPECS, design, home_of, label, refused, rule_of

from study.errors import UsageError
from study.learning.activations import bound_activation
from study.learning.core.network import count
from study.learning.core.placement import factor_of
from study.learning.core.stack import Stack
from study.learning.problem import unscored
from study.learning.rules import EXACT, GRADIENTS, canonical

Z = np.random.default_rng(1).normal(scale=2.5, size=(7, 40))
Z[:, ::8] = 0.0


def factor(rule, activation, dtype=np.float64, z=Z):
    """Return φ on a layer with a wide spread of net inputs, zeros among them, as the core does."""
    z = z.astype(dtype)
    kept = z.copy()
    phi = factor_of(rule, activation, z, 3, step=5)
    assert phi.dtype == dtype
    assert np.array_equal(z, kept), "z was changed"
    return phi


SAME = [
    # (activation, one specification, another): equal cells
    *[("relu", {"floor": {"minimum": a}}, {"leaky_backward": {"slope": a}}) for a in (0.01, 0.3)],
    *[("relu", {"blend": {"amount": a}}, {"leaky_backward": {"slope": a}}) for a in (0.01, 0.3)],
    ("relu", {"floor": {"minimum": 0.1, "absolute": True}}, {"leaky_backward": {"slope": 0.1}}),
    ("relu", {"leaky_backward": {"slope": 1.0}}, "removed"),
    *[("relu", {"power": {"exponent": exponent}}, "exact") for exponent in (0.5, 2.0)],
    *[(f, {"power": {"exponent": 0.0}}, "removed") for f in ("relu", "tanh")],
    *[(f, {"floor": {"minimum": 1.0}}, "removed") for f in ("relu", "tanh")],
    ("relu", {"other_slope": {"factor": 2.0}}, "exact"),
    ("relu", {"relu_at_zero": {"value": 0.0}}, "exact"),
    ("relu", {"relu_at_zero": {"value": 0.0, "arm": "overwrite"}}, "exact"),
    ("softsign", "bump", {"power": {"exponent": 0.5}}),
    ("tanh", {"constant": {"value": 1.0}}, "removed"),
    ("tanh", {"blend": {"amount": 1.0}}, "removed"),
    ("tanh", {"substitute": {"activation": "tanh"}}, "exact"),
    ("tanh", {"ceiling": {"maximum": 1.0}}, "exact"),
    ("logistic", {"ceiling": {"maximum": 0.3, "absolute": True}}, "exact"),
    ("logistic", {"power": {"exponent": 0.0}}, {"constant": {"value": 0.25}}),
    ("silu", {"floor": {"minimum": 0.0}}, "exact"),
    ("hard_tanh", {"power": {"exponent": 2.0}}, "exact"),
    ("identity", {"other_slope": {"factor": 2.0}}, "exact"),
]


@pytest.mark.parametrize(("activation", "one", "other"), SAME)
def test_equal_rules_have_one_canonical_form_and_one_factor(activation, one, other):
    f, one, other = bound_activation(activation), rule_of(one), rule_of(other)
    assert str(canonical(one, f)) == str(canonical(other, f))
    np.testing.assert_allclose(factor(one, f), factor(other, f), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("spec", RULE_SPECS, ids=label)
def test_the_canonical_form_has_the_same_factor(spec):
    for activation in ACTIVATION_SPECS:
        f, rule = bound_activation(activation), rule_of(spec)
        simpler = canonical(rule, f)
        assert str(canonical(simpler, f)) == str(simpler), "canonical is not idempotent"
        if "relu alone" in refused(rule, f) or "bounded" in refused(rule, f):
            continue
        np.testing.assert_allclose(factor(rule, f), factor(simpler, f), rtol=1e-12, atol=1e-12)


def test_different_canonical_forms_have_different_factors():
    """On the smooth activations no two cells of one factor are left apart.

    But means that coincide by definition: those fixed at the start equal those tracked while the
    batch is the whole training set at the initial weights, as it is here.
    """
    z = np.random.default_rng(1).normal(scale=8.0, size=Z.shape)
    z[0, 0] = 0.99998  # between the knees of window, where tanh' = 0.42, and of hard tanh
    for activation in ("tanh", "logistic", "softsign", "silu"):
        f = bound_activation(activation)
        rules = [rule for rule in map(rule_of, RULE_SPECS) if not refused(rule, f)]
        forms = {str(form): form for form in (canonical(rule, f) for rule in rules)}
        factors = [(form, factor(form, f, z=z)) for form in forms.values()]
        for (one, a), (other, b) in itertools.combinations(factors, 2):
            if {one.name, other.name} == {"mean_matched", "mean_tracked"}:
                continue
            assert np.abs(a - b).max() > 1e-6, (activation, str(one), str(other))


@pytest.mark.parametrize("name", GRADIENTS)
def test_neutral_values_are_exact_and_amounts_may_be_absolute(name):
    """Whatever the other parameters are; relative amounts are multiples of m."""
    parameters = GRADIENTS[name].parameters
    for activation in ("tanh", "logistic", "relu", "gelu"):
        f = bound_activation(activation)
        if refused(rule_of(name), f):
            continue
        for key, parameter in parameters.items():
            if parameter.neutral is not None:
                rule = rule_of({name: {key: parameter.neutral}})
                assert canonical(rule, f) is EXACT
                np.testing.assert_allclose(factor(rule, f), factor(EXACT, f), rtol=1e-12)
        if "absolute" in parameters:
            keys = [key for key, p in parameters.items() if not isinstance(p.default, bool)]
            absolute = rule_of({name: {**dict.fromkeys(keys, 0.1), "absolute": True}})
            relative = rule_of({name: dict.fromkeys(keys, 0.1 / f.largest_slope)})
            np.testing.assert_allclose(factor(absolute, f), factor(relative, f), rtol=1e-12)
            assert canonical(absolute, f).values == pytest.approx(canonical(relative, f).values)


def test_rank_one_where_all_slopes_are_0():
    relu = bound_activation("relu")
    assert np.all(factor(rule_of("rank_one"), relu, z=np.full((2, 3), -1.0)) == 0.0)


def test_refusals():
    for spec, activation, units, reason in [
        *[("power", activation, 4, "piecewise constant") for activation in ("leaky_relu", "relu")],
        *[("bump", activation, 4, "bounded") for activation in ("relu", "softplus")],
        *[("relu_at_zero", activation, 4, "relu alone") for activation in ("tanh", "leaky_relu")],
        ("leaky_backward", "tanh", 4, "relu alone"),
        ("shuffled_units", "tanh", 1, "one unit"),
        ({"random": {"low": -1.0, "high": 1.0, "matched": True}}, "tanh", 4, "mean 0"),
    ]:
        assert reason in refused(rule_of(spec), bound_activation(activation), units)
    for name in GRADIENTS:
        assert not refused(rule_of(name), home_of(name))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("flor", "unknown gradient 'flor'.*Did you mean 'floor'.*Valid: .*offset"),
        ({"floor": {"minimun": 0.1}}, "minimun.*Did you mean 'minimum'"),
        ({"floor": {"minimum": -0.1}}, r"floor\.minimum = -0.1 is out of range"),
        ({"floor": {"minimum": "small"}}, r"floor\.minimum takes a number, not 'small'"),
        ({"floor": {"minimum": True}}, "takes a number"),
        ({"floor": {"minimum": math.nan}}, r"floor\.minimum = nan is out of range"),
        ({"floor": {"absolute": 1}}, r"floor\.absolute takes true or false"),
        ({"blend": {"amount": 1.5}}, "out of range: 0 to 1"),
        ({"substitute": {"activation": "tan"}}, "Did you mean 'tanh'"),
        ({"relu_at_zero": {"arm": "over"}}, "Valid: scale, overwrite"),
        ({"removed": {"value": 1}}, "unknown parameter of gradient 'removed'"),
        ({"floor": 0.1}, "takes parameters by name, not 0.1"),
        (["floor"], "gradient takes a name"),
        ({"_target_": "no.such.thing"}, r"'no\.such\.thing' cannot be imported"),
        ({"_target_": "math.pi"}, "is a float, not a Record"),
    ],
)
def test_mistakes_are_told_in_one_line(spec, message):
    with pytest.raises(UsageError, match=message) as caught:
        rule_of(spec)
    assert "\n" not in str(caught.value)


# ---- Munro 1993 and Miller 1993: where a factor leaves a direction of descent, and where not ----


def descents(gradient, location, hidden, outputs, n):
    """Return g · g~ of tanh nets with large random weights, one set of patterns for each."""
    plan, found = design(hidden, gradient=gradient, location=location), []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x, t = rng.normal(size=(n, 3)), rng.uniform(-1.0, 1.0, size=(n, outputs))
        problem = unscored(x, t, "regression")
        w = rng.normal(scale=2.0, size=(5, count((3, *hidden, outputs))))
        stack = Stack(problem, plan, [0] * 5, w)
        exact, modified = (stack.gradient(rules, n, 1) for rules in (stack.exact, stack.rules))
        found.extend((exact * modified).sum(axis=1))
    return np.array(found)


@pytest.mark.parametrize("name", GRADIENTS)
def test_one_pattern_and_one_hidden_layer_always_descend(name):
    """Whatever φ > 0, hidden, or at a single output as well."""
    rule, points = rule_of(name), np.linspace(-3.0, 3.0, 24).reshape(4, 6)
    tanh = bound_activation("tanh")
    if refused(rule, tanh) or (factor_of(rule, tanh, points) < 0.0).any():
        return  # it may go uphill, as controls should
    for location, outputs in (("hidden", 3), ("all", 1)):
        if not (location == "all" and refused(rule, tanh, 1)):
            assert (descents(name, location, (5,), outputs, n=1) >= 0.0).all()


def test_elsewhere_a_rule_can_go_uphill():
    """Removal in deeper nets, or over several patterns, is no descent direction."""
    for hidden, n in (((5, 5, 5), 1), ((5,), 8)):
        uphill = descents("removed", "hidden", hidden, 2, n) < 0.0
        assert 0.0 < uphill.mean() < 0.5
