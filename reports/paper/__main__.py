"""``python -m reports.paper [EXPERIMENT]``: numbers.json and paper.pdf."""

from __future__ import annotations

import sys

from reports import command
from reports.paper.document import make

if __name__ == "__main__":
    base = command.ROOT
    usage = "usage: python -m reports.paper [EXPERIMENT]"
    sys.exit(command.run(sys.argv[1:], usage, lambda *e: command.lines(make(base, *e), base)))
