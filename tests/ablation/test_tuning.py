"""The choice of a learning rate, against choices made by hand."""

import numpy as np
import pytest
from small_studies import tiny_protocol

from study.ablation.configuration.protocol import Refine
from study.ablation.running.tuning import Trials, choose_rate

INF, NAN = np.inf, np.nan


def best(table):
    """The choice from {rate: [(final objective, failed), ...]}."""
    trials = Trials()
    for rate, runs in table.items():  # in parts
        for some in (runs[:1], runs[1:]):
            trials.add(np.full(len(some), rate), *map(np.array, zip(*some, strict=True)))
    return trials.best()


def fine(*finals):
    return [(final, False) for final in finals]


def failing(share, of):
    """Trainings with the lower final objective, some of which fail."""
    return [(9.0, True)] * share + [(0.1, False)] * (of - share)


DIVERGED = [(NAN, True), (-INF, True), (INF, True)]
THIRDS = [(0.3, True), (0.3, False), (0.3, False)]
CHOICES = {
    # medians 3, 2, 4; means 2.4, 17.3, 2.7
    "the lowest median, not the lowest mean or minimum": (
        {0.1: fine(1.2, 3.0, 3.0), 1.0: fine(1.0, 2.0, 49.0), 10.0: fine(0.1, 4.0, 4.0)},
        1.0,
    ),
    "the middle of an even number": ({0.1: fine(1.0, 4.0), 1.0: fine(2.0, 2.8)}, 1.0),
    "a tie": ({1.0: fine(2.0, 2.0), 0.1: fine(2.0, 2.0)}, 0.1),
    # a fifth may fail
    **{
        f"{share} of {of} fail": ({0.1: fine(*[0.5] * of), 1.0: failing(share, of)}, rate)
        for share, of, rate in ((1, 5, 1.0), (2, 5, 0.1), (1, 3, 0.1), (2, 10, 1.0), (3, 10, 0.1))
    },
    "none qualifies: the least share of failures": (
        {0.1: [(0.1, True)] * 3, 1.0: THIRDS, 10.0: [(0.2, True), (0.2, True), (0.2, False)]},
        1.0,
    ),
    "of two with the same share the lower median": (
        {0.1: [(0.1, True)] * 3, 1.0: THIRDS, 10.0: [(0.2, True), (0.2, False), (0.2, False)]},
        10.0,
    ),
    "what is not finite is worst": ({0.1: [(5.0, True)] * 3, 1.0: DIVERGED}, 0.1),
    "whatever it is": ({0.1: DIVERGED, 1.0: DIVERGED}, 0.1),
    "a median does not see one of five": (
        {0.1: fine(*[0.5] * 5), 1.0: [*fine(*[0.1] * 4), (NAN, True)]},
        1.0,
    ),
    "all fail": ({0.1: [(0.9, True)] * 3, 1.0: [(0.8, True)] * 3}, 1.0),
}


MEANS = {
    "the lowest mean, not the lowest median": (
        {0.1: fine(-2.0, -1.5, -1.0), 1.0: fine(-2.0, -2.0, 0.0)},
        0.1,
    ),
    "a failure counts by its score alone": (
        {0.1: fine(-1.0, -1.0), 1.0: [(-9.0, False), (0.0, True)]},
        1.0,
    ),
    "a tie": ({1.0: fine(-1.0, -2.0), 0.1: fine(-1.5, -1.5)}, 0.1),
}


@pytest.mark.parametrize(("table", "rate"), MEANS.values(), ids=MEANS)
def test_choices_by_the_mean(table, rate):
    trials = Trials(by_mean=True)
    for own, runs in table.items():
        trials.add(np.full(len(runs), own), *map(np.array, zip(*runs, strict=True)))
    assert trials.best() == rate


@pytest.mark.parametrize(("table", "rate"), CHOICES.values(), ids=CHOICES)
def test_choices_by_hand(table, rate):
    assert best(table) == rate


class Bowl:
    """A made-up objective with its minimum at 10^`lowest`; remembers what it was asked.

    A `lucky` rate has the lowest objective of the first stage.
    """

    def __init__(self, lowest, fails_above=INF, lucky=NAN):
        self.lowest, self.fails_above, self.lucky = lowest, fails_above, lucky
        self.calls = []

    def __call__(self, rates, seeds):
        self.calls.append((list(rates), list(seeds)))
        repeated = np.repeat(np.asarray(rates, float), len(seeds))
        lucky = (seeds[0] < 1000) & (repeated == self.lucky)
        finals = np.where(lucky, -9.0, (np.log10(repeated) - self.lowest) ** 2)
        return repeated, finals, repeated > self.fails_above


