"""One HTML file with everything in it: words, data, the live network, the plotting library."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reports.page import answers, scenes, tasks
from reports.page.cells import explorer
from reports.paper import numbers
from reports.templates import filled
from study.errors import UsageError

HERE = Path(__file__).resolve().parent
LIBRARY = HERE.parent / "vendor" / "uplot"
MOST_BYTES = 5_000_000
MARKS = {"supported": "✔", "contradicted": "✘", "mixed": "◐", "not decided": "?"}
UNITS = {"ratio": "×", "percentage points": "points", "slope": "slope", "tolerances": "tolerances"}

NETWORK = ("hash", "activations", "rules", "optimizers", "network", "training")
"""Scripts of the live network, in order; they need no browser."""
SHOWN = ("data", "session", "draw", "units", "chart", "controls", "stage", "scenes")
"""Scripts that show it."""


def make(base: Path, experiment: str = "paper") -> list[tuple[Path, str]]:
    """Write ``reports/index.html``, and return it with its size.

    Where runs, curves or tables are missing, or the page grows too large, it raises `UsageError`.
    """
    measured = {"claims": answers.claims(base), "scores": answers.scores(base)}
    told, cells = answers.numbers(base), explorer(base, experiment)
    known = tasks.published(base)
    text = page(numbers.collect(base, experiment), cells, told, measured, known)
    size = len(text.encode())
    if size > MOST_BYTES:
        raise UsageError(f"the page would have {size / 1e6:.1f} MB, more than 5: show fewer cells")
    path = base / "reports" / "index.html"
    path.write_text(text, encoding="utf-8")
    return [(path, f"{size / 1e6:.2f} MB, works offline")]


def page(
    data: Mapping[str, Any],
    cells: Mapping[str, Any],
    told: Mapping[str, str],
    measured: Mapping[str, Any],
    known: Mapping[str, Any],
) -> str:
    """Return the page's text."""
    played = scenes.scenes(told)
    return filled(
        "page.html",
        HERE,
        style=_read(LIBRARY / "uPlot.min.css") + _read(HERE / "page.css"),
        library=_read(LIBRARY / "uPlot.iife.min.js"),
        licence=_read(LIBRARY / "LICENSE"),
        live=live_script(),
        scripts=[_read(HERE / f"{name}.js") for name in ("like_mine", "explorer")],
        data={
            "data": _json(cells),
            "tasks-data": _json(known),
            "live-data": _json(scenes.shipped(played)),
        },
        scenes=played,
        told=told,
        shares=measured["claims"],
        scores=measured["scores"],
        numbers={key: entry["text"] for key, entry in data["numbers"].items()},
        **{key: data[key] for key in ("claims", "counts", "words")},
        marks=MARKS,
        units=UNITS,
    )


def live_script() -> str:
    """Return the live network's scripts as one: they share one scope, and ``live`` is its face."""
    parts = [_read(HERE / "live" / f"{name}.js") for name in (*NETWORK, *SHOWN)]
    shipped = 'const shipped = JSON.parse(document.getElementById("live-data").textContent);'
    face = "window.live = { trained, RULES, ACTIVATIONS, OPTIMIZERS, stage, scenes: scenesShown };"
    return "\n".join(['"use strict";', "(() => {", shipped, *parts, face, "})();"])


def _json(value: Any) -> str:
    # "<" in data could end the script element
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
