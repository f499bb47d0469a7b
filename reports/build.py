"""Make all figures and tables of an experiment: ``python -m reports.build EXPERIMENT``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from reports import activations, curves, factors, failures, rates, relative, style, tables
from study.analysis.tables import NothingToShow, Results, load
from study.learning.records import UsageError, unknown

FIGURES: dict[str, Callable[[Results], Iterator[Figure]]] = {
    "activations": activations.pages,
    "factors": factors.pages,
    "failures": failures.pages,
    "relative": relative.pages,
    "rates": rates.pages,
    "curves": curves.pages,
}
USAGE = "usage: python -m reports.build EXPERIMENT [FIGURE ...]"


def root() -> Path:
    """Return the repository's root: the folder above this one that holds pyproject.toml."""
    for folder in Path(__file__).resolve().parents:
        if (folder / "pyproject.toml").is_file():
            return folder
    raise UsageError("reports are made inside a checkout of the repository: no pyproject.toml")


def build(experiment: str, only: Sequence[str] = (), base: Path | None = None) -> Iterator[str]:
    """Make the figures and tables, and yield a line for each file.

    Parameters
    ----------
    experiment
        Its tables are read from ``data/results/<experiment>``.
    only
        Names in `FIGURES`; all of them, and the tables, if empty.
    base
        Repository root.

    Raises
    ------
    UsageError
        Where there are no results yet, a pair is broken, or a name is unknown.
    """
    base = root() if base is None else base
    if Path(experiment).name != experiment:
        raise UsageError(f"an experiment is a name, not a path: {experiment!r}")
    for name in only:
        if name not in FIGURES:
            raise UsageError(unknown("figure", name, FIGURES))
    results = load(base / "data" / "results" / experiment)
    folder = base / "reports" / "figures" / experiment
    with style.theme():
        for name in only or FIGURES:
            try:
                files = style.save(FIGURES[name](results), folder / name)
            except NothingToShow as reason:
                for suffix in (".pdf", ".png"):
                    (folder / f"{name}{suffix}").unlink(missing_ok=True)
                yield f"{name}  not drawn: {reason}"
                continue
            for path, message in files:
                yield f"{path.relative_to(base)}  {message}"
    if not only:
        for path, message in tables.write(results, base / "reports" / "tables" / experiment):
            where = path.relative_to(base) if path.is_absolute() else path
            yield f"{where}  {message}"


def main(arguments: Sequence[str]) -> int:
    """Run from the command line; 2 is the user's mistake, told in one line."""
    if not arguments or arguments[0].startswith("-"):
        print(USAGE, file=sys.stderr)
        return 2
    try:
        for line in build(arguments[0], arguments[1:]):
            print(line, flush=True)
    except UsageError as mistake:
        print(mistake, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
