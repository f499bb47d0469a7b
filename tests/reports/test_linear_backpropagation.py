"""R3 and R4: theory of student and teacher, pairing by seed, verdicts, tables of made-up runs."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from pages import fits

from reports import paired, style
from reports.questions.r3_linear_backpropagation import figure as linear_figure
from reports.questions.r3_linear_backpropagation import measure
from reports.questions.r3_linear_backpropagation import table as linear
from reports.questions.r4_offsets import figure as offsets_figure
from reports.questions.r4_offsets import table as offsets
from study.evidence.runs import NothingToShow
from study.evidence.statistics import Interval


def around(function, points=20_000):
    """Mean of g(x) for x ~ N(0, I) in the plane, where g(r u) = r² function(u)."""
    angles = [2 * math.pi * (k + 0.5) / points for k in range(points)]
    values = [function(math.cos(a), math.sin(a)) for a in angles]
    return 2.0 * np.sum(values, axis=0) / points  # the mean of r² is 2


def relu(z):
    return z if z > 0.0 else 0.0


@pytest.mark.parametrize(("w", "v"), [((1.0, 0.4), (-2.0, 3.0)), ((0.5, -1.0), (0.6, -1.1))])
def test_theory_is_the_mean_over_all_directions(w, v):
    """Objective and both arms' gradients, by an integral over the circle."""

    def outputs(x, y):
        return w[0] * x + w[1] * y, relu(w[0] * x + w[1] * y) - relu(v[0] * x + v[1] * y)

    def error(x, y):
        return outputs(x, y)[1] ** 2 / 2

    def removed(x, y):
        return outputs(x, y)[1] * np.array([x, y])

    def exact(x, y):
        return removed(x, y) if outputs(x, y)[0] > 0 else np.zeros(2)

    student, teacher = np.array([w]), np.array([v])
    assert measure.objective(student, teacher)[0] == pytest.approx(around(error), rel=1e-5)
    for arm, oracle in (("removed", removed), ("exact", exact)):
        found = measure.gradient(student, teacher, arm)[0]
        np.testing.assert_allclose(found, around(oracle), atol=2e-4)


def test_a_step_of_student_and_teacher_in_plain_floats():
    """The same patterns for both arms; the slope is what tells them apart."""
    seeds, settings = [7], [("exact", 0.5), ("removed", 0.5)]
    (start, teacher), (after, _) = itertools.islice(measure.trained(seeds, settings, 1), 2)
    streams, w, v = measure.begun(seeds)
    np.testing.assert_array_equal(start[0, 0], w[0])
    x = streams[0].standard_normal((measure.PATTERNS, measure.INPUTS)).tolist()
    for k, arm in enumerate(("exact", "removed")):
        steps = [0.0] * measure.INPUTS
        for pattern in x:
            z = math.fsum(a * b for a, b in zip(w[0], pattern, strict=True))
            t = math.fsum(a * b for a, b in zip(v[0], pattern, strict=True))
            slope = float(z > 0.0) if arm == "exact" else 1.0
            for i, value in enumerate(pattern):
                steps[i] += (relu(z) - relu(t)) * slope * value / measure.PATTERNS
        expected = [a - 0.5 * b for a, b in zip(w[0], steps, strict=True)]
        np.testing.assert_allclose(after[0, k], expected, rtol=1e-9)
    np.testing.assert_array_equal(teacher[0, 0], v[0])


def test_the_committed_measure_follows_theory():
    """Medians within 2 %, and removal's flow is a geometric decay of the distance."""
    table = pd.read_csv(measure.FOLDER / "curves.csv")
    assert (np.abs(np.log(table["middle"] / table["theory"])) < 0.02).all()
    removed = table[table["arm"] == "removed"]
    decay = (1 - measure.RATE / 2) ** removed["step"]
    np.testing.assert_allclose(removed["theory"], decay, rtol=1e-4)


def test_limits_of_paired_means_are_students():
    found = paired.mean([1.0, 2.0, 4.0])
    half = 4.302653 * math.sqrt(7 / 3) / math.sqrt(3)  # t of 2 degrees of freedom at 0.975
    assert found == pytest.approx((7 / 3, 7 / 3 - half, 7 / 3 + half), rel=1e-6)
    assert paired.mean([0.3]) == (0.3, -math.inf, math.inf)


@pytest.mark.parametrize(
    ("low", "high", "more", "said"),
    [
        *((0.5, 0.9, False, "holds"), (1.1, 2.0, False, "reversed")),
        *((0.5, 0.9, True, "reversed"), (1.1, 2.0, True, "holds"), (0.5, 1.1, False, "undecided")),
    ],
)
def test_verdicts(low, high, more, said):
    assert paired.verdict(Interval(1.0, low, high), more=more) == said


