"""One HTML file with everything in it: words, verdicts, data, the plotting library."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reports.page.cells import explorer
from reports.paper import numbers
from study.errors import UsageError

HERE = Path(__file__).resolve().parent
LIBRARY = HERE.parent / "vendor" / "uplot"
MOST_BYTES = 5_000_000
MARKS = {"supported": "✔", "contradicted": "✘", "mixed": "◐", "not decided": "?"}
UNITS = {"ratio": "×", "percentage points": "points", "slope": "slope", "tolerances": "tolerances"}
PLACE = re.compile(r"\{\{(\w+)\}\}")


def make(base: Path, experiment: str = "paper") -> tuple[Path, str]:
    """Write ``reports/index.html``.

    Parameters
    ----------
    base
        Repository root.
    experiment
        Its own results, else the published ones.

    Returns
    -------
    path, message
        The file, and its size.

    Raises
    ------
    UsageError
        Where runs, curves or the tables of verdicts are missing, or the page grows too large.
    """
    text = page(numbers.collect(base, experiment), explorer(base, experiment))
    size = len(text.encode())
    if size > MOST_BYTES:
        raise UsageError(f"the page would have {size / 1e6:.1f} MB, more than 5: show fewer cells")
    path = base / "reports" / "index.html"
    path.write_text(text, encoding="utf-8")
    return path, f"{size / 1e6:.2f} MB, works offline"


def page(data: Mapping[str, Any], cells: Mapping[str, Any]) -> str:
    """Return the page's text."""
    found = data["numbers"]
    parts = {
        "style": _read(LIBRARY / "uPlot.min.css") + _read(HERE / "page.css"),
        "library": _read(LIBRARY / "uPlot.iife.min.js"),
        "licence": _read(LIBRARY / "LICENSE"),
        "script": _read(HERE / "page.js"),
        "data": _json(cells),
        "verdicts": _verdicts(data),
        "summary": _summary(data),
        "trainings": found["runs.total"]["text"],
        "scored": found["runs.scored"]["text"],
        "cells": found["runs.cells"]["text"],
        "digest": html.escape(data["words"]["digest"][:16]),
        "processor": html.escape(data["words"]["processor"]),
    }
    return PLACE.sub(lambda match: parts[match[1]], _read(HERE / "page.html"))


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _json(data: Any) -> str:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")  # else a string could end the script element


def _summary(data: Mapping[str, Any]) -> str:
    said = [
        f"<li>{_badge(verdict)} {', '.join(data['counts'][verdict])}</li>"
        for verdict in MARKS
        if data["counts"].get(verdict)
    ]
    return "".join(said)


def _badge(verdict: str) -> str:
    name = verdict.replace(" ", "-")
    mark = f'<span aria-hidden="true">{MARKS[verdict]}</span>'
    return f'<span class="badge {name}">{mark} {verdict}</span>'


def _verdicts(data: Mapping[str, Any]) -> str:
    rows = []
    for claim, record in data["claims"].items():
        effect, low, high, runs = (
            data["numbers"][f"{claim}.{key}"]["text"] for key in ("effect", "low", "high", "runs")
        )
        told = "–" if effect == "–" else f"{effect} {UNITS[record['unit']]}"
        between = "–" if low == "–" else f"{low} to {high}"
        rule = html.escape(f"{record['metric']}. {record['rule']}")
        rows.append(
            f'<tr><th scope="row">{claim}</th><td>{html.escape(record["statement"])}'
            f"<details><summary>how it is decided</summary>{rule}</details></td>"
            f'<td>{_badge(record["verdict"])}</td><td class="number">{told}</td>'
            f'<td class="number">{between}</td><td class="number">{runs}</td></tr>'
        )
    return "\n".join(rows)
