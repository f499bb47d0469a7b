"""``python -m reports.paper [EXPERIMENT]``: numbers.json and paper.pdf."""

from reports import command
from reports.paper.document import make

if __name__ == "__main__":
    command.script("reports.paper", make)
