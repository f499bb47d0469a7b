"""Optimizers: by hand, against scalar formulas, on known minima, and with NaN."""

import math

import numpy as np
import pytest
import reference_optimizers as twin
from small_nets import design, patterns, posed

from study.learning.core.stack import Stack
from study.learning.optimizers import OPTIMIZERS, Updater

SHAPE = (3, 5)  # replicas, parameters


def numbers_of(name, replicas, **own):
    values = {key: p.default for key, p in OPTIMIZERS[name].parameters.items()} | own
    return {
        key: np.array(np.broadcast_to(np.asarray(value, float), replicas))
        for key, value in values.items()
    }


def updater(name, rate, parameters, **own):
    rate = np.array(np.broadcast_to(np.asarray(rate, float), len(parameters)))
    return Updater(OPTIMIZERS[name], numbers_of(name, len(parameters), **own), rate, parameters)


def run(name, start, slopes, rate, schedule=None, **own):
    """Return the parameters after each of the gradients, (steps, R, P)."""
    w = start.copy()
    step, path = updater(name, rate, w, **own), []
    for t, g in enumerate(slopes):
        step(w, g.copy(), schedule[t] if schedule else 1.0)
        path.append(w.copy())
    return np.array(path)


# two steps from w = 1 with gradients 2, then 1, at rate 0.1, worked by hand
BY_HAND = {
    "sgd": (1.0 - 0.2, 0.8 - 0.1),
    # v = -0.2; then v = 0.9 (-0.2) - 0.1 = -0.28
    "momentum": (0.8, 0.8 - 0.28),
    # w += 0.9 (-0.2) - 0.2 = -0.38; then 0.9 (-0.28) - 0.1 = -0.352
    "nesterov": (0.62, 0.62 - 0.352),
    # G = 4, then 5
    "adagrad": (0.9, 0.9 - 0.1 / math.sqrt(5.0)),
    # v = 0.1 * 4 = 0.4; then 0.36 + 0.1 = 0.46
    "rmsprop": (1.0 - 0.2 / math.sqrt(0.4), 1.0 - 0.2 / math.sqrt(0.4) - 0.1 / math.sqrt(0.46)),
    # the corrected means are g and g²: a step of η; then m = 0.28, v = 0.004996
    "adam": (
        0.9,
        0.9 - 0.1 * (0.28 / (1.0 - 0.81)) / math.sqrt(0.004996 / (1.0 - 0.998001)),
    ),
    # the sign alone: 0.1, then 1.2 * 0.1
    "rprop": (0.9, 0.78),
    # -0.1 * 2; then -0.2 * 1 / (2 - 1) = -0.2, and -0.1 * 1 on top as the sign is kept
    "quickprop": (0.8, 0.8 - 0.2 - 0.1),
}
# s = 2 √1e-6 / √(0.4 + 1e-6); u = 0.1 s²; v = 0.46
S1 = 2.0 * math.sqrt(1e-6) / math.sqrt(0.400001)
S2 = math.sqrt(0.1 * S1**2 + 1e-6) / math.sqrt(0.460001)
BY_HAND["adadelta"] = (1.0 - 0.1 * S1, 1.0 - 0.1 * (S1 + S2))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_two_steps_by_hand(name):
    path = run(name, np.ones((1, 1)), [np.full((1, 1), g) for g in (2.0, 1.0)], 0.1)
    np.testing.assert_allclose(path.ravel(), BY_HAND[name], rtol=1e-6)


CASES = [
    *[(name, {}) for name in OPTIMIZERS],
    ("momentum", {"momentum": 0.5}),
    ("nesterov", {"momentum": 0.99}),
    ("adagrad", {"epsilon": 0.1}),
    ("rmsprop", {"decay": 0.5, "epsilon": 0.1}),
    ("adadelta", {"decay": 0.95, "epsilon": 0.01}),
    ("adam", {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 0.1}),
    ("rprop", {"grow": 1.5, "shrink": 0.3, "least": 0.02, "most": 0.3}),
    ("quickprop", {"growth": 1.2}),
]