def log10(rates):
    return np.log10(rates).round(3).tolist()


FIRST = (0.01, 0.0316228, 0.1, 0.316228, 1.0)
REFINE = Refine(per_decade=8, rates=9, seeds=5, recentre_decades=3)


def test_two_stages_around_an_interior_best():
    bowl = Bowl(lowest=5.0)  # beyond the edge: one stage takes the edge
    assert choose_rate(tiny_protocol(), FIRST, bowl) == 1.0
    assert bowl.calls == [(list(FIRST), [1, 2])]
    bowl = Bowl(lowest=-0.9)
    rate = choose_rate(tiny_protocol(refine=REFINE), FIRST, bowl)
    first, (around, others) = bowl.calls
    assert first == (list(FIRST), [1, 2])
    assert others == [1001, 1002, 1003, 1004, 1005]
    assert log10(around) == [-1.5, -1.375, -1.25, -1.125, -1.0, -0.875, -0.75, -0.625, -0.5]
    assert rate == pytest.approx(10**-0.875, rel=1e-5)
    assert rate in around


def test_the_choice_is_the_second_stages_alone():
    """A coarse rate that was lucky does not come back."""
    rate = choose_rate(tiny_protocol(refine=REFINE), FIRST, Bowl(lowest=-0.75, lucky=0.1))
    assert rate == pytest.approx(10**-0.75, rel=1e-5)


@pytest.mark.parametrize(("lowest", "direction"), [(1.7, 1), (-3.7, -1)])
def test_the_grid_moves_until_its_best_is_inside(lowest, direction):
    bowl = Bowl(lowest)
    rate = choose_rate(tiny_protocol(refine=REFINE), FIRST, bowl)
    coarse = [log10(rates) for rates, seeds in bowl.calls if seeds == [1, 2]]
    more = [[0.5, 1.0], [1.5, 2.0]] if direction > 0 else [[-3.0, -2.5], [-4.0, -3.5]]
    assert coarse == [[-2.0, -1.5, -1.0, -0.5, 0.0], *more]
    assert log10([rate]) == [lowest + direction * 0.05]  # the nearest eighth around ±1.5 or ±3.5
    assert len(bowl.calls) == 4
    short = all(float(f"{rate:.6g}") == rate for rates, _ in bowl.calls for rate in rates)
    assert short, "rates are rounded, so that equal ones have equal names"


@pytest.mark.parametrize("direction", [1, -1])
def test_the_grid_moves_three_decades_at_the_most(direction):
    bowl = Bowl(lowest=direction * 20.0)
    rate = choose_rate(tiny_protocol(refine=REFINE), FIRST, bowl)
    assert [len(rates) for rates, _ in bowl.calls] == [5, 2, 2, 2, 9]
    edge = 3.0 if direction > 0 else -5.0
    assert log10(bowl.calls[-1][0])[4] == edge
    assert log10([rate]) == [edge + direction * 0.5]
    still = tiny_protocol(refine=Refine(recentre_decades=0))
    assert log10([choose_rate(still, FIRST, Bowl(20.0))]) == [0.5]


def test_failures_keep_the_grid_from_moving():
    """The best rate that may be chosen counts, not the lowest objective."""
    bowl = Bowl(lowest=3.0, fails_above=0.5)
    choose_rate(tiny_protocol(refine=REFINE), FIRST, bowl)
    assert [len(rates) for rates, _ in bowl.calls] == [5, 9]
    assert log10(bowl.calls[-1][0])[4] == -0.5


@pytest.mark.parametrize(
    ("first", "lowest", "coarse"),
    [((1.0,), 0.2, [[0], [-1, -0.5], [0.5, 1]]), ((0.1, 1.0), 2.2, [[-1, 0], [1], [2], [3]])],
)
def test_a_coarse_grid_moves_in_its_own_steps(first, lowest, coarse):
    """One rate is extended on both sides; with one rate a decade, by one more at a time."""
    bowl = Bowl(lowest)
    rate = choose_rate(tiny_protocol(refine=REFINE), first, bowl)
    assert [log10(rates) for rates, seeds in bowl.calls if seeds == [1, 2]] == coarse
    assert abs(log10([rate])[0] - lowest) <= 0.0625
