"""Each figure's message, labels, marks and legends; never its pixels."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from synthetic_tables import SMALL, synthetic

from reports import style
from reports.generic import activations, curves, factors, failures, rates, relative
from study.evidence import summaries
from study.evidence.naming import prepare
from study.evidence.runs import NothingToShow
from study.learning.activations import ACTIVATIONS
from study.learning.rules import GRADIENTS
from study.learning.variants import resolve

DRAWN = {
    "activations": activations.pages,
    "factors": factors.pages,
    "failures": failures.pages,
    "relative": relative.pages,
    "rates": rates.pages,
    "curves": curves.pages,
}
EXPERIMENTS = ("failures", "relative", "rates", "curves")  # those that need results


def first(pages):
    return next(iter(pages))


def panels(figure):
    return [axes for axes in figure.axes if axes.axison]


def titles(figure):
    return [axes.get_title(loc="left") for axes in panels(figure)]


def texts(figure):
    """Visible, non-empty texts of a page, with all their tick labels."""
    figure.draw_without_rendering()
    found = figure.findobj(lambda artist: hasattr(artist, "get_fontsize"))
    return [text for text in found if text.get_visible() and text.get_text().strip()]


def changed(change, **grid):
    """Small results whose stored tables were changed first."""
    runs, curves_ = make_tables(**grid)
    runs = change(runs)
    return prepare("trial", runs, curves_[curves_["run_id"].isin(runs["run_id"])])


def make_tables(**grid):
    return synthetic(**{**SMALL, **grid})


def fits(figure):
    """Check a page's size, and that all its texts are readable and inside it."""
    wide, high = figure.get_size_inches()
    assert 3.39 < wide < 7.01 and high < 9.2
    assert style.message_of(figure)
    renderer = figure.canvas.get_renderer()
    for text in texts(figure):
        assert text.get_fontsize() >= 7
        box = text.get_window_extent(renderer)
        if figure.bbox.overlaps(box):  # tick labels beyond an axis' limits are not drawn
            assert box.x0 >= -2 and box.x1 <= figure.bbox.x1 + 2, text.get_text()
            assert box.y0 >= -2 and box.y1 <= figure.bbox.y1 + 2, text.get_text()


@pytest.mark.parametrize("name", DRAWN)
def test_pages_fit_the_paper_and_stay_readable(name, results):
    for figure in itertools.islice(DRAWN[name](results), 2):
        fits(figure)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_pages_of_the_default_grid_fit_too(name, default_results):
    fits(first(DRAWN[name](default_results)))


@pytest.mark.parametrize("name", DRAWN)
def test_pages_with_every_rule_fit_and_their_titles_do_not_touch(name, many_results):
    figure = first(DRAWN[name](many_results))
    fits(figure)
    renderer = figure.canvas.get_renderer()
    boxes = [axes._left_title.get_window_extent(renderer) for axes in panels(figure)]
    for one, two in itertools.combinations(boxes, 2):
        assert not one.overlaps(two)


def test_activations_have_a_panel_each_with_their_kinks():
    figure = first(activations.pages())
    assert len(panels(figure)) == len(ACTIVATIONS)
    assert style.message_of(figure) == (
        "At a net input of 3 tanh keeps 1 % of its largest slope, logistic 18 % and relu 100 %"
    )
    relu = panels(figure)[list(ACTIVATIONS).index("relu")]
    dot = relu.lines[-1]
    assert (dot.get_marker(), *dot.get_xdata(), *dot.get_ydata()) == ("o", 0.0, 0.0)


def test_factors_have_a_panel_each():
    figure = first(factors.pages())
    assert len(panels(figure)) == len(GRADIENTS)
    assert style.message_of(figure) == (
        "At a net input of 3 exact passes 1 %, floor 0.1 passes 10 % and removed passes 100 % of "
        "an error back through tanh"
    )


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


