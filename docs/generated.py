"""The parts of the reference that are made from the package: ``{generated} gradient``.

One source serves the program and the site. Records say what `study explain` says of them, keys
carry the comments of their dataclasses, columns the words of the tables' schema.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from functools import partial
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from study.ablation.commands import COMMANDS, explained
from study.ablation.configuration import population, protocol, schema
from study.ablation.planning.cells import AXES, DEFAULTS, REGISTRIES
from study.ablation.publishing.publish import dictionary
from study.ablation.store.tables import CURVES, RUNS, Column
from study.conf import configuration_folder, read_yaml

KEYS: dict[str, type] = {
    "": schema.Composed,
    "protocol.": protocol.Protocol,
    "protocol.refine.": protocol.Refine,
    "protocol.branch.": protocol.Branch,
    "execution.": schema.Execution,
    "tracking.": schema.Tracking,
    "population.": population.Population,
    "population.parts.NAME.": population.Part,
}
"""Where a key of the configuration stands -> the dataclass that checks it."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown; a bar within a cell does not end it."""
    lines = [head, ["---"] * len(head), *rows]
    cells = ([str(cell).replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"


def code(text: object) -> str:
    """Return a text in the type of code."""
    return f"`{text}`" if str(text) else ""


def records(axis: str) -> str:
    """Return all records of an axis: a table, then a section for each."""
    registry: Mapping[str, Any] = REGISTRIES[axis]
    names = [f"[{code(name)}](#{axis}-{name.replace('_', '-')})" for name in registry]
    formulas = [code(record.formula) for record in registry.values()]
    overview = table(["name", "formula"], zip(names, formulas, strict=True))
    parts = [f"## All\n\n{overview}\n## One by one\n"]
    for name, record in registry.items():
        (_, formula), *others = explained(record)
        parts.append(f"({axis}-{name.replace('_', '-')})=\n### {name}\n\n{code(formula)}\n")
        parts.append("\n".join(f"- *{word}*: {_plain(text)}" for word, text in others) + "\n")
    return "\n".join(parts)


def _plain(text: str) -> str:
    """Return a text without what Markdown would read as emphasis, links or HTML."""
    parts = re.split(r"``(.+?)``", text)  # code stays code
    parts[::2] = [re.sub(r"([\\*_\[\]<>`])", r"\\\1", part) for part in parts[::2]]
    parts[1::2] = [code(part) for part in parts[1::2]]
    return "".join(parts)


def comments(kind: Any) -> dict[str, str]:
    """Return the comments of a dataclass by field: above it, or behind it on its line."""
    found = comments(kind.__base__) if kind.__base__ is not object else {}
    above: list[str] = []
    for line in inspect.getsource(kind).partition("    def ")[0].splitlines():
        stated, _, said = line.strip().partition("# ")
        if not stated:
            above.append(said)
        if name := re.match(r"(\w+):", stated):
            found[name[1]] = " ".join([*above, said]).strip()
            above = []
        elif stated and said:  # behind the last line of a field that takes several
            found[list(found)[-1]] += said
    return found


def keys() -> str:
    """Return the keys of the configuration, a table for each dataclass that checks some."""
    folder = configuration_folder() / "protocol"
    study = read_yaml(folder / "study.yaml")
    protocols = {"study": study, "quick": {**study, **read_yaml(folder / "quick.yaml")}}
    parts = []
    for place, kind in KEYS.items():
        meant = comments(kind)
        columns = protocols if place == "protocol." else {"unless said": {}}
        rows = []
        for entry in fields(kind):
            values = [code(_short(given.get(entry.name, entry))) for given in columns.values()]
            rows.append([code(place + entry.name), *values, _plain(meant[entry.name])])
        head = ["key", *(f"`{c}`" if c in protocols else c for c in columns), "meaning"]
        parts.append(f"## {place.rstrip('.') or 'An experiment'}\n\n{table(head, rows)}")
    return "\n".join(parts)


def _short(value: Any) -> str:
    """Return a value as YAML says it, or a field's default; "" where it is longer than a word."""
    if isinstance(value, Field):
        value = {} if value.default is MISSING else value.default
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value) if isinstance(value, int | float | str | list) else ""


def axes() -> str:
    """Return the axes of a grid, with what holds where a grid does not say."""
    usual = {axis: code(_short(DEFAULTS[axis])) for axis in AXES if axis in DEFAULTS}
    rows = [[code(axis), usual.get(axis, "it must say")] for axis in AXES]
    return table(["axis", "unless a grid says"], rows)


def commands() -> str:
    """Return the commands beside `study key=value`, from their docstrings."""
    rows = []
    for call in COMMANDS.values():
        usage, _, meaning = (inspect.getdoc(call) or "").partition("``")[2].partition("``")
        rows.append([code(usage), " ".join(meaning.split("\n\n")[0].strip(":, ").split())])
    return table(["command", "what it does"], rows)


def columns() -> str:
    """Return the columns of the exported tables, then those of the published ones."""

    def rows(schema: Mapping[str, Column]) -> list[list[str]]:
        return [[code(c.name), c.type, _plain(c.meaning)] for c in schema.values()]

    head = ["column", "type", "meaning"]
    published = dictionary().partition("\n## ")[2].replace("\n## ", "\n### ")
    return "\n".join(
        [
            f"## Exported: runs.parquet\n\nA row is a training.\n\n{table(head, rows(RUNS))}",
            "## Exported: curves.parquet\n",
            f"A row is a checkpoint of a training.\n\n{table(head, rows(CURVES))}",
            f"## Published\n\n### {published}",
        ]
    )


PARTS: dict[str, Callable[[], str]] = {
    "axes": axes,
    "columns": columns,
    "commands": commands,
    "keys": keys,
    **{axis: partial(records, axis) for axis in REGISTRIES},
}


class Generated(SphinxDirective):
    """``{generated} NAME``: one of `PARTS`, made anew at every build."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the part's nodes."""
        self.env.note_reread()
        return self.parse_text_to_nodes(PARTS[self.arguments[0]](), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("generated", Generated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
