"""The figures of the questions: their messages follow the numbers, and they fit the paper."""

import filecmp
import itertools
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from claim_tables import optimizers, runs, settling, table
from pages import fits
from study_tables import study

from reports import build, panels, style
from reports.command import ROOT
from reports.questions.c02_escape import figure as escape
from reports.questions.c05_dose import figure as dose
from reports.questions.x2_capacity import figure as capacity
from study.errors import UsageError
from study.evidence import evidence
from study.evidence.claims.reading import read_claims
from study.evidence.runs import NothingToShow, Runs
from study.evidence.statistics import Interval

QUESTIONS = build.QUESTIONS
CLAIMS = read_claims(ROOT / "conf" / "claims.yaml")
STUDY = [name for name in QUESTIONS if build.source_of(name, "paper") == "paper"]
ONE_TRUTH = {"c01_chain_rule", "verdicts"}  # the first has no runs, the other one is slow to judge


@pytest.fixture(scope="module")
def truths():
    """Evidence in which leaving the slope out harms, and in which it helps."""
    return {sign: evidence.Evidence(Runs(study(0.3 * sign)), CLAIMS) for sign in (1, -1)}


@pytest.fixture(scope="module")
def drawn(truths):
    """Each figure's first page under either truth."""
    pages = {}
    with style.theme():
        for name, sign in itertools.product(STUDY, truths):
            if name not in ONE_TRUTH or sign == 1:
                pages[name, sign] = next(QUESTIONS[name](truths[sign]))
                if sign == 1:
                    pages[name, sign].draw_without_rendering()
    return pages


@pytest.mark.parametrize("name", STUDY)
def test_pages_fit_the_paper_and_their_texts_can_be_read(name, drawn):
    assert drawn[name, 1].get_figwidth() == style.WIDTH
    fits(drawn[name, 1])


TOLD = {  # figure -> words where removal harms, and where it helps
    "c02_escape": ("16 times as long without", "64 times as long without"),
    "c03_removal": ("more runs fail", "not clearly more runs fail"),
    "c04_settling": ("settles higher", "settles lower"),
    "c05_dose": ("floor 0.01", "floor 0.01 to 1"),
    "c06_matched_activation": ("better for", "worse for"),
    "c07_relu_at_zero": ("worse with natural zeros", "better with natural zeros"),
    "c08_optimizers": ("No optimizer rescues removal", "rescue removal"),
    "c10_saturation": ("grows with", "shrinks with"),
    "c11_decided": ("more often without the slope", "less often without the slope"),
    "c12_information": ("Of the harm of removal", "no information in the factor is needed"),
    "x2_capacity": ("32 patterns without the slope", "128 patterns without the slope"),
    "x3_predictors": ("predicts harm best", "predicts harm best"),
    "x1_location": ("times as asymmetric", "about as asymmetric in both"),
}


@pytest.mark.parametrize("name", sorted(set(STUDY) - ONE_TRUTH))
def test_messages_say_what_the_numbers_say(name, drawn):
    harms, helps = (style.message_of(drawn[name, sign]) for sign in (1, -1))
    assert TOLD[name][0] in harms and TOLD[name][1] in helps
    assert harms != helps


def test_the_page_of_verdicts_counts_them(drawn, truths):
    words = [verdict.verdict for verdict in truths[1].verdicts]
    assert f"{words.count('supported')} supp" in style.message_of(drawn["verdicts", 1])
    shown = [text.get_text() for text in drawn["verdicts", 1].texts]
    assert [text for text in shown if text in set(words)] == words


def test_without_their_runs_a_reason_is_given():
    nothing = evidence.Evidence(Runs(table(runs(dataset="iris", seeds=3))), CLAIMS)
    for name in TOLD:
        with pytest.raises(NothingToShow, match=r"^no "):
            list(QUESTIONS[name](nothing))