def made_up(arms, **said):
    """Runs at two rates; ``arms``: location -> decades left at either rate, for even seeds."""
    rows = []
    for (gradient, location), decades in arms.items():
        for rate, value in zip((0.1, 1.0), decades, strict=True):
            for seed in range(4):
                left = 10.0 ** (value + 0.1 * (seed % 2))
                own = {"gradient": gradient, "location": location, "learning_rate": rate}
                rows.append({**said, **own, "seed": seed, "remaining": left, "failed": False})
    return pd.DataFrame(rows)


LINEAR = {
    **{"activation": "relu", "objective": "cross_entropy", "batch_size": "64"},
    **{"dataset": "digits", "hidden": "32-32-32-32-32", "test_score": 0.9},
}


def test_removal_ahead_at_a_shared_rate_and_behind_when_tuned():
    """Each arm's own rate is found; the ratios are those that were put in."""
    arms = {("exact", "none"): (-1.0, -3.0), ("removed", "last_2"): (-2.0, -1.0)}
    arms[("removed", "hidden")] = (-1.5, -1.0)
    table = pd.DataFrame(linear.net_rows(linear.nets(made_up(arms, **LINEAR))))
    two = table[(table["layers"] == "last 2 of 5") & (table["measure"] == "objective left")]
    assert list(two["rate"]) == ["shared", "shared", "exact's own", "tuned"]
    np.testing.assert_allclose(two["value"], [0.1, 100.0, 100.0, 10.0])
    assert list(two["verdict"]) == ["holds", "reversed", "reversed", "reversed"]
    assert set(table["layers"]) == {"last 2 of 5", "last 5 of 5"}
    assert set(table.loc[table["layers"] == "last 5 of 5", "published"]) == {
        linear.COMPETITIVE,
        "not tried",
    }
    with pytest.raises(NothingToShow):
        linear.nets(made_up(arms, **LINEAR | {"activation": "tanh"}))


OFFSETS = {
    **{"activation": "logistic", "objective": "squared_error", "batch_size": "10"},
    **{"dataset": "wine", "updates": 3000, "test_score": 0.9, "gradient.minimum": np.nan},
}


def test_depth_and_updates_of_offsets():
    """Exact trains to 2 layers, the offset to 4; a run that doesn't get there took all updates."""
    parts = []
    for depth in (1, 2, 3, 4):
        arms = {("exact", "none"): (-2.0, -1.0) if depth < 3 else (-0.1, -0.1)}
        arms[("offset", "hidden")] = (-2.0, -1.0)
        part = made_up(arms, **OFFSETS, hidden="-".join(["16"] * depth))
        offset = part["gradient"] == "offset"
        part["gradient.amount"] = np.where(offset, 0.4, np.nan)
        part["updates_to_target"] = np.where(offset, 300.0, 1000.0 if depth < 3 else np.nan)
        parts.append(part)

    evidence = evidence_of(*parts)
    found = offsets.tables(evidence)
    kinds = ("shared", "tuned", "0.1", "1")
    deep = found["offsets_depth"].set_index(["rate", "rule"])["deepest"].to_dict()
    assert deep == {(k, r): d for k in kinds for r, d in (("exact", 2), ("offset", 4))}
    rows = found["offsets"]
    rows = rows[(rows["rule"] == "offset") & (rows["rate"] == "tuned")]
    assert set(rows["offset"]) == {0.1} and set(rows["learning_rate"]) == {0.1}
    np.testing.assert_allclose(rows["ratio"], [0.3, 0.3, 0.1, 0.1])
    assert set(rows["verdict"]) == {"holds"}
    more = found["offsets_depth"].query("rule == 'offset'")
    assert set(more["verdict"]) == {"holds"} and set(more["more_than_exact"]) == {2}
    every = [pd.concat(parts).assign(dataset=data) for data in offsets.DATASETS]
    assert "up to 2 hidden layers, an offset of 0.1 up to 4" in drawn(offsets_figure, every)


def evidence_of(*parts):
    return SimpleNamespace(runs=SimpleNamespace(frame=pd.concat(parts)))


def drawn(figure, parts):
    """Draw a page of made-up runs, on which everything fits, and return its message."""
    with style.theme():
        page = next(figure.pages(evidence_of(*parts)))
        page.draw_without_rendering()
        fits(page)
    return style.message_of(page)


def test_the_page_of_linear_backpropagation_says_who_is_ahead():
    arms = {("exact", "none"): (-1.0, -3.0), ("removed", "last_2"): (-2.0, -1.0)}
    arms[("removed", "hidden")] = (-1.5, -1.0)
    mnist = {**LINEAR, "dataset": "external", "hidden": "400-200-100"}
    said = drawn(linear_figure, [made_up(arms, **LINEAR), made_up(arms, **mnist)])
    assert said.startswith("At their rate removal is ahead on MNIST and digits.")
    assert said.endswith("Both tuned, it is behind on MNIST and digits")
