"""The figures of the study: their messages follow the numbers, and they fit the paper."""

import itertools
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reports import build, panels, style
from reports.build import QUESTIONS
from reports.questions.c02_escape import figure as escaping
from reports.questions.c05_dose import figure as dose
from reports.questions.x2_capacity import figure as capacity
from study.errors import UsageError
from study.evidence import evidence
from study.evidence.claims.reading import read_claims
from study.evidence.runs import NothingToShow, Runs
from study.evidence.statistics import Interval

ROOT = Path(build.__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "evidence"))
from claim_tables import runs, table  # noqa: E402
from study_tables import study  # noqa: E402

CHECKS = pd.DataFrame(
    {"check": ["derivative"], "location": ["hidden"], "rule": ["exact"], "ratio": [0.01]}
)
CLAIMS = read_claims(ROOT / "conf" / "claims.yaml")
WITHOUT_RUNS = "c01_chain_rule"
WITH_RUNS = [name for name in QUESTIONS if name != WITHOUT_RUNS]


@pytest.fixture(scope="module")
def truths():
    """Evidence in which leaving the slope out harms, and in which it helps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence, "gradient_checks", lambda: CHECKS)
        both = {sign: evidence.Evidence(Runs(study(0.3 * sign)), CLAIMS) for sign in (1, -1)}
        for found in both.values():
            assert found.verdicts
        yield both


@pytest.fixture(scope="module")
def drawn(truths):
    """Each figure's first page under either truth."""
    with style.theme():
        return {
            (name, sign): next(QUESTIONS[name](found))
            for name in QUESTIONS
            for sign, found in truths.items()
        }


def beyond(figure):
    """Labels of ticks beyond an axis' limits, which are not drawn."""
    found = set()
    for axis in [a for panel in figure.axes for a in (panel.xaxis, panel.yaxis)]:
        low, high = sorted(axis.get_view_interval())
        for tick in axis.get_major_ticks():
            if not low <= tick.get_loc() <= high:
                found |= {id(tick.label1), id(tick.label2)}
    return found


@pytest.mark.parametrize("name", QUESTIONS)
def test_pages_fit_the_paper_and_their_texts_are_readable(name, drawn):
    for sign in (1, -1):
        figure = drawn[name, sign]
        wide, high = figure.get_size_inches()
        assert wide == style.WIDTH and high < 9.2
        figure.draw_without_rendering()
        renderer = figure.canvas.get_renderer()
        hidden = beyond(figure)
        for text in figure.findobj(lambda artist: hasattr(artist, "get_fontsize")):
            if not (text.get_visible() and text.get_text().strip()) or id(text) in hidden:
                continue
            assert text.get_fontsize() >= style.SMALL
            box = text.get_window_extent(renderer)
            if figure.bbox.overlaps(box):
                assert box.x0 >= -2 and box.x1 <= figure.bbox.x1 + 2, text.get_text()
                assert box.y0 >= -2 and box.y1 <= figure.bbox.y1 + 2, text.get_text()


@pytest.mark.parametrize("name", QUESTIONS)
def test_titles_and_keys_do_not_lie_on_axes_labels(name, drawn):
    figure = drawn[name, 1]
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    boxes = [legend.get_window_extent(renderer) for legend in figure.legends]
    for panel in figure.axes:
        boxes += [t.get_window_extent(renderer) for t in panel.texts if t.get_position()[1] < 0]
        boxes.append(panel._left_title.get_window_extent(renderer))
    boxes = [box for box in boxes if box.width > 0 and box.height > 0]
    for one, two in itertools.combinations(boxes, 2):
        assert not one.overlaps(two)


@pytest.mark.parametrize("name", WITH_RUNS)
def test_opposite_truths_have_opposite_messages(name, drawn):
    assert style.message_of(drawn[name, 1]) != style.message_of(drawn[name, -1])


TOLD = {  # figure -> words where removal harms, and where it helps
    "c03_removal": ("more runs fail", "not clearly more runs fail"),
    "c04_settling": ("settles higher", "settles lower"),
    "c05_dose": ("floor 0.01", "floor 0.01 to 1"),
    "c06_matched_activation": ("better for", "worse for"),
    "c08_optimizers": ("No optimizer rescues removal", "rescue removal"),
    "c10_saturation": ("grows with", "shrinks with"),
    "c11_decided": ("more often without the slope", "less often without the slope"),
    "c07_relu_at_zero": ("worse with natural zeros", "better with natural zeros"),
    "c12_information": ("Of the harm of removal", "no information in the factor is needed"),
    "x2_capacity": ("32 patterns without the slope", "128 patterns without the slope"),
    "c02_escape": ("16 times as long without", "64 times as long without"),
}


@pytest.mark.parametrize("name", TOLD)
def test_messages_say_what_the_numbers_say(name, drawn):
    for sign, words in zip((1, -1), TOLD[name], strict=True):
        assert words in style.message_of(drawn[name, sign])


def test_the_page_of_verdicts_counts_them(drawn, truths):
    words = [verdict.verdict for verdict in truths[1].verdicts]
    message = style.message_of(drawn["verdicts", 1])
    assert message.startswith("Of 12 claims ") and f"{words.count('supported')} supp" in message
    shown = [text.get_text() for text in drawn["verdicts", 1].texts]
    assert [text for text in shown if text in set(words)] == words


