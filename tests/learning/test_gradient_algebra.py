"""Identities, neutral values, amounts and refusals of the gradient modifications."""

import itertools
import math

import numpy as np
import pytest
import stacks
from small_nets import ACTIVATION_SPECS, RULE_SPECS, label, refused, rule_of

from study.errors import UsageError
from study.learning.activations import bound_activation
from study.learning.core.placement import factor_of, keys_of, numbers_of
from study.learning.rules import EXACT, GRADIENTS, canonical
from study.learning.rules.base import Site
from study.learning.variants import Variant

SHAPE = (2, 7, 40)


def factor(rule, activation, dtype=np.float64, z=None):
    """Return φ on layers with a wide spread of net inputs, zeros among them, (R, units, n).

    As the core gives it. Where a rule is made of f' by one kernel, that is called as well, to see
    that it changes neither z nor y.
    """
    if z is None:
        z = np.random.default_rng(1).normal(scale=2.5, size=SHAPE)
        z[:, :, ::8] = 0.0
    z = z.astype(dtype)
    kept = z.copy()
    phi = np.array(
        [factor_of(rule, activation, layer, 3 + r, step=5) for r, layer in enumerate(z)]
    )
    assert phi.dtype == dtype
    assert np.array_equal(z, kept), "z was changed"
    if rule.record.source is None and rule.record.replace is None:
        site = Site(activation, True, rule.values)
        for r, layer in enumerate(z):
            y = stacks.values(activation, layer)
            slope = stacks.slopes(activation, layer, y)
            key = keys_of(rule, [3 + r], 0)[0]
            numbers = numbers_of(rule, site, layer[None])[0]
            alone = stacks.factor(rule, layer, y, slope, numbers, key, 5)
            assert np.array_equal(alone, phi[r])
    return phi


def canonical_name(spec, activation):
    return str(canonical(rule_of(spec), bound_activation(activation)))


SAME = [
    # (activation, one specification, another): equal cells
    *[("relu", {"floor": {"minimum": a}}, {"leaky_backward": {"slope": a}}) for a in (0.01, 0.3)],
    *[("relu", {"blend": {"amount": a}}, {"leaky_backward": {"slope": a}}) for a in (0.01, 0.3)],
    ("relu", {"floor": {"minimum": 0.1, "absolute": True}}, {"leaky_backward": {"slope": 0.1}}),
    ("relu", {"leaky_backward": {"slope": 1.0}}, "removed"),
    ("relu", {"floor": {"minimum": 1.0}}, "removed"),
    ("relu", {"leaky_backward": {"slope": 0.0}}, "exact"),
    ("relu", {"power": {"exponent": 0.5}}, "exact"),
    ("relu", {"power": {"exponent": 2.0}}, "exact"),
    ("relu", {"power": {"exponent": 0.0}}, "removed"),
    ("relu", {"other_slope": {"factor": 2.0}}, "exact"),
    ("relu", {"relu_at_zero": {"value": 0.0}}, "exact"),
    ("relu", {"relu_at_zero": {"value": 0.0, "arm": "overwrite"}}, "exact"),
    ("softsign", "bump", {"power": {"exponent": 0.5}}),
    ("tanh", {"constant": {"value": 1.0}}, "removed"),
    ("tanh", {"power": {"exponent": 0.0}}, "removed"),
    ("tanh", {"power": {"exponent": 1.0}}, "exact"),
    ("tanh", {"floor": {"minimum": 0.0}}, "exact"),
    ("tanh", {"floor": {"minimum": 1.0}}, "removed"),
    ("tanh", {"offset": {"amount": 0.0}}, "exact"),
    ("tanh", {"offset": {"amount": 0.0, "absolute": True}}, "exact"),
    ("tanh", {"blend": {"amount": 0.0}}, "exact"),
    ("tanh", {"blend": {"amount": 1.0}}, "removed"),
    ("tanh", {"other_slope": {"factor": 1.0}}, "exact"),
    ("tanh", {"substitute": {"activation": "tanh"}}, "exact"),
    ("tanh", {"ceiling": {"maximum": 1.0}}, "exact"),
    ("logistic", {"ceiling": {"maximum": 0.3, "absolute": True}}, "exact"),
    ("logistic", {"power": {"exponent": 0.0}}, {"constant": {"value": 0.25}}),
    ("logistic", {"offset": {"amount": 0.1, "absolute": True}}, {"offset": {"amount": 0.4}}),
    (
        "logistic",
        {"window": {"threshold": 0.125, "outside": 0.025, "absolute": True}},
        {"window": {"threshold": 0.5, "outside": 0.1}},
    ),
    ("silu", {"floor": {"minimum": 0.0}}, "exact"),
    ("hard_tanh", {"power": {"exponent": 2.0}}, "exact"),
    ("identity", {"other_slope": {"factor": 2.0}}, "exact"),
]


