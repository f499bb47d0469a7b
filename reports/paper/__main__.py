"""``python -m reports.paper [EXPERIMENT]``: numbers.json and paper.pdf."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from reports.build import root
from reports.paper.document import make
from study.errors import UsageError


def main(arguments: Sequence[str]) -> int:
    """Run from the command line; 2 is the user's mistake, told in one line."""
    if len(arguments) > 1 or any(word.startswith("-") for word in arguments):
        print("usage: python -m reports.paper [EXPERIMENT]", file=sys.stderr)
        return 2
    base = root()
    try:
        for path, message in make(base, *arguments):
            print(f"{path.relative_to(base)}  {message}", flush=True)
    except UsageError as mistake:
        print(mistake, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
