"""The pipeline's own error rate, and what must never choose a rate."""

import numpy as np
import pandas as pd
import pytest
from claim_tables import TASKS, runs, settling, table

from study.ablation.configuration.protocol import read_protocol
from study.conf import configuration_folder, read_yaml
from study.evidence.claims import calibration
from study.evidence.claims.reading import read_claims
from study.evidence.runs import NothingToShow, Runs

RATES = 10.0 ** (np.arange(9) / 8)


def pool(spread=0.05, failing=0.02, tasks=("digits", "diabetes"), seeds=200):
    """Exact at nine rates, best in the middle; the best rate fails least."""
    cells = []
    for task in tasks:
        for k, rate in enumerate(RATES):
            level = -1.5 + 0.02 * (k - 4) ** 2
            cell = runs(level, noise=spread, seeds=seeds, key=k, **TASKS[task], learning_rate=rate)
            lost = np.random.default_rng(k).random(seeds) < failing * (1 + (k > 6))
            cells.append(cell.assign(failed=lost, cell=f"pool {task}"))
    return table(*cells)


def test_pools_are_found_beside_tuned_cells_and_other_runs_unless_they_are_too_small():
    tuned = table(*settling(0.3, 0.3)).assign(cell="tuned")
    found = calibration.pools(Runs(pd.concat([pool(), tuned])))
    tasks = {"diabetes linear squared error 16-16 tanh", "digits squared error 32-32 tanh"}
    assert {p.task for p in found} == tasks and len(found) == 2
    assert all(p.scores.shape == (9, 200) for p in found)
    assert calibration.tuned(found[0], np.arange(8)) in (3, 4, 5)
    np.testing.assert_allclose(found[0].rates, RATES)
    for frame in (pool(seeds=70), table(*settling(0.3, 0.3))):
        with pytest.raises(NothingToShow, match="no pool"):
            calibration.pools(Runs(frame))


def test_two_arms_are_tuned_on_other_seeds_than_each_other_and_those_that_score_both(monkeypatch):
    honest, effects, tuning, scoring = calibration.tuned, calibration.effects, [], []

    def tuned(pool, seeds):
        tuning.append(set(seeds))
        return honest(pool, seeds)

    def scored(drawn, resamples):
        scoring.extend(seeds for _, seeds, _, _ in drawn)
        return effects(drawn, resamples)

    monkeypatch.setattr(calibration, "tuned", tuned)
    monkeypatch.setattr(calibration, "effects", scored)
    calibration.calibrate(Runs(pool(tasks=("digits",))), read_claims(), repeats=5, resamples=50)
    assert len(scoring) == 5 and len(tuning) == 10
    for both, mine, other in zip(scoring, tuning[::2], tuning[1::2], strict=True):
        assert (len(both), len(mine), len(other)) == (60, 8, 8)
        assert len({*both, *mine, *other}) == 76


def test_nothing_differs_and_hardly_a_verdict_says_so():
    rates = calibration.calibrate(Runs(pool()), read_claims(), repeats=25, resamples=300)
    assert set(rates["claim"]) == {"C3", "C4", "C5", "C7"}
    errors = rates[rates["verdict"] == "any error"].set_index("claim")
    assert (errors["share"] <= 0.2).all() and (errors["repeats"] == 25).all()
    assert errors["share"].between(errors["low"], errors["high"]).all()
    each = rates[rates["verdict"] != "any error"].groupby("claim")["count"].sum()
    assert (each == 25).all()
    right = rates[(rates["claim"] == "C3") & (rates["verdict"] == "contradicted")]
    assert right["share"].item() > 0.8


def test_arms_that_do_differ_are_seen(monkeypatch):
    # one arm is tuned to the worst rate: the truth is no longer that nothing differs
    honest, calls = calibration.tuned, []

    def worse(pool, seeds):
        calls.append(seeds)
        return 0 if len(calls) % 2 else honest(pool, seeds)

    monkeypatch.setattr(calibration, "tuned", worse)
    rates = calibration.calibrate(Runs(pool()), read_claims(), repeats=5, resamples=300)
    wrong = rates[(rates["claim"] == "C4") & (rates["verdict"] == "supported")]
    assert wrong["share"].item() == 1.0


def test_arms_are_tuned_and_scored_on_as_many_seeds_as_the_studys():
    protocol = read_protocol(read_yaml(configuration_folder() / "protocol" / "study.yaml"))
    seeds = protocol.tuning(), protocol.refining(), protocol.evaluation()
    used = calibration.COARSE, calibration.FINE, calibration.SCORED
    assert used == tuple(map(len, seeds))
    coarse = protocol.learning_rates["sgd"]
    step = np.log10(coarse[1] / coarse[0]) * protocol.refine.per_decade
    assert calibration.PER_STEP == round(step)