def test_what_predicts_harm_is_found(drawn):
    for sign in (1, -1):
        assert "predicts harm best" in style.message_of(drawn["x3_predictors", sign])


@pytest.mark.parametrize("name", WITH_RUNS)
def test_without_their_runs_a_reason_is_given(name, monkeypatch):
    monkeypatch.setattr(evidence, "gradient_checks", lambda: CHECKS)
    nothing = evidence.Evidence(Runs(table(runs(dataset="iris", seeds=3))), CLAIMS)
    with pytest.raises(NothingToShow, match=r"^no "):
        list(QUESTIONS[name](nothing))


@pytest.mark.parametrize("name", ["c06_matched_activation", "x3_predictors"])
def test_the_same_runs_give_the_same_bytes(name, truths, tmp_path):
    stems = [tmp_path / "one" / name, tmp_path / "two" / name]
    fresh = replace(truths[1], runs=Runs(study(0.3).sample(frac=1, random_state=1)))
    for stem, found in zip(stems, (truths[1], fresh), strict=True):
        style.save(QUESTIONS[name](found), stem)
    for suffix in (".pdf", ".png"):
        assert (
            stems[0].with_suffix(suffix).read_bytes() == stems[1].with_suffix(suffix).read_bytes()
        )


def test_sides_of_a_margin():
    assert panels.side(Interval(0.2, 0.1, 0.3)) == "above"
    assert panels.side(Interval(-0.2, -0.3, -0.1)) == "below"
    assert panels.side(Interval(0.0, -0.01, 0.01)) == "within"
    assert panels.side(Interval(0.0, -0.1, 0.1)) == "unclear"


def test_amounts_are_a_range_where_all_between_were_found():
    tried = [0.01, 0.1, 0.3, 1.0, 3.0]
    assert dose.said_amounts([0.1, 0.3, 3.0], tried) == "0.1 to 0.3 and 3"
    assert dose.said_amounts([0.3], tried) == "0.3"
    assert dose.said_amounts(tried, tried) == "0.01 to 3"


def test_capacity_is_the_largest_count_with_all_smaller_ones_learnt():
    left = pd.DataFrame(
        [("exact", "8-8", n, m) for n, m in ((32, 0.001), (64, 0.01), (128, 0.2), (256, 0.001))],
        columns=["rule", "hidden", "patterns", "middle"],
    )
    assert capacity.capacity(left, "exact", "8-8") == 64
    assert capacity.capacity(left, "removed", "8-8") == 0


def test_growth_is_paired_by_seed_and_rate():
    times = pd.DataFrame(
        [
            (z, rate, seed, 10.0 * z / rate)
            for z in (2.0, 6.0)
            for rate in (0.1, 1)
            for seed in (1, 2)
        ],
        columns=["distance", "rate", "seed", "time"],
    )
    assert escaping.growth(times, 6.0).to_numpy() == pytest.approx(np.full(4, np.log10(3)))


def test_tuning_runs_are_found_where_they_lie_apart(tmp_path):
    """As a table that is too large for one file is published."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    folder = tmp_path / "data" / "published" / "paper"
    folder.mkdir(parents=True)
    whole = study(0.3)
    tuned = whole["stage"] == "tune"
    half = whole.index < len(whole) // 2
    whole[~tuned & half].to_parquet(folder / "runs.parquet")
    whole[~tuned & ~half].to_parquet(folder / "runs-01.parquet")
    whole[tuned].to_parquet(folder / "tuning-00.parquet")
    found = evidence.gather("paper", tmp_path)
    assert len(found.runs.frame) == len(whole)
    page = next(QUESTIONS["c03_removal"](found))
    assert "the stable range ends at" in style.message_of(page)


def test_a_fresh_clone_draws_the_published_study_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(evidence, "gradient_checks", lambda: CHECKS)
    few = {n: QUESTIONS[n] for n in ("c08_optimizers", "c02_escape", "verdicts")}
    monkeypatch.setattr(build, "QUESTIONS", few)
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    with pytest.raises(UsageError, match="make ablation EXPERIMENT=default"):
        list(build.build("default", base=tmp_path))
    folder = tmp_path / "data" / "published" / "paper"
    folder.mkdir(parents=True)
    whole = study(0.3)
    whole[whole["dataset"] != "escape"].to_parquet(folder / "runs.parquet")
    lines = list(build.build("default", base=tmp_path))
    made = {line.split("  ", 1)[0] for line in lines}
    for name in ("c08_optimizers", "verdicts"):
        assert {f"reports/figures/{name}.pdf", f"reports/figures/{name}.png"} <= made
    assert "reports/tables/verdicts.csv" in made
    assert "14_escape  not drawn: no runs of a wrongly saturated output" in lines
    assert lines[-1].startswith("default  not drawn: no results of experiment 'default' yet")
    with pytest.raises(UsageError, match="make ablation EXPERIMENT=smoke"):
        list(build.build("smoke", base=tmp_path))
    alone = list(build.build("paper", "c08_optimizers", base=tmp_path))
    assert len(alone) == 2
