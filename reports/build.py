"""Make the figures and tables: ``python -m reports.build EXPERIMENT``.

The study's figures and the tables of verdicts come from the experiment that decides the claims
(conf/claims.yaml), its own results or its published ones; an experiment beside it has figures and
tables of its own, in folders of its name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import joblib
from matplotlib.figure import Figure

from reports import rechecks, style, verdicts
from reports.generic import activations, curves, factors, failures, rates, relative, tables
from reports.study_figures import STUDY_FIGURES
from study.errors import UsageError, unknown
from study.evidence.claims.reading import read_claims
from study.evidence.evidence import gather
from study.evidence.naming import Results, load
from study.evidence.runs import NothingToShow
from study.evidence.sources import folder_of, place_of

FIGURES: dict[str, Callable[[Results], Iterator[Figure]]] = {
    "activations": activations.pages,
    "factors": factors.pages,
    "failures": failures.pages,
    "relative": relative.pages,
    "rates": rates.pages,
    "curves": curves.pages,
}
TABLES, VERDICTS, PAGE = "tables", "verdicts", "15_verdicts"
RECHECKS = "rechecks"
USUAL = "default"
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
        Its own results are taken, else its published ones. Where it is the usual one and has
        neither, there are the study's figures alone.
    only
        Names in `FIGURES` and `STUDY_FIGURES`; all of them, the tables and the verdicts if empty.
    base
        Repository root.

    Raises
    ------
    UsageError
        Where there are no results yet, they are not whole, or a name is unknown.
    """
    base = root() if base is None else base
    if Path(experiment).name != experiment:
        raise UsageError(f"an experiment is a name, not a path: {experiment!r}")
    known = {**STUDY_FIGURES, **FIGURES}
    for name in only:
        if name not in known:
            raise UsageError(unknown("figure", name, known))
    study = _study(base)
    own = [name for name in only if name in FIGURES] or ([] if only else [*FIGURES, TABLES])
    decides = [name for name in only if name in STUDY_FIGURES]
    decides = decides or ([] if only or not study else [VERDICTS, RECHECKS, *STUDY_FIGURES])
    if experiment == study:
        own = [name for name in own if name in only]  # by task and rule, by the hundred
    lacking, runs = "", 0
    if own:
        try:
            folder = folder_of(base, experiment)
        except UsageError as reason:
            if experiment != USUAL or not decides or place_of(base, experiment):
                raise
            own, lacking = [], str(reason)
        else:
            runs = len(_loaded(folder).runs)
    if decides and study:
        runs = max(runs, len(gather(study, base).runs.frame))
    # what takes longest begins first; what needs all verdicts is made with their tables
    paired = [part for part in (VERDICTS, RECHECKS, PAGE) if part in decides]
    jobs = [paired] if paired else []
    jobs += [[part] for part in (*decides, *own) if part not in paired]
    work = (joblib.delayed(_make)(job, experiment, study, base) for job in jobs)
    for lines in joblib.Parallel(-1 if runs >= MANY else 1, return_as="generator")(work):
        yield from lines
    if lacking:
        yield f"{experiment}  not drawn: {lacking}"


def _study(base: Path) -> str:
    """Return the experiment that decides the claims, or nothing where it has no runs."""
    path = base / "conf" / "claims.yaml"
    if not path.is_file():
        return ""
    experiment = read_claims(path).experiment
    return experiment if place_of(base, experiment) else ""


@lru_cache(maxsize=1)
def _loaded(folder: Path) -> Results:
    return load(folder)


def _make(parts: Sequence[str], experiment: str, study: str, base: Path) -> list[str]:
    """Make figures or tables, in whichever process; return a line for each file."""
    return [line for part in parts for line in _part(part, experiment, study, base)]


def _part(part: str, experiment: str, study: str, base: Path) -> list[str]:
    if part == VERDICTS:
        return _told(verdicts.write(study, base), base)
    if part == RECHECKS:
        return _told(rechecks.write(study, base), base)
    figures = base / "reports" / "figures"
    if part in STUDY_FIGURES:
        name = study or read_claims(base / "conf" / "claims.yaml").experiment
        return _drawn(part, lambda: STUDY_FIGURES[part](gather(name, base)), figures, base)
    results = _loaded(folder_of(base, experiment))
    if part == TABLES:
        return _told(tables.write(results, base / "reports" / "tables" / experiment), base)
    return _drawn(part, lambda: FIGURES[part](results), figures / experiment, base)


def _drawn(
    part: str, pages: Callable[[], Iterator[Figure]], folder: Path, base: Path
) -> list[str]:
    stem = folder / part
    try:
        with style.theme():
            files = style.save(pages(), stem)
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
