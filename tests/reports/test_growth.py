"""R7: signals grow by √2 a layer without relu's mask; the table and its verdicts."""

import numpy as np
import pandas as pd
import pytest

from reports.questions.r7_growth import figure, measure, table
from study.learning.core.network import layers_of
from study.learning.core.training import initial
from study.learning.design import named_design
from study.learning.problem import unscored


def test_wide_layers_grow_by_the_root_of_two_and_narrow_ones_by_more():
    assert measure.expected(4096, 16) == pytest.approx(2.0**8, rel=0.005)
    assert measure.expected(16, 16) > 1.5 * 2.0**8
    exact, removed = measure.norms(128, 4, range(1, 41), 1e6)
    assert np.exp(np.log(removed / exact).mean()) == pytest.approx(4.0, rel=0.08)


def test_norms_are_those_of_a_net_in_plain_numpy():
    """The same weights, propagated by hand: δ is W' of the δ above, masked or not."""
    seeds = range(1, 4)
    draw = np.random.default_rng([16, 2, 1])
    x, t = draw.standard_normal((1, 16)), draw.standard_normal((1, 10))
    design = named_design([16, 16], "relu", objective="linear_squared_error", initialisation="he")
    parameters = initial(design, unscored(x, t, "regression"), seeds)
    first, second, last = layers_of(parameters, (16, 16, 16, 10))
    for number, (exact, removed) in enumerate(zip(*measure.norms(16, 2, seeds, 1.0), strict=True)):
        z1 = x[0] @ first[number][:-1]
        z2 = np.maximum(z1, 0) @ second[number][:-1]
        error = np.maximum(z2, 0) @ last[number][:-1] - t[0]
        above = last[number][:-1] @ error
        wanted = second[number][:-1] @ above
        masked = second[number][:-1] @ (above * (z2 > 0)) * (z1 > 0)
        assert exact == pytest.approx(np.linalg.norm(masked), rel=1e-9)
        assert removed == pytest.approx(np.linalg.norm(wanted), rel=1e-9)


def test_verdicts_follow_the_rule():
    lines = pd.DataFrame(
        {"low": [1.9, 2.1, 3.0], "high": [2.2, 2.4, 4.0], "theory": 2.0, "theory_at_width": 2.2}
    )
    assert list(table.growth(lines)["verdict"]) == ["reproduced", "at this width", "differs"]


def runs():
    rows = [
        {
            "dataset": "digits", "objective": "cross_entropy", "activation": "relu",
            "initialisation": "he", "updates": 400, "hidden": hidden, "gradient": rule,
            "learning_rate": rate, "seed": seed, "failed": rule == "removed" and rate > 0.05,
        }
        for hidden in table.DEPTHS
        for rule in table.RULES
        for rate in (0.01, 0.1, 1.0)
        for seed in range(4)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_failures_are_counted_by_depth_and_rate():
    found = table.failures(runs())
    assert len(found) == 5 * 3 * 3
    removed = found[found["gradient"] == "removed"]
    assert list(removed[removed["depth"] == 16]["failed"]) == [0, 1, 1]
    largest = figure.largest_rates(found[found["depth"] == 16])
    assert largest == {"exact": 1.0, "removed": 0.01, "constant 1/√2": 1.0}
    said = figure.message(table.growth(pd.read_csv(measure.FILE)), found)
    assert "100 times smaller" in said