@pytest.mark.parametrize(("activation", "one", "other"), SAME)
def test_equal_rules_have_one_canonical_form_and_one_factor(activation, one, other):
    assert canonical_name(one, activation) == canonical_name(other, activation)
    bound = bound_activation(activation)
    np.testing.assert_allclose(
        factor(rule_of(one), bound), factor(rule_of(other), bound), rtol=1e-14, atol=1e-14
    )


@pytest.mark.parametrize("a", [0.01, 0.1, 0.3, 0.5])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_on_relu_floor_blend_and_leaky_backward_are_equal_to_the_bit(dtype, a):
    relu = bound_activation("relu")
    rules = {"floor": {"minimum": a}}, {"blend": {"amount": a}}, {"leaky_backward": {"slope": a}}
    one, *others = (factor(rule_of(rule), relu, dtype) for rule in rules)
    assert all(np.array_equal(one, other) for other in others)
    assert np.unique(one).tolist() == np.array([a, 1.0], dtype).tolist()


@pytest.mark.parametrize("spec", RULE_SPECS, ids=label)
@pytest.mark.parametrize("activation", ACTIVATION_SPECS, ids=label)
def test_the_canonical_form_has_the_same_factor(activation, spec):
    bound, rule = bound_activation(activation), rule_of(spec)
    simpler = canonical(rule, bound)
    assert str(canonical(simpler, bound)) == str(simpler), "canonical is not idempotent"
    if "relu alone" in refused(rule, bound) or "bounded" in refused(rule, bound):
        return
    np.testing.assert_allclose(factor(rule, bound), factor(simpler, bound), rtol=1e-12, atol=1e-12)


def test_different_canonical_forms_have_different_factors():
    """On the smooth activations no two cells of one factor are left apart.

    But means that coincide by definition: those fixed at the start equal those tracked while the
    batch is the whole training set at the initial weights, as it is here.
    """
    z = np.random.default_rng(1).normal(scale=8.0, size=SHAPE)
    for activation in ("tanh", "logistic", "softsign", "silu"):
        bound = bound_activation(activation)
        forms = {
            str(form): form
            for rule in map(rule_of, RULE_SPECS)
            if not refused(rule, bound)
            for form in [canonical(rule, bound)]
        }
        factors = [(form, factor(form, bound, z=z)) for form in forms.values()]
        for (one, a), (other, b) in itertools.combinations(factors, 2):
            if {one.name, other.name} == {"mean_matched", "mean_tracked"}:
                continue
            assert np.abs(a - b).max() > 1e-6, (activation, str(one), str(other))


@pytest.mark.parametrize("name", GRADIENTS)
def test_neutral_values_are_exact(name):
    """Whatever the other parameters are, at its neutral value a rule is the slope itself."""
    record = GRADIENTS[name]
    for key, parameter in record.parameters.items():
        if parameter.neutral is None:
            continue
        rule = rule_of({name: {key: parameter.neutral}})
        for activation in ("tanh", "logistic", "relu", "gelu"):
            bound = bound_activation(activation)
            if refused(rule, bound):
                continue
            assert canonical(rule, bound) is EXACT
            np.testing.assert_allclose(factor(rule, bound), factor(EXACT, bound), rtol=1e-12)


def test_blend_and_offset_are_one_family():
    """blend(λ) = (1 - λ) offset(λ / (1 - λ)), absolute."""
    for activation in ("tanh", "logistic", "gelu"):
        for amount in (0.1, 0.25, 0.6):
            bound = bound_activation(activation)
            offset = {"offset": {"amount": amount / (1.0 - amount), "absolute": True}}
            np.testing.assert_allclose(
                factor(rule_of({"blend": {"amount": amount}}), bound),
                (1.0 - amount) * factor(rule_of(offset), bound),
                rtol=1e-12,
            )


