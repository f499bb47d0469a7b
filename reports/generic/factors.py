"""Figure 1b: the factor that each rule puts in the slope's place, from the registries alone."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

from reports import style
from reports.generic import multiples
from reports.wording import listed, percent
from study.evidence.naming import Results, Rule, labelled, ranked
from study.evidence.runs import REFERENCE
from study.learning.activations import ACTIVATIONS
from study.learning.activations.base import Activation
from study.learning.core.placement import factor_of
from study.learning.rules import GRADIENTS
from study.learning.rules.base import Gradient
from study.learning.variants import Variant, resolve

Floats = np.ndarray[Any, Any]
REACH = 4.0
UNITS, PATTERNS = 12, 48
FIRST = ("tanh", "relu")  # a rule is shown on the first that it is not refused on
NOTE = (
    "Factor φ(z) in the place of tanh's slope (relu's where named), parameters at their defaults; "
    "thin black line: exact. Dots: rules that do not depend on a unit's own net input alone, in a "
    f"layer of {UNITS} units and {PATTERNS} patterns."
)


def pages(results: Results | None = None) -> Iterator[Figure]:
    """Draw a panel for each gradient rule; results are not needed."""
    variants = [resolve("gradient", GRADIENTS, name) for name in ranked(GRADIENTS)]
    names = labelled(variants)
    figure, _ = multiples.gallery(
        message(),
        NOTE,
        names,
        lambda panel, k: draw(panel, variants[k], names[k]),
        height=0.78,
        gap=(0.12, 0.27),
    )
    yield figure


def draw(panel: Axes, variant: Variant[Gradient], name: str) -> None:
    """Draw the factor of a rule, exact behind it, under its name."""
    activation = _host(variant)
    rule = Rule(name, str(variant), variant.name, variant.record.family, 0)
    if variant.name != REFERENCE:
        z, phi, _ = factor(resolve("gradient", GRADIENTS, REFERENCE), activation)
        _line(panel, z, phi, style.INK, 0.7)
    panel.axhline(0, color=style.FAINT, linewidth=0.6, zorder=1)
    (z, phi, pointwise), colour = factor(variant, activation), style.look(rule).colour
    if pointwise:
        _line(panel, z, phi, colour, 1.4)
    else:
        panel.scatter(z, phi, s=1.6, color=colour, alpha=0.6, linewidths=0, zorder=3)
    panel.set_title(name)
    if activation.name != FIRST[0]:
        panel.text(-REACH + 0.3, 1.9, f"on {activation.name}", va="top", size=style.SMALL)
    panel.set(xlim=(-REACH, REACH), ylim=(-1.15, 2.45), xticks=(-3, 0, 3), yticks=(-1, 0, 1, 2))


def message() -> str:
    """Say what the rules in question pass of an error where tanh is saturated."""
    passed = []
    for spec in (REFERENCE, {"floor": {"minimum": 0.1}}, "removed"):
        variant = resolve("gradient", GRADIENTS, spec)
        z, phi, _ = factor(variant, _host(variant))
        at = np.interp(3.0, z, phi)
        passed.append(f"{labelled([variant])[0]} passes {percent(float(at))}")
    return f"At a net input of 3 {listed(passed)} of an error back through tanh"


def factor(variant: Variant[Gradient], activation: Activation) -> tuple[Floats, Floats, bool]:
    """Evaluate a rule in one layer of normally distributed net inputs.

    Return net inputs in ascending order, their factors, and whether the factor is a function of
    z alone: whether it stays with its net input when net inputs change places.
    """
    count = UNITS * PATTERNS
    z = 1.6 * norm.ppf((np.arange(count) + 0.5) / count)
    z[np.abs(z).argmin()] = 0.0  # where relu's slope is a matter of choice
    orders = [np.random.default_rng(seed).permutation(count) for seed in (0, 1)]
    found = []
    for order in orders:
        phi = np.empty(count)
        phi[order] = factor_of(variant, activation, z[order].reshape(UNITS, PATTERNS)).ravel()
        found.append(phi)
    return z, found[0], bool(np.allclose(*found, rtol=1e-6, atol=1e-9))


def _host(variant: Variant[Gradient]) -> Activation:
    refusal = variant.record.refusal
    for name in (*FIRST, *ACTIVATIONS):
        activation = ACTIVATIONS[name].bind()
        if refusal is None or not refusal(variant.values, activation, UNITS):
            return activation
    raise ValueError(f"{variant} is refused on every activation")


def _line(panel: Axes, z: Floats, phi: Floats, colour: str, width: float) -> None:
    """Draw a line, broken where it jumps at 0, with a dot at the value taken there."""
    zero = int(np.flatnonzero(z == 0)[0])
    jumps = abs(phi[zero + 1] - phi[zero - 1]) > 0.05
    broken = phi.copy()
    broken[zero] = np.nan if jumps else phi[zero]
    panel.plot(z, broken, color=colour, linewidth=width, zorder=3)
    if jumps:
        panel.plot(0, phi[zero], marker="o", markersize=2 + width, color=colour, zorder=4)
