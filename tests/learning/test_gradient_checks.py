"""The checks hold, cover the registries, and find a wrong gradient."""

from functools import lru_cache
from unittest.mock import Mock

import numpy as np
import pytest

from study.learning.activations import ACTIVATIONS
from study.learning.diagnostics import gradient_checks as checks
from study.learning.objectives import OBJECTIVES
from study.learning.rules import GRADIENTS
from study.learning.variants import resolve

FEW = [(name, "squared_error", 2) for name, f in ACTIVATIONS.items() if not f.bind().rounding]
FEW += [("tanh", objective, depth) for objective in OBJECTIVES for depth in (1, 3)]


@lru_cache
def rows_of(activation, objective, depth):
    """Make the checks of every rule in one small net."""
    net = checks.Net(ACTIVATIONS[activation].bind(), OBJECTIVES[objective], depth)
    return list(checks._of_net(net))


@pytest.mark.parametrize("net", FEW, ids=str)
def test_every_check_holds(net):
    """Derivative of the objective, integral of φ at the output, symmetry of the update field."""
    assert [row for row in rows_of(*net) if not row["ratio"] <= 1] == []


def test_all_rules_are_checked():
    rows = [row for net in FEW for row in rows_of(*net)]
    assert {row["rule"].partition("(")[0] for row in rows} >= set(GRADIENTS) - {"relu_at_zero"}
    assert len({row["check"] for row in rows}) == 5


def test_a_staircase_is_left_out_and_nothing_else(monkeypatch):
    net = Mock()
    monkeypatch.setattr(checks, "Net", net)
    monkeypatch.setattr(checks, "_of_net", lambda net: [{"check": "", "ratio": 0.0}])
    checks.gradient_checks()
    seen = {call.args[0].name for call in net.call_args_list}
    assert set(ACTIVATIONS) - seen == {"relu_rounded"}


@pytest.mark.parametrize("name", ["removed", "mean_matched", "shuffled_units", "random", "floor"])
def test_pointwise_is_what_depends_on_its_own_net_input_alone(name):
    rule = resolve("gradient", GRADIENTS, name)
    z = np.random.default_rng(0).normal(size=96)
    found = checks._pointwise(rule, ACTIVATIONS["tanh"].bind(), z)
    assert found == (name in ("removed", "floor"))


def test_a_wrong_gradient_is_found(monkeypatch):
    net = checks.Net(ACTIVATIONS["tanh"].bind(), OBJECTIVES["squared_error"], 2)
    honest = checks.Net.gradients
    monkeypatch.setattr(checks.Net, "gradients", lambda *given: honest(*given) * (1 + 1e-5))
    row = next(iter(checks._of_net(net)))
    assert row["check"] == "derivative" and row["ratio"] > 5
