"""How every figure looks: one colour per family of rules, sizes in inches, reproducible files.

A rule looks the same in all figures of all experiments. It has the hue of its family; its place in
the family decides its marker and line style. The hues are those of Okabe & Ito (2008), told apart
with any colour vision; yellow, too pale on white, is replaced by wine.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from study.evidence.naming import Rule
from study.learning.rules import GRADIENTS

HUES = {
    "exact": "#1A1A1A",
    "removed": "#D55E00",
    "mean": "#0072B2",
    "offset": "#009E73",
    "floor": "#56B4E9",
    "power": "#E69F00",
    "substitute": "#882255",
    "random": "#CC79A7",
    "control": "#6E6E6E",
}
SPARE = "#8C6D31"  # families from outside
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES: tuple[Any, ...] = (
    *("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.5, 1.2, 1.5))),
    *((0, (3, 1.2, 1.2, 1.2, 1.2, 1.2)), (0, (8, 1.5)), (0, (2, 2.5))),
)
INK, MUTED, FAINT = "#1A1A1A", "#6B6B6B", "#D9D9D9"
FAILURE_MAP = LinearSegmentedColormap.from_list(
    "failure", ["#FFFFFF", "#FBE3D0", "#F3B084", "#D55E00", "#7A2E00"]
)

WIDTH, COLUMN, TALLEST = 7.0, 3.4, 8.6  # inches: a page's text, one of its two columns
SMALL, NORMAL, TITLE = 7.0, 7.5, 9.0  # points; nothing is smaller than 7
PIXELS_PER_INCH = 200
LINE = 1.35 / 72  # inches a line of text takes, per point of its size
HEAD = "head {:.3f} in"
"""What a PDF says of the height of its message and note, which the paper cuts off."""


@dataclass(frozen=True)
class Look:
    """How a rule is drawn: its family's hue, and marker, line and fill by its place in it."""

    colour: str
    marker: str
    line: Any
    face: str


def look(rule: Rule) -> Look:
    """Return the look of a rule, which depends on its name and amounts alone."""
    family = [r.name for r in GRADIENTS.values() if r.family == rule.family]
    place = family.index(rule.name) if rule.name in family else 0
    colour = HUES.get(rule.family, SPARE)
    fill = (1.0, 0.0, 0.45)[rule.step % 3]
    return Look(
        colour,
        MARKERS[place % len(MARKERS)],
        LINES[(place + rule.step) % len(LINES)],
        mpl.colors.to_hex(blend(colour, fill)),
    )


def blend(colour: str, share: float) -> tuple[float, float, float]:
    """Mix a colour with white: `share` 1 is the colour, 0 is white."""
    rgb = np.asarray(mpl.colors.to_rgb(colour))
    mixed = share * rgb + (1 - share)
    return float(mixed[0]), float(mixed[1]), float(mixed[2])


SETTINGS: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib: the same everywhere
    **dict.fromkeys(("font.size", "axes.titlesize", "axes.labelsize"), NORMAL),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), SMALL),
    **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), MUTED),
    **dict.fromkeys(("axes.labelcolor", "text.color"), INK),
    **dict.fromkeys(("xtick.labelcolor", "ytick.labelcolor"), INK),
    **dict.fromkeys(("axes.linewidth", "xtick.major.width", "ytick.major.width"), 0.6),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon"), False),
    "axes.titlelocation": "left",
    "axes.titlepad": 3,
    **dict.fromkeys(("axes.labelpad", "xtick.major.pad", "ytick.major.pad"), 2),
    **dict.fromkeys(("xtick.major.size", "ytick.major.size"), 2.5),
    **dict.fromkeys(("xtick.minor.size", "ytick.minor.size"), 0),
    "lines.solid_capstyle": "butt",
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "delta-rule-study",
    "figure.dpi": PIXELS_PER_INCH,
    "path.simplify": True,
}
"""Settings of matplotlib for all figures."""


def theme() -> AbstractContextManager[None]:
    """Return the settings of all figures as a context."""
    return mpl.rc_context({**sns.axes_style("ticks"), **SETTINGS})


