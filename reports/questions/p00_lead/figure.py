"""The answer in one picture: a network with and without f', and what the old learning rate does.

The networks are trained here, in seconds. The failures are those of the population of tasks.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import threadpoolctl
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from reports import style
from reports.panels import look_of
from reports.templates import note
from study import datasets
from study.evidence.runs import NothingToShow
from study.evidence.shares.judging import judged_population
from study.evidence.shares.population import Population
from study.learning import Array
from study.learning.core.training import Outcome, outputs, train
from study.learning.design import Budget, Design, named_design
from study.learning.problem import pose

ARMS = {"exact": "with f′", "removed": "without f′"}
TUNING, SHOWN = range(1, 11), range(101, 131)
RATES = tuple(float(rate) for rate in np.round(10.0 ** np.arange(-2.0, 2.01, 0.25), 5))
BUDGET = Budget(updates=2000, batch_size=32, checkpoints=1, probes=0)
DATA = {"moons": {"noise": 0.2}}
SURFACE = LinearSegmentedColormap.from_list("surface", ["#9ECAE1", "#FFFFFF", "#FDD0A2"])
KEPT = "S2b"  # the claim about failures at the learning rate that suits exact
NETS = {
    "with one hidden layer": "1 hidden layer",
    "with two or three hidden layers": "2 or 3 hidden layers",
    "with four or more hidden layers": "4 to 6 hidden layers",
    "with tanh or logistic": "tanh or logistic units",
    "with relu": "relu units",
}
LABELS = 0.75  # inches beside the bars
DECIDES = "confirm"  # the split of the tasks that decide


@dataclass(frozen=True)
class Trained:
    """Networks of both arms.

    Attributes
    ----------
    finals
        Arm -> final training losses of the tuning seeds, (seeds, rates).
    best
        Arm -> the learning rate with the lowest mean logarithm of the loss.
    scored
        Arm -> the other seeds at that rate.
    """

    finals: dict[str, Array]
    best: dict[str, float]
    scored: dict[str, Outcome]

    def accuracy(self, arm: str) -> float:
        """Return the median accuracy on new points, in per cent."""
        return float(100 * np.median(self.scored[arm].test_score))

    def ratio(self) -> float:
        """Return the median loss without f' over that with it."""
        with_, without = (np.median(self.scored[arm].final_objective) for arm in ARMS)
        return float(without / with_)


def design(arm: str) -> Design:
    """Return a 2-16-16-1 network of tanh units with squared error, under an arm's rule."""
    return named_design((16, 16), gradient=arm, location="hidden")


def trained(arm: str, seeds: range, rates: tuple[float, ...]) -> Outcome:
    """Train an arm on fresh moons for each seed, at all the rates."""
    what = design(arm)
    data = [datasets.load(DATA, seed) for seed in seeds]
    problem = pose(data, what.objective, what.output(1))
    return train(problem, what, BUDGET, list(seeds), rates)


@cache
def both() -> Trained:
    """Train both arms: ten seeds choose the learning rate, thirty others are shown."""
    with threadpoolctl.threadpool_limits(1):
        found = {arm: trained(arm, TUNING, RATES).final_objective for arm in ARMS}
        finals = {arm: finite(found[arm]).reshape(len(TUNING), len(RATES)) for arm in ARMS}
        means = {arm: np.log10(finals[arm]).mean(axis=0) for arm in ARMS}
        best = {arm: RATES[int(means[arm].argmin())] for arm in ARMS}
        return Trained(finals, best, {arm: trained(arm, SHOWN, (best[arm],)) for arm in ARMS})


def finite(losses: Array) -> Array:
    """Let a loss that is not finite, or above 1, count as 1; that of a constant is below."""
    return np.minimum(np.nan_to_num(losses, nan=1.0, posinf=1.0), 1.0)


def pages(population: Population) -> Iterator[Figure]:
    """Draw the page from trainings made here and the population's failures."""
    shares = population.shares
    few = replace(
        shares,
        splits={DECIDES: shares.splits[DECIDES]},
        conditions={name: shares.conditions[name] for name in NETS},
    )
    yield drawn(both(), judged_population(replace(population, shares=few), (KEPT,)))


