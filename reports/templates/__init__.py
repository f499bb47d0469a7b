"""Texts with places for numbers, for people: tables, the page, notes of figures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reports.wording import percent, signed

FOLDER = Path(__file__).resolve().parent
READ = (
    "Ratio of final objectives, paired by seed: mean over tasks of Hodges-Lehmann estimates, 95 % "
    "by bootstrap of seeds"
)


def filled(name: str, folder: Path = FOLDER, **values: Any) -> str:
    """Return a template's text with its values; those of an HTML file are escaped.

    A name without a value is an error of ours, not a gap in the text.
    """
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"signed": _with_unit, "limits": _limits, "percent": percent}
    return environment.get_template(name).render(values)


def note(figure: str, **values: Any) -> str:
    """Return how a question's figure is read: ``note.txt`` beside its file, in one line."""
    text = filled("note.txt", Path(figure).parent, read=READ, **values)
    return text.replace("\n", " ").strip()


def _with_unit(value: float, unit: str) -> str:
    return "–" if value != value else f"{signed(value)} {unit}"


def _limits(row: Mapping[str, Any]) -> str:
    low, high = row["low"], row["high"]
    return "–" if row["effect"] != row["effect"] else f"{signed(low)} to {signed(high)}"
