"""Figure 1a: the activations and their slopes, from the registry alone."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports import style
from reports.generic import multiples
from reports.wording import percent
from study.evidence.naming import Results, labelled
from study.learning.activations import ACTIVATIONS
from study.learning.activations.base import SATURATED_SHARE, Activation
from study.learning.variants import resolve

REACH = 6.0
SLOPE = style.HUES["removed"]
NOTE = (
    "Black: activation f(z). Orange: its slope f'(z), a dot where it jumps at the value taken "
    "there. Grey: saturated, the slope is at most "
    f"{100 * SATURATED_SHARE:.0f} % of its largest. Parameters at their defaults."
)


def pages(results: Results | None = None) -> Iterator[Figure]:
    """Draw a panel for each activation; results are not needed."""
    activations = [record.bind() for record in ACTIVATIONS.values()]
    variants = [resolve("activation", ACTIVATIONS, name) for name in ACTIVATIONS]
    figure, empty = multiples.gallery(
        message(),
        NOTE,
        labelled(variants, amounts=False),
        lambda panel, k: draw(panel, activations[k]),
        height=0.95,
        gap=(0.18, 0.3),
    )
    if empty:
        legend(empty[-1])
    yield figure


def message() -> str:
    """Say how much of its largest slope each common activation keeps at net input 3."""
    kept = []
    for name in ("tanh", "logistic", "relu"):
        activation = ACTIVATIONS[name].bind()
        slope = activation.apply_slope(np.array([3.0]))
        kept.append(percent(float(slope[0] / activation.largest_slope)))
    first, second, third = kept
    return (
        f"At a net input of 3 tanh keeps {first} of its largest slope, logistic {second} and relu "
        f"{third}"
    )


def legend(panel: Axes) -> None:
    """Say in an empty panel which line is which."""
    handles = [Line2D([], [], color=c, linewidth=1.3) for c in (style.INK, SLOPE)]
    panel.legend(handles, ["f(z)", "f'(z)"], loc="center left")


def draw(panel: Axes, activation: Activation) -> None:
    """Draw f and f', with where it is saturated."""
    z = np.linspace(-REACH, REACH, 481)
    y, slope = activation.apply(z), activation.apply_slope(z)
    jumps = [at for at, _ in activation.kinks]
    broken = slope.copy()
    broken[np.isin(z, jumps)] = np.nan
    for edge, end in zip(activation.saturation, (-REACH, REACH), strict=True):
        if abs(edge) < REACH:
            panel.axvspan(min(edge, end), max(edge, end), color="#F0F0F0", linewidth=0)
    panel.axhline(0, color=style.FAINT, linewidth=0.6, zorder=1)
    panel.plot(z, y, color=style.INK, linewidth=1.2)
    panel.plot(z, broken, color=SLOPE, linewidth=1.2)
    for at, value in activation.kinks:
        panel.plot(at, value, marker="o", markersize=2.6, color=SLOPE)
    panel.set(xlim=(-REACH, REACH), ylim=(-1.9, 2.4), xticks=(-5, 0, 5), yticks=(-1, 0, 1, 2))
