"""What the commands of this folder share: a line for each file, and mistakes in one line."""

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from study.errors import UsageError

Made = Iterable[tuple[Path, str]]
"""Files as they are written, each with what is said of it."""

ROOT = Path(__file__).resolve().parents[1]
"""The repository's root: reports are made inside a checkout."""


def lines(made: Made, base: Path) -> Iterable[str]:
    """Return a line for each file, named from the repository's root."""
    for path, message in made:
        yield f"{path.relative_to(base) if path.is_absolute() else path}  {message}"


def script(module: str, make: Callable[..., Made]) -> None:
    """Be the command ``python -m module [EXPERIMENT]``: ``make(base, *experiment)``."""
    usage = f"usage: python -m {module} [EXPERIMENT]"
    sys.exit(run(sys.argv[1:], usage, lambda *words: lines(make(ROOT, *words), ROOT)))


def run(
    arguments: Sequence[str],
    usage: str,
    make: Callable[..., Iterable[str]],
    least: int = 0,
    most: float = 1,
) -> int:
    """Print the lines that ``make(*arguments)`` yields; return the process's code.

    An option, or another number of words than ``least`` to ``most``, prints the usage. It and a
    mistake of the user, printed in one line, have the code 2.
    """
    if not least <= len(arguments) <= most or any(word.startswith("-") for word in arguments):
        print(usage, file=sys.stderr)
        return 2
    try:
        if not (ROOT / "pyproject.toml").is_file():
            raise UsageError(
                "reports are made inside a checkout of the repository: no pyproject.toml"
            )
        for line in make(*arguments):
            print(line, flush=True)
    except UsageError as mistake:
        print(mistake, file=sys.stderr)
        return 2
    return 0
