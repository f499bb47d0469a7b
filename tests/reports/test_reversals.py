"""The two reversals: what their figures say, what is measured beside them, and the theory."""

import numpy as np
import pandas as pd
import pytest
from pages import fits
from scipy.special import log_softmax

from reports import build, style
from reports.chosen import crosswise
from reports.command import ROOT
from reports.questions.x6_cross_entropy import figure as entropy
from reports.questions.x6_cross_entropy import measure as rescaling
from reports.questions.x7_generalisation import figure as generalisation
from reports.questions.x7_generalisation import measure as fitting
from study.datasets import load
from study.evidence.evidence import gather
from study.learning.core.network import layers_of
from study.learning.core.stack import Stack
from study.learning.core.training import initial
from study.learning.design import named_design
from study.learning.problem import pose

BOTH = {"x6_cross_entropy": entropy, "x7_generalisation": generalisation}


@pytest.mark.parametrize("name", BOTH)
def test_published_runs_give_a_page_and_other_numbers_another_message(name):
    found = gather(build.source_of(name, "paper"), ROOT)
    with style.theme():
        page = next(BOTH[name].pages(found))
        page.draw_without_rendering()
        fits(page)
    runs, said = found.runs.frame.copy(), style.message_of(page)
    nets = (runs["hidden"] != "none") & (runs["optimizer"] == "sgd")
    swapped = runs["gradient"].replace({"exact": "removed", "removed": "exact"})
    runs["gradient"] = swapped.where(nets, runs["gradient"])
    if name == "x6_cross_entropy":
        assert "lower on 4 of 5" in said and "higher on 6 of 7" in said
        assert "lower on 0 of 5" in entropy.message(entropy.own_rates(entropy.shares(runs)))
    else:
        runs = generalisation.scored(runs)
        effects = {t: generalisation.beside(runs[runs["task"] == t]) for t in generalisation.TASKS}
        assert "+8.9 to +25.1" in said and "−25." in generalisation.message(effects)


def test_a_figure_whose_experiment_was_not_run_is_told_of(tmp_path):
    [line] = build._make(["x6_cross_entropy"], "default", "paper", tmp_path)
    assert "not drawn: no results of experiment 'x6_cross_entropy' yet" in line
    assert build.source_of("x2_capacity", "paper") == "paper"


def test_no_seed_chooses_its_own_setting():
    """Rate 1 is better for even seeds, so odd ones get it, and the other way round."""
    runs = pd.DataFrame({"seed": [1, 2, 1, 2], "rate": [1, 1, 2, 2], "loss": [5.0, 1.0, 2.0, 9.0]})
    assert list(crosswise(runs, ["rate"], "loss")["loss"]) == [5.0, 9.0]


def test_losses_are_those_of_scipy_and_exact_where_they_are_tiny():
    z, classes = np.random.default_rng(0).normal(0, 3, (4, 50)), np.arange(50) % 4
    expected = -log_softmax(z, axis=0)[classes, np.arange(50)]
    np.testing.assert_allclose(rescaling.losses(z, classes), expected, rtol=1e-12)
    tiny = rescaling.losses(np.array([[100.0], [0.0]]), np.array([0]))
    assert tiny == pytest.approx(np.exp(-100.0), rel=1e-9)


def test_the_sensitivity_of_a_linear_fit_is_that_of_least_squares():
    """There it is ξ' H ξ for every ξ, with H the projection on inputs and 1."""
    data, fit = load("diabetes"), fitting.FITS[-1]
    base = np.linalg.qr(np.column_stack([np.ones(len(data.inputs)), data.inputs]))[0]
    moves = [np.random.default_rng(d).standard_normal(len(base)) for d in range(3)]
    expected = [np.sum((base.T @ move) ** 2) for move in moves]
    found = fitting.effective(fit, data, range(1, 2), draws=3)[:, 0]
    np.testing.assert_allclose(found, expected, rtol=0.15)


def test_under_removal_the_first_layer_sees_moments_of_errors_and_inputs_alone():
    """Its gradient is (Σ_n x_n e_n') V', which is not 0 while a linear classifier separates."""
    data, design = load("wine"), named_design((8,), gradient="removed", objective="cross_entropy")
    problem = pose([data], design.objective, design.output(3))
    weights = initial(design, problem, [1])
    stack = Stack(problem, design, [1], weights)
    inputs = np.column_stack([data.inputs, np.ones(len(data.inputs))])
    errors = stack.outputs(problem.inputs)[0].T - data.targets
    last = layers_of(weights, stack.widths)[1][0]
    found = layers_of(stack.gradient(stack.rules, len(inputs)), stack.widths)[0][0]
    moment = inputs.T @ errors / len(inputs)
    np.testing.assert_allclose(found, moment @ last[:-1].T, rtol=1e-9, atol=1e-12)
    separator = np.linalg.lstsq(inputs, data.targets, rcond=None)[0]
    assert (np.argmax(inputs @ separator, 1) == data.targets.argmax(1)).all(), "wine is separable"
    assert np.sum(separator * moment) < 0