@lru_cache(maxsize=8192)
def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Width of a line of text in inches."""
    font = FontProperties(family="DejaVu Sans", weight=weight, size=size)
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width) / 72


def wrapped(text: str, width: float, size: float, weight: str = "normal") -> list[str]:
    """Break a text into lines of at most `width` inches."""
    lines: list[str] = []
    for word in text.replace(" %", "\N{NO-BREAK SPACE}%").split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, weight) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def sheet(
    message: str,
    note: str,
    rows: int,
    columns: int,
    *,
    height: float | Sequence[float],
    left: float = 0.55,
    right: float = 0.1,
    bottom: float = 0.42,
    gap: tuple[float, float | Sequence[float]] = (0.15, 0.35),
    head: float = 0.2,
    width: float = WIDTH,
) -> tuple[Figure, np.ndarray[Any, np.dtype[np.object_]]]:
    """Lay out a page: the message, a note under it, and a grid of panels (rows, columns).

    All sizes are in inches: `height` of a panel or of each row's; `left`, `right` and `bottom`
    are margins for labels; `gap` is between panels, across and down, where down may be one number
    for each gap; `head` is the room between the note and the panels, for their titles.
    """
    heights = [float(height)] * rows if isinstance(height, int | float) else list(height)
    title = wrapped(message, width - 0.15, TITLE, "bold")
    notes = wrapped(note, width - 0.15, SMALL)
    top = 0.08 + len(title) * TITLE * LINE + 0.03 + len(notes) * SMALL * LINE + head
    gaps = [gap[1]] * (rows - 1) if isinstance(gap[1], int | float) else list(gap[1])
    total = top + sum(heights) + sum(gaps) + bottom
    figure = Figure(figsize=(width, total))
    FigureCanvasAgg(figure)
    across = (width - left - right - (columns - 1) * gap[0]) / columns
    axes = np.empty((rows, columns), dtype=object)
    for i in range(rows):
        base = total - top - sum(heights[: i + 1]) - sum(gaps[:i])
        for j in range(columns):
            corner = left + j * (across + gap[0])
            axes[i, j] = figure.add_axes(
                (corner / width, base / total, across / width, heights[i] / total)
            )
    figure.subplots_adjust(left=left / width, right=1 - right / width)  # for what is centred
    at = 0.08
    said = (title, TITLE, {"weight": "bold", "gid": "message"}), (notes, SMALL, {"color": MUTED})
    for lines, size, how in said:
        for line in lines:
            figure.text(0.06 / width, 1 - at / total, line, size=size, va="top", **how)
            at += size * LINE
        at += 0.03
    figure.set_gid(HEAD.format(at))
    return figure, axes


def logarithmic(axes: Axes, axis: str, low: float, high: float, most: int = 6) -> None:
    """Make an axis logarithmic from `low` to `high`, with at most `most` labelled ticks.

    Ticks are 1, 2, 5 a decade where they fit, else decades, else every so many decades; numbers
    are plain from 0.001 to 1000 and powers of ten beyond.
    """
    decades = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    fine = np.sort(np.outer([1.0, 2.0, 5.0], 10.0**decades).ravel())

    def inside(values: Any) -> Any:
        return values[(values >= low * (1 - 1e-9)) & (values <= high * (1 + 1e-9))]

    ticks, step = inside(fine), 1
    while len(ticks) > most:
        ticks = inside(10.0 ** decades[decades % step == 0])
        step += 1
    if not len(ticks):
        ticks = np.array([float(f"{np.sqrt(low * high):.2g}")])
    small, large = ticks.min(), ticks.max()
    if small < 1e-3 or large > 1e3:
        names = [f"$10^{{{round(np.log10(t))}}}$" if t != 1 else "1" for t in ticks]
    else:
        names = [f"{t:g}" for t in ticks]
    getattr(axes, f"set_{axis}scale")("log")
    getattr(axes, f"set_{axis}lim")(low, high)
    scale = getattr(axes, f"{axis}axis")
    scale.set_major_locator(FixedLocator(ticks))
    scale.set_major_formatter(FixedFormatter(names))
    scale.set_minor_locator(NullLocator())


def message_of(figure: Figure) -> str:
    """Return the message of a page made by `sheet`, in one line."""
    title = " ".join(t.get_text() for t in figure.texts if t.get_gid() == "message")
    return title.replace("\N{NO-BREAK SPACE}", " ")


def save(pages: Iterable[Figure], stem: Path) -> list[tuple[Path, str]]:
    """Write the pages to ``stem.pdf`` and the first to ``stem.png``, without dates.

    Return each file with the first page's message.
    """
    stem.parent.mkdir(parents=True, exist_ok=True)
    pdf, png = stem.with_suffix(".pdf"), stem.with_suffix(".png")
    message = ""
    undated = {"CreationDate": None, "Creator": "delta-rule-study", "Producer": None}
    with PdfPages(pdf, metadata=undated) as document:
        for number, figure in enumerate(pages):
            document.savefig(figure)
            if number == 0:
                document.infodict()["Keywords"] = figure.get_gid() or HEAD.format(0)
                message = message_of(figure)
                figure.savefig(png, dpi=PIXELS_PER_INCH, metadata={"Software": None})
            figure.clear()
    if not message:
        raise ValueError(f"no page for {stem.name}")
    return [(pdf, message), (png, message)]