def test_failures_count_every_cell(default_results):
    figure = first(failures.pages(default_results))
    optimizers = list(default_results.runs["optimizer_label"].cat.categories)
    assert titles(figure) == ["tanh", "logistic", "relu"] * 2
    left, *_ = panels(figure)
    assert [t.get_text() for t in left.get_yticklabels()] == [
        rule.label for rule in default_results.rules
    ]
    below = panels(figure)[3]
    assert [t.get_text() for t in below.get_xticklabels()] == optimizers
    runs = default_results.runs
    here = (
        (runs["stage"] == "transfer")
        & (runs["rule"] == "removed")
        & (runs["activation"] == "tanh")
        & (runs["optimizer"] == "adam")
    )
    row, column = 1, optimizers.index("adam")
    shown = below.texts[row * len(optimizers) + column].get_text()
    assert shown == str(runs.loc[here, "failed"].sum())
    assert here.sum() == 30


def test_failures_tell_both_rates_apart_in_the_message(default_results):
    runs = default_results.runs[default_results.runs["gradient"] == "removed"]
    own, transfer = (
        round(100 * runs.loc[runs["stage"] == stage, "failed"].mean(), 1)
        for stage in ("evaluate", "transfer")
    )
    figure = first(failures.pages(default_results))
    assert style.message_of(figure) == (
        f"Without the slope {own:g} % of runs fail at their own best learning rate, "
        f"{transfer:.0f} % at exact's (exact: 0 %)"
    )
    assert "None of 30 still leaves" in " ".join(t.get_text() for t in figure.texts)


def test_unequal_counts_are_written_out():
    results = changed(
        lambda runs: runs[(runs["dataset"] == "digits") | (runs["activation"] == "tanh")]
    )
    figure = first(failures.pages(results))
    tanh, relu = panels(figure)[:2]
    assert tanh.texts[0].get_text() == "0/20" and relu.texts[0].get_text() == "0/10"


def test_cells_that_were_not_run_are_left_empty():
    results = changed(
        lambda runs: runs[(runs["gradient"] != "floor") | (runs["activation"] == "tanh")]
    )
    _, relu = panels(first(failures.pages(results)))[:2]
    assert len([t for t in relu.texts if t.get_text()]) == 2  # exact and removed


def test_relative_shows_estimates_with_their_limits(results):
    figure = first(relative.pages(results))
    assert titles(figure) == ["digits", "diabetes"]
    left, right = panels(figure)
    assert [t.get_text() for t in left.get_yticklabels()] == ["removed", "floor 0.1"]
    assert not any(t.get_text() for t in right.get_yticklabels())
    pool = summaries.pooled(summaries.pairs(results)).set_index(["task", "rule"])
    row = pool.loc[("digits", "removed")]
    marks = {line.get_label(): line for line in reversed(left.lines)}
    assert marks["removed"].get_xdata()[0] == pytest.approx(10 ** row["estimate"])
    limits = left.collections[-1 - 3].get_segments()  # own: removed, floor; transfer: the same
    assert limits[0][:, 0] == pytest.approx(10.0 ** row[["low", "high"]].to_numpy(float))
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["at its own best learning rate", "at exact's learning rate"]


def test_the_legend_of_relative_lies_inside_any_page(results):
    """One panel is a column wide, and the full names of the stages are wider than that."""
    runs = results.runs
    alone = replace(results, runs=runs[runs["task"] == runs["task"].iloc[0]])
    for tables in (results, alone):
        figure = first(relative.pages(tables))
        figure.canvas.draw()
        box = figure.legends[0].get_window_extent()
        assert box.x0 >= 0 and box.x1 <= figure.bbox.width


def test_relative_has_pages_for_the_strata(results):
    pages = list(relative.pages(results))
    assert len(pages) == 3
    assert titles(pages[1]) == ["tanh, SGD", "relu, SGD"]
    assert "digits: without the slope the objective ends above exact's in" in style.message_of(
        pages[1]
    )


def test_too_few_seeds_are_drawn_without_limits():
    figure = first(relative.pages(changed(lambda runs: runs, seeds=3)))
    assert "fewer than 6 seeds" in " ".join(t.get_text() for t in figure.texts)
    assert "95" not in style.message_of(figure)
    assert not any(
        len(c.get_segments()) for c in panels(figure)[0].collections if hasattr(c, "get_segments")
    )


def test_locations_are_rules_of_their_own():
    results = prepare("trial", *make_tables(locations=("hidden", "all")))
    figure = first(relative.pages(results))
    assert [t.get_text() for t in panels(figure)[0].get_yticklabels()] == [
        *("removed (hidden)", "removed (all)"),
        *("floor 0.1 (hidden)", "floor 0.1 (all)"),
    ]


