"""C1: activations, their slopes, and what the study puts in the slope's place."""

from collections.abc import Iterator

from matplotlib.figure import Figure

from reports import style
from reports.generic import activations, factors, multiples
from reports.templates import note
from study.evidence.evidence import Evidence
from study.evidence.naming import labelled
from study.learning.activations import ACTIVATIONS
from study.learning.rules import GRADIENTS
from study.learning.variants import resolve

SHOWN = ("tanh", "logistic", "relu")
RULES = (
    *("removed", "mean_matched", "scaled", "pattern_mean", "unit_mean", "rank_one"),
    *("shuffled_units", "floor", "offset", "power", "window", "frozen"),
)


def pages(evidence: Evidence | None = None) -> Iterator[Figure]:
    """Draw the activations of the core above the factors of the rules; runs are not needed."""
    variants = [resolve("gradient", GRADIENTS, name) for name in RULES]
    names = labelled(variants)
    down = -(-len(variants) // 4)
    figure, axes = style.sheet(
        factors.message(), note(__file__, units=factors.UNITS, patterns=factors.PATTERNS),
        1 + down, 4, height=(1.2, *[0.95] * down), left=0.35, bottom=0.4,
        gap=(0.16, (0.5, *[0.27] * (down - 1))),
    )  # fmt: skip
    for panel, name in zip(axes[0], SHOWN, strict=False):
        activations.draw(panel, ACTIVATIONS[name].bind())
        panel.set_title(name)
        panel.tick_params(labelleft=panel is axes[0, 0])
    for panel in axes[0, len(SHOWN) :]:
        panel.set_axis_off()
        activations.legend(panel)
    for i, (variant, label) in enumerate(zip(variants, names, strict=True)):
        panel = axes[1 + i // 4, i % 4]
        factors.draw(panel, variant, label)
        panel.tick_params(labelleft=i % 4 == 0, labelbottom=i + 4 >= len(variants))
    multiples.middle(figure, "net input z", 0.06)
    yield figure
