"""Each figure's message, labels, marks and legends; never its pixels."""

from functools import lru_cache

import numpy as np
import pytest
from pages import fits
from synthetic_tables import SMALL, synthetic

from reports import style
from reports.build import GENERIC
from reports.generic import factors, failures, relative
from study.evidence import summaries
from study.evidence.naming import prepare
from study.evidence.runs import NothingToShow
from study.learning.activations import ACTIVATIONS
from study.learning.rules import GRADIENTS
from study.learning.variants import resolve

EXPERIMENTS = ("failures", "relative", "rates", "curves")  # those that need results
UNDRAWN = {"tune": {"rates"}, "evaluate": {"relative", "curves"}, "transfer": set()}  # without it


def first(pages):
    return next(iter(pages))


def panels(figure):
    return [axes for axes in figure.axes if axes.axison]


def titles(figure):
    return [axes.get_title(loc="left") for axes in panels(figure)]


def words(found):
    return [text.get_text() for text in found]


def segments(axes):
    return [c.get_segments() for c in axes.collections if hasattr(c, "get_segments")]


@pytest.fixture(scope="module")
def page(results, default_results, many_results):
    """The first page of a figure of one of the synthetic experiments, drawn once."""
    sizes = {"small": results, "default": default_results, "many": many_results}
    return lru_cache(lambda name, size="small": first(GENERIC[name](sizes[size])))


def changed(change=lambda runs: runs, **grid):
    """Small results whose stored tables were changed first."""
    runs, curves_ = synthetic(**{**SMALL, **grid})
    runs = change(runs)
    return prepare("trial", runs, curves_[curves_["run_id"].isin(runs["run_id"])])


SIZES = [*((name, "small") for name in GENERIC), *((name, "many") for name in EXPERIMENTS)]


@pytest.mark.parametrize(("name", "size"), SIZES)
def test_pages_fit_the_paper_stay_readable_and_their_titles_do_not_touch(name, size, page):
    fits(page(name, size))


def test_records_have_a_panel_each_and_kinks_the_value_taken(page):
    for name, registry, said in (
        ("activations", ACTIVATIONS, "tanh keeps 1 % of its largest slope, logistic 18 % and"),
        ("factors", GRADIENTS, "exact passes 1 %, floor 0.1 passes 10 % and removed passes 100 %"),
    ):
        assert len(panels(page(name))) == len(registry)
        assert style.message_of(page(name)).startswith(f"At a net input of 3 {said}")
    dot = panels(page("activations"))[list(ACTIVATIONS).index("relu")].lines[-1]
    assert (dot.get_marker(), *dot.get_xdata(), *dot.get_ydata()) == ("o", 0.0, 0.0)


POINTWISE = ("exact", "removed", "mean_matched", "window", "substitute")
OTHERS = ("unit_mean", "shuffled_units", "random", "random_sign")


@pytest.mark.parametrize("name", [*POINTWISE, *OTHERS])
def test_rules_of_a_units_own_net_input_are_recognised(name):
    variant = resolve("gradient", GRADIENTS, name)
    z, phi, found = factors.factor(variant, ACTIVATIONS["tanh"].bind())
    assert found == (name in POINTWISE)
    assert z.shape == phi.shape and (np.diff(z) > 0).all()
    if name == "exact":
        np.testing.assert_allclose(phi, 1 - np.tanh(z) ** 2, atol=1e-12)


def test_failures_count_every_cell_and_tell_both_rates_apart(page, default_results):
    figure, runs = page("failures", "default"), default_results.runs
    optimizers = list(runs["optimizer_label"].cat.categories)
    assert titles(figure) == ["tanh", "logistic", "relu"] * 2
    left, _, _, below, *_ = panels(figure)
    assert words(left.get_yticklabels()) == [rule.label for rule in default_results.rules]
    assert words(below.get_xticklabels()) == optimizers
    here = runs[(runs["rule"] == "removed") & (runs["optimizer"] == "adam")]
    here = here[(here["stage"] == "transfer") & (here["activation"] == "tanh")]
    shown = below.texts[len(optimizers) + optimizers.index("adam")].get_text()
    assert shown == str(here["failed"].sum()) and len(here) == 30
    by_stage = 100 * runs[runs["gradient"] == "removed"].groupby("stage")["failed"].mean()
    own, transfer = by_stage["evaluate"], by_stage["transfer"]
    assert style.message_of(figure) == (
        f"Without the slope {round(own, 1):g} % of runs fail at their own best learning rate, "
        f"{transfer:.0f} % at exact's (exact: 0 %)"
    )
    assert "None of 30 still leaves" in " ".join(words(figure.texts))


def test_unequal_counts_are_written_out_and_cells_that_were_not_run_stay_empty():
    def some(runs):
        on_tanh = runs["activation"] == "tanh"
        return runs[on_tanh | (runs["dataset"] == "digits") & (runs["gradient"] != "floor")]

    tanh, relu = panels(first(failures.pages(changed(some))))[:2]
    assert tanh.texts[0].get_text() == "0/20" and relu.texts[0].get_text() == "0/10"
    assert len([text for text in words(relu.texts) if text]) == 2  # exact and removed