def test_the_same_runs_in_any_order_give_the_same_bytes(truths, tmp_path):
    whole = truths[1].runs.frame
    some = whole[whole["dataset"].isin(["digits", "breast_cancer"]) & (whole["updates"] == 2000)]
    for stem, order in (("one", some), ("two", some.sample(frac=1, random_state=1))):
        found = replace(truths[1], runs=Runs(order.reset_index(drop=True)))
        style.save(QUESTIONS["x3_predictors"](found), tmp_path / stem)
    for suffix in (".pdf", ".png"):
        assert filecmp.cmp(tmp_path / f"one{suffix}", tmp_path / f"two{suffix}", shallow=False)


def test_sides_of_a_margin():
    limits = {"above": (0.1, 0.3), "below": (-0.3, -0.1), "within": (-0.01, 0.01)}
    limits["unclear"] = (-0.1, 0.1)
    sides = {side: Interval(sum(ends) / 2, *ends) for side, ends in limits.items()}
    assert panels.by_side(sides) == {side: [side] for side in sides}


def test_amounts_are_a_range_where_all_between_were_found():
    tried = (0.01, 0.1, 0.3, 1.0, 3.0)
    found = {(0.1, 0.3, 3.0): "0.1 to 0.3 and 3", (0.3,): "0.3", tried: "0.01 to 3"}
    assert {amounts: dose.said_amounts(amounts, tried) for amounts in found} == found


def test_capacity_is_the_largest_count_with_all_smaller_ones_learnt():
    left = {"patterns": [32, 64, 128, 256], "middle": [0.001, 0.01, 0.2, 0.001]}
    left = pd.DataFrame(left).assign(rule="exact", hidden="8-8")
    assert capacity.capacity(left, "exact", "8-8") == 64
    assert capacity.capacity(left, "removed", "8-8") == 0


def test_growth_is_paired_by_seed_and_rate():
    each = itertools.product((2.0, 6.0), (0.1, 1), (1, 2))
    times = pd.DataFrame(each, columns=["distance", "rate", "seed"])
    times["time"] = 10.0 * times["distance"] / times["rate"]
    assert escape.growth(times, 6.0).to_numpy() == pytest.approx(np.full(4, np.log10(3)))


def test_a_fresh_clone_draws_the_published_study_alone(tmp_path, monkeypatch):
    base, folder = tmp_path, tmp_path / "data" / "published" / "paper"
    shutil.copytree(ROOT / "conf", base / "conf")
    folder.mkdir(parents=True)
    few = {n: QUESTIONS[n] for n in ("c08_optimizers", "c02_escape", "verdicts")}
    monkeypatch.setattr(build, "QUESTIONS", few)
    with pytest.raises(UsageError, match="make ablation EXPERIMENT=default"):
        list(build.build("default", base=base))
    whole = table(*settling(0.4, 0.3), *optimizers(0.3, 0.3, 0.3), runs(stage="tune"))
    tuned, half = whole["stage"] == "tune", whole.index < len(whole) // 2
    for name, rows in (("runs", ~tuned & half), ("runs-01", ~tuned & ~half), ("tuning-00", tuned)):
        whole[rows].to_parquet(folder / f"{name}.parquet")
    assert len(evidence.gather("paper", base).runs.frame) == len(Runs(whole).frame)
    shutil.move(base / "conf" / "rechecks.yaml", base)  # they have a test of their own
    lines = list(build.build("default", base=base))
    made = {line.split("  ", 1)[0] for line in lines}
    for name in ("c08_optimizers", "verdicts"):
        assert {f"reports/figures/{name}.pdf", f"reports/figures/{name}.png"} <= made
    assert "reports/tables/verdicts.csv" in made
    assert "c02_escape  not drawn: no runs of a wrongly saturated output" in lines
    assert lines[-1].startswith("default  not drawn: no results of experiment 'default' yet")
    with pytest.raises(UsageError, match="make ablation EXPERIMENT=smoke"):
        list(build.build("smoke", base=base))
    assert len(list(build.build("paper", "c08_optimizers", base=base))) == 2