@pytest.mark.parametrize("name", ["offset", "floor", "ceiling", "window"])
def test_absolute_amounts(name):
    """Relative amounts are multiples of m: on the logistic Fahlman's 0.1 is 0.4."""
    logistic, silu = bound_activation("logistic"), bound_activation("silu")
    for bound in (logistic, silu):
        numbers = {
            key: 0.1
            for key, p in GRADIENTS[name].parameters.items()
            if not isinstance(p.default, bool)
        }
        relative = {key: v / bound.largest_slope for key, v in numbers.items()}
        np.testing.assert_allclose(
            factor(rule_of({name: {**numbers, "absolute": True}}), bound),
            factor(rule_of({name: relative}), bound),
            rtol=1e-12,
        )


def test_factors_by_hand():
    """Slopes of tanh at 0 and beyond, of silu below 0 (negative there)."""
    tanh, silu = bound_activation("tanh"), bound_activation("silu")
    z = np.array([[[0.0, 0.5, -2.0, 3.0]]])
    s = 1.0 - np.tanh(z) ** 2  # 1, 0.786, 0.0707, 0.00987
    expected = {
        "removed": np.ones(4),
        "constant": np.full(4, 0.5),
        "offset": s + 0.1,
        "floor": [1.0, s[0, 0, 1], 0.1, 0.1],
        "ceiling": [0.5, 0.5, s[0, 0, 2], s[0, 0, 3]],
        "power": np.sqrt(s),
        "blend": 0.75 * s + 0.25,
        "other_slope": 1.0 - np.tanh(2.0 * z) ** 2,
        "substitute": 1.0 / (1.0 + np.abs(z)) ** 2,
        "bump": 1.0 - np.abs(np.tanh(z)),
        "window": [1.0, 1.0, 0.0, 0.0],
        "mean_tracked": np.full(4, s.mean()),
        "unit_mean": np.full(4, s.mean()),
        "pattern_mean": s,
        "rank_one": s,
        "negated_top": -s,
    }
    for name, phi in expected.items():
        np.testing.assert_allclose(
            factor(rule_of(name), tanh, z=z).ravel(), np.ravel(phi), rtol=1e-12, err_msg=name
        )
    z = np.array([[[-3.0, -2.0]]])  # silu' there: -0.0881, -0.0908
    for spec, phi in (
        ({"floor": {"minimum": 0.5, "absolute": True}}, [-0.5, -0.5]),
        ({"ceiling": {"maximum": 0.01, "absolute": True}}, [-0.01, -0.01]),
        ({"power": {"exponent": 0.0}}, [-1.0998393194, -1.0998393194]),
    ):
        np.testing.assert_allclose(factor(rule_of(spec), silu, z=z).ravel(), phi, rtol=1e-8)


def test_signs_and_powers_of_zero():
    """sgn(0) = +1 and 0^0 = 1: a slope of 0 is raised upwards, and to the power 0 it is m."""
    relu, z = bound_activation("relu"), np.full((1, 2, 3), -1.0)
    assert np.all(factor(rule_of({"floor": {"minimum": 0.2}}), relu, z=z) == 0.2)
    assert np.all(factor(rule_of({"power": {"exponent": 0.0}}), relu, z=z) == 1.0)
    assert np.all(factor(rule_of({"power": {"exponent": 0.5}}), relu, z=z) == 0.0)
    assert np.all(factor(rule_of("rank_one"), relu, z=z) == 0.0)


def test_bump_on_the_logistic_is_twice_half_of_kolens():
    z = np.linspace(-4.0, 4.0, 21).reshape(1, 1, -1)
    y = 1.0 / (1.0 + np.exp(-z))
    np.testing.assert_allclose(
        factor(rule_of("bump"), bound_activation("logistic"), z=z),
        0.5 * np.minimum(y, 1.0 - y),
        rtol=1e-12,
    )


def test_window_at_its_default_is_tanh_within_one():
    z = np.array([[[-1.01, -0.99, 0.0, 0.99, 1.01]]])
    phi = factor(rule_of("window"), bound_activation("tanh"), z=z)
    assert phi.ravel().tolist() == [0.0, 1.0, 1.0, 1.0, 0.0]


