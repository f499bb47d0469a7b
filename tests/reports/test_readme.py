"""What the README says of the results is what the committed tables say."""

import re
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
TABLES = ROOT / "reports" / "tables"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_shares():
    written = (TABLES / "shares.md").read_text(encoding="utf-8").split("\n## ")[1]
    shown, found = (re.findall(r"^\| S\w+ \|.*", t, re.MULTILINE) for t in (README, written))
    assert written.startswith("confirm") and len(shown) >= 8 and set(shown) <= set(found)


def test_the_count_of_rechecks():
    table = pd.read_csv(TABLES / "rechecks.csv")
    same = int((table["verdict"] == table["before"]).sum())
    said = re.search(r"in (\d+)\s+\[rechecks\].*?: (\d+) come out the same", README, re.DOTALL)
    assert (int(said[1]), int(said[2])) == (len(table), same)


def test_the_figures_that_it_shows_are_there():
    for path in re.findall(r"\]\((reports/[^)#]+)\)", README):
        assert (ROOT / path).exists(), path