def test_relative_shows_estimates_with_their_limits(page, results):
    figure = page("relative")
    assert titles(figure) == ["digits", "diabetes"]
    left, right = panels(figure)
    assert words(left.get_yticklabels()) == ["removed", "floor 0.1"]
    assert not any(words(right.get_yticklabels()))
    pool = summaries.pooled(summaries.pairs(results)).set_index(["task", "rule"])
    row = pool.loc[("digits", "removed")]
    assert left.lines[0].get_xdata()[0] == pytest.approx(10 ** row["estimate"])
    limits = segments(left)[0][0][:, 0]
    assert limits == pytest.approx(10.0 ** row[["low", "high"]].to_numpy(float))
    legend = words(figure.legends[0].get_texts())
    assert legend == ["at its own best learning rate", "at exact's learning rate"]


def test_relative_has_pages_for_the_strata_and_a_narrow_one(results):
    """One panel is a column wide, and the full names of the stages are wider than that."""
    fits(first(relative.pages(changed(datasets=("digits",)))))
    _, digits, diabetes = relative.pages(results)
    assert titles(digits) == titles(diabetes) == ["tanh, SGD", "relu, SGD"]
    assert "digits: without the slope the objective ends above" in style.message_of(digits)
    fits(digits)


def test_too_few_seeds_are_drawn_without_limits_and_locations_are_rules():
    figure = first(relative.pages(changed(seeds=3, locations=("hidden", "all"))))
    assert "fewer than 6 seeds" in " ".join(words(figure.texts))
    assert "95" not in style.message_of(figure)
    assert not any(map(len, segments(panels(figure)[0])))
    assert words(panels(figure)[0].get_yticklabels()) == [
        *("removed (hidden)", "removed (all)", "floor 0.1 (hidden)", "floor 0.1 (all)")
    ]


def test_rates_shade_the_stable_range_and_keep_exact_behind_every_other_rule(page, results):
    figure = page("rates")
    assert titles(figure) == ["exact", "removed", "floor 0.1"]
    room = summaries.headroom(summaries.tuning(results))
    exact = room[(room["rule"] == "exact") & (room["stratum"] == room["stratum"].min())].iloc[0]
    panel, removed, _ = panels(figure)
    shade = panel.patches[0].get_extents().transformed(panel.transData.inverted())
    assert (shade.x0, shade.x1) == pytest.approx((exact["chosen"], exact["largest_stable"]))
    said = f"with exact it can be raised by {exact['headroom']:.1f} decades"
    assert said in style.message_of(figure)
    behind = removed.lines[0]
    assert behind.get_color() == style.INK
    np.testing.assert_array_equal(behind.get_ydata(), panel.lines[0].get_ydata())


def test_curves_have_bands(page, results):
    figure = page("curves")
    assert titles(figure) == ["exact", "removed", "floor 0.1"]
    band = summaries.bands(results)
    rows = band[(band["rule"] == "removed") & (band["stratum"] == 0)]
    removed = panels(figure)[1]
    (line,) = [line for line in removed.lines if line.get_color() == style.HUES["removed"]]
    np.testing.assert_allclose(line.get_ydata(), rows["median"])
    vertices = removed.collections[0].get_paths()[0].vertices
    assert vertices[:, 1].max() == pytest.approx(rows["upper"].max())
    assert words(removed.get_xticklabels()) == ["1", "10", "100", "1000"]
    both = page("curves", "default")  # optimizers share a page where they fit
    assert {"SGD", "adam"} <= set(words(both.texts)) and len(panels(both)) == 16


@pytest.mark.parametrize("stage", UNDRAWN)
def test_a_missing_stage_leaves_out_only_what_needs_it(stage):
    results = changed(lambda runs: runs[runs["stage"] != stage])
    for name in EXPERIMENTS:
        if name in UNDRAWN[stage]:
            with pytest.raises(NothingToShow, match=stage):
                first(GENERIC[name](results))
        else:
            assert style.message_of(first(GENERIC[name](results)))


LOST = {"outcome": "diverged", "diverged_by": "nonfinite", "final_objective": np.nan}
SOLVED = {"outcome": "solved", "diverged_by": "", "final_objective": 1e-6}


@pytest.mark.parametrize(("end", "share"), [(LOST, "100"), (SOLVED, "0")])
def test_extremes_are_drawn(end, share):
    results = changed(lambda runs: runs.assign(failed=end is LOST, **end))
    said = {name: style.message_of(first(GENERIC[name](results))) for name in EXPERIMENTS}
    assert said["failures"].startswith(f"Without the slope {share} % of runs fail")
    assert "leaves 1.00 times" in said["relative"]
    assert all(said.values())


@pytest.mark.parametrize(("alone", "lacking"), [(True, "but exact"), (False, "of exact")])
def test_exact_alone_is_drawn_and_without_it_there_is_no_comparison(alone, lacking):
    results = changed(lambda runs: runs[(runs["gradient"] == "exact") == alone])
    drawn = (first(GENERIC[name](results)) for name in ("failures", "rates", "curves"))
    failing, best, curve = map(style.message_of, drawn)
    assert failing.startswith("0 % of runs with the exact") == alone
    assert ("with exact the best learning rate" in best) == alone
    assert alone or not any("(exact" in said or "with exact" in said for said in (failing, best))
    assert curve
    with pytest.raises(NothingToShow, match=lacking):
        first(relative.pages(results))


def test_rules_are_paired_on_the_seeds_they_have_in_common():
    def lose_one(runs):
        exact = runs[(runs["gradient"] == "exact") & (runs["stage"] == "evaluate")]
        return runs.drop(exact.index[0])

    assert style.message_of(first(relative.pages(changed(lose_one))))