@pytest.mark.parametrize("kind", ["noise", "smooth"])
@pytest.mark.parametrize(("name", "own"), CASES, ids=str)
def test_many_steps_equal_the_scalar_formula(name, own, kind):
    rng = np.random.default_rng(2)
    start = rng.normal(size=SHAPE)
    if kind == "noise":  # signs that change, and some gradients of exactly 0
        slopes = rng.normal(size=(30, *SHAPE))
        slopes[10:13, :, 2] = 0.0
    else:  # slowly turning, so that the growth limits are reached
        slopes = np.cos(0.15 * np.arange(30)[:, None, None] + rng.uniform(size=SHAPE))
    rates = np.array([0.01, 0.1, 0.5])
    path = run(name, start, slopes, rates, **own)
    values = {k: float(v[0]) for k, v in numbers_of(name, 1, **own).items()}
    for r, i in np.ndindex(SHAPE):
        expected = twin.path(name, start[r, i], slopes[:, r, i].tolist(), rates[r], values)
        np.testing.assert_allclose(path[:, r, i], expected, rtol=1e-10, atol=1e-12)


def test_every_optimizer_has_a_twin():
    assert set(twin.STEPS) == set(OPTIMIZERS)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_own_rates_and_numbers_equal_a_loop_over_them(name, dtype):
    """To the bit: every number of an optimizer may differ from replica to replica."""
    rng = np.random.default_rng(3)
    start = rng.normal(size=(4, 37)).astype(dtype)
    slopes = list(rng.normal(size=(12, 4, 37)).astype(dtype))
    rates = np.array([1e-3, 0.01, 0.1, 1.0])
    schedule = np.linspace(1.0, 0.1, 12).tolist()
    own = {
        key: p.default * np.array([1.0, 0.9, 0.7, 0.99])
        for key, p in OPTIMIZERS[name].parameters.items()
    }
    together = run(name, start, slopes, rates, schedule, **own)
    for r in range(4):
        alone = run(
            name,
            start[r : r + 1],
            [g[r : r + 1] for g in slopes],
            rates[r],
            schedule,
            **{key: value[r] for key, value in own.items()},
        )
        assert np.array_equal(together[:, r], alone[:, 0])
    assert len(np.unique(np.round(together[-1, :, 0], 6))) == 4


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_schedule_multiplies_the_rate(name):
    """Half the schedule is half the rate; under rprop the rate is only the first step size."""
    rng = np.random.default_rng(4)
    start, slopes = rng.normal(size=SHAPE), rng.normal(size=(5, *SHAPE))
    halved = run(name, start, slopes, 0.2, [0.5] * 5)
    expected = run(name, start, slopes, 0.2 if name == "rprop" else 0.1)
    np.testing.assert_allclose(halved, expected, rtol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_replicas_that_stay_go_on_as_if_nothing_had_happened(name):
    """And one that left stays as it is, with its state."""
    plan = design((3,), optimizer=name)
    problem = posed(plan, patterns(n=8))
    start = np.random.default_rng(5).normal(size=(4, 5 * 3 + 4 * 3))
    rates = np.array([0.01, 0.02, 0.03, 0.04])
    own = numbers_of(
        name,
        4,
        **{
            key: p.default * np.array([1.0, 0.9, 0.8, 0.95])
            for key, p in OPTIMIZERS[name].parameters.items()
        },
    )

    def stack():
        w = start.copy()
        step = Updater(OPTIMIZERS[name], own, rates, w)
        output = plan.output(3)
        arms = (plan.hidden, plan.activation, output, plan.objective, plan.rules())
        return Stack(problem, *arms, [1, 1, 2, 2], 3, w, step)

    whole, parted = stack(), stack()
    whole.advance([1.0] * 8)
    parted.advance([1.0] * 4)
    kept = parted.parameters.copy(), parted.updater.state.copy()
    left, stay = np.array([0, 2]), np.array([3, 1])
    parted.alive[left] = False
    parted.advance([1.0] * 4)
    assert np.array_equal(parted.parameters[stay], whole.parameters[stay])
    assert np.array_equal(parted.updater.state[stay], whole.updater.state[stay])
    assert np.array_equal(parted.parameters[left], kept[0][left])
    assert np.array_equal(parted.updater.state[left], kept[1][left])
    assert not np.array_equal(parted.parameters[left], whole.parameters[left])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("when", [0, 3])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_not_a_number_survives(name, when, dtype):
    """A NaN in the gradient, at the first step or later, stays in its parameter for good."""
    rng = np.random.default_rng(6)
    start = rng.normal(size=SHAPE).astype(dtype)
    slopes = rng.normal(size=(8, *SHAPE)).astype(dtype)
    slopes[when, 1, 2] = np.nan
    with np.errstate(invalid="ignore"):
        path = run(name, start, slopes, 0.1)
    assert not np.isnan(path[:when]).any()
    assert np.isnan(path[when:, 1, 2]).all()
    assert np.isnan(path).sum() == 8 - when


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_infinity_is_not_made_finite_again(name):
    slopes = np.full((3, 1, 2), np.inf, np.float32)
    with np.errstate(all="ignore"):
        path = run(name, np.zeros((1, 2), np.float32), slopes, 0.1)
    if name != "rprop":  # which sees the sign alone
        assert not np.isfinite(path[-1]).any()


QUADRATIC = {  # rate, updates, tolerance
    "sgd": (0.1, 600, 1e-6),
    "momentum": (0.02, 600, 1e-6),
    "nesterov": (0.02, 600, 1e-6),
    "adagrad": (1.0, 1500, 1e-4),
    "rmsprop": (0.01, 1500, 2e-2),  # does not stop at a constant rate
    "adadelta": (1.0, 6000, 2e-2),
    "adam": (0.05, 1500, 1e-4),
    "rprop": (0.1, 200, 1e-5),
    "quickprop": (0.05, 60, 1e-8),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_known_minimum(name):
    """½ Σ h (w - a)², curvatures 0.3 to 3: every optimizer finds a from 0."""
    rate, updates, tolerance = QUADRATIC[name]
    curvature, minimum = np.array([[0.3, 1.0, 3.0]]), np.array([[1.5, -2.0, 0.5]])
    w = np.zeros((1, 3))
    step = updater(name, rate, w)
    for _ in range(updates):
        step(w, curvature * (w - minimum))
    np.testing.assert_allclose(w, minimum, atol=tolerance)


def test_quickprop_leaps_to_the_minimum_of_a_parabola():
    """After one step of gradient descent the secant is exact; Fahlman adds η g to it."""
    w = np.array([[3.0]])
    step = updater("quickprop", 0.3, w, growth=100.0)
    step(w, 2.0 * (w - 1.0))  # 3 - 0.3 * 4 = 1.8, slope there 1.6
    step(w, 2.0 * (w - 1.0))
    assert w[0, 0] == pytest.approx(1.0 - 0.3 * 1.6)


def test_quickprop_never_steps_more_than_its_growth_nor_uphill():
    """A slope that does not fall (a line, or a hilltop behind) gives the bounded leap."""
    for second in (2.0, 3.0, 1.999):
        path = run("quickprop", np.zeros((1, 1)), [np.full((1, 1), g) for g in (2.0, second)], 0.1)
        assert path[1, 0, 0] - path[0, 0, 0] == pytest.approx(1.75 * -0.2 - 0.1 * second)


def test_rprop_sees_signs_alone():
    """Gradients of any size, so small that their products underflow too."""
    rng = np.random.default_rng(7)
    start = np.zeros((1, 9), np.float32)
    slopes = rng.normal(size=(12, 1, 9)).astype(np.float32)
    path = run("rprop", start, slopes, 0.1)
    for scale in (1e20, 1e-10, 1e-25):
        scaled = (slopes * np.float32(scale)).astype(np.float32)
        assert np.array_equal(run("rprop", start, scaled, 0.1), path), scale


def test_rprop_limits():
    ones = [np.ones((1, 1))] * 60
    sizes = -np.diff(run("rprop", np.zeros((1, 1)), ones, 0.1, most=0.5).ravel())
    assert sizes.max() == pytest.approx(0.5) and sizes[0] == pytest.approx(0.12)
    turning = [np.full((1, 1), (-1.0) ** t) for t in range(0, 60)]
    path = run("rprop", np.zeros((1, 1)), turning, 0.1, least=0.01).ravel()
    moved = np.abs(np.diff(path))
    assert moved[moved > 0.0].min() == pytest.approx(0.01)


def test_adaptive_optimizers_do_not_see_the_scale_of_a_gradient():
    """With ε → 0: why scale against shape is tested under sgd alone."""
    rng = np.random.default_rng(8)
    start, slopes = rng.normal(size=SHAPE), rng.normal(size=(10, *SHAPE))
    for name in ("adagrad", "rmsprop", "adam", "rprop"):
        own = {} if name == "rprop" else {"epsilon": 0.0}
        np.testing.assert_allclose(
            run(name, start, slopes, 0.1, **own),
            run(name, start, 0.01 * slopes, 0.1, **own),
            rtol=1e-9,
        )


def test_constants_are_rounded_once_from_float64():
    """1 - 0.999 in float32 would be wrong in the fifth digit."""
    w = np.zeros((1, 1), np.float32)
    step = updater("adam", 0.1, w)
    step(w, np.ones_like(w))
    assert step.state[0, 1, 0] == np.float32(1.0 - 0.999)


@pytest.mark.parametrize("name", ["rprop", "quickprop"])
def test_full_batch_rules_say_so(name):
    assert OPTIMIZERS[name].full_batch
    assert not OPTIMIZERS["adam"].full_batch
