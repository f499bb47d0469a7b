"""Make the figures and tables: ``python -m reports.build EXPERIMENT``.

Figures are found, not listed: a module of `reports.generic`, or the ``figure.py`` of a folder in
`reports.questions`, is one where it has a function ``pages``. Generic figures are drawn of the
experiment that is named, into a folder of its name. Those of the questions, and the tables of
verdicts, come from the experiment that decides the claims (conf/claims.yaml); a question's module
may name another one as ``EXPERIMENT``. Folders whose names begin with p, and the tables of shares,
are of a population of tasks (conf/shares.yaml). An experiment's own results are taken, else its
published ones.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib
from matplotlib.figure import Figure

from reports import (
    command,
    generic,
    population_map,
    questions,
    rechecks,
    shares,
    style,
    verdicts,
)
from reports.generic import tables
from study.errors import UsageError, unknown
from study.evidence.claims.reading import read_claims
from study.evidence.evidence import gather
from study.evidence.naming import Results, load
from study.evidence.runs import NothingToShow
from study.evidence.shares.population import has_population, read_population
from study.evidence.shares.reading import read_shares
from study.evidence.sources import folder_of, no_results, place_of

TABLES, VERDICTS, RECHECKS, PAGE = "tables", "tables of verdicts", "rechecks", "verdicts"
SHARES, MAP = "tables of shares", "table of the map"
USUAL = "default"
MANY = 50_000  # runs; below, starting other processes takes longer than drawing
USAGE = "usage: python -m reports.build EXPERIMENT [FIGURE ...]"


def figures_in(package: ModuleType) -> dict[str, Callable[[Any], Iterator[Figure]]]:
    """Return the figures of a package: name of a module, or folder -> its function ``pages``."""
    found, home = {}, Path(package.__path__[0])
    for file in sorted([*home.glob("[!_]*.py"), *home.glob("*/figure.py")]):
        parts = file.relative_to(home).with_suffix("").parts
        module = import_module(".".join([package.__name__, *parts]))
        if hasattr(module, "pages"):
            found[parts[0]] = module.pages
    return found


GENERIC, QUESTIONS = figures_in(generic), figures_in(questions)
POPULATION = {name: QUESTIONS.pop(name) for name in [*QUESTIONS] if name.startswith("p")}
"""``pages(results)`` of any experiment; ``pages(evidence)`` of that which decides the claims;
``pages(population)`` of the population of tasks."""


def source_of(question: str, study: str) -> str:
    """Return the experiment that a question's figure is drawn of.

    It is the one that its module names as ``EXPERIMENT``, else the one that decides the claims.
    """
    return str(getattr(import_module(QUESTIONS[question].__module__), "EXPERIMENT", study))


def build(experiment: str, *only: str, base: Path | None = None) -> Iterator[str]:
    """Make the figures and tables, and yield a line for each file.

    Generic figures are of `experiment`; where it is the usual one and has no results, there are
    the questions' figures alone. `only` has names in `GENERIC`, `QUESTIONS` and `POPULATION`; if
    it is empty, all of them, the tables and the verdicts are made. `base` is the repository's
    root. Where there are no results yet, they are not whole, or a name is unknown, it raises
    `UsageError`.
    """
    base = command.ROOT if base is None else base
    if Path(experiment).name != experiment:
        raise UsageError(f"an experiment is a name, not a path: {experiment!r}")
    known = {**QUESTIONS, **GENERIC, **POPULATION}
    for name in only:
        if name not in known:
            raise UsageError(unknown("figure", name, known))
    study = _study(base)
    own = [name for name in only if name in GENERIC]
    decides = [name for name in only if name in QUESTIONS]
    of_tasks = [name for name in only if name in POPULATION]
    if not only:
        # the study has rules and tasks by the hundred, too many for generic figures
        drawn = _population(base)
        own = [] if experiment in (study, drawn) else [*GENERIC, TABLES]
        decides = [VERDICTS, RECHECKS, *QUESTIONS] if study else []
        of_tasks = [SHARES, MAP, *POPULATION] if drawn else []
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
    judged = [part for part in (VERDICTS, RECHECKS, PAGE) if part in decides]
    jobs = [judged, *([part] for part in (*of_tasks, *decides, *own) if part not in judged)]
    work = (joblib.delayed(_make)(job, experiment, study, base) for job in filter(None, jobs))
    for lines in joblib.Parallel(-1 if runs >= MANY else 1, return_as="generator")(work):
        yield from lines
    if lacking:
        yield f"{experiment}  not drawn: {lacking}"


def _study(base: Path) -> str:
    """Return the experiment that decides the claims, or nothing where it has no runs."""
    return _named(base, "claims.yaml", read_claims, place_of)


def _population(base: Path) -> str:
    """Return the experiment that conf/shares.yaml names, or nothing where it has no tasks."""
    return _named(base, "shares.yaml", read_shares, has_population)


def _named(
    base: Path, file: str, read: Callable[[Path], Any], there: Callable[[Path, str], object]
) -> str:
    path = base / "conf" / file
    experiment = str(read(path).experiment) if path.is_file() else ""
    return experiment if experiment and there(base, experiment) else ""


@lru_cache(maxsize=1)
def _loaded(folder: Path) -> Results:
    return load(folder)


def _make(parts: Sequence[str], experiment: str, study: str, base: Path) -> list[str]:
    """Make figures or tables, in whichever process; return a line for each file."""
    made: list[str] = []
    for part in parts:
        try:
            made += command.lines(_files(part, experiment, study, base), base)
        except NothingToShow as reason:
            for suffix in (".pdf", ".png"):
                _stem(part, experiment, base).with_suffix(suffix).unlink(missing_ok=True)
            made.append(f"{part}  not drawn: {reason}")
    return made


def _files(part: str, experiment: str, study: str, base: Path) -> command.Made:
    """Write the files of a part, each with what is said of it."""
    if part in (VERDICTS, RECHECKS):
        return (verdicts if part == VERDICTS else rechecks).write(study, base)
    if part in (SHARES, MAP):
        return (shares if part == SHARES else population_map).write(base)
    evidence: Any = None
    if part in POPULATION:
        pages = POPULATION[part](read_population(base))
    elif part in QUESTIONS:
        study = study or read_claims(base / "conf" / "claims.yaml").experiment
        source = source_of(part, study)
        if source != study and place_of(base, source) is None:
            raise NothingToShow(no_results(source))
        evidence = gather(source, base)
        pages = QUESTIONS[part](evidence)
    else:
        results = _loaded(folder_of(base, experiment))
        if part == TABLES:
            return tables.write(results, base / "reports" / "tables" / experiment)
        pages = GENERIC[part](results)
    with style.theme():
        made = list(style.save(pages, _stem(part, experiment, base)))
    return made if evidence is None else made + _tables(part, evidence, base)


def _tables(question: str, evidence: Any, base: Path) -> list[tuple[Path, str]]:
    """Write the tables that a question's ``table.py`` makes, where its folder has one."""
    if not (Path(questions.__path__[0]) / question / "table.py").is_file():
        return []
    module = import_module(f"{questions.__name__}.{question}.table")
    folder = base / "reports" / "tables"
    return [
        (verdicts.write_csv(table, folder / f"{name}.csv"), f"{len(table)} rows")
        for name, table in module.tables(evidence).items()
    ]


def _stem(part: str, experiment: str, base: Path) -> Path:
    return base / "reports" / "figures" / (experiment if part in GENERIC else "") / part


def main(arguments: Sequence[str]) -> int:
    """Run from the command line; 2 is the user's mistake, told in one line."""
    return command.run(arguments, USAGE, build, least=1, most=float("inf"))


if __name__ == "__main__":
    from reports import build as importable  # what stands in __main__ can't go to other processes

    sys.exit(importable.main(sys.argv[1:]))
