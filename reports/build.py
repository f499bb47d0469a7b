"""Make all figures and tables of an experiment: ``python -m reports.build EXPERIMENT``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import joblib
from matplotlib.figure import Figure

from reports import (
    activations,
    curves,
    factors,
    failures,
    rates,
    relative,
    style,
    tables,
    verdicts,
)
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
TABLES, VERDICTS = "tables", "verdicts"
MANY = 50_000  # runs; below, starting other processes takes longer than drawing
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
        Names in `FIGURES`; all of them, the tables, and the verdicts where this experiment
        decides them, if empty.
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
    tables_of = base / "data" / "results" / experiment
    many = len(_loaded(tables_of).runs) >= MANY
    judged = [VERDICTS] if verdicts.decides(experiment, base) else []
    parts = list(only) or [*judged, *FIGURES, TABLES]  # what takes longest begins first
    jobs = (joblib.delayed(_make)(part, experiment, base) for part in parts)
    for lines in joblib.Parallel(-1 if many else 1, return_as="generator")(jobs):
        yield from lines


@lru_cache(maxsize=1)
def _loaded(folder: Path) -> Results:
    return load(folder)


def _make(part: str, experiment: str, base: Path) -> list[str]:
    """Make one figure or all tables, in whichever process; return a line for each file."""
    if part == VERDICTS:
        return _told(verdicts.write(experiment, base), base)
    results = _loaded(base / "data" / "results" / experiment)
    if part == TABLES:
        return _told(tables.write(results, base / "reports" / "tables" / experiment), base)
    stem = base / "reports" / "figures" / experiment / part
    try:
        with style.theme():
            files = style.save(FIGURES[part](results), stem)
    except NothingToShow as reason:
        for suffix in (".pdf", ".png"):
            stem.with_suffix(suffix).unlink(missing_ok=True)
        return [f"{part}  not drawn: {reason}"]
    return [f"{path.relative_to(base)}  {message}" for path, message in files]


def _told(made: Iterator[tuple[Path, str]], base: Path) -> list[str]:
    return [
        f"{path.relative_to(base) if path.is_absolute() else path}  {message}"
        for path, message in made
    ]


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
    from reports import build as importable  # what stands in __main__ can't go to other processes

    sys.exit(importable.main(sys.argv[1:]))