def test_rates_shade_the_stable_range(results):
    figure = first(rates.pages(results))
    assert titles(figure) == ["exact", "removed", "floor 0.1"]
    room = summaries.headroom(summaries.tuning(results))
    exact = room[(room["rule"] == "exact") & (room["stratum"] == room["stratum"].min())].iloc[0]
    shade = (
        panels(figure)[0]
        .patches[0]
        .get_extents()
        .transformed(panels(figure)[0].transData.inverted())
    )
    assert (shade.x0, shade.x1) == pytest.approx((exact["chosen"], exact["largest_stable"]))
    assert f"with exact it can be raised by {exact['headroom']:.1f} decades" in style.message_of(
        figure
    )


def test_rates_keep_exact_behind_every_other_rule(results):
    exact, removed, _ = panels(first(rates.pages(results)))
    behind = removed.lines[0]
    assert behind.get_color() == style.INK
    np.testing.assert_array_equal(behind.get_ydata(), exact.lines[0].get_ydata())


def test_curves_have_bands(results):
    figure = first(curves.pages(results))
    assert titles(figure) == ["exact", "removed", "floor 0.1"]
    band = summaries.bands(results)
    rows = band[(band["rule"] == "removed") & (band["stratum"] == 0)]
    removed = panels(figure)[1]
    colour = style.HUES["removed"]
    (line,) = [line for line in removed.lines if line.get_color() == colour]
    np.testing.assert_allclose(line.get_ydata(), rows["median"])
    vertices = removed.collections[0].get_paths()[0].vertices
    assert vertices[:, 1].max() == pytest.approx(rows["upper"].max())
    assert [t.get_text() for t in removed.get_xticklabels()] == ["1", "10", "100", "1000"]


def test_both_optimizers_share_a_page_where_they_fit(default_results):
    figure = first(curves.pages(default_results))
    words = [t.get_text() for t in figure.texts]
    assert "SGD" in words and "adam" in words
    assert len(panels(figure)) == 16


@pytest.mark.parametrize(
    "stage, undrawn",
    [("tune", {"rates"}), ("evaluate", {"relative", "curves"}), ("transfer", set())],
)
def test_a_missing_stage_leaves_out_only_what_needs_it(stage, undrawn):
    results = changed(lambda runs: runs[runs["stage"] != stage])
    for name in EXPERIMENTS:
        if name in undrawn:
            with pytest.raises(NothingToShow, match=stage):
                first(DRAWN[name](results))
        else:
            assert style.message_of(first(DRAWN[name](results)))


def everything_fails(runs):
    return runs.assign(
        failed=True, outcome="diverged", diverged_by="nonfinite", final_objective=np.nan
    )


def nothing_fails(runs):
    return runs.assign(failed=False, outcome="solved", diverged_by="", final_objective=1e-6)


@pytest.mark.parametrize("change", [everything_fails, nothing_fails])
def test_extremes_are_drawn(change):
    results = changed(change)
    share = "100" if change is everything_fails else "0"
    for name in EXPERIMENTS:
        message = style.message_of(first(DRAWN[name](results)))
        if name == "failures":
            assert message.startswith(f"Without the slope {share} % of runs fail")
        if name == "relative":
            assert "leaves 1.00 times" in message


def test_exact_alone_is_drawn():
    results = changed(lambda runs: runs[runs["gradient"] == "exact"])
    assert style.message_of(first(failures.pages(results))).startswith(
        "0 % of runs with the exact"
    )
    assert "with exact the best learning rate" in style.message_of(first(rates.pages(results)))
    with pytest.raises(NothingToShow, match="but exact"):
        first(relative.pages(results))


def test_without_exact_there_is_no_comparison():
    results = changed(lambda runs: runs[runs["gradient"] != "exact"])
    assert "(exact" not in style.message_of(first(failures.pages(results)))
    assert "with exact" not in style.message_of(first(curves.pages(results)))
    with pytest.raises(NothingToShow, match="of exact"):
        first(relative.pages(results))


def test_rules_are_paired_on_the_seeds_they_have_in_common():
    def lose_one(runs):
        exact = runs[(runs["gradient"] == "exact") & (runs["stage"] == "evaluate")]
        return runs.drop(exact.index[0])

    assert style.message_of(first(relative.pages(changed(lose_one))))
