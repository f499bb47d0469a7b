"""R2: arithmetic of float16, gradients with zeros, chances of exact zeros, and the table."""

import numpy as np
import pandas as pd
import pytest

from reports.questions.r2_relu_at_zero import table
from reports.questions.r2_relu_at_zero.arithmetic import ARITHMETICS, uniform
from reports.questions.r2_relu_at_zero.measure import EACH, FILE, JOBS
from reports.questions.r2_relu_at_zero.nets import (
    ARMS,
    Net,
    differing,
    drawn,
    gradient,
    zero_rates,
)

HALF, TWICE = ARITHMETICS["float16"], ARITHMETICS["float64"]
LABELS = np.array([0, 3, 9, 9, 1])


def small(arithmetic, seed=0):
    """Five patterns, and a net of 6-4-4 units whose layers both meet net inputs of exactly 0."""
    rng = np.random.default_rng(seed)
    x = np.round(rng.uniform(0, 1, (5, 6)) * 8) / 8
    net = drawn(seed, 6, 4, 2, arithmetic)
    (w1, b1), (w2, b2) = ((w.copy(), b.copy()) for w, b in net.hidden)
    w1[:, 1], b1[1] = 0.0, 0.0
    w2[:, 2], b2[2] = 0.0, 0.0
    return arithmetic.rounded(x), Net([(w1, b1), (w2, b2)], net.output)


def test_float16_is_that_of_numpy_operation_by_operation():
    rng = np.random.default_rng(1)
    values = rng.normal(size=20000) * 10.0 ** rng.uniform(-9, 4, 20000)
    ties = [1 + 2.0**-11, 1 + 3 * 2.0**-11, 2.0**-25, 3 * 2.0**-25, 65519.0, 2.0**-14]
    values = np.array([*values, *ties], np.float32)
    assert np.array_equal(HALF.rounded(values), values.astype(np.float16).astype(np.float32))
    x, w, b = (rng.normal(size=shape).astype(np.float16) for shape in ((3, 7), (7, 5), 5))
    total = np.zeros((3, 5), np.float16)
    for k in range(7):
        total = total + x[:, k, None] * w[k]
    found = ARITHMETICS[EACH].layer(*(part.astype(np.float32) for part in (x, w, b)))
    assert np.array_equal(found, (total + b).astype(np.float32))


@pytest.mark.parametrize("arm", [None, *ARMS, ("overwrite", 0.0)])
def test_gradients_with_zeros_are_those_of_plain_loops(arm):
    x, net = small(TWICE)
    found = gradient(net, 2, x, LABELS, arm, TWICE)
    (w1, b1), (w2, b2) = net.hidden
    v, c = net.output
    kind, alpha = arm or ("scale", 0.0)

    def back(z, signal):
        if z == 0:
            return alpha * signal if kind == "scale" else alpha
        return signal if z > 0 else 0.0

    wanted = np.zeros((6, 4))
    for pattern, label in zip(x, LABELS, strict=True):
        z1 = [sum(pattern[i] * w1[i, j] for i in range(6)) + b1[j] for j in range(4)]
        y1 = [max(z, 0.0) for z in z1]
        z2 = [sum(y1[i] * w2[i, j] for i in range(4)) + b2[j] for j in range(4)]
        y2 = [max(z, 0.0) for z in z2]
        o = [sum(y2[i] * v[i, k] for i in range(4)) + c[k] for k in range(10)]
        total = sum(np.exp(o))
        e = [(np.exp(o[k]) / total - (k == label)) / 5 for k in range(10)]
        d2 = [back(z2[j], sum(v[j, k] * e[k] for k in range(10))) for j in range(4)]
        d1 = [back(z1[j], sum(w2[j, k] * d2[k] for k in range(4))) for j in range(4)]
        wanted += np.outer(pattern, d1)
    assert np.allclose(found, wanted, rtol=0, atol=1e-14)


def test_only_zeros_from_which_a_signal_goes_down_make_a_net_differ():
    x, net = small(TWICE)
    assert all(differing(net, (1, 2), x, LABELS, TWICE).values())
    (w1, b1), above = net.hidden
    b1[1] = 0.5  # no zero is left in the first layer; weights into the second one's are 0
    assert not any(differing(net, (1, 2), x, LABELS, TWICE).values())
    w2, b2 = above
    w2[:, 2], b2[2] = w2[:, 0], 0.0
    y = np.maximum(x @ w1 + b1, 0)
    b2[2] = -(y[:1] @ w2)[0, 2]  # minus one pattern's sum, and only the deeper net has it
    found = differing(net, (1, 2), x, LABELS, TWICE)
    assert {depth for (depth, *_), differs in found.items() if differs} == {2}