def drawn(nets: Trained, shares: pd.DataFrame) -> Figure:
    """Return the page; `shares` has the columns of shares.csv."""
    failing = shares[(shares["claim"] == KEPT) & (shares["split"] == DECIDES)]
    failing = failing.set_index("condition").reindex([*NETS]).dropna(subset="tasks")
    if failing.empty:
        raise NothingToShow("no task has runs without f' at the learning rate of exact")
    figure, axes = style.sheet(
        message(nets), note(__file__), 2, 2, height=(1.9, 1.6), left=0.52, right=0.16, bottom=0.42,
        gap=(0.55, 0.42), head=0.24,
    )  # fmt: skip
    for panel, arm in zip(axes[0], ARMS, strict=True):
        draw_surface(panel, arm, nets.scored[arm])
    draw_rates(axes[1, 0], nets)
    box = axes[1, 1].get_position()
    room = LABELS / style.WIDTH
    axes[1, 1].set_position((box.x0 + room, box.y0, box.width - room, box.height))
    draw_failures(axes[1, 1], failing)
    return figure


def message(nets: Trained) -> str:
    """Say what both arms reach."""
    with_, without = (f"{nets.accuracy(arm):.0f} %" for arm in ARMS)
    return (
        f"With f′ a network gets {with_} of new points right, without it in hidden layers "
        f"{without}, and its loss is {nets.ratio():.1f} times as high"
    )


def draw_surface(axes: Axes, arm: str, outcome: Outcome) -> None:
    """Draw the output of the first seed's network over the plane, with its training patterns."""
    data = datasets.load(DATA, SHOWN[0])
    low, high = data.inputs.min(axis=0) - 0.4, data.inputs.max(axis=0) + 0.4
    x, y = (np.linspace(low[i], high[i], 160) for i in (0, 1))
    plane = np.stack(np.meshgrid(x, y), axis=-1).reshape(1, -1, 2)
    out = outputs(design(arm), outcome.parameters[:1], plane).reshape(len(y), len(x))
    axes.pcolormesh(x, y, out, cmap=SURFACE, vmin=-1, vmax=1, shading="nearest", rasterized=True)
    axes.contour(x, y, out, levels=[0.0], colors=[look_of(arm).colour], linewidths=1.8)
    for label, marker, colour in ((0.0, "o", "#3182BD"), (1.0, "s", "#E6550D")):
        at = data.inputs[data.targets[:, 0] == label]
        axes.plot(at[:, 0], at[:, 1], marker, color=colour, markersize=2.2, markeredgewidth=0)
    right = 100 * outcome.test_score[0]
    axes.set_title(f"One network trained {ARMS[arm]}: {right:.0f} % right", weight="bold")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def draw_rates(axes: Axes, nets: Trained) -> None:
    """Draw the final loss against the learning rate, with the chosen rates marked."""
    for arm, name in ARMS.items():
        look = look_of(arm)
        low, middle, high = np.quantile(nets.finals[arm], (0.25, 0.5, 0.75), axis=0)
        axes.fill_between(RATES, low, high, color=look.colour, alpha=0.18, linewidth=0)
        axes.plot(RATES, middle, color=look.colour, linestyle=look.line, label=name)
        at = RATES.index(nets.best[arm])
        axes.plot(RATES[at], middle[at], look.marker, color=look.colour, markersize=6)
    style.logarithmic(axes, "x", RATES[0], RATES[-1])
    style.logarithmic(axes, "y", 0.01, 1.0)
    axes.set(xlabel="learning rate (the best one is marked)", ylabel="final training loss")
    axes.set_title("Here no learning rate makes up for it", weight="bold")
    axes.legend(loc="upper left")


def draw_failures(axes: Axes, failing: pd.DataFrame) -> None:
    """Draw in what share of tasks more runs fail at the old learning rate, by kind of net."""
    places = np.arange(len(failing), dtype=float) + 0.5 * (np.arange(len(failing)) > 2)
    share = failing["true"].to_numpy(float)
    limits = failing[["true_low", "true_high"]].to_numpy(float)
    colour = look_of("removed").colour
    axes.barh(places, share, height=0.66, color=colour, alpha=0.45, linewidth=0)
    axes.hlines(places, *limits.T, colors=style.INK, linewidth=1.0)
    for place, value, high in zip(places, share, limits[:, 1], strict=True):
        axes.text(high + 1.5, place, f"{value:.0f} %", va="center", size=style.SMALL)
    axes.set_yticks(places, [NETS[name] for name in failing.index])
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, 100), ylim=(places[-1] + 0.6, -0.6), xlabel="% of tasks")
    axes.set_title("Old rate kept: more runs fail", weight="bold")


def summary(shares: Any) -> tuple[Figure, str]:
    """Return the page of a table as shares.csv, and what it shows in one line."""
    with style.theme():
        return drawn(both(), shares), message(both())
