"""The checks hold, cover the registries, and find a wrong gradient."""

from functools import lru_cache

import numpy as np
import pytest

from study.learning.activations import ACTIVATIONS
from study.learning.diagnostics import gradient_checks as checks
from study.learning.objectives import OBJECTIVES
from study.learning.rules import GRADIENTS


@lru_cache
def few():
    """Two smooth activations, one with kinks, all objectives, all depths."""
    chosen = [ACTIVATIONS[name].bind() for name in ("tanh", "logistic", "relu")]
    nets = [checks.Net(a, o, d) for a in chosen for o in OBJECTIVES.values() for d in (1, 3)]
    return [row for net in nets for row in checks._of_net(net)]


def test_every_check_holds():
    assert [row for row in few() if not row["ratio"] <= 1] == []


def test_all_rules_are_checked():
    names = {row["rule"].partition("(")[0] for row in few()}
    assert names >= set(GRADIENTS) - {"relu_at_zero"}
    kinds = {row["check"] for row in few()}
    assert len(kinds) == 5


def test_a_staircase_is_left_out_and_nothing_else(monkeypatch):
    seen = []

    def noted(activation, objective, depth, seed):
        seen.append(activation.name)
        return activation

    monkeypatch.setattr(checks, "Net", noted)
    monkeypatch.setattr(checks, "_of_net", lambda net: [{"check": net.name, "ratio": 0.0}])
    checks.gradient_checks()
    assert set(ACTIVATIONS) - set(seen) == {"relu_rounded"}


@pytest.mark.parametrize("name", ["removed", "mean_matched", "shuffled_units", "random", "floor"])
def test_pointwise_is_what_depends_on_its_own_net_input_alone(name):
    from study.learning.variants import resolve

    rule = resolve("gradient", GRADIENTS, name)
    z = np.random.default_rng(0).normal(size=96)
    found = checks._pointwise(rule, ACTIVATIONS["tanh"].bind(), z)
    assert found == (name in ("removed", "floor"))


def test_a_wrong_gradient_is_found(monkeypatch):
    net = checks.Net(ACTIVATIONS["tanh"].bind(), OBJECTIVES["squared_error"], 2)
    honest = checks.Net.gradients
    monkeypatch.setattr(
        checks.Net,
        "gradients",
        lambda self, rule, location, w: honest(self, rule, location, w) * (1 + 1e-5),
    )
    row = next(iter(checks._of_net(net)))
    assert row["check"] == "derivative" and row["ratio"] > 5