def test_the_chance_of_a_zero_is_that_of_a_bias():
    reach, rng = 0.5, np.random.default_rng(2)
    biases = uniform(rng.integers(0, 2**24, 1_000_000), reach)
    single = ARITHMETICS["float32"]
    assert np.allclose(single.hit(-biases[:1000], reach), 2.0**-24)
    assert single.hit(np.array([0.75, 2.0**-30], np.float32), reach).tolist() == [0, 0]
    assert TWICE.hit(np.array([0.1]), reach) == 0  # 0.1 has more bits than any bias
    assert HALF.hit(np.array([0.1, 0.75], np.float32), reach).tolist() == [2.0**-24, 0]
    arithmetic = ARITHMETICS[EACH]
    sums = arithmetic.rounded(rng.uniform(0.2, 0.3, 50))
    hits = np.mean([(arithmetic.rounded(biases) == -one).mean() for one in sums])
    assert hits == pytest.approx(arithmetic.hit(sums, reach).mean(), rel=0.05)


def test_chances_agree_with_zeros_that_are_counted():
    """In float16 with each operation rounded, zeros are common enough to count in 40 nets."""
    arithmetic, rng = ARITHMETICS[EACH], np.random.default_rng(3)
    x = arithmetic.rounded(rng.uniform(0, 1, (400, 9)))
    nets = [drawn(seed, 9, 64, 1, arithmetic) for seed in range(40)]
    zeros = sum((arithmetic.layer(x, *net.hidden[0]) == 0).sum() for net in nets)
    expected = sum(zero_rates(net, x, arithmetic)[0] for net in nets) * x.shape[0] * 64
    assert 100 < expected and abs(zeros - expected) < 5 * np.sqrt(expected)


def test_biases_are_those_of_24_random_bits():
    ends = uniform(np.array([0, 2**23, 2**24 - 1]), 0.25)
    assert ends.dtype == np.float32 and list(ends[:2]) == [-0.25, 0.0]
    assert ends[2] == np.float32(0.25 - 2.0**-25)


def line(**changed):
    found = {"precision": "float32", "depth": 1, "width": 256, "arm": "overwrite", "alpha": 1.0}
    found |= {"initialisations": 100, "differ": 5, "expected": 0.054, "zeros_a_call": 1e-9}
    return {**found, **changed}


def test_verdicts_follow_the_rule():
    lines = [line(), line(differ=60, expected=0.6), line(arm="scale"), line(initialisations=0)]
    found = table.counts(pd.DataFrame(lines))
    assert list(found["verdict"].fillna("")) == [
        *("reproduced", "reproduced", "differs", "differs", "", "reproduced"),
    ]
    assert found["low"].iloc[0] < 0.05 < found["high"].iloc[0]


def test_the_measured_file_holds_every_job():
    found = pd.read_csv(FILE)
    assert {(job.precision, job.width) for job in JOBS} == set(
        zip(found["precision"], found["width"], strict=True)
    )
    assert (found["differ"] <= found["initialisations"]).all()
    assert found["expected"].between(0, 1).all()


def runs():
    rows = []
    for seed in range(4):
        for rate in (0.1, 1.0):
            for name, arm, alpha, left in (
                ("exact", None, np.nan, 0.1),
                *(("relu_at_zero", *arm, 0.1 if arm[0] == "scale" else 0.5) for arm in ARMS),
            ):
                rows.append(
                    {
                        "dataset": "digits", "objective": "cross_entropy", "hidden": "32-32-32",
                        "updates": 400, "activation": "relu", "initialisation": "lecun",
                        "gradient": name, "gradient.arm": arm, "gradient.value": alpha,
                        "optimizer": "sgd", "learning_rate": rate, "seed": seed, "failed": False,
                        "remaining": left * rate, "final_objective": left * rate,
                        "test_score": 1 - left,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def test_trainings_are_compared_at_exacts_rate_and_at_their_own():
    frame = runs()
    found = table.trainings(frame).set_index(["arm", "alpha", "rate"]).sort_index()
    assert np.allclose(found.loc["scale", "ratio"], 1) and np.allclose(
        found.loc["overwrite", "ratio"], 5
    )
    assert found.loc[("scale", 1.0, "shared"), "share_differ"] == 0
    assert np.allclose(found.loc["overwrite", "points"], -40)
    worse = (frame["gradient.arm"] == "overwrite") & (frame["learning_rate"] == 0.1)
    frame.loc[worse, "remaining"] = 1.0
    found = table.trainings(frame).set_index(["arm", "alpha", "rate"]).sort_index()
    assert np.isclose(found.loc[("overwrite", 1.0, "shared"), "ratio"], 100)
    assert np.isclose(found.loc[("overwrite", 1.0, "own"), "ratio"], 50)
