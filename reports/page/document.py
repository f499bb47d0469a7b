"""One HTML file with everything in it: words, verdicts, data, the plotting library."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reports.page.cells import explorer
from reports.paper import numbers
from reports.templates import filled
from study.errors import UsageError

HERE = Path(__file__).resolve().parent
LIBRARY = HERE.parent / "vendor" / "uplot"
MOST_BYTES = 5_000_000
MARKS = {"supported": "✔", "contradicted": "✘", "mixed": "◐", "not decided": "?"}
UNITS = {"ratio": "×", "percentage points": "points", "slope": "slope", "tolerances": "tolerances"}


def make(base: Path, experiment: str = "paper") -> list[tuple[Path, str]]:
    """Write ``reports/index.html``, and return it with its size.

    Where runs, curves or the tables of verdicts are missing, or the page grows too large, it
    raises `UsageError`.
    """
    text = page(numbers.collect(base, experiment), explorer(base, experiment))
    size = len(text.encode())
    if size > MOST_BYTES:
        raise UsageError(f"the page would have {size / 1e6:.1f} MB, more than 5: show fewer cells")
    path = base / "reports" / "index.html"
    path.write_text(text, encoding="utf-8")
    return [(path, f"{size / 1e6:.2f} MB, works offline")]


def page(data: Mapping[str, Any], cells: Mapping[str, Any]) -> str:
    """Return the page's text."""
    texts = {key: entry["text"] for key, entry in data["numbers"].items()}
    # "<" in data could end the script element
    shown = json.dumps(cells, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return filled(
        "page.html",
        HERE,
        style=_read(LIBRARY / "uPlot.min.css") + _read(HERE / "page.css"),
        library=_read(LIBRARY / "uPlot.iife.min.js"),
        licence=_read(LIBRARY / "LICENSE"),
        script=_read(HERE / "page.js"),
        data=shown,
        numbers=texts,
        **{key: data[key] for key in ("claims", "counts", "words")},
        marks=MARKS,
        units=UNITS,
    )


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
