"""The question in one figure: exact against removed on two moons, trained in a few seconds.

Each arm has its own best learning rate, chosen on other seeds than those shown. Both arms have the
same initial weights, data and batches.
"""

import time
from typing import Any

import numpy as np
import threadpoolctl
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from reports import style
from reports.panels import look_of
from study import datasets, places
from study.learning import Array
from study.learning.core.training import Outcome, outputs, train
from study.learning.design import Budget, Design, named_design
from study.learning.problem import pose

ARMS = ("exact", "removed")
TUNING, SHOWN = range(1, 11), range(101, 131)
RATES = tuple(float(rate) for rate in np.round(10.0 ** np.arange(-2.0, 2.01, 0.25), 5))
BUDGET = Budget(updates=2000, batch_size=32, checkpoints=30, probes=0)
SPAN = (0.01, 1.0)  # of the objective, in the picture
DATA = {"moons": {"noise": 0.2}}
SURFACE = LinearSegmentedColormap.from_list("surface", ["#9ECAE1", "#FFFFFF", "#FDD0A2"])


def design(arm: str) -> Design:
    """Return a 2-16-16-1 network of tanh units with squared error, under an arm's rule."""
    return named_design((16, 16), gradient=arm, location="all")


def trained(arm: str, seeds: range, rates: tuple[float, ...]) -> Outcome:
    """Train an arm on fresh moons for each seed, at all the rates."""
    what = design(arm)
    data = [datasets.load(DATA, seed) for seed in seeds]
    problem = pose(data, what.objective, what.output(1))
    return train(problem, what, BUDGET, list(seeds), rates)


def quartiles(values: Array) -> Array:
    """Lower quartile, median and upper quartile over the first axis; what is not finite is inf."""
    return np.quantile(np.nan_to_num(values, nan=np.inf, posinf=1e3), (0.25, 0.5, 0.75), axis=0)


def main() -> None:
    """Train both arms, draw the picture and say what it shows."""
    started = time.monotonic()
    with threadpoolctl.threadpool_limits(1):
        tuning = {arm: trained(arm, TUNING, RATES) for arm in ARMS}
        shape = len(TUNING), len(RATES)
        finals = {arm: tuning[arm].final_objective.reshape(shape) for arm in ARMS}
        best = {arm: RATES[int(quartiles(finals[arm])[1].argmin())] for arm in ARMS}
        scored = {arm: trained(arm, SHOWN, (best[arm],)) for arm in ARMS}
    ends = {arm: float(np.median(scored[arm].final_objective)) for arm in ARMS}
    worse = scored["removed"].final_objective > scored["exact"].final_objective
    verb = "a larger" if ends["removed"] > ends["exact"] else "a smaller"
    message = (
        f"On two moons, learning without the slope settles at {verb} objective: "
        f"{ends['removed']:.3f} against {ends['exact']:.3f}"
    )
    note = (
        f"Medians of {len(SHOWN)} seeds, each arm at its own best learning rate; removed is worse "
        f"in {int(worse.sum())} of {len(SHOWN)} pairs. Bands are quartiles."
    )
    folder = places.ROOT / "reports" / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    with style.theme():
        figure, axes = style.sheet(
            message, note, 2, 2, height=2.1, left=0.5, gap=(0.5, 0.55), bottom=0.1
        )
        draw_rates(axes[0, 0], finals, best)
        draw_curves(axes[0, 1], scored)
        for panel, arm in zip(axes[1], ARMS, strict=True):
            draw_surface(panel, arm, scored[arm])
        figure.savefig(folder / "demo.png", dpi=style.PIXELS_PER_INCH)
    print(message + ".")
    print(note)
    shown = (folder / "demo.png").relative_to(places.ROOT)
    print(f"{shown} ({time.monotonic() - started:.0f} s)")


def draw_rates(axes: Axes, finals: dict[str, Array], best: dict[str, float]) -> None:
    """Draw the final objective against the learning rate, with the chosen rates marked."""
    for arm in ARMS:
        middle, look = draw_band(axes, arm, RATES, finals[arm]), look_of(arm)
        at = RATES.index(best[arm])
        axes.plot(best[arm], middle[at], look.marker, color=look.colour, markersize=5)
    finish(axes, (RATES[0], RATES[-1]), "learning rate", "final objective")
    axes.set_title("Where each arm learns best (10 other seeds)")
    axes.legend(loc="upper left")


def draw_curves(axes: Axes, scored: dict[str, Outcome]) -> None:
    """Draw the objective on the training set against updates."""
    for arm, outcome in scored.items():
        draw_band(axes, arm, np.maximum(outcome.updates, 0.7), outcome.curves["objective"])
    finish(axes, (1, BUDGET.updates), "updates", "objective")
    axes.set_title("Learning at that rate")


def draw_band(axes: Axes, arm: str, x: Any, values: Array) -> Array:
    """Draw the median of an arm's seeds with a band of quartiles; return the median."""
    look = look_of(arm)
    low, middle, high = quartiles(values)
    axes.fill_between(x, low, high, color=look.colour, alpha=0.18, linewidth=0)
    axes.plot(x, middle, color=look.colour, linestyle=look.line, label=arm)
    return np.asarray(middle)


def finish(axes: Axes, span: tuple[float, float], across: str, up: str) -> None:
    """Make both axes logarithmic, that of the objective the same in all panels, and name them."""
    style.logarithmic(axes, "x", *span)
    style.logarithmic(axes, "y", *SPAN)
    axes.set(xlabel=across, ylabel=up)


def draw_surface(axes: Axes, arm: str, outcome: Outcome) -> None:
    """Draw the output of the first seed's network over the plane, with its training patterns."""
    data = datasets.load(DATA, SHOWN[0])
    low, high = data.inputs.min(axis=0) - 0.4, data.inputs.max(axis=0) + 0.4
    x, y = (np.linspace(low[i], high[i], 160) for i in (0, 1))
    plane = np.stack(np.meshgrid(x, y), axis=-1).reshape(1, -1, 2)
    what = design(arm)
    out = outputs(what, outcome.parameters[:1], plane).reshape(len(y), len(x))
    axes.pcolormesh(x, y, out, cmap=SURFACE, vmin=-1, vmax=1, shading="nearest", rasterized=True)
    axes.contour(x, y, out, levels=[0.0], colors=[look_of(arm).colour], linewidths=1.2)
    for label, marker, colour in ((0.0, "o", "#3182BD"), (1.0, "s", "#E6550D")):
        at = data.inputs[data.targets[:, 0] == label]
        axes.plot(at[:, 0], at[:, 1], marker, color=colour, markersize=2.2, markeredgewidth=0)
    axes.set_title(f"{arm}: output of one network, accuracy {outcome.test_score[0]:.2f} on test")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


if __name__ == "__main__":
    main()