def test_the_mean_rules():
    """Matched: scaled = f' / mean; rank one keeps the means of rows and columns."""
    tanh = bound_activation("tanh")
    s = factor(EXACT, tanh)
    mean = s.mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(factor(rule_of("mean_matched"), tanh), mean + 0.0 * s, rtol=1e-12)
    np.testing.assert_allclose(factor(rule_of("scaled"), tanh), s / mean, rtol=1e-12)
    rank_one = factor(rule_of("rank_one"), tanh)
    for axis in (1, 2):
        np.testing.assert_allclose(rank_one.mean(axis=axis), s.mean(axis=axis), rtol=1e-12)
    for r in range(2):
        assert np.linalg.matrix_rank(rank_one[r], tol=1e-9) == 1


def test_topmost_alone_is_negated():
    rule, tanh = rule_of("negated_top"), bound_activation("tanh")
    z = np.ones((1, 1))
    slope = 1.0 - np.tanh(z) ** 2
    for topmost, sign in ((True, -1.0), (False, 1.0)):
        numbers = numbers_of(rule, Site(tanh, topmost, rule.values))[0]
        phi = stacks.factor(rule, z, np.tanh(z), slope, numbers)
        assert phi[0, 0] == sign * slope[0, 0]


REFUSALS = [
    ("power", "leaky_relu", 4, "piecewise constant"),
    ("power", "relu", 4, "piecewise constant"),
    ("bump", "relu", 4, "bounded"),
    ("bump", "softplus", 4, "bounded"),
    ("leaky_backward", "tanh", 4, "relu alone"),
    ("relu_at_zero", "tanh", 4, "relu alone"),
    ("relu_at_zero", "leaky_relu", 4, "relu alone"),
    ("shuffled_units", "tanh", 1, "one unit"),
    ({"random": {"low": -1.0, "high": 1.0, "matched": True}}, "tanh", 4, "mean 0"),
]


@pytest.mark.parametrize(("spec", "activation", "units", "reason"), REFUSALS)
def test_refusals(spec, activation, units, reason):
    assert reason in refused(rule_of(spec), bound_activation(activation), units)


@pytest.mark.parametrize("name", GRADIENTS)
def test_every_rule_stands_on_some_activation(name):
    assert any(not refused(rule_of(name), bound_activation(a)) for a in ("tanh", "relu"))


def test_what_is_not_refused():
    relu, tanh = bound_activation("relu"), bound_activation("tanh")
    for spec in ("floor", "offset", "blend", "window", "removed", "shuffled_patterns"):
        assert refused(rule_of(spec), relu, 1) == "" == refused(rule_of(spec), tanh, 1)
    assert refused(rule_of("shuffled_units"), tanh, 2) == ""


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
        ({"power": {"exponent": 11}}, "out of range: 0 to 10"),
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


def test_names_and_values():
    assert str(rule_of({"floor": {"minimum": 0.1}})) == "floor(minimum=0.1)"
    assert str(rule_of("removed")) == "removed"
    assert "absolute=true" in str(rule_of({"offset": {"absolute": True}}))
    assert str(rule_of({"constant": {"value": 2}})) == "constant(value=2)"
    variant = Variant(GRADIENTS["removed"])
    assert rule_of(variant) is variant
    assert rule_of(GRADIENTS["floor"]).values["minimum"] == 0.1


def test_a_users_own_record_needs_no_registration():
    own = rule_of({"_target_": "small_nets.SHRUNK", "share": 0.5})
    assert str(own) == "shrunk(share=0.5)"
    tanh = bound_activation("tanh")
    np.testing.assert_allclose(factor(own, tanh), 0.5 * factor(EXACT, tanh))
    with pytest.raises(UsageError, match="unknown parameter of gradient 'shrunk'"):
        rule_of({"_target_": "small_nets.SHRUNK", "shore": 0.5})


def test_absolute_neutral_and_idempotent_amounts_do_not_depend_on_spelling():
    tanh = bound_activation("tanh")  # m = 1: absolute or not is one rule
    for name in ("offset", "floor", "window"):
        assert str(canonical(rule_of({name: {"absolute": True}}), tanh)) == str(
            canonical(rule_of(name), tanh)
        )
