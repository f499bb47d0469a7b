"""What is scored never chooses a learning rate."""

from dataclasses import replace

import numpy as np
import pytest
from small_studies import job_of, make_cell, tiny_protocol

from study.ablation.configuration.protocol import Refine
from study.ablation.running import worker

PROTOCOLS = {
    "one stage": tiny_protocol(learning_rates={"sgd": (0.01, 0.1, 1.0, 10.0)}),
    "two stages": tiny_protocol(
        learning_rates={"sgd": (0.1, 1.0)}, refine=Refine(rates=3, seeds=2, recentre_decades=1)
    ),
}


def chosen(monkeypatch, protocol, scrambled):
    """Return the chosen rate where the outcomes of some seeds are turned upside down."""
    honest = worker.train

    def upside_down(problem, design, budget, seeds, rates, *rest):
        outcome = honest(problem, design, budget, seeds, rates, *rest)
        turned = np.isin(outcome.seeds, scrambled)
        final = np.where(turned, outcome.rates, outcome.final_objective)
        failed = np.where(turned, outcome.rates > outcome.rates.min(), outcome.failed)
        return replace(outcome, final_objective=final, failed=failed)

    with monkeypatch.context() as patch:
        patch.setattr(worker, "train", upside_down)
        return worker.train_cell(job_of(make_cell(), protocol)).metrics["learning_rate"]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_outcomes_of_evaluation_seeds_leave_the_choice_as_it_is(monkeypatch, name):
    protocol = PROTOCOLS[name]
    tuning = [*protocol.tuning(), *protocol.refining()]
    assert not set(tuning) & set(protocol.evaluation())
    untouched = chosen(monkeypatch, protocol, [])
    assert chosen(monkeypatch, protocol, protocol.evaluation()) == untouched
    # and those of the tuning seeds do change it: the smallest rate then looks best
    assert chosen(monkeypatch, protocol, tuning) < untouched
