"""``python -m reports.page [EXPERIMENT]``: reports/index.html."""

from __future__ import annotations

import sys

from reports import command
from reports.page.document import make

if __name__ == "__main__":
    base = command.ROOT
    usage = "usage: python -m reports.page [EXPERIMENT]"
    sys.exit(command.run(sys.argv[1:], usage, lambda *e: command.lines([make(base, *e)], base)))
