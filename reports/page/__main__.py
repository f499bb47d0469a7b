"""``python -m reports.page [EXPERIMENT]``: reports/index.html."""

from reports import command
from reports.page.document import make

if __name__ == "__main__":
    command.script("reports.page", make)
